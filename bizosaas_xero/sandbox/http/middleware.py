"""Middleware: rate limits, fault injection, request log."""

import asyncio
import gzip
import socket
import time
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from bizosaas_xero.sandbox.core.clock import format_utc
from bizosaas_xero.sandbox.http.errors import too_large
from bizosaas_xero.sandbox.http.fault_effects import (
    BufferedResponse,
    change_tokens,
    damage_body,
    exhaust,
    fault_response,
)
from bizosaas_xero.sandbox.http.faults import Fault
from bizosaas_xero.sandbox.state import SandboxState

_MIN_GZIP_BYTES = 512
_MAX_PAGE_BYTES = 1_000_000
_GZIP_LEVEL = 3  # speed matters more than size


class TrackedProtocol(H11Protocol):
    """uvicorn's HTTP protocol, with a table of its open connections so that one can be cut."""

    # by client and server address; shared on purpose, uvicorn makes one protocol object per connection
    open: ClassVar[dict[object, asyncio.Transport]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Add a connection to the table."""
        super().connection_made(transport)
        self.open[self.client, self.server] = transport
        # asyncio does it only for sockets that name their protocol; without it a small answer takes 40 ms
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove a connection from the table."""
        super().connection_lost(exc)
        self.open.pop((self.client, self.server), None)


class SandboxMiddleware:
    """ASGI middleware: counts requests, injects faults, writes the log.

    Args:
        state: The state of the sandbox.
        app: The application.
    """

    def __init__(self, state: SandboxState, app: ASGIApp) -> None:
        self._state = state
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and not scope["path"].lower().startswith("/api.xro/"):
            refusal = _refuse_body(Headers(scope=scope))  # of the sandbox's own pages; the API has a cap of its own
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox"):
            await self._app(scope, receive, send)
            return
        state, headers = self._state, Headers(scope=scope)
        token = headers.get("authorization", "").partition(" ")[2].strip()
        token_entry = state.tokens.access_tokens.get(token)
        client = token_entry.grant.app.client_id if token_entry else ""
        tenant = (
            headers.get("xero-tenant-id") or (token_entry and token_entry.grant.app.organisation_id) or ""
        ).lower()
        is_api = scope["path"].lower().startswith("/api.xro/")
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        faults = state.faults.take(scope["method"], scope["path"], query, tenant)
        entry: dict[str, Any] = {
            "at": format_utc(state.clock.now(), "%Y-%m-%dT%H:%M:%S.%fZ"),
            "method": scope["method"],
            "path": scope["path"],
            # the query of the login holds state and challenge, which are not logged
            "query": "" if scope["path"].startswith("/identity") else scope["query_string"].decode("latin-1"),
            "tenant": tenant or None,
            "app": next((name for name, app in state.apps.items() if app.client_id == client), None),
            "status": None,
            "bytes": 0,
            "in_flight": state.limits.enter(client, tenant) if is_api else 0,
            "if_modified_since": headers.get("if-modified-since"),
            "idempotency_key": headers.get("idempotency-key"),
            "user_agent": headers.get("user-agent"),
            "faults": [],  # the kinds that struck
        }
        start = time.perf_counter()

        def log_request() -> None:
            if "ms" in entry:
                return
            if is_api:
                state.limits.leave(client, tenant)
            entry["ms"] = round((time.perf_counter() - start) * 1000, 2)
            state.log.append(entry)

        async def send_and_log(message: Message) -> None:
            # logged before the last byte is sent: a client that read its answer finds it in the log
            if message["type"] == "http.response.body" and not message.get("more_body"):
                log_request()
            await send(message)

        try:
            await self._serve(scope, receive, send_and_log, faults, token, tenant, entry)
        finally:
            log_request()

    async def _serve(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        faults: list[Fault],
        token: str,
        tenant: str,
        entry: dict[str, Any],
    ) -> None:
        def count_strike(fault: Fault) -> None:
            fault.struck += 1
            entry["faults"].append(fault.kind)

        if (cut := _find_cut(faults, "headers")) is not None:
            count_strike(cut)
            await _hang_up(scope, receive)
            return
        refused = await self._strike_before(faults, token, tenant, count_strike)
        answer = self._strike_after(faults, refused or await self._call_app(scope, receive), tenant, count_strike)
        cut, lost = _find_cut(faults, "body"), _lost_refresh(faults)
        if lost is None and not answer.body:
            lost = cut  # an answer without a body, such as a 204, has no middle: it is lost as a whole
        if lost is not None:
            count_strike(lost)
            await _hang_up(scope, receive)
            return
        answer = await _compress(answer, Headers(scope=scope).get("accept-encoding", ""))
        answer.headers["content-length"] = str(len(answer.body))
        if answer.status in {204, 304}:
            del answer.headers["content-length"]
        answer.headers["date"] = format_utc(self._state.clock.server_ms() / 1000, "%a, %d %b %Y %H:%M:%S GMT")
        entry["status"], entry["bytes"] = answer.status, len(answer.body)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers.raw})
        if cut is not None:
            count_strike(cut)
            # uvicorn closes the connection of an application that returns in the middle of a body
            await send(
                {
                    "type": "http.response.body",
                    "body": answer.body[: len(answer.body) // 2],
                    "more_body": True,
                }
            )
            return
        slow = next((fault for fault in faults if fault.kind == "trickle" and answer.body), None)
        if slow is not None:
            count_strike(slow)
            await _trickle(send, slow, answer.body)
            return
        await send({"type": "http.response.body", "body": answer.body})

    async def _strike_before(
        self, faults: list[Fault], token: str, tenant: str, count_strike: Callable[[Fault], None]
    ) -> BufferedResponse | None:
        """Apply what happens before the application, and return the response that takes its place, if any."""
        refused: BufferedResponse | None = None
        for fault in faults:
            response = fault_response(fault) if refused is None else None
            access = self._state.tokens.access_tokens.get(token)
            if response is not None and fault.kind == "rate_limit" and access is not None:
                counts = self._state.limits.headers(access.grant.app.client_id, tenant or None)
                response.headers.update(exhaust(fault, counts))
            if fault.kind == "latency":
                count_strike(fault)  # before the pause: a client that gives up meanwhile was struck all the same
                await asyncio.sleep(float(fault.details.get("seconds", 1)))
            elif response is not None or change_tokens(fault, self._state.tokens, token, tenant):
                count_strike(fault)
            refused = refused or response
        return refused

    def _strike_after(
        self, faults: list[Fault], answer: BufferedResponse, tenant: str, count_strike: Callable[[Fault], None]
    ) -> BufferedResponse:
        """Change rows and damage the answer as faults ask."""
        for fault in faults:
            body = damage_body(fault, answer.body)
            if body != answer.body or (fault.kind == "mutate" and self._state.mutate(fault.details, tenant)):
                count_strike(fault)
            answer = answer._replace(body=body)
        return answer

    async def _call_app(self, scope: Scope, receive: Receive) -> BufferedResponse:
        started: dict[str, Any] = {}
        parts: list[bytes] = []

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, receive, collect)
        return BufferedResponse(started["status"], MutableHeaders(raw=list(started["headers"])), b"".join(parts))


