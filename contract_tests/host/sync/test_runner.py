"""What the runner does about each recovery, and that nothing is lost on the way."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from bizosaas_xero.spec import (
    AuthExpired,
    CursorRejected,
    Invalid,
    Misconfigured,
    MissingScope,
    NotFound,
    OrganisationUnavailable,
    RateLimited,
    Recheck,
    ReconnectRequired,
    Rejected,
    Stats,
    Unavailable,
)
from contract_tests.helpers.fake_connector import batch, record

A, B = batch(1, record("a"), more=True), batch(2, record("b"))


def keys(host):
    return host.sink.count_rows("org-1", "things")


def test_a_run_stores_and_reports(host, connection_id, fake_connector, sync_things, clock):
    fake_connector.runs = [[A, batch(2, record("b"), record("c"), rejected=[Rejected(key="d", reason="bad")])]]
    seen = []
    outcome = sync_things(on_progress=seen.append)
    assert (outcome.new, outcome.rejected, outcome.calls, outcome.bytes) == (3, 1, 2, 200)
    assert (outcome.complete, outcome.kind, outcome.problem) == (True, "first", None)
    assert [progress.counts.new for progress in seen] == [1, 3]
    state = host.store.entity_state(connection_id, "things")
    assert state.cursor == {"n": 2}
    assert state.last_success == clock.now()
    assert state.next_due == clock.now() + timedelta(seconds=900)
    assert state.outcome == outcome.to_dict()
    fake_connector.runs = [[batch(3, stats=Stats(kind="incremental", complete=True, calls=1))]]
    second = sync_things()
    assert fake_connector.calls[-1]["cursor"] == {"n": 2}
    assert (second.new, second.changed, second.kind, second.calls) == (0, 0, "incremental", 1)


def test_full_is_asked_for_until_the_cursor_knows(host, fake_connector, sync_things):
    fake_connector.runs = [[Unavailable("off")], [A, Unavailable("off")], [B]]
    assert sync_things(full=True).problem is None
    assert [call["full"] for call in fake_connector.calls] == [True, True, False]


def test_refresh_goes_on_from_the_last_stored_cursor(host, fake_connector, sync_things):
    fake_connector.runs = [[A, AuthExpired("expired")], [B]]
    outcome = sync_things()
    assert outcome.problem is None
    assert outcome.new == 2
    assert [(call["token"], call["cursor"]) for call in fake_connector.calls] == [
        ("access-1", None),
        ("access-2", {"n": 1}),
    ]
    assert outcome.calls == 3


def test_a_long_run_may_outlive_many_tokens(host, fake_connector, sync_things):
    fake_connector.runs = [[batch(n, record(str(n)), more=True), AuthExpired("expired")] for n in range(5)] + [[B]]
    assert sync_things().problem is None
    assert fake_connector.minted == 6


def test_refused_straight_after_a_refresh_needs_the_person(host, connection_id, fake_connector, sync_things):
    fake_connector.runs = [[A, AuthExpired("expired")], [AuthExpired("still")]]
    outcome = sync_things()
    assert outcome.problem["code"] == "reconnect_required"
    kept = host.store.connection(connection_id)
    assert (kept.state, kept.problem["code"]) == ("reconnect", "reconnect_required")
    assert keys(host) == 1
    fake_connector.runs = [[B]]
    assert sync_things().problem is None
    assert fake_connector.calls[-1]["cursor"] == {"n": 1}
    assert host.store.connection(connection_id).state == "active"
    assert host.store.connection(connection_id).problem is None


def test_a_grant_that_dies_is_noted_and_nothing_is_lost(host, connection_id, fake_connector, sync_things):
    fake_connector.runs = [[A, AuthExpired("expired")]]
    fake_connector.refresh_error = ReconnectRequired("revoked", remedy="Connect again.")
    outcome = sync_things()
    assert outcome.problem["remedy"] == "Connect again."
    assert outcome.new == 1
    assert outcome.complete is False
    assert host.store.connection(connection_id).state == "reconnect"
    assert host.store.entity_state(connection_id, "things").cursor == {"n": 1}


def test_retry_pauses_longer_each_time_and_stops(host, fake_connector, sync_things, clock):
    fake_connector.runs = [[Unavailable("off")] for _ in range(4)]
    seen = []
    outcome = sync_things(on_progress=seen.append)
    assert outcome.problem["code"] == "unavailable"
    assert clock.slept == [2.0, 8.0, 30.0]
    assert [progress.waiting for progress in seen] == [2.0, 8.0, 30.0]
    assert seen[0].why == "off"


def test_progress_resets_the_patience_but_standing_still_does_not(host, fake_connector, sync_things, clock):
    fake_connector.runs = [[batch(n, more=True), Unavailable("off")] for n in range(6)] + [[B]]
    assert sync_things().problem is None
    assert clock.slept == [2.0] * 6
    fake_connector.runs = [[batch(2, more=True), Unavailable("off")] for _ in range(9)]
    assert sync_things().problem["code"] == "unavailable"
    assert len(fake_connector.runs) == 5


@pytest.mark.parametrize(("seconds", "slept"), [(20, [20]), (3600, []), (None, [])])
def test_a_short_limit_is_waited_and_a_long_one_left(
    host, connection_id, fake_connector, sync_things, clock, seconds, slept
):
    fake_connector.runs = [[A, RateLimited("busy", retry_after=seconds)], [B]]
    outcome = sync_things()
    assert clock.slept == slept
    assert (outcome.problem is None) == bool(slept)
    if seconds == 3600:
        state = host.store.entity_state(connection_id, "things")
        assert state.next_due == clock.now() + timedelta(hours=1)
        assert state.last_success is None
        assert state.cursor == {"n": 1}
        assert host.store.connection(connection_id).state == "active"


def test_restart_drops_the_cursor_once(host, connection_id, fake_connector, sync_things):
    host.store.update_entity(connection_id, "things", cursor={"of": "another version"})
    fake_connector.runs = [[CursorRejected("old")], [A, B]]
    assert sync_things().problem is None
    assert [call["cursor"] for call in fake_connector.calls] == [{"of": "another version"}, None]
    fake_connector.runs = [[CursorRejected("old")], [CursorRejected("old")]]
    assert sync_things().problem["code"] == "cursor_rejected"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (OrganisationUnavailable("gone"), "reconnect"),
        (Misconfigured("secret"), "fix"),
        (MissingScope("no", scopes=["things"]), "active"),
        (Invalid("options"), "active"),
        (NotFound("what"), "active"),
    ],
)
def test_what_a_person_must_do_is_noted_where_it_belongs(
    host, connection_id, fake_connector, sync_things, clock, error, state
):
    fake_connector.runs = [[A, error]]
    outcome = sync_things()
    assert outcome.problem == error.to_dict()
    assert host.store.connection(connection_id).state == state
    assert host.store.entity_state(connection_id, "things").outcome["problem"]["code"] == error.code
    assert clock.slept == []


def test_a_paused_run_is_continued(host, fake_connector, sync_things):
    paused = Stats(kind="first", paused=True, calls=1)
    fake_connector.runs = [[batch(1, record("a"), stats=paused)], [B]]
    outcome = sync_things()
    assert (outcome.new, outcome.complete, outcome.calls) == (2, True, 3)


@pytest.mark.parametrize(
    "script",
    [
        [A, KeyError("access-1")],
        [],
        [batch(1, entity="others")],
        ["not a batch"],
    ],
)
def test_a_connector_that_breaks_is_blamed_and_its_words_are_not_repeated(
    host, fake_connector, sync_things, caplog, script
):
    caplog.set_level(logging.DEBUG)
    fake_connector.runs = [list(script) for _ in range(4)]
    problem = sync_things().problem
    assert (problem["code"], problem["reason"]) == ("unavailable", "connector_failed")
    assert "'fake' (fake-dist 1.0)" in problem["message"]
    assert "access-1" not in str(problem) + caplog.text
    if script and isinstance(script[-1], KeyError):
        assert "KeyError in fake_connector.py:" in problem["message"]


def test_an_error_of_the_connectors_own_making_is_read_by_its_two_strings(host, fake_connector, sync_things, clock):
    class TheirLimit(Exception):
        code, recovery, retry_after = "rate_limited", "wait", 5
        message, remedy = "slow down", "wait"

    class OfTheFuture(Exception):
        code, recovery, message = "sleeping", "none", "asleep"

    fake_connector.runs = [[A, TheirLimit()], [OfTheFuture()]]
    problem = sync_things().problem
    assert clock.slept == [5]
    assert (problem["code"], problem["recovery"], problem["message"]) == ("sleeping", "none", "asleep")


def test_ctrl_c_closes_the_iterator_and_keeps_what_is_stored(host, connection_id, fake_connector, sync_things):
    def stop(_):
        raise KeyboardInterrupt

    fake_connector.runs = [[A, B]]
    with pytest.raises(KeyboardInterrupt):
        sync_things(on_progress=stop)
    assert fake_connector.closed == 1
    assert host.store.entity_state(connection_id, "things").cursor == {"n": 1}
    assert keys(host) == 1


def test_keys_to_recheck_are_passed_once_in_a_while(host, connection_id, fake_connector, sync_things, clock):
    fake_connector.recheck = Recheck(field="Open", equals=True, every=3600)
    whole = batch(1, record("a", Open=True), record("b", Open=False), record("c"))
    later = batch(2, stats=Stats(kind="incremental", complete=True))
    fake_connector.runs = [[whole], [later], [later], [later], [later]]
    for pause in (0, 10, 3600, 10, 3600):
        clock.sleep(pause)
        sync_things()
    assert [call["recheck"] for call in fake_connector.calls] == [[], [], ["a"], [], ["a"]]


def test_a_connector_without_a_description_syncs_what_is_named(make_host, connection_id, fake_connector):
    fake_connector.described = False
    fake_connector.runs = [[A, B]]
    assert make_host().runner.sync(connection_id, "things").new == 2


def test_unknown_names_are_refused_before_anything_happens(host, connection_id, fake_connector, sync_things):
    with pytest.raises(NotFound) as caught:
        sync_things("thingies")
    assert "things" in caught.value.remedy
    with pytest.raises(NotFound):
        host.runner.sync("nobody", "things")
    assert fake_connector.calls == []


def test_settings_of_app_and_connection_reach_the_connector(host, connection_id, fake_connector, sync_things):
    from dataclasses import replace

    app = host.store.app("fake", "app")
    host.store.save_app("fake", app.app, {"api_url": "a", "shared": 1})
    host.store.save_connection(replace(host.store.connection(connection_id), settings={"shared": 2}))
    fake_connector.runs = [[B]]
    sync_things()
    assert fake_connector.calls[0]["connection"]["settings"] == {"api_url": "a", "shared": 2}


def test_calls_that_brought_nothing_are_counted_too(host, connection_id, fake_connector, sync_things):
    """Of an error's ``cost``: what its call had cost in all, the batches before it included."""
    late = Unavailable("off", cost={"calls": 9, "bytes": 900, "day_left": 50})
    fake_connector.runs = [[batch(3, record("a"), more=True), late], [Unavailable("off", cost={"calls": 4})], [B]]
    outcome = sync_things()
    assert (outcome.calls, outcome.bytes, outcome.day_left) == (9 + 4 + 2, 900 + 200, 50)
    fake_connector.runs = [[Invalid("no", cost={"calls": 5, "bytes": 7, "day_left": None})]]
    assert sync_things().calls == 5
    used = host.store.usage("org-1")
    assert (used["calls"], used["bytes"], used["day_left"]) == (20, 1107, 50)


