"""Xero's call limits, counted before a call is sent so that it is not refused.

Xero allows 60 calls a minute and 5 at once per organisation, and 10,000 a minute per app over all of them
(Xero's limits page). Day limits are Xero's to count: its answers tell what is left.
"""

from __future__ import annotations

import os
from functools import lru_cache
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Any, cast

from bizosaas_xero.spec.errors import Misconfigured, Unavailable

if TYPE_CHECKING:  # it brings in asyncio and multiprocessing, which nobody needs who only describes
    from pyrate_limiter import AbstractBucket

AT_ONCE = 5
APP_CALLS_PER_MINUTE = 10_000

WINDOW = 61_000
"""Milliseconds that a call counts for: a second over the minute, as calls do not all travel equally long."""

PATIENCE = 3.0
"""Seconds that Redis may take to answer."""


def seconds_to_wait(limiter_url: str | None, key: str, per_minute: int) -> float:
    """Count one call, or tell how long until there is room for it.

    Args:
        limiter_url: Where the count is kept: ``None`` for this process, or a ``redis://`` address.
        key: Whose limit it is.
        per_minute: The limit.

    Returns:
        0 when the call is counted and may be sent; else the seconds after which to ask again.

    Raises:
        Misconfigured: The address is of no kind known here, or who answers there refuses us.
        Unavailable: Nobody answers there; no call may be sent, for nobody would know of it.
    """
    with _counting(os.getpid()):
        if limiter_url is None:
            return _counted(_bucket(os.getpid(), key, per_minute), key)
        return _counted_in_redis(limiter_url, key, per_minute)


def _counted(bucket: AbstractBucket, key: str) -> float:
    from pyrate_limiter import RateItem

    now = cast("int", cast("Any", bucket).now())
    bucket.leak(now)
    item = RateItem(key, now)
    if bucket.put(item):
        return 0
    return max(0.001, cast("int", bucket.waiting(item)) / 1000)


def _counted_in_redis(url: str, key: str, per_minute: int) -> float:
    """Count in Redis, which may go, come back, and have forgotten its scripts and counts."""
    redis = _redis()
    try:
        try:
            return _counted(_shared(os.getpid(), url, key, per_minute), key)
        except redis.exceptions.NoScriptError:
            _shared.cache_clear()
            return _counted(_shared(os.getpid(), url, key, per_minute), key)
    except (redis.ConnectionError, redis.TimeoutError) as error:
        if isinstance(error, redis.AuthenticationError):
            raise _unusable(error) from None
        raise Unavailable(
            f"The limiter at limiter_url does not answer ({type(error).__name__}).",
            remedy="Start Redis, or correct or unset limiter_url. Nothing was sent to Xero; it goes on by "
            "itself when Redis is back.",
            reason="limiter_unreachable",
        ) from None
    except (redis.RedisError, ValueError) as error:
        raise _unusable(error) from None


def _unusable(error: Exception) -> Misconfigured:
    return Misconfigured(
        f"The limiter at limiter_url cannot be used ({type(error).__name__}).",
        remedy="Correct limiter_url, its user and password, or unset it.",
        reason="limiter_refused",
    )


# Of each process its own: what is inherited over a fork might be held for ever. Made by setdefault: a cached
# function lets two threads that come first make two, and both count for themselves.
_locks: dict[int, Lock] = {}
_slots: dict[tuple[int, str], BoundedSemaphore] = {}


def _counting(pid: int) -> Lock:
    return _locks.get(pid) or _locks.setdefault(pid, Lock())


@lru_cache(maxsize=4096)
def _bucket(_pid: int, _key: str, per_minute: int) -> AbstractBucket:
    # One bucket a key: pyrate-limiter's own default would let all organisations share one.
    from pyrate_limiter import InMemoryBucket, Rate

    return InMemoryBucket([Rate(per_minute, WINDOW)])


@lru_cache(maxsize=4096)
def _shared(_pid: int, url: str, key: str, per_minute: int) -> AbstractBucket:
    from pyrate_limiter import Rate, RedisBucket

    if not url.startswith(("redis://", "rediss://")):
        raise Misconfigured(
            "The setting limiter_url is of no known kind.",
            remedy="Use redis://HOST:PORT/DB, or leave it unset to count within one process.",
            reason="bad_setting",
            problems=[{"field": "settings.limiter_url", "message": "must begin with redis:// or rediss://"}],
        )
    known = _redis().Redis.from_url(url, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE)
    return cast("AbstractBucket", RedisBucket.init([Rate(per_minute, WINDOW)], known, f"xero:{key}"))


def _redis() -> Any:
    try:
        import redis
    except ImportError:
        raise Misconfigured(
            "The setting limiter_url names Redis, but its client is not installed.",
            remedy="Install bizosaas-xero[redis].",
            reason="missing_extra",
        ) from None
    return redis


def slots(pid: int, key: str) -> BoundedSemaphore:
    """Return the slots of one organisation in this process: held around a request, never around a wait."""
    return _slots.get((pid, key)) or _slots.setdefault((pid, key), BoundedSemaphore(AT_ONCE))
