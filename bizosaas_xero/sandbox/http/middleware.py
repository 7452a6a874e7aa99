"""Middleware: rate limits, fault injection, request log."""

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

from bizosaas_xero.sandbox.core.clock import format_utc
from bizosaas_xero.sandbox.http.faults import Fault
from bizosaas_xero.sandbox.oauth.tokens import Grant
from bizosaas_xero.sandbox.state import SandboxState

_MIN_GZIP_BYTES = 512
_GZIP_LEVEL = 3  # speed matters more than size
_BODY_LAYOUTS: dict[str, tuple[str, Callable[[str], str]]] = {
    "json": ("application/json", lambda message: json.dumps({"Title": message, "Detail": message})),
    "text": ("text/plain", lambda message: message),
    "html": ("text/html", lambda message: f"<html><body><h1>{escape(message)}</h1></body></html>"),
    "empty": ("", lambda _: ""),
}
_STATUS_TEXTS = {
    429: "You have exceeded the rate limit",
    500: "An error occurred in Xero. Check the API Status page",
    503: "The Organisation is offline",
}
_DAMAGED_FIELDS = ("Date", "Total", "Amount", "UpdatedDateUTC")


class BufferedResponse(NamedTuple):
    """A response that is not sent yet."""

    status: int
    headers: MutableHeaders
    body: bytes


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
            "faults": [fault.kind for fault in faults],
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
        refused: BufferedResponse | None = None
        for fault in faults:
            if fault.kind == "latency":
                await asyncio.sleep(float(fault.details.get("seconds", 1)))
            elif fault.kind == "cut" and fault.details.get("where", "headers") == "headers":
                await _hang_up(scope, receive)
                return
            else:
                self._apply_before(fault, token, tenant)
                refused = refused or fault_response(fault)
        answer = refused or await self._call_app(scope, receive)
        for fault in faults:
            if fault.kind == "mutate":
                self._state.faults.mutate(fault.details, tenant)
            answer = answer._replace(body=_damage_body(fault, answer.body))
        if any(fault.kind == "lost_refresh" for fault in faults):
            await _hang_up(scope, receive)
            return
        answer = await _compress(answer, Headers(scope=scope).get("accept-encoding", ""))
        answer.headers["content-length"] = str(len(answer.body))
        if answer.status in {204, 304}:
            del answer.headers["content-length"]
        answer.headers["date"] = format_utc(self._state.clock.server_ms() / 1000, "%a, %d %b %Y %H:%M:%S GMT")
        entry["status"], entry["bytes"] = answer.status, len(answer.body)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers.raw})
        if any(fault.kind == "cut" for fault in faults):
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

    def _apply_before(self, fault: Fault, token: str, tenant: str) -> None:
        tokens = self._state.tokens
        access = tokens.access_tokens.get(token)
        grants: list[Grant] = [access.grant] if access else tokens.grants()
        if fault.kind == "expire_token":
            tokens.expire(token)
        elif fault.kind == "revoke_grant":
            for grant in grants:
                tokens.revoke(grant)
        elif fault.kind == "disconnect":
            organisation = str(fault.details.get("organisation") or tenant).lower()
            for grant in grants:
                grant.connections = {k: c for k, c in grant.connections.items() if c.tenant_id != organisation}


def fault_response(fault: Fault) -> BufferedResponse | None:
    """Return the response that a fault gives instead of the application's, or None when it gives none."""
    details = fault.details
    if fault.kind == "rate_limit":
        answer = _plain_response(429, details.get("body", "text"), _STATUS_TEXTS[429])
        answer.headers["X-Rate-Limit-Problem"] = str(details.get("problem", "minute"))
        if details.get("retry_after") is not None:
            answer.headers["Retry-After"] = str(details["retry_after"])
        return answer
    if fault.kind == "status":
        status = int(details.get("status", 500))
        message = details.get("text", _STATUS_TEXTS.get(status, "Something went wrong"))
        return _plain_response(status, details.get("body", "text"), message, details.get("headers"))
    if fault.kind == "redirect":
        location = details.get("location", "http://elsewhere.example/api.xro/2.0/Invoices")
        return BufferedResponse(302, MutableHeaders({"Location": location}), b"")
    return None


def _plain_response(status: int, body: str, message: str, headers: Mapping[str, str] | None = None) -> BufferedResponse:
    kind, layout = _BODY_LAYOUTS[body]
    response_headers = MutableHeaders(dict(headers or {}))
    if kind:
        response_headers["Content-Type"] = kind
    return BufferedResponse(status, response_headers, layout(message).encode())


def _damage_body(fault: Fault, body: bytes) -> bytes:
    if fault.kind == "malformed":
        return body[: len(body) // 2] + b'"<<,}' + body[len(body) // 2 :]
    if fault.kind == "truncated":
        return body[: int(len(body) * float(fault.details.get("share", 0.5)))]
    if fault.kind == "bad_row":
        return _damage_row(fault.details, body)
    return body


def _damage_row(details: Mapping[str, Any], body: bytes) -> bytes:
    # six spaces: a field of a row, not of something inside it
    for name in [str(details["field"])] if "field" in details else _DAMAGED_FIELDS:
        fields = list(re.finditer(rf'\r\n      "{name}": ([^\r\n]*?)(?=,?\r\n)'.encode(), body))
        if fields:
            field = fields[int(details.get("row", 0)) % len(fields)]
            value = details.get("value", r"\/Date(oops)\/" if "Date" in name else "12,5x")
            return body[: field.start(1)] + f'"{value}"'.encode() + body[field.end(1) :]
    return body


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
