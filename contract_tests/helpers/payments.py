"""What the tests of payments ask for and look up."""

from __future__ import annotations

from contract_tests.helpers import outcomes

PAY = "mark_invoice_paid"
FEE = {"amount": "3.20", "account": "404"}


def refused(at, params):
    return outcomes.refused(at, PAY, params)


def done(at, params, key="key-1"):
    return outcomes.done(at, PAY, params, key)


def now(at, document):
    return at.store.get("Invoices", document["InvoiceID"])
