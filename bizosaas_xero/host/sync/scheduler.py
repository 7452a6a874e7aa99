"""Run due syncs: the schedule is a due date stored with each cursor.

All state is in the database, so a second process, a restart or a suspended machine changes nothing: a due entity
runs once, however late, in the process that takes the organisation's lease.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import SimpleQueue
from threading import Event

from bizosaas_xero.host.plugins.discovery import DiscoveryReport
from bizosaas_xero.host.storage.leases import LOST, RUNNING
from bizosaas_xero.host.storage.models import EntityState, StoredConnection
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.host.sync.run_state import Progress, SyncOutcome
from bizosaas_xero.host.sync.runner import Runner, interval
from bizosaas_xero.spec import EntityInfo, NotFound

MAX_SLEEP_SECONDS = 60.0
"""The longest sleep in seconds: a suspended machine must notice due syncs soon after it wakes."""

DEFAULT_WORKERS = 4
"""Organisations that are synced at once."""

POOL_MAX_WAIT_SECONDS = 5.0
"""Seconds that a scheduled sync waits for a limit; a longer one becomes a later due date, and frees the worker."""

PATIENCE_SECONDS = 1.0
"""Seconds after which organisations that still sync no longer hold up the loop."""

BUSY_DELAY = timedelta(seconds=5)
"""After which an organisation that another process was syncing is looked at again."""


@dataclass(frozen=True)
class Job:
    """An entity of a connection, and when it is due."""

    due: datetime
    connection: StoredConnection
    info: EntityInfo


class Scheduler:
    """Runs due syncs.

    Args:
        store: Connections and their states.
        runner: Runs one entity.
        report: The connectors.
        now: The clock.
    """

    def __init__(self, store: Store, runner: Runner, report: DiscoveryReport, *, now: Callable[[], datetime]) -> None:
        self._store = store
        self._runner = runner
        self._report = report
        self._now = now
        self._busy: dict[str, datetime] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._running: dict[str, Future[None]] = {}
        self._outcomes: SimpleQueue[tuple[StoredConnection, SyncOutcome]] = SimpleQueue()
        self._stopping = Event()

    def list_jobs(self) -> list[Job]:
        """Return every entity that is to be read, the one longest due first.

        Of a connection that waits for a person only the entities that were refused are tried again (see
        :func:`.runner.next_probe`), until it works.
        """
        found: list[Job | None] = []
        for connection in self._store.connections():
            if connection.connector in self._report.loaded:
                info = self._report.connector(connection.connector).describe()
                states = {state.entity: state for state in self._store.entity_states(connection.id)}
                found += [
                    self._job(connection, entity, states.get(entity.name) or EntityState(entity.name))
                    for entity in (info.entities if info else ())
                ]
        return sorted((job for job in found if job), key=lambda job: job.due)

    def run_due(self, workers: int = 1) -> Iterator[tuple[StoredConnection, SyncOutcome]]:
        """Run all due syncs, each once, and yield each outcome.

        Args:
            workers: Organisations that are synced at once. With several, one that takes longer than
                :data:`PATIENCE_SECONDS` keeps running after this call; a later call yields its outcomes.
        """
        groups: dict[str, list[Job]] = {}
        planned = self.list_jobs()
        for job in planned:
            if job.due <= self._now():
                groups.setdefault(job.connection.id, []).append(job)
        is_alone = len({job.connection.id for job in planned}) <= 1  # no other can become due while it is synced
        if workers <= 1 or (is_alone and not self._running):
            for job in sorted((job for jobs in groups.values() for job in jobs), key=lambda job: job.due):
                yield from self._run_job(job)
            return
        self._pool = self._pool or ThreadPoolExecutor(workers, "sync")
        for connection_id, jobs in groups.items():
            if connection_id not in self._running:
                self._running[connection_id] = self._pool.submit(self._run_jobs, jobs)
        wait(self._running.values(), PATIENCE_SECONDS)
        finished = {name: future for name, future in self._running.items() if future.done()}
        for name in finished:
            del self._running[name]
        while not self._outcomes.empty():
            yield self._outcomes.get()
        for future in finished.values():
            future.result()  # raises what ended it, such as a database that is away

    def stop(self) -> None:
        """End the syncs that still run in the pool, each after its current batch."""
        self._stopping.set()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _run_jobs(self, jobs: list[Job]) -> None:
        for job in jobs:
            for outcome in self._run_job(job, self._stop_if_requested):
                self._outcomes.put(outcome)

    def _stop_if_requested(self, _progress: Progress) -> None:
        if self._stopping.is_set():
            raise KeyboardInterrupt

    def _run_job(
        self, planned: Job, on_progress: Callable[[Progress], None] = lambda _: None
    ) -> Iterator[tuple[StoredConnection, SyncOutcome]]:
        job = self._reload(planned)
        if job is None or job.due > self._now():
            return  # done by another process, or postponed or ended by what ran before it
        outcome = self._runner.sync(
            job.connection.id,
            job.info.name,
            on_progress=on_progress,
            patience=0,
            max_wait=POOL_MAX_WAIT_SECONDS,
        )
        if outcome.problem and outcome.problem["reason"] in {RUNNING, LOST}:
            self._busy[job.connection.id] = self._now() + BUSY_DELAY
        else:
            yield job.connection, outcome

    def seconds_until_due(self) -> float:
        """Return the seconds until something may be due."""
        jobs = [job for job in self.list_jobs() if job.connection.id not in self._running]
        seconds = (jobs[0].due - self._now()).total_seconds() if jobs else MAX_SLEEP_SECONDS
        longest = MAX_SLEEP_SECONDS if not self._running else PATIENCE_SECONDS
        return min(longest, max(1.0, seconds))

    def _reload(self, planned: Job) -> Job | None:
        try:
            connection = self._store.connection(planned.connection.id)
        except NotFound:  # disconnected meanwhile
            return None
        return self._job(connection, planned.info, self._store.entity_state(connection.id, planned.info.name))

    def _job(self, connection: StoredConnection, info: EntityInfo, state: EntityState) -> Job | None:
        seconds = interval(connection, info)
        blocked = state.blocked_since is not None
        if not seconds or (connection.state != "active" and not blocked) or (blocked and state.next_due is None):
            return None
        if state.last_run is None:
            due = connection.created_at
        elif state.next_due is None and state.last_success is None and state.outcome is None:
            due = state.last_run  # killed in its first run
        else:
            due = state.next_due or state.last_run + timedelta(seconds=seconds)
        earliest = (self._busy.get(connection.id), connection.resume_at)
        return Job(max([due, *(moment for moment in earliest if moment)]), connection, info)
