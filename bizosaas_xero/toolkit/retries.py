"""Repeat a request that failed for a passing reason, and wait for limits within a budget."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Lock, local
from typing import TypeVar

from bizosaas_xero.spec.errors import ConnectorError, RateLimited, Unavailable

Result = TypeVar("Result")

FIRST_PAUSE_SECONDS = 0.3
"""The pause before the second attempt; it doubles with each attempt, with a jitter of the same size."""

logger = logging.getLogger("bizosaas_xero.retry")


def retry(send: Callable[[], Result], attempts: int, decide: Callable[[Exception], bool | float]) -> Result:
    """Call ``send`` until it returns, at most ``attempts`` times.

    Args:
        send: Raises an error of the contract when it fails.
        attempts: How often it is called at most.
        decide: Whether an error is worth another attempt: no, yes (growing pauses), or after exact seconds.

    Raises:
        ConnectorError: That of the last attempt.
    """
    import stamina  # imports asyncio, which describing and listing do not need

    # stamina adds jitter and pauses between attempts; tests switch them off with its public switch.
    for attempt in stamina.retry_context(
        on=decide, attempts=attempts, timeout=None, wait_initial=FIRST_PAUSE_SECONDS, wait_jitter=FIRST_PAUSE_SECONDS
    ):
        with attempt:
            return send()
    raise AssertionError("stamina either returns or raises")


def is_passing(error: Exception) -> bool:
    """Return whether an error passes by itself, and log it."""
    passing = isinstance(error, Unavailable)
    if isinstance(error, ConnectorError):
        _log(error, passing)
    return passing


def _log(error: ConnectorError, decision: bool | float) -> None:
    # The message may hold texts of the service: only code and reason are logged.
    details = {"code": error.code, "reason": error.reason, "correlation_id": error.correlation_id}
    wait = {} if isinstance(decision, bool) else {"wait_seconds": round(decision, 2)}
    what = "repeat" if decision else "give up"
    shown = " ".join(f"{name}={value}" for name, value in {**details, **wait}.items() if value is not None)
    logger.debug("%s: %s", what, shown, extra={**details, **wait, "repeat": bool(decision)})


class WaitBudget:
    """The seconds that one run may wait for limits in all."""

    def __init__(self, seconds: float) -> None:
        """Start with the whole budget."""
        self._left = seconds
        self._waiting_until = 0.0
        self._lock, self._this_thread = Lock(), local()

    def retry_delay(self, error: Exception) -> bool | float:
        """Decide on another attempt: ``False``, ``True`` (growing pauses), or the exact seconds to wait."""
        if not isinstance(error, RateLimited) or error.retry_after is None:
            return is_passing(error)
        # Clocks differ slightly: waiting a little longer avoids a second refusal.
        wait = error.retry_after + 0.05
        try:
            self.reserve(wait, error)
        except RateLimited:
            _log(error, False)
            return False
        _log(error, wait)
        return wait

    def reserve(self, seconds: float, error: ConnectorError) -> None:
        """Deduct a wait that starts now; waits of several threads at the same time count once.

        Raises:
            ConnectorError: ``error``, if the budget would be exceeded.
        """
        with self._lock:
            # A thread's waits follow each other, also in a test that does not sleep.
            begin = max(time.monotonic(), getattr(self._this_thread, "waiting_until", 0.0))
            end = begin + seconds
            alone = max(0.0, end - max(begin, self._waiting_until))
            if alone > self._left:
                raise error
            self._left -= alone
            self._waiting_until = max(self._waiting_until, end)
            self._this_thread.waiting_until = end
