"""Run due syncs: the schedule is a due date stored with each cursor.

All state is in the database, so a second process, a restart or a suspended machine changes nothing: a due entity
runs once, however late, in the process that takes the organisation's lease.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from bizosaas_xero.host.plugins.discovery import DiscoveryReport
from bizosaas_xero.host.storage.leases import LOST, RUNNING
from bizosaas_xero.host.storage.models import EntityState, StoredConnection
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.host.sync.run_state import SyncOutcome
from bizosaas_xero.host.sync.runner import Runner, interval
from bizosaas_xero.spec import EntityInfo, NotFound

MAX_SLEEP_SECONDS = 60.0
"""The longest sleep in seconds: a suspended machine must notice due syncs soon after it wakes."""

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

    def run_due(self) -> Iterator[tuple[StoredConnection, SyncOutcome]]:
        """Run everything that is due now, each once, and give each outcome."""
        for planned in self.list_jobs():
            if planned.due > self._now():
                return
            job = self._reload(planned)
            if job is None or job.due > self._now():
                continue  # done by another process, or postponed or ended by what ran before it
            outcome = self._runner.sync(job.connection.id, job.info.name, patience=0)
            if outcome.problem and outcome.problem["reason"] in {RUNNING, LOST}:
                self._busy[job.connection.id] = self._now() + BUSY_DELAY
            else:
                yield job.connection, outcome

    def seconds_until_due(self) -> float:
        """Return the seconds until something may be due."""
        jobs = self.list_jobs()
        wait = (jobs[0].due - self._now()).total_seconds() if jobs else MAX_SLEEP_SECONDS
        return min(MAX_SLEEP_SECONDS, max(1.0, wait))

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
