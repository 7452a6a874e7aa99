"""The rows of one organisation, and the indexes that lists are served from.

Seeded rows are computed when they are asked for; an edited or inserted row is kept as a dict. Every index is
kept right on every change, so that writes need nothing but `put`.
"""

import copy
import threading
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.guids import GUID_CHARS, Scramble, sql_order
from bizosaas_xero.sandbox.core.xero_json import Row

CACHE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Seeded:
    """Rows that are computed from their number.

    Attributes:
        ids: Gives row number and id.
        count: How many there are.
        make: Computes a row.
        stamps: When each was last changed, milliseconds since the epoch.
        columns: What lists select by without computing the row: field name to one value per row.
        names: Fields that can be computed without the row.
    """

    ids: Scramble
    count: int
    make: Callable[[int], Row]
    stamps: Callable[[int], int]
    columns: Mapping[str, Callable[[int], str]] = field(default_factory=dict)
    names: Mapping[str, Callable[[int], str]] = field(default_factory=dict)


class Column:
    """One field of all rows, as small numbers."""

    def __init__(self) -> None:
        self.codes = array("H")
        self._code: dict[str, int] = {}

    def code(self, value: str) -> int:
        """Return the number that stands for a value, a new one if need be."""
        return self._code.setdefault(value, len(self._code))

    def known(self, value: str) -> int:
        """Return the number that stands for a value, or -1 when no row has it."""
        return self._code.get(value, -1)


class Table:
    """All rows of one entity.

    Args:
        id_field: The field that holds the row's id, such as `InvoiceID`.
        seeded: The rows it starts with.
        stamp_field: The field that says when a row changed; some kinds of rows have none, or only that of
            their creation.

    Attributes:
        version: Grows with every change.
        watchers: Called with the row before (None for a new one) and after each change that is not quiet.
    """

    def __init__(self, id_field: str, seeded: Seeded, stamp_field: str = "UpdatedDateUTC") -> None:
        self.id_field = id_field
        self.stamp_field = stamp_field
        self.version = 0
        self.watchers: list[Callable[[Row | None, Row], None]] = []
        self.lock = threading.RLock()
        self.touched: list[int] = []  # row numbers in the order of their changes
        self._seeded = seeded
        self._kept: dict[int, Row] = {}
        self._gone: set[int] = set()
        self._foreign: dict[str, int] = {}  # ids that the scramble did not make
        self._ids: dict[int, str] = {}
        self._cache: OrderedDict[tuple[int, str], bytes] = OrderedDict()
        self._cached = 0
        count = seeded.count
        self.stamps = array("q", map(seeded.stamps, range(count)))
        self.columns: dict[str, Column] = {}
        for name, value in seeded.columns.items():
            column = self.columns[name] = Column()
            column.codes.extend(column.code(value(slot)) for slot in range(count))
        keys = [sql_order(self.id(slot)) for slot in range(count)]
        self.by_id = array("L", sorted(range(count), key=keys.__getitem__))
        # a stable sort of the id order: equal stamps stay ordered by id
        self.by_stamp = array("L", sorted(self.by_id, key=self.stamps.__getitem__))

    def __len__(self) -> int:
        return len(self.by_id)

    def id(self, slot: int) -> str:
        """Return the id of a row number."""
        return self._ids.get(slot) or self._seeded.ids.id(slot)

    def find(self, guid: object) -> int | None:
        """Return the row number of an id, or None when there is no such row."""
        text = str(guid).strip().lower()
        slot = self._foreign.get(text)
        if slot is None:
            slot = self._seeded.ids.number(text)
            if not 0 <= slot < len(self.stamps) or self.id(slot) != text:
                return None
        return None if slot in self._gone else slot

    def peek(self, slot: int) -> Row:
        """Return a row to look at; parts of it are shared with others and must not be changed."""
        kept = self._kept.get(slot)
        return self._seeded.make(slot) if kept is None else kept

    def value(self, slot: int, name: str) -> Any:
        """Return one field of a row, without computing the row if that can be helped."""
        if slot not in self._kept and name in self._seeded.names:
            return self._seeded.names[name](slot)
        return self.peek(slot).get(name)

    def row(self, slot: int) -> Row:
        """Return a copy of a row; to change the row itself, `put` the copy."""
        return copy.deepcopy(self.peek(slot))

    def rows(self) -> Iterator[Row]:
        """Iterate over all rows, oldest change first."""
        for slot in list(self.by_stamp):
            yield self.row(slot)

    def put(self, row: Row, *, quiet: bool = False) -> str:
        """Store a row whole, new or in place of the one with its id, and return the id.

        Its `UpdatedDateUTC` says when it changed; a row without an id gets one. A quiet change is told to no
        watcher.
        """
        with self.lock:
            row = xero_json.normalise(row)
            before: Row | None = None
            guid = str(row.get(self.id_field) or "")
            guid = guid.lower() if len(guid) == GUID_CHARS else guid  # a code such as NZD keeps its case
            slot = self.find(guid) if guid else None
            if slot is None:
                slot = len(self.stamps)
                if guid:
                    self._foreign[guid.lower()] = slot
                    self._ids[slot] = guid
                guid = row[self.id_field] = guid or self.id(slot)
                self.stamps.append(0)
                for column in self.columns.values():
                    column.codes.append(0)
            else:
                before = self.peek(slot) if self.watchers else None
                self._unindex(slot)
            self._kept[slot] = row
            self.stamps[slot] = xero_json.milliseconds(row.get(self.stamp_field)) or 0
            for name, column in self.columns.items():
                column.codes[slot] = column.code(str(row.get(name)))
            self._insert(self.by_id, slot, self._id_key)
            self._insert(self.by_stamp, slot, self._stamp_key)
            self._changed(slot)
            for watcher in () if quiet else self.watchers:
                watcher(before, row)
            return guid

    def delete(self, guid: str) -> None:
        """Remove a row for good.

        Raises:
            KeyError: There is no such row.
        """
        with self.lock:
            slot = self.find(guid)
            if slot is None:
                raise KeyError(guid)
            self._unindex(slot)
            self._kept.pop(slot, None)
            self._gone.add(slot)
            self._changed(slot)

    def text(self, slot: int, form: str, shape: Callable[[Row], Row]) -> bytes:
        """Return a row rendered in one of its forms, from the cache when it did not change."""
        cached = self._cache.get((slot, form))
        if cached is None:
            cached = xero_json.row_text(shape(self.peek(slot))).encode()
            self._cache[slot, form] = cached
            self._cached += len(cached)
            while self._cached > CACHE_BYTES:
                self._cached -= len(self._cache.popitem(last=False)[1])
        return cached

    def _id_key(self, slot: int) -> bytes:
        return sql_order(self.id(slot))

    def _stamp_key(self, slot: int) -> tuple[int, bytes]:
        return self.stamps[slot], self._id_key(slot)

    @staticmethod
    def _insert(order: "array[int]", slot: int, key: Callable[[int], Any]) -> None:
        order.insert(bisect_left(order, key(slot), key=key), slot)

    def _unindex(self, slot: int) -> None:
        for order, key in ((self.by_id, self._id_key), (self.by_stamp, self._stamp_key)):
            del order[bisect_left(order, key(slot), key=key)]

    def _changed(self, slot: int) -> None:
        self.version += 1
        self.touched.append(slot)
        for cached in [key for form in FORMS if (key := (slot, form)) in self._cache]:
            self._cached -= len(self._cache.pop(cached))


