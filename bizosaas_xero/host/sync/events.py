"""Events derived from records by the connector's rules, each emitted exactly once.

An event is a rule that holds now and did not hold before. A change of the record can make it hold, and so
can the passing of a day. Both are judged against one business day, ``told_until``, which is stored with
the cursor: a changed record is compared before and after on that day, in the transaction that stores it; then
the day advances, and events that only the day caused are emitted in the same transaction. So no event is
emitted twice or lost, wherever a process dies. Records of the first sync are history and emit no events.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
import sqlalchemy as sa

from bizosaas_xero.host.connections.organisation_details import business_day
from bizosaas_xero.host.storage import tables as t
from bizosaas_xero.host.storage.database import Database
from bizosaas_xero.host.storage.models import EntityState, StoredConnection
from bizosaas_xero.host.sync.entity_tables import EntityTable, get_path
from bizosaas_xero.spec import EntityInfo, EventRule

WAITING, DONE, REFUSED = "waiting", "done", "refused"
"""The states of an event's delivery."""


@dataclass(frozen=True)
class Event:
    """Something that happened. ``data`` holds the plain columns of the record at that time."""

    id: int
    connection_id: str
    organisation_id: str
    entity: str
    key: str
    name: str
    title: str
    deal: str | None
    day: str
    at: datetime
    data: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the event as JSON values."""
        return dict(vars(self)) | {"at": t.stamp(self.at)}


class Events:
    """Derives events and keeps them.

    Args:
        database: That of the sink.
        now: The clock.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def record_changes(
        self,
        transaction: sa.Connection,
        connection: StoredConnection,
        info: EntityInfo,
        changes: Iterable[tuple[str, Any, Any]],
    ) -> None:
        """Tell what changed records bring, in the transaction that stores them.

        Args:
            transaction: That of the sink.
            connection: Whose records.
            info: Their entity.
            changes: Key, stored record before (``None`` if new) and after, each in its JSON form.
        """
        told_until = self._read_told_until(transaction, connection.id, info.name)
        if told_until is None:
            return
        found = [
            (rule, key, after)
            for key, before, after in changes
            for rule in info.events
            if rule_fires(rule, before, after, told_until, told_until)
        ]
        self._insert(transaction, connection, info, found)

    def advance_day(self, connection: StoredConnection, info: EntityInfo, table: EntityTable) -> None:
        """Tell what only the passing of days brings, and move on to today. Call it after a whole read."""
        if not info.events:
            return
        today = business_day(connection, self._now())
        with self._database.write_transaction() as transaction:
            told_until = self._read_told_until(transaction, connection.id, info.name)
            if told_until is not None and told_until < today:
                dated = [rule for rule in info.events if rule.date]
                found = [
                    (rule, key, data)
                    for rule in dated
                    for key, data in _iter_dated_records(transaction, connection, table, rule, told_until, today)
                    if rule_fires(rule, data, data, told_until, today)
                ]
                self._insert(transaction, connection, info, found)
            if told_until is None or told_until < today:
                c = t.entities.c
                mine = (c.connection_id == connection.id, c.entity == info.name)
                transaction.execute(sa.update(t.entities).where(*mine).values(told_until=today.isoformat()))

    def record_recovery(self, connection: StoredConnection, state: EntityState) -> None:
        """Emit ``sync_recovered``: an entity syncs again after a problem that seemed to need a person."""
        problem = (state.outcome or {}).get("problem") or {}
        data = {
            "blocked_since": state.blocked_since and t.stamp(state.blocked_since),
            "code": problem.get("code"),
            "reason": problem.get("reason"),
        }
        row = self._row(connection, state.entity, connection.organisation_id, "sync_recovered", "Sync recovered")
        with self._database.write_transaction() as transaction:
            self._insert_rows(transaction, [row | {"data": data}])

    def list_since(self, last: int = 0, organisation_id: str | None = None, limit: int = 1000) -> list[Event]:
        """Return the events after one, oldest first."""
        columns = [t.events.c[name] for name in Event.__dataclass_fields__]
        statement = sa.select(*columns).where(t.events.c.id > last).order_by(t.events.c.id).limit(limit)
        if organisation_id is not None:
            statement = statement.where(t.events.c.organisation_id == organisation_id)
        with self._database.read_transaction() as transaction:
            return [Event(**row) for row in transaction.execute(statement).mappings()]

    def list_recent(self, connection_id: str, limit: int) -> list[Event]:
        """Return the newest events of a connection, newest first."""
        columns = [t.events.c[name] for name in Event.__dataclass_fields__]
        statement = sa.select(*columns).where(t.events.c.connection_id == connection_id)
        with self._database.read_transaction() as transaction:
            rows = transaction.execute(statement.order_by(t.events.c.id.desc()).limit(limit))
            return [Event(**row) for row in rows.mappings()]

    def _read_told_until(self, transaction: sa.Connection, connection_id: str, entity: str) -> date | None:
        c = t.entities.c
        statement = sa.select(c.told_until).where(c.connection_id == connection_id, c.entity == entity)
        told_until = transaction.execute(statement.with_for_update()).scalar_one_or_none()
        return None if told_until is None else date.fromisoformat(told_until)

    def _insert(
        self,
        transaction: sa.Connection,
        connection: StoredConnection,
        info: EntityInfo,
        found: list[tuple[EventRule, str, Any]],
    ) -> None:
        if not found:
            return
        rows = [
            self._row(connection, info.name, key, rule.name, rule.title)
            | {
                "deal": next((str(get_path(data, path)) for path in info.deal if get_path(data, path)), None),
                "data": {name: get_path(data, path) for name, path in info.columns.items()},
                "message_id": _message_id(connection, info, key, rule, data),
            }
            for rule, key, data in found
        ]
        self._insert_rows(transaction, rows)

    def _row(self, connection: StoredConnection, entity: str, key: str, name: str, title: str) -> dict[str, Any]:
        now = self._now()
        return {
            "connection_id": connection.id,
            "organisation_id": connection.organisation_id,
            "entity": entity,
            "key": key,
            "name": name,
            "title": title,
            "deal": None,
            "day": business_day(connection, now).isoformat(),
            "at": now,
            "message_id": None,
            "delivery": WAITING if connection.preferences.get("callback") else None,
        }

    def _insert_rows(self, transaction: sa.Connection, rows: list[dict[str, Any]]) -> None:
        """Insert events under the next ids: milliseconds, or one more than the last.

        So no id is given out again after an old backup was restored, and receivers may rely on ids.
        """
        self._database.advisory_lock(transaction)
        last = transaction.execute(sa.select(sa.func.max(t.events.c.id))).scalar_one() or 0
        first = max(last + 1, int(self._now().timestamp() * 1000))
        transaction.execute(sa.insert(t.events), [row | {"id": first + n} for n, row in enumerate(rows)])


