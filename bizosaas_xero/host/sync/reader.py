"""What is synced, to be looked at: which tables an organisation has, and their rows, page by page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.storage.database import Database
from bizosaas_xero.host.storage.models import StoredConnection
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.host.storage.tables import stamp
from bizosaas_xero.host.sync import entity_tables
from bizosaas_xero.host.sync.sink import Sink
from bizosaas_xero.spec import EntityInfo, Invalid

MOST = 500
"""Rows of one page at most."""


@dataclass(frozen=True)
class Page:
    """Rows of a table in the order of their keys. ``following`` begins the next page."""

    entity: str
    columns: list[str]
    rows: list[dict[str, Any]]
    following: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the page as JSON values."""
        return {
            "entity": self.entity,
            "columns": self.columns,
            "rows": self.rows,
            "next_after": self.following,
        }


class Synced:
    """Reads the tables that syncs fill; it asks nobody else.

    Args:
        database: Where.
        store: How far each entity is read.
        sink: Counts.
    """

    def __init__(self, database: Database, store: Store, sink: Sink) -> None:
        self._database = database
        self._store = store
        self._sink = sink

    def tables(self, kept: StoredConnection, connector: Connector) -> list[dict[str, Any]]:
        """Return an organisation's tables: columns, rows held, and as of when."""
        states = {state.entity: state for state in self._store.entities(kept.id)}
        info = connector.describe()
        found = []
        for entity in info.entities if info else ():
            seen = states[entity.name].last_success if entity.name in states else None
            found.append(
                {
                    "entity": entity.name,
                    "title": entity.title,
                    "key": entity.key,
                    "columns": ["key", *entity.columns],
                    "rows": self._sink.rows(kept.organisation_id, entity.name),
                    "as_of": stamp(seen) if seen else None,
                }
            )
        return found

    def rows(
        self,
        kept: StoredConnection,
        connector: Connector,
        entity: str,
        wanted: Sequence[str] = (),
        limit: int = 50,
        after: str = "",
    ) -> Page:
        """Return rows of a table; values come from the records, so amounts keep their digits.

        Args:
            kept: Whose.
            connector: Describes the table.
            entity: Its name.
            wanted: Columns; all that are published if none is named.
            limit: At most so many rows, :data:`MOST` at most.
            after: Only rows whose key is beyond this one.

        Raises:
            NotFound: There is no such entity.
            Invalid: A wrong column or limit.
        """
        info = connector.entity(entity)
        paths = _paths(info, wanted)
        if not 1 <= limit <= MOST:
            raise _wrong("limit", f"must be 1 to {MOST}")
        c = entity_tables.EntityTable.of(entity, None).table.c
        statement = (
            sa.select(c.key, c.record)
            .where(c.organisation_id == kept.organisation_id, c.deleted_at.is_(None), c.key > after)
            .order_by(c.key)
            .limit(limit + 1)
        )
        with self._database.reading() as connection:
            there = sa.inspect(connection).has_table(entity)
            found = connection.execute(statement).all() if there else []
        rows = [
            {"key": row.key} | {name: entity_tables.at(json.loads(row.record), path) for name, path in paths.items()}
            for row in found[:limit]
        ]
        return Page(entity, ["key", *paths], rows, rows[-1]["key"] if len(found) > limit else None)


def _paths(info: EntityInfo | None, wanted: Sequence[str]) -> dict[str, str]:
    known = dict(info.columns) if info else {}
    unknown = [name for name in wanted if name not in known and name != "key"]
    if unknown:
        raise _wrong("columns", f"has no {', '.join(unknown)}; there are: key, {', '.join(known)}")
    return {name: path for name, path in known.items() if not wanted or name in wanted}


def _wrong(field: str, message: str) -> Invalid:
    return Invalid(f"{field} {message}.", problems=[{"field": field, "message": message}])
