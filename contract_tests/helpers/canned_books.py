"""Books whose answers are written in the test: what Xero sends and the sandbox does not."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from types import SimpleNamespace

from bizosaas_xero.connector.actions.books import Books

ORGANISATION = {
    "Name": "Hand Made Ltd", "BaseCurrency": "NZD", "CountryCode": "NZ", "Timezone": "NEWZEALANDSTANDARDTIME",
    "FinancialYearEndMonth": 3, "FinancialYearEndDay": 31, "ShortCode": "!abc",
}  # fmt: skip
ACCOUNTS = [
    {"AccountID": "a-bank", "Code": "090", "Name": "Bank", "Type": "BANK", "Class": "ASSET", "Status": "ACTIVE"},
    {"AccountID": "a-debtors", "Code": "610", "Name": "Accounts Receivable", "Type": "CURRENT", "Class": "ASSET",
     "Status": "ACTIVE", "SystemAccount": "DEBTORS"},
    {"AccountID": "a-creditors", "Code": "800", "Name": "Accounts Payable", "Type": "CURRLIAB", "Class": "LIABILITY",
     "Status": "ACTIVE", "SystemAccount": "CREDITORS"},
]  # fmt: skip
TODAY = datetime(2026, 11, 21, 12, tzinfo=UTC)


class CannedClient:
    """Answers requests from a dictionary: by path, a list of rows, an error, or a function of the query.

    Args:
        answers: The answers; every other list is empty.
    """

    def __init__(self, answers):
        self.answers = {"Organisation": [ORGANISATION], "Accounts": ACCOUNTS, **answers}
        self.requests = []

    def get(self, path, params=None):
        """Return the rows under the name of their list; a second page is empty."""
        query = dict(params or {})
        self.requests.append((path, query))
        answer = self.answers.get(path, [])
        if callable(answer):
            answer = answer(query)
        if isinstance(answer, Exception):
            raise answer
        collection = "Organisations" if path == "Organisation" else path.split("/")[0]
        rows = [] if query.get("page", "1") != "1" else copy.deepcopy(answer)
        return SimpleNamespace(body={collection: rows})


def canned_books(**answers):
    """Return books that answer by path; `__` in a name is the slash of a path."""
    client = CannedClient({path.replace("__", "/"): answer for path, answer in answers.items()})
    return Books(client, SimpleNamespace(page_size=1000, timezone=None), now=lambda: TODAY)


def trial_balance(**debit):
    """Return a trial balance with these year-to-date debits by account id; `_` is a hyphen."""
    rows = [
        {
            "RowType": "Row",
            "Cells": [
                {"Value": key, "Attributes": [{"Id": "account", "Value": key.replace("_", "-")}]},
                *({"Value": value} for value in ("", "", amount, "")),
            ],
        }
        for key, amount in debit.items()
    ]
    return [{"Rows": [{"RowType": "Section", "Rows": rows}]}]


def invoice(number, amount, *, day="2026-10-01", due="2026-10-20", **more):
    """Return an approved sales invoice in base currency, of one contact."""
    return {
        "Type": "ACCREC", "InvoiceID": f"id-{number}", "InvoiceNumber": number, "Status": "AUTHORISED",
        "Contact": {"ContactID": "c-1", "Name": "Alder"}, "Date": f"{day}T00:00:00", "DueDate": f"{due}T00:00:00",
        "CurrencyCode": "NZD", "Total": amount, "AmountDue": amount, **more,
    }  # fmt: skip


def payment(number, amount, day="2026-10-05", **more):
    """Return an approved payment of a sales invoice into the bank account."""
    return {
        "PaymentID": f"p-{number}", "PaymentType": "ACCRECPAYMENT", "Status": "AUTHORISED", "Amount": amount,
        "Date": f"{day}T00:00:00", "Account": {"AccountID": "a-bank"}, "IsReconciled": False,
        "Invoice": {"InvoiceID": f"id-{number}", "InvoiceNumber": number, "Type": "ACCREC",
                    "Contact": {"ContactID": "c-1", "Name": "Alder"}}, **more,
    }  # fmt: skip
