"""What the host does with an action: reads, and what the policy says of writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bizosaas_xero.host.actions.policy import decide
from bizosaas_xero.spec import (
    AuthExpired,
    Invalid,
    Misconfigured,
    NotFound,
    Plan,
    ReconnectRequired,
    Unavailable,
)
from contract_tests.helpers.approvers import AGENT, PERSON, approved, told
from contract_tests.helpers.ledger_connector import Payer

pytestmark = [pytest.mark.any_database, pytest.mark.connector_class(cls=Payer)]

# ------------------------------------------------------------ reads


def test_a_read_runs_at_once_and_its_result_is_json(host, connection_id, fake_connector):
    outcome = host.act(connection_id, "look", requester=AGENT)
    assert (outcome.status, outcome.result.data, outcome.command) == ("done", {"seen": "1.50"}, None)
    assert told(host) == ["read"]
    assert host.store.usage("org-1")["calls"] == 1
    with pytest.raises(Invalid, match="only reads"):
        host.act(connection_id, "look", mode="commit", plan_hash="x" * 10, requester=AGENT)


@pytest.mark.parametrize("mode", ["run", "plan"])
def test_a_refused_token_is_renewed_once(host, connection_id, fake_connector, mode):
    def refuse_first():
        if fake_connector.requests == 1:
            raise AuthExpired("no")

    fake_connector.before = refuse_first
    assert host.act(connection_id, "look", mode=mode, requester=AGENT).result
    assert [each["token"] for each in fake_connector.asked] == ["access-1", "access-2"]

    def refuse():
        raise AuthExpired("no")

    fake_connector.before = refuse
    with pytest.raises(ReconnectRequired):
        host.act(connection_id, "look", requester=AGENT)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"action": "fly"}, NotFound),
        ({"connection_id": "fake:nowhere"}, NotFound),
        ({"requester": " "}, Invalid),
        ({"requester": "a\x1b[2Jb"}, Invalid),
        ({"business_key": "k" * 201}, Invalid),
        ({"business_key": ""}, Invalid),
        ({"mode": "force"}, Invalid),
        ({"mode": "commit"}, Invalid),
        ({"mode": "commit", "plan_hash": "0" * 64}, NotFound),
        ({"params": {"to": object()}}, Invalid),
        ({"params": {"to": float("nan")}}, Invalid),
    ],
)
def test_wrong_arguments_are_refused_before_any_request(host, connection_id, fake_connector, given, error):
    known = {"connection_id": connection_id, "action": "pay", "requester": AGENT} | given
    with pytest.raises(error) as caught:
        host.act(**known)
    assert caught.value.remedy
    assert fake_connector.requests == 0


# ------------------------------------------------------------ policy


def test_without_a_rule_acts_need_a_person_and_the_rest_runs(host, pay, fake_connector):
    assert pay(acts=["draft"]).status == "done"
    waiting = pay()
    assert waiting.status == "needs_approval"
    assert waiting.policy_decision.why == "it would pay"
    assert waiting.command == f"bizosaas-xero approve {waiting.stored_plan.plan.hash[:12]}"
    assert len(fake_connector.ledger) == 1
    approved(host, waiting)
    assert pay().status == "done"
    assert (fake_connector.asked[-1]["requester"], fake_connector.asked[-1]["approver"]) == (AGENT, PERSON)
    assert told(host) == [
        "plan",
        "commit",
        "result",
        "plan",
        "waiting",
        "approval",
        "plan",
        "commit",
        "result",
    ]


@pytest.mark.parametrize("acts", [None, [], ["sell"], ["draft", "sell"], ["Draft"]])
def test_a_write_whose_acts_are_missing_unknown_or_empty_asks_a_person(host, pay, fake_connector, acts):
    waiting = pay(acts=acts, amount="950000.00")
    assert (waiting.status, waiting.policy_decision.run) == ("needs_approval", "ask")
    assert fake_connector.ledger == []
    approved(host, waiting)
    assert pay(acts=acts, amount="950000.00").status == "done"


@pytest.mark.parametrize(
    ("requests", "acts", "run"),
    [
        ([], [], "auto"),
        ([{"method": "GET", "path": "/Invoices"}], [], "auto"),
        ([{"method": "get", "path": "/Invoices"}], [], "auto"),
        ([{"method": "GET", "path": "/Invoices"}, {"method": "POST", "path": "/Invoices"}], [], "ask"),
        ([{"path": "/Invoices"}], [], "ask"),
        ([{"method": None}], [], "ask"),
        ([], None, "ask"),
        ([{"method": "GET", "path": "/Invoices"}], None, "ask"),
        ([{"method": "PUT", "path": "/Invoices"}], ["draft"], "auto"),
        ([{"method": "PUT", "path": "/Invoices"}], ["create_contact", "draft"], "ask"),
    ],
)
def test_without_a_rule_only_reads_and_drafts_run_by_themselves(requests, acts, run):
    assert decide(None, Plan(hash="a" * 64, organisation="Beans", requests=requests, acts=acts), Decimal(0)).run == run


def test_a_plan_says_what_comes_next(host, pay):
    planned = pay("plan")
    assert (planned.status, planned.command) == ("planned", f"bizosaas-xero approve {planned.stored_plan.short}")
    free = pay("plan", acts=["draft"])
    assert free.command == f"bizosaas-xero run pay --commit {free.stored_plan.short} --organisation org-1"


def test_never_is_refused_before_any_request(host, pay, set_rule, fake_connector):
    set_rule("never")
    for mode, given in (("run", {}), ("plan", {}), ("commit", {"plan_hash": "0" * 64})):
        with pytest.raises(Misconfigured) as caught:
            pay(mode, **given)
        assert caught.value.reason == "policy_forbids"
    assert fake_connector.requests == 0
    assert told(host)[1:] == ["error"] * 3


def test_a_rule_that_becomes_never_stops_what_was_approved(host, pay, set_rule, fake_connector):
    hashed = approved(host, pay())
    set_rule("never")
    with pytest.raises(Misconfigured):
        pay("commit", plan_hash=hashed)
    assert fake_connector.ledger == []


@pytest.mark.parametrize(
    ("amount", "status"),
    [
        ("500.00", "done"),
        ("500.01", "needs_approval"),
        ("-500.01", "needs_approval"),
        (None, "needs_approval"),
    ],
)
def test_an_amount_beyond_its_bound_asks_a_person(pay, set_rule, amount, status):
    set_rule("always", "500")
    assert pay(amount=amount).status == status


def test_always_without_amounts_takes_any(pay, set_rule):
    set_rule("always")
    assert pay(amount=None).status == "done"
    assert pay(amount="1000000").status == "done"


def test_approval_asks_each_time_and_beyond_its_amounts_nobody_may(host, pay, set_rule, fake_connector):
    set_rule("approval", "500", "800")
    assert pay(amount="1").status == "needs_approval"
    with pytest.raises(Misconfigured, match=r"500.01 is more than 500"):
        pay(amount="500.01")
    assert pay(amount=None).status == "needs_approval", "it is not known to be beyond"
    approved(host, pay(amount="500"))
    assert pay(amount="500").status == "done"
    with pytest.raises(Misconfigured, match="800 is the most for a day"):
        pay(amount="400")
    assert len(fake_connector.ledger) == 1


def test_a_daily_total_ends_at_midnight_of_the_organisation(host, pay, set_rule, clock):
    set_rule("always", None, "100", timezone="Pacific/Auckland")
    clock.moment = datetime(2026, 3, 1, 10, 58, tzinfo=UTC)  # 23:58 there
    assert pay(key="a", amount="60").status == "done"
    assert pay(key="b", amount="40").status == "done"
    assert pay(key="c", amount="0.01").status == "needs_approval"
    clock.moment += timedelta(minutes=3)
    assert pay(key="c", amount="0.01").status == "done"
    assert pay(key="d", amount="99.99").status == "done"
    assert pay(key="e", amount="0.01").status == "needs_approval"
    clock.moment = datetime(2026, 3, 2, 0, 1, tzinfo=UTC)  # another day in UTC alone
    assert pay(key="e", amount="0.01").status == "needs_approval"


def test_what_a_person_approved_counts_for_the_day_and_unknown_amounts_leave_it_unknown(host, pay, set_rule):
    set_rule("always", "50", "100")
    waiting = pay(key="big", amount="90")
    approved(host, waiting)
    assert pay(key="big", amount="90").status == "done"
    assert pay(key="small", amount="10").status == "done"
    assert pay(key="more", amount="1").status == "needs_approval"
    approved(host, pay(key="dark", amount=None))
    assert pay(key="dark", amount=None).status == "done"
    assert "not known" in pay(key="more", amount="1").policy_decision.why


def test_a_write_under_way_or_of_unknown_end_counts_for_the_day(host, pay, set_rule, fake_connector):
    set_rule("always", None, "100")

    def broken():
        raise Unavailable("gone")

    fake_connector.before = broken
    with pytest.raises(Unavailable):
        pay(key="a", amount="60")
    fake_connector.before = lambda: None
    assert pay(key="b", amount="60").status == "needs_approval"
    assert pay(key="a", amount="60").status == "done", "its own amount is not counted twice"


def test_two_at_once_do_not_slip_past_the_total_of_the_day(
    host, pay, set_rule, fake_connector, make_host, connection_id
):
    set_rule("always", None, "100")
    other = make_host()

    def meanwhile():
        fake_connector.before = lambda: None
        params = {"to": "Eve", "amount": "60"}
        second = other.act(connection_id, "pay", params, business_key="b", requester=AGENT)
        assert second.status == "needs_approval"
        assert second.policy_decision.why == "with 60 of today it comes to 120, and 100 is the most for a day"

    fake_connector.before = meanwhile
    assert pay(key="a", amount="60").status == "done"
    assert len(fake_connector.ledger) == 1
