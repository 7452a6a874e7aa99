"""The connector under test: found by name, imported, and registered as a host does."""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import subprocess
import sys
from dataclasses import dataclass, field
from importlib import metadata, util
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from bizosaas_xero.contract.scenarios import Contract, ContractFileError
from bizosaas_xero.contract.scenarios import load as load_contract
from bizosaas_xero.spec import GROUP, PROJECT, ConnectorInfo, hooks, parse
from bizosaas_xero.spec.errors import ConnectorError

REQUIRED = ("auth", "sync_entity", "list_actions", "run_action")
PROBE_SCRIPT = Path(__file__).with_name("import_probe.py")
PROBE_SECONDS = 60


class MissingConnectorError(Exception):
    """The connector does not exist, or its contract cannot be read."""


@dataclass(frozen=True)
class Subject:
    """The connector under test, as far as it could be loaded.

    Attributes:
        target: Its entry point, ``package.module`` or ``package.module:attribute``.
        defects: Complaints found while loading it, by clause.
    """

    name: str
    target: str
    version: str
    contract: Contract
    plugin: Any = None
    manager: pluggy.PluginManager = field(default_factory=lambda: pluggy.PluginManager(PROJECT))
    defects: dict[str, list[str]] = field(default_factory=dict)

    @property
    def hook(self) -> Any:
        """The hooks; they are called by keyword."""
        return self.manager.hook

    @functools.cached_property
    def described(self) -> Any:
        """What ``describe`` returned, unchecked, or the exception that it raised."""
        try:
            return self.manager.hook.describe()
        except Exception as error:  # noqa: BLE001 (its clause reports any exception)
            return error

    @functools.cached_property
    def info(self) -> ConnectorInfo | None:
        """The description, if it is valid."""
        try:
            return parse(ConnectorInfo, self.described, "describe") if self.described is not None else None
        except ConnectorError:
            return None

    @property
    def has_describe(self) -> bool:
        """Whether the optional hook ``describe`` is implemented."""
        return callable(getattr(self.plugin, "describe", None))

    @functools.cached_property
    def entities(self) -> tuple[str, ...]:
        """The declared entities."""
        return tuple(row.name for row in self.info.entities) if self.info else self.contract.entities

    @functools.cached_property
    def kinds(self) -> tuple[str, ...]:
        """The declared kinds of app."""
        return tuple(self.info.auth.kinds) if self.info else ("web",)

    @functools.cached_property
    def actions(self) -> tuple[Any, ...]:
        """The listed actions, unchecked."""
        try:
            return tuple(self.hook.list_actions(connection=None) or ())
        except Exception:  # noqa: BLE001 (the clause actions.listed reports it)
            return ()

    @functools.cached_property
    def probe(self) -> dict[str, Any]:
        """What importing it in a fresh interpreter touched, which modules it loaded, and how long it took."""
        module = self.target.partition(":")[0]
        done = subprocess.run(  # noqa: S603 (our own script)
            [sys.executable, str(PROBE_SCRIPT), module, json.dumps(sys.path)],
            capture_output=True, text=True, timeout=PROBE_SECONDS, check=False,
        )  # fmt: skip
        if done.returncode or not done.stdout.strip():
            return {"failed": (done.stderr.strip().splitlines() or ["the interpreter ended"])[-1]}
        report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return report


def find(name: str, contract: Path | None = None) -> Subject:
    """Find a connector and its contract, and load them.

    Args:
        name: An entry point's name, or a module that is not installed as one.
        contract: Its ``contract.toml``; by default that of its package.

    Raises:
        MissingConnectorError: the connector does not exist, or its contract cannot be used.
    """
    target, version, defects = _find_target(name)
    module = target.partition(":")[0]
    folder = _find_folder(module, name)
    try:
        path = contract or _find_contract_file(folder, name)
        rules = load_contract(path) if path else Contract(folder=folder)
    except ContractFileError as error:
        raise MissingConnectorError(str(error)) from None
    subject = Subject(name, target, version, rules, _load(target, defects), defects=defects)
    subject.manager.add_hookspecs(hooks)
    if isinstance(subject.plugin, ModuleType):
        _register(subject)
    return subject


def _find_target(name: str) -> tuple[str, str, dict[str, list[str]]]:
    points = [point for point in metadata.entry_points(group=GROUP) if point.name == name]
    defects: dict[str, list[str]] = {}
    if len(points) > 1:
        defects["discovery.loads"] = [f"{len(points)} installed distributions offer the name {name!r}"]
    if points:
        return points[0].value, points[0].dist.version if points[0].dist else "unknown", defects
    return name, "not installed", defects


def _find_folder(module: str, name: str) -> Path:
    try:
        found = util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        found = None
    if found is None or not (found.origin or found.submodule_search_locations):
        raise MissingConnectorError(
            f"The connector {name!r} does not exist: no installed distribution offers it in {GROUP}, "
            f"and the module {module!r} is not found here."
        )
    return Path(found.origin or next(iter(found.submodule_search_locations or ()))).resolve().parent


def _find_contract_file(folder: Path, name: str) -> Path | None:
    # In the package's data; for an editable installation, in the folder that is packed into it.
    short = name.rpartition(".")[2]
    places = (
        folder / "cassettes" / short / "contract.toml",
        folder / "contract.toml",
        folder.parent / "cassettes" / short / "contract.toml",
    )
    return next((place for place in places if place.is_file()), None)


def _load(target: str, defects: dict[str, list[str]]) -> Any:
    module, _, attribute = target.partition(":")
    try:
        loaded: Any = importlib.import_module(module)
        for part in attribute.split(".") if attribute else ():
            loaded = getattr(loaded, part)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 (SystemExit too; the clause reports it)
        lines = str(error).splitlines() or [""]
        defects.setdefault("discovery.loads", []).append(f"importing it raised {type(error).__name__}: {lines[0]}")
        return None
    if isinstance(loaded, ModuleType):
        return loaded
    kind = "a class" if isinstance(loaded, type) else f"a {type(loaded).__name__} object"
    defects.setdefault("discovery.loads", []).append(
        f"the entry point names {kind}, not a module (did you mean {module!r}?)"
    )
    return None


def _register(subject: Subject) -> None:
    complaints = subject.defects.setdefault("discovery.hooks-match", [])
    manager, plugin = subject.manager, subject.plugin
    try:
        manager.register(plugin, name=subject.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        complaints.append(" ".join(str(error).split()))
    callers = {caller.name: caller for caller in manager.get_hookcallers(plugin) or ()}
    missing = [name for name in REQUIRED if name not in callers]
    complaints += [f"it lacks the hook {name!r} (is it marked with @hookimpl?)" for name in missing]
    for name, caller in callers.items():
        for implementation in caller.get_hookimpls():
            if implementation.kwargnames:
                # pluggy 1.5 and 1.6 never pass such a parameter, 1.7 does.
                complaints.append(f"{name!r} gives a default to: {', '.join(implementation.kwargnames)}")
            function = implementation.function
            if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
                complaints.append(f"{name!r} is async; hooks are synchronous")


def loads_in_four_hook_host(plugin: ModuleType) -> str:
    """Return why a host that knows only the four required hooks cannot load it, or an empty text."""
    old = ModuleType("four_hooks")
    for name in REQUIRED:
        setattr(old, name, getattr(hooks, name))
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(old)
    try:
        manager.register(plugin)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        return " ".join(str(error).split())
    return ""
