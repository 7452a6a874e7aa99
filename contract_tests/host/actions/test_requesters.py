"""Who asks is counted, and who was revoked is refused under every variant of the name."""

from __future__ import annotations

import pytest

from bizosaas_xero.host.actions.requesters import requester_keys
from bizosaas_xero.spec import Misconfigured
from contract_tests.helpers.approvers import AGENT
from contract_tests.helpers.ledger_connector import Payer

pytestmark = pytest.mark.connector_class(cls=Payer)


def test_each_is_counted_by_action_with_the_last_time(host, pay, clock):
    pay("plan")
    clock.sleep(60)
    pay("plan", key="D-2")
    pay("plan", requester="ann")
    by_name = {each.name: each for each in host.requesters.list_all()}
    assert by_name[AGENT].actions == {"pay": 2}
    assert by_name["ann"].actions == {"pay": 1}
    assert by_name[AGENT].last_at == clock.now()


def test_an_error_is_counted_as_refused(host, pay):
    host.configure(pay("plan").connection.id, {"policy": {"pay": {"run": "never"}}})
    with pytest.raises(Misconfigured):
        pay("run")
    (agent,) = host.requesters.list_all()
    assert (agent.refused, agent.actions) == (1, {"pay": 2})


def test_who_was_revoked_is_refused_until_they_are_allowed_again(host, pay):
    pay("plan")
    host.revoke_requester(AGENT, "olaf")
    with pytest.raises(Misconfigured) as refused:
        pay("plan", key="D-2")
    assert refused.value.reason == "requester_revoked"
    (agent,) = host.requesters.list_all()
    assert (agent.revoked_by, agent.actions) == ("olaf", {"pay": 1})
    host.allow_requester(AGENT, "olaf")
    assert pay("plan", key="D-2").status == "planned"
    assert [each.kind for each in host.audit.entries()] == ["plan", "revocation", "readmission", "plan"]
    assert host.audit.verify().ok


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("revoked", "asks", "refused"),
    [
        ('mcp: "Kit 1.2" for ann', 'mcp: "Kit 1.3" for ann', True),
        ('mcp: "Kit 1.2" for ann', 'mcp: "Kit" for ann', True),
        ('mcp: "Kit 1.2" for ann', 'mcp: "KIT  1.2" for Ann', True),
        ('mcp: "Kit 1.2" for ann', 'mcp: "Kit 1.2" for bob', False),
        ('mcp: "Kit 1.2" for ann', 'mcp: "Kit 1.2"', False),
        ('mcp: "Kit 1.2" for ann', 'mcp: "Tool 1.2" for ann', False),
        ('mcp: "Kit 1.2" for ann', "ann", False),
        ("ann", 'mcp: "Kit 1.2" for ann', True),
        ("ann", "Ann", True),
        ("ann", "anna", False),
    ],
)
def test_which_names_a_revocation_covers(host, revoked, asks, refused):
    host.revoke_requester(revoked, "olaf")
    if refused:
        with pytest.raises(Misconfigured):
            host.requesters.require_allowed(asks)
    else:
        host.requesters.require_allowed(asks)


@pytest.mark.any_database
def test_one_who_never_asked_can_be_revoked_and_is_listed(host):
    host.revoke_requester('mcp: "Kit 1.2" for ann', "olaf")
    assert [(each.name, each.last_at) for each in host.requesters.list_all()] == [('mcp: "Kit 1.2" for ann', None)]


def test_a_client_name_cannot_claim_another_person():
    assert requester_keys('mcp: "x\' for bob" for ann') != requester_keys('mcp: "x" for bob')
