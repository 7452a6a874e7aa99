"""A customer's credit notes: which one a write made, what they credit, and applying one to an invoice.

A credit note has no `Url` (Xero's OpenAPI file), so the write's mark is at the end of its `Reference`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.writes import document_lookup
from bizosaas_xero.connector.actions.writes.plan import ZERO, Step

UNAPPROVED = frozenset({"DRAFT", "SUBMITTED"})


def list_credit_notes(books: Books, contact_id: str | None) -> list[Row]:
    """Return a customer's credit notes, latest change first; without a customer, all."""
    where = 'Type=="ACCRECCREDIT"' + (f' AND Contact.ContactID==Guid("{contact_id}")' if contact_id else "")
    return books.list_cached("CreditNotes", "CreditNote", {"where": where, "order": "UpdatedDateUTC DESC"})


def has_mark(row: Row, mark: str) -> bool:
    """Return whether the write of this mark made a credit note."""
    return mark in str(row.get("Reference") or "").split()


def find_by_mark(books: Books, contact_id: str | None, mark: str) -> Row | None:
    """Return the whole credit note that carries a write's mark."""
    for row in list_credit_notes(books, contact_id):
        if has_mark(row, mark):
            return books.get("CreditNotes", row["CreditNoteID"], "CreditNote")
    return None


def allocation_step(invoice_id: str, amount: Decimal, on: date) -> Step:
    """Return the step that applies the credit note of the step before to an invoice."""

    def find_made(books: Books, names: Mapping[str, str]) -> Row | None:
        row = books.get("CreditNotes", names["credit_note"], "CreditNote")
        return row if applied_amount(row, invoice_id) else None

    body = {"Invoice": {"InvoiceID": invoice_id}, "Amount": amount, "Date": str(on)}
    path = "CreditNotes/{credit_note}/Allocations"
    return Step("allocation", "PUT", path, {"Allocations": [body]}, find=find_made)


def applied_amount(row: Row, invoice_id: str) -> Decimal:
    """Return how much of a credit note is applied to an invoice."""
    parts = (
        allocation["Amount"]
        for allocation in row.get("Allocations") or ()
        if not allocation.get("IsDeleted")
        and str((allocation.get("Invoice") or {}).get("InvoiceID")).lower() == invoice_id.lower()
    )
    return sum(parts, ZERO)


def credit_note_name(row: Row) -> str:
    """Return a credit note's number, or its id if it has none."""
    return str(row.get("CreditNoteNumber") or row.get("CreditNoteID"))


def unapplied_credits(rows: list[Row], number: str) -> list[tuple[str, Decimal]]:
    """Return the credit notes that name an invoice in their reference and are not wholly used, with what is left."""
    unapplied = []
    for row in rows:
        if row.get("Status") in document_lookup.CANCELLED or f" {number} " not in f" {row.get('Reference') or ''} ":
            continue
        left = row["Total"] if row.get("Status") in UNAPPROVED else row.get("RemainingCredit") or ZERO
        if left:
            unapplied.append((f"{credit_note_name(row)} ({str(row['Status']).lower()}, not applied)", left))
    return unapplied
