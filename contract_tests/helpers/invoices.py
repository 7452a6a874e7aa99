"""What the tests of invoices ask for."""

from __future__ import annotations

import pytest

from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers.write_examples import customer

DEAL = {
    "id": "D-1042",
    "title": "Website",
    "value": 1234.5,
    "currency": "USD",
    "stage": "won",
    "contact_ids": [],
}


def params(at, **changes):
    return {
        "contact": {"id": customer(at, DefaultCurrency=at.currency)["ContactID"]},
        "deal": DEAL,
        "value_is": "net",
        "currency": at.currency,
        "account": "200",
        "due_date": "2026-12-20",
        **changes,
    }


def refused(at, code, field, **changes):
    """Plan; return the complaint about a field, having seen that nothing was written."""
    with pytest.raises(ConnectorError) as caught:
        at.plan("create_invoice", params(at, **changes))
    assert caught.value.code == code
    assert at.writes() == []
    if field:
        assert field in {problem["field"] for problem in caught.value.problems}
    return str(caught.value)
