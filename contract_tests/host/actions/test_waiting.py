"""Which plans wait for a person, as pages and commands list them, and what the policy says of one now."""

from __future__ import annotations

import pytest

from bizosaas_xero.host.actions.policy import decide
from bizosaas_xero.spec import Plan
from contract_tests.helpers.approvers import PERSON
from contract_tests.helpers.ledger_connector import Payer

pytestmark = [pytest.mark.any_database, pytest.mark.connector_class(cls=Payer)]


def test_only_undecided_plans_that_the_policy_asks_about_wait(host, pay, set_rule, connection_id, clock):
    def waiting():
        return [each.business_key for each in host.approvals.list_waiting(connection_id)]

    set_rule("approval")
    plans = {}
    for key in ("c", "a", "b"):
        plans[key] = pay(key=key, amount="10").stored_plan
        clock.sleep(1)
    assert waiting() == ["c", "a", "b"]
    host.approvals.approve(plans["a"], PERSON)
    assert waiting() == ["c", "b"]
    host.approvals.refuse(plans["b"], PERSON, why="too dear")
    assert waiting() == ["c"]
    assert host.approvals.current_decision(plans["c"]).run == "ask"
    set_rule("always")
    assert (waiting(), host.approvals.current_decision(plans["c"]).run) == ([], "auto")
    set_rule("never")
    assert (waiting(), host.approvals.current_decision(plans["c"]).run) == ([], "never")


def test_a_refusal_is_in_the_audit_with_its_reason_and_an_approval_with_its_plan(host, pay, set_rule):
    set_rule("approval")
    yes, no = (pay(key=key, amount="10").stored_plan for key in ("a", "b"))
    given = host.approvals.approve(yes, PERSON)
    host.approvals.refuse(no, PERSON, why="too dear")
    entries = {entry.kind: entry for entry in host.audit.entries() if entry.kind in {"approval", "refusal"}}
    assert set(entries) == {"approval", "refusal"}
    for entry, plan in ((entries["approval"], yes), (entries["refusal"], no)):
        text = str(entry)
        assert plan.plan.hash in text
        assert (entry.who, plan.business_key in text) == (PERSON, True)
    assert "too dear" in str(entries["refusal"])
    assert (given.approver, given.decision, given.expires_at) == (PERSON, "approved", yes.expires_at)


def test_only_the_owner_in_owner_mode_may_approve_own_plans(host, pay, set_rule, connection_id):
    set_rule("approval")
    plan = pay(key="a", amount="10").stored_plan
    assert host.approvals.may_approve_own(plan) is False
    host.configure(connection_id, {"owner": PERSON})
    assert host.approvals.may_approve_own(plan) is False, "an agent asked"


@pytest.mark.parametrize(
    ("acts", "why"),
    [
        (["draft"], "it only makes a draft"),
        (["draft", "create_contact"], "it would draft and create contact"),
        (["pay", "backdate"], "it would pay and backdate"),
        (None, "the connector does not say what it would do"),
    ],
)
def test_a_person_reads_in_words_why_they_are_asked(acts, why):
    plan = Plan(hash="h", organisation="X", requests=[{"method": "PUT"}], acts=acts)
    assert decide(None, plan, None).why == why


@pytest.mark.parametrize(("requests", "why"), [([], "it changes nothing"), ([{"method": "get"}], "it changes nothing")])
def test_a_plan_that_only_reads_changes_nothing(requests, why):
    decided = decide(None, Plan(hash="h", organisation="X", requests=requests, acts=[]), None)
    assert (decided.run, decided.why) == ("auto", why)


def test_a_request_without_a_method_counts_as_a_write():
    assert decide(None, Plan(hash="h", organisation="X", requests=[{}], acts=[]), None).run == "ask"
