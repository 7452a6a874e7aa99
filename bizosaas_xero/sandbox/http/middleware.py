"""The front door: every request passes here to be counted, harmed and logged."""

import asyncio
import gzip
import json
import re
import socket
import time
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from bizosaas_xero.sandbox.core.clock import text
from bizosaas_xero.sandbox.http.faults import Fault
from bizosaas_xero.sandbox.oauth.tokens import Family
from bizosaas_xero.sandbox.state import State

_GZIP_FROM = 512
_GZIP_LEVEL = 3  # as small as Xero's answers become matters less here than the time it takes
_BODIES: dict[str, tuple[str, Callable[[str], str]]] = {
    "json": ("application/json", lambda words: json.dumps({"Title": words, "Detail": words})),
    "text": ("text/plain", lambda words: words),
    "html": ("text/html", lambda words: f"<html><body><h1>{escape(words)}</h1></body></html>"),
    "empty": ("", lambda _: ""),
}
_TEXTS = {
    429: "You have exceeded the rate limit",
    500: "An error occurred in Xero. Check the API Status page",
    503: "The Organisation is offline",
}
_AMOUNTS = ("Date", "Total", "Amount", "UpdatedDateUTC")


class Answer(NamedTuple):
    """A response that is not sent yet."""

    status: int
    headers: MutableHeaders
    body: bytes


