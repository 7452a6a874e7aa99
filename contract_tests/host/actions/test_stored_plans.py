"""How plans are kept: by organisation and hash, with who asked, until when, and what a person decided."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from bizosaas_xero.host.actions.plans import ApprovalDecision, Plans
from bizosaas_xero.spec import Conflict, Invalid, NotFound, Plan

HASH = "a1b2c3d4" * 8
LIFE = timedelta(hours=24)
ASKED = ("pay", '{"amount":"10"}', "key", "agent", False)


@pytest.fixture
def plans(host, clock):
    return Plans(host.database, now=clock.now)


@pytest.fixture
def save_plan(host, plans):
    def save(connection_id="one", asked=ASKED, **more):
        given = {"hash": HASH, "organisation": "X", "requests": [], "amount": Decimal("10.00")} | more
        with host.database.write_transaction() as transaction:
            return plans.save(transaction, connection_id, asked, Plan(**given), LIFE)

    return save


@pytest.fixture
def decide_plan(host, plans, clock):
    def decide(stored_plan, decision, hours=24):
        with host.database.write_transaction() as transaction:
            given = ApprovalDecision(decision, "ann", clock.moment, clock.moment + timedelta(hours=hours))
            plans.save_decision(transaction, stored_plan, given)

    return decide


def reread(host, plans, connection_id="one"):
    with host.database.read_transaction() as transaction:
        return plans.get(transaction, connection_id, HASH)


def test_a_plan_is_given_as_json_with_what_was_asked_for(host, plans, save_plan, decide_plan, clock):
    decide_plan(save_plan(), "approved")
    given = json.loads(json.dumps(reread(host, plans).to_dict()))
    assert given == given | {
        "hash": HASH, "amount": "10.00", "action": "pay", "connection_id": "one", "params": {"amount": "10"},
        "business_key": "key", "requesters": ["agent"], "state": "open", "self_approved": False,
    }  # fmt: skip
    times = {"at": clock.moment, "expires_at": clock.moment + LIFE}
    assert given["decision"] == given["decision"] | {"decision": "approved", "approver": "ann"}
    for name, moment in (*times.items(), ("created_at", clock.moment)):
        text = given["created_at"] if name == "created_at" else given["decision"][name]
        assert text.startswith(moment.isoformat()[:19]), name
    assert given["expires_at"] == given["decision"]["expires_at"]


def test_a_plan_without_a_decision_says_so(save_plan):
    assert save_plan().to_dict()["decision"] is None


def test_plans_of_two_organisations_with_one_hash_are_two(host, plans, save_plan, decide_plan):
    one, two = save_plan("one"), save_plan("two")
    decide_plan(one, "approved")
    with host.database.write_transaction() as transaction:
        plans.set_state(transaction, one, "done")
    assert (reread(host, plans).state, reread(host, plans, "two").state) == ("done", "open")
    assert (reread(host, plans).decision.approver, reread(host, plans, "two").decision) == ("ann", None)
    assert [each.connection_id for each in plans.list_open()] == ["two"]
    assert plans.list_open("one") == []
    with pytest.raises(Invalid) as caught:
        plans.find_by_prefix(HASH[:8])
    assert (caught.value.reason, caught.value.problems[0]["field"]) == ("hash_ambiguous", "plan_hash")
    assert plans.find_by_prefix(f" {HASH[:8].upper()} ", "two").connection_id == two.connection_id
    save_plan("two", hash="a1b2c3d4" + "0" * 56)
    assert plans.find_by_prefix(HASH, "two").plan.hash == HASH


def test_of_two_plans_of_one_organisation_one_is_done_and_one_expired(host, plans, save_plan, clock):
    first, second = save_plan(), save_plan(hash="f" * 64)
    with host.database.write_transaction() as transaction:
        plans.set_state(transaction, first, "done")
    assert [each.plan.hash for each in plans.list_open()] == [second.plan.hash]
    clock.moment += LIFE - timedelta(seconds=1)
    assert plans.list_open()
    clock.moment += timedelta(seconds=1)
    assert plans.list_open() == []


@pytest.mark.parametrize(("text", "error"), [("a1b2c3d", Invalid), ("ffffffff", NotFound)])
def test_a_hash_that_is_too_short_or_unknown_is_refused(plans, save_plan, text, error):
    save_plan()
    with pytest.raises(error) as caught:
        plans.find_by_prefix(text)
    if error is Invalid:
        assert [problem["field"] for problem in caught.value.problems] == ["plan_hash"]


def test_the_same_plan_asked_for_again_lives_on_with_all_who_asked(save_plan, decide_plan, clock):
    first = save_plan()
    decide_plan(first, "approved")
    clock.sleep(3600)
    again = save_plan(asked=(*ASKED[:3], "ann", True))
    assert sorted(again.requesters) == ["agent", "ann"]
    assert (again.created_at, again.expires_at) == (first.created_at, clock.moment + LIFE)
    assert again.in_person is False, "an agent asked as well"
    assert again.decision.approver == "ann"
    assert again.self_approved is True
    assert again.state == "open"


def test_a_plan_whose_time_is_over_begins_anew_without_its_decision(save_plan, decide_plan, clock):
    decide_plan(save_plan(), "refused")
    clock.moment += LIFE
    again = save_plan(asked=(*ASKED[:3], "maria", True))
    assert (again.requesters, again.decision, again.created_at) == (["maria"], None, clock.moment)
    assert again.in_person is True


def test_a_refused_plan_is_refused_again_while_its_time_lasts(save_plan, decide_plan, clock):
    refused = save_plan()
    decide_plan(refused, "refused")
    clock.moment += LIFE - timedelta(seconds=1)
    with pytest.raises(Conflict, match="ann") as caught:
        save_plan()
    assert caught.value.reason == "plan_refused"


def test_a_decision_about_one_plan_leaves_that_of_another_alone(save_plan, decide_plan, plans, clock):
    decide_plan(save_plan(hash="f" * 64), "approved", hours=72)
    save_plan()
    clock.moment += LIFE
    save_plan()  # begins anew, and forgets its own decision only
    assert plans.find_by_prefix("ffffffff").decision.approver == "ann"
    decide_plan(save_plan("two"), "approved")
    clock.moment += LIFE
    save_plan("one")
    assert plans.find_by_prefix(HASH, "two").decision.approver == "ann"
