"""Xero's four limits: a minute, a day and five at once for each organisation, and a minute for the app."""

from collections import Counter
from dataclasses import dataclass

from bizosaas_xero.sandbox.core.clock import Clock

MINUTE_SECONDS = 60
DAY_SECONDS = 86_400


@dataclass
class _Window:
    start: float = 0.0
    used: int = 0


@dataclass(frozen=True)
class Refusal:
    """Why a call is refused; concurrency has no Retry-After."""

    problem: str
    retry_after: int | None


class RateLimits:
    """Counts calls and enforces Xero's limits.

    Windows are fixed: each starts with the first call after the last one ended.

    Args:
        clock: Measures the windows.
        enforce: Refuse calls over a limit; the headers are sent either way.
        per_day: Calls a day and organisation: 1,000 on Xero's Starter tier, 5,000 above.
    """

    def __init__(self, clock: Clock, *, enforce: bool = True, per_day: int = 1000) -> None:
        self._clock = clock
        self.enforce = enforce
        self.per_minute = 60
        self.per_day = per_day
        self.per_app_minute = 10_000
        self.at_once = 5
        self._windows: dict[tuple[str, ...], _Window] = {}
        self.in_flight: Counter[tuple[str, str]] = Counter()
        self.peak = 0

    def enter(self, app: str, tenant: str) -> int:
        """Count a call that begins and return how many of this app and organisation are in flight."""
        self.in_flight[app, tenant] += 1
        self.peak = max(self.peak, self.in_flight[app, tenant])
        return self.in_flight[app, tenant]

    def leave(self, app: str, tenant: str) -> None:
        """Count a call that ended."""
        self.in_flight[app, tenant] -= 1
        if not self.in_flight[app, tenant]:
            del self.in_flight[app, tenant]

    def take_call(self, app: str, tenant: str) -> Refusal | None:
        """Count one call, or return the limit that refuses it. Refused calls are not counted."""
        windows = (
            ("day", self._window(DAY_SECONDS, app, tenant), self.per_day, DAY_SECONDS),
            ("minute", self._window(MINUTE_SECONDS, app, tenant), self.per_minute, MINUTE_SECONDS),
            ("appminute", self._window(MINUTE_SECONDS, app), self.per_app_minute, MINUTE_SECONDS),
        )
        if self.enforce:
            if self.in_flight[app, tenant] > self.at_once:
                return Refusal("concurrent", None)
            for problem, window, limit, length in windows:
                if window.used >= limit:
                    return Refusal(problem, max(1, int(window.start + length - self._clock.now() + 0.999)))
        for _, window, _, _ in windows:
            window.used += 1
        return None

    def headers(self, app: str, tenant: str | None) -> dict[str, str]:
        """Return the headers with the remaining calls; `/connections` (no tenant) has the app's limit only."""
        remaining = {"X-AppMinLimit-Remaining": self.per_app_minute - self._window(MINUTE_SECONDS, app).used}
        if tenant is not None:
            remaining["X-MinLimit-Remaining"] = self.per_minute - self._window(MINUTE_SECONDS, app, tenant).used
            remaining["X-DayLimit-Remaining"] = self.per_day - self._window(DAY_SECONDS, app, tenant).used
        return {name: str(max(0, value)) for name, value in remaining.items()}

    def count_app_call(self, app: str) -> None:
        """Count a call that belongs to no organisation."""
        self._window(MINUTE_SECONDS, app).used += 1

    def reset(self) -> None:
        """Reset every window."""
        self._windows.clear()
        self.peak = 0

    def _window(self, length: int, *key: str) -> _Window:
        window = self._windows.setdefault((str(length), *key), _Window(self._clock.now()))
        if self._clock.now() - window.start >= length:
            window.start, window.used = self._clock.now(), 0
        return window
