"""Fixtures of the action tests."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import stamina
import time_machine

from bizosaas_xero import plugin
from bizosaas_xero.connector.http import transport
from bizosaas_xero.sandbox import serve
from contract_tests.helpers.company import Company
from contract_tests.helpers.xero_account import Account

MOMENT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
"""When tests that write take place."""


@pytest.fixture(scope="module")
def books():
    """A sandbox of 400 documents that the tests of a module read and do not change."""
    with serve(invoices=400, seed=2, limits=False) as running:
        yield running
    transport.close_clients()


@pytest.fixture
def company():
    """Make companies of a small sandbox of this test's own: by number, the UK one by default."""
    with time_machine.travel(MOMENT), serve(invoices=60, seed=2, limits=False) as running:
        yield lambda number=1: Company(running, number)
        transport.close_clients()


@pytest.fixture(autouse=True)
def _no_pauses():
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


@pytest.fixture
def reader(books):
    """A person connected to those books."""
    return Account(books).connect()


@pytest.fixture
def ask(reader):
    """Run an action and return its result."""

    def run(action, **params):
        return plugin.run_action(reader.connection(), action, params, {})

    return run
