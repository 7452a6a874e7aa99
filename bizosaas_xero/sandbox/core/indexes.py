"""Indexes that find rows by number, name or code."""

from bizosaas_xero.sandbox.core.table import Table


class FieldIndex:
    """The rows of a table by one of their fields, ignoring letter case; updated on each lookup.

    Args:
        table: The rows.
        name: The field.
    """

    def __init__(self, table: Table, name: str) -> None:
        self._table = table
        self._name = name
        self._slots: dict[str, set[int]] = {}
        self._values: dict[int, str] = {}
        self._read = len(table.touched)
        for slot in table.by_id:
            self._add(slot)

    def find_slots(self, value: str) -> list[int]:
        """Return the numbers of the rows whose field equals a text in lower case."""
        changed, self._read = self._table.touched[self._read :], len(self._table.touched)
        for slot in changed:
            self._slots.get(self._values.pop(slot, ""), set()).discard(slot)
            if self._table.find(self._table.id(slot)) is not None:
                self._add(slot)
        return sorted(self._slots.get(value, ()))

    def _add(self, slot: int) -> None:
        value = str(self._table.value(slot, self._name) or "").strip().lower()
        if value:
            self._values[slot] = value
            self._slots.setdefault(value, set()).add(slot)
