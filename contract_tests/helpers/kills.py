"""Ending a write at any of its requests, and repeating it until it is done.

A point says before or after which request, and how. Some ways are a broken connection, after which the same
call goes on; the others end the call as a dying process does, and the next call knows nothing of it. Between
two calls Xero may have forgotten its Idempotency-Keys.
"""

# ruff: noqa: S311 (random points, not secrets)

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import stamina
import time_machine

from bizosaas_xero import plugin
from bizosaas_xero.connector.http import transport
from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers import processes

ENDS = ("before", "after")
"""The call ends before the request is sent, or once Xero accepted it and the response was not read."""

BREAKS = {
    "cut": ("cut", {}),
    "lost": ("lost_refresh", {}),
    "torn": ("cut", {"where": "body"}),
    "garbled": ("truncated", {}),
}
"""The connection breaks: nothing arrived, no answer came, half of one, or one that cannot be read."""

FORGOTTEN = 420
"""Seconds after which Xero has forgotten its Idempotency-Keys, which it keeps for 360."""

_CALLS = 12
_CODE = 41


class Killed(BaseException):
    """The process is gone. No code may catch this."""


@dataclass(frozen=True)
class Point:
    """Where a write is struck, and what follows.

    Args:
        ways: One for each call in turn; when they are used up, a call goes through.
        requests: At which request of that call.
        waits: Seconds that pass before the next call.
        real: The process is really killed, not only its call.
    """

    ways: tuple[str, ...]
    requests: tuple[int, ...]
    waits: tuple[int, ...]
    real: bool = False


def points(number: int, most: int, seed: int = 1, real_every: int = 0) -> Iterator[Point]:
    """Yield random points.

    Args:
        number: How many.
        most: How many requests the write makes when nothing goes wrong.
        seed: The same seed gives the same points.
        real_every: Every how many a real process is killed; 0: none.
    """
    rng = random.Random(seed)
    for index in range(number):
        times = rng.choice((1, 1, 1, 2, 3))
        real = bool(real_every) and index % real_every == 0
        yield Point(
            ways=tuple(rng.choice(ENDS if real else (*ENDS, *BREAKS)) for _ in range(times)),
            requests=tuple(rng.randint(1, most) for _ in range(times)),
            waits=tuple(rng.choice((0, 0, FORGOTTEN)) for _ in range(times)),
            real=real,
        )


def survive(at: Any, action: str, params: Mapping[str, Any], point: Point, key: str, *, planned: bool) -> Any:
    """Run a write that is struck at a point, repeat it until it is done, and return the last result.

    Args:
        at: The :class:`contract_tests.helpers.company.Company`.
        action: Its name.
        params: Its parameters, the same each time.
        point: Where it is struck.
        key: The business key.
        planned: Plan first and commit that plan each time, in place of running it.
    """
    control: dict[str, Any] = {"mode": "run", "business_key": key}
    if planned:
        control = {"mode": "commit", "business_key": key, "plan_hash": at.plan(action, params, key).hash}
    for turn in range(_CALLS):
        result = _call(at, action, params, control, point, turn)
        if result is not None:
            return result
        at.box.sandbox.clock.advance(point.waits[turn] if turn < len(point.waits) else 0)
        at.account.refresh()
    raise AssertionError(f"not done after {_CALLS} calls: {point}")


def _call(at: Any, action: str, params: Mapping[str, Any], control: dict[str, Any], point: Point, turn: int) -> Any:
    struck = turn < len(point.ways)
    way, request = (point.ways[turn], point.requests[turn]) if struck else ("", 0)
    if struck and point.real:
        moment = datetime.now(UTC)  # the child has no part in the test's time
        given = (at.connection(), action, dict(params), control, way, request, moment)
        process, _ = processes.started(in_process, *given)
        process.join(60)
        assert process.exitcode in {0, _CODE}, point
        # not struck: it made fewer requests than that, and its answer is there
        return plugin.run_action(at.connection(), action, params, control) if process.exitcode == 0 else None
    try:
        with _breaking(at, way, request) if way in BREAKS else _ending(way, request):
            return plugin.run_action(at.connection(), action, params, control)
    except Killed:
        return None
    except ConnectorError as error:
        if error.recovery not in {"retry", "wait", "refresh"}:
            raise
        return None


@contextmanager
def _ending(way: str, request: int) -> Iterator[None]:
    real, counted = transport.send, iter(range(1, 1000))

    def send(*given: Any, **more: Any) -> Any:
        here = next(counted) == request
        if here and way == "before":
            raise Killed
        answer = real(*given, **more)
        if here and way == "after":
            raise Killed
        return answer

    with mock.patch.object(transport, "send", send):
        yield


@contextmanager
def _breaking(at: Any, way: str, request: int) -> Iterator[None]:
    kind, details = BREAKS[way]
    at.box.sandbox.faults.add(kind, match={"path": "/api.xro/"}, after=request - 1, **details)
    try:
        yield
    finally:
        at.box.sandbox.faults.clear()


def in_process(
    answers: Any,
    connection: Any,
    action: str,
    params: Any,
    control: Any,
    way: str,
    request: int,
    moment: datetime,
) -> None:
    """Run a write in a process of its own that dies at a request, without a word."""
    real, counted = transport.send, iter(range(1, 1000))

    def send(*given: Any, **more: Any) -> Any:
        here = next(counted) == request
        if here and way == "before":
            os._exit(_CODE)
        answer = real(*given, **more)
        if here:
            os._exit(_CODE)
        return answer

    transport.send = send
    with time_machine.travel(moment), stamina.set_testing(True, attempts=10, cap=True):
        answers.put(plugin.run_action(connection, action, params, control).model_dump(mode="json"))


def together(at: Any, action: str, params: Mapping[str, Any], control: Mapping[str, Any], number: int = 8) -> list[Any]:
    """Make identical calls at the same time, and return their results."""
    with ThreadPoolExecutor(number) as pool:
        runs = [pool.submit(at.act, action, params, **control) for _ in range(number)]
        return [run.result() for run in runs]
