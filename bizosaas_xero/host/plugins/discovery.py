"""Find connectors, load each on its own, and report on every one of them.

One bad connector never spoils the others: each is imported by itself, whatever it raises is its own row of
the report, and each gets a plugin manager of its own, so that none sees another's credentials.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from importlib import metadata
from types import ModuleType
from typing import Any, Literal, NoReturn

import pluggy
from stevedore.extension import Extension, ExtensionManager
from stevedore.named import NamedExtensionManager

from bizosaas_xero.host import reasons
from bizosaas_xero.host.plugins.connector import Connector, find_defects
from bizosaas_xero.spec import GROUP, PROJECT, SPEC_VERSION, ConnectorError, hooks, is_supported

log = logging.getLogger(__name__)

REQUIRED_HOOKS = ("auth", "sync_entity", "list_actions", "run_action")
Status = Literal["loaded", "failed", "duplicate", "disabled", "missing"]


@dataclass(frozen=True)
class DiscoveryEntry:
    """What became of one entry point. ``reason`` is empty where it was loaded."""

    name: str
    status: Status
    reason: str = ""
    distribution: str | None = None
    version: str | None = None
    target: str | None = None


@dataclass(frozen=True)
class DiscoveryReport:
    """The connectors that can be used, and a row for each that was found or asked for."""

    loaded: dict[str, Connector] = field(default_factory=dict)
    rows: list[DiscoveryEntry] = field(default_factory=list)

    def connector(self, name: str) -> Connector:
        """Return a loaded connector.

        Raises:
            NotFound: if it is not loaded; the message says what became of it.
        """
        if name in self.loaded:
            return self.loaded[name]
        for row in self.rows:
            if row.name == name:
                raise reasons.CONNECTOR_NOT_LOADED(name=name, status=row.status, cause=row.reason)
        raise reasons.UNKNOWN_CONNECTOR(name=name, names=", ".join(self.loaded) or "none")


def discover(names: Iterable[str] | None = None, disabled: Iterable[str] = ()) -> DiscoveryReport:
    """Find and load connectors.

    Args:
        names: The only connectors to import; ``None`` means all that are installed.
        disabled: Names that are reported and not imported.

    Returns:
        A report. No connector makes this function raise; Ctrl-C does.
    """
    report = DiscoveryReport()
    found: dict[str, list[metadata.EntryPoint]] = {}
    for entry_point in _entry_points(report):
        found.setdefault(entry_point.name, []).append(entry_point)
    off = set(disabled)
    for name in dict.fromkeys(found if names is None else names):
        offers = found.get(name, [])
        if not offers:
            report.rows.append(DiscoveryEntry(name, "missing", "no installed distribution offers it"))
        elif name in off:
            report.rows.extend(_entry(offer, "disabled", "switched off") for offer in offers)
        elif len(offers) > 1:
            # Found here and not by stevedore, whose check groups without sorting and so misses this case.
            sources = " and ".join(" ".join(_distribution(offer)) for offer in offers)
            report.rows.extend(_entry(offer, "duplicate", f"offered by {sources}") for offer in offers)
        else:
            _load_connector(offers[0], report)
    return report


def _entry_points(report: DiscoveryReport) -> list[metadata.EntryPoint]:
    try:
        return list(metadata.entry_points(group=GROUP))
    except Exception as error:  # noqa: BLE001 (damaged metadata of one must not hide the others)
        log.debug("entry points cannot be read at once (%s); reading them one by one", error)
    found = []
    for distribution in metadata.distributions():
        try:
            found += [point for point in distribution.entry_points if point.group == GROUP]
        except Exception as error:  # noqa: BLE001 (any damage; it becomes this distribution's row)
            source, version = _name_and_version(distribution)
            reason = f"its entry_points.txt cannot be read: {_describe_error(error)}"
            report.rows.append(DiscoveryEntry(source, "failed", reason, source, version))
    return found


def _load_connector(entry_point: metadata.EntryPoint, report: DiscoveryReport) -> None:
    try:
        # What a connector prints while it is imported is not the host's output.
        with redirect_stdout(sys.stderr):
            connector = _build_connector(entry_point)
    except KeyboardInterrupt:
        raise  # the person's
    except BaseException as error:  # SystemExit too: a connector cannot end its host
        log.debug("connector %s was not loaded", entry_point.name, exc_info=True)
        report.rows.append(_entry(entry_point, "failed", _describe_error(error)))
    else:
        report.loaded[connector.name] = connector
        report.rows.append(_entry(entry_point, "loaded"))


def _build_connector(entry_point: metadata.EntryPoint) -> Connector:
    plugin: Any = _SingleEntryPointManager(entry_point).extensions[0].plugin
    if isinstance(plugin, type):
        raise _Refused(
            f"{entry_point.value} is a class; the entry point of a connector names a module"
            f" (did you mean {entry_point.module!r}?)"
        )
    if not isinstance(plugin, ModuleType):
        raise _Refused(f"{entry_point.value} is a {type(plugin).__name__} object, not a module")
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hooks)
    manager.register(plugin, name=entry_point.name)
    manager.check_pending()
    found = find_defects(manager, plugin, REQUIRED_HOOKS)
    if found:
        raise _Refused("; ".join(found))
    distribution, version = _distribution(entry_point)
    connector = Connector(entry_point.name, manager, distribution, version, entry_point.value)
    info = connector.describe()
    if info is not None and not is_supported(info.spec):
        raise _Refused(f"it speaks version {info.spec} of the contract, this host version {SPEC_VERSION}")
    return connector


class _Refused(Exception):
    """A module that is not a connector; the message is the report's reason."""


class _SingleEntryPointManager(NamedExtensionManager[Any]):
    """stevedore for one entry point, handed to it.

    Its own list comes from a cache in the process and one on disk, which keeps only the whole minutes of a
    change (so a connector just installed is not seen) and forgets the distribution.
    """

    def __init__(self, entry_point: metadata.EntryPoint) -> None:
        self._given = [entry_point]
        super().__init__(
            GROUP,
            names=[entry_point.name],
            invoke_on_load=False,
            on_load_failure_callback=_reraise,
            conflict_resolver=_refuse_conflict,
        )

    def list_entry_points(self) -> list[metadata.EntryPoint]:
        return self._given


def _reraise(_manager: ExtensionManager[Any], _point: metadata.EntryPoint, error: BaseException) -> NoReturn:
    raise error


def _refuse_conflict(_group: str, name: str, extensions: Sequence[Extension[Any]]) -> NoReturn:
    targets = " and ".join(extension.entry_point.value for extension in extensions)
    raise _Refused(f"{name!r} is offered twice, by {targets}")


def _describe_error(error: BaseException) -> str:
    if isinstance(error, _Refused):
        return str(error)
    if isinstance(error, ConnectorError):
        return error.message.removesuffix(".")
    if isinstance(error, SystemExit):
        return f"it tried to end the program while it was imported (exit code {error.code})"
    if isinstance(error, pluggy.PluginValidationError):
        return " ".join(str(error).split())
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _entry(entry_point: metadata.EntryPoint, status: Status, reason: str = "") -> DiscoveryEntry:
    return DiscoveryEntry(entry_point.name, status, reason, *_distribution(entry_point), entry_point.value)


def _distribution(entry_point: metadata.EntryPoint) -> tuple[str, str]:
    return _name_and_version(entry_point.dist) if entry_point.dist else ("unknown", "unknown")


def _name_and_version(distribution: metadata.Distribution) -> tuple[str, str]:
    known = distribution.metadata
    name, version = ((known.get_all(key) or ["unknown"])[0] for key in ("Name", "Version"))
    return name, version
