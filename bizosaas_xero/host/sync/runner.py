"""Run a sync: fresh grant, batches into the sink one by one, and what each error's ``recovery`` asks for."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from bizosaas_xero.host.connections.grants import Grants
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.plugins.discovery import DiscoveryReport
from bizosaas_xero.host.plugins.validation import Unstorable
from bizosaas_xero.host.storage.database_errors import is_own
from bizosaas_xero.host.storage.leases import LOST, PATIENCE, RUNNING, Leases
from bizosaas_xero.host.storage.models import StoredConnection
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.host.sync.run_state import MOST_EMPTY, PAUSES, Progress, Run, SyncOutcome
from bizosaas_xero.host.sync.sink import Sink
from bizosaas_xero.spec import ConnectorError, EntityInfo

LONGEST_PAUSE = 3_600.0
"""Seconds after which a run that keeps failing is tried again at the latest."""

JITTER = 0.1
"""The part of an interval by which the next run may come later, so that not all come at once."""

MAX_WAIT = 65.0
"""Seconds that a limit is waited for; a longer one is left to the next run."""


class Runner:
    """Runs syncs of the connections in a store.

    Args:
        store: Connections, grants and cursors.
        sink: Where records go.
        grants: Hands out grants that will last.
        report: The connectors.
        leases: Let one sync of an organisation run at a time.
        now: The clock.
        sleep: Waits, in seconds.
        chance: Gives a number from 0 to 1, to spread runs in time.
        timer: Measures how long a run took.
        max_wait: Seconds that a limit is waited for.
    """

    def __init__(  # noqa: PLR0913 (the parts that it plays together)
        self,
        store: Store,
        sink: Sink,
        grants: Grants,
        report: DiscoveryReport,
        leases: Leases,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        chance: Callable[[], float],
        timer: Callable[[], float] = time.monotonic,
        max_wait: float = MAX_WAIT,
    ) -> None:
        self._store = store
        self._sink = sink
        self._grants = grants
        self._report = report
        self._leases = leases
        self._now = now
        self._sleep = sleep
        self._chance = chance
        self._timer = timer
        self._max_wait = max_wait

    def sync(
        self,
        connection_id: str,
        entity: str,
        *,
        full: bool = False,
        on_progress: Callable[[Progress], None] = lambda _: None,
        patience: float = PATIENCE,
    ) -> SyncOutcome:
        """Bring one entity of a connection up to date. One sync of an organisation runs at a time.

        Args:
            connection_id: A connection in the store.
            entity: A name that the connector describes.
            full: Read everything again.
            on_progress: Called after each stored batch and before each wait.
            patience: Seconds to wait for another process that syncs this organisation.

        Returns:
            The outcome. An error of the connector ends in its ``problem``, and stays with the entity's state;
            that another process is at work (``sync_running``, ``sync_taken_over``) is only its ``problem``.

        Raises:
            NotFound: for an unknown connection, connector or entity.
            ConnectorError: if the host's own database fails.
        """
        kept = self._store.connection(connection_id)
        connector = self._report.connector(kept.connector)
        info = connector.entity(entity)
        self._sink.prepare(entity, info)
        run, started = Run(entity, full=full), self._timer()
        try:
            with self._leases.holding(f"sync:{kept.id}", kept.organisation, patience) as run.lease:
                return self._alone(run, connector, kept, info, on_progress)
        except ConnectorError as error:
            if error.reason not in {RUNNING, LOST}:
                raise
            return run.outcome(self._timer() - started, error)

    def _alone(
        self,
        run: Run,
        connector: Connector,
        kept: StoredConnection,
        info: EntityInfo | None,
        on_progress: Callable[[Progress], None],
    ) -> SyncOutcome:
        self._store.note(kept.id, run.entity, last_run=self._now())
        run.recheck = [] if run.full else self._due_rechecks(kept, run.entity, info)
        started = self._timer()
        try:
            problem = self._until_done(run, connector, kept, on_progress)
        finally:  # also when it is stopped: what was sent was sent
            self._store.count_usage(kept.organisation_id, run.calls, run.bytes, run.day_left)
        outcome = run.outcome(self._timer() - started, problem)
        if problem is None:
            self._sink.day_passed(kept, run.entity)
        self._keep(kept, info, run, outcome, problem)
        return outcome

    def _until_done(
        self, run: Run, connector: Connector, kept: StoredConnection, on_progress: Callable[[Progress], None]
    ) -> ConnectorError | None:
        while True:
            try:
                self._once(run, connector, kept, on_progress)
            except ConnectorError as error:
                if is_own(error) or error.reason == LOST:
                    raise
                problem, pause = run.recover(error, self._max_wait)
                if problem is not None:
                    return problem
                if error.recovery == "restart":
                    self._store.note(kept.id, run.entity, cursor=None)
                if pause:
                    on_progress(Progress(run.entity, run.counts, run.stats, pause, error.message))
                    self._sleep(pause)
            else:
                if not (run.stats and run.stats.paused and run.progressed):
                    return None

    def _once(
        self, run: Run, connector: Connector, kept: StoredConnection, on_progress: Callable[[Progress], None]
    ) -> None:
        """Read from the stored cursor until the iterator ends or raises."""
        held, connection = self._grants.access(connector, kept, run.refused)
        cursor = self._store.entity(kept.id, run.entity).cursor
        options = {"full": run.full, "max_wait": self._max_wait, "recheck": run.recheck}
        run.begin(held.version)
        try:
            with closing(connector.sync_entity(connection, run.entity, cursor, options)) as batches:
                for batch in batches:
                    if batch.entity != run.entity:
                        raise connector.failure(f"it gave a batch of {batch.entity!r} for {run.entity!r}")
                    run.looked_at(batch)
                    if run.empty > MOST_EMPTY:
                        raise connector.failure(f"it gave {MOST_EMPTY:,} batches without a record")
                    try:
                        run.counts += self._sink.write(kept, batch, run.lease)
                    except Unstorable as error:
                        raise connector.failure(str(error)) from None
                    run.stored(batch.stats, moved=batch.cursor != cursor)
                    cursor = batch.cursor
                    on_progress(Progress(run.entity, run.counts, run.stats))
                    del batch  # not to be held while the next one is fetched
            if not run.batches:
                raise connector.failure("sync_entity gave no batch")
            if run.more:
                raise connector.failure("its iterator ended, and its last batch had promised another")
        except ConnectorError as error:
            run.cost = error.cost or run.cost  # calls that brought no batch were sent, too
            raise
        finally:
            run.end()

    def _due_rechecks(self, kept: StoredConnection, entity: str, info: EntityInfo | None) -> list[str]:
        if info is None or info.recheck is None:
            return []
        last = self._store.entity(kept.id, entity).rechecked_at
        if last is not None and self._now() < last + timedelta(seconds=info.recheck.every):
            return []
        return self._sink.matching(kept.organisation_id, entity, info.recheck)

    def _keep(
        self,
        kept: StoredConnection,
        info: EntityInfo | None,
        run: Run,
        outcome: SyncOutcome,
        problem: ConnectorError | None,
    ) -> None:
        """Note the outcome with the entity, and with the connection what a person must do about it."""
        now = self._now()
        failures = 0 if problem is None else self._store.entity(kept.id, run.entity).failures + 1
        noted: dict[str, Any] = {"outcome": outcome.to_dict(), "next_due": None, "failures": failures}
        if problem is None:
            noted |= {"last_success": now, "next_due": self._next(kept, info)}
            if run.recheck or (run.kind != "incremental" and outcome.complete):
                noted["rechecked_at"] = now
            if kept.state != "active":
                self._store.set_state(kept.id, "active")
        elif problem.recovery in {"wait", "retry"}:
            growing = min(PAUSES[-1] * 2 ** min(failures - 1, 20), LONGEST_PAUSE)
            noted["next_due"] = now + timedelta(seconds=problem.retry_after or growing)
        elif concerns_connection(problem):
            self._store.set_state(kept.id, problem.recovery, problem.to_dict())
        limited = problem is not None and problem.recovery == "wait"
        if limited or kept.resume_at is not None:
            self._store.set_resume(kept.id, noted["next_due"] if limited else None)
        self._store.note(kept.id, run.entity, **noted)

    def _next(self, kept: StoredConnection, info: EntityInfo | None) -> datetime | None:
        seconds = interval(kept, info) if info else 0
        return self._now() + timedelta(seconds=seconds * (1 + JITTER * self._chance())) if seconds else None


def interval(kept: StoredConnection, info: EntityInfo) -> int:
    """Return the seconds between two syncs: as configured, else as the connector says; 0 for never."""
    return int(kept.preferences.get("intervals", {}).get(info.name, info.interval))


def concerns_connection(problem: ConnectorError) -> bool:
    """Tell whether an error stands in the way of every entity, not just of the one that met it."""
    return problem.recovery in {"reconnect", "fix"} and problem.code not in {"missing_scope", "invalid"}
