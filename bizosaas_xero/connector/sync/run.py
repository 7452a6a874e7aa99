"""Sync one entity: read its pages, decode the rows, and yield batches with their cursors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.http.client import Client
from bizosaas_xero.connector.http.transport import is_guid
from bizosaas_xero.connector.settings import Settings
from bizosaas_xero.connector.sync.cursor import Cursor, ReadKind, ReadPosition
from bizosaas_xero.connector.sync.entities import Entity
from bizosaas_xero.connector.sync.list_reader import MAX_IDS_PER_FILTER, ListReader
from bizosaas_xero.connector.sync.unpaged import read_unpaged
from bizosaas_xero.spec.errors import ConnectorError, Invalid, NotFound, Unavailable
from bizosaas_xero.spec.models import Batch, Record, Rejected, Stats, SyncOptions
from bizosaas_xero.toolkit import paging

MAX_RESTARTS = 3
"""How often one run restarts a read because a row left the list during it."""

MAX_LAG = timedelta(days=30)
"""A clock that was wrong by more than this makes a full read the simpler answer."""


class SyncRun:
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
        """Prepare a run; no request is sent before the first batch is requested.

        Raises:
            Invalid: A key in ``options.recheck`` is not one of Xero's ids.
        """
        if not all(is_guid(key) for key in options.recheck):
            complaint = "holds a key that is not one of Xero's ids"
            raise Invalid.field("options.recheck", complaint, summary="{path} is not valid.")
        self._entity = entity
        self._cursor = cursor
        self._options = options
        self._settings = settings
        self._client = client
        self._now = now
        self._list = ListReader(entity, client, settings, now)
        self._batches = 0
        self._clock_went_back = False
        self._lag = timedelta(0)
        self._set_apart: dict[str, None] = {}

    def batches(self) -> Iterator[Batch]:
        """Yield at least one batch; each batch's cursor resumes after it.

        Raises:
            ConnectorError: After the last good batch.
        """
        with self._client.counter.attach_cost():
            if self._entity.order is None:
                read = read_unpaged(self._list, self._cursor, full=self._options.full)
                yield self._make_batch(*read, has_more=False)
                return
            for restart in range(MAX_RESTARTS + 1):
                reading = self._next_read(fresh=restart > 0)
                try:
                    yield from self._read_paged(reading, may_restart=restart < MAX_RESTARTS)
                except paging.RestartRead:
                    continue
                return
            raise reasons.UNSTABLE_LIST()

    # ------------------------------------------------------------ paged lists

    def _next_read(self, *, fresh: bool) -> ReadPosition:
        """Return what to read: the rest of an unfinished read, changed records, or everything."""
        cursor, full, unfinished = self._cursor, self._options.full, self._cursor.read
        if unfinished and not fresh and not (full and unfinished.kind == "incremental"):
            return unfinished
        kind: ReadKind
        if cursor.since is None:
            kind = "first"
        elif full or self._clock_went_back or self._reread_is_due() or (unfinished and not unfinished.since):
            kind = "reread"
        else:
            since = cursor.since - timedelta(seconds=self._settings.overlap) - self._lag
            return ReadPosition(kind="incremental", since=since, size=self._settings.page_size)
        return ReadPosition(kind=kind, size=self._settings.page_size)

    def _reread_is_due(self) -> bool:
        # Some changes do not move UpdatedDateUTC; only reading everything again finds them. Both times are
        # Xero's, so this machine's clock does not matter.
        days, full_at = self._settings.reread_days, self._cursor.full_at
        checked_at = self._cursor.checked_at or self._cursor.since
        if not days or checked_at is None:
            return False
        return full_at is None or checked_at - full_at >= timedelta(days=days)

    def _read_paged(self, reading: ReadPosition, *, may_restart: bool) -> Iterator[Batch]:
        resumed_from, seen = reading, paging.DistinctKeys()
        ahead = 0 if self._options.max_batches == 1 else self._settings.concurrency - 1
        for page in paging.read_pages(self._list.page_fetcher(reading), reading.page, reading.count, ahead):
            if reading.started is None:
                self._check_clock(reading, page.server_time)
            at = page.server_time
            # A later page with an earlier time shows that the time before was ahead.
            if at and (reading.started is None or at < reading.started):
                reading = reading.model_copy(update={"started": at, "started_here": self._now()})
            records, rejected = self._decode_page(page, seen)
            self._list.log_page(page, reading.size, len(rejected))
            reading = reading.model_copy(
                update={
                    "newest": _newest(reading.newest, records),
                    "page": page.number + 1,
                    "first_count": page.count if reading.first_count is None else reading.first_count,
                    "count": reading.count if page.count is None else page.count,
                    "rows": reading.rows + len(page.rows),
                }
            )
            self._note_rejected(rejected)
            set_apart = list({**dict.fromkeys(self._cursor.set_apart or ()), **self._set_apart})[:MAX_IDS_PER_FILTER]
            stats = self._make_stats(reading, resumed_from)
            paused = not page.last and self._must_stop()
            if not page.last:
                stats.complete = False if paused else None
                stats.missing = _missing_count(reading.first_count, reading.rows) if paused else None
                stats.paused = paused
                cursor = self._cursor.with_changes(read=reading, set_apart=set_apart or None)
                yield self._make_batch(records, rejected, cursor, stats, has_more=not paused)
                if paused:
                    return
                del page, records  # frees them while the next page is fetched
                continue
            stats.read = len(seen)
            stats.complete, stats.missing = _completeness(reading, resumed_from, len(seen))
            if stats.complete is False:
                # `since` stays where it was, so the next read covers the missing rows.
                cursor = self._cursor.with_changes(read=None)
                restart = may_restart and not self._must_stop()
                yield self._make_batch(records, rejected, cursor, stats, has_more=restart)
                if restart:
                    raise paging.RestartRead
                return
            error = self._read_again(reading, records, rejected, stats)
            self._note_rejected(rejected)
            stats = stats.model_copy(update=self._client.counter.cost())
            cursor = self._finished_cursor(reading, not_modified=not page.content)
            # What was read is delivered before an error of what is read again.
            yield self._make_batch(records, rejected, cursor, stats, has_more=error is not None)
            if error:
                raise error

    def _decode_page(self, page: paging.Page, seen: paging.DistinctKeys) -> tuple[list[Record], list[Rejected]]:
        """Decode a page; rows that cannot be decoded are requested once more, as they may be damaged in transit."""
        records, rejected = self._list.decode(page, seen)
        keys = [row.key for row in rejected if row.key and is_guid(row.key)][:MAX_IDS_PER_FILTER]
        if not keys:
            return records, rejected
        again: list[Record] = []
        try:
            self._list.read_ids(keys, again, [])
        except (Invalid, NotFound, Unavailable):
            return records, rejected
        repaired = {record.key for record in again if record.key in keys}
        records += [record for record in again if record.key in repaired]
        return records, [row for row in rejected if row.key not in repaired]

    def _check_clock(self, reading: ReadPosition, at: datetime | None) -> None:
        # Timestamps set while Xero's clock was ahead are later than now: only reading everything is safe. `since` alone
        # does not show it, as it may have been bounded by this machine's clock, which may be ahead as well.
        if not reading.since or not at:
            return
        last_read = (self._cursor.checked_at or reading.since) - timedelta(seconds=self._settings.overlap)
        if at < max(reading.since, last_read):
            self._clock_went_back = True
            raise paging.RestartRead
        if not self._cursor.checked_at or not self._cursor.checked_here:
            return
        # If less time passed at Xero than here, Xero's time of the last read was ahead by the difference, and `since`
        # may be. (Or this machine's clock was set forward since: then some records are read again.)
        lag = (self._now() - self._cursor.checked_here) - (at - self._cursor.checked_at)
        if lag - self._lag > timedelta(seconds=self._settings.overlap):
            self._lag, self._clock_went_back = lag, lag > MAX_LAG
            raise paging.RestartRead

    def _finished_cursor(self, reading: ReadPosition, *, not_modified: bool) -> Cursor:
        cursor, started = self._cursor, reading.started or self._cursor.since
        since = started
        if reading.kind == "incremental":
            # A 304 says nothing of rows: the next read begins where this one did, which costs nothing.
            since = cursor.since if not_modified else max(filter(None, (cursor.since, self._bound(reading))))
        elif started is not None:
            since = self._bound(reading)
        full_at = cursor.full_at if reading.kind == "incremental" else started
        set_apart = list(self._set_apart)[:MAX_IDS_PER_FILTER] or None
        checked_at, checked_here = reading.started, reading.started_here
        if not checked_at:  # no response said what time it is at Xero
            checked_at, checked_here = cursor.checked_at or cursor.since, cursor.checked_here
        return cursor.with_changes(
            since=since, checked_at=checked_at, checked_here=checked_here, full_at=full_at, read=None,
            set_apart=set_apart,
        )  # fmt: skip

    def _note_rejected(self, rejected: list[Rejected]) -> None:
        self._set_apart |= dict.fromkeys(row.key for row in rejected if row.key and is_guid(row.key))

    def _bound(self, reading: ReadPosition) -> datetime | None:
        """Return the time up to which a complete read has all changes.

        That is Xero's time at its start. A response whose time is ahead of both the rows and this machine's clock is
        not believed: changes made before that time would never be read.
        """
        latest = max(filter(None, (reading.newest, self._now())))
        return min(reading.started, latest) if reading.started else self._cursor.since

    def _must_stop(self) -> bool:
        options = self._options
        batches_reached = options.max_batches is not None and self._batches + 1 >= options.max_batches
        return batches_reached or (options.deadline is not None and self._now() >= options.deadline)

    # ------------------------------------------------------------ changes without a new timestamp

    def _read_again(
        self, reading: ReadPosition, records: list[Record], rejected: list[Rejected], stats: Stats
    ) -> ConnectorError | None:
        """Add the records that a change without a new timestamp, or a damaged row, may have hidden from this read.

        Returns:
            The error that ended it; what was read before is right.
        """
        try:
            known = {record.key for record in records} | {row.key for row in rejected}
            self._list.read_ids([key for key in self._cursor.set_apart or () if key not in known], records, rejected)
            if self._options.recheck and self._entity.recheck and reading.kind == "incremental":
                self._list.read_recheck(self._options.recheck, records, rejected, stats)
        except ConnectorError as error:
            self._set_apart |= dict.fromkeys(self._cursor.set_apart or ())
            return error
        return None

    # ------------------------------------------------------------ batches

    def _make_batch(
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

    def _make_stats(self, reading: ReadPosition, resumed_from: ReadPosition) -> Stats:
        return Stats(
            kind=reading.kind,
            expected=reading.count,
            read=reading.rows - resumed_from.rows,
            **self._client.counter.cost(),
        )


def _newest(newest: datetime | None, records: list[Record]) -> datetime | None:
    return max((time for time in (newest, *(record.updated_at for record in records)) if time), default=None)


def _missing_count(expected: int | None, read: int) -> int | None:
    return None if expected is None else max(0, expected - read)


def _completeness(reading: ReadPosition, resumed_from: ReadPosition, distinct: int) -> tuple[bool | None, int | None]:
    """Return whether all was read, and how many records are missing; ``None`` if a resumed read cannot know.

    Before the resumption rows were counted, not distinct keys. A row comes twice only if another joined before it, so
    the repeated rows are at most as many as the joined ones.
    """
    expected = reading.first_count
    if expected is None:
        return None, None
    read = resumed_from.rows + distinct
    if read < expected:
        return False, expected - read
    joined = (reading.count or 0) - expected if resumed_from.rows else 0
    return (True, 0) if read - joined >= expected else (None, None)
