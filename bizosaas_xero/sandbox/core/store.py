"""The books of one organisation: its tables, by entity."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.table import Table
from bizosaas_xero.sandbox.core.xero_json import Row


class Store:
    """The books of one organisation.

    Args:
        tables: Entity (Xero's endpoint name) to its rows.
        now_ms: The server's time, milliseconds since the epoch.
    """

    def __init__(self, tables: Mapping[str, Table], now_ms: Callable[[], int]) -> None:
        self.tables = dict(tables)
        self._now_ms = now_ms
        self._names = {name.lower(): name for name in tables}

    def table(self, entity: str) -> Table:
        """Return the rows of an entity; letter case and underscores do not matter.

        Raises:
            KeyError: The entity is unknown.
        """
        return self.tables[self._names[entity.replace("_", "").lower()]]

    def get(self, entity: str, guid: str) -> Row:
        """Return one row.

        Raises:
            KeyError: The entity is unknown, or no row has this id.
        """
        table = self.table(entity)
        slot = table.find(guid)
        if slot is None:
            raise KeyError(guid)
        return table.row(slot)

    def rows(self, entity: str) -> Iterator[Row]:
        """Iterate over all rows of an entity, oldest change first."""
        return self.table(entity).rows()

    def put(self, entity: str, row: Mapping[str, Any], at: int | datetime | None = None) -> str:
        """Store a whole row and return its id; it counts as changed at `at` (default: now)."""
        copied = xero_json.copy_value(dict(row))
        self._set_timestamp(entity, copied, at)
        return self.table(entity).put(copied)

    def edit(
        self,
        entity: str,
        guid: str,
        changes: Mapping[str, Any],
        at: int | datetime | None = None,
        *,
        blind: bool = False,
    ) -> Row:
        """Change fields of a row and return it.

        Args:
            entity: Xero's endpoint name.
            guid: The row's id.
            changes: New values by field name.
            at: When it happened (milliseconds since the epoch or a datetime); default now.
            blind: Keep `UpdatedDateUTC`, as some changes at Xero do.

        Raises:
            KeyError: The entity is unknown, or no row has this id.
        """
        table = self.table(entity)
        with table.lock:
            row = self.get(entity, guid)
            row.update(xero_json.copy_value(dict(changes)))
            if not blind:
                self._set_timestamp(entity, row, at)
            table.put(row, quiet=blind)
            return row

    def insert(self, entity: str, changes: Mapping[str, Any] | None = None, at: int | datetime | None = None) -> str:
        """Add a plausible new row, a copy of an old one with `changes`, and return its id."""
        table = self.table(entity)
        with table.lock:
            row = table.row(table.by_id[0]) if len(table) else {}
            row.pop(table.id_field, None)
            for unique in ("InvoiceNumber", "ContactNumber", "Name", "Code"):
                if row.get(unique):
                    row[unique] = f"{row[unique]}-{len(table.timestamps)}"
            row.update(xero_json.copy_value(dict(changes or {})))
            self._set_timestamp(entity, row, at)
            return table.put(row)

    def archive(self, entity: str, guid: str, at: int | datetime | None = None) -> Row:
        """Archive a contact or an account."""
        name = self._names[entity.replace("_", "").lower()]
        return self.edit(entity, guid, {"ContactStatus" if name == "Contacts" else "Status": "ARCHIVED"}, at)

    def delete(self, entity: str, guid: str) -> None:
        """Remove a row for good, as deleting an unused account does.

        Raises:
            KeyError: The entity is unknown, or no row has this id.
        """
        self.table(entity).delete(guid)

    def _set_timestamp(self, entity: str, row: Row, at: int | datetime | None) -> None:
        field = self.table(entity).timestamp_field
        ms = int(at.timestamp() * 1000) if isinstance(at, datetime) else at
        ms = self._now_ms() if ms is None else ms
        if field == "UpdatedDateUTC" or (field and not row.get(field)):
            row[field] = xero_json.xero_timestamp(ms)
        if "UpdatedDateUTCString" in row:
            row["UpdatedDateUTCString"] = xero_json.iso_second(ms)
