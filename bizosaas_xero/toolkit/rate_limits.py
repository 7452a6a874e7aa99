"""Count calls before they are sent, so that a service's limits are not exceeded."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Any, TypeVar, cast

from bizosaas_xero.spec.errors import Misconfigured, RateLimited
from bizosaas_xero.toolkit import reasons
from bizosaas_xero.toolkit.retries import WaitBudget

if TYPE_CHECKING:  # imports asyncio and multiprocessing, which describing does not need
    from pyrate_limiter import AbstractBucket

Result = TypeVar("Result")

WINDOW_MILLISECONDS = 61_000
"""Milliseconds that a call counts for: a second over the minute, as calls do not all travel equally long."""

REDIS_TIMEOUT_SECONDS = 3.0
"""Seconds that Redis may take to answer."""

logger = logging.getLogger("bizosaas_xero.retry")


@dataclass(frozen=True)
class Limit:
    """A number of calls a minute.

    Args:
        key: The limit's name: an organisation or an app.
        per_minute: The limit.
        error: Makes the error for a limit that is used up, from the seconds until there is room.
    """

    key: str
    per_minute: int
    error: Callable[[float], RateLimited]


@dataclass(frozen=True)
class Limits:
    """The limits that one run keeps.

    Args:
        per_minute: The limits a minute; none: calls are not counted.
        slots_key: The name of the slots: calls with one name share them.
        max_concurrent: How many calls with that name may be in flight in this process.
        limiter_url: Where calls are counted as well: a ``redis://`` address, or ``None`` for this process alone.
    """

    per_minute: Sequence[Limit]
    slots_key: str
    max_concurrent: int
    limiter_url: str | None = None


def send_within_limits(send: Callable[[], Result], limits: Limits, budget: WaitBudget) -> Result:
    """Call ``send`` when a slot is free and each limit has room.

    The call is counted while the slot is held. A call counted earlier could wait for a slot and arrive together with
    the calls of the next minute.

    Raises:
        RateLimited: The wait for a limit exceeds the budget.
        ConnectorError: From ``send``, or from the limiter.
    """
    # Count in Redis and here: a restarted Redis has lost its counts. In Redis first: a call that cannot be
    # counted there is not sent and must not count here.
    limiters = [limits.limiter_url, None] if limits.limiter_url else [None]
    uncounted = [(limiter, limit) for limit in limits.per_minute for limiter in limiters]
    while True:
        with request_slots(os.getpid(), limits.slots_key, limits.max_concurrent):
            wait = 0.0
            while uncounted and not (wait := reserve_call(uncounted[0][0], uncounted[0][1])):
                del uncounted[0]
            if not uncounted:
                return send()
        error = uncounted[0][1].error(wait)
        budget.reserve(wait, error)
        logger.debug(
            "wait_seconds=%.2f reason=%s", wait, error.reason, extra={"wait_seconds": wait, "reason": error.reason}
        )
        time.sleep(wait)


def reserve_call(limiter_url: str | None, limit: Limit) -> float:
    """Count one call, or return how long until there is room for it.

    Args:
        limiter_url: Where calls are counted: ``None`` for this process, or a ``redis://`` address.
        limit: The limit.

    Returns:
        0 when the call is counted and may be sent; else the seconds after which to retry.

    Raises:
        Misconfigured: The address is not a Redis address, or the server there refuses the client.
        Unavailable: No server answers; no call may be sent, because other processes could not count it.
    """
    with _process_lock(os.getpid()):
        if limiter_url is None:
            return _reserve_in(_memory_bucket(os.getpid(), limit.key, limit.per_minute), limit.key, process_time())
        return _reserve_in_redis(limiter_url, limit.key, limit.per_minute)


def process_time() -> int:
    """Return the time in milliseconds by which one process counts; buckets of pyrate-limiter 3.9 have no clock."""
    return time.monotonic_ns() // 1_000_000


def _shared_time() -> int:
    return time.time_ns() // 1_000_000


def _reserve_in(bucket: AbstractBucket, key: str, now: int) -> float:
    from pyrate_limiter import RateItem

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
            return _reserve_in(_redis_bucket(os.getpid(), url, key, per_minute), key, _shared_time())
        except redis.exceptions.NoScriptError:
            _redis_bucket.cache_clear()
            return _reserve_in(_redis_bucket(os.getpid(), url, key, per_minute), key, _shared_time())
    except (redis.ConnectionError, redis.TimeoutError) as error:
        if isinstance(error, redis.AuthenticationError):
            raise _limiter_refused(error) from None
        raise reasons.LIMITER_UNREACHABLE(cause=type(error).__name__) from None
    except (redis.RedisError, ValueError) as error:
        raise _limiter_refused(error) from None


def _limiter_refused(error: Exception) -> Misconfigured:
    return reasons.LIMITER_REFUSED(cause=type(error).__name__)


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
        raise reasons.BAD_LIMITER_URL.field("settings.limiter_url")
    connection = _import_redis().Redis.from_url(
        url, socket_connect_timeout=REDIS_TIMEOUT_SECONDS, socket_timeout=REDIS_TIMEOUT_SECONDS
    )
    return cast("AbstractBucket", RedisBucket.init([Rate(per_minute, WINDOW_MILLISECONDS)], connection, key))


def _import_redis() -> Any:
    try:
        import redis
    except ImportError:
        raise reasons.MISSING_REDIS() from None
    return redis


def request_slots(pid: int, key: str, number: int) -> BoundedSemaphore:
    """Return the request slots of one name in this process; held during a request, not during a wait."""
    return _slots.get((pid, key)) or _slots.setdefault((pid, key), BoundedSemaphore(number))
