"""What happened: events derived from records by the connector's rules, each told exactly once.

An event is a rule that holds now and did not hold before. A change of the record can make it hold, and so
can the passing of a day. Both are judged against one business day, ``told_until``, which is kept beside the
cursor: a changed record is compared before and after on that day, in the transaction that stores it; then
the day is moved on, and what only the day made true is told in the same transaction. So nothing is told twice
or forgotten, wherever a process dies. What is there at the first reading is history, not news.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from bizosaas_xero.host.storage import tables as t
from bizosaas_xero.host.storage.database import Database
from bizosaas_xero.host.storage.models import StoredConnection
from bizosaas_xero.host.sync.entity_tables import EntityTable, at
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

    def changed(
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
        told = self._told_until(transaction, connection.id, info.name)
        if told is None:
            return
        found = [
            (rule, key, after)
            for key, before, after in changes
            for rule in info.events
            if happened(rule, before, after, told, told)
        ]
        self._keep(transaction, connection, info, found)

    def day_passed(self, connection: StoredConnection, info: EntityInfo, table: EntityTable) -> None:
        """Tell what only the passing of days brings, and move on to today. Call it after a whole read."""
        if not info.events:
            return
        today = business_day(connection, self._now())
        with self._database.writing() as transaction:
            told = self._told_until(transaction, connection.id, info.name)
            if told is not None and told < today:
                dated = [rule for rule in info.events if rule.date]
                found = [
                    (rule, key, data)
                    for rule in dated
                    for key, data in _dated(transaction, connection, table, rule, told, today)
                    if happened(rule, data, data, told, today)
                ]
                self._keep(transaction, connection, info, found)
            if told is None or told < today:
                c = t.entities.c
                mine = (c.connection_id == connection.id, c.entity == info.name)
                transaction.execute(sa.update(t.entities).where(*mine).values(told_until=today.isoformat()))

    def since(self, last: int = 0, organisation_id: str | None = None, limit: int = 1000) -> list[Event]:
        """Return the events after one, oldest first."""
        columns = [t.events.c[name] for name in Event.__dataclass_fields__]
        statement = sa.select(*columns).where(t.events.c.id > last).order_by(t.events.c.id).limit(limit)
        if organisation_id is not None:
            statement = statement.where(t.events.c.organisation_id == organisation_id)
        with self._database.reading() as connection:
            return [Event(**row) for row in connection.execute(statement).mappings()]

    def _told_until(self, transaction: sa.Connection, connection_id: str, entity: str) -> date | None:
        c = t.entities.c
        statement = sa.select(c.told_until).where(c.connection_id == connection_id, c.entity == entity)
        told = transaction.execute(statement.with_for_update()).scalar_one_or_none()
        return None if told is None else date.fromisoformat(told)

    def _keep(
        self,
        transaction: sa.Connection,
        connection: StoredConnection,
        info: EntityInfo,
        found: list[tuple[EventRule, str, Any]],
    ) -> None:
        if not found:
            return
        now = self._now()
        delivery = WAITING if connection.preferences.get("callback") else None
        rows = [
            {
                "connection_id": connection.id,
                "organisation_id": connection.organisation_id,
                "entity": info.name,
                "key": key,
                "name": rule.name,
                "title": rule.title,
                "deal": next((str(at(data, path)) for path in info.deal if at(data, path)), None),
                "day": business_day(connection, now).isoformat(),
                "at": now,
                "data": {name: at(data, path) for name, path in info.columns.items()},
                "delivery": delivery,
            }
            for rule, key, data in found
        ]
        self._database.in_turn(transaction)
        transaction.execute(sa.insert(t.events), rows)


def happened(rule: EventRule, before: Any, after: Any, then: date, today: date) -> bool:
    """Tell whether a rule holds today, and did not hold then; or what it tells again has changed."""
    if not holds(rule, after, today):
        return False
    if before is None or not holds(rule, before, then):
        return True
    return rule.again is not None and at(before, rule.again) != at(after, rule.again)


def holds(rule: EventRule, data: Mapping[str, Any], today: date) -> bool:
    """Tell whether a rule's conditions hold for a record in its JSON form."""
    return (
        all(at(data, path) in values for path, values in rule.where.items())
        and all(_exceeds(at(data, path), bound) for path, bound in rule.above.items())
        and (rule.date is None or _reached(at(data, rule.date), rule.days, today))
    )


def business_day(connection: StoredConnection, now: datetime) -> date:
    """Return the day that the organisation writes: in its time zone if that is configured, else in UTC."""
    zone = connection.preferences.get("timezone")
    return now.astimezone(ZoneInfo(zone) if zone else UTC).date()


def _exceeds(value: Any, bound: Decimal) -> bool:
    try:
        return value is not None and Decimal(str(value)) > bound
    except InvalidOperation:
        return False


def _reached(value: Any, days: int, today: date) -> bool:
    try:
        return value is not None and date.fromisoformat(value) + timedelta(days=days) <= today
    except (ValueError, TypeError, OverflowError):
        return False


def _dated(
    transaction: sa.Connection,
    connection: StoredConnection,
    table: EntityTable,
    rule: EventRule,
    told: date,
    today: date,
) -> Iterable[tuple[str, Any]]:
    """Return the records whose date may have been reached; by a plain column where one is published."""
    c = table.table.c
    statement = sa.select(c.key, c.record).where(
        c.organisation_id == connection.organisation_id, c.deleted_at.is_(None)
    )
    for name, path in table.paths.items():
        if path == rule.date and table.types[name] == "DATE":
            first, last = (day - timedelta(days=rule.days) for day in (told, today))
            statement = statement.where(c[name] > first.isoformat(), c[name] <= last.isoformat())
    for key, record in transaction.execute(statement.execution_options(yield_per=1000)):
        yield key, msgspec.json.decode(record)
