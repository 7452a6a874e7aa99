"""A sandbox without a socket: the connector's own requests are answered in this thread, several times as fast."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from unittest import mock

import httpx

from bizosaas_xero.sandbox import Sandbox
from bizosaas_xero.toolkit import http

URL = "http://127.0.0.1:1"


class _Transport(httpx.BaseTransport):
    def __init__(self, application) -> None:
        self._application, self._loop = application, asyncio.new_event_loop()

    def handle_request(self, request):
        body, sent = request.read(), []
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": request.method,
            "scheme": "http", "path": request.url.path, "raw_path": request.url.raw_path, "root_path": "",
            "query_string": request.url.query, "client": ("127.0.0.1", 2), "server": ("127.0.0.1", 1),
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
        }  # fmt: skip

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        self._loop.run_until_complete(self._application(scope, receive, send))
        content = b"".join(message.get("body", b"") for message in sent[1:])
        return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], stream=httpx.ByteStream(content))

    def close(self):
        self._loop.close()


class InProcessBox:
    """What :class:`~contract_tests.helpers.company.Company` needs of a server."""

    def __init__(self, sandbox, client) -> None:
        self.sandbox, self.client, self.url = sandbox, client, URL

    @property
    def info(self):
        return self.sandbox.describe(self.url)


@contextmanager
def answer_in_process(**sandbox):
    """Let every request of the connector be answered by a new sandbox of this process."""
    box = Sandbox(**sandbox)
    with (
        httpx.Client(transport=_Transport(box.application()), base_url=URL) as client,
        mock.patch.object(http, "http_client", return_value=client),
    ):
        yield InProcessBox(box, client)
