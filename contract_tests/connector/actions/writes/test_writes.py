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


@pytest.fixture(params=NAMES)
def write_name(request):
    return request.param


def refusal(call, *args, **kwargs):
    with pytest.raises(ConnectorError) as caught:
        call(*args, **kwargs)
    return caught.value


def test_every_write_has_an_example():
    assert set(WRITES) == set(NAMES)


def test_a_result_is_what_its_schema_says_and_crosses_as_json(uk_company, write_name):
    listed = {action.name: action for action in plugin.list_actions(None)}[write_name]
    assert listed.effect == "write"
    given = WRITES[write_name](uk_company)
    jsonschema_rs.validator_for(listed.params).validate(json.loads(json.dumps(given)))
    result = uk_company.commit(write_name, given).model_dump(mode="json")
    assert result["status"] == "done"
    assert result["warnings"] == []
    jsonschema_rs.validator_for(listed.result).validate(json.loads(json.dumps(result["data"])))
    assert result["calls"] <= (20 if write_name == "create_credit_note" else 14)
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
def test_a_write_without_a_valid_mode_is_refused_before_any_request(uk_company, write_name, control, field):
    given = WRITES[write_name](uk_company)
    uk_company.box.sandbox.log.clear()
    error = refusal(uk_company.act, write_name, given, **control)
    assert error.code == "invalid"
    assert [problem["field"] for problem in error.problems] == [field]
    assert not calls(uk_company.box)


def test_wrong_parameters_and_missing_scopes_are_named_before_any_request(uk_company, write_name):
    given = WRITES[write_name](uk_company)
    uk_company.box.sandbox.log.clear()
    assert "params.nonsense" in {
        problem["field"] for problem in refusal(uk_company.plan, write_name, {**given, "nonsense": 1}).problems
    }
    connection = uk_company.connection(scopes=["offline_access"])
    error = refusal(plugin.run_action, connection, write_name, given, {"mode": "plan"})
    assert error.code == "missing_scope"
    assert not calls(uk_company.box)


def test_a_plan_writes_nothing_and_is_the_same_in_the_same_world(uk_company, write_name):
    given = WRITES[write_name](uk_company)
    before = uk_company.holds()
    first, second = uk_company.plan(write_name, given), uk_company.plan(write_name, given)
    assert first == second
    assert first.requests
    assert first.summary
    assert first.undo
    assert first.organisation in first.summary
    assert first.currency == uk_company.currency
    assert uk_company.holds() == before
    assert uk_company.writes() == []
    assert uk_company.plan(write_name, given, key="another").hash != first.hash


def test_a_commit_of_another_plan_is_refused(uk_company, write_name):
    given = WRITES[write_name](uk_company)
    error = refusal(uk_company.act, write_name, given, mode="commit", plan_hash="0" * 64, business_key="key-1")
    assert (error.code, error.recovery, error.reason) == ("conflict", "restart", "stale_plan")
    planned = uk_company.plan(write_name, given)
    other = refusal(uk_company.act, write_name, given, mode="commit", plan_hash=planned.hash, business_key="another")
    assert other.code == "conflict"
    assert uk_company.writes() == []


def test_a_commit_needs_no_business_key_and_is_then_known_by_its_plan(uk_company, write_name):
    given = WRITES[write_name](uk_company)
    planned = uk_company.act(write_name, given, mode="plan").plan
    before = uk_company.holds()
    first = uk_company.act(write_name, given, mode="commit", plan_hash=planned.hash)
    once = uk_company.holds()
    assert once != before
    again = uk_company.act(write_name, given, mode="commit", plan_hash=planned.hash)
    assert uk_company.holds() == once
    assert again.data["repeated"] is True
    assert first.data["repeated"] is False


@pytest.mark.parametrize("seconds", [0, 420], ids=["within Xero's memory", "after it"])
def test_a_repeated_call_writes_once(uk_company, write_name, seconds):
    given = WRITES[write_name](uk_company)
    first = uk_company.act(write_name, given, mode="run", business_key="k")
    once, written = uk_company.holds(), len(uk_company.writes())
    uk_company.box.sandbox.clock.advance(seconds)
    again = uk_company.act(write_name, given, mode="run", business_key="k")
    assert uk_company.holds() == once
    assert len(uk_company.writes()) == written
    assert {**again.data, "repeated": False} == first.data
    assert again.data["repeated"] is True


@pytest.mark.unstruck_faults  # an action writes by one of the methods, some of them once
@pytest.mark.parametrize("where", ["headers", "body"])
@pytest.mark.parametrize("nth", [0, 1])
def test_a_lost_answer_does_not_change_the_outcome(uk_company, write_name, where, nth):
    given = WRITES[write_name](uk_company)
    expected = uk_company.twin_holds(write_name, given)
    faults = [
        uk_company.box.sandbox.faults.add("cut", match={"method": method}, after=nth, where=where)
        for method in ("PUT", "POST")
    ]
    result = uk_company.act(write_name, given, mode="run", business_key="k")
    assert nth or any(fault.struck for fault in faults)
    if write_name == "email_invoice" and (where, nth) == ("headers", 0):  # at most once: the outcome is unknown
        assert (result.status, result.data["emailed"]) == ("partial", "unknown")
        return
    assert result.status == "done"
    assert uk_company.holds() == expected


@pytest.mark.unstruck_faults  # an action writes by one of the methods
@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_failure_that_xero_repeats_under_the_key_is_overcome(uk_company, write_name, status):
    given = WRITES[write_name](uk_company)
    expected = uk_company.twin_holds(write_name, given)
    faults = [
        uk_company.box.sandbox.faults.add("status", match={"method": method}, status=status, body="json")
        for method in ("PUT", "POST")
    ]
    result = uk_company.act(write_name, given, mode="run", business_key="k")
    assert any(fault.struck for fault in faults)
    if write_name == "email_invoice" and status != 429:
        assert (result.status, result.data["emailed"]) == ("partial", "unknown")
        return
    assert result.status == "done"
    assert uk_company.holds() == expected


def test_eight_simultaneous_calls_write_once(uk_company, write_name):
    given = WRITES[write_name](uk_company)
    expected = uk_company.twin_holds(write_name, given)
    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(uk_company.act, write_name, given, mode="run", business_key="k") for _ in range(8)]
        results = [run.result() for run in runs]
    assert uk_company.holds() == expected
    ids = {next(iter(result.data.values())) for result in results}
    assert len(ids) == 1
