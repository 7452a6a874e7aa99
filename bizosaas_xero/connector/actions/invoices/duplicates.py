"""A customer's invoices as a write sees them: which one it made, and which look like the same again."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from bizosaas_xero.connector.actions.books import Books, Row

DUPLICATE_WINDOW = timedelta(days=60)
"""An invoice of the same total this near in time may be the same one."""

_GONE = {"VOIDED", "DELETED"}


def list_invoices(books: Books, contact_id: str | None) -> list[Row]:
    """Return a customer's sales invoices in short; without a customer, all that this app made."""
    query = {"where": 'Type=="ACCREC"', "summaryOnly": "true", "order": "UpdatedDateUTC DESC"}
    query |= {"ContactIDs": contact_id} if contact_id else {"createdByMyApp": "true"}
    return books.list_cached("Invoices", "Invoice", query)


def find_by_mark(books: Books, contact_id: str | None, mark: str) -> Row | None:
    """Return the invoice that carries a write's mark, whole."""
    for row in list_invoices(books, contact_id):
        if str(row.get("Url") or "").endswith(f"#{mark}"):
            return books.get("Invoices", row["InvoiceID"], "Invoice")
    return None


def duplicate_warnings(
    books: Books, contact_id: str, total: Decimal, reference: str | None, on: date, mark: str
) -> list[str]:
    """Return warnings of invoices that may be the one that is to be made."""
    warnings = []
    for row in list_invoices(books, contact_id):
        if row.get("Status") in _GONE or str(row.get("Url") or "").endswith(f"#{mark}"):
            continue
        dated = row.get("Date")
        near = row.get("Total") == total and isinstance(dated, date) and abs(dated - on) <= DUPLICATE_WINDOW
        same = bool(reference) and row.get("Reference") == reference
        if near or same:
            why = f"the reference {reference!r}" if same else f"the same total, {total}"
            named = row.get("InvoiceNumber") or row["InvoiceID"]
            warnings.append(f"Possible duplicate: {named} of {dated} ({str(row['Status']).lower()}) has {why}.")
    return warnings[:5]