FORMS = ("full", "list", "summary", "full4", "list4", "summary4")


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
            KeyError: There is no such entity.
        """
        return self.tables[self._names[entity.replace("_", "").lower()]]

    def get(self, entity: str, guid: str) -> Row:
        """Return one row.

        Raises:
            KeyError: There is no such entity or row.
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
        """Store a row whole and return its id; it counts as changed at `at` (default: now)."""
        fresh = copy.deepcopy(dict(row))
        self._stamp(entity, fresh, at)
        return self.table(entity).put(fresh)

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
            blind: Leave `UpdatedDateUTC` alone, as some changes at Xero do.

        Raises:
            KeyError: There is no such entity or row.
        """
        table = self.table(entity)
        with table.lock:
            row = self.get(entity, guid)
            row.update(copy.deepcopy(dict(changes)))
            if not blind:
                self._stamp(entity, row, at)
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
                    row[unique] = f"{row[unique]}-{len(table.stamps)}"
            row.update(copy.deepcopy(dict(changes or {})))
            self._stamp(entity, row, at)
            return table.put(row)

    def archive(self, entity: str, guid: str, at: int | datetime | None = None) -> Row:
        """Archive a contact or an account."""
        name = self._names[entity.replace("_", "").lower()]
        return self.edit(entity, guid, {"ContactStatus" if name == "Contacts" else "Status": "ARCHIVED"}, at)

    def delete(self, entity: str, guid: str) -> None:
        """Remove a row for good, as deleting an unused account does.

        Raises:
            KeyError: There is no such entity or row.
        """
        self.table(entity).delete(guid)

    def _stamp(self, entity: str, row: Row, at: int | datetime | None) -> None:
        field = self.table(entity).stamp_field
        ms = int(at.timestamp() * 1000) if isinstance(at, datetime) else at
        ms = self._now_ms() if ms is None else ms
        if field == "UpdatedDateUTC" or (field and not row.get(field)):
            row[field] = xero_json.date(ms)
        if "UpdatedDateUTCString" in row:
            row["UpdatedDateUTCString"] = xero_json.iso_second(ms)
