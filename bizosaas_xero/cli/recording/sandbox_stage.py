"""The sandbox as the stage of the Xero scenarios: what happens in each.

Entities are not listed here: their keys and fields come from ``describe()``.
``pytest --record-mode=rewrite --bizosaas-world bizosaas_xero.cli.recording.sandbox_stage`` records their
cassettes from it. The same seed, moment and randomness give the same bytes.
"""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable, Mapping
from typing import Any, Self

from bizosaas_xero.cli.recording import sandbox_writes
from bizosaas_xero.contract.connector import Subject
from bizosaas_xero.contract.hook_calls import to_json_values
from bizosaas_xero.contract.observation import Inputs
from bizosaas_xero.contract.replay import inputs_for
from bizosaas_xero.contract.scenarios import Scenario
from bizosaas_xero.sandbox import Clock, SandboxServer, serve
from bizosaas_xero.sandbox.queries.endpoints import ENDPOINTS

SEED, DOCUMENTS, ACCOUNTS = 7, 12, 5
BASES = {"/connect/": "https://identity.xero.com", "": "https://api.xero.com"}
FREE_TEXT_FIELDS = ("Reference", "ContactNumber", "Description", "Narration", "Name")
"""Fields in which a colleague may change a text; the first that an entity's schema has is changed."""

FEW_SCOPES = "offline_access accounting.reports.aged.read"

FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "token-expired-mid-sync": ("expire_token", {"match": {"path": "Invoices"}, "after": 1}),
    "organisation-disconnected-mid-sync": ("disconnect", {"match": {"path": "Invoices"}, "after": 1}),
    "offline-mid-sync": (
        "status",
        {
            "match": {"path": "Invoices"},
            "after": 1,
            "times": 4,
            "status": 503,
            "text": "The Organisation is offline",
        },
    ),
    "minute-limit-waited-for": ("rate_limit", {"problem": "minute", "retry_after": 7, "body": "json"}),
    "minute-limit-too-long": ("rate_limit", {"problem": "minute", "retry_after": 100, "body": "text"}),
    "day-limit-used-up": ("rate_limit", {"problem": "day", "retry_after": 40_000, "body": "empty"}),
    "app-limit-waited-for": ("rate_limit", {"problem": "appminute", "retry_after": 2, "body": "empty"}),
    "too-many-at-once": ("rate_limit", {"problem": "concurrent", "retry_after": None, "body": "empty"}),
    "server-error-once": ("status", {"match": {"path": "Invoices"}, "status": 500, "body": "json"}),
    "server-error-for-long": (
        "status",
        {"match": {"path": "Contacts"}, "times": None, "status": 502, "body": "html"},
    ),
    "answer-truncated": ("truncated", {"match": {"path": "Payments"}, "times": None}),
    "answer-without-list": (
        "status",
        {"match": {"path": "Accounts"}, "times": None, "status": 200, "body": "html"},
    ),
    "answer-redirects": ("redirect", {"location": "https://elsewhere.example/", "times": None}),
    "request-refused": ("status", {"match": {"path": "Invoices"}, "status": 400, "body": "json"}),
    "path-unknown": ("status", {"match": {"path": "Payments"}, "status": 404, "body": "html"}),
    "role-may-not-read": ("status", {"match": {"path": "BankTransactions"}, "status": 403, "body": "json"}),
    "invoices-bad-row": (
        "bad_row",
        {"match": {"path": "Invoices"}, "field": "Total", "value": "12,5x", "row": 1, "times": 2},
    ),
    "sign-in-service-down": (
        "status",
        {"match": {"path": "/connect/token"}, "times": None, "status": 503, "body": "html"},
    ),
    "organisations-limited": (
        "rate_limit",
        {
            "match": {"path": "/connections"},
            "problem": "appminute",
            "retry_after": 30,
            "body": "empty",
            "times": None,
        },
    ),
    "contacts-row-joins": (
        "mutate",
        {
            "match": {"path": "Contacts", "page": 1},
            "entity": "Contacts",
            "op": "insert",
            "changes": {"ContactID": "00000000-0000-4000-8000-000000000001"},  # before all that was read
        },
    ),
}
"""Scenario to the fault that makes it happen, and the fault's details."""


