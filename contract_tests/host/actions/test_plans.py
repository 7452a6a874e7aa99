"""What the host does with a write: plan, approval, and once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bizosaas_xero.spec import (
    Conflict,
    ConnectorError,
    Invalid,
    NotFound,
    RateLimited,
    ReconnectRequired,
    Unavailable,
)
from contract_tests.helpers.approvers import AGENT, approved, told
from contract_tests.helpers.ledger_connector import Payer

pytestmark = [pytest.mark.any_database, pytest.mark.connector_class(cls=Payer)]

# ------------------------------------------------------------ plans


def test_a_plan_expires_after_a_day_or_as_configured(host, pay, clock, connection_id, fake_connector):
    hashed = approved(host, pay())
    clock.moment += timedelta(hours=24)
    for _ in range(2):
        with pytest.raises(Conflict) as caught:
            pay("commit", plan_hash=hashed)
        assert caught.value.reason == "plan_expired"
    again = pay()
    assert (again.status, again.stored_plan.plan.hash) == ("needs_approval", hashed), "the approval went with it"
    host.configure(connection_id, {"plan_hours": 2})
    assert pay("plan", to="Eve").stored_plan.expires_at == clock.now() + timedelta(hours=2)
    assert fake_connector.ledger == []


def test_an_approval_ends_with_the_plan_it_was_given_to(host, pay, clock):
    hashed = approved(host, pay())
    clock.moment += timedelta(hours=20)
    assert pay("plan").stored_plan.plan.hash == hashed  # asked again: the plan lives on, the yes does not
    clock.moment += timedelta(hours=5)
    assert pay("commit", plan_hash=hashed).status == "needs_approval"


def test_a_world_that_changed_makes_the_plan_stale(host, pay, fake_connector):
    hashed = approved(host, pay())
    fake_connector.world = "another"
    with pytest.raises(Conflict) as caught:
        pay("commit", plan_hash=hashed)
    assert caught.value.reason == "stale_plan"
    sent = fake_connector.requests
    with pytest.raises(Conflict) as caught:
        pay("commit", plan_hash=hashed)
    assert (caught.value.reason, fake_connector.requests) == ("stale_plan", sent), (
        "no request is needed to say so again"
    )
    assert [asked.plan.hash for asked in host.plans.list_open()] == []
    again = pay()
    assert again.status == "needs_approval"
    assert again.stored_plan.plan.hash != hashed
    assert fake_connector.ledger == []


def test_a_commit_takes_what_was_planned_and_nothing_else(pay, connection_id, host):
    hashed = pay("plan", key="k").stored_plan.plan.hash
    for given in ({"amount": "11.00"}, {"key": "other"}):
        with pytest.raises(Invalid):
            pay("commit", plan_hash=hashed, **given)
    assert pay("commit", plan_hash=hashed, key="k").status == "needs_approval"
    with pytest.raises(NotFound):
        host.act(connection_id, "look2", mode="commit", plan_hash=hashed, requester=AGENT)


def test_a_plan_without_a_hash_is_the_connectors_fault(host, connection_id, fake_connector, monkeypatch):
    real = fake_connector.run_action

    def hashless(*given):
        result = real(*given)
        return result.model_copy(update={"plan": result.plan.model_copy(update={"hash": ""})})

    monkeypatch.setattr(fake_connector, "run_action", hashless)
    with pytest.raises(Unavailable) as caught:
        host.act(connection_id, "pay", {}, requester=AGENT)
    assert caught.value.reason == "connector_failed"


# ------------------------------------------------------------ once


def test_what_is_done_is_given_again_for_ever_without_a_request(host, pay, fake_connector, clock):
    first = pay(key="deal-1", acts=["draft"])
    sent = fake_connector.requests
    clock.moment += timedelta(days=400)
    fake_connector.world = "another"
    for mode, given in (
        ("run", {}),
        ("plan", {}),
        ("commit", {"plan_hash": first.stored_plan.plan.hash}),
    ):
        again = pay(mode, key="deal-1", acts=["draft"], **given)
        assert (again.status, again.repeated, again.result) == ("done", True, first.result)
    assert (fake_connector.requests, len(fake_connector.ledger)) == (sent, 1)
    assert told(host)[-3:] == ["repeated"] * 3


def test_a_key_means_one_thing(pay, fake_connector):
    pay(key="deal-1", acts=["draft"])
    sent = fake_connector.requests
    with pytest.raises(Conflict) as caught:
        pay(key="deal-1", acts=["draft"], amount="11.00")
    assert (caught.value.reason, fake_connector.requests) == ("business_key_reused", sent)
    assert pay(key="deal-2", acts=["draft"], amount="11.00").status == "done"


def test_a_refused_write_frees_its_key_and_one_of_unknown_end_does_not(pay, fake_connector):
    def refused():
        raise Invalid("no such account")

    def lost():
        raise Unavailable("no answer")

    fake_connector.before = refused
    with pytest.raises(Invalid):
        pay(key="a", acts=["draft"])
    fake_connector.before = lost
    with pytest.raises(Unavailable):
        pay(key="b", acts=["draft"])
    fake_connector.before = refused
    with pytest.raises(Invalid):
        pay(key="b", acts=["draft"])
    fake_connector.before = lambda: None
    assert pay(key="a", acts=["draft"], amount="2").status == "done"
    with pytest.raises(Conflict) as caught:
        pay(key="b", acts=["draft"], amount="2")
    assert caught.value.reason == "business_key_reused"
    assert pay(key="b", acts=["draft"]).status == "done"


@pytest.mark.parametrize("key", ["deal-1", None])
def test_after_a_lost_answer_the_same_call_finishes_once_though_the_world_is_another(host, pay, fake_connector, key):
    def lost():
        fake_connector.world = "a payment was made"
        raise RateLimited("later", retry_after=3)

    fake_connector.after = lost
    hashed = approved(host, pay(key=key))
    with pytest.raises(RateLimited):
        pay("commit", plan_hash=hashed)
    fake_connector.after = lambda: None
    assert pay(key=key).status == "done"
    assert len(fake_connector.ledger) == 1


def test_a_partial_write_goes_on_until_it_is_whole(host, pay, fake_connector):
    fake_connector.partly = True
    first = pay(key="a", acts=["draft"])
    assert (first.status, first.command) == ("partial", None)
    fake_connector.partly = False
    assert (pay(key="a", acts=["draft"]).status, len(fake_connector.ledger)) == ("done", 1)
    assert pay(key="a", acts=["draft"]).repeated


def test_the_same_without_a_key_is_one_intent(pay, fake_connector):
    assert pay(acts=["draft"]).status == "done"
    assert pay(acts=["draft"]).repeated
    assert len(fake_connector.ledger) == 1


def test_an_interrupt_gives_the_claim_back(pay, fake_connector):
    def stopped():
        raise KeyboardInterrupt

    fake_connector.before = stopped
    with pytest.raises(KeyboardInterrupt):
        pay(key="a", acts=["draft"])
    fake_connector.before = lambda: None
    assert pay(key="a", acts=["draft"]).status == "done"


@pytest.mark.parametrize("error", [Invalid("no"), Unavailable("gone"), ReconnectRequired("again")])
def test_every_error_is_recorded_in_the_audit(host, pay, fake_connector, error):
    def broken():
        raise error

    fake_connector.before = broken
    with pytest.raises(ConnectorError):
        pay(key="a", acts=["draft"])
    last = list(host.audit.entries(key="a"))[-1]
    assert (last.kind, last.details["error"]["code"]) == ("error", error.code)
    assert told(host) == ["plan", "commit", "error"]
    assert host.audit.verify().ok
