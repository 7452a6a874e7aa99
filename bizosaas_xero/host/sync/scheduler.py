"""Run what is due, again and again: a due date in the table beside each cursor is the whole schedule.

Nothing that counts is kept in memory, so a second copy beside this one, a restart or a night's sleep changes
nothing: what is due is due once, however late, and whoever takes the organisation's lease runs it.
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

NAP = 60.0
"""Seconds slept at most: after a computer's own sleep no clock tells how long it was."""

BUSY = timedelta(seconds=5)
"""After which an organisation that another process was syncing is looked at again."""


@dataclass(frozen=True)
class Job:
    """An entity of a connection, and when it is due."""

    due: datetime
    connection: StoredConnection
    info: EntityInfo


class Schedule:
    """Runs what is due.

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

    def jobs(self) -> list[Job]:
        """Return every entity that is to be read, the one longest due first.

        A connection that waits for a person is left out until it works again.
        """
        found: list[Job | None] = []
        for kept in self._store.connections():
            if kept.connector in self._report.loaded:
                info = self._report.connector(kept.connector).describe()
                states = {state.entity: state for state in self._store.entities(kept.id)}
                found += [
                    self._job(kept, entity, states.get(entity.name) or EntityState(entity.name))
                    for entity in (info.entities if info else ())
                ]
        return sorted((job for job in found if job), key=lambda job: job.due)

    def step(self) -> Iterator[tuple[StoredConnection, SyncOutcome]]:
        """Run everything that is due now, each once, and give each outcome."""
        for planned in self.jobs():
            if planned.due > self._now():
                return
            job = self._still(planned)
            if job is None or job.due > self._now():
                continue  # done by another process, or postponed or ended by what ran before it
            outcome = self._runner.sync(job.connection.id, job.info.name, patience=0)
            if outcome.problem and outcome.problem["reason"] in {RUNNING, LOST}:
                self._busy[job.connection.id] = self._now() + BUSY
            else:
                yield job.connection, outcome

    def nap(self) -> float:
        """Return the seconds until something may be due."""
        jobs = self.jobs()
        wait = (jobs[0].due - self._now()).total_seconds() if jobs else NAP
        return min(NAP, max(1.0, wait))

    def _still(self, planned: Job) -> Job | None:
        try:
            kept = self._store.connection(planned.connection.id)
        except NotFound:  # disconnected meanwhile
            return None
        return self._job(kept, planned.info, self._store.entity(kept.id, planned.info.name))

    def _job(self, kept: StoredConnection, info: EntityInfo, state: EntityState) -> Job | None:
        seconds = interval(kept, info)
        if kept.state != "active" or not seconds:
            return None
        if state.last_run is None:
            due = kept.created_at
        elif state.next_due is None and state.last_success is None and state.outcome is None:
            due = state.last_run  # killed in its first run
        else:
            due = state.next_due or state.last_run + timedelta(seconds=seconds)
        earliest = (self._busy.get(kept.id), kept.resume_at)
        return Job(max([due, *(moment for moment in earliest if moment)]), kept, info)
