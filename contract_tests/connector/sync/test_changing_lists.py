"""Nothing is missing or stale at the end, however a list changes while it is read."""

from __future__ import annotations

import os
from datetime import timedelta

import httpx
import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bizosaas_xero import plugin
from bizosaas_xero.connector.http import transport as http_transport
from bizosaas_xero.toolkit import paging
from contract_tests.helpers.changing_list import ChangingList, ShuffledExecutor

CONNECTION = {"organisation_id": "o", "access_token": "t"}

mutations = st.lists(
    st.one_of(
        st.tuples(st.just("edit"), st.integers(0, 40)),
        st.tuples(st.just("insert"), st.integers(0, 0xFFFFFF)),
        st.tuples(st.just("tick"), st.sampled_from([0.001, 0.4, 1, 30])),
    ),
    max_size=3,
)


class Host:
    """Stores batches as a host does: records and cursor together."""

    def __init__(self, settings) -> None:
        self.connection = {**CONNECTION, "settings": {"api_url": "http://localhost:1", **settings}}
        self.cursor = None
        self.stored: dict[str, int] = {}
        self.stats = None

    def sync(self, stop_after=None, **options):
        batches = plugin.sync_entity(self.connection, "invoices", self.cursor, options)
        for number, batch in enumerate(batches, start=1):
            for record in batch.records:
                # What comes may be a newer form or the same again, never an older one.
                assert record.data["Version"] >= self.stored.get(record.key, 0)
                self.stored[record.key] = record.data["Version"]
            assert not batch.rejected
            self.cursor, self.stats = batch.cursor, batch.stats
            if number == stop_after:
                batches.close()
                return False
        assert not batch.has_more
        return not batch.stats.paused


@pytest.fixture
def connect_list(monkeypatch):
    def connect(shelf, draw_order=range):
        transport = httpx.Client(transport=httpx.MockTransport(shelf.handle))
        monkeypatch.setattr(http_transport, "http_client", lambda _: transport)
        monkeypatch.setattr(paging, "ThreadPoolExecutor", ShuffledExecutor(draw_order))

    return connect


def apply(shelf, changes):
    for kind, value in changes:
        {"edit": shelf.edit, "insert": shelf.insert, "tick": shelf.tick}[kind](value)


