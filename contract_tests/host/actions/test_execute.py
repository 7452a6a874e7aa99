"""What happens between a plan and its result: who may do it now, what is noted, and what is kept."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta

import pytest

from bizosaas_xero.host.storage import ownership
from bizosaas_xero.spec import Conflict, Misconfigured
from contract_tests.helpers.approvers import PERSON
from contract_tests.helpers.ledger_connector import Payer

pytestmark = [pytest.mark.any_database, pytest.mark.connector_class(cls=Payer)]


def entries(host, kind):
    return [json.loads(json.dumps(asdict(entry), default=str)) for entry in host.audit.entries() if entry.kind == kind]


def test_what_waits_is_done_and_repeated_is_noted_with_plan_policy_and_approver(host, pay, set_rule):
    set_rule("approval")
    before = set(ownership._active)
    plan = pay(key="a", amount="10").stored_plan
    [waiting] = entries(host, "waiting")
    assert plan.plan.hash in str(waiting)
    assert "asks a person each time" in str(waiting)
    host.approvals.approve(plan, PERSON)
    assert pay(key="a", amount="10").status == "done"
    [commit], [result] = entries(host, "commit"), entries(host, "result")
    assert f"'approver': '{PERSON}'" in str(commit)
    assert "'self_approved': False" in str(commit)
    assert plan.plan.hash in str(commit)
    assert plan.plan.hash in str(result)
    assert pay(key="a", amount="10").status == "done"
    [repeated] = entries(host, "repeated")
    assert plan.plan.hash in str(repeated)
    assert set(ownership._active) == before


def test_a_commit_that_no_one_had_to_approve_has_no_approver(host, pay, set_rule):
    set_rule("always")
    assert pay(key="a", amount="10").status == "done"
    assert "'approver': None" in str(entries(host, "commit"))


def test_a_plan_that_is_done_is_open_no_more(host, pay, set_rule, connection_id):
    set_rule("always")
    plan = pay(mode="plan", key="a", amount="10").stored_plan
    assert [each.plan.hash for each in host.plans.list_open(connection_id)] == [plan.plan.hash]
    assert pay(mode="commit", plan_hash=plan.plan.hash).status == "done"
    assert host.plans.list_open(connection_id) == []
    assert host.plans.find_by_prefix(plan.short).state == "done"
    with pytest.raises(Conflict) as caught:
        host.approvals.approve(plan, PERSON)
    assert caught.value.reason == "plan_done"


def test_a_plan_is_held_to_what_the_policy_says_when_it_is_done(host, pay, set_rule, fake_connector):
    set_rule("always")
    plan = pay(mode="plan", key="a", amount="10").stored_plan
    set_rule("never")
    with pytest.raises(Misconfigured, match="never lets it run") as caught:
        pay(mode="commit", plan_hash=plan.plan.hash)
    assert caught.value.reason == "policy_forbids"
    assert not fake_connector.ledger
    set_rule("approval")
    assert pay(mode="commit", plan_hash=plan.plan.hash).status == "needs_approval"
    set_rule("always")
    assert pay(mode="commit", plan_hash=plan.plan.hash).status == "done"


def test_a_plan_whose_time_is_over_is_not_done(host, pay, set_rule, clock, fake_connector):
    set_rule("always", plan_hours=2)
    plan = pay(mode="plan", key="a", amount="10").stored_plan
    assert plan.expires_at == clock.moment + timedelta(hours=2)
    clock.moment += timedelta(hours=2)
    with pytest.raises(Conflict) as caught:
        pay(mode="commit", plan_hash=plan.plan.hash)
    assert caught.value.reason == "plan_expired"
    assert not fake_connector.ledger


def test_a_refused_plan_is_not_done(host, pay, set_rule, fake_connector):
    set_rule("approval")
    plan = pay(key="a", amount="10").stored_plan
    host.approvals.refuse(plan, PERSON)
    with pytest.raises(Conflict) as caught:
        pay(mode="commit", plan_hash=plan.plan.hash)
    assert caught.value.reason == "plan_refused"
    assert not fake_connector.ledger


def test_the_same_without_a_key_is_one_intent_while_its_plan_lives(host, pay, set_rule, clock, fake_connector):
    set_rule("always")
    first = pay(amount="10")
    assert pay(amount="10").result.data == first.result.data
    assert len(fake_connector.ledger) == 1
    clock.moment += timedelta(hours=24)
    fake_connector.ledger.clear()
    assert pay(amount="11").status == "done"
    assert len(fake_connector.ledger) == 1
