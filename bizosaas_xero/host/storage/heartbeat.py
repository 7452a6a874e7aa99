"""Heartbeats during long work, so that a lease lasts as long as the work and no longer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bizosaas_xero.host.storage import ownership
from bizosaas_xero.spec import ConnectorError

log = logging.getLogger(__name__)


@contextmanager
def heartbeat(sign: Callable[[], object], name: str) -> Iterator[None]:
    """Send heartbeats until the block ends.

    Args:
        sign: Sends one by moving the lease's end; an error of the store is logged, and the next heartbeat is tried.
        name: Of the thread.
    """
    done = threading.Event()
    every = ownership.HEARTBEAT_INTERVAL.total_seconds()

    def beat() -> None:
        while not done.wait(every):
            try:
                sign()
            except ConnectorError as error:
                log.debug("heartbeat failed: %s", error.reason)

    thread = threading.Thread(target=beat, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