@settings(
    max_examples=1000 if os.environ.get("HYPOTHESIS_PROFILE") == "search" else 150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_row_is_lost_or_stale(data, connect_list):
    shelf = ChangingList(data.draw(st.integers(1, 30), "rows"), inclusive=data.draw(st.booleans(), "inclusive"))
    connect_list(shelf, lambda n: data.draw(st.permutations(range(n)), "order of answers"))
    host = Host({"page_size": data.draw(st.integers(1, 7), "page size"), "overlap": 1, "calls_per_minute": 0})
    shelf.tick(5)
    shelf.after_answer = lambda: apply(shelf, data.draw(mutations, "changes"))
    for _ in range(data.draw(st.integers(1, 4), "runs")):
        host.sync(
            stop_after=data.draw(st.none() | st.integers(1, 4), "crash after"),
            max_batches=data.draw(st.none() | st.integers(1, 3), "max batches"),
            full=data.draw(st.booleans(), "full"),
        )
        apply(shelf, data.draw(mutations, "changes between runs"))
    shelf.after_answer = lambda: None
    while not host.sync():  # the rest of an unfinished read…
        pass
    host.sync()  # …and what changed behind it
    assert host.stored == shelf.versions()
    assert host.stats.complete is not False


hours = st.floats(0, 12).map(lambda each: timedelta(hours=each))


@settings(
    max_examples=1000 if os.environ.get("HYPOTHESIS_PROFILE") == "search" else 150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_one_wrong_time_of_xero_loses_nothing_whatever_this_machines_clock_shows(data, connect_list):
    """Xero's time is ahead in one read, this machine's clock is fast or slow, and the next read comes early or late."""
    shelf = ChangingList(data.draw(st.integers(1, 9), "rows"))
    connect_list(shelf)
    host = Host({"page_size": data.draw(st.integers(1, 10), "page size"), "overlap": 60, "calls_per_minute": 0})
    fast = data.draw(hours, "this machine is fast") - data.draw(hours, "this machine is slow")
    runs = data.draw(st.integers(2, 5), "runs")
    wrong = data.draw(st.integers(0, runs - 2), "wrong run")
    for number in range(runs):
        shelf.wrong_by = data.draw(hours, "wrong by") if number == wrong else timedelta(0)
        with time_machine.travel(shelf.now + fast, tick=False):
            host.sync()
        pause = data.draw(hours, "pause").total_seconds() + 1
        for share in data.draw(st.lists(st.floats(0.01, 0.5), max_size=2), "times of changes"):
            shelf.tick(pause * share)
            apply(shelf, data.draw(mutations.map(lambda drawn: [each for each in drawn if each[0] != "tick"])))
            pause -= pause * share
        shelf.tick(pause)
    with time_machine.travel(shelf.now + fast, tick=False):
        host.sync()
    assert host.stored == shelf.versions()


def test_a_clock_that_was_set_forward_costs_one_more_call(connect_list):
    shelf = ChangingList(5)
    connect_list(shelf)
    host = Host({"calls_per_minute": 0})
    for fast, calls in ((0, 1), (0, 1), (3600, 2), (3600, 1), (0, 1)):
        shelf.tick(7200)
        with time_machine.travel(shelf.now + timedelta(seconds=fast), tick=False):
            host.sync()
        assert (host.stats.calls, host.stats.complete) == (calls, True)


def test_everything_is_read_again_after_a_week(connect_list):
    shelf = ChangingList(3)
    connect_list(shelf)
    host = Host({"calls_per_minute": 0})
    kinds = []
    for _ in range(10):
        shelf.tick(86_400)
        host.sync()
        kinds.append(host.stats.kind)
    assert kinds == ["first", *["incremental"] * 7, "reread", "incremental"]


@pytest.mark.parametrize("inclusive", [True, False])
def test_a_second_run_is_one_call_and_brings_nothing_new(connect_list, inclusive):
    shelf = ChangingList(10, inclusive=inclusive)
    connect_list(shelf)
    host = Host({"calls_per_minute": 0})
    shelf.tick(3600)
    host.sync()
    assert host.stats.model_dump(include={"kind", "complete", "missing", "calls", "read"}) == {
        "kind": "first",
        "complete": True,
        "missing": 0,
        "calls": 1,
        "read": 10,
    }
    shelf.tick(60)
    host.sync()
    assert host.stats.model_dump(include={"kind", "complete", "calls", "read"}) == {
        "kind": "incremental",
        "complete": True,
        "calls": 1,
        "read": 0,
    }


def test_a_server_clock_that_was_ahead_leads_to_a_full_reading(connect_list):
    shelf = ChangingList(3)
    connect_list(shelf)
    host = Host({"calls_per_minute": 0})
    shelf.tick(7200)  # an hour of it wrong
    host.sync()
    shelf.tick(-3600)
    shelf.edit(0)
    host.sync()
    assert host.stored == shelf.versions()
    assert host.stats.kind == "reread"


def test_rows_that_leave_make_the_read_start_over(connect_list):
    shelf = ChangingList(20)
    connect_list(shelf)
    host = Host({"page_size": 5, "calls_per_minute": 0})

    def lose_three_rows():
        shelf.after_answer = lambda: None
        for key in list(shelf.rows)[:3]:
            del shelf.rows[key]

    shelf.after_answer = lose_three_rows
    host.sync()
    assert set(host.stored) >= set(shelf.rows)
    assert host.stats.complete is True


def test_a_list_that_keeps_shrinking_is_unavailable(connect_list):
    shelf = ChangingList(60)
    connect_list(shelf)
    host = Host({"page_size": 5, "calls_per_minute": 0})
    shelf.after_answer = lambda: shelf.rows.pop(next(iter(shelf.rows)))
    with pytest.raises(Exception, match="several times over") as caught:
        host.sync()
    assert caught.value.recovery == "retry"


def test_missing_rows_are_counted_and_read_by_the_next_run(connect_list):
    """A server that announces more rows than it gives is never called complete."""
    shelf = ChangingList(4)
    connect_list(shelf)
    host = Host({"calls_per_minute": 0})
    honest = shelf.handle

    def liar(request):
        body = honest(request).json()
        body["Invoices"].pop()
        return httpx.Response(200, json=body)

    shelf.handle = liar
    connect_list(shelf)
    host.sync()
    assert (host.stats.complete, host.stats.missing) == (False, 1)
    shelf.handle = honest
    connect_list(shelf)
    host.sync()
    assert host.stored == shelf.versions()
    assert (host.stats.kind, host.stats.complete) == ("first", True)


def test_the_first_next_makes_one_request_and_closing_stops(connect_list):
    shelf = ChangingList(50)
    connect_list(shelf)
    batches = plugin.sync_entity(Host({"page_size": 5, "calls_per_minute": 0}).connection, "invoices", None, None)
    assert not shelf.calls
    next(batches)
    assert len(shelf.calls) == 1
    next(batches)
    fetched = len(shelf.calls)
    batches.close()
    assert len(shelf.calls) == fetched <= 5


def test_one_batch_at_a_time_fetches_nothing_ahead(connect_list):
    shelf = ChangingList(50)
    connect_list(shelf)
    host = Host({"page_size": 5, "calls_per_minute": 0})
    for number in range(1, 10):
        assert not host.sync(max_batches=1)
        assert (host.stats.complete, host.stats.paused) == (False, True)
        assert len(shelf.calls) == number
    assert host.sync(max_batches=1)
    assert (host.stats.complete, host.stats.missing) == (True, 0)
    assert host.stored == shelf.versions()
