"""The hooks as Temporal activities, in Temporal's own ActivityEnvironment."""

# ruff: noqa: ARG002, ARG005 (a port has its methods' parameters)

from __future__ import annotations

import dataclasses
import json
import types
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import ActivityEnvironment

from bizosaas_xero.adapters import temporal
from bizosaas_xero.adapters.temporal import (
    RETRY_POLICY,
    ActionRequest,
    Activities,
    SyncRequest,
    failure,
)
from bizosaas_xero.connector.http import transport
from bizosaas_xero.host.plugins.discovery import discover
from bizosaas_xero.sandbox import serve
from bizosaas_xero.spec import ERRORS, AuthExpired, ConnectorError, CursorRejected, RateLimited, Unavailable
from contract_tests.helpers.fake_connector import Clock, Fake, batch, record

THINGS = SyncRequest("fake", "c-1", "things")


class Memory:
    """A worker's port: records and cursors in memory, tokens from a function."""

    def __init__(self, access=lambda refused: {"organisation_id": "o", "access_token": "t"}):
        self.rows, self.cursors, self.refused = {}, {}, []
        self._access = access

    def access(self, connection_id, refused):
        self.refused.append(refused)
        return self._access(refused)

    def cursor(self, connection_id, entity):
        return self.cursors.get((connection_id, entity))

    def keep(self, connection_id, entity, batch):
        json.dumps(batch)
        self.rows.update({row["key"]: row["data"] for row in batch["records"]})
        self.cursors[connection_id, entity] = batch["cursor"]


@pytest.fixture
def fake():
    return Fake(Clock())


@pytest.fixture
def port():
    return Memory()


@pytest.fixture
def environment():
    """Temporal's, with a list of the heartbeats."""
    made = ActivityEnvironment()
    made.beats = []
    made.on_heartbeat = lambda *details: made.beats.append(json.loads(json.dumps(details)))
    return made


def run(environment, fake, port, request=THINGS):
    mine = Activities({"fake": fake.connector()}, port)
    method = mine.sync_entity if isinstance(request, SyncRequest) else mine.run_action
    return environment.run(method, request)


def test_each_batch_is_kept_and_then_told_in_a_heartbeat(environment, fake, port):
    fake.runs = [[batch(1, record("a"), more=True), batch(2, record("b"), record("c"))]]
    result = run(environment, fake, port)
    assert (result.batches, result.records, result.complete, result.has_more) == (2, 3, True, False)
    assert (result.calls, result.bytes) == (2, 200)
    assert [beat[0] for beat in environment.beats] == [{"n": 1}, {"n": 2}]
    assert set(port.rows) == {"a", "b", "c"}


def test_a_new_attempt_goes_on_from_the_last_heartbeat(environment, fake, port):
    fake.runs = [[batch(1, record("a"), more=True), Unavailable("away")], [batch(2, record("b"))]]
    with pytest.raises(ApplicationError) as caught:
        run(environment, fake, port, dataclasses.replace(THINGS, full=True))
    assert caught.value.type == "unavailable"
    assert caught.value.non_retryable is False
    again = ActivityEnvironment()
    again.info = dataclasses.replace(again.info, heartbeat_details=environment.beats[-1], attempt=2)
    result = run(again, fake, port, dataclasses.replace(THINGS, full=True))
    assert fake.calls[0]["cursor"] is None and fake.calls[0]["full"] is True  # noqa: PT018
    assert fake.calls[1]["cursor"] == {"n": 1} and fake.calls[1]["full"] is False  # noqa: PT018
    assert (result.batches, result.records) == (2, 2)


def test_the_stored_cursor_is_where_a_new_activity_begins(environment, fake, port):
    port.cursors["c-1", "things"] = {"n": 7}
    fake.runs = [[batch(8)]]
    run(environment, fake, port, dataclasses.replace(THINGS, max_batches=3))
    assert (fake.calls[0]["cursor"], fake.calls[0]["max_batches"]) == ({"n": 7}, 3)


def test_a_refused_token_is_renewed_and_the_read_goes_on(environment, fake):
    tokens = iter(["t1", "t2", "t3"])
    port = Memory(lambda refused: {"organisation_id": "o", "access_token": next(tokens)})
    fake.runs = [
        [batch(1, record("a"), more=True), AuthExpired("old")],
        [batch(2, record("b"), more=True), AuthExpired("old")],
        [batch(3, record("c"))],
    ]
    assert run(environment, fake, port).records == 3
    assert port.refused == [None, "t1", "t2"]
    assert [call["cursor"] for call in fake.calls] == [None, {"n": 1}, {"n": 2}]


def test_access_that_stays_refused_ends(environment, fake, port):
    fake.runs = [[AuthExpired("old")], [AuthExpired("old")]]
    with pytest.raises(ApplicationError) as caught:
        run(environment, fake, port)
    assert (caught.value.type, caught.value.non_retryable) == ("reconnect_required", True)


def test_a_rejected_cursor_begins_anew_once(environment, fake, port):
    port.cursors["c-1", "things"] = {"n": 7}
    fake.runs = [[CursorRejected("damaged")], [batch(1, record("a"))]]
    run(environment, fake, port)
    assert fake.calls[1]["cursor"] is None
    fake.runs = [[CursorRejected("damaged")], [CursorRejected("damaged")]]
    with pytest.raises(ApplicationError) as caught:
        run(environment, fake, port)
    assert caught.value.type == "cursor_rejected"


@pytest.mark.parametrize("where", ["port", "connector"])
def test_cancelling_closes_the_iterator_and_is_told_as_such(environment, fake, port, where):
    fake.runs = [[batch(1, record("a"), more=True), batch(2, more=True), batch(3)]]
    if where == "port":
        port.keep = lambda *_: environment.cancel()
    else:
        plain = fake.sync_entity

        def sync_entity(*given):
            for each in plain(*given):
                environment.cancel()
                yield each

        fake.sync_entity = sync_entity
    with pytest.raises(CancelledError):
        run(environment, fake, port)
    assert fake.closed == 1


