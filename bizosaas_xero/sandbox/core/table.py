"""The rows of one entity, and the indexes that lists are served from.

Seeded rows are computed on demand; an edited or inserted row is kept as a dict. Every change updates every
index, so that a write only calls `put`.
"""

import threading
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.guids import GUID_CHARS, GuidSequence, sql_sort_key
from bizosaas_xero.sandbox.core.xero_json import Row

CACHE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class SeededRows:
    """Rows that are computed from their number.

    Attributes:
        ids: Converts row numbers and ids.
        count: The number of rows.
        make: Computes a row.
        timestamps: When each row was last changed, milliseconds since the epoch.
        columns: Fields by which lists select without computing the row: field name to one value per row.
        quick_fields: Fields that can be computed without the row.
    """

    ids: GuidSequence
    count: int
    make: Callable[[int], Row]
    timestamps: Callable[[int], int]
    columns: Mapping[str, Callable[[int], str]] = field(default_factory=dict)
    quick_fields: Mapping[str, Callable[[int], str]] = field(default_factory=dict)


class Column:
    """One field of all rows, as small numbers."""

    def __init__(self) -> None:
        self.codes = array("H")
        self._code: dict[str, int] = {}

    def code(self, value: str) -> int:
        """Return the number of a value; a new value gets the next number."""
        return self._code.setdefault(value, len(self._code))

    def find_code(self, value: str) -> int:
        """Return the number of a value, or -1 when no row has it."""
        return self._code.get(value, -1)


