"""The world of a connector without HTTP: a module by its author imitates the source.

The module may define these functions; a scenario that needs a missing one fails and names it.

=================== ====================================================================================
``reset()``         restore the same records, and count from 0
``app(kind)``       the app that a person would have registered; by default a client id
``settings()``      the settings of a connection, such as a folder; by default none
``requests()``      how many requests the source has received; or instead
``SOURCE``          the name of the one function that sends requests, such as ``"shop.rows"``: its calls count
``keys(entity)``    the keys of all records that the source holds now
``texts()``         everything that the source holds, as it writes it; exact digits are looked up in it
``change(entity)``  change one record, as a colleague would
``spoil(entity)``   make one record unreadable
``break_off(entity)`` let the source fail during the next read, best after the first batch
``mend(entity)``    end that failure, if it does not end by itself
``consent(url)``    a person allows access; gives the address to which they are sent back
``revoke(grant)``   a person withdraws access
``writes()``        how many writes the source has received
``written()``       the writes that the source has received, each as a plan lists it in ``requests``
``stale(action)``   change what a plan of that action relies on
=================== ====================================================================================

``ACTIONS`` maps each action to ``{"params": …, "bad_params": …, "other_params": …}``; a write is run, planned and
repeated with them, and must be refused with ``other_params`` after a plan of ``params``.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import time_machine

from bizosaas_xero.contract.clause_registry import Broken
from bizosaas_xero.contract.connector import Subject
from bizosaas_xero.contract.hook_calls import to_json_values
from bizosaas_xero.contract.observation import Inputs, SentRequest
from bizosaas_xero.contract.scenarios import Contract, Expect, Scenario

APP = {"client_id": "contract-kit", "redirect_uri": "http://localhost:8377/callback"}


class Fixtures:
    """The author's module as the world of a connector."""

    def __init__(
        self,
        subject: Subject,
        scenario: Scenario,
        module: ModuleType,
        traveller: time_machine.Traveller | None = None,
    ) -> None:
        self._module, self._scenario, self._traveller = module, scenario, traveller
        self._optional("reset", lambda: None)()
        self._kind = scenario.app or next(iter(subject.kinds), "custom")
        self._before = self._text()
        self._inputs = self._connect(subject)
        self._begun = self._count_requests()

    @property
    def sent(self) -> list[SentRequest]:
        """One entry for each request to the source."""
        return [SentRequest(f"request {number + 1}") for number in range(self._count_requests() - self._begun)]

    def inputs(self) -> Inputs:
        """Return an app, a grant and a connection, as a host stores them after connecting."""
        return self._inputs

    def consent(self, url: str, _redirect_uri: str) -> str:
        """Let the module consent."""
        callback_url: str = self._required("consent")(url)
        if "error=" in self._scenario.callback:
            return callback_url.partition("?")[0] + "?error=denied"
        return callback_url

    def happens(self, event: str) -> None:
        """Let time pass, or let the module make the event happen."""
        word, _, argument = event.partition(" ")
        if word == "wait":
            if self._traveller:
                self._traveller.shift(float(argument))
        elif word == "revoked":
            self._required("revoke")(to_json_values(self._inputs.grant))
        elif event == "stale":
            self._required("stale")(self._scenario.action)
        elif event == "mend":
            self._optional("mend", lambda _entity: None)(self._scenario.entity)
        elif word == "change":
            self._required("change")(self._scenario.entity)
        else:
            self._required(event.replace(" ", "_"))(self._scenario.entity)

    def writes(self) -> int:
        """Return the module's count of writes."""
        return int(self._optional("writes", lambda: 0)())

    def written(self) -> list[Mapping[str, Any]] | None:
        """Return the writes that the source has received; ``None`` if the module does not tell."""
        written: list[Mapping[str, Any]] | None = self._optional("written", lambda: None)()
        return None if written is None else list(written)

    def wire(self) -> str:
        """Return everything that the source held before and holds now."""
        return f"{self._before}{self._text()}"

    def keys(self) -> set[str] | None:
        """Return the keys of the scenario's entity in the source."""
        entity = self._scenario.entity
        return set(self._required("keys")(entity)) if entity else None

    def unused(self) -> int:
        """Return 0: fixtures have no recorded interactions."""
        return 0

    def _connect(self, subject: Subject) -> Inputs:
        app = {**APP, "kind": self._kind, **self._optional("app", lambda _kind: {})(self._kind)}
        settings = {**self._optional("settings", dict)(), **self._scenario.settings}
        if self._scenario.spoiled:
            self._required("spoil")(self._scenario.entity)
        if self._scenario.hook == "auth" and self._scenario.steps[0] in {"authorize", "client_credentials"}:
            return Inputs(app=app, settings=settings)
        result = to_json_values(self._sign_in(subject, app, settings))
        result = result if isinstance(result, dict) else {}
        organisations = result.get("organisations") or [{"id": ""}]
        grant = result.get("grant") or {}
        connection = {
            "organisation_id": organisations[0]["id"],
            "access_token": grant.get("access_token"),
            "scopes": grant.get("scopes"),
            "settings": settings,
        }
        return Inputs(app=app, grant=grant or None, connection=connection, settings=settings)

    def _sign_in(self, subject: Subject, app: dict[str, Any], settings: dict[str, Any]) -> Any:
        request = {"app": app, "settings": settings}
        try:
            if self._kind == "custom":
                return subject.hook.auth(request={"step": "client_credentials", **request})
            begun = to_json_values(subject.hook.auth(request={"step": "authorize", **request})) or {}
            callback_url = self._required("consent")(begun.get("url"))
            more = {"pending": begun.get("pending"), "callback_url": callback_url}
            return subject.hook.auth(request={"step": "callback", **request, **more})
        except Broken:
            raise
        except Exception:  # noqa: BLE001 (the auth clauses report it; here it means that nothing is connected)
            return None

    def _text(self) -> str:
        return str(self._required("texts")())

    def _count_requests(self) -> int:
        source = getattr(self._module, "SOURCE", None)
        return _count_calls(source)[0] if source else int(self._required("requests")())

    def _required(self, name: str) -> Callable[..., Any]:
        found: Callable[..., Any] | None = getattr(self._module, name, None)
        if found is None:
            raise Broken(f"the fixtures {self._module.__name__} have no {name}()")
        return found

    def _optional(self, name: str, default: Callable[..., Any]) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(self._module, name, default)
        return found


