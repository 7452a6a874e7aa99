"""A person's yes and no: who may say it, to what, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bizosaas_xero.host.actions.names import is_same_name
from bizosaas_xero.spec import Conflict, ConnectorError, Invalid, Misconfigured, NotFound
from contract_tests.helpers.ledger_connector import Payer

pytestmark = [pytest.mark.any_database, pytest.mark.connector_class(cls=Payer)]


@pytest.fixture
def ask_to_pay(host, connection_id):
    def ask(mode="run", requester="agent", **params):
        return host.act(connection_id, "pay", {"to": "Bob", "amount": "1.00"} | params, mode=mode, requester=requester)

    return ask


def commit(host, connection_id, asked):
    return host.act(connection_id, "pay", mode="commit", plan_hash=asked.plan.hash, requester="agent")


@pytest.mark.parametrize(
    "approver",
    ["agent", "AGENT", " agent ", "a g e n t", "\uff41gent"],
    ids=["same", "case", "ends", "spaces", "width"],
)
def test_a_requester_cannot_approve_the_plan(host, ask_to_pay, connection_id, fake_connector, approver):
    asked = ask_to_pay().stored_plan
    with pytest.raises(Invalid) as caught:
        host.approvals.approve(asked, approver)
    assert caught.value.reason == "approver_is_requester"
    assert commit(host, connection_id, asked).status == "needs_approval"
    assert fake_connector.ledger == []


def test_all_who_asked_count_also_after_the_yes(host, ask_to_pay, connection_id):
    asked = ask_to_pay().stored_plan
    host.approvals.approve(asked, "Ann")
    ask_to_pay("plan", requester="ann")
    assert commit(host, connection_id, asked).status == "needs_approval"
    with pytest.raises(Invalid):
        host.approvals.approve(asked, "Ann")
    host.approvals.approve(asked, "Eve")
    assert commit(host, connection_id, asked).status == "done"


IGNORABLE = (
    "\u034f\ufe0f\u3164\u115f\u1160\uffa0\u180b\u180e\u2800\u17b4\u17b5\u00ad\u200d\u2064\ufeff\U000e0100\U000e0041"
)
"""Characters that take no room on a screen, or are blank."""


@pytest.mark.parametrize("ignorable", IGNORABLE)
def test_an_invisible_character_in_a_name_makes_it_no_other_name(host, ask_to_pay, connection_id, ignorable):
    assert is_same_name(f"b{ignorable}ot", "Bot")
    with pytest.raises(Invalid) as caught:
        ask_to_pay(requester=f"bot{ignorable}")
    assert caught.value.problems[0]["field"] == "requester"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "x" * 201,
        "A\nB",
        "A\u202eB",
        "A\u200bnn",
        "A\u2028B",
        "\x1b[1mA",
        *(f"bot{each}" for each in IGNORABLE),
    ],
)
def test_a_name_must_hold_only_visible_characters(host, ask_to_pay, name):
    with pytest.raises(Invalid) as caught:
        host.approvals.approve(ask_to_pay().stored_plan, name)
    assert caught.value.reason == "bad_name"


def test_an_approval_ends_with_its_plan(host, ask_to_pay, connection_id, clock):
    asked = ask_to_pay().stored_plan
    given = host.approvals.approve(asked, "Ann")
    assert given.expires_at == asked.expires_at == clock.now() + timedelta(hours=24)
    clock.moment = given.expires_at - timedelta(seconds=1)
    assert commit(host, connection_id, asked).status == "done"


@pytest.mark.parametrize("word", ["approve", "refuse"])
def test_what_is_over_done_or_stale_cannot_be_decided(host, ask_to_pay, connection_id, clock, fake_connector, word):
    decide = getattr(host.approvals, word)
    over, done, stale = (ask_to_pay(to=name).stored_plan for name in ("over", "done", "stale"))
    host.approvals.approve(done, "Ann")
    commit(host, connection_id, done)
    host.approvals.approve(stale, "Ann")
    fake_connector.world = "another"
    with pytest.raises(Conflict):
        commit(host, connection_id, stale)
    clock.moment += timedelta(days=1)
    for asked, reason in ((over, "plan_expired"), (done, "plan_done"), (stale, "stale_plan")):
        with pytest.raises(Conflict) as caught:
            decide(asked, "Ann")
        assert caught.value.reason == reason


def test_a_refusal_holds_until_the_plan_is_over_or_a_person_says_yes(
    host, ask_to_pay, connection_id, clock, fake_connector
):
    asked = ask_to_pay().stored_plan
    host.approvals.refuse(asked, "Ann")
    for again in (ask_to_pay, lambda: commit(host, connection_id, asked)):
        with pytest.raises(Conflict, match="Ann refused") as caught:
            again()
        assert caught.value.reason == "plan_refused"
    host.approvals.approve(asked, "Ann")
    assert commit(host, connection_id, asked).status == "done"
    other = ask_to_pay(to="Eve").stored_plan
    host.approvals.refuse(other, "agent")  # takes it back
    clock.moment += timedelta(days=1)
    assert ask_to_pay(to="Eve").status == "needs_approval"
    assert len(fake_connector.ledger) == 1


def test_a_refusal_takes_an_approval_back(host, ask_to_pay, connection_id):
    asked = ask_to_pay().stored_plan
    host.approvals.approve(asked, "Ann")
    host.approvals.refuse(asked, "Eve")
    with pytest.raises(Conflict, match="Eve refused"):
        commit(host, connection_id, asked)


def test_unseen_only_where_the_policy_says_so(host, ask_to_pay, connection_id):
    asked = ask_to_pay().stored_plan
    for rule in (None, {"run": "always", "max_amount": "0.50"}, {"run": "approval"}):
        host.configure(connection_id, {"policy": {"pay": rule}})
        with pytest.raises(Misconfigured) as caught:
            host.approvals.approve(asked, "Ann", unseen=True)
        assert caught.value.reason == "yes_not_allowed"
    host.configure(connection_id, {"policy": {"pay": {"run": "approval", "yes": True}}})
    host.approvals.approve(asked, "Ann", unseen=True)
    assert [entry.details["unseen"] for entry in host.audit.entries() if entry.kind == "approval"] == [True]


def test_what_the_policy_forbids_cannot_be_approved(host, ask_to_pay, connection_id):
    asked = ask_to_pay(amount="10").stored_plan
    for rule in ({"run": "never"}, {"run": "approval", "max_amount": "5"}):
        host.configure(connection_id, {"policy": {"pay": rule}})
        with pytest.raises(Misconfigured) as caught:
            host.approvals.approve(asked, "Ann")
        assert caught.value.reason == "policy_forbids"


def test_a_plan_is_found_by_the_beginning_of_its_hash(host, ask_to_pay, connection_id):
    one, two = ask_to_pay().stored_plan, ask_to_pay(to="Eve").stored_plan
    assert host.plans.find_by_prefix(one.plan.hash[:8].upper()) == one
    assert host.plans.find_by_prefix(one.plan.hash, connection_id) == one
    for wrong, error in (
        ("1234567", Invalid),
        ("%" * 8, NotFound),
        ("0" * 64, NotFound),
        ("_" * 64, NotFound),
    ):
        with pytest.raises(error):
            host.plans.find_by_prefix(wrong)
    with pytest.raises(NotFound):
        host.plans.find_by_prefix(one.plan.hash, "fake:other")
    assert [asked.plan.hash for asked in host.plans.list_open()] == sorted([one.plan.hash, two.plan.hash])


def test_a_beginning_that_two_have_is_refused(host, ask_to_pay, connection_id, fake_connector, monkeypatch):
    real = fake_connector.run_action

    def alike(*given):
        result = real(*given)
        plan = result.plan.model_copy(update={"hash": "abcdefgh" + result.plan.hash})
        return result.model_copy(update={"plan": plan})

    monkeypatch.setattr(fake_connector, "run_action", alike)
    ask_to_pay("plan"), ask_to_pay("plan", to="Eve")
    with pytest.raises(Invalid) as caught:
        host.plans.find_by_prefix("abcdefgh")
    assert caught.value.reason == "hash_ambiguous"


def test_two_committers_at_once_of_one_approval_write_once(host, ask_to_pay, connection_id, fake_connector, make_host):
    asked = ask_to_pay().stored_plan
    host.approvals.approve(asked, "Ann")
    other = make_host()

    def second():
        fake_connector.before = lambda: None
        with pytest.raises(ConnectorError) as caught:
            commit(other, connection_id, asked)
        assert caught.value.reason == "in_progress"

    fake_connector.before = second
    assert commit(host, connection_id, asked).status == "done"
    assert commit(other, connection_id, asked).repeated
    assert len(fake_connector.ledger) == 1


def test_a_plan_of_another_organisation_is_not_approved_by_its_hash(host, ask_to_pay, connection_id, fake_connector):
    asked = ask_to_pay().stored_plan
    host.approvals.approve(asked, "Ann")
    fake_connector.organisations = [fake_connector.organisations[0].model_copy(update={"id": "org-2", "name": "Tea"})]
    other = host.connections.choose(host.connections.list_organisations("fake", "app:user")).id
    with pytest.raises(NotFound) as caught:
        commit(host, other, asked)
    assert caught.value.reason == "unknown_plan"
    assert host.act(other, "pay", {"to": "Bob", "amount": "1.00"}, requester="agent").status == "needs_approval"


# ---------------------------------------------------------------- owner mode


@pytest.fixture
def owner(host, connection_id):
    host.configure(connection_id, {"owner": "Maria"}, who="Maria")

    def ask(requester="maria", mode="run", **given):
        params = {"to": "Bob", "amount": "1.00"} | given.pop("params", {})
        return host.act(connection_id, "pay", params, mode=mode, requester=requester, **{"in_person": True} | given)

    return ask


def test_the_owner_approves_what_only_he_asked_for_after_a_second_confirmation(
    host, owner, connection_id, fake_connector
):
    asked = owner().stored_plan
    for given in ({}, {"unseen": True, "confirmed": True}):
        with pytest.raises(Invalid) as caught:
            host.approvals.approve(asked, "Maria", **given)
        assert caught.value.reason == "not_confirmed"
    host.approvals.approve(asked, "MARIA", confirmed=True)
    assert commit(host, connection_id, asked).status == "done"
    assert len(fake_connector.ledger) == 1
    marked = {entry.kind: entry.details.get("self_approved") for entry in host.audit.entries()}
    assert (marked["approval"], marked["commit"]) == (True, True)
    assert [entry.details["after"] for entry in host.audit.entries() if entry.kind == "owner"] == ["Maria"]
    assert host.plans.find_by_prefix(asked.plan.hash).to_dict()["self_approved"] is True


@pytest.mark.parametrize(
    "given",
    [
        {"requester": "agent"},
        {"in_person": False},
        {"requester": 'mcp: "Claude" for maria'},
        {"requester": "mcp: maria"},
    ],
    ids=["agent", "a program under the owner's name", "mcp", "mcp named as the owner"],
)
def test_never_what_an_agent_asked_for_before_or_after(host, owner, connection_id, fake_connector, given):
    def refused(plan):
        with pytest.raises(Invalid) as caught:
            host.approvals.approve(plan, "maria", confirmed=True)
        assert caught.value.reason == "approver_is_requester"

    owner(**given)
    refused(owner().stored_plan)
    second = {"params": {"to": "Eve"}}
    joined = owner(**second).stored_plan
    host.approvals.approve(joined, "maria", confirmed=True)
    owner(**given, **second, mode="plan")
    assert commit(host, connection_id, joined).status == "needs_approval"
    refused(joined)
    assert fake_connector.ledger == []


def test_without_owner_mode_or_after_it_ended_nothing_of_ones_own_is_approved(host, owner, connection_id):
    asked = owner().stored_plan
    host.approvals.approve(asked, "Maria", confirmed=True)
    host.configure(connection_id, {"owner": None}, who="Maria")
    assert commit(host, connection_id, asked).status == "needs_approval"
    with pytest.raises(Invalid) as caught:
        host.approvals.approve(asked, "Maria", confirmed=True)
    assert caught.value.reason == "approver_is_requester"
    assert [entry.details["after"] for entry in host.audit.entries() if entry.kind == "owner"] == ["Maria", None]


def test_another_requester_is_not_the_owner(host, owner, connection_id):
    asked = owner(requester="bob").stored_plan
    with pytest.raises(Invalid):
        host.approvals.approve(asked, "bob", confirmed=True)
    host.approvals.approve(asked, "maria")  # as always: another person
    assert commit(host, connection_id, asked).status == "done"
    assert host.plans.find_by_prefix(asked.plan.hash).self_approved is False


@pytest.mark.parametrize("name", ["", "mcp: x", "MCP:x", "a\u202eb", "bot\u3164"])
def test_the_owner_is_a_person_with_a_visible_name(host, connection_id, name):
    with pytest.raises(Invalid) as caught:
        host.configure(connection_id, {"owner": name}, who="Maria")
    assert caught.value.problems[0]["field"] == "owner"
