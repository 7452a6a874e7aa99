"""Blocking work of the host in threads: one call per organisation at a time, with progress for waiting clients."""

from __future__ import annotations

import threading
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any, TypeVar

import anyio
from anyio import to_thread

from bizosaas_xero.adapters.mcp import reasons
from bizosaas_xero.adapters.mcp.elicitation import Context
from bizosaas_xero.host import StoredConnection
from bizosaas_xero.spec import ConnectorError

T = TypeVar("T")

PROGRESS_SECONDS = 1.0
"""Seconds between two reports of progress."""


class OrganisationLocks:
    """Runs the calls of one organisation one after the other: Xero accepts 5 concurrent requests for it.

    Args:
        find_connection: Returns the connection that the argument ``organisation`` names.
    """

    def __init__(self, find_connection: Callable[[Any], StoredConnection]) -> None:
        self._find_connection = find_connection
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._writes = 0
        self._no_writes = threading.Condition()

    @contextmanager
    def track_write(self) -> Iterator[None]:
        """Count a write as running, for :meth:`wait_for_writes`."""
        with self._no_writes:
            self._writes += 1
        try:
            yield
        finally:
            with self._no_writes:
                self._writes -= 1
                self._no_writes.notify_all()

    def wait_for_writes(self, seconds: float) -> bool:
        """Wait until no write is running; return whether that happened in time."""
        with self._no_writes:
            return self._no_writes.wait_for(lambda: not self._writes, seconds)

    async def run(self, context: Context, work: Callable[[StoredConnection], T], organisation: Any) -> T:
        """Run blocking work for an organisation in a thread, and report progress to the client.

        A call that is cancelled before it gets the lock does nothing. Work that has begun is not interrupted: the
        result of a read is dropped, a write is kept.
        """
        cancelled = threading.Event()

        def run_locked() -> tuple[T | None, Exception | None]:
            try:
                connection = self._find_connection(organisation)
                with self._locks[connection.id]:
                    return (None, None) if cancelled.is_set() else (work(connection), None)
            except Exception as error:  # noqa: BLE001 - raised below, outside the task group
                return None, error

        async with anyio.create_task_group() as group:
            group.start_soon(_report_progress, context)
            try:
                result, error = await to_thread.run_sync(run_locked, abandon_on_cancel=True)
            finally:
                cancelled.set()
            group.cancel_scope.cancel()
        if error is not None:
            raise error
        return result  # type: ignore[return-value] # only a cancelled call has no result, and it raised above


async def _report_progress(context: Context) -> None:
    """Report how long a call is running; a client that sent no progress token receives nothing."""
    seconds = 0.0
    while True:
        await anyio.sleep(PROGRESS_SECONDS)
        seconds += PROGRESS_SECONDS
        await context.session.report_progress(seconds, message=f"Working for {seconds:.0f} s.")


def unexpected_error(error: Exception) -> ConnectorError:
    """Return the error for a fault of this program: its place in the code, and no argument of the call."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__} in {PurePath(frame.filename).name}:{frame.lineno}"
    return reasons.UNEXPECTED(place=place)
