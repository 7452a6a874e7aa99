"""Fixtures of the Xero tests."""

from __future__ import annotations

import httpx
import pytest
import stamina

from bizosaas_xero.connector.http import transport as http_transport
from bizosaas_xero.sandbox import serve
from contract_tests.helpers.xero_account import Account

API = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def _no_pauses():
    """Retries happen as often as they do in earnest, and do not sleep."""
    with stamina.set_testing(True, attempts=10, cap=True):
        yield
    http_transport.close_clients()


@pytest.fixture
def answer_with(monkeypatch):
    """Answer every request of the client with a function, without a socket."""

    def use(handler):
        transport = httpx.Client(transport=httpx.MockTransport(handler))
        monkeypatch.setattr(http_transport, "http_client", lambda _: transport)

    return use


@pytest.fixture
def connection():
    return {
        "organisation_id": "11111111-1111-4111-8111-111111111111",
        "access_token": "token",
        "settings": {"api_url": API, "calls_per_minute": 0},
    }


@pytest.fixture
def box():
    """A fresh sandbox of 120 documents."""
    with serve(invoices=120, seed=7) as running:
        yield running


@pytest.fixture
def account(box):
    """A person who connected the sandbox's first organisation through the Web app."""
    return Account(box).connect()