def _refuse_body(headers: Headers) -> Response | None:
    """Return the answer to a request whose body is too large, or of unknown size."""
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isascii() or not length.isdecimal():
        return PlainTextResponse("The request must say how long its body is", 411)
    if len(length) > len(str(_MAX_PAGE_BYTES)) or int(length) > _MAX_PAGE_BYTES:
        return too_large()
    return None


async def _compress(answer: BufferedResponse, accepted: str) -> BufferedResponse:
    answer.headers["vary"] = "Accept-Encoding"
    if "gzip" not in accepted or len(answer.body) < _MIN_GZIP_BYTES:
        return answer
    answer.headers["content-encoding"] = "gzip"
    # zlib releases the interpreter lock, so that other requests are served meanwhile
    return answer._replace(body=await asyncio.to_thread(gzip.compress, answer.body, _GZIP_LEVEL))


async def _hang_up(scope: Scope, receive: Receive) -> None:
    transport = TrackedProtocol.open.get((scope["client"], scope["server"]))
    if transport is not None:
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass


async def _trickle(send: Send, fault: Fault, body: bytes) -> None:
    """Send the first bytes of a body one by one, each after a pause, and the rest at once."""
    number = min(int(fault.details.get("bytes", 200)), len(body))
    for byte in body[:number]:
        await asyncio.sleep(float(fault.details.get("seconds", 0.05)))
        await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
    await send({"type": "http.response.body", "body": body[number:]})


def _find_cut(faults: list[Fault], place: str) -> Fault | None:
    cuts = (fault for fault in faults if fault.kind == "cut")
    return next((fault for fault in cuts if fault.details.get("where", "headers") == place), None)


def _lost_refresh(faults: list[Fault]) -> Fault | None:
    return next((fault for fault in faults if fault.kind == "lost_refresh"), None)
