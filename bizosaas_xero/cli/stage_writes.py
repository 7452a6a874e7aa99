"""How the scenarios of writes come about: what is different beforehand, what fails, what a colleague does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from bizosaas_xero.sandbox import Box

Params = Mapping[str, Any]

_REFUSAL = (
    '{"ErrorNumber":10,"Type":"ValidationException","Message":"A validation exception occurred",'
    '"Elements":[{"HasErrors":true,"ValidationErrors":[{"Message":"Invoice not of valid status for '
    'modification"}],"LineItems":[{"ValidationErrors":[{"Message":"Account code must be specified"}]}]}]}'
)

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


PREPARE: dict[str, Callable[[Box], None]] = {
    "invoice-in-locked-period": _lock,
    "invoice-for-one-of-several": _same_address,
}
"""Scenario to what is different in the books before it begins."""

STALE: dict[str, Callable[[Box, Params], None]] = {"create_invoice": _recode}
"""For each action that writes: how a colleague changes what a plan with these params relies on."""