@pytest.mark.parametrize("kind", ERRORS.values(), ids=list(ERRORS))
def test_what_is_tried_again_follows_from_the_recovery(kind):
    made = failure(kind("so it is"))
    final = kind.recovery not in {"retry", "wait", "refresh"}
    assert made.type == kind.code
    assert made.non_retryable is final
    assert (kind.code in RETRY_POLICY.non_retryable_error_types) is final
    assert made.details[0] == kind("so it is").to_dict()


def test_a_long_wait_holds_no_worker(monkeypatch):
    error = RateLimited("used up", retry_after=40000)
    if temporal._DELAYS:
        made = failure(error)
        assert (made.next_retry_delay, made.non_retryable) == (timedelta(seconds=40000), False)
    monkeypatch.setattr(temporal, "_DELAYS", False)
    made = failure(error)
    assert made.non_retryable is True
    assert made.details[0]["retry_after"] == 40000


def test_a_code_of_a_later_release_follows_its_recovery():
    newer = type("Newer", (ConnectorError,), {"code": "newer", "recovery": "fix"})
    assert failure(newer("x")).non_retryable is True


@pytest.mark.parametrize(
    ("control", "field"),
    [
        ({"mode": "run", "business_key": "k"}, "control.mode"),
        ({"mode": "commit", "plan_hash": "h", "approver": "ann"}, "control.business_key"),
        ({"mode": "commit", "business_key": "k", "approver": "ann"}, "control.plan_hash"),
        ({"mode": "commit", "business_key": "k", "plan_hash": "h"}, "control.approver"),
    ],
)
def test_a_write_that_could_happen_twice_or_unapproved_is_refused(environment, fake, port, control, field):
    with pytest.raises(ApplicationError) as caught:
        run(environment, fake, port, ActionRequest("fake", "c-1", "pay", {}, control))
    assert caught.value.non_retryable is True
    assert caught.value.details[0]["problems"][0]["field"] == field
    assert port.refused == []


def test_an_unknown_connector_is_named(environment, fake, port):
    with pytest.raises(ApplicationError, match="nonsense"):
        run(environment, fake, port, dataclasses.replace(THINGS, connector="nonsense"))


@pytest.fixture
def xero():
    """The connector, connected to a sandbox: the sandbox, the activities and a port, all in one."""
    with serve(invoices=60, seed=3, limits=False) as box:
        settings = {key: box.info[key] for key in ("api_url", "identity_url", "login_url")}
        settings |= {"calls_per_minute": 0, "page_size": 10}
        connector = discover(["xero"]).connector("xero")
        known = box.info["apps"]["custom"]
        app = {key: known[key] for key in ("client_id", "client_secret", "kind")}
        given = connector.auth({"step": "client_credentials", "app": app, "settings": settings})
        plain = given.model_dump(mode="json")
        token = plain["grant"]["access_token"]
        organisation = plain["organisations"][0]["id"]
        access = {"organisation_id": organisation, "access_token": token, "settings": settings}

        def activities():
            port = Memory(lambda refused: access)
            return Activities({"xero": connector}, port), port

        yield types.SimpleNamespace(box=box, token=token, activities=activities)
    transport.close_clients()


def test_xero_is_synced_and_asked_through_activities(environment, xero):
    mine, port = xero.activities()
    result = environment.run(mine.sync_entity, SyncRequest("xero", "c", "invoices"))
    assert result.batches > 1
    assert result.complete is not False
    assert len(port.rows) == result.records > 0
    again = environment.run(mine.sync_entity, SyncRequest("xero", "c", "invoices"))
    assert again.records == 0
    found = environment.run(mine.run_action, ActionRequest("xero", "c", "get_organisation"))
    assert found["status"] == "done"
    plan = ActionRequest("xero", "c", "create_contact", {"name": "Kiwi"}, {"mode": "plan", "business_key": "k"})
    hashed = environment.run(mine.run_action, plan)["plan"]["hash"]
    control = {"mode": "commit", "plan_hash": hashed, "business_key": "k", "approver": "ann"}
    done = environment.run(mine.run_action, dataclasses.replace(plan, control=control))
    assert done["status"] == "done"
    assert xero.token not in json.dumps(environment.beats)


def test_xero_is_read_on_from_the_heartbeat_by_another_worker(environment, xero):
    """The second worker has nothing but what Temporal kept of the first one's last heartbeat."""

    whole, expected = xero.activities()
    request = SyncRequest("xero", "c", "invoices", full=True)
    ActivityEnvironment().run(whole.sync_entity, request)

    first, stored = xero.activities()
    xero.box.sandbox.faults.add(
        "rate_limit",
        problem="day",
        retry_after=40000,
        match={"path": "/Invoices", "page": 3},  # whichever comes first of those in flight
        times=None,
    )
    with pytest.raises(ApplicationError) as caught:
        environment.run(first.sync_entity, request)
    assert (caught.value.type, caught.value.details[0]["recovery"]) == ("rate_limited", "wait")
    assert 0 < len(stored.rows) < len(expected.rows)
    xero.box.sandbox.faults.clear()

    second, rest = xero.activities()
    again = ActivityEnvironment()
    again.info = dataclasses.replace(again.info, heartbeat_details=environment.beats[-1], attempt=2)
    result = again.run(second.sync_entity, request)
    assert stored.rows | rest.rows == expected.rows
    assert 0 < len(rest.rows) < len(expected.rows)  # not from the beginning
    assert result.records >= len(expected.rows)  # counted over both attempts