@pytest.mark.parametrize("failure", [Unavailable("off"), ValueError("a bug")])
def test_an_error_that_tells_no_cost_leaves_what_the_batches_told(fake_connector, sync_things, failure):
    fake_connector.runs = [[A, failure], [B]]
    assert sync_things().calls == 3


@pytest.mark.parametrize(
    ("kind", "complete", "read", "left"),
    [
        ("incremental", True, 9, 1),
        ("reread", None, 9, 1),
        ("reread", False, 9, 1),
        ("reread", True, 9, 0),
        ("first", True, 9, 0),
        ("first", True, 8, 1),  # resumed: the rest of a read of nine, whose beginning another run met
    ],
)
def test_a_rejected_row_without_a_key_is_forgotten_when_all_was_read_without_it(
    sync_things, host, fake_connector, clock, kind, complete, read, left
):
    bad = [Rejected(reason="no key", raw=[1, 2])]
    stats = Stats(kind=kind, complete=complete, expected=9, read=read)
    fake_connector.runs = [
        [batch(1, record("a"), rejected=bad)],
        [batch(2, record("a"), stats=stats)],
        [batch(3, record("a"), rejected=bad, stats=Stats(kind="reread", complete=True, expected=9, read=9))],
    ]
    sync_things()
    assert host.sink.count_rejected("org-1", "things") == 1
    clock.sleep(60)
    sync_things()
    assert host.sink.count_rejected("org-1", "things") == left
    clock.sleep(60)
    sync_things()
    assert host.sink.count_rejected("org-1", "things") == 1  # met again: it stays named
