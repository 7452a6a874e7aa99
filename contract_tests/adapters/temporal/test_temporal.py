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
from contract_tests.helpers.fake_connector import batch, record

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
def memory_port():
    return Memory()


@pytest.fixture
def activity_environment():
    """Temporal's, with a list of the heartbeats."""
    made = ActivityEnvironment()
    made.beats = []
    made.on_heartbeat = lambda *details: made.beats.append(json.loads(json.dumps(details)))
    return made


def run(activity_environment, fake_connector, memory_port, request=THINGS):
    mine = Activities({"fake": fake_connector.connector()}, memory_port)
    method = mine.sync_entity if isinstance(request, SyncRequest) else mine.run_action
    return activity_environment.run(method, request)


def test_each_batch_is_kept_and_then_told_in_a_heartbeat(activity_environment, fake_connector, memory_port):
    fake_connector.runs = [[batch(1, record("a"), more=True), batch(2, record("b"), record("c"))]]
    result = run(activity_environment, fake_connector, memory_port)
    assert (result.batches, result.records, result.complete, result.has_more) == (2, 3, True, False)
    assert (result.calls, result.bytes) == (2, 200)
    assert fake_connector.calls[0]["max_wait"] == 5.0, "a longer limit is a later attempt"
    assert [beat[0] for beat in activity_environment.beats] == [{"n": 1}, {"n": 2}]
    assert set(memory_port.rows) == {"a", "b", "c"}


def test_a_new_attempt_goes_on_from_the_last_heartbeat(activity_environment, fake_connector, memory_port):
    fake_connector.runs = [[batch(1, record("a"), more=True), Unavailable("away")], [batch(2, record("b"))]]
    with pytest.raises(ApplicationError) as caught:
        run(activity_environment, fake_connector, memory_port, dataclasses.replace(THINGS, full=True))
    assert caught.value.type == "unavailable"
    assert caught.value.non_retryable is False
    again = ActivityEnvironment()
    again.info = dataclasses.replace(again.info, heartbeat_details=activity_environment.beats[-1], attempt=2)
    result = run(again, fake_connector, memory_port, dataclasses.replace(THINGS, full=True))
    assert fake_connector.calls[0]["cursor"] is None and fake_connector.calls[0]["full"] is True  # noqa: PT018
    assert fake_connector.calls[1]["cursor"] == {"n": 1} and fake_connector.calls[1]["full"] is False  # noqa: PT018
    assert (result.batches, result.records) == (2, 2)


def test_the_stored_cursor_is_where_a_new_activity_begins(activity_environment, fake_connector, memory_port):
    memory_port.cursors["c-1", "things"] = {"n": 7}
    fake_connector.runs = [[batch(8)]]
    run(activity_environment, fake_connector, memory_port, dataclasses.replace(THINGS, max_batches=3))
    assert (fake_connector.calls[0]["cursor"], fake_connector.calls[0]["max_batches"]) == ({"n": 7}, 3)


def test_a_refused_token_is_renewed_and_the_read_goes_on(activity_environment, fake_connector):
    tokens = iter(["t1", "t2", "t3"])
    port = Memory(lambda refused: {"organisation_id": "o", "access_token": next(tokens)})
    fake_connector.runs = [
        [batch(1, record("a"), more=True), AuthExpired("old")],
        [batch(2, record("b"), more=True), AuthExpired("old")],
        [batch(3, record("c"))],
    ]
    assert run(activity_environment, fake_connector, port).records == 3
    assert port.refused == [None, "t1", "t2"]
    assert [call["cursor"] for call in fake_connector.calls] == [None, {"n": 1}, {"n": 2}]


def test_access_that_stays_refused_ends(activity_environment, fake_connector, memory_port):
    fake_connector.runs = [[AuthExpired("old")], [AuthExpired("old")]]
    with pytest.raises(ApplicationError) as caught:
        run(activity_environment, fake_connector, memory_port)
    assert (caught.value.type, caught.value.non_retryable) == ("reconnect_required", True)


def test_a_rejected_cursor_begins_anew_once(activity_environment, fake_connector, memory_port):
    memory_port.cursors["c-1", "things"] = {"n": 7}
    fake_connector.runs = [[CursorRejected("damaged")], [batch(1, record("a"))]]
    run(activity_environment, fake_connector, memory_port)
    assert fake_connector.calls[1]["cursor"] is None
    fake_connector.runs = [[CursorRejected("damaged")], [CursorRejected("damaged")]]
    with pytest.raises(ApplicationError) as caught:
        run(activity_environment, fake_connector, memory_port)
    assert caught.value.type == "cursor_rejected"


