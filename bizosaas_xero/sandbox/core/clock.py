"""Time in the sandbox: real, moved by hand, or wrong on purpose."""

import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """The time that tokens, limits and timestamps use.

    Args:
        now: Returns seconds since the epoch; replace it to freeze time in a test.

    Attributes:
        offset: Seconds that were added by hand: time has really passed, tokens expire.
        shift: Seconds by which the *server's* clock is wrong: its timestamps and `DateTimeUTC` differ from the
            true time, tokens and limits do not.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.offset = 0.0
        self.shift = 0.0

    def now(self) -> float:
        """Return the true time in seconds since the epoch."""
        return self._now() + self.offset

    def server_ms(self) -> int:
        """Return the server's own time, in milliseconds since the epoch."""
        return int((self.now() + self.shift) * 1000)

    def advance(self, seconds: float) -> None:
        """Let time pass at once."""
        self.offset += seconds

    def today_ms(self) -> int:
        """Return the last UTC midnight in milliseconds since the epoch."""
        return int(self.now() // 86400) * 86_400_000


def format_utc(seconds: float, layout: str) -> str:
    """Format seconds since the epoch as UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime(layout)
