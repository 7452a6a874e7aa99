"""Access control of the HTTP transport: Host, Origin and a bearer token are checked before anything else."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

MIN_TOKEN_LENGTH = 32
"""Characters of a token; a shorter one can be guessed."""


def local_host_names(port: int) -> list[str]:
    """Return the Host headers with which this machine reaches itself."""
    return [f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")]


class BearerAuthMiddleware:
    """Passes on requests that carry the token, use one of our host names, and come from no other web page.

    Args:
        app: The application to protect.
        token: The secret; ``None``: people sign in, and the application checks their tokens.
        hosts: Host names, with port, by which this server is reached; another name means a rebound DNS name.
        origins: Origins of web pages that may call; a client that is not a browser sends none.
        may_send: Says of an address whether requests may come from there.
    """

    def __init__(
        self,
        app: ASGIApp,
        token: str | None,
        hosts: Iterable[str],
        origins: Iterable[str] = (),
        may_send: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._app = app
        self._token = token.encode() if token is not None else None
        self._may_send = may_send
        self._hosts = {host.lower() for host in hosts}
        self._origins = {origin.lower() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        refusal = self._check(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _check(self, scope: Scope) -> Response | None:
        """Return the response that refuses a request, or ``None``."""
        headers = Headers(scope=scope)
        host, origin = headers.get("host", "").lower(), headers.get("origin")
        if not self._may_send((scope.get("client") or ("",))[0]):
            return _refuse(403, "sender_not_allowed", "Requests come through the proxy: --trusted-proxy.")
        if host not in self._hosts:
            return _refuse(421, "host_not_allowed", "This server is not reached by this name: --allow-host.")
        if origin is not None and origin.lower() not in self._origins:
            return _refuse(403, "origin_not_allowed", "Pages of this origin may not call here: --allow-origin.")
        if self._token is None:
            return None
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self._token):
            return _refuse(401, "token_refused", "Send the server's token: Authorization: Bearer TOKEN.")
        return None


def _refuse(status: int, reason: str, message: str) -> Response:
    body = json.dumps({"error": {"code": "misconfigured", "reason": reason, "message": message}})
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}  # noqa: PLR2004 (HTTP)
    return Response(body, status, headers, "application/json")
