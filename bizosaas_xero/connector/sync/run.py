"""A table row and a client make batches: what is read, how far, and what the host stores after it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bizosaas_xero.connector.http.client import Answer, Client
from bizosaas_xero.connector.records import decode
from bizosaas_xero.connector.settings import Settings
from bizosaas_xero.connector.sync import paging
from bizosaas_xero.connector.sync.cursor import Cursor, Kind, Reading
from bizosaas_xero.connector.sync.entities import Entity
from bizosaas_xero.spec.errors import Invalid, Unavailable
from bizosaas_xero.spec.models import Batch, Record, Rejected, Stats, SyncOptions

RESTARTS = 3
"""How often a read begins anew, in one run, because its list changed under it."""

IDS_A_CALL = 15
"""Ids in one filter; the whole address must stay well under 2,000 characters."""

_NO_ID = "00000000-0000-0000-0000-000000000000"
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Run:
    """One call of ``sync_entity``."""

    def __init__(
        self,
        entity: Entity,
        cursor: Cursor,
        options: SyncOptions,
        settings: Settings,
        client: Client,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepare a run; nothing is fetched before the first batch is asked for.

        Raises:
            Invalid: A key in ``options.recheck`` is not one of Xero's ids.
        """
        if not all(_GUID.fullmatch(key) for key in options.recheck):
            problem = {"field": "options.recheck", "message": "holds a key that is not one of Xero's ids"}
            raise Invalid("options.recheck is not valid.", problems=[problem])
        self._entity = entity
        self._cursor = cursor
        self._options = options
        self._settings = settings
        self._client = client
        self._now = now
        self._batches = 0
        self._clock_went_back = False

    def batches(self) -> Iterator[Batch]:
        """Read, and yield at least one batch; each one's cursor resumes after it.

        Raises:
            ConnectorError: After the last good batch.
        """
        with self._client.meter.charged():
            if self._entity.order is None:
                yield self._whole_list()
                return
            for restart in range(RESTARTS + 1):
                reading = self._begin(fresh=restart > 0)
                try:
                    yield from self._paged_list(reading, may_start_over=restart < RESTARTS)
                except paging.StartOver:
                    continue
                return
            raise Unavailable(
                "The records changed in a way that made a complete reading impossible, several times over.",
                reason="unstable_list",
            )

    # ------------------------------------------------------------ lists that Xero pages

    def _begin(self, *, fresh: bool) -> Reading:
        """Choose what is read: the rest of an unfinished read, what changed, or everything."""
        cursor, full, unfinished = self._cursor, self._options.full, self._cursor.read
        if unfinished and not fresh and not (full and unfinished.kind == "incremental"):
            return unfinished
        kind: Kind
        if cursor.since is None:
            kind = "first"
        elif full or self._clock_went_back or self._reread_is_due() or (unfinished and not unfinished.since):
            kind = "reread"
        else:
            since = cursor.since - timedelta(seconds=self._settings.overlap)
            return Reading(kind="incremental", since=since, size=self._settings.page_size)
        return Reading(kind=kind, size=self._settings.page_size)

    def _reread_is_due(self) -> bool:
        # Some changes move no stamp (Xero's blind spots); only reading everything again finds them. Both
        # moments are Xero's: this machine's clock has no say.
        days, since, full_at = self._settings.reread_days, self._cursor.since, self._cursor.full_at
        if not days or since is None:
            return False
        return full_at is None or since - full_at >= timedelta(days=days)

    def _paged_list(self, reading: Reading, *, may_start_over: bool) -> Iterator[Batch]:
        begun, seen = reading, paging.DistinctKeys()
        ahead = 0 if self._options.max_batches == 1 else self._settings.concurrency - 1
        for page in paging.read(self._fetcher(reading), reading.page, reading.count, ahead):
            if reading.started is None:
                self._check_clock(reading, page.at)
            records, rejected = self._decode(page.rows, page.content, seen)
            reading = reading.model_copy(
                update={
                    "started": reading.started or page.at,
                    "page": page.number + 1,
                    "first_count": page.count if reading.first_count is None else reading.first_count,
                    "count": page.count,
                    "rows": reading.rows + len(page.rows),
                }
            )
            stats = self._stats(reading, begun)
            paused = not page.last and self._must_stop()
            if not page.last:
                stats.complete = False if paused else None
                stats.missing = _at_least_0(reading.first_count, reading.rows) if paused else None
                stats.paused = paused
                yield self._batch(records, rejected, self._cursor.moved(read=reading), stats, has_more=not paused)
                if paused:
                    return
                del page, records  # not to be held while the next one is fetched
                continue
            stats.read = len(seen)
            stats.complete, stats.missing = _completeness(reading, begun, len(seen))
            if stats.complete is False:
                # Nothing moves past what was not read: the next read begins where this one did.
                cursor = self._cursor.moved(read=None)
                again = may_start_over and not self._must_stop()
                yield self._batch(records, rejected, cursor, stats, has_more=again)
                if again:
                    raise paging.StartOver
                return
            if self._options.recheck and self._entity.recheck and reading.kind == "incremental":
                self._recheck(records, rejected)
                stats = stats.model_copy(update=self._client.meter.cost())
            yield self._batch(records, rejected, self._finished(reading), stats, has_more=False)

    def _check_clock(self, reading: Reading, at: datetime | None) -> None:
        # Stamps given out while Xero's clock was ahead are later than today's: only everything is safe.
        if reading.since and at and at < reading.since:
            self._clock_went_back = True
            raise paging.StartOver

    def _fetcher(self, reading: Reading) -> paging.Fetch:
        params = {**self._entity.params, "order": f"{self._entity.order} ASC", "pageSize": str(reading.size)}
        if self._entity.where:
            params["where"] = self._entity.where
        return lambda number: self._page(number, params, reading.size, reading.since)

    def _page(
        self, number: int, params: dict[str, str], size: int, since: datetime | None = None
    ) -> Callable[[], paging.Page]:
        answered = self._client.fetch(self._entity.path, {**params, "page": str(number)}, since)

        def parsed() -> paging.Page:
            answer = answered()
            return paging.page_of(number, self._rows(answer), answer, size)

        return parsed

    def _rows(self, answer: Answer) -> list[Any]:
        rows = answer.body.get(self._entity.path, [] if not answer.body else None)
        if not isinstance(rows, list):
            # An empty table must never be made of an answer that does not hold one.
            raise Unavailable(f"Xero's answer holds no list of {self._entity.path}.", reason="garbled_answer")
        return rows

    def _finished(self, reading: Reading) -> Cursor:
        started = reading.started or self._cursor.since
        full_at = self._cursor.full_at if reading.kind == "incremental" else started
        return self._cursor.moved(since=started, full_at=full_at, read=None)

    def _must_stop(self) -> bool:
        options = self._options
        enough = options.max_batches is not None and self._batches + 1 >= options.max_batches
        return enough or (options.deadline is not None and self._now() >= options.deadline)

    # ------------------------------------------------------------ changes that leave no trace

    def _recheck(self, records: list[Record], rejected: list[Rejected]) -> None:
        """Add the records whose flag may have flipped without moving the stamp.

        Those still unflipped come in one list; a key that is not in it has flipped, and is read by its id.
        """
        assert self._entity.recheck is not None  # noqa: S101 (the caller looked)
        still = self._read_where(self._entity.recheck[1], records, rejected)
        flipped = [key for key in dict.fromkeys(map(str.lower, self._options.recheck)) if key not in still]
        for start in range(0, len(flipped), IDS_A_CALL):
            ids = flipped[start : start + IDS_A_CALL]
            where = " OR ".join(f'{self._entity.key}==Guid("{key}")' for key in ids)
            self._read_where(where, records, rejected)

    def _read_where(self, where: str, records: list[Record], rejected: list[Rejected]) -> set[str]:
        size = self._settings.page_size
        params = {"order": f"{self._entity.order} ASC", "pageSize": str(size), "where": where}
        keys: set[str] = set()
        number, last = 1, False
        while not last:
            page = self._page(number, params, size)()
            found, bad = self._decode(page.rows, page.content)
            records += found
            rejected += bad
            keys.update(record.key for record in found)
            number, last = number + 1, page.last
        return keys

    # ------------------------------------------------------------ lists that Xero sends whole

    def _whole_list(self) -> Batch:
        answer = self._client.get(self._entity.path, self._entity.params)
        rows = self._rows(answer)
        before = self._cursor
        digest = hashlib.sha256(
            b"\n".join(sorted(msgspec.json.encode(row, order="sorted") for row in rows))
        ).hexdigest()
        records, rejected = self._decode(rows, answer.content)
        keys = sorted({record.key for record in records} | {row.key for row in rejected if row.key})
        first = before.digest is None
        kind: Kind = "first" if first else "reread" if self._options.full else "incremental"
        if digest == before.digest and not self._options.full:
            records = []
        # A row that is there but cannot be read is not gone; without its key, nothing may be called gone.
        elif all(row.key for row in rejected):
            records += [Record(key=key, op="delete") for key in set(before.keys or ()) - set(keys)]
        else:
            keys = sorted({*keys, *(before.keys or ())})
        stats = Stats(
            kind=kind,
            complete=True,
            missing=0,
            expected=len(rows),
            read=len(rows),
            **self._client.meter.cost(),
        )
        cursor = before.moved(since=answer.at or before.since, keys=keys, digest=digest)
        return self._batch(records, rejected, cursor, stats, has_more=False)

    # ------------------------------------------------------------ rows

    def _decode(
        self, rows: list[Any], content: bytes, seen: paging.DistinctKeys | None = None
    ) -> tuple[list[Record], list[Rejected]]:
        convert = decode.converter(self._entity.shape)
        stamp, names = self._entity.stamp, (self._entity.key, *self._entity.other_keys)
        records: list[Record] = []
        bad: list[tuple[int, str | None, str]] = []
        for index, row in enumerate(rows):
            key = _key(row, names)
            if seen is not None:
                seen.add(key or f"{index} {content!r}")
            if key is None:
                bad.append((index, key, f"{names[0]}: missing"))
                continue
            try:
                convert(row)
            except decode.Undecodable as error:
                bad.append((index, key, str(error)))
                continue
            records.append(_record(key, row, row.get(stamp)))
        # Conversion works in place; what was half converted is shown as it came.
        raw = decode.parse_json(content)[self._entity.path] if bad else []
        return records, [Rejected(key=key, reason=reason, raw=raw[index]) for index, key, reason in bad]

    # ------------------------------------------------------------ batches

    def _batch(
        self,
        records: list[Record],
        rejected: list[Rejected],
        cursor: Cursor,
        stats: Stats,
        *,
        has_more: bool,
    ) -> Batch:
        self._batches += 1
        return Batch.model_construct(
            entity=self._entity.name,
            records=records,
            cursor=cursor.dump(),
            has_more=has_more,
            rejected=rejected,
            stats=stats,
        )

    def _stats(self, reading: Reading, begun: Reading) -> Stats:
        return Stats(
            kind=reading.kind,
            expected=reading.count,
            read=reading.rows - begun.rows,
            **self._client.meter.cost(),
        )