class Line(H11Protocol):
    """uvicorn's HTTP protocol, which remembers its connections so that one can be cut."""

    # by client and server address; shared on purpose, uvicorn makes one protocol object per connection
    open: ClassVar[dict[object, asyncio.Transport]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember a connection."""
        super().connection_made(transport)
        self.open[self.client, self.server] = transport
        # asyncio does it only for sockets that name their protocol; without it a small answer takes 40 ms
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        super().connection_lost(exc)
        self.open.pop((self.client, self.server), None)


class Front:
    """Counts, harms and logs requests around the application.

    Args:
        state: What the sandbox remembers.
        app: What answers.
    """

    def __init__(self, state: State, app: ASGIApp) -> None:
        self._state = state
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox"):
            await self._app(scope, receive, send)
            return
        state, headers = self._state, Headers(scope=scope)
        token = headers.get("authorization", "").partition(" ")[2].strip()
        known = state.tokens.access.get(token)
        client = known.family.app.client_id if known else ""
        tenant = (headers.get("xero-tenant-id") or (known and known.family.app.organisation_id) or "").lower()
        is_api = scope["path"].lower().startswith("/api.xro/")
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        hits = state.faults.take(scope["method"], scope["path"], query, tenant)
        entry: dict[str, Any] = {
            "at": text(state.clock.now(), "%Y-%m-%dT%H:%M:%S.%fZ"),
            "method": scope["method"],
            "path": scope["path"],
            # what goes to the login carries state and challenge: not for a log
            "query": "" if scope["path"].startswith("/identity") else scope["query_string"].decode("latin-1"),
            "tenant": tenant or None,
            "app": next((name for name, app in state.apps.items() if app.client_id == client), None),
            "status": None,
            "bytes": 0,
            "in_flight": state.limits.enter(client, tenant) if is_api else 0,
            "if_modified_since": headers.get("if-modified-since"),
            "idempotency_key": headers.get("idempotency-key"),
            "user_agent": headers.get("user-agent"),
            "faults": [fault.kind for fault in hits],
        }
        start = time.perf_counter()

        def note() -> None:
            if "ms" in entry:
                return
            if is_api:
                state.limits.leave(client, tenant)
            entry["ms"] = round((time.perf_counter() - start) * 1000, 2)
            state.log.append(entry)

        async def tell(message: Message) -> None:
            # whoever has read all of an answer finds it in the log, and no longer in flight
            if message["type"] == "http.response.body" and not message.get("more_body"):
                note()
            await send(message)

        try:
            await self._serve(scope, receive, tell, hits, token, tenant, entry)
        finally:
            note()

    async def _serve(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        hits: list[Fault],
        token: str,
        tenant: str,
        entry: dict[str, Any],
    ) -> None:
        refused: Answer | None = None
        for fault in hits:
            if fault.kind == "latency":
                await asyncio.sleep(float(fault.details.get("seconds", 1)))
            elif fault.kind == "cut" and fault.details.get("where", "headers") == "headers":
                await _hang_up(scope, receive)
                return
            else:
                self._before(fault, token, tenant)
                refused = refused or _refusal(fault)
        answer = refused or await self._ask(scope, receive)
        for fault in hits:
            if fault.kind == "mutate":
                self._state.faults.mutate(fault.details, tenant)
            answer = answer._replace(body=_spoil(fault, answer.body))
        if any(fault.kind == "lost_refresh" for fault in hits):
            await _hang_up(scope, receive)
            return
        answer = await _compress(answer, Headers(scope=scope).get("accept-encoding", ""))
        answer.headers["content-length"] = str(len(answer.body))
        if answer.status in {204, 304}:
            del answer.headers["content-length"]
        answer.headers["date"] = text(self._state.clock.server_ms() / 1000, "%a, %d %b %Y %H:%M:%S GMT")
        entry["status"], entry["bytes"] = answer.status, len(answer.body)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers.raw})
        if any(fault.kind == "cut" for fault in hits):
            # uvicorn closes the connection of an application that returns in the middle of a body
            await send(
                {
                    "type": "http.response.body",
                    "body": answer.body[: len(answer.body) // 2],
                    "more_body": True,
                }
            )
            return
        await send({"type": "http.response.body", "body": answer.body})

    async def _ask(self, scope: Scope, receive: Receive) -> Answer:
        started: dict[str, Any] = {}
        parts: list[bytes] = []

        async def catch(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, receive, catch)
        return Answer(started["status"], MutableHeaders(raw=list(started["headers"])), b"".join(parts))

    def _before(self, fault: Fault, token: str, tenant: str) -> None:
        tokens = self._state.tokens
        access = tokens.access.get(token)
        families: list[Family] = [access.family] if access else tokens.families()
        if fault.kind == "expire_token":
            tokens.expire(token)
        elif fault.kind == "revoke_grant":
            for family in families:
                tokens.revoke(family)
        elif fault.kind == "disconnect":
            gone = str(fault.details.get("organisation") or tenant).lower()
            for family in families:
                family.connections = {k: c for k, c in family.connections.items() if c.tenant_id != gone}


def _refusal(fault: Fault) -> Answer | None:
    details = fault.details
    if fault.kind == "rate_limit":
        answer = _plain(429, details.get("body", "text"), _TEXTS[429])
        answer.headers["X-Rate-Limit-Problem"] = str(details.get("problem", "minute"))
        if details.get("retry_after") is not None:
            answer.headers["Retry-After"] = str(details["retry_after"])
        return answer
    if fault.kind == "status":
        status = int(details.get("status", 500))
        words = details.get("text", _TEXTS.get(status, "Something went wrong"))
        return _plain(status, details.get("body", "text"), words, details.get("headers"))
    if fault.kind == "redirect":
        location = details.get("location", "http://elsewhere.example/api.xro/2.0/Invoices")
        return Answer(302, MutableHeaders({"Location": location}), b"")
    return None


def _plain(status: int, body: str, words: str, headers: Mapping[str, str] | None = None) -> Answer:
    kind, layout = _BODIES[body]
    made = MutableHeaders(dict(headers or {}))
    if kind:
        made["Content-Type"] = kind
    return Answer(status, made, layout(words).encode())


def _spoil(fault: Fault, body: bytes) -> bytes:
    if fault.kind == "malformed":
        return body[: len(body) // 2] + b'"<<,}' + body[len(body) // 2 :]
    if fault.kind == "truncated":
        return body[: int(len(body) * float(fault.details.get("share", 0.5)))]
    if fault.kind == "bad_row":
        return _bad_row(fault.details, body)
    return body


def _bad_row(details: Mapping[str, Any], body: bytes) -> bytes:
    # six spaces: a field of a row, not of something inside it
    for name in [str(details["field"])] if "field" in details else _AMOUNTS:
        found = list(re.finditer(rf'\r\n      "{name}": ([^\r\n]*?)(?=,?\r\n)'.encode(), body))
        if found:
            place = found[int(details.get("row", 0)) % len(found)]
            bad = details.get("value", r"\/Date(oops)\/" if "Date" in name else "12,5x")
            return body[: place.start(1)] + f'"{bad}"'.encode() + body[place.end(1) :]
    return body


async def _compress(answer: Answer, accepted: str) -> Answer:
    answer.headers["vary"] = "Accept-Encoding"
    if "gzip" not in accepted or len(answer.body) < _GZIP_FROM:
        return answer
    answer.headers["content-encoding"] = "gzip"
    # zlib lets go of the interpreter: other requests are served meanwhile, and are really in flight together
    return answer._replace(body=await asyncio.to_thread(gzip.compress, answer.body, _GZIP_LEVEL))


async def _hang_up(scope: Scope, receive: Receive) -> None:
    transport = Line.open.get((scope["client"], scope["server"]))
    if transport is not None:
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass
