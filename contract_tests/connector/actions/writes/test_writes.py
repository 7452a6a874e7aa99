"""What holds for every action that writes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import jsonschema_rs
import pytest

from bizosaas_xero import plugin
from bizosaas_xero.connector.actions.definition import WriteAction
from bizosaas_xero.connector.actions.registry import ACTIONS
from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers.write_examples import WRITES
from contract_tests.helpers.xero_account import calls

NAMES = [name for name, row in ACTIONS.items() if issubclass(row, WriteAction)]


@pytest.fixture
def at(company):
    return company(1)


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def refusal(call, *args, **kwargs):
    with pytest.raises(ConnectorError) as caught:
        call(*args, **kwargs)
    return caught.value


def test_every_write_has_an_example():
    assert set(WRITES) == set(NAMES)


def test_a_result_is_what_its_schema_says_and_crosses_as_json(at, name):
    listed = {action.name: action for action in plugin.list_actions(None)}[name]
    assert listed.effect == "write"
    given = WRITES[name](at)
    jsonschema_rs.validator_for(listed.params).validate(json.loads(json.dumps(given)))
    result = at.commit(name, given).model_dump(mode="json")
    assert result["status"] == "done"
    assert result["warnings"] == []
    jsonschema_rs.validator_for(listed.result).validate(json.loads(json.dumps(result["data"])))
    assert result["calls"] <= 14
    assert result["bytes"] > 0


@pytest.mark.parametrize(
    ("control", "field"),
    [
        ({}, "control.mode"),
        ({"mode": "commit"}, "control.plan_hash"),
        ({"mode": "run"}, "control.business_key"),
        ({"mode": "nonsense"}, "control.mode"),
    ],
)
def test_a_write_without_a_valid_mode_is_refused_before_any_request(at, name, control, field):
    given = WRITES[name](at)
    at.box.sandbox.log.clear()
    error = refusal(at.act, name, given, **control)
    assert error.code == "invalid"
    assert [problem["field"] for problem in error.problems] == [field]
    assert not calls(at.box)


def test_wrong_parameters_and_missing_scopes_are_named_before_any_request(at, name):
    given = WRITES[name](at)
    at.box.sandbox.log.clear()
    assert "params.nonsense" in {
        problem["field"] for problem in refusal(at.plan, name, {**given, "nonsense": 1}).problems
    }
    connection = at.connection(scopes=["offline_access"])
    error = refusal(plugin.run_action, connection, name, given, {"mode": "plan"})
    assert error.code == "missing_scope"
    assert not calls(at.box)


def test_a_plan_writes_nothing_and_is_the_same_in_the_same_world(at, name):
    given = WRITES[name](at)
    before = at.holds()
    first, second = at.plan(name, given), at.plan(name, given)
    assert first == second
    assert first.requests
    assert first.summary
    assert first.undo
    assert first.organisation in first.summary
    assert first.currency == at.currency
    assert at.holds() == before
    assert at.writes() == []
    assert at.plan(name, given, key="another").hash != first.hash


def test_a_commit_of_another_plan_is_refused(at, name):
    given = WRITES[name](at)
    error = refusal(at.act, name, given, mode="commit", plan_hash="0" * 64, business_key="key-1")
    assert (error.code, error.recovery, error.reason) == ("conflict", "restart", "stale_plan")
    planned = at.plan(name, given)
    other = refusal(at.act, name, given, mode="commit", plan_hash=planned.hash, business_key="another")
    assert other.code == "conflict"
    assert at.writes() == []


def test_a_commit_needs_no_business_key_and_is_then_known_by_its_plan(at, name):
    given = WRITES[name](at)
    planned = at.act(name, given, mode="plan").plan
    before = at.holds()
    first = at.act(name, given, mode="commit", plan_hash=planned.hash)
    once = at.holds()
    assert once != before
    again = at.act(name, given, mode="commit", plan_hash=planned.hash)
    assert at.holds() == once
    assert again.data["repeated"] is True
    assert first.data["repeated"] is False


@pytest.mark.parametrize("seconds", [0, 420], ids=["within Xero's memory", "after it"])
def test_a_repeated_call_writes_once(at, name, seconds):
    given = WRITES[name](at)
    first = at.act(name, given, mode="run", business_key="k")
    once, written = at.holds(), len(at.writes())
    at.box.sandbox.clock.advance(seconds)
    again = at.act(name, given, mode="run", business_key="k")
    assert at.holds() == once
    assert len(at.writes()) == written
    assert {**again.data, "repeated": False} == first.data
    assert again.data["repeated"] is True


@pytest.mark.unstruck_faults  # an action writes by one of the methods, some of them once
@pytest.mark.parametrize("where", ["headers", "body"])
@pytest.mark.parametrize("nth", [0, 1])
def test_a_lost_answer_does_not_change_the_outcome(at, name, where, nth):
    given = WRITES[name](at)
    expected = at.twin_holds(name, given)
    faults = [
        at.box.sandbox.faults.add("cut", match={"method": method}, after=nth, where=where) for method in ("PUT", "POST")
    ]
    result = at.act(name, given, mode="run", business_key="k")
    assert nth or any(fault.struck for fault in faults)
    if name == "email_invoice" and (where, nth) == ("headers", 0):  # at most once: the outcome is unknown
        assert (result.status, result.data["emailed"]) == ("partial", "unknown")
        return
    assert result.status == "done"
    assert at.holds() == expected


@pytest.mark.unstruck_faults  # an action writes by one of the methods
@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_failure_that_xero_repeats_under_the_key_is_overcome(at, name, status):
    given = WRITES[name](at)
    expected = at.twin_holds(name, given)
    faults = [
        at.box.sandbox.faults.add("status", match={"method": method}, status=status, body="json")
        for method in ("PUT", "POST")
    ]
    result = at.act(name, given, mode="run", business_key="k")
    assert any(fault.struck for fault in faults)
    if name == "email_invoice" and status != 429:
        assert (result.status, result.data["emailed"]) == ("partial", "unknown")
        return
    assert result.status == "done"
    assert at.holds() == expected


def test_eight_simultaneous_calls_write_once(at, name):
    given = WRITES[name](at)
    expected = at.twin_holds(name, given)
    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(at.act, name, given, mode="run", business_key="k") for _ in range(8)]
        results = [run.result() for run in runs]
    assert at.holds() == expected
    ids = {next(iter(result.data.values())) for result in results}
    assert len(ids) == 1
