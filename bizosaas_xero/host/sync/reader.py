"""Read synced records: the tables of an organisation, and their rows, page by page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.storage import tables
from bizosaas_xero.host.storage.database import Database
from bizosaas_xero.host.storage.models import StoredConnection
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.host.storage.tables import stamp
from bizosaas_xero.host.sync import entity_tables
from bizosaas_xero.host.sync.sink import Sink
from bizosaas_xero.spec import EntityInfo
from bizosaas_xero.spec.errors import SUBJECT, Invalid

MAX_PAGE_ROWS = 500
"""Rows of one page at most."""


@dataclass(frozen=True)
class RecordPage:
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


class RecordReader:
    """Reads the tables that syncs fill, without a request.

    Args:
        database: Where.
        store: How far each entity is read.
        sink: Counts.
    """

    def __init__(self, database: Database, store: Store, sink: Sink) -> None:
        self._database = database
        self._store = store
        self._sink = sink

    def list_tables(self, connection: StoredConnection, connector: Connector) -> list[dict[str, Any]]:
        """Return an organisation's tables: columns, rows held, and as of when."""
        states = {state.entity: state for state in self._store.entity_states(connection.id)}
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
                    "rows": self._sink.count_rows(connection.organisation_id, entity.name),
                    "as_of": stamp(seen) if seen else None,
                }
            )
        return found

    def list_rejected(self, connection: StoredConnection, entity: str, limit: int = 100) -> list[dict[str, Any]]:
        """Return the records of an entity that could not be read, newest first, with the reason and the raw form."""
        c = tables.rejected.c
        statement = (
            sa.select(c.key, c.reason, c.raw, c.rejected_at)
            .where(c.organisation_id == connection.organisation_id, c.entity == entity)
            .order_by(c.rejected_at.desc(), c.key)
            .limit(limit)
        )
        with self._database.read_transaction() as transaction:
            return [dict(row) for row in transaction.execute(statement).mappings()]

    def read_page(
        self,
        connection: StoredConnection,
        connector: Connector,
        entity: str,
        wanted: Sequence[str] = (),
        limit: int = 50,
        after: str = "",
    ) -> RecordPage:
        """Return rows of a table; values come from the records, so amounts keep their digits.

        Args:
            connection: Of the organisation.
            connector: Describes the table.
            entity: Its name.
            wanted: Columns; all that are published if none is named.
            limit: The largest number of rows, up to :data:`MAX_PAGE_ROWS`.
            after: Only rows whose key is beyond this one.

        Raises:
            NotFound: The connector has no such entity.
            Invalid: A wrong column or limit.
        """
        info = connector.entity(entity)
        paths = _column_paths(info, wanted)
        if not 1 <= limit <= MAX_PAGE_ROWS:
            raise Invalid.field("limit", f"must be 1 to {MAX_PAGE_ROWS}", summary=SUBJECT)
        c = entity_tables.EntityTable.for_entity(entity, None).table.c
        statement = (
            sa.select(c.key, c.record)
            .where(c.organisation_id == connection.organisation_id, c.deleted_at.is_(None), c.key > after)
            .order_by(c.key)
            .limit(limit + 1)
        )
        with self._database.read_transaction() as transaction:
            there = sa.inspect(transaction).has_table(entity)
            found = transaction.execute(statement).all() if there else []
        rows = [
            {"key": row.key}
            | {name: entity_tables.get_path(json.loads(row.record), path) for name, path in paths.items()}
            for row in found[:limit]
        ]
        return RecordPage(entity, ["key", *paths], rows, rows[-1]["key"] if len(found) > limit else None)


def _column_paths(info: EntityInfo | None, wanted: Sequence[str]) -> dict[str, str]:
    known = dict(info.columns) if info else {}
    unknown = [name for name in wanted if name not in known and name != "key"]
    if unknown:
        raise Invalid.field(
            "columns", f"has no {', '.join(unknown)}; there are: key, {', '.join(known)}", summary=SUBJECT
        )
    return {name: path for name, path in known.items() if not wanted or name in wanted}
