"""Xero's limits are never exceeded, by the sandbox's log; a day's limit delays no other organisation."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from bizosaas_xero import plugin
from bizosaas_xero.connector.http import transport
from bizosaas_xero.host import discover, open_host
from bizosaas_xero.sandbox import serve
from bizosaas_xero.spec import App
from bizosaas_xero.toolkit import rate_limits
from contract_tests.helpers.processes import until
from contract_tests.helpers.xero_account import Account, calls

pytestmark = [pytest.mark.attempts(2), pytest.mark.usefixtures("fresh_call_counts")]

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SYNCED = ("invoices", "bills", "contacts", "payments", "bank_transactions")


def moments(lines):
    return sorted(datetime.fromisoformat(line["at"]).timestamp() for line in lines)


def most_in_a_minute(times):
    """The most calls in any 60 seconds, wherever they begin."""
    return max(sum(begin <= each < begin + 60 for each in times) for begin in times)


class Time:
    """A clock that advances only while a caller waits, and never while a counted call is in flight."""

    def __init__(self, monkeypatch):
        self.passed, self.under_way = 0.0, 0
        self._lock, self._sleep, self.clocks = threading.Lock(), time.sleep, []
        now, count, send = rate_limits.process_time, rate_limits.reserve_call, transport.send
        monkeypatch.setattr(rate_limits, "process_time", lambda: now() + int(self.passed * 1000))

        def counted(url, limit):
            with self._lock:
                wait = count(url, limit)
                self.under_way += not wait and "|app|" not in limit.key
                return wait

        def sent(*given, **more):
            try:
                return send(*given, **more)
            finally:
                with self._lock:
                    self.under_way -= "/api.xro/" in given[1]

        monkeypatch.setattr(rate_limits, "reserve_call", counted)
        monkeypatch.setattr(transport, "send", sent)
        monkeypatch.setattr("bizosaas_xero.toolkit.rate_limits.time.sleep", self.pass_by)

    def pass_by(self, seconds):
        while True:
            with self._lock:
                if not self.under_way:
                    self.passed += seconds
                    for clock in self.clocks:
                        clock.advance(seconds)
                    return
            self._sleep(0.001)


def test_no_sixty_seconds_hold_more_than_sixty_calls(monkeypatch):
    """Five workers read one organisation as fast as they may."""
    flow = Time(monkeypatch)
    with serve(invoices=120, seed=7) as box:
        flow.clocks.append(box.sandbox.clock)
        account = Account(box, calls_per_minute=60, page_size=5).connect()

        def read(name):
            for _ in range(4):
                list(account.sync(name, max_wait=600))

        workers = [threading.Thread(target=read, args=(name,)) for name in SYNCED]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        lines = calls(box)
        times = moments(lines)
        assert len(times) > 180, "three minutes' worth and more"
        assert most_in_a_minute(times) <= 60
        assert [line for line in lines if line["status"] == 429] == []
        assert flow.passed >= 120


def test_no_more_than_five_are_in_flight_however_many_read_and_act():
    with serve(invoices=120, seed=7, limits=False) as box:
        account = Account(box, page_size=5).connect()
        box.sandbox.faults.add("latency", seconds=0.02, times=None)

        def read(name):
            list(account.sync(name))

        def act():
            plugin.run_action(account.connection(), "get_aged_receivables", {}, {})

        works = [threading.Thread(target=read, args=(name,)) for name in SYNCED]
        works += [threading.Thread(target=act) for _ in range(4)]
        for each in works:
            each.start()
        for each in works:
            each.join(60)
        assert 4 <= box.sandbox.limits.peak <= 5
        assert max(line["in_flight"] for line in calls(box)) <= 5


# ---------------------------------------------------------------- the day


@pytest.fixture
def limited_sandbox_server():
    with time_machine.travel(NOON, tick=True), serve(invoices=60, seed=3, per_day=12) as served:
        served.sandbox.switches.multi_select = True
        yield served


def opened(folder):
    return open_host(folder, report=discover(["xero"]), environ={}, sleep=lambda _: None, chance=lambda: 0)


def connect(host, limited_sandbox_server, number):
    known = limited_sandbox_server.info["apps"]["web"]
    app = App(
        client_id=known["client_id"],
        client_secret=known["client_secret"],
        redirect_uri="http://localhost:8377/callback",
    )
    settings = {name: limited_sandbox_server.info[name] for name in ("api_url", "identity_url", "login_url")}
    settings |= {"calls_per_minute": 0, "page_size": 10}
    organisations = [row["id"] for row in limited_sandbox_server.info["organisations"][:number]]
    url = host.connections.begin_consent("xero", app, settings=settings)
    offer = host.connections.finish_consent(limited_sandbox_server.sandbox.consent(url, organisations=organisations))
    return [host.connections.choose(offer, each, settings) for each in organisations]


def refused(limited_sandbox_server, organisation):
    return [
        line
        for line in calls(limited_sandbox_server)
        if line["status"] == 429 and line["tenant"] == organisation.lower()
    ]


def test_a_day_limit_is_met_once_and_kept_over_restarts(tmp_path, limited_sandbox_server):
    """After the one refusal no call is made that day, even after a restart; the next day continues."""
    with opened(tmp_path) as host:
        [kept] = connect(host, limited_sandbox_server, 1)
        list(host.scheduler.run_due())
        assert len(refused(limited_sandbox_server, kept.organisation_id)) == 1
        sent = len(calls(limited_sandbox_server))
    for hours in (1, 6, 22):
        with time_machine.travel(NOON + timedelta(hours=hours), tick=True), opened(tmp_path) as host:
            assert list(host.scheduler.run_due()) == []
            assert host.store.connection(kept.id).resume_at > datetime.now(UTC)
    assert len(calls(limited_sandbox_server)) == sent
    limited_sandbox_server.sandbox.limits.per_day = 1000
    with time_machine.travel(NOON + timedelta(hours=25), tick=True), opened(tmp_path) as host:
        outcomes = [outcome for _, outcome in host.scheduler.run_due()]
        assert outcomes
        assert [outcome.problem for outcome in outcomes if outcome.problem] == []


def test_a_day_limit_blocks_no_worker_and_no_other_organisation(tmp_path, limited_sandbox_server, monkeypatch):
    slept = []
    monkeypatch.setattr("bizosaas_xero.toolkit.rate_limits.time.sleep", slept.append)
    with opened(tmp_path) as host:
        first, second = connect(host, limited_sandbox_server, 2)
        limited_sandbox_server.sandbox.limits.per_day = 1000
        match = {"tenant": first.organisation_id.lower()}
        limited_sandbox_server.sandbox.faults.add(
            "rate_limit", problem="day", retry_after=40_000, match=match, times=None
        )
        began = time.monotonic()
        outcomes = list(host.scheduler.run_due())
        assert time.monotonic() - began < 20
        assert slept == []
        ends = {kept.id: [] for kept, _ in outcomes}
        for kept, outcome in outcomes:
            ends[kept.id].append(outcome.problem and outcome.problem["reason"])
        assert ends[first.id] == ["limit_day"], "the rest of its lists is not even tried"
        assert ends[second.id] == [None] * 6
        wait = host.store.connection(first.id).resume_at - datetime.now(UTC)
        assert timedelta(hours=11) < wait <= timedelta(seconds=40_000)
        assert len(refused(limited_sandbox_server, first.organisation_id)) == 1


def test_an_action_meets_the_day_limit_at_once():
    with serve(invoices=60, seed=3) as box:
        account = Account(box).connect()
        box.sandbox.faults.add("rate_limit", problem="day", retry_after=40_000, times=None)
        began = time.monotonic()
        with pytest.raises(Exception, match="used up") as caught:
            plugin.run_action(account.connection(), "get_balance_sheet", {"on_date": "2026-10-31"}, {})
        assert time.monotonic() - began < 5
        assert (caught.value.recovery, caught.value.retry_after) == ("wait", 40_000)
        until(lambda: calls(box))  # a request is noted after its answer
        assert len(calls(box)) == 1
