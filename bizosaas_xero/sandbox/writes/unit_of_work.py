"""A unit of work: the changes of one request, applied only when all of them are valid.

Reads see earlier writes of the same request. A refused element is rolled back alone; a refused request
changes nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bizosaas_xero.sandbox.core.xero_json import Row, copy_value
from bizosaas_xero.sandbox.ledger.company import Company
from bizosaas_xero.sandbox.switches import Switches


class RefusedError(Exception):
    """Xero would refuse an element, with these messages."""

    def __init__(self, *messages: str) -> None:
        self.messages = messages
        super().__init__(*messages)


class NotFoundError(Exception):
    """The address names an unknown row: 404."""


@dataclass(frozen=True)
class WriteContext:
    """The app that writes, and the circumstances of the write.

    Attributes:
        app: Name of the app.
        adviser: The user who connected it is an adviser, to whom the period lock does not apply.
        places: Decimal places of unit prices (`unitdp`).
        switches: The switches of the sandbox.
        new_id: Creates ids.
    """

    app: str
    adviser: bool
    places: int
    switches: Switches
    new_id: Callable[[], str]


@dataclass
class UnitOfWork:
    """The changes of one request.

    Attributes:
        books: The books to change.
        context: Who writes, and how.
        problems: The problems of the current element.
        warnings: The warnings of the current element.
    """

    books: Company
    context: WriteContext
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _rows: dict[tuple[str, str], Row | None] = field(default_factory=dict)
    _blind: set[tuple[str, str]] = field(default_factory=set)
    _notes: list[tuple[str, str, str, str]] = field(default_factory=list)

    def new_id(self) -> str:
        """Return a new id."""
        return self.context.new_id()

    def get(self, entity: str, guid: object) -> Row | None:
        """Return a copy of a row with the changes of this request."""
        key = entity, str(guid or "").lower() if entity not in _KEYED_BY_CODE else str(guid or "")
        if key in self._rows:
            return copy_value(self._rows[key])
        table = self.books.table(entity)
        slot = table.find(guid) if guid else None
        return None if slot is None else table.row(slot)

    def put(self, entity: str, row: Row, *, blind: bool = False) -> Row:
        """Add a changed or new row; `blind` keeps its timestamp, as some changes at Xero do."""
        key = entity, str(row[self.books.table(entity).id_field])
        if not blind or key not in self._rows:
            (self._blind.add if blind else self._blind.discard)(key)
        self._rows[key] = copy_value(row)
        return row

    def delete(self, entity: str, guid: str) -> None:
        """Remove a row."""
        self._rows[entity, guid] = None

    def find(self, entity: str, name: str, value: object) -> list[Row]:
        """Return the rows whose field equals a text, ignoring letter case."""
        text = str(value).strip().lower()
        id_field = self.books.table(entity).id_field
        changed_ids = {key[1] for key in self._rows if key[0] == entity}
        rows = [self.books.peek(entity, guid) for guid in self.books.find_ids(entity, name, text)]
        rows = [row for row in rows if row[id_field] not in changed_ids]
        changed_rows = [row for key, row in self._rows.items() if key[0] == entity and row is not None]
        return copy_value([*rows, *(r for r in changed_rows if str(r.get(name, "")).strip().lower() == text)])

    def iter_rows(self, entity: str) -> Iterator[Row]:
        """Iterate over all rows of a short list with the changes of this request; for reading only."""
        table = self.books.table(entity)
        for slot in table.by_id:
            if (entity, table.id(slot)) not in self._rows:
                yield table.peek(slot)
        yield from (copy_value(r) for key, r in self._rows.items() if key[0] == entity and r is not None)

    def add_note(self, entity: str, guid: str, changes: str, details: str) -> None:
        """Add a line to the history of a document."""
        self._notes.append((entity, guid, changes, details))

    def raise_problems(self) -> None:
        """Refuse the current element when it has problems.

        Raises:
            RefusedError: There are problems.
        """
        if self.problems:
            raise RefusedError(*dict.fromkeys(self.problems))

    def begin(self) -> tuple[object, ...]:
        """Start an element and return what `roll_back` needs to undo it."""
        self.problems, self.warnings = [], []
        return dict(self._rows), set(self._blind), list(self._notes)

    def roll_back(self, point: tuple[Any, ...]) -> None:
        """Undo everything since `begin`."""
        self._rows, self._blind, self._notes = dict(point[0]), set(point[1]), list(point[2])

    def commit(self) -> None:
        """Apply the changes to the books."""
        for (entity, guid), row in self._rows.items():
            table = self.books.table(entity)
            if row is None:
                if table.find(guid) is not None:
                    self.books.delete(entity, guid)
            elif (entity, guid) in self._blind:
                table.put(row, quiet=True)
            else:
                if table.find(guid) is None:
                    self.books.created_by.setdefault((entity, self.context.app), set()).add(guid)
                self.books.put(entity, row)
        for entity, guid, changes, details in self._notes:
            self.books.add_history(entity, guid, changes, details, self.context.app)
        self._rows, self._blind, self._notes = {}, set(), []


_KEYED_BY_CODE = {"Currencies", "TaxRates"}  # their id is a code, whose letter case matters
