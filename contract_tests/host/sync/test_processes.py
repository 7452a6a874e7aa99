"""Many processes at once, and what one leaves behind that is killed. On both databases."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import sqlalchemy as sa

from bizosaas_xero.host import DiscoveryReport, open_host
from bizosaas_xero.host.storage import leases, ownership
from bizosaas_xero.host.storage.tables import stamp
from bizosaas_xero.spec import Unavailable
from contract_tests.helpers import processes

pytestmark = pytest.mark.xero_sandbox(invoices=300, seed=4)

MANY = 8


def log(quiet_sandbox_server):
    return httpx.get(f"{quiet_sandbox_server.url}/_sandbox/log").json()


def refreshes(quiet_sandbox_server):
    return [call for call in log(quiet_sandbox_server)["requests"] if call["path"] == "/connect/token"]


@pytest.fixture
def expired_identity(xero_host, quiet_sandbox_server):
    """The identity of a grant whose token has just ended."""
    identity = xero_host.store.connection(processes.connect(xero_host, quiet_sandbox_server)).identity
    held = xero_host.store.grant("xero", identity)
    now = datetime.now(UTC)
    old = {"obtained_at": now - timedelta(minutes=33), "expires_at": now - timedelta(minutes=3)}
    ended = held.grant.model_copy(update=old)
    xero_host.store.edit_grant("xero", identity, lambda stored, _now: replace(stored, grant=ended))
    httpx.delete(f"{quiet_sandbox_server.url}/_sandbox/log")
    return identity


def many(host_home, host_environ, identity, aheads=(0,) * MANY, lease=90):
    return [
        processes.started(processes.need_grant, host_home, host_environ, identity, ahead, lease) for ahead in aheads
    ]


def ended(started):
    found = [answers.get() for _, answers in started]
    for process, _ in started:
        process.join(30)
        assert process.exitcode == 0
    return found


@pytest.mark.parametrize("aheads", [(0,) * MANY, (-60, 0, 60, 0, -60, 60, 0, 60)], ids=["same", "clocks differ"])
def test_eight_processes_need_the_same_grant_and_one_refresh_is_sent(
    xero_host, host_home, host_environ, quiet_sandbox_server, expired_identity, aheads
):
    quiet_sandbox_server.sandbox.faults.add("latency", seconds=0.5, match={"path": "/connect/token"})
    found = ended(many(host_home, host_environ, expired_identity, aheads))
    assert len(refreshes(quiet_sandbox_server)) == 1
    assert {version for version, _ in found} == {3}
    assert len({token for _, token in found}) == 1


def test_a_refresh_that_takes_longer_than_its_lease_is_sent_once(
    host_home, host_environ, quiet_sandbox_server, expired_identity
):
    quiet_sandbox_server.sandbox.faults.add("latency", seconds=3, match={"path": "/connect/token"})
    found = ended(many(host_home, host_environ, expired_identity, aheads=(0, 0, 60), lease=1.2))
    assert len(refreshes(quiet_sandbox_server)) == 1
    assert {version for version, _ in found} == {3}


def test_the_answer_to_the_refresh_is_lost_and_none_fails(
    host_home, host_environ, quiet_sandbox_server, expired_identity
):
    quiet_sandbox_server.sandbox.faults.add("lost_refresh")
    found = ended(many(host_home, host_environ, expired_identity))
    assert len(refreshes(quiet_sandbox_server)) == 2, "the lost one, and the one that was sent again"
    assert {version for version, _ in found} == {3}


def test_the_one_that_refreshes_is_killed_and_none_of_the_others_fails(
    xero_host, host_home, host_environ, quiet_sandbox_server, expired_identity
):
    quiet_sandbox_server.sandbox.faults.add("latency", seconds=2, match={"path": "/connect/token"})
    started = many(host_home, host_environ, expired_identity)
    owner = processes.until(lambda: xero_host.store.grant("xero", expired_identity).lease_owner)
    killed = int(owner.split(":")[1])
    os.kill(killed, signal.SIGKILL)
    others = [(process, answers) for process, answers in started if process.pid != killed]
    assert len(others) == MANY - 1
    found = ended(others)
    assert {version for version, _ in found} == {3}
    assert len(refreshes(quiet_sandbox_server)) <= 2, "the killed one's, and one more"


def test_processes_that_sync_one_organisation_take_turns(xero_host, host_home, host_environ, quiet_sandbox_server):
    connection = processes.connect(xero_host, quiet_sandbox_server, page_size=20)
    httpx.delete(f"{quiet_sandbox_server.url}/_sandbox/log")
    quiet_sandbox_server.sandbox.faults.add("latency", seconds=0.05, times=None)
    started = [
        processes.started(processes.sync, host_home, host_environ, connection, ["invoices", "contacts"], 60)
        for _ in range(4)
    ]
    found = [[answers.get() for _ in range(2)] for _, answers in started]
    for process, _ in started:
        process.join(60)
    assert [outcome["problem"] for outcomes in found for outcome in outcomes] == [None] * 8
    kinds = [outcomes[0]["kind"] for outcomes in found]
    assert sorted(kinds) == ["first", "incremental", "incremental", "incremental"]
    told = log(quiet_sandbox_server)
    assert 2 <= told["peak_in_flight"] <= 5
    assert max(call["in_flight"] for call in told["requests"]) <= 5


def test_the_second_says_who_syncs_and_a_killed_one_holds_nothing(
    xero_host, host_home, host_environ, quiet_sandbox_server
):
    connection = processes.connect(xero_host, quiet_sandbox_server, page_size=20)
    pause = quiet_sandbox_server.sandbox.faults.add("latency", seconds=0.5, times=None)
    process, _ = processes.started(processes.sync, host_home, host_environ, connection, ["invoices"], 0)
    processes.until(lambda: _owner(xero_host))
    refused = xero_host.runner.sync(connection, "invoices", patience=0)
    processes.until(lambda: pause.struck)
    assert (refused.problem["reason"], refused.calls) == (leases.RUNNING, 0)
    assert f"process {process.pid} on " in refused.problem["message"]
    assert xero_host.store.entity_state(connection, "invoices").outcome is None, "only the running one writes its state"
    process.kill()
    process.join()
    quiet_sandbox_server.sandbox.faults.clear()
    assert xero_host.runner.sync(connection, "invoices", patience=0).problem is None


def test_whoever_lost_the_lease_stores_nothing_more(xero_host, quiet_sandbox_server):
    connection = processes.connect(xero_host, quiet_sandbox_server, page_size=20)
    kept = []

    def taken_over(progress):
        kept.append(progress.counts.new)
        if len(kept) == 1:
            with xero_host.database.write_transaction() as transaction:
                leases.Lease(f"sync:{connection}", _owner(xero_host), xero_host.database.now).release(transaction)
            assert xero_host.leases.try_acquire(f"sync:{connection}")

    outcome = xero_host.runner.sync(connection, "invoices", on_progress=taken_over)
    assert outcome.problem["reason"] == leases.LOST
    assert xero_host.sink.count_rows(xero_host.store.connection(connection).organisation_id, "invoices") == kept[0]
    assert _owner(xero_host), "the other's lease is left alone"


def _owner(xero_host):
    with xero_host.database.read_transaction() as connection:
        return connection.exec_driver_sql("SELECT owner FROM host_leases").scalar_one_or_none()


def test_a_process_takes_over_a_lease_that_it_failed_to_release(host_home, host_environ):
    with processes.opened(host_home, host_environ) as host, processes.opened(host_home, host_environ) as other:
        lease = host.leases.try_acquire("sync:x")
        assert other.leases.try_acquire("sync:x") is None
        ownership.forget_owner(lease.owner)  # as release does before it meets a database that is away
        assert host.leases.try_acquire("sync:x")


def test_a_database_that_is_away_at_the_end_leaves_no_lock(host_home, host_environ, monkeypatch):
    with processes.opened(host_home, host_environ) as host:
        with host.leases.hold("sync:x", "Beans"), monkeypatch.context() as patch:
            patch.setattr(leases.Lease, "release", _raise_unavailable)
        with host.leases.hold("sync:x", "Beans", patience=0):
            pass


def _raise_unavailable(*_):
    raise Unavailable("away", reason="database_unreachable")


def test_by_default_leases_go_by_the_clock_of_the_database(host_home, host_environ, monkeypatch):
    with open_host(host_home, report=DiscoveryReport(), environ=host_environ) as host:
        held = host.leases.try_acquire("sync:x")
        with host.database.write_transaction() as transaction:
            transaction.execute(
                sa.text("UPDATE host_leases SET owner = 'elsewhere:1:2:3'"),
            )
        assert host.leases.try_acquire("sync:x") is None
        with host.database.write_transaction() as transaction:
            end = stamp(host.database.now(transaction) - timedelta(seconds=1))
            transaction.execute(sa.text("UPDATE host_leases SET until = :end"), {"end": end})
        assert held is not None
        assert host.leases.try_acquire("sync:x")


def test_a_heartbeat_keeps_a_lease_for_as_long_as_the_work_takes(host_home, host_environ, monkeypatch):
    monkeypatch.setattr(ownership, "LEASE_DURATION", timedelta(seconds=0.3))
    monkeypatch.setattr(ownership, "HEARTBEAT_INTERVAL", timedelta(seconds=0.05))
    with (
        open_host(host_home, report=DiscoveryReport(), environ=host_environ) as host,
        host.leases.hold("sync:x", "Beans"),
    ):
        with host.database.read_transaction() as transaction:
            first = transaction.execute(sa.text("SELECT until FROM host_leases")).scalar_one()
        processes.until(lambda: _end_of_lease(host) > first)


def _end_of_lease(xero_host):
    with xero_host.database.read_transaction() as transaction:
        return transaction.execute(sa.text("SELECT until FROM host_leases")).scalar_one()


def test_rotated_tokens_and_claims_are_durable_when_they_are_committed(host_home, host_environ):
    with open_host(host_home, report=DiscoveryReport(), environ=host_environ) as host:
        if host.database.path is None:
            with host.database.write_transaction(durable=True) as transaction:
                assert transaction.execute(sa.text("SHOW synchronous_commit")).scalar_one() != "off"
            return
        for durable, level in ((True, 2), (False, 1), (True, 2)):  # 2: FULL, 1: NORMAL
            with host.database.write_transaction(durable=durable) as transaction:
                assert transaction.execute(sa.text("PRAGMA synchronous")).scalar_one() == level