class Stage:
    """One sandbox for one scenario; see :class:`bizosaas_xero.contract.recording.Stage`."""

    frozen = True
    salt = b"synthetic"

    def __init__(self, subject: Subject, scenario: Scenario) -> None:
        self._subject, self._scenario = subject, scenario
        self._invented = inputs_for(subject.contract, scenario)
        self._exits = contextlib.ExitStack()

    def __enter__(self) -> Self:
        moment = self._scenario.frozen or self._subject.contract.frozen
        assert moment is not None  # noqa: S101 (the contract of xero names one)
        clock = Clock(moment.timestamp)
        self._box: SandboxServer = self._exits.enter_context(
            serve(DOCUMENTS, SEED, clock=clock, rng=random.Random(SEED))  # noqa: S311 (invented tokens)
        )
        if self._scenario.hook != "run_action":  # actions need the whole chart
            table = self._box.sandbox.store().table("Accounts")
            for guid in [table.id(slot) for slot in table.by_id][ACCOUNTS:]:
                self._box.sandbox.store().delete("Accounts", guid)
        self._settings = {key: self._box.info[key] for key in ("api_url", "identity_url", "login_url")} | dict(
            self._invented.settings
        )
        self._inputs = self._connect()
        prepare = _PREPARE.get(self._scenario.name)
        if prepare:
            prepare(self)
        change = sandbox_writes.PREPARE.get(self._scenario.name)
        if change:
            change(self._box)
        faults = FAULTS | sandbox_writes.FAULTS
        kind, details = faults.get(self._scenario.name, ("", {}))
        if kind:
            self._box.sandbox.faults.add(kind, **details)
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    @property
    def bases(self) -> Mapping[str, Mapping[str, str]]:
        """Map the sandbox's address to Xero's two addresses."""
        return {self._box.url: BASES}

    def inputs(self) -> Inputs:
        """Return real credentials of the sandbox."""
        return self._inputs

    def consent(self, url: str) -> str:
        """Consent as the first person, for the first organisation."""
        return self._box.sandbox.consent(url, allow="error=" not in self._scenario.callback)

    def happens(self, event: str) -> None:
        """Change a record, or what a plan of the action relies on, or let time pass."""
        word, _, argument = event.partition(" ")
        if word == "wait":
            self._box.sandbox.clock.advance(float(argument))
        elif word == "change":
            self._change(argument)
        elif event == "stale":
            self._box.sandbox.clock.advance(600)
            sandbox_writes.STALE[str(self._scenario.action)](self._box, self._scenario.params)

    def _change(self, key: str) -> None:
        """Change a text of the record with this key."""
        self._box.sandbox.clock.advance(600)
        entities = self._subject.info.entities if self._subject.info else []
        entity = next(each for each in entities if each.name == self._scenario.entity)
        endpoint = next(each for each in ENDPOINTS.values() if each.id_field == entity.key)
        field = next(name for name in FREE_TEXT_FIELDS if name in entity.json_schema["properties"])
        self._box.sandbox.store().edit(endpoint.name, key, {field: "changed"})

    def _connect(self) -> Inputs:
        invented = dict(self._invented.app or {})
        credentials = self._box.info["apps"][str(invented.get("kind", "web"))]
        app = invented | {name: credentials[name] for name in ("client_id", "client_secret")}
        request = {"app": app, "settings": self._settings}
        hook = self._subject.hook
        if app["kind"] == "custom":
            result = hook.auth(request={"step": "client_credentials", **request})
        else:
            scopes = FEW_SCOPES if self._scenario.name in _FEW_SCOPES_SCENARIOS else None
            begun = to_json_values(hook.auth(request={"step": "authorize", "scopes": scopes, **request}))
            callback_url = self._box.sandbox.consent(begun["url"])
            more = {"pending": begun["pending"], "callback_url": callback_url}
            result = hook.auth(request={"step": "callback", **request, **more})
        access = to_json_values(result)
        grant = access["grant"]
        connection = dict(self._invented.connection) | {
            "organisation_id": access["organisations"][0]["id"],
            "access_token": grant["access_token"],
            "settings": self._settings,
        }
        if "client_secret" in invented and "wrong" in str(invented["client_secret"]):
            app = app | {"client_secret": "not-the-secret"}
        return Inputs(
            app=app,
            grant=grant if self._invented.grant else None,
            connection=connection if self._invented.connection else {},
            settings=self._settings,
        )


_FEW_SCOPES_SCENARIOS = {"scope-refused-by-xero"}


def _advance(seconds: float) -> Callable[[Stage], None]:
    return lambda stage: stage._box.sandbox.clock.advance(seconds)  # noqa: SLF001 (of this module)


def _revoke(stage: Stage) -> None:
    sandbox = stage._box.sandbox  # noqa: SLF001 (of this module)
    sandbox.faults.add("revoke_grant", match={"path": "/connect/token"})


def _disconnect(stage: Stage) -> None:
    request = {"step": "disconnect", "app": stage._inputs.app, "grant": stage._inputs.grant}  # noqa: SLF001
    stage._subject.hook.auth(request={**request, "settings": stage._settings})  # noqa: SLF001


_PREPARE: dict[str, Callable[[Stage], None]] = {
    "grant-revoked": _revoke,
    "grant-unused-for-60-days": _advance(61 * 86_400),
    "organisations-token-expired": _advance(1801),
    "connection-checked-token-expired": _advance(1801),
    "connection-checked-disconnected": _disconnect,
}


def provenance(name: str, version: str, date: str) -> str:
    """Return a scenario's line in ``contract.toml``."""
    source = json.dumps(f"bizosaas-xero sandbox {version}")
    return f'{name} = {{ kind = "synthetic", source = {source}, date = "{date}" }}'
