"""Run a sync: fresh grant, batches into the sink one by one, and what each error's ``recovery`` asks for."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from bizosaas_xero.host.connections.grants import Grants
from bizosaas_xero.host.connections.organisation_details import refresh_details
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.plugins.discovery import DiscoveryReport
from bizosaas_xero.host.plugins.validation import Unstorable
from bizosaas_xero.host.storage.database_errors import is_database_error
from bizosaas_xero.host.storage.leases import LEASE_WAIT_SECONDS, LOST, RUNNING, Leases
from bizosaas_xero.host.storage.models import StoredConnection
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.host.sync.run_history import RunHistory
from bizosaas_xero.host.sync.run_state import MAX_EMPTY_BATCHES, RETRY_DELAYS, Progress, SyncOutcome, SyncRun
from bizosaas_xero.host.sync.sink import Sink
from bizosaas_xero.spec import ConnectorError, EntityInfo

MAX_RETRY_SECONDS = 3_600.0
"""Seconds after which a run that keeps failing is tried again at the latest, unless its error names a later time."""

HOURLY_PROBES, DAILY_PROBES = timedelta(days=1), timedelta(days=30)
"""How long a problem that needs a person is tried again hourly, and then daily."""

INTERVAL_JITTER = 0.05
"""The part of an interval by which the next run may come later, so that not all come at once."""

MAX_LIMIT_WAIT_SECONDS = 65.0
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
        max_wait: float = MAX_LIMIT_WAIT_SECONDS,
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
        self.history = RunHistory(store.database)

    def sync(
        self,
        connection_id: str,
        entity: str,
        *,
        full: bool = False,
        on_progress: Callable[[Progress], None] = lambda _: None,
        patience: float = LEASE_WAIT_SECONDS,
        max_wait: float | None = None,
    ) -> SyncOutcome:
        """Bring one entity of a connection up to date. One sync of an organisation runs at a time.

        Args:
            connection_id: A connection in the store.
            entity: A name that the connector describes.
            full: Read everything again.
            on_progress: Called after each stored batch and before each wait.
            patience: Seconds to wait for another process that syncs this organisation.
            max_wait: Seconds to wait for a limit; a longer one ends the run, and is a later due date.

        Returns:
            The outcome. An error of the connector ends in its ``problem``, and stays with the entity's state;
            that another process is at work (``sync_running``, ``sync_taken_over``) is only its ``problem``.

        Raises:
            NotFound: for an unknown connection, connector or entity.
            ConnectorError: if the host's own database fails.
        """
        connection = self._store.connection(connection_id)
        connector = self._report.connector(connection.connector)
        info = connector.entity(entity)
        self._sink.prepare(entity, info)
        run, started = SyncRun(entity, full, self._max_wait if max_wait is None else max_wait), self._timer()
        try:
            with self._leases.hold(f"sync:{connection.id}", connection.organisation, patience) as run.lease:
                return self._sync_with_lease(run, connector, connection, info, on_progress)
        except ConnectorError as error:
            if error.reason not in {RUNNING, LOST}:
                raise
            return run.outcome(self._timer() - started, error)

    def _sync_with_lease(
        self,
        run: SyncRun,
        connector: Connector,
        connection: StoredConnection,
        info: EntityInfo | None,
        on_progress: Callable[[Progress], None],
    ) -> SyncOutcome:
        begun = self._now()
        self._store.update_entity(connection.id, run.entity, last_run=begun)
        connection = refresh_details(self._store, self._grants, connector, connection, self._now())
        run.recheck = [] if run.full else self._due_rechecks(connection, run.entity, info)
        started = self._timer()
        try:
            problem = self._run_attempts(run, connector, connection, on_progress)
        finally:  # also when it is stopped: what was sent was sent
            self._store.add_usage(connection.organisation_id, run.calls, run.bytes, run.day_left)
        outcome = run.outcome(self._timer() - started, problem)
        if problem is None:
            self._sink.emit_date_events(connection, run.entity)
            if run.read_all:
                self._sink.forget_rejected(connection.organisation_id, run.entity, before=begun)
        self._save_outcome(connection, info, run, outcome, problem)
        self.history.add(connection.id, run.entity, begun, outcome.to_dict())
        return outcome

    def _run_attempts(
        self, run: SyncRun, connector: Connector, connection: StoredConnection, on_progress: Callable[[Progress], None]
    ) -> ConnectorError | None:
        while True:
            try:
                self._run_attempt(run, connector, connection, on_progress)
            except ConnectorError as error:
                if is_database_error(error) or error.reason == LOST:
                    raise
                problem, pause = run.recover(error, run.max_wait)
                if problem is not None:
                    return problem
                if error.recovery == "restart":
                    self._store.update_entity(connection.id, run.entity, cursor=None)
                if pause:
                    on_progress(Progress(run.entity, run.counts, run.stats, pause, error.message))
                    self._sleep(pause)
            else:
                if not (run.stats and run.stats.paused and run.progressed):
                    return None

    def _run_attempt(
        self, run: SyncRun, connector: Connector, kept: StoredConnection, on_progress: Callable[[Progress], None]
    ) -> None:
        """Read from the stored cursor until the iterator ends or raises."""
        grant, connection = self._grants.get_access(connector, kept, run.refused)
        cursor = self._store.entity_state(kept.id, run.entity).cursor
        options = {"full": run.full, "max_wait": run.max_wait, "recheck": run.recheck}
        run.start_attempt(grant.version)
        try:
            with closing(connector.sync_entity(connection, run.entity, cursor, options)) as batches:
                for batch in batches:
                    if batch.entity != run.entity:
                        raise connector.failure(f"it gave a batch of {batch.entity!r} for {run.entity!r}")
                    run.observe(batch)
                    if run.empty > MAX_EMPTY_BATCHES:
                        raise connector.failure(f"it gave {MAX_EMPTY_BATCHES:,} batches without a record")
                    try:
                        run.counts += self._sink.write(kept, batch, run.lease)
                    except Unstorable as error:
                        raise connector.failure(str(error)) from None
                    run.add_batch(batch.stats, moved=batch.cursor != cursor)
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
            run.finish_attempt()

    def _due_rechecks(self, connection: StoredConnection, entity: str, info: EntityInfo | None) -> list[str]:
        if info is None or info.recheck is None:
            return []
        last = self._store.entity_state(connection.id, entity).rechecked_at
        if last is not None and self._now() < last + timedelta(seconds=info.recheck.every):
            return []
        return self._sink.list_keys_matching(connection.organisation_id, entity, info.recheck)

    def _save_outcome(
        self,
        connection: StoredConnection,
        info: EntityInfo | None,
        run: SyncRun,
        outcome: SyncOutcome,
        problem: ConnectorError | None,
    ) -> None:
        """Note the outcome with the entity, and with the connection what a person must do about it."""
        now = self._now()
        before = self._store.entity_state(connection.id, run.entity)
        failures = 0 if problem is None else before.failures + 1
        noted: dict[str, Any] = {"outcome": outcome.to_dict(), "next_due": None, "failures": failures}
        noted["blocked_since"] = None
        if problem is None:
            noted |= {"last_success": now, "next_due": self._next_due(connection, info)}
            if before.blocked_since is not None:
                self._sink.emit_recovery(connection, before)
            if run.recheck or (run.kind != "incremental" and outcome.complete):
                noted["rechecked_at"] = now
            if connection.state != "active":
                self._store.set_state(connection.id, "active")
                for state in self._store.entity_states(connection.id):
                    if state.blocked_since is not None and state.entity != run.entity:
                        self._store.update_entity(connection.id, state.entity, next_due=now)
        elif problem.recovery in {"wait", "retry"}:
            growing = min(RETRY_DELAYS[-1] * 2 ** min(failures - 1, 20), MAX_RETRY_SECONDS)
            noted["next_due"] = now + timedelta(seconds=problem.retry_after or growing)
        else:  # a person is needed; what heals by itself is found by a probe
            since = before.blocked_since or now
            noted |= {"blocked_since": since, "next_due": next_probe(since, now)}
            if blocks_connection(problem) and not self._is_working(connection):
                self._store.set_state(connection.id, problem.recovery, problem.to_dict())
        limited = problem is not None and problem.recovery == "wait"
        if limited or connection.resume_at is not None:
            self._store.set_resume_at(connection.id, noted["next_due"] if limited else None)
        self._store.update_entity(connection.id, run.entity, **noted)

    def _is_working(self, connection: StoredConnection) -> bool:
        """Ask whether the connection works although one entity was refused: then only this entity is stopped."""
        connector = self._report.connector(connection.connector)
        try:
            request = {"step": "check", "connection": self._grants.get_access(connector, connection)[1]}
            result = connector.auth(request)
        except ConnectorError as error:
            if is_database_error(error):
                raise
            return False
        if result.cost:
            self._store.add_cost(connection.organisation_id, result.cost)
        return result.status in {"ok", "missing_scope"}

    def _next_due(self, connection: StoredConnection, info: EntityInfo | None) -> datetime | None:
        seconds = interval(connection, info) if info else 0
        return self._now() + timedelta(seconds=seconds * (1 + INTERVAL_JITTER * self._chance())) if seconds else None


def next_probe(since: datetime, now: datetime) -> datetime | None:
    """Return when a problem that needs a person is tried again: hourly for a day, then daily for 30 days."""
    age = now - since
    if age < HOURLY_PROBES:
        return now + timedelta(hours=1)
    return now + timedelta(days=1) if age < HOURLY_PROBES + DAILY_PROBES else None


def interval(connection: StoredConnection, info: EntityInfo) -> int:
    """Return the seconds between two syncs: as configured, else as the connector says; 0 for never."""
    return int(connection.preferences.get("intervals", {}).get(info.name, info.interval))


def blocks_connection(problem: ConnectorError) -> bool:
    """Return whether an error blocks every entity of the connection, not just the one that met it."""
    of_one_entity = problem.features or problem.code in {"missing_scope", "invalid"}
    return problem.recovery in {"reconnect", "fix"} and not of_one_entity