@functools.cache
def _count_calls(source: str) -> list[int]:
    """Count the calls of a function from now on; the returned list holds the count."""
    place, _, name = source.rpartition(".")
    module, calls = importlib.import_module(place), [0]
    original = getattr(module, name)

    @functools.wraps(original)
    def count_call(*args: Any, **more: Any) -> Any:
        calls[0] += 1
        return original(*args, **more)

    setattr(module, name, count_call)
    return calls


def load_fixtures(contract: Contract) -> ModuleType:
    """Import the fixtures of a contract: a module's name, or a file next to ``contract.toml``.

    Raises:
        ImportError: the module does not exist.
    """
    return _module(str(contract.fixtures), contract.folder)


@functools.cache
def _module(name: str, folder: Path) -> ModuleType:
    path = folder / name
    if not name.endswith(".py"):
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"{path} does not exist")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scenarios(subject: Subject, module: ModuleType) -> Iterator[Scenario]:
    """Yield the scenarios of every connector without HTTP: for each kind of app, entity and action."""
    for name, more in _AUTH.items():
        for kind in subject.kinds:
            steps, error = more[kind != "custom"]
            if steps:
                yield Scenario(
                    name=f"{kind}-{name}", hook="auth", app=kind, steps=tuple(steps.split(", ")), http=False,
                    expect=Expect(error=error),
                )  # fmt: skip
    for entity in subject.entities:
        common: dict[str, Any] = {"hook": "sync_entity", "entity": entity, "http": False}
        short = entity.replace("_", "-")
        for script in ("once", "full", "resume", "close", "one-by-one", "deadline", "damaged"):
            yield Scenario(name=f"{short}-{script}", script=script, **common)
        if len(subject.entities) > 1:
            yield Scenario(name=f"{short}-foreign", script="foreign", **common)
        yield Scenario(name=f"{short}-nothing-new", script="twice", **common)
        yield Scenario(name=f"{short}-changed", script="twice", change=True, **common)
        spoiled = {"spoiled": True, "expect": Expect(rejected=1)}
        yield Scenario(name=f"{short}-bad-row", script="once", **common, **spoiled)
        broken = Expect(error="unavailable")
        yield Scenario(name=f"{short}-breaks-off", script="recover", expect=broken, **common)
    examples = getattr(module, "ACTIONS", {})
    for action in subject.actions:
        write = getattr(action, "effect", "read") == "write"
        example = examples.get(action.name, {})
        scripts = ("plan", "commit", "stale", "repeat") if write else ("read",)
        for script in (*scripts, "other") if "other_params" in example else scripts:
            yield Scenario(
                name=f"{action.name.replace('_', '-')}-{script}", hook="run_action", action=action.name,
                script=script, http=False, params=example.get("params", {}),
                bad_params=example.get("bad_params", {"contract_kit": "no such parameter"}),
                other_params=example["other_params"] if script == "other" else None,
                expect=Expect(error="conflict" if script in {"stale", "other"} else None),
            )  # fmt: skip


_AUTH: dict[str, tuple[tuple[str, str | None], tuple[str, str | None]]] = {
    "connected": (("client_credentials", None), ("authorize, callback", None)),
    "consents-differ": (("", None), ("authorize, authorize", None)),
    "consent-used-twice": (
        ("", None),
        ("authorize, callback, callback again", "reconnect_required"),
    ),
    "consent-forged": (("", None), ("authorize, callback forged", "invalid")),
    "consent-expired": (("", None), ("authorize, wait 90000, callback", "reconnect_required")),
    "refreshed": (("client_credentials, refresh", None), ("authorize, callback, refresh", None)),
    "revoked": (("", None), ("organisations, revoked, refresh", "reconnect_required")),
    "organisations": (("organisations", None), ("organisations", None)),
    "checked": (("check", None), ("check", None)),
    "disconnected": (("disconnect", None), ("disconnect", None)),
}
"""Scenario to its steps with client credentials, and with a person's consent; each with its error."""
