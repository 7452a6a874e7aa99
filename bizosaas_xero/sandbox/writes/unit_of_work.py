"""A unit of work: what one request wants to change, kept apart until all of it is found right.

Reads see what the same request wrote before. A refused element is rolled back by itself; a refused request
changes nothing at all.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.company import Company
from bizosaas_xero.sandbox.oauth.apps import Switches


class RefusedError(Exception):
    """Xero would refuse an element, for these reasons."""

    def __init__(self, *messages: str) -> None:
        self.messages = messages
        super().__init__(*messages)


class MissingError(Exception):
    """What the address names is not there: 404."""


@dataclass(frozen=True)
class Who:
    """Who writes, and under which circumstances.

    Attributes:
        app: Name of the app.
        adviser: The person who connected it is an adviser, who may write through the period lock.
        places: Decimal places of unit prices (`unitdp`).
        switches: What is not known about Xero.
        new_id: Makes ids.
    """

    app: str
    adviser: bool
    places: int
    switches: Switches
    new_id: Callable[[], str]


@dataclass
class Work:
    """The changes of one request.

    Attributes:
        books: What is changed in the end.
        who: Who asks.
        problems: What is wrong with the element in hand.
        warnings: What Xero merely remarks on about it.
    """

    books: Company
    who: Who
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _rows: dict[tuple[str, str], Row | None] = field(default_factory=dict)
    _blind: set[tuple[str, str]] = field(default_factory=set)
    _notes: list[tuple[str, str, str, str]] = field(default_factory=list)

    def id(self) -> str:
        """Return a new id."""
        return self.who.new_id()

    def get(self, entity: str, guid: object) -> Row | None:
        """Return a copy of a row as this request would leave it."""
        key = entity, str(guid or "").lower() if entity not in _CODED else str(guid or "")
        if key in self._rows:
            return copy.deepcopy(self._rows[key])
        table = self.books.table(entity)
        slot = table.find(guid) if guid else None
        return None if slot is None else table.row(slot)

    def put(self, entity: str, row: Row, *, blind: bool = False) -> Row:
        """Keep a changed or new row; `blind` leaves its stamp alone, as some changes at Xero do."""
        key = entity, str(row[self.books.table(entity).id_field])
        if not blind or key not in self._rows:
            (self._blind.add if blind else self._blind.discard)(key)
        self._rows[key] = copy.deepcopy(row)
        return row

    def delete(self, entity: str, guid: str) -> None:
        """Remove a row for good."""
        self._rows[entity, guid] = None

    def find(self, entity: str, name: str, value: object) -> list[Row]:
        """Return the rows whose field equals a text, letter case aside."""
        wanted = str(value).strip().lower()
        id_field = self.books.table(entity).id_field
        known = {key[1] for key in self._rows if key[0] == entity}
        found = [self.books.look(entity, guid) for guid in self.books.ids_by(entity, name, wanted)]
        found = [row for row in found if row[id_field] not in known]
        mine = [row for key, row in self._rows.items() if key[0] == entity and row is not None]
        return copy.deepcopy([*found, *(r for r in mine if str(r.get(name, "")).strip().lower() == wanted)])

    def every(self, entity: str) -> Iterator[Row]:
        """Iterate over all rows of a short list, as this request would leave them; only to look at."""
        table = self.books.table(entity)
        for slot in table.by_id:
            if (entity, table.id(slot)) not in self._rows:
                yield table.peek(slot)
        yield from (copy.deepcopy(r) for key, r in self._rows.items() if key[0] == entity and r is not None)

    def note(self, entity: str, guid: str, changes: str, details: str) -> None:
        """Write a line into the history of a document."""
        self._notes.append((entity, guid, changes, details))

    def refuse_if_wrong(self) -> None:
        """End the element in hand when anything was found wrong with it.

        Raises:
            RefusedError: There are problems.
        """
        if self.problems:
            raise RefusedError(*dict.fromkeys(self.problems))

    def begin(self) -> tuple[object, ...]:
        """Start an element and return what `back` needs to undo it."""
        self.problems, self.warnings = [], []
        return dict(self._rows), set(self._blind), list(self._notes)

    def back(self, point: tuple[Any, ...]) -> None:
        """Undo everything since `begin`."""
        self._rows, self._blind, self._notes = dict(point[0]), set(point[1]), list(point[2])

    def commit(self) -> None:
        """Make the changes."""
        for (entity, guid), row in self._rows.items():
            table = self.books.table(entity)
            if row is None:
                if table.find(guid) is not None:
                    self.books.delete(entity, guid)
            elif (entity, guid) in self._blind:
                table.put(row, quiet=True)
            else:
                if table.find(guid) is None:
                    self.books.created_by.setdefault((entity, self.who.app), set()).add(guid)
                self.books.put(entity, row)
        for entity, guid, changes, details in self._notes:
            self.books.add_history(entity, guid, changes, details, self.who.app)
        self._rows, self._blind, self._notes = {}, set(), []


_CODED = {"Currencies", "TaxRates"}  # known by a code, whose case counts


def picked(given: Mapping[str, Any], *names: str) -> Row:
    """Return those fields of an element that it has."""
    return {name: given[name] for name in names if name in given}


def same_day(row: Row, name: str = "Date") -> str:
    """Return the `DateString` that goes with a date."""
    return xero_json.iso_day(xero_json.milliseconds(row[name]) or 0)
