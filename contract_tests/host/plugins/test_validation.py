"""A foreign connector that misbehaves: the host names it, and loses nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bizosaas_xero.host.plugins.validation import MAX_WAIT_SECONDS
from bizosaas_xero.host.sync import runner
from bizosaas_xero.spec import RateLimited, Stats, Unavailable
from contract_tests.helpers.fake_connector import batch, record

pytestmark = pytest.mark.any_database

A = batch(1, record("a", Total="1.00"), more=True)
GOOD = batch(3, record("c"))


def raw(*records, **changes):
    """A batch as a mapping, not validated yet."""
    stats = {"kind": "first", "complete": True}
    return {
        "entity": "things",
        "records": records,
        "cursor": {"n": 2},
        "has_more": False,
        "stats": stats,
    } | changes


class Theirs(Exception):
    """An error of their own, with the contract's words."""

    def __init__(self, **words):
        super().__init__("theirs")
        vars(self).update({"code": "unavailable", "recovery": "retry", "message": "m", "remedy": "r"} | words)


WAITS = [float("inf"), float("nan"), -5.0, 1e300, 10**30, "soon", True, [], None]


# ---------------------------------------------------------------- what they raise


@pytest.mark.parametrize("wait", WAITS, ids=repr)
@pytest.mark.parametrize("recovery", ["wait", "retry"])
@pytest.mark.parametrize("own", [True, False])
def test_no_wait_of_theirs_is_endless_negative_or_no_number(
    host, connection_id, fake_connector, sync_things, clock, wait, recovery, own
):
    kind = RateLimited if recovery == "wait" else Unavailable
    error = kind("m", retry_after=wait) if own else Theirs(code=kind.code, recovery=recovery, retry_after=wait)
    fake_connector.runs = [[A, error] for _ in range(9)]
    outcome = sync_things()
    told = outcome.problem["retry_after"]
    assert told is None or 0 <= told <= MAX_WAIT_SECONDS
    assert outcome.problem["recovery"] == recovery
    json.dumps(outcome.problem, allow_nan=False)
    assert all(0 <= pause <= 65 for pause in clock.slept)
    due = host.store.entity_state(connection_id, "things").next_due
    assert clock.now() <= due <= clock.now() + timedelta(seconds=MAX_WAIT_SECONDS)
    assert host.sink.count_rows("org-1", "things") == 1


@pytest.mark.parametrize(
    "words",
    [
        {"message": None, "remedy": 5},
        {"problems": 5},
        {"problems": [5, None, {"field": 1}]},
        {"scopes": 7},
        {"scopes": [None, object()]},
        {"reason": b"x"},
        {"correlation_id": object()},
        {"cost": "much"},
        {"cost": {"calls": -5, "bytes": float("inf"), "day_left": "many"}},
        {"recovery": "explode"},
        {"code": "brand_new", "recovery": "wait", "retry_after": float("inf")},
        {"code": "rate_limited", "recovery": "none"},
    ],
)
def test_whatever_their_errors_hold_is_told_as_json(host, connection_id, fake_connector, sync_things, words):
    fake_connector.runs = [[A, Theirs(**words)] for _ in range(9)]
    outcome = sync_things()
    assert json.loads(json.dumps(outcome.to_dict(), allow_nan=False))["problem"]["message"]
    assert outcome.problem["remedy"]
    assert all(isinstance(problem, dict) for problem in outcome.problem["problems"])
    assert outcome.calls >= 0
    assert host.store.usage("org-1")["calls"] >= 0
    assert host.sink.count_rows("org-1", "things") == 1


def test_an_error_whose_words_cannot_be_read_blames_the_connector(fake_connector, sync_things):
    class Nasty(Exception):
        @property
        def code(self):
            raise ValueError("secret")

    fake_connector.runs = [[Nasty()] for _ in range(9)]
    problem = sync_things().problem
    assert problem["reason"] == "connector_failed"
    assert "secret" not in json.dumps(problem)


# ---------------------------------------------------------------- what they give

ENDLESS = {}
ENDLESS["me"] = ENDLESS

