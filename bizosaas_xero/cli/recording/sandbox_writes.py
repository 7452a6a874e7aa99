"""How the scenarios of writes come about: what is different beforehand, what fails, what a colleague does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from bizosaas_xero.sandbox import Box

Params = Mapping[str, Any]

_REFUSAL = (
    '{"ErrorNumber":10,"Type":"ValidationException","Message":"A validation exception occurred",'
    '"Elements":[{"HasErrors":true,"ValidationErrors":[{"Message":"Invoice not of valid status for '
    'modification"}],"LineItems":[{"ValidationErrors":[{"Message":"Account code must be specified"}]}]}]}'
)

_OPEN = "INV-0011"
"""Approved, not paid, not sent."""

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
"""Scenario to the fault that makes it happen."""


def _edit_account(box: Box, code: str, changes: Params) -> None:
    store = box.sandbox.store()
    store.edit("Accounts", store.account_id(code), dict(changes))


def _recode(box: Box, params: Params) -> None:
    """Let the account that is used carry another tax."""
    _edit_account(box, str(params["account"]), {"TaxType": "ZERORATED"})


def _lock(box: Box) -> None:
    box.sandbox.store().lock_period("PeriodLockDate", dt.date(2026, 10, 31))


def _same_address(box: Box) -> None:
    store = box.sandbox.store()
    table = store.table("Contacts")
    for guid in [table.id(slot) for slot in table.by_id][:2]:
        store.edit("Contacts", guid, {"EmailAddress": "office@example.com", "ContactStatus": "ACTIVE"})


def _invoice(box: Box, params: Params) -> tuple[Any, dict[str, Any]]:
    store = box.sandbox.store()
    number = params.get("invoice", _OPEN)
    return store, next(row for row in store.rows("Invoices") if row["InvoiceNumber"] == number)


def _recode_lines(box: Box, params: Params) -> None:
    """Let the lines of the invoice stand on another account."""
    store, row = _invoice(box, params)
    other = {"AccountCode": "260", "AccountID": store.account_id("260")}
    lines = [{**line, **other} for line in row["LineItems"]]
    store.edit("Invoices", row["InvoiceID"], {"LineItems": lines})


def _untracked(box: Box) -> None:
    """Take the tracking away, whose names would be pseudonyms in a request that is made of an answer."""
    store, row = _invoice(box, {})
    lines = [{**line, "Tracking": []} for line in row["LineItems"]]
    store.edit("Invoices", row["InvoiceID"], {"LineItems": lines})


def _mark_sent(box: Box, params: Params) -> None:
    store, row = _invoice(box, params)
    store.edit("Invoices", row["InvoiceID"], {"SentToContact": True})


def _same_mail(box: Box, params: Params) -> None:
    store = box.sandbox.store()
    table = store.table("Contacts")
    store.edit("Contacts", table.id(table.by_id[0]), {"EmailAddress": params["email"]})


def _mailing(box: Box) -> None:
    """Let the sandbox's Demo Company send e-mail, as other organisations may."""
    box.sandbox.store().email_cap = 10


def _no_address(box: Box) -> None:
    store, row = _invoice(box, {})
    store.edit("Contacts", row["Contact"]["ContactID"], {"EmailAddress": ""})


def _named_already(box: Box) -> None:
    store = box.sandbox.store()
    table = store.table("Contacts")
    store.edit("Contacts", table.id(table.by_id[0]), {"Name": "New Bakery (scrubbed)", "ContactStatus": "ACTIVE"})


def _pay_a_part(box: Box, params: Params) -> None:
    """Let the invoice be settled to another part."""
    store, row = _invoice(box, params)
    cent = Decimal("0.01")
    paid, due = row["AmountPaid"] - cent, row["AmountDue"] + cent
    store.edit("Invoices", row["InvoiceID"], {"AmountPaid": paid, "AmountDue": due})


def _reconcile(box: Box) -> None:
    """Let the bank have seen the payment of the invoice."""
    store, row = _invoice(box, {"invoice": "INV-0012"})
    store.edit("Payments", row["Payments"][0]["PaymentID"], {"IsReconciled": True})


def _lock_all(box: Box) -> None:
    box.sandbox.store().lock_period("EndOfYearLockDate", dt.date(2026, 11, 19))


PREPARE: dict[str, Callable[[Box], None]] = {
    "invoice-in-locked-period": _lock,
    "invoice-for-one-of-several": _same_address,
    "contact-exists-already": _named_already,
    **dict.fromkeys(("email-sent", "email-planned-then-stale", "email-sent-again"), _mailing),
    "email-of-which-nothing-is-known": _mailing,
    "email-to-nobody": _no_address,
    "void-in-locked-period": _lock,
    "payment-on-a-locked-day": _lock_all,
    "deletion-on-a-locked-day": _lock_all,
    "deletion-of-what-is-reconciled": _reconcile,
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
        _untracked,
    ),
}
"""Scenario to what is different in the books before it begins."""

STALE: dict[str, Callable[[Box, Params], None]] = {
    "create_invoice": _recode,
    "create_contact": _same_mail,
    "email_invoice": _mark_sent,
    "void_invoice": _recode_lines,
    "create_credit_note": _recode_lines,
    "mark_invoice_paid": _pay_a_part,
    "delete_payment": _pay_a_part,
}
"""For each action that writes: how a colleague changes what a plan with these params relies on."""
