"""A host with a connector that pays, for the tests of acting."""

from __future__ import annotations

import pytest

from contract_tests.helpers.approvers import AGENT
from contract_tests.helpers.ledger_connector import Payer


@pytest.fixture
def fake(clock):
    return Payer(clock)


@pytest.fixture
def pay(host, connected):
    """Ask for a payment; the keywords are those of ``host.act`` and the payment's parameters."""

    def ask(mode="run", key=None, plan_hash=None, requester=AGENT, **params):
        given = {"to": "Bob", "amount": "10.00", **params} if mode != "commit" or params else None
        return host.act(connected, "pay", given, mode=mode, business_key=key, plan_hash=plan_hash, requester=requester)

    return ask


@pytest.fixture
def rule(host, connected):
    def decide(run, most=None, daily=None, **more):
        host.configure(connected, {"policy": {"pay": {"run": run, "max_amount": most, "daily_total": daily}}})
        host.configure(connected, more) if more else None

    return decide
