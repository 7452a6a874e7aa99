"""A sandbox without a socket: the connector's own requests are answered in this thread, several times as fast."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from unittest import mock

import httpx

from bizosaas_xero.sandbox import Sandbox
from bizosaas_xero.toolkit import http

URL = "http://127.0.0.1:1"


class _Transport(httpx.BaseTransport):
    def __init__(self, application) -> None:
        self._application, self._loop = application, asyncio.new_event_loop()
        self.before_request = lambda: None

    def handle_request(self, request):
        self.before_request()
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

    def __init__(self, sandbox, client, transport) -> None:
        self.sandbox, self.client, self.transport, self.url = sandbox, client, transport, URL

    @property
    def info(self):
        return self.sandbox.describe(self.url)


@contextmanager
def answer_in_process(**sandbox):
    """Let every request of the connector be answered by a new sandbox of this process."""
    box = Sandbox(**sandbox)
    transport = _Transport(box.application())
    with (
        httpx.Client(transport=transport, base_url=URL) as client,
        mock.patch.object(http, "http_client", return_value=client),
    ):
        yield InProcessBox(box, client, transport)


class Interleaving:
    """Runs calls in threads, one request at a time, in an order that a test draws.

    Args:
        transport: Of the box.
        order: Whose request comes next, by the index of the call; a call that has ended is skipped.
    """

    def __init__(self, transport, order) -> None:
        self._transport, self._order = transport, list(order)
        self._waiting, self._condition = {}, threading.Condition()
        self._running = set()

    def run(self, *calls):
        """Run all calls, and return for each its result or its error."""
        results = [None] * len(calls)

        def work(number):
            threading.current_thread().call = number
            try:
                results[number] = calls[number]()
            except Exception as error:  # noqa: BLE001 (the test judges it)
                results[number] = error
            finally:
                with self._condition:
                    self._running.discard(number)
                    self._condition.notify_all()

        self._running = set(range(len(calls)))
        self._transport.before_request = self._wait_for_turn
        threads = [threading.Thread(target=work, args=(number,)) for number in range(len(calls))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._transport.before_request = lambda: None
        return results

    def _wait_for_turn(self):
        number = threading.current_thread().call
        with self._condition:
            self._waiting[number] = True
            self._condition.notify_all()
            # all that run have come to their next request, and the order says that it is this one's turn
            self._condition.wait_for(lambda: self._waiting.keys() >= self._running and self._next() == number)
            del self._waiting[number]
            if self._order:
                self._order.pop(0)

    def _next(self):
        while self._order and self._order[0] not in self._running:
            self._order.pop(0)
        return self._order[0] if self._order else min(self._running)
