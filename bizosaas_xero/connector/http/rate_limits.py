"""Count calls before they are sent, so that Xero's limits are not exceeded.

Xero allows 60 calls a minute and 5 at once per organisation, and 10,000 a minute per app over all of them
(Xero's limits page). Xero counts the day limit; its responses state what is left.
"""

from __future__ import annotations

import os
from functools import lru_cache
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Any, cast

from bizosaas_xero.spec.errors import Misconfigured, Unavailable

if TYPE_CHECKING:  # imports asyncio and multiprocessing, which describing does not need
    from pyrate_limiter import AbstractBucket

MAX_CONCURRENT_CALLS = 5
MAX_APP_CALLS_PER_MINUTE = 10_000

WINDOW_MILLISECONDS = 61_000
"""Milliseconds that a call counts for: a second over the minute, as calls do not all travel equally long."""

REDIS_TIMEOUT_SECONDS = 3.0
"""Seconds that Redis may take to answer."""


def reserve_call(limiter_url: str | None, key: str, per_minute: int) -> float:
    """Count one call, or return how long until there is room for it.

    Args:
        limiter_url: Where calls are counted: ``None`` for this process, or a ``redis://`` address.
        key: The limit's name: an organisation or an app.
        per_minute: The limit.

    Returns:
        0 when the call is counted and may be sent; else the seconds after which to retry.

    Raises:
        Misconfigured: The address is not a Redis address, or the server there refuses the client.
        Unavailable: No server answers; no call may be sent, because other processes could not count it.
    """
    with _process_lock(os.getpid()):
        if limiter_url is None:
            return _reserve_in(_memory_bucket(os.getpid(), key, per_minute), key)
        return _reserve_in_redis(limiter_url, key, per_minute)


def _reserve_in(bucket: AbstractBucket, key: str) -> float:
    from pyrate_limiter import RateItem

    now = cast("int", cast("Any", bucket).now())
    bucket.leak(now)
    item = RateItem(key, now)
    if bucket.put(item):
        return 0
    return max(0.001, cast("int", bucket.waiting(item)) / 1000)


def _reserve_in_redis(url: str, key: str, per_minute: int) -> float:
    """Count in Redis, which may restart and lose its scripts and counts."""
    redis = _import_redis()
    try:
        try:
            return _reserve_in(_redis_bucket(os.getpid(), url, key, per_minute), key)
        except redis.exceptions.NoScriptError:
            _redis_bucket.cache_clear()
            return _reserve_in(_redis_bucket(os.getpid(), url, key, per_minute), key)
    except (redis.ConnectionError, redis.TimeoutError) as error:
        if isinstance(error, redis.AuthenticationError):
            raise _limiter_refused(error) from None
        raise Unavailable(
            f"The limiter at limiter_url does not answer ({type(error).__name__}).",
            remedy="Start Redis, or correct or unset limiter_url. Nothing was sent to Xero; work "
            "continues when Redis is back.",
            reason="limiter_unreachable",
        ) from None
    except (redis.RedisError, ValueError) as error:
        raise _limiter_refused(error) from None


def _limiter_refused(error: Exception) -> Misconfigured:
    return Misconfigured(
        f"The limiter at limiter_url cannot be used ({type(error).__name__}).",
        remedy="Correct limiter_url, its user and password, or unset it.",
        reason="limiter_refused",
    )


# Per process: a lock inherited over a fork might never be released. Made by setdefault: with a cached function
# two threads that come first would each get their own.
_locks: dict[int, Lock] = {}
_slots: dict[tuple[int, str], BoundedSemaphore] = {}


def _process_lock(pid: int) -> Lock:
    return _locks.get(pid) or _locks.setdefault(pid, Lock())


@lru_cache(maxsize=4096)
def _memory_bucket(_pid: int, _key: str, per_minute: int) -> AbstractBucket:
    # One bucket per key: with pyrate-limiter's default all organisations would share one.
    from pyrate_limiter import InMemoryBucket, Rate

    return InMemoryBucket([Rate(per_minute, WINDOW_MILLISECONDS)])


@lru_cache(maxsize=4096)
def _redis_bucket(_pid: int, url: str, key: str, per_minute: int) -> AbstractBucket:
    from pyrate_limiter import Rate, RedisBucket

    if not url.startswith(("redis://", "rediss://")):
        raise Misconfigured(
            "The setting limiter_url is not a Redis address.",
            remedy="Use redis://HOST:PORT/DB, or leave it unset to count within one process.",
            reason="bad_setting",
            problems=[{"field": "settings.limiter_url", "message": "must begin with redis:// or rediss://"}],
        )
    connection = _import_redis().Redis.from_url(
        url, socket_connect_timeout=REDIS_TIMEOUT_SECONDS, socket_timeout=REDIS_TIMEOUT_SECONDS
    )
    return cast("AbstractBucket", RedisBucket.init([Rate(per_minute, WINDOW_MILLISECONDS)], connection, f"xero:{key}"))


def _import_redis() -> Any:
    try:
        import redis
    except ImportError:
        raise Misconfigured(
            "The setting limiter_url names Redis, but its client is not installed.",
            remedy="Install bizosaas-xero[redis].",
            reason="missing_extra",
        ) from None
    return redis


def request_slots(pid: int, key: str) -> BoundedSemaphore:
    """Return the request slots of one organisation in this process; held during a request, not during a wait."""
    return _slots.get((pid, key)) or _slots.setdefault((pid, key), BoundedSemaphore(MAX_CONCURRENT_CALLS))
