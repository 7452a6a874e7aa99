"""Syncs behind the pages, with progress: those that people ask for, and those that are due while pages are served."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from bizosaas_xero.host import Host, Progress
from bizosaas_xero.host.storage.database_errors import is_database_error
from bizosaas_xero.host.storage.leases import LEASE_WAIT_SECONDS, LOST, RUNNING
from bizosaas_xero.host.sync.runner import blocks_connection
from bizosaas_xero.host.sync.scheduler import DEFAULT_WORKERS, MAX_SLEEP_SECONDS, POOL_MAX_WAIT_SECONDS
from bizosaas_xero.spec import ConnectorError, Unavailable, error_from_dict

MIN_SLEEP_SECONDS = 5.0
"""Pause before due syncs are looked for again; another process may be at them."""

DATABASE_RETRY_SECONDS = 30.0
"""Pause before a database that does not answer is tried again."""

State = Literal["waiting", "running", "done", "stopped"]

log = logging.getLogger(__name__)


@dataclass
class EntityProgress:
    """How far one entity of a job is. ``note`` says why it waits or stopped."""

    entity: str
    state: State = "waiting"
    read: int = 0
    expected: int | None = None
    note: str = ""


@dataclass
class Job:
    """The sync of some entities of a connection, one after the other. A person asked for it, or it was due."""

    entities: list[EntityProgress] = field(default_factory=list)
    running: bool = True
    asked: bool = True


class SyncJobs:
    """Syncs in the background, one job a connection.

    Args:
        host: Runs them.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}
        self._stopping = threading.Event()

    def start(self, connection_id: str, entities: Sequence[str], *, asked: bool = True) -> Job:
        """Start a job; where one is running for this connection, that one is returned."""
        with self._lock:
            current = self._jobs.get(connection_id)
            if current and current.running:
                return current
            job = self._jobs[connection_id] = Job([EntityProgress(name) for name in entities], asked=asked)
            thread = threading.Thread(target=self._run, args=(connection_id, job), name="web-sync", daemon=True)
            self._threads[connection_id] = thread
            thread.start()
        return job

    def start_due(self, now: datetime) -> None:
        """Start a job for each connection of which something is due, as far as there are workers."""
        due: dict[str, list[str]] = {}
        for each in self._host.scheduler.list_jobs():
            if each.due <= now:
                due.setdefault(each.connection.id, []).append(each.info.name)
        for connection_id, entities in due.items():
            if sum(job.running for job in self._jobs.values()) >= DEFAULT_WORKERS:
                return
            self.start(connection_id, entities, asked=False)

    def get(self, connection_id: str) -> Job | None:
        """Return the last job of a connection."""
        return self._jobs.get(connection_id)

    def wait(self, connection_id: str) -> None:
        """Wait for the end of a connection's job."""
        self._threads[connection_id].join()

    def stop(self) -> None:
        """End the jobs, each after its current batch."""
        self._stopping.set()
        for thread in self._threads.values():
            thread.join()

    def _run(self, connection_id: str, job: Job) -> None:
        current = job.entities[0]
        try:
            for current in job.entities:
                if not self._run_entity(connection_id, current, asked=job.asked):
                    break
        except ConnectorError as error:
            log.warning("sync of %s ended: %s (%s)", connection_id, error.code, error.reason)
            current.note = f"{error.message} {error.remedy}"
        except _Stopped:
            pass
        finally:
            for each in job.entities:
                each.state = "stopped" if each.state in {"running", "waiting"} else each.state
            job.running = False

    def _run_entity(self, connection_id: str, shown: EntityProgress, *, asked: bool) -> bool:
        """Sync one entity; return whether the next one makes sense."""
        shown.state = "running"

        def show(progress: Progress) -> None:
            if self._stopping.is_set():
                raise _Stopped
            if progress.stats:
                shown.read, shown.expected = progress.stats.read, progress.stats.expected
            shown.note = f"Waiting {progress.waiting:.0f} seconds: {progress.why}" if progress.waiting else ""

        outcome = self._host.runner.sync(
            connection_id,
            shown.entity,
            on_progress=show,
            patience=LEASE_WAIT_SECONDS if asked else 0,
            max_wait=None if asked else POOL_MAX_WAIT_SECONDS,
        )
        problem = outcome.problem
        shown.state = "stopped" if problem else "done"
        shown.note = f"{problem['message']} {problem['remedy']}" if problem else ""
        return not problem or not (
            problem["recovery"] == "wait"
            or problem["reason"] in {RUNNING, LOST}
            or blocks_connection(error_from_dict(problem))
        )


class _Stopped(BaseException):
    """The pages are no longer served; not an error that the host could take for the connector's."""


@contextlib.contextmanager
def run_schedule(host: Host, jobs: SyncJobs, now: Callable[[], datetime]) -> Iterator[None]:
    """Run due syncs and deliver events, in the background, until the block ends."""
    stopping = threading.Event()

    def run() -> None:
        while not stopping.wait(_start_due(host, jobs, now)):
            pass

    thread = threading.Thread(target=run, name="web-schedule", daemon=True)
    with host.webhooks.deliver_in_background():
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()


def _start_due(host: Host, jobs: SyncJobs, now: Callable[[], datetime]) -> float:
    """Start due syncs, and return the seconds until the next look."""
    try:
        jobs.start_due(now())
        return max(MIN_SLEEP_SECONDS, min(host.scheduler.seconds_until_due(), MAX_SLEEP_SECONDS))
    except Unavailable as error:
        if not is_database_error(error):
            raise
        log.warning("the schedule waits for the database: %s", error.reason)
        return DATABASE_RETRY_SECONDS
