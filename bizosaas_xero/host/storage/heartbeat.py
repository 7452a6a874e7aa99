"""Signs of life while long work goes on, so that a lease lasts as long as the work and no longer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from bizosaas_xero.host.storage.database_errors import is_own
from bizosaas_xero.spec import ConnectorError

log = logging.getLogger("bizosaas.host")


@contextmanager
def beating(sign: Callable[[], object], every: timedelta, name: str) -> Iterator[None]:
    """Give a sign of life now and then until the block ends.

    Args:
        sign: Gives one; that the database does not answer once is no reason to stop.
        every: How long between two.
        name: Of the thread.
    """
    done = threading.Event()

    def beat() -> None:
        while not done.wait(every.total_seconds()):
            try:
                sign()
            except ConnectorError as error:
                if not is_own(error):
                    raise
                log.debug("no sign of life this time: %s", error.reason)

    thread = threading.Thread(target=beat, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
