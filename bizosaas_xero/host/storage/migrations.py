"""Lead the host's own tables from the release that made them to this one, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from bizosaas_xero.host import reasons
from bizosaas_xero.host.storage import people_tables  # noqa: F401 (its tables are made, too)
from bizosaas_xero.host.storage import tables as t
from bizosaas_xero.host.storage.action_tables import plans
from bizosaas_xero.host.storage.database import add_column


def _from_1(connection: sa.Connection) -> None:
    """0.1.0: no preferences, no limits noted, no counted failures, no events."""
    add_column(connection, t.connections.c.preferences)
    add_column(connection, t.connections.c.resume_at)
    add_column(connection, t.entities.c.failures)
    add_column(connection, t.entities.c.told_until)


def _from_2(connection: sa.Connection) -> None:
    """7310f02: no time zone of an organisation, no settings of a consent, no probes."""
    add_column(connection, t.pendings.c.settings)
    for column in (t.connections.c.timezone, t.connections.c.checked_at, t.connections.c.state_since):
        add_column(connection, column)
    add_column(connection, t.entities.c.blocked_since)
    # What waited for a person is probed from now on.
    c = t.entities.c
    inactive = sa.select(t.connections.c.id).where(t.connections.c.state != "active")
    blocked = sa.update(t.entities).where(c.connection_id.in_(inactive), c.last_run.is_not(None))
    connection.execute(blocked.values(blocked_since=c.last_run, next_due=c.last_run))


def _from_3(connection: sa.Connection) -> None:
    """Before owner mode: no plan is known to be asked for in person."""
    _add_if_missing(connection, plans.c.in_person)


def _from_4(connection: sa.Connection) -> None:
    """Before backups: an event was known by its id only."""
    _add_if_missing(connection, t.events.c.message_id)


STEPS: dict[int, Callable[[sa.Connection], None]] = {1: _from_1, 2: _from_2, 3: _from_3, 4: _from_4}
"""Each step by the version it starts from. New tables need no step: they are made where they lack."""


def migrate(connection: sa.Connection, place: str) -> None:
    """Make the tables, or change those of an older release.

    Args:
        connection: A schema transaction.
        place: The database's address, for a person.

    Raises:
        Misconfigured: if a newer release made them.
    """
    version = _version(connection)
    if version is not None and version > t.SCHEMA_VERSION:
        raise reasons.DATABASE_NEWER(place=place, version=version, known=t.SCHEMA_VERSION)
    t.metadata.create_all(connection)
    for step in range(version or t.SCHEMA_VERSION, t.SCHEMA_VERSION):
        STEPS[step](connection)
    if version is None:
        connection.execute(sa.insert(t.meta).values(name="schema", value=str(t.SCHEMA_VERSION)))
    elif version < t.SCHEMA_VERSION:
        changed = sa.update(t.meta).where(t.meta.c.name == "schema").values(value=str(t.SCHEMA_VERSION))
        connection.execute(changed)


def _add_if_missing(connection: sa.Connection, column: sa.Column[Any]) -> None:
    """Add a column, unless its table was missing too and has just been made whole."""
    if column.name not in {each["name"] for each in sa.inspect(connection).get_columns(column.table.name)}:
        add_column(connection, column)


def _version(connection: sa.Connection) -> int | None:
    if not sa.inspect(connection).has_table(t.meta.name):
        return None
    found = connection.execute(sa.select(t.meta.c.value).where(t.meta.c.name == "schema")).scalar_one_or_none()
    return None if found is None else int(found)