GARBAGE = {
    "no batch": 5,
    "a list": [],
    "nothing in it": {},
    "another entity": raw(entity="others"),
    "records of text": raw(records="abc"),
    "a record of numbers": raw({"key": 7, "data": []}),
    "no key": raw({"data": {}}),
    "an empty key": raw({"key": "", "data": {}}),
    "a key with a NUL": raw({"key": "a\0b", "data": {}}),
    "a lone surrogate as key": raw({"key": "\ud800", "data": {}}),
    "a key of 300 characters": raw({"key": "k" * 300, "data": {}}),
    "an unknown op": raw({"key": "x", "op": "explode"}),
    "an object in data": raw({"key": "x", "data": {"a": object()}}),
    "a lone surrogate in data": raw({"key": "x", "data": {"a": "\ud800"}}),
    "a name that is not text": raw({"key": "x", "data": {None: 1}}),
    "itself in data": raw({"key": "x", "data": ENDLESS}),
    "a stamp without a zone": raw({"key": "x", "updated_at": datetime(2026, 1, 1)}),  # noqa: DTZ001
    "a cursor of text": raw(cursor="page 2"),
    "a cursor of bytes": raw(cursor=b"{}"),
    "no cursor": raw(cursor=None),
    "an object in the cursor": raw(cursor={"a": object()}),
    "a set in the cursor": raw(cursor={"a": {1}}),
    "a NaN in the cursor": raw(cursor={"a": float("nan")}),
    "a lone surrogate in the cursor": raw(cursor={"a": "\ud800"}),
    "a huge cursor": raw(cursor={"a": "x" * 20_000_000}),
    "an endless cursor": raw(cursor=ENDLESS),
    "an object rejected": raw(rejected=[{"key": "x", "reason": "r", "raw": object()}]),
    "a lone surrogate rejected": raw(rejected=[{"key": "x", "reason": "\ud800"}]),
    "a rejected key with a NUL": raw(rejected=[{"key": "a\0b", "reason": "r"}]),
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_refused_by_name_and_what_came_before_is_kept(
    host, connection_id, fake_connector, sync_things, garbage
):
    fake_connector.runs = [[A, garbage], *([garbage] for _ in range(9))]
    outcome = sync_things()
    assert (outcome.problem["code"], outcome.problem["reason"]) == ("unavailable", "connector_failed")
    assert "'fake'" in outcome.problem["message"]
    assert outcome.new == 1
    assert host.store.entity_state(connection_id, "things").cursor == {"n": 1}
    assert fake_connector.calls[-1]["cursor"] == {"n": 1}
    fake_connector.runs = [[GOOD]]
    assert sync_things().problem is None
    assert host.sink.count_rows("org-1", "things") == 2


def test_of_a_key_that_comes_twice_in_a_batch_the_last_is_kept(host, fake_connector, sync_things):
    fake_connector.runs = [[batch(1, record("a", Total="1"), record("a", Total="2"), record("b"))]]
    outcome = sync_things()
    assert (outcome.new, outcome.same) == (2, 1)
    assert {row["Id"]: row.get("Total") for row in host.sink.iter_records("org-1", "things")} == {
        "a": "2",
        "b": None,
    }


def test_what_is_odd_and_can_be_stored_is_stored(host, fake_connector, sync_things):
    """Text of NULs, numbers without end: the record keeps them as they came."""
    odd = {"Id": "a", "Total": Decimal("1e60"), "Contact": {"Name": "a\0b"}, "Big": 2**80, "Open": "maybe"}
    fake_connector.runs = [[raw({"key": "a", "data": odd, "updated_at": datetime(1, 1, 1, tzinfo=UTC)})]]
    assert sync_things().problem is None
    [row] = host.sink.iter_records("org-1", "things")
    assert row["Contact"]["Name"] == "a\0b"
    assert (row["Total"], row["Big"]) == ("1E+60", 2**80)


@pytest.mark.parametrize("moving", [True, False])
def test_an_endless_iterator_of_nothing_ends(host, connection_id, fake_connector, sync_things, monkeypatch, moving):
    """Whether or not its cursor moves; what it moved to stays."""
    monkeypatch.setattr(runner, "MAX_EMPTY_BATCHES", 20)

    def endless():
        number = 0
        while True:
            number += moving
            yield batch(number, more=True)

    fake_connector.runs = [endless() for _ in range(9)]
    problem = sync_things().problem
    assert problem["reason"] == "connector_failed"
    assert "without a record" in problem["message"]
    assert host.store.entity_state(connection_id, "things").cursor == {"n": 20 * moving}
    fake_connector.runs = [[GOOD]]
    assert sync_things().problem is None


def test_an_iterator_that_ends_where_it_promised_more_is_no_whole_read(
    host, connection_id, fake_connector, sync_things
):
    fake_connector.runs = [[A] for _ in range(9)]
    outcome = sync_things()
    assert outcome.problem["reason"] == "connector_failed"
    assert outcome.complete is False
    assert host.store.entity_state(connection_id, "things").last_success is None
    assert host.store.entity_state(connection_id, "things").cursor == {"n": 1}


@pytest.mark.parametrize("stats", [Stats(kind="first", calls=-7, bytes=-1), Stats(kind="first", day_left=-3)])
def test_costs_below_nothing_count_for_nothing(host, fake_connector, sync_things, stats):
    fake_connector.runs = [[batch(1, stats=stats)]]
    sync_things()
    used = host.store.usage("org-1")
    assert used["calls"] >= 0
    assert used["bytes"] >= 0
