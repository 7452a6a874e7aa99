"""Find payments: the one that a write recorded, and money recorded before that may be the same.

The write's mark is at the end of a payment's Reference, because a payment has no Url. On a bank transaction it is
in the Url, because Xero keeps a Reference only on plain ones (its OpenAPI file).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.filters import date_filter
from bizosaas_xero.connector.actions.unreadable import describe_unreadable
from bizosaas_xero.connector.actions.writes.dates import shift
from bizosaas_xero.connector.actions.writes.document_lookup import DocumentKind, contact_name
from bizosaas_xero.connector.actions.writes.plan import MARK

DUPLICATE_DAYS = 14
"""A bank transaction of the same amount dated within this window may be the same money."""

MAX_REFERENCE_LENGTH = 80
"""Xero does not document the maximum of a payment's Reference; with the mark it stays near a hundred."""

_SEPARATOR = " · "
_MAX_WARNINGS = 5


def payment_reference(text: str | None) -> str:
    """Return a payment's Reference: the person's text, then the write's mark."""
    return f"{text}{_SEPARATOR}{MARK}" if text else MARK


def transaction_url(books: Books) -> str:
    """Return a bank transaction's Url: the platform's, then the write's mark."""
    return f"{books.settings.document_url}#{MARK}"


def list_payments(books: Books, invoice_id: str) -> list[Row]:
    """Return the payments of an invoice or bill, deleted ones too."""
    query = {"where": f'Invoice.InvoiceID==Guid("{invoice_id}")', "order": "PaymentID ASC"}
    return books.list_cached("Payments", "Payment", query)


def find_payment_by_mark(books: Books, invoice_id: str, mark: str) -> Row | None:
    """Return the payment that carries a write's mark."""
    rows = list_payments(books, invoice_id)
    return next((row for row in rows if str(row.get("Reference") or "").endswith(mark)), None)


def find_transaction_by_mark(books: Books, kind: str, on: date, mark: str) -> Row | None:
    """Return the bank transaction of a type and day that carries a write's mark."""
    query = {"where": f'Type=="{kind}" AND Date=={date_filter(on)}', "order": "BankTransactionID ASC"}
    for row in books.list_cached("BankTransactions", "BankTransaction", query):
        if str(row.get("Url") or "").endswith(f"#{mark}"):
            # an overpayment may be listed under its own id alone
            return {**row, "BankTransactionID": row.get("BankTransactionID") or row.get("OverpaymentID")}
    return None


def duplicate_warnings(
    books: Books,
    invoice: Row,
    kind: DocumentKind,
    amount: Decimal,
    banked: set[Decimal],
    currency: str,
    on: date,
    mark: str,
) -> list[str]:
    """Return warnings about money already recorded that may be the money of this payment.

    Args:
        books: The organisation's books.
        invoice: The invoice or bill that is paid.
        kind: Its kind: an invoice brings money in, a bill takes it out.
        amount: In the invoice's currency.
        banked: The amounts that may have reached the bank, in its currency.
        currency: The account's.
        on: The day of the payment.
        mark: The write's; a payment that carries it is its own.
    """
    warnings = [
        f"A payment of {row['Amount']} on {row['Date']} is already recorded on it."
        for row in list_payments(books, invoice["InvoiceID"])
        if row.get("Status") != "DELETED"
        and row["Amount"] == amount
        and not str(row.get("Reference") or "").endswith(mark)
    ]
    transaction_type = "RECEIVE" if kind == "invoice" else "SPEND"
    earliest, latest = (date_filter(shift(on, days)) for days in (-DUPLICATE_DAYS, DUPLICATE_DAYS))
    where = f'Type=="{transaction_type}" AND Status=="AUTHORISED" AND Date>={earliest} AND Date<={latest}'
    query = {"where": where, "order": "BankTransactionID ASC"}
    for row in books.list_cached("BankTransactions", "BankTransaction", query, tolerant=True):
        same_contact = _contact_id(row) == _contact_id(invoice)
        matched = row.get("IsReconciled") is True
        if row["Total"] not in banked or row.get("CurrencyCode", currency) != currency:
            continue
        if (matched and not same_contact) or str(row.get("Url") or "").endswith(f"#{mark}"):
            continue
        state = "A bank line is matched to" if matched else "Not matched to a bank line yet:"
        money = "money received" if kind == "invoice" else "money spent"
        warnings.append(
            f"{state} {money}, {row['Total']} on {row['Date']}, "
            f"{contact_name(row)}, in "
            f"{(row.get('BankAccount') or {}).get('Name') or 'a bank account'}: it may be this payment, "
            "recorded once already."
        )
    left_out = describe_unreadable(books)
    return warnings[:_MAX_WARNINGS] + ([f"Not compared with this payment: {left_out}"] if left_out else [])


def _contact_id(row: Row) -> str:
    return str((row.get("Contact") or {}).get("ContactID") or "").lower()
