"""A server that answers byte by byte holds no caller beyond the time for a whole answer."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from bizosaas_xero import plugin
from contract_tests.helpers.xero_account import refused

pytestmark = pytest.mark.attempts(1)

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
SECONDS = 1


class TricklingServer:
    """Sends something at once and the rest one byte every tenth of a second, for ever."""

    def __init__(self, at_once, rest):
        self.at_once, self.rest = at_once, rest
        self.ended = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while not self.ended.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self._trickle(connection)

    def _trickle(self, connection):
        try:
            connection.recv(65536)
            connection.sendall(self.at_once)
            while not self.ended.wait(0.1):
                connection.sendall(self.rest)
        except OSError:
            return  # the client hung up

    def close(self):
        self.ended.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)


@pytest.fixture(
    params=[(HEAD, b" "), (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a"), (b"", b"H")], ids=["body", "header", "status"]
)
def trickling_server(request):
    trickling = TricklingServer(*request.param)
    yield trickling
    trickling.close()


def test_a_trickling_list_is_unavailable_in_time(trickling_server):
    settings = {"api_url": trickling_server.url, "timeout": SECONDS, "calls_per_minute": 0}
    connection = {"organisation_id": "o", "access_token": "t", "settings": settings}
    begin = time.monotonic()
    assert refused(lambda: list(plugin.sync_entity(connection, "accounts", None, None)))[:2] == ("unavailable", "retry")
    assert time.monotonic() - begin < SECONDS + 5


def test_a_trickling_token_endpoint_is_unavailable_in_time(trickling_server):
    request = {
        "step": "client_credentials",
        "app": {"client_id": "c", "client_secret": "s", "kind": "custom"},
        "settings": {"api_url": trickling_server.url, "identity_url": trickling_server.url, "timeout": SECONDS},
    }
    begin = time.monotonic()
    assert refused(plugin.auth, request)[:2] == ("unavailable", "retry")
    assert time.monotonic() - begin < SECONDS + 5


def test_a_server_that_sends_nothing_is_unavailable_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = {"api_url": f"http://127.0.0.1:{silent.getsockname()[1]}", "timeout": SECONDS}
        connection = {"organisation_id": "o", "access_token": "t", "settings": settings}
        begin = time.monotonic()
        assert refused(lambda: list(plugin.sync_entity(connection, "accounts", None, None)))[2] == "timeout"
        assert time.monotonic() - begin < SECONDS + 5