def _message_id(connection: StoredConnection, info: EntityInfo, key: str, rule: EventRule, data: Any) -> str | None:
    """Return what names an event for its receiver: the same where it is derived again from the same state of a record.

    So a receiver that ignores repetitions can rely on it after an old backup was restored.
    """
    changed = get_path(data, info.stamp) if info.stamp else None
    if changed is None:
        return None
    named = (connection.connector, connection.organisation_id, info.name, key, rule.name, str(changed))
    return "evt_" + hashlib.sha256("\0".join(named).encode()).hexdigest()[:40]


def rule_fires(rule: EventRule, before: Any, after: Any, then: date, today: date) -> bool:
    """Tell whether a rule holds today, and did not hold then; or what it tells again has changed."""
    if not rule_holds(rule, after, today):
        return False
    if before is None or not rule_holds(rule, before, then):
        return True
    return rule.again is not None and get_path(before, rule.again) != get_path(after, rule.again)


def rule_holds(rule: EventRule, data: Mapping[str, Any], today: date) -> bool:
    """Tell whether a rule's conditions hold for a record in its JSON form."""
    return (
        all(get_path(data, path) in values for path, values in rule.where.items())
        and all(_exceeds(get_path(data, path), bound) for path, bound in rule.above.items())
        and (rule.date is None or _date_reached(get_path(data, rule.date), rule.days, today))
    )


def _exceeds(value: Any, bound: Decimal) -> bool:
    try:
        return value is not None and Decimal(str(value)) > bound
    except InvalidOperation:
        return False


def _date_reached(value: Any, days: int, today: date) -> bool:
    try:
        return value is not None and date.fromisoformat(value) + timedelta(days=days) <= today
    except (ValueError, TypeError, OverflowError):
        return False


def _iter_dated_records(
    transaction: sa.Connection,
    connection: StoredConnection,
    table: EntityTable,
    rule: EventRule,
    told_until: date,
    today: date,
) -> Iterable[tuple[str, Any]]:
    """Return the records whose date may have been reached; by a plain column where one is published."""
    c = table.table.c
    statement = sa.select(c.key, c.record).where(
        c.organisation_id == connection.organisation_id, c.deleted_at.is_(None)
    )
    for name, path in table.paths.items():
        if path == rule.date and table.types[name] == "DATE":
            first, last = (day - timedelta(days=rule.days) for day in (told_until, today))
            statement = statement.where(c[name] > first.isoformat(), c[name] <= last.isoformat())
    for key, record in transaction.execute(statement.execution_options(yield_per=1000)):
        yield key, msgspec.json.decode(record)
