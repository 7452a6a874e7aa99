"""Heartbeats during long work, so that a lease lasts as long as the work and no longer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from bizosaas_xero.host.storage.database_errors import is_database_error
from bizosaas_xero.spec import ConnectorError

log = logging.getLogger(__name__)


@contextmanager
def heartbeat(sign: Callable[[], object], every: timedelta, name: str) -> Iterator[None]:
    """Send heartbeats until the block ends.

    Args:
        sign: Sends one; an error of the database is logged, and the next heartbeat is tried.
        every: The time between two.
        name: Of the thread.
    """
    done = threading.Event()

    def beat() -> None:
        while not done.wait(every.total_seconds()):
            try:
                sign()
            except ConnectorError as error:
                if not is_database_error(error):
                    raise
                log.debug("heartbeat failed: %s", error.reason)

    thread = threading.Thread(target=beat, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
