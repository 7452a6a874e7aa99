"""Blocking work of the host, one call of an organisation at a time, told of to clients that wait."""

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

from bizosaas_xero.adapters.mcp.elicitation import Context
from bizosaas_xero.host import StoredConnection
from bizosaas_xero.spec import ConnectorError

T = TypeVar("T")

TICK = 1.0
"""Seconds between two reports of progress."""


class Turns:
    """Lets calls take turns, since Xero takes 5 requests of an organisation at once.

    Args:
        choose: Gives the connection that an argument means.
    """

    def __init__(self, choose: Callable[[Any], StoredConnection]) -> None:
        self._choose = choose
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._busy = 0
        self._idle = threading.Condition()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold up :meth:`wait` while something is written."""
        with self._idle:
            self._busy += 1
        try:
            yield
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait until no write is running; tell whether that came about."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._busy, seconds)

    async def take(self, context: Context, work: Callable[[StoredConnection], T], organisation: Any) -> T:
        """Do blocking work for an organisation in a thread, and tell the client that it goes on.

        A call that is cancelled before its turn does nothing. One that has begun is not torn out of its work:
        a read's answer is dropped, a write is kept.
        """
        gone = threading.Event()

        def turn() -> tuple[T | None, Exception | None]:
            try:
                kept = self._choose(organisation)
                with self._locks[kept.id]:
                    return (None, None) if gone.is_set() else (work(kept), None)
            except Exception as error:  # noqa: BLE001 - it goes on in the caller, and out of no group
                return None, error

        async with anyio.create_task_group() as group:
            group.start_soon(_tell, context)
            try:
                result, error = await to_thread.run_sync(turn, abandon_on_cancel=True)
            finally:
                gone.set()
            group.cancel_scope.cancel()
        if error is not None:
            raise error
        return result  # type: ignore[return-value] # only a cancelled call has none, and it is not here


async def _tell(context: Context) -> None:
    """Report the seconds that a call takes; a client that gave no progress token gets none."""
    seconds = 0.0
    while True:
        await anyio.sleep(TICK)
        seconds += TICK
        await context.session.report_progress(seconds, message=f"Working for {seconds:.0f} s.")


def unexpected(error: Exception) -> ConnectorError:
    """Make the error for a fault of this program; it says where, and nothing that was passed."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__} in {PurePath(place.filename).name}:{place.lineno}"
    return ConnectorError(
        f"This program failed: {where}.", remedy="Please report it; nothing else helps.", reason="unexpected"
    )
