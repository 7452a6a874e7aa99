"""A customer's credit notes: which one a write made, what they credit, and applying one to an invoice.

A credit note has no `Url` (Xero's OpenAPI file), so the write's mark is at the end of its `Reference`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.writes import document_lookup
from bizosaas_xero.connector.actions.writes.plan import MARK, ZERO, Step, Write
from bizosaas_xero.spec.errors import Invalid, NotFound

UNAPPROVED = frozenset({"DRAFT", "SUBMITTED"})
MAX_REFERENCE_LENGTH = 255
"""Characters of a document's Reference (Xero's OpenAPI file)."""

_MARK_LENGTH = 23
_OWN_MARK = re.compile(r"\bbz-[0-9a-f]{20}\b")
HISTORY_OPENING = "Credited by"
_HISTORY_TEXT = re.compile(HISTORY_OPENING + r" .* \(([0-9a-fA-F-]{36})\): ")
_ANNOUNCEMENT = re.compile(r"Credit of ([0-9.]+) to be made by .*\[(bz-[0-9a-f]{20})\]", re.DOTALL)

PENDING_TIME = timedelta(minutes=15)
"""How long an announced credit note counts while it is not made: a write that takes longer has ended."""


def list_credit_notes(books: Books, contact_id: str | None) -> list[Row]:
    """Return a customer's credit notes, latest change first; without a customer, all."""
    where = 'Type=="ACCRECCREDIT"' + (f' AND Contact.ContactID==Guid("{contact_id}")' if contact_id else "")
    return books.list_cached("CreditNotes", "CreditNoteSummary", {"where": where, "order": "UpdatedDateUTC DESC"})


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


def credit_note_reference(text: str | None, number: str) -> str:
    """Return a credit note's Reference: the person's text, the credited invoice's number, the write's mark.

    The number stays in it whatever text a person gives, because by it later calls know what is credited already.

    Raises:
        Invalid: The text is too long to leave room for the number and the mark.
    """
    ending = f"{number} {MARK}".strip()
    if not text:
        return ending
    if number and f" {number} " in f" {text} ":
        ending = MARK
    room = MAX_REFERENCE_LENGTH - len(ending.replace(MARK, "x" * _MARK_LENGTH)) - 1
    if len(text) > room:
        complaint = f"has {len(text)} characters, and {room} fit next to the invoice's number and the write's mark"
        raise Invalid.field("params.reference", complaint, "Shorten it.")
    return f"{text} {ending}"


def history_text(done: Row, action: str) -> str:
    """Return the note for the invoice's History, by which later calls find the credit note."""
    return f"{HISTORY_OPENING} {credit_note_name(done)} ({done['CreditNoteID']}): {done['Total']}, made by {action}"


def announcement(write: Write, invoice_id: str, total: Decimal) -> Step:
    """Return the step that names a credit note in the invoice's History before it is made.

    Of two writes that credit one invoice at once, at least the later one sees the other's announcement.
    """
    text = write.history_note(f"Credit of {total} to be made by {write.action}")
    return Step("announcement", "PUT", f"Invoices/{invoice_id}/History", {"HistoryRecords": [{"Details": text}]})


def credits_of_invoice(books: Books, invoice: Row, rows: list[Row], mark: str) -> list[tuple[str, Decimal]]:
    """Return what credits an invoice already: the name of each credit note, and how much of the invoice it takes.

    A credit note that this connector made for the invoice counts with its whole total, wherever it was used: a note
    that was paid out, or applied to another invoice, credits this one all the same. It is found by the invoice's
    History, which cannot be edited, and by its Reference. Others count with what is applied to the invoice, and with
    what is unused if their Reference names it. One that another write has announced and not made yet counts as well.

    Args:
        books: The organisation's books.
        invoice: The whole invoice.
        rows: The customer's credit notes.
        mark: The write's; the credit note that carries it counts as not made yet.
    """
    number = document_lookup.document_number(invoice)
    history, now = books.read_history(f"Invoices/{invoice['InvoiceID']}")
    noted = _noted_ids(history)
    applied = {row["CreditNoteID"]: row for row in invoice.get("CreditNotes") or () if row.get("AppliedAmount")}
    known = {row["CreditNoteID"]: row for row in rows}
    known |= _read_elsewhere(books, noted - {note_id.lower() for note_id in known})
    credits_by_note = []
    for note_id, row in known.items():
        own_part = (applied.pop(note_id, None) or {}).get("AppliedAmount") or ZERO
        names_invoice = f" {number} " in f" {row.get('Reference') or ''} "
        if row.get("Status") in document_lookup.CANCELLED or has_mark(row, mark):
            continue
        name, status = credit_note_name(row), str(row["Status"]).lower()
        if note_id.lower() in noted or (names_invoice and _OWN_MARK.search(str(row.get("Reference")))):
            credits_by_note.append((f"{name} ({status})", max(row["Total"], own_part)))
        elif own_part or names_invoice:
            unused = row["Total"] if row.get("Status") in UNAPPROVED else row.get("RemainingCredit") or ZERO
            amount = own_part + (unused if names_invoice else ZERO)
            if amount:
                credits_by_note.append((f"{name} ({status})", amount))
    credits_by_note += [(credit_note_name(row), row["AppliedAmount"]) for row in applied.values()]
    return credits_by_note + [
        ("a credit note that is being made", amount) for amount in _pending(history, now, rows, mark)
    ]


def _read_elsewhere(books: Books, note_ids: frozenset[str]) -> dict[str, Row]:
    """Return credit notes that are no longer the customer's, such as after a merge of contacts."""
    rows = {}
    for note_id in note_ids:
        with suppress(NotFound):
            rows[note_id] = books.get("CreditNotes", note_id, "CreditNote")
    return rows


def _noted_ids(history: list[Row]) -> frozenset[str]:
    texts = (str(record.get("Details") or "") for record in history)
    return frozenset(match[1].lower() for text in texts if (match := _HISTORY_TEXT.match(text)))


def _pending(history: list[Row], now: datetime, rows: list[Row], mark: str) -> Iterator[Decimal]:
    """Yield the totals of credit notes that other writes announced before this one did, and have not made yet."""
    announced: dict[str, tuple[datetime, Decimal]] = {}
    for record in history:
        match = _ANNOUNCEMENT.match(str(record.get("Details") or ""))
        if match and (match[2] not in announced or record["DateUTC"] > announced[match[2]][0]):
            announced[match[2]] = record["DateUTC"], Decimal(match[1])
    latest = announced[mark][0] if mark in announced else now
    for other, (at, amount) in announced.items():
        made = any(has_mark(row, other) for row in rows)
        if other != mark and not made and at <= latest and now - at < PENDING_TIME:
            yield amount
