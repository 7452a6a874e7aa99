"""What can go wrong with a request, at which moment, and how a call that it strikes may end.

A fault strikes one request of a call, or that one and all that follow. *Before*: Xero never acts on it. In
the *body*: it acts, and its answer arrives broken. *After*: it acts, and says or shows something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from unittest import mock

import httpx

from bizosaas_xero.connector.http import transport
from bizosaas_xero.connector.http.transport import XERO
from bizosaas_xero.sandbox import SandboxServer
from bizosaas_xero.sandbox.http.fault_effects import change_tokens, fault_response
from bizosaas_xero.sandbox.http.faults import Fault as SandboxFault
from bizosaas_xero.toolkit.errors import no_response

BEFORE, BODY, AFTER = "before", "body", "after"
MOMENTS = (BEFORE, BODY, AFTER)

NOTHING = ""
"""The call overcame the fault by itself."""

RETRY, WAIT = "unavailable/retry", "rate_limited/wait"


@dataclass(frozen=True)
class Fault:
    """One row of the matrix.

    Args:
        kind: Of the sandbox's faults.
        ends: The codes and recoveries in which a struck call may end; ``NOTHING`` if it may overcome it.
        details: Of the kind.
        moments: When it can happen.
        lasting: It strikes every request from the struck one on, until time has passed.
        person: Only a person can end it.
        refresh: The answer of the next refresh is lost as well.
        timeout: Seconds that the host gives an answer in the struck call; ``None``: the default.
    """

    kind: str
    ends: tuple[str, ...]
    details: dict[str, Any] = field(default_factory=dict)
    moments: tuple[str, ...] = (BEFORE,)
    lasting: bool = False
    person: bool = False
    refresh: bool = False
    timeout: float | None = None


def _status(status: int, ends: str, *, lasting: bool = False, **more: Any) -> Fault:
    # What a status says after the effect, a write finds out by looking.
    return Fault("status", (NOTHING, ends), {"status": status, "body": "json"} | more, (BEFORE, AFTER), lasting)


def _limit(problem: str, seconds: float | None, *, lasting: bool = False, ends: str = NOTHING) -> Fault:
    details = {"problem": problem, "retry_after": seconds, "body": "empty"}
    return Fault("rate_limit", (ends,), details, (BEFORE, AFTER), lasting)


FAULTS: dict[str, Fault] = {
    "late answer": Fault("latency", (NOTHING,), {"seconds": 0.02}),
    "minute limit": _limit("minute", 20),
    "minute limit that stays": _limit("minute", None, lasting=True, ends=WAIT),
    "day limit": _limit("day", 40_000, ends=WAIT),  # or a write is partial: all but its note is done
    "app limit": _limit("appminute", 3),
    "too many at once": _limit("concurrent", None),
    "500 once": _status(500, NOTHING),
    "502 that stays": _status(502, RETRY, lasting=True, body="html"),
    "offline": _status(503, RETRY, lasting=True, body="text"),
    "400": _status(400, "invalid/fix"),
    "404": _status(404, "not_found/none", body="html"),
    "forbidden to the role": _status(403, "misconfigured/fix"),
    "scope missing": _status(
        401, "missing_scope/reconnect", headers={"WWW-Authenticate": "Bearer error=insufficent_scope"}
    ),
    "edge html 403": _status(403, NOTHING, body="html"),
    "edge html 403 that stays": _status(403, RETRY, lasting=True, body="html"),
    "edge html 401": _status(401, NOTHING, body="html"),
    "empty 200": _status(200, NOTHING, body="empty"),
    "html 200 that stays": _status(200, RETRY, lasting=True, body="html"),
    "redirect": Fault("redirect", (NOTHING, RETRY), {}, (BEFORE, AFTER)),
    "cut": Fault("cut", (NOTHING,), {}, MOMENTS),
    "cut that stays": Fault("cut", (RETRY,), {}, MOMENTS, lasting=True),
    "malformed": Fault("malformed", (NOTHING,), {}, (BODY,)),
    "truncated that stays": Fault("truncated", (RETRY,), {}, (BODY,), lasting=True),
    "trickling answer": Fault("trickle", (NOTHING,), {"seconds": 0.05, "bytes": 100}, (BODY,), timeout=1.0),
    "time of an answer ahead": Fault("clock_ahead", (NOTHING,), {"seconds": 7200}, (BODY,)),
    "contradicting count": Fault("contradict", (NOTHING,), {"by": -5}, (BODY,)),
    "contradicting count, too many": Fault("contradict", (NOTHING, RETRY), {"by": 50}, (BODY,)),
    "bad row": Fault(
        "bad_row", (NOTHING, RETRY, "invalid/fix"), {}, (BODY,)
    ),  # the last: the row is the document itself
    "token dies": Fault("expire_token", (NOTHING, "auth_expired/refresh"), {}, (BEFORE, AFTER)),
    "token dies, refresh lost": Fault(
        "expire_token", (NOTHING, "auth_expired/refresh"), {}, (BEFORE, AFTER), refresh=True
    ),
    "access revoked": Fault(
        "revoke_grant",
        (NOTHING, "auth_expired/refresh", "organisation_unavailable/reconnect"),
        {},
        (BEFORE, AFTER),
        person=True,
    ),
    "disconnected": Fault(
        "disconnect", (NOTHING, "organisation_unavailable/reconnect"), {}, (BEFORE, AFTER), person=True
    ),
    "rows change": Fault(
        "mutate",
        (NOTHING,),
        {"entity": "Contacts", "op": "edit", "count": 3, "changes": {"FirstName": "New"}},
        (AFTER,),
    ),
    "rows join": Fault("mutate", (NOTHING,), {"entity": "Contacts", "op": "insert", "count": 3}, (AFTER,)),
    "clock an hour ahead": Fault("clock_shift", (NOTHING,), {"seconds": 3600.0}),
    "clock an hour behind": Fault("clock_shift", (NOTHING,), {"seconds": -3600.0}),
}
"""Every kind of the sandbox. ``lost_refresh`` is *token dies, refresh lost*; of other requests, *cut*."""


class Strike:
    """Lets a fault strike the n-th request of a call, and the ones after it where it lasts.

    Args:
        box: The sandbox.
        fault: What happens.
        moment: When.
        number: The request, from 1.
    """

    def __init__(self, box: SandboxServer, fault: Fault, moment: str, number: int) -> None:
        self._box, self._fault, self._moment, self._number = box, fault, moment, number
        self._count = 0
        self._lock = Lock()
        self._added: list[SandboxFault] = []
        self._struck_afterwards = 0

    @property
    def struck(self) -> int:
        """How many requests the fault really changed, as the sandbox counts them."""
        return self._struck_afterwards + sum(fault.struck for fault in self._added)

    @contextmanager
    def striking(self) -> Iterator[None]:
        """Strike while the block runs."""
        real = transport.send

        def send(method: str, url: str, *given: Any, **more: Any) -> httpx.Response:
            if "/api.xro/" not in url or not self._due():
                return real(method, url, *given, **more)
            if self._moment == AFTER:
                return self._afterwards(real(method, url, *given, **more), more["headers"])
            details = dict(self._fault.details)
            if self._moment == BODY and self._fault.kind == "cut":
                details["where"] = "body"
            match = {"path": "/api.xro/"} if self._fault.kind != "clock_shift" else {}
            self._added.append(self._box.sandbox.faults.add(self._fault.kind, match=match, **details))
            return real(method, url, *given, **more)

        with mock.patch.object(transport, "send", send):
            yield

    def _due(self) -> bool:
        with self._lock:
            self._count += 1
            return self._count >= self._number if self._fault.lasting else self._count == self._number

    def _afterwards(self, answer: httpx.Response, headers: dict[str, str]) -> httpx.Response:
        sandbox, fault = self._box.sandbox, SandboxFault(0, self._fault.kind, {}, details=self._fault.details)
        token, tenant = headers["Authorization"].partition(" ")[2], headers["Xero-Tenant-Id"].lower()
        if fault.kind == "cut":
            self._struck_afterwards += 1
            raise no_response(XERO, httpx.ReadError("cut"))
        if fault.kind == "mutate":
            self._struck_afterwards += bool(sandbox.mutate(fault.details, tenant))
            return answer
        refused = fault_response(fault)
        if refused is None:
            self._struck_afterwards += change_tokens(fault, sandbox.tokens, token, tenant)
            return answer
        self._struck_afterwards += 1
        return httpx.Response(
            refused.status, headers=dict(refused.headers), content=refused.body, request=answer.request
        )
