"""The door of the HTTP transport: Host, Origin, and a bearer token, before anything else is looked at."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

SHORTEST = 32
"""Characters of a token; shorter ones can be guessed."""


def local_names(port: int) -> list[str]:
    """Return the Host headers with which this machine reaches itself."""
    return [f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")]


class Door:
    """Lets in who has the token, came by a name of ours, and from no foreign page.

    Args:
        app: What is behind it.
        token: The secret.
        hosts: Names, with port, by which this server is reached: others are a rebound DNS name.
        origins: Of web pages that may call; a client that is no browser sends none.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Iterable[str], origins: Iterable[str] = ()) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = {host.lower() for host in hosts}
        self._origins = {origin.lower() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", "").lower(), headers.get("origin")
        if host not in self._hosts:
            return _refused(421, "host_not_allowed", "This server is not reached by this name: --allow-host.")
        if origin is not None and origin.lower() not in self._origins:
            return _refused(403, "origin_not_allowed", "Pages of this origin may not call here: --allow-origin.")
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token):
            return _refused(401, "token_refused", "Send the server's token: Authorization: Bearer TOKEN.")
        return None


def _refused(status: int, reason: str, message: str) -> Response:
    body = json.dumps({"error": {"code": "misconfigured", "reason": reason, "message": message}})
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}  # noqa: PLR2004 (HTTP)
    return Response(body, status, headers, "application/json")
