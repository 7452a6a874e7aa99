"""How a write ends: refused without a trace, or done as its plan says."""

from __future__ import annotations

import pytest

from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers.colleague import balances, moved, planned


def refused(at, action, params, reason=None):
    """Plan and run what must be refused alike, with nothing changed; return the error."""
    before = at.holds()
    errors = []
    for control in ({"mode": "plan"}, {"mode": "run", "business_key": "refused"}):
        with pytest.raises(ConnectorError) as caught:
            at.act(action, params, **control)
        errors.append(caught.value)
    first = errors[0].to_dict()
    of_the_call = {"correlation_id": None, "cost": None}
    assert {**first, **of_the_call} == {**errors[1].to_dict(), **of_the_call}
    assert at.holds() == before
    assert errors[0].remedy
    if reason:
        assert errors[0].reason == reason
    return errors[0]


def done(at, action, params, key="key-1", **who):
    """Plan and commit; what the plan says of the books must be what the ledger shows."""
    plan, before = at.plan(action, params, key), balances(at)
    result = at.act(action, params, mode="commit", plan_hash=plan.hash, business_key=key, **who)
    assert moved(before, balances(at)) == planned(plan)
    assert sum(moved(before, balances(at)).values()) == 0
    assert result.status == "done", result.warnings
    return plan, result
