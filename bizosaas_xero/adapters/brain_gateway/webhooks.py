"""A route for a provider's webhooks: the gateway's own parses JSON, and answers 200 without checking a signature.

Xero signs the raw body (HMAC-SHA256 with the webhook's key, in base64, in ``x-xero-signature``), first sends
several calls of which some are signed wrongly (*intent to receive*), and wants 200 for the right and 401 for
the wrong ones, within 5 seconds and with an empty body.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]

MAX_BODY_BYTES = 1_000_000
"""A longer body is refused."""


class WebhookReceiver:
    """An ASGI application: ``app.mount("/webhooks/xero", WebhookReceiver(key, receive))``.

    Args:
        key: The webhook's signing key.
        receive: Is given what was sent, in a thread. It should only note it: after 5 seconds the vendor gives
            up. If it raises, the answer is 500, and the vendor sends the same again.
        header: Which header holds the signature.
    """

    def __init__(
        self, key: str, receive: Callable[[dict[str, Any]], None], *, header: str = "x-xero-signature"
    ) -> None:
        if not key:
            raise ValueError("A webhook needs its signing key: without one every caller would be accepted.")
        self._key = key.encode()
        self._receive = receive
        self._header = header.lower().encode()

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        status = 405 if scope["method"] != "POST" else await self._answer(scope, receive)
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def _answer(self, scope: Message, receive: Callable[[], Awaitable[Message]]) -> int:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return 400
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MAX_BODY_BYTES:
                return 413
        given = [value for name, value in scope["headers"] if name.lower() == self._header]
        right = base64.b64encode(hmac.new(self._key, body, hashlib.sha256).digest())
        if len(given) != 1 or not hmac.compare_digest(given[0], right):
            return 401
        try:
            content = json.loads(body)
        except (ValueError, RecursionError):
            return 400
        if not isinstance(content, dict):
            return 400
        await asyncio.to_thread(self._receive, content)
        return 200