@pytest.mark.parametrize("where", ["port", "connector"])
def test_cancelling_closes_the_iterator_and_is_told_as_such(activity_environment, fake_connector, memory_port, where):
    fake_connector.runs = [[batch(1, record("a"), more=True), batch(2, more=True), batch(3)]]
    if where == "port":
        memory_port.keep = lambda *_: activity_environment.cancel()
    else:
        plain = fake_connector.sync_entity

        def sync_entity(*given):
            for each in plain(*given):
                activity_environment.cancel()
                yield each

        fake_connector.sync_entity = sync_entity
    with pytest.raises(CancelledError):
        run(activity_environment, fake_connector, memory_port)
    assert fake_connector.closed == 1


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
def test_a_write_that_could_happen_twice_or_unapproved_is_refused(
    activity_environment, fake_connector, memory_port, control, field
):
    with pytest.raises(ApplicationError) as caught:
        run(activity_environment, fake_connector, memory_port, ActionRequest("fake", "c-1", "pay", {}, control))
    assert caught.value.non_retryable is True
    assert caught.value.details[0]["problems"][0]["field"] == field
    assert memory_port.refused == []


def test_an_unknown_connector_is_named(activity_environment, fake_connector, memory_port):
    with pytest.raises(ApplicationError, match="nonsense"):
        run(activity_environment, fake_connector, memory_port, dataclasses.replace(THINGS, connector="nonsense"))


@pytest.fixture
def connected_xero():
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


def test_xero_is_synced_and_asked_through_activities(activity_environment, connected_xero):
    mine, port = connected_xero.activities()
    result = activity_environment.run(mine.sync_entity, SyncRequest("xero", "c", "invoices"))
    assert result.batches > 1
    assert result.complete is not False
    assert len(port.rows) == result.records > 0
    again = activity_environment.run(mine.sync_entity, SyncRequest("xero", "c", "invoices"))
    assert again.records == 0
    found = activity_environment.run(mine.run_action, ActionRequest("xero", "c", "get_organisation"))
    assert found["status"] == "done"
    plan = ActionRequest("xero", "c", "create_contact", {"name": "Kiwi"}, {"mode": "plan", "business_key": "k"})
    hashed = activity_environment.run(mine.run_action, plan)["plan"]["hash"]
    control = {"mode": "commit", "plan_hash": hashed, "business_key": "k", "approver": "ann"}
    done = activity_environment.run(mine.run_action, dataclasses.replace(plan, control=control))
    assert done["status"] == "done"
    assert connected_xero.token not in json.dumps(activity_environment.beats)


@pytest.mark.parametrize("lost", [False, True], ids=["after its result", "after its answer was lost"])
def test_a_write_whose_activity_is_repeated_is_done_once(connected_xero, lost):
    """Temporal runs an activity again when a worker dies or its result does not arrive, also on another worker."""
    params = {"name": f"Once {lost}"}
    plan = ActionRequest("xero", "c", "create_contact", params, {"mode": "plan", "business_key": f"once {lost}"})
    mine, _ = connected_xero.activities()
    hashed = ActivityEnvironment().run(mine.run_action, plan)["plan"]["hash"]
    control = {"mode": "commit", "plan_hash": hashed, "business_key": f"once {lost}", "approver": "ann"}
    commit = dataclasses.replace(plan, control=control)
    if lost:
        match = {"path": "/Contacts", "method": "PUT"}
        fault = connected_xero.box.sandbox.faults.add("cut", where="body", match=match, times=None)
        assert ActivityEnvironment().run(mine.run_action, commit)["status"] == "done", "it looks for what it made"
        assert fault.struck
        connected_xero.box.sandbox.faults.clear()
    for attempt in range(1, 4):
        worker, _ = connected_xero.activities()
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(environment.info, attempt=attempt)
        assert environment.run(worker.run_action, commit)["status"] == "done"
    organisation = connected_xero.box.info["organisations"][0]["id"]
    rows = connected_xero.box.sandbox.store(organisation).rows("Contacts")
    assert [row["Name"] for row in rows].count(params["name"]) == 1


def test_xero_is_read_on_from_the_heartbeat_by_another_worker(activity_environment, connected_xero):
    """The second worker has nothing but what Temporal kept of the first one's last heartbeat."""

    whole, expected = connected_xero.activities()
    request = SyncRequest("xero", "c", "invoices", full=True)
    ActivityEnvironment().run(whole.sync_entity, request)

    first, stored = connected_xero.activities()
    connected_xero.box.sandbox.faults.add(
        "rate_limit",
        problem="day",
        retry_after=40000,
        match={"path": "/Invoices", "page": 3},  # whichever comes first of those in flight
        times=None,
    )
    with pytest.raises(ApplicationError) as caught:
        activity_environment.run(first.sync_entity, request)
    assert (caught.value.type, caught.value.details[0]["recovery"]) == ("rate_limited", "wait")
    assert 0 < len(stored.rows) < len(expected.rows)
    connected_xero.box.sandbox.faults.clear()

    second, rest = connected_xero.activities()
    again = ActivityEnvironment()
    again.info = dataclasses.replace(again.info, heartbeat_details=activity_environment.beats[-1], attempt=2)
    result = again.run(second.sync_entity, request)
    assert stored.rows | rest.rows == expected.rows
    assert 0 < len(rest.rows) < len(expected.rows)  # not from the beginning
    assert result.records >= len(expected.rows)  # counted over both attempts
