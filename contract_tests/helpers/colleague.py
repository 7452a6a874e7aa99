"""What others do in the books: work that the connector did not plan, and what the ledger says of it."""

from __future__ import annotations

import json
from decimal import Decimal

import httpx

OFTEN = "2026-11-10"
"""A day some time before the tests take place."""


def write(at, method, path, body):
    """Write as a colleague would, and return the first element of the answer."""
    client = getattr(at.box, "client", httpx)
    answer = client.request(
        method,
        f"{at.box.url}/api.xro/2.0/{path}",
        content=json.dumps(body, default=float),
        headers={
            "Authorization": f"Bearer {at.account.grant['access_token']}",
            "Xero-Tenant-Id": at.id,
            "Accept": "application/json",
            "Content-Type": "application/json",
        },
    )
    assert answer.status_code == 200, answer.text
    return answer.json()[path.split("/", 1)[0]][0]


def contact(at, number=0):
    """One of the organisation's active contacts."""
    active = [row for row in at.rows("Contacts") if row["ContactStatus"] == "ACTIVE"]
    return active[number]


def invoice(at, amount="100.00", kind="ACCREC", status="AUTHORISED", **more):
    """Make an invoice or bill without tax, and return it as Xero answers."""
    body = {
        "Type": kind,
        "Contact": {"ContactID": contact(at)["ContactID"]},
        "Date": OFTEN,
        "DueDate": "2026-12-10",
        "Status": status,
        "LineAmountTypes": "NoTax",
        "LineItems": [{"Description": "work", "UnitAmount": amount, "AccountCode": "200"}],
        **more,
    }
    return write(at, "PUT", "Invoices", body)


def pay(at, document, amount, code="090", **more):
    """Pay a part of an invoice or bill, and return the payment."""
    body = {
        "Invoice": {"InvoiceID": document["InvoiceID"]},
        "Account": {"Code": code},
        "Amount": amount,
        "Date": OFTEN,
        **more,
    }
    return write(at, "PUT", "Payments", body)


def received(at, amount, kind="RECEIVE", code="090", number=5, **more):
    """Record money received or spent without an invoice, and return the bank transaction."""
    body = {
        "Type": kind,
        "Contact": {"ContactID": contact(at, number)["ContactID"]},
        "BankAccount": {"Code": code},
        "Date": "2026-11-20",
        "LineAmountTypes": "NoTax",
        "LineItems": [{"Description": "unknown", "UnitAmount": amount, "AccountCode": "200"}],
        **more,
    }
    return write(at, "PUT", "BankTransactions", body)


def account(at, code):
    """An account by its code, as the sandbox holds it."""
    return at.store.get("Accounts", at.store.account_id(code))


def balances(at):
    """The balance of every account over all days, in base currency, debit positive."""
    found = {}
    for posting in at.store.ledger.postings():
        found[posting.account_id] = found.get(posting.account_id, Decimal(0)) + posting.amount
    return found


def moved(before, after):
    """Which accounts moved between two balances, and by how much."""
    every = {*before, *after}
    changes = {guid: after.get(guid, Decimal(0)) - before.get(guid, Decimal(0)) for guid in every}
    return {guid: change for guid, change in changes.items() if change}


def planned(plan):
    """What a plan says that the accounts will move by."""
    found = {}
    for row in plan.effect:
        change = Decimal(row.get("debit", 0)) - Decimal(row.get("credit", 0))
        found[row["account_id"]] = found.get(row["account_id"], Decimal(0)) + change
    return {guid: change for guid, change in found.items() if change}
