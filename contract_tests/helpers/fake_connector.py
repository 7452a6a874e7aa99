"""A scripted connector, a clock that moves only when set or slept, and a sleep that records its calls."""

# ruff: noqa: ARG002, ARG005, PLW0108 (hooks must have exactly the contract's parameters)

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pluggy

from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.spec import (
    PROJECT,
    Action,
    AuthInfo,
    AuthResult,
    Batch,
    ConnectorInfo,
    EntityInfo,
    EventRule,
    Grant,
    Organisation,
    Recheck,
    Record,
    Reference,
    Stats,
    hookimpl,
    hooks,
)

SCHEMA = {
    "type": "object",
    "properties": {
        "Id": {"type": "string"},
        "Total": {"type": ["string", "null"], "pattern": r"^-?[0-9]+(\.[0-9]+)?$"},
        "Date": {"type": ["string", "null"], "format": "date"},
        "Open": {"type": ["boolean", "null"]},
        "Contact": {"$ref": "#/$defs/Contact"},
    },
    "$defs": {"Contact": {"type": "object", "properties": {"Name": {"type": "string"}}}},
}
COLUMNS = {"total": "Total", "date": "Date", "open": "Open", "contact": "Contact.Name"}


class Clock:
    """Time that moves only when set or slept."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += timedelta(seconds=seconds)


def record(key: str, **data: Any) -> Record:
    op = data.pop("op", "upsert")
    return Record(key=key, op=op, data={"Id": key, **data})


def batch(number: int, *records: Record, more: bool = False, **extra: Any) -> Batch:
    stats = Stats(kind="first", complete=None if more else True, calls=number, bytes=100 * number)
    given = {"entity": "things", "cursor": {"n": number}, "has_more": more, "stats": stats} | extra
    return Batch(records=list(records), **given)


@dataclass
class Fake:
    """A connector whose sync runs are scripted: each call plays the next list of batches and errors."""

    clock: Clock
    runs: list[list[Batch | Exception]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    auth_calls: list[dict[str, Any]] = field(default_factory=list)
    refresh_error: Exception | None = None
    on_refresh: Callable[[], None] = lambda: None
    organisations: list[Organisation] = field(
        default_factory=lambda: [Organisation(id="org-1", name="Beans & Co", currency="NZD")]
    )
    details: Organisation | None = None
    check_cost: dict[str, int | None] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    more_entities: list[EntityInfo] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    described: bool = True
    recheck: Recheck | None = None
    stamp: str | None = None
    columns: dict[str, str] = field(default_factory=lambda: dict(COLUMNS))
    events: list[EventRule] = field(default_factory=list)
    deal: list[str] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    lifetime: timedelta = timedelta(minutes=30)
    minted: int = 0
    closed: int = 0

    def mint(self) -> Grant:
        self.minted += 1
        now = self.clock.now()
        return Grant(
            identity="app:user",
            client_id="app",
            access_token=f"access-{self.minted}",
            refresh_token=f"refresh-{self.minted}",
            obtained_at=now,
            expires_at=now + self.lifetime,
            scopes=["things"],
        )

    def auth(self, request: dict[str, Any]) -> AuthResult:
        self.auth_calls.append(request)
        step = request["step"]
        if step == "authorize":
            n = len(self.auth_calls)
            return AuthResult(step=step, url=f"https://login.test/?state=s{n}", pending=f"pending-{n}")
        if step == "refresh":
            self.on_refresh()
            if self.refresh_error:
                raise self.refresh_error
            return AuthResult(step=step, grant=self.mint())
        if step in {"callback", "client_credentials"}:
            return AuthResult(step=step, grant=self.mint(), organisations=self.organisations)
        if step == "organisations":
            return AuthResult(step=step, organisations=self.organisations)
        if step == "check":
            status = "ok" if self.details else None
            return AuthResult(step=step, status=status, organisation=self.details, cost=self.check_cost)
        return AuthResult(step=step)

    def sync_entity(self, connection: dict[str, Any], entity: str, cursor: Any, options: Any) -> Iterator[Batch]:
        self.calls.append({"token": connection["access_token"], "cursor": cursor, "connection": connection, **options})
        try:
            for item in self.runs.pop(0):
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self.closed += 1

    def run_action(self, connection: dict[str, Any], action: str, params: Any, control: Any) -> Any:
        return None

    def describe(self) -> ConnectorInfo | None:
        if not self.described:
            return None
        things = EntityInfo(
            name="things",
            title="Things",
            key="Id",
            stamp=self.stamp,
            json_schema=SCHEMA,
            interval=900,
            columns=self.columns,
            recheck=self.recheck,
            events=self.events,
            deal=self.deal,
            references=self.references,
        )
        return ConnectorInfo(
            name="fake",
            title="Fake",
            version="1",
            spec="1",
            summary="",
            auth=AuthInfo(kinds=["web"]),
            entities=[things, *self.more_entities],
            settings=self.settings,
        )

    def connector(self) -> Connector:
        module = types.ModuleType("fake_plugin")
        module.auth = hookimpl(lambda request: self.auth(request))
        module.sync_entity = hookimpl(
            lambda connection, entity, cursor, options: self.sync_entity(connection, entity, cursor, options)
        )
        module.list_actions = hookimpl(lambda connection: self.actions)
        module.run_action = hookimpl(
            lambda connection, action, params, control: self.run_action(connection, action, params, control)
        )
        module.describe = hookimpl(lambda: self.describe(), optionalhook=True)
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(hooks)
        manager.register(module)
        return Connector("fake", manager, "fake-dist", "1.0", "fake_plugin")
