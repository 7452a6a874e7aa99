"""The scenarios of writes at the sandbox: how the books are prepared, what fails, what a colleague changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from bizosaas_xero.sandbox import SandboxServer

Params = Mapping[str, Any]

_REFUSAL = (
    '{"ErrorNumber":10,"Type":"ValidationException","Message":"A validation exception occurred",'
    '"Elements":[{"HasErrors":true,"ValidationErrors":[{"Message":"Invoice not of valid status for '
    'modification"}],"LineItems":[{"ValidationErrors":[{"Message":"Account code must be specified"}]}]}]}'
)

_OPEN_INVOICE = "INV-0011"
"""An invoice that is approved, not paid and not sent."""

FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "invoice-refused-by-xero": (
        "status",
        {"match": {"path": "Invoices", "method": "PUT"}, "times": None, "status": 400, "text": _REFUSAL},
    ),
    "invoice-made-after-server-error": (
        "status",
        {"match": {"path": "Invoices", "method": "PUT"}, "status": 500, "body": "json"},
    ),
    "invoice-made-after-minute-limit": (
        "rate_limit",
        {"match": {"method": "PUT"}, "problem": "minute", "retry_after": 7, "body": "empty"},
    ),
    "email-of-which-nothing-is-known": (
        "status",
        {"match": {"path": "/Email"}, "times": None, "status": 500, "body": "json"},
    ),
    "credit-made-but-not-applied": (
        "status",
        {"match": {"path": "/Allocations"}, "times": None, "status": 400, "text": _REFUSAL},
    ),
    "payment-recorded-but-not-its-fee": (
        "status",
        {
            "match": {"path": "BankTransactions", "method": "PUT"},
            "times": None,
            "status": 400,
            "text": _REFUSAL,
        },
    ),
}
"""Scenario to the fault that makes it happen, and the fault's details."""


def _edit_account(box: SandboxServer, code: str, changes: Params) -> None:
    store = box.sandbox.store()
    store.edit("Accounts", store.account_id(code), dict(changes))


def _change_account_tax(box: SandboxServer, params: Params) -> None:
    """Give the plan's account another tax type."""
    _edit_account(box, str(params["account"]), {"TaxType": "ZERORATED"})


def _lock_period(box: SandboxServer) -> None:
    box.sandbox.store().lock_period("PeriodLockDate", dt.date(2026, 10, 31))


def _share_email(box: SandboxServer) -> None:
    store = box.sandbox.store()
    table = store.table("Contacts")
    for guid in [table.id(slot) for slot in table.by_id][:2]:
        store.edit("Contacts", guid, {"EmailAddress": "office@example.com", "ContactStatus": "ACTIVE"})


def _find_invoice(box: SandboxServer, params: Params) -> tuple[Any, dict[str, Any]]:
    store = box.sandbox.store()
    number = params.get("invoice", _OPEN_INVOICE)
    return store, next(row for row in store.rows("Invoices") if row["InvoiceNumber"] == number)


def _change_line_accounts(box: SandboxServer, params: Params) -> None:
    """Move the invoice's lines to another account."""
    store, row = _find_invoice(box, params)
    other = {"AccountCode": "260", "AccountID": store.account_id("260")}
    lines = [{**line, **other} for line in row["LineItems"]]
    store.edit("Invoices", row["InvoiceID"], {"LineItems": lines})


def _remove_tracking(box: SandboxServer) -> None:
    """Remove tracking: its names are scrubbed in the answer, so a request made of that answer would not match."""
    store, row = _find_invoice(box, {})
    lines = [{**line, "Tracking": []} for line in row["LineItems"]]
    store.edit("Invoices", row["InvoiceID"], {"LineItems": lines})


def _mark_sent(box: SandboxServer, params: Params) -> None:
    store, row = _find_invoice(box, params)
    store.edit("Invoices", row["InvoiceID"], {"SentToContact": True})


def _reuse_email(box: SandboxServer, params: Params) -> None:
    store = box.sandbox.store()
    table = store.table("Contacts")
    store.edit("Contacts", table.id(table.by_id[0]), {"EmailAddress": params["email"]})


def _allow_email(box: SandboxServer) -> None:
    """Let the sandbox's Demo Company send e-mail, as other organisations can."""
    box.sandbox.store().email_cap = 10


def _remove_email(box: SandboxServer) -> None:
    store, row = _find_invoice(box, {})
    store.edit("Contacts", row["Contact"]["ContactID"], {"EmailAddress": ""})


def _reuse_name(box: SandboxServer) -> None:
    store = box.sandbox.store()
    table = store.table("Contacts")
    store.edit("Contacts", table.id(table.by_id[0]), {"Name": "New Bakery (scrubbed)", "ContactStatus": "ACTIVE"})


def _pay_partly(box: SandboxServer, params: Params) -> None:
    """Pay a cent less of the invoice."""
    store, row = _find_invoice(box, params)
    cent = Decimal("0.01")
    paid, due = row["AmountPaid"] - cent, row["AmountDue"] + cent
    store.edit("Invoices", row["InvoiceID"], {"AmountPaid": paid, "AmountDue": due})


def _reconcile_payment(box: SandboxServer) -> None:
    """Mark the invoice's payment as reconciled."""
    store, row = _find_invoice(box, {"invoice": "INV-0012"})
    store.edit("Payments", row["Payments"][0]["PaymentID"], {"IsReconciled": True})


def _lock_year(box: SandboxServer) -> None:
    box.sandbox.store().lock_period("EndOfYearLockDate", dt.date(2026, 11, 19))


PREPARE: dict[str, Callable[[SandboxServer], None]] = {
    "invoice-in-locked-period": _lock_period,
    "invoice-for-one-of-several": _share_email,
    "contact-exists-already": _reuse_name,
    **dict.fromkeys(("email-sent", "email-planned-then-stale", "email-sent-again"), _allow_email),
    "email-of-which-nothing-is-known": _allow_email,
    "email-to-nobody": _remove_email,
    "void-in-locked-period": _lock_period,
    "payment-on-a-locked-day": _lock_year,
    "deletion-on-a-locked-day": _lock_year,
    "deletion-of-what-is-reconciled": _reconcile_payment,
    **dict.fromkeys(
        (
            "credit-planned",
            "credit-made-and-applied",
            "credit-planned-then-stale",
            "credit-made-again",
            "credit-made-for-a-part",
            "credit-of-too-much",
            "credit-made-but-not-applied",
            "credit-made-again-after-xero-forgot",
        ),
        _remove_tracking,
    ),
}
"""Scenario to the change of the books before it begins."""

STALE: dict[str, Callable[[SandboxServer, Params], None]] = {
    "create_invoice": _change_account_tax,
    "create_contact": _reuse_email,
    "email_invoice": _mark_sent,
    "void_invoice": _change_line_accounts,
    "create_credit_note": _change_line_accounts,
    "mark_invoice_paid": _pay_partly,
    "delete_payment": _pay_partly,
}
"""For each write action: how a colleague changes what a plan with these params relies on."""
