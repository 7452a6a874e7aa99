"""A customer's invoices: which one a write made, and which may be duplicates of a planned one."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.typed_rows import UnreadableRecord, check_types
from bizosaas_xero.connector.actions.writes.document_lookup import CANCELLED, document_number

DUPLICATE_WINDOW = timedelta(days=60)
"""An invoice of the same total dated within this window may be the same one."""

_MAX_WARNINGS = 5


def list_invoices(books: Books, contact_id: str | None) -> list[Row]:
    """Return the summaries of a customer's sales invoices; without a customer, of all that this app made."""
    query = {"where": 'Type=="ACCREC"', "summaryOnly": "true", "order": "UpdatedDateUTC DESC"}
    query |= {"ContactIDs": contact_id} if contact_id else {"createdByMyApp": "true"}
    return books.list_cached("Invoices", "InvoiceMark", query)


def find_by_mark(books: Books, contact_id: str | None, mark: str) -> Row | None:
    """Return the whole invoice that carries a write's mark."""
    for row in list_invoices(books, contact_id):
        if str(row.get("Url") or "").endswith(f"#{mark}"):
            return books.get("Invoices", row["InvoiceID"], "Invoice")
    return None


def duplicate_warnings(
    books: Books, contact_id: str, total: Decimal, reference: str | None, on: date, mark: str
) -> list[str]:
    """Return warnings about invoices that may be the planned one."""
    warnings, unreadable = [], []
    for summary in list_invoices(books, contact_id):
        if summary.get("Status") in CANCELLED or str(summary.get("Url") or "").endswith(f"#{mark}"):
            continue
        number = document_number(summary)
        try:
            row = check_types(dict(summary), "InvoiceAmount")
        except UnreadableRecord as error:
            unreadable.append(f"{number} ({error.path}: {error.value})")
            continue
        dated = row.get("Date")
        near = row.get("Total") == total and isinstance(dated, date) and abs(dated - on) <= DUPLICATE_WINDOW
        same = bool(reference) and row.get("Reference") == reference
        if near or same:
            why = f"the reference {reference!r}" if same else f"the same total, {total}"
            warnings.append(f"Possible duplicate: {number} of {dated} ({str(row['Status']).lower()}) has {why}.")
    if unreadable:
        names = "; ".join(unreadable[:_MAX_WARNINGS])
        warnings.insert(0, f"{len(unreadable)} documents of the customer were not compared: {names}.")
    return warnings[:_MAX_WARNINGS]