def _record(key: str, data: decode.Row, updated_at: datetime | None) -> Record:
    """Make a record of values that are typed already.

    Validating each again would cost more than decoding it, and so would pydantic's ``model_construct``, which
    goes through the fields one by one. This is how a pickled record is made.
    """
    record = Record.__new__(Record)
    record.__setstate__(
        {
            "__dict__": {"key": key, "op": "upsert", "data": data, "updated_at": updated_at},
            "__pydantic_fields_set__": _RECORD_FIELDS,
            "__pydantic_extra__": None,
            "__pydantic_private__": None,
        }
    )
    return record


_RECORD_FIELDS = set(Record.model_fields)


def _key(row: Any, names: tuple[str, ...]) -> str | None:
    if isinstance(row, dict):
        for name in names:
            value = row.get(name)
            if isinstance(value, str) and value and value != _NO_ID:
                return value.lower()
    return None


def _at_least_0(wanted: int | None, have: int) -> int | None:
    return None if wanted is None else max(0, wanted - have)


def _completeness(reading: Reading, begun: Reading, distinct: int) -> tuple[bool | None, int | None]:
    """Tell whether all was read, and how many are missing; ``None`` where a resumed read cannot know.

    Before a resumption only rows were counted, not distinct ones. A row comes twice only when another joined
    before it, so no more can have come twice than have joined.
    """
    wanted = reading.first_count
    if wanted is None:
        return None, None
    read = begun.rows + distinct
    if read < wanted:
        return False, wanted - read
    joined = (reading.count or 0) - wanted if begun.rows else 0
    return (True, 0) if read - joined >= wanted else (None, None)
