"""One run of a sync: what it has done so far, whether an error ends it, and what it says in the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bizosaas_xero.host.plugins.validation import parse_cost
from bizosaas_xero.host.storage.leases import Lease
from bizosaas_xero.host.sync.sink import Counts
from bizosaas_xero.spec import Batch, ConnectorError, ReconnectRequired, Stats

RETRY_DELAYS = (2.0, 8.0, 30.0)
"""Seconds before each repetition of a run that failed without progress."""


MAX_EMPTY_BATCHES = 10_000
"""Batches in a row without a record that a run takes: an iterator of nothing would hold a worker for ever."""


@dataclass(frozen=True)
class Progress:
    """What a run has done so far. ``waiting`` seconds are about to be slept because of ``why``."""

    entity: str
    counts: Counts
    stats: Stats | None = None
    waiting: float = 0.0
    why: str = ""


@dataclass(frozen=True)
class SyncOutcome:
    """What a run did. ``problem`` is an error's ``to_dict()``; ``None`` means that it went well.

    ``complete`` is ``None`` where it cannot be known: the read was resumed, or no total was announced. ``bytes`` are
    those received, ``seconds`` those spent.
    """

    entity: str
    new: int
    changed: int
    deleted: int
    same: int
    rejected: int
    calls: int
    bytes: int
    complete: bool | None
    missing: int | None
    kind: str | None
    seconds: float
    problem: dict[str, Any] | None = None
    day_left: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON values."""
        return dict(vars(self))


@dataclass
class SyncRun:
    """One run's state between its attempts."""

    entity: str
    full: bool
    max_wait: float
    recheck: list[str] = field(default_factory=list)
    lease: Lease | None = None
    counts: Counts = field(default_factory=Counts)
    stats: Stats | None = None
    kind: str | None = None
    cost: Mapping[str, int | None] = field(default_factory=dict)
    calls: int = 0
    bytes: int = 0
    day_left: int | None = None
    batches: int = 0
    empty: int = 0
    more: bool = False
    progressed: bool = False
    failures: int = 0
    refreshed: bool = False
    restarted: bool = False
    refused: int | None = None
    version: int = 0

    @property
    def read_all(self) -> bool:
        """Whether the last attempt met every record; one that was resumed can be complete, and met only the rest."""
        stats = self.stats
        if stats is None or stats.kind == "incremental" or stats.complete is not True:
            return False
        return stats.expected is not None and stats.read >= stats.expected

    def start_attempt(self, version: int) -> None:
        """Start an attempt with this version of the grant."""
        self.version, self.stats, self.batches, self.progressed = version, None, 0, False
        self.cost, self.more = {}, False

    def observe(self, batch: Batch) -> None:
        """Note what a batch is, before it is stored."""
        self.more = batch.has_more
        self.empty = 0 if batch.records or batch.rejected else self.empty + 1

    def add_batch(self, stats: Stats | None, *, moved: bool) -> None:
        """Note a stored batch. Only one that moves the cursor is progress, or a loop would never end."""
        self.batches += 1
        self.stats = stats or self.stats
        self.cost = parse_cost(vars(stats)) if stats else self.cost
        self.kind = self.kind or (self.stats.kind if self.stats else None)
        self.full = False  # from here on the cursor knows that everything is being read
        if moved:
            self.progressed, self.failures, self.refreshed = True, 0, False

    def finish_attempt(self) -> None:
        """Add up what the attempt cost: what its last batch said, or the error that ended it."""
        self.calls += self.cost.get("calls") or 0
        self.bytes += self.cost.get("bytes") or 0
        day_left = self.cost.get("day_left")
        self.day_left = self.day_left if day_left is None else day_left

    def recover(self, error: ConnectorError, max_wait: float) -> tuple[ConnectorError | None, float]:
        """Decide by ``recovery``: the problem with which to stop, or the seconds after which to retry."""
        if error.recovery == "refresh":
            if self.refreshed:
                return ReconnectRequired(
                    "Access was renewed, and is still refused.", correlation_id=error.correlation_id
                ), 0.0
            self.refreshed, self.refused = True, self.version
            return None, 0.0
        if error.recovery == "restart" and not self.restarted:
            self.restarted = True
            return None, 0.0
        if error.recovery in {"wait", "retry"} and self.failures < len(RETRY_DELAYS):
            pause = error.retry_after
            if pause is None and error.recovery == "retry":
                pause = RETRY_DELAYS[self.failures]
            if pause is not None and pause <= max_wait:
                self.failures += 1
                return None, pause
        return error, 0.0

    def outcome(self, seconds: float, problem: ConnectorError | None) -> SyncOutcome:
        """Sum the run up."""
        return SyncOutcome(
            entity=self.entity,
            **vars(self.counts),
            calls=self.calls,
            bytes=self.bytes,
            complete=False if problem else (self.stats.complete if self.stats else None),
            missing=self.stats.missing if self.stats else None,
            kind=self.kind,
            seconds=round(seconds, 3),
            problem=problem.to_dict() if problem else None,
            day_left=self.day_left,
        )
