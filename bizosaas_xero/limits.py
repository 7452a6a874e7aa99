"""Xero's call limits, counted before a call is sent so that it is not refused.

Xero allows 60 calls a minute and 5 at once per organisation, and 10,000 a minute per app over all of them
(Xero's limits page). Day limits are Xero's to count: its answers tell what is left.
"""

from __future__ import annotations

import os
from functools import lru_cache
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Any, cast

from bizosaas_xero.spec.errors import Misconfigured

if TYPE_CHECKING:  # it brings in asyncio and multiprocessing, which nobody needs who only describes
    from pyrate_limiter import AbstractBucket, Rate

AT_ONCE = 5
APP_CALLS_PER_MINUTE = 10_000

WINDOW = 61_000
"""Milliseconds that a call counts for: a second over the minute, as calls do not all travel equally long."""


def seconds_to_wait(limiter_url: str | None, key: str, per_minute: int) -> float:
    """Count one call, or tell how long until there is room for it.

    Args:
        limiter_url: Where the count is kept: ``None`` for this process, or a ``redis://`` address.
        key: Whose limit it is.
        per_minute: The limit.

    Returns:
        0 when the call is counted and may be sent; else the seconds after which to ask again.

    Raises:
        Misconfigured: The address is of no kind known here, or nobody answers there.
    """
    from pyrate_limiter import RateItem

    with _counting(os.getpid()):
        bucket = _bucket(os.getpid(), limiter_url, key, per_minute)
        now = cast("int", cast("Any", bucket).now())
        bucket.leak(now)
        item = RateItem(key, now)
        if bucket.put(item):
            return 0
        return max(0.001, cast("int", bucket.waiting(item)) / 1000)


# Of each process its own: what is inherited over a fork might be held for ever. Made by setdefault: a cached
# function lets two threads that come first make two, and both count for themselves.
_locks: dict[int, Lock] = {}
_slots: dict[tuple[int, str], BoundedSemaphore] = {}


def _counting(pid: int) -> Lock:
    return _locks.get(pid) or _locks.setdefault(pid, Lock())


@lru_cache(maxsize=4096)
def _bucket(_pid: int, limiter_url: str | None, key: str, per_minute: int) -> AbstractBucket:
    # One bucket a key: pyrate-limiter's own default would let all organisations share one.
    from pyrate_limiter import InMemoryBucket, Rate

    rates = [Rate(per_minute, WINDOW)]
    if limiter_url is None:
        return InMemoryBucket(rates)
    if limiter_url.startswith(("redis://", "rediss://")):
        return _redis_bucket(limiter_url, key, rates)
    raise Misconfigured(
        "The setting limiter_url is of no known kind.",
        remedy="Use redis://HOST:PORT/DB, or leave it unset to count within one process.",
        reason="bad_setting",
        problems=[{"field": "settings.limiter_url", "message": "must begin with redis:// or rediss://"}],
    )


def _redis_bucket(url: str, key: str, rates: list[Rate]) -> AbstractBucket:
    try:
        import redis
    except ImportError:
        raise Misconfigured(
            "The setting limiter_url names Redis, but its client is not installed.",
            remedy="Install bizosaas-xero[redis].",
            reason="missing_extra",
        ) from None
    from pyrate_limiter import RedisBucket

    try:
        return cast("AbstractBucket", RedisBucket.init(rates, redis.Redis.from_url(url), f"xero:{key}"))
    except (redis.RedisError, ValueError) as error:
        raise Misconfigured(
            f"The limiter at limiter_url cannot be used ({type(error).__name__}).",
            remedy="Start Redis, correct limiter_url, or unset it.",
            reason="limiter_unreachable",
        ) from None


def slots(pid: int, key: str) -> BoundedSemaphore:
    """Return the slots of one organisation in this process: held around a request, never around a wait."""
    return _slots.get((pid, key)) or _slots.setdefault((pid, key), BoundedSemaphore(AT_ONCE))