class Table:
    """All rows of one entity.

    Args:
        id_field: The field that holds the row's id, such as `InvoiceID`.
        seeded: The rows it starts with.
        timestamp_field: The field that says when a row changed; some kinds of rows have none, or only that of
            their creation.

    Attributes:
        version: Grows with every change.
        watchers: Called with the row before (None for a new one) and after each change that is not quiet.
    """

    def __init__(self, id_field: str, seeded: SeededRows, timestamp_field: str = "UpdatedDateUTC") -> None:
        self.id_field = id_field
        self.timestamp_field = timestamp_field
        self.version = 0
        self.watchers: list[Callable[[Row | None, Row], None]] = []
        self.lock = threading.RLock()
        self.touched: list[int] = []  # row numbers in the order of their changes
        self._seeded = seeded
        self._edited: dict[int, Row] = {}
        self._deleted: set[int] = set()
        self._other_ids: dict[str, int] = {}  # ids that the sequence did not make
        self._ids: dict[int, str] = {}
        self._cache: OrderedDict[tuple[int, str], bytes] = OrderedDict()
        self._cached = 0
        self._forms: set[str] = set()
        count = seeded.count
        self.timestamps = array("q", map(seeded.timestamps, range(count)))
        self.columns: dict[str, Column] = {}
        for name, value in seeded.columns.items():
            column = self.columns[name] = Column()
            column.codes.extend(column.code(value(slot)) for slot in range(count))
        keys = [sql_sort_key(self.id(slot)) for slot in range(count)]
        self.by_id = array("L", sorted(range(count), key=keys.__getitem__))
        # a stable sort of the id order: equal timestamps stay ordered by id
        self.by_timestamp = array("L", sorted(self.by_id, key=self.timestamps.__getitem__))

    def __len__(self) -> int:
        return len(self.by_id)

    def id(self, slot: int) -> str:
        """Return the id of a row number."""
        return self._ids.get(slot) or self._seeded.ids.id(slot)

    def find(self, guid: object) -> int | None:
        """Return the row number of an id, or None when no row has it."""
        text = str(guid).strip().lower()
        slot = self._other_ids.get(text)
        if slot is None:
            slot = self._seeded.ids.number(text)
            if not 0 <= slot < len(self.timestamps) or self.id(slot) != text:
                return None
        return None if slot in self._deleted else slot

    def peek(self, slot: int) -> Row:
        """Return a row for reading only; parts of it are shared with other rows."""
        edited = self._edited.get(slot)
        return self._seeded.make(slot) if edited is None else edited

    def value(self, slot: int, name: str) -> Any:
        """Return one field of a row, without computing the row where possible."""
        if slot not in self._edited and name in self._seeded.quick_fields:
            return self._seeded.quick_fields[name](slot)
        return self.peek(slot).get(name)

    def row(self, slot: int) -> Row:
        """Return a copy of a row; to change the row itself, `put` the copy."""
        return xero_json.copy_value(self.peek(slot))

    def rows(self) -> Iterator[Row]:
        """Iterate over all rows, oldest change first."""
        for slot in list(self.by_timestamp):
            yield self.row(slot)

    def put(self, row: Row, *, quiet: bool = False) -> str:
        """Store a whole row, as a new one or replacing the one with its id, and return the id.

        Its `UpdatedDateUTC` says when it changed; a row without an id gets one. A quiet change
        calls no watcher.
        """
        with self.lock:
            row = xero_json.normalise(row)
            before: Row | None = None
            guid = str(row.get(self.id_field) or "")
            guid = guid.lower() if len(guid) == GUID_CHARS else guid  # a code such as NZD keeps its case
            slot = self.find(guid) if guid else None
            if slot is None:
                slot = len(self.timestamps)
                if guid:
                    self._other_ids[guid.lower()] = slot
                    self._ids[slot] = guid
                guid = row[self.id_field] = guid or self.id(slot)
                self.timestamps.append(0)
                for column in self.columns.values():
                    column.codes.append(0)
            else:
                before = self.peek(slot) if self.watchers else None
                self._unindex(slot)
            self._edited[slot] = row
            self.timestamps[slot] = xero_json.milliseconds(row.get(self.timestamp_field)) or 0
            for name, column in self.columns.items():
                column.codes[slot] = column.code(str(row.get(name)))
            self._insert(self.by_id, slot, self._id_key)
            self._insert(self.by_timestamp, slot, self._timestamp_key)
            self._changed(slot)
            for watcher in () if quiet else self.watchers:
                watcher(before, row)
            return guid

    def delete(self, guid: str) -> None:
        """Remove a row for good.

        Raises:
            KeyError: No row has this id.
        """
        with self.lock:
            slot = self.find(guid)
            if slot is None:
                raise KeyError(guid)
            self._unindex(slot)
            self._edited.pop(slot, None)
            self._deleted.add(slot)
            self._changed(slot)

    def empty_copy(self) -> "Table":
        """Return a table of this kind without rows."""
        columns: dict[str, Callable[[int], str]] = dict.fromkeys(self.columns, str)
        seeded = SeededRows(self._seeded.ids, 0, self._seeded.make, self._seeded.timestamps, columns)
        return Table(self.id_field, seeded, self.timestamp_field)

    def render(self, slot: int, form: str, shape: Callable[[Row], Row]) -> bytes:
        """Render a row in one of its forms, from the cache when it did not change."""
        cached = self._cache.get((slot, form))
        if cached is None:
            cached = xero_json.row_text(shape(self.peek(slot))).encode()
            self._cache[slot, form] = cached
            self._forms.add(form)
            self._cached += len(cached)
            while self._cached > CACHE_BYTES:
                self._cached -= len(self._cache.popitem(last=False)[1])
        return cached

    def _id_key(self, slot: int) -> bytes:
        return sql_sort_key(self.id(slot))

    def _timestamp_key(self, slot: int) -> tuple[int, bytes]:
        return self.timestamps[slot], self._id_key(slot)

    @staticmethod
    def _insert(order: "array[int]", slot: int, key: Callable[[int], Any]) -> None:
        order.insert(bisect_left(order, key(slot), key=key), slot)

    def _unindex(self, slot: int) -> None:
        for order, key in ((self.by_id, self._id_key), (self.by_timestamp, self._timestamp_key)):
            del order[bisect_left(order, key(slot), key=key)]

    def _changed(self, slot: int) -> None:
        self.version += 1
        self.touched.append(slot)
        for cached in [key for form in self._forms if (key := (slot, form)) in self._cache]:
            self._cached -= len(self._cache.pop(cached))
