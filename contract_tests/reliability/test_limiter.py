"""The Redis that counts calls for several processes goes, hangs, comes back empty, or is not one."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from unittest import mock

import pytest

from bizosaas_xero.host import discover, open_host
from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers.processes import connect
from contract_tests.helpers.xero_account import Account, calls

pytest.importorskip("redis")
SERVER = shutil.which("redis-server")
pytestmark = [
    pytest.mark.skipif(
        SERVER is None and os.environ.get("REQUIRE_SERVICES") != "1", reason="redis-server is not installed"
    ),
    pytest.mark.attempts(2),
    pytest.mark.usefixtures("fresh_call_counts"),
    pytest.mark.xero_sandbox(seed=3, limits=True),
]
MOST = 12


class Redis:
    """A server of this test's own, without a disk: what it counted is gone when it is."""

    def __init__(self, folder) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url, self._folder, self.process = f"redis://127.0.0.1:{self.port}/0", folder, None

    def start(self):
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder))
        self.process = subprocess.Popen([SERVER, *options], stdout=subprocess.DEVNULL)  # noqa: S603 (our own)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return self
        raise AssertionError("redis-server did not start")

    def kill(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(20)
            self.process = None


@pytest.fixture
def redis_server(tmp_path):
    server = Redis(tmp_path).start()
    yield server
    server.kill()


def read(connected_account, **options):
    return list(connected_account.sync("invoices", max_wait=0, **options))


def failing(connected_account):
    """Return the error of a read, which must come soon."""
    began = time.monotonic()
    with pytest.raises(ConnectorError) as caught:
        read(connected_account)
    assert time.monotonic() - began < 60
    return caught.value


def test_redis_dies_and_comes_back_empty_and_no_limit_is_exceeded(redis_server, sandbox_server):
    account = Account(sandbox_server, limiter_url=redis_server.url, calls_per_minute=MOST, page_size=20).connect()
    first = len(read(account))
    assert 0 < len(calls(sandbox_server)) < MOST
    redis_server.kill()
    sent = len(calls(sandbox_server))
    error = failing(account)
    assert (error.code, error.recovery, error.reason) == ("unavailable", "retry", "limiter_unreachable")
    assert len(calls(sandbox_server)) == sent, "an uncounted call is not sent"
    redis_server.start()
    assert len(read(account)) == first, "without its scripts and counts it continues"
    while len(calls(sandbox_server)) < MOST:
        read(account, max_batches=1)
    assert failing(account).reason == "limit_minute"
    assert len(calls(sandbox_server)) == MOST, "this process has not forgotten what it sent"


def test_the_host_resumes_when_redis_dies_between_two_pages(redis_server, sandbox_server, tmp_path):
    """A run of the host waits out a Redis that is away for a moment; nothing is read twice or lost."""
    pauses = []

    def back(seconds):
        pauses.append(seconds)
        redis_server.start()

    with open_host(tmp_path / "home", report=discover(["xero"]), environ={}, sleep=back) as host:
        id_ = connect(
            host, sandbox_server, limiter_url=redis_server.url, calls_per_minute=60, page_size=10, concurrency=1
        )

        def die(progress):
            if progress.counts.new == 10:
                redis_server.kill()

        outcome = host.runner.sync(id_, "invoices", on_progress=die)
        assert outcome.problem is None
        assert pauses == [2.0]
        assert outcome.same == 0
        organisation = host.store.connection(id_).organisation_id
        wanted = [row for row in sandbox_server.sandbox.store(organisation).rows("Invoices") if row["Type"] == "ACCREC"]
        assert host.sink.count_rows(organisation, "invoices") == len(wanted) == outcome.new


@pytest.mark.xero_sandbox(seed=3, limits=False)
def test_a_write_during_which_redis_dies_is_done_once(redis_server, sandbox_server, tmp_path):
    """Redis dies before each call of the write in turn; after it is back the same request is done, once."""
    from bizosaas_xero.connector.http import transport

    with open_host(tmp_path / "home", report=discover(["xero"]), environ={}) as host:
        id_ = connect(host, sandbox_server, limiter_url=redis_server.url, calls_per_minute=600)
        host.configure(id_, {"policy": {"create_contact": {"run": "always"}}})
        store, real = sandbox_server.sandbox.store(host.store.connection(id_).organisation_id), transport.send
        for number in range(1, 9):
            name, sent = f"Redis {number}", []

            def send(*given, sent=sent, number=number, **more):
                sent.append(1)
                answer = real(*given, **more)
                if len(sent) == number:
                    redis_server.kill()
                return answer

            with mock.patch.object(transport, "send", send):
                try:
                    host.act(id_, "create_contact", {"name": name}, requester="agent", business_key=name)
                except ConnectorError as error:
                    assert error.reason == "limiter_unreachable"  # noqa: PT017 (not each call fails)
            if redis_server.process is None:
                redis_server.start()
            done = host.act(id_, "create_contact", {"name": name}, requester="agent", business_key=name)
            assert done.status == "done"
            assert [row["Name"] for row in store.rows("Contacts")].count(name) == 1


def test_a_hanging_redis_blocks_no_worker(redis_server, sandbox_server):
    account = Account(sandbox_server, limiter_url=redis_server.url, calls_per_minute=60).connect()
    read(account)
    redis_server.process.send_signal(signal.SIGSTOP)
    errors = []
    workers = [threading.Thread(target=lambda: errors.append(failing(account))) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(90)
    assert [error.reason for error in errors] == ["limiter_unreachable"] * 2


def test_a_redis_that_wants_a_password_is_a_wrong_setting(redis_server, sandbox_server):
    import redis as library

    library.Redis.from_url(redis_server.url).config_set("requirepass", "secret-word")
    account = Account(sandbox_server, limiter_url=redis_server.url, calls_per_minute=60).connect()
    error = failing(account)
    assert (error.code, error.recovery, error.reason) == ("misconfigured", "fix", "limiter_refused")
    account.settings["limiter_url"] = redis_server.url.replace("//", "//:secret-word@")
    assert read(account)


def test_another_service_at_the_redis_address_is_reported(sandbox_server):
    """A server that speaks no Redis, and one that takes connections and says nothing."""
    account = Account(
        sandbox_server, limiter_url=sandbox_server.info["api_url"].replace("http", "redis"), calls_per_minute=60
    )
    account.connect()
    assert failing(account).reason in {"limiter_refused", "limiter_unreachable"}
