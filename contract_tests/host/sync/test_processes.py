"""Many processes at once, and what one leaves behind that is killed. On both databases."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import sqlalchemy as sa

from bizosaas_xero.host import DiscoveryReport, open_host
from bizosaas_xero.host.storage import leases
from bizosaas_xero.host.storage.tables import stamp
from bizosaas_xero.sandbox import serve
from bizosaas_xero.spec import Unavailable
from contract_tests.helpers import processes

MANY = 8


@pytest.fixture(scope="module")
def served():
    with serve(invoices=300, seed=4, limits=False) as box:
        yield box


@pytest.fixture
def box(served):
    served.sandbox.faults.clear()
    httpx.delete(f"{served.url}/_sandbox/log")
    return served


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def host(home, environ):
    with processes.opened(home, environ) as host:
        yield host


def log(box):
    return httpx.get(f"{box.url}/_sandbox/log").json()


def refreshes(box):
    return [call for call in log(box)["requests"] if call["path"] == "/connect/token"]


@pytest.fixture
def expired(host, box):
    """The identity of a grant whose token has just ended."""
    identity = host.store.connection(processes.connect(host, box)).identity
    held = host.store.grant("xero", identity)
    now = datetime.now(UTC)
    old = {"obtained_at": now - timedelta(minutes=33), "expires_at": now - timedelta(minutes=3)}
    assert host.store.replace_grant(held, held.grant.model_copy(update=old))
    httpx.delete(f"{box.url}/_sandbox/log")
    return identity


def many(home, environ, identity, aheads=(0,) * MANY, lease=90):
    return [processes.started(processes.need_grant, home, environ, identity, ahead, lease) for ahead in aheads]


def ended(started):
    found = [answers.get() for _, answers in started]
    for process, _ in started:
        process.join(30)
        assert process.exitcode == 0
    return found


@pytest.mark.parametrize("aheads", [(0,) * MANY, (-60, 0, 60, 0, -60, 60, 0, 60)], ids=["same", "clocks differ"])
def test_eight_processes_need_the_same_grant_and_one_refresh_is_sent(host, home, environ, box, expired, aheads):
    box.sandbox.faults.add("latency", seconds=0.5, match={"path": "/connect/token"})
    found = ended(many(home, environ, expired, aheads))
    assert len(refreshes(box)) == 1
    assert {version for version, _ in found} == {3}
    assert len({token for _, token in found}) == 1


def test_a_refresh_that_takes_longer_than_its_lease_is_sent_once(home, environ, box, expired):
    box.sandbox.faults.add("latency", seconds=3, match={"path": "/connect/token"})
    found = ended(many(home, environ, expired, aheads=(0, 0, 60), lease=1.2))
    assert len(refreshes(box)) == 1
    assert {version for version, _ in found} == {3}


def test_the_answer_to_the_refresh_is_lost_and_none_fails(home, environ, box, expired):
    box.sandbox.faults.add("lost_refresh")
    found = ended(many(home, environ, expired))
    assert len(refreshes(box)) == 2, "the lost one, and the one that was sent again"
    assert {version for version, _ in found} == {3}


def test_the_one_that_refreshes_is_killed_and_none_of_the_others_fails(host, home, environ, box, expired):
    box.sandbox.faults.add("latency", seconds=2, match={"path": "/connect/token"})
    started = many(home, environ, expired)
    owner = processes.until(lambda: host.store.grant("xero", expired).lease_owner)
    killed = int(owner.split(":")[1])
    os.kill(killed, signal.SIGKILL)
    others = [(process, answers) for process, answers in started if process.pid != killed]
    assert len(others) == MANY - 1
    found = ended(others)
    assert {version for version, _ in found} == {3}
    assert len(refreshes(box)) <= 2, "the killed one's, and one more"


def test_processes_that_sync_one_organisation_take_turns(host, home, environ, box):
    connection = processes.connect(host, box, page_size=20)
    httpx.delete(f"{box.url}/_sandbox/log")
    box.sandbox.faults.add("latency", seconds=0.05, times=None)
    started = [
        processes.started(processes.sync, home, environ, connection, ["invoices", "contacts"], 60) for _ in range(4)
    ]
    found = [[answers.get() for _ in range(2)] for _, answers in started]
    for process, _ in started:
        process.join(60)
    assert [outcome["problem"] for outcomes in found for outcome in outcomes] == [None] * 8
    kinds = [outcomes[0]["kind"] for outcomes in found]
    assert sorted(kinds) == ["first", "incremental", "incremental", "incremental"]
    told = log(box)
    assert 2 <= told["peak_in_flight"] <= 5
    assert max(call["in_flight"] for call in told["requests"]) <= 5


def test_the_second_says_who_syncs_and_a_killed_one_holds_nothing(host, home, environ, box):
    connection = processes.connect(host, box, page_size=20)
    pause = box.sandbox.faults.add("latency", seconds=0.5, times=None)
    process, _ = processes.started(processes.sync, home, environ, connection, ["invoices"], 0)
    processes.until(lambda: _owner(host))
    refused = host.runner.sync(connection, "invoices", patience=0)
    processes.until(lambda: pause.struck)
    assert (refused.problem["reason"], refused.calls) == (leases.RUNNING, 0)
    assert f"process {process.pid} on " in refused.problem["message"]
    assert host.store.entity_state(connection, "invoices").outcome is None, "only the running one writes its state"
    process.kill()
    process.join()
    box.sandbox.faults.clear()
    assert host.runner.sync(connection, "invoices", patience=0).problem is None


def test_whoever_lost_the_lease_stores_nothing_more(host, box):
    connection = processes.connect(host, box, page_size=20)
    kept = []

    def taken_over(progress):
        kept.append(progress.counts.new)
        if len(kept) == 1:
            with host.database.write_transaction() as transaction:
                leases.Lease(f"sync:{connection}", _owner(host), host.leases._now).release(transaction)
            assert host.leases.try_acquire(f"sync:{connection}")

    outcome = host.runner.sync(connection, "invoices", on_progress=taken_over)
    assert outcome.problem["reason"] == leases.LOST
    assert host.sink.count_rows(host.store.connection(connection).organisation_id, "invoices") == kept[0]
    assert _owner(host), "the other's lease is left alone"


def _owner(host):
    with host.database.read_transaction() as connection:
        return connection.exec_driver_sql("SELECT owner FROM host_leases").scalar_one_or_none()


def test_a_process_takes_over_a_lease_that_it_failed_to_release(home, environ):
    with processes.opened(home, environ) as host, processes.opened(home, environ) as other:
        lease = host.leases.try_acquire("sync:x")
        assert other.leases.try_acquire("sync:x") is None
        leases.forget_owner(lease.owner)  # as release does before it meets a database that is away
        assert host.leases.try_acquire("sync:x")


def test_a_database_that_is_away_at_the_end_leaves_no_lock(home, environ, monkeypatch):
    with processes.opened(home, environ) as host:
        with host.leases.hold("sync:x", "Beans"), monkeypatch.context() as patch:
            patch.setattr(leases.Lease, "release", _raise_unavailable)
        with host.leases.hold("sync:x", "Beans", patience=0):
            pass


def _raise_unavailable(*_):
    raise Unavailable("away", reason="database_unreachable")


def test_by_default_leases_go_by_the_clock_of_the_database(home, environ, monkeypatch):
    with open_host(home, report=DiscoveryReport(), environ=environ) as host:
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


def test_a_heartbeat_keeps_a_lease_for_as_long_as_the_work_takes(home, environ, monkeypatch):
    monkeypatch.setattr(leases, "LEASE_DURATION", timedelta(seconds=0.3))
    monkeypatch.setattr(leases, "HEARTBEAT_INTERVAL", timedelta(seconds=0.05))
    with open_host(home, report=DiscoveryReport(), environ=environ) as host, host.leases.hold("sync:x", "Beans"):
        with host.database.read_transaction() as transaction:
            first = transaction.execute(sa.text("SELECT until FROM host_leases")).scalar_one()
        processes.until(lambda: _end_of_lease(host) > first)


def _end_of_lease(host):
    with host.database.read_transaction() as transaction:
        return transaction.execute(sa.text("SELECT until FROM host_leases")).scalar_one()


def test_rotated_tokens_and_claims_are_durable_when_they_are_committed(home, environ):
    with open_host(home, report=DiscoveryReport(), environ=environ) as host:
        if host.database.path is None:
            with host.database.write_transaction(durable=True) as transaction:
                assert transaction.execute(sa.text("SHOW synchronous_commit")).scalar_one() != "off"
            return
        for durable, level in ((True, 2), (False, 1), (True, 2)):  # 2: FULL, 1: NORMAL
            with host.database.write_transaction(durable=durable) as transaction:
                assert transaction.execute(sa.text("PRAGMA synchronous")).scalar_one() == level
