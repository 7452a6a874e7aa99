"""``create_credit_note``: an invoice corrected, or a customer credited, once; and set against it if asked."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.definition import WriteAction
from bizosaas_xero.connector.actions.invoices import credit_notes
from bizosaas_xero.connector.actions.invoices.credit_note_draft import (
    CreateCreditNoteParams,
    CreditNoteDraft,
    contact,
    credited,
)
from bizosaas_xero.connector.actions.models import Money, Result
from bizosaas_xero.connector.actions.writes.execute import (
    CommitResult,
    add_history_note,
    check_outcome,
    run_steps,
    send_step,
)
from bizosaas_xero.connector.actions.writes.plan import ZERO, Draft, Write
from bizosaas_xero.spec.errors import ConnectorError


class CreatedCreditNote(Result):
    """The credit note as Xero has it."""

    credit_note_id: str
    number: str | None
    status: str
    contact_id: str
    contact: str
    currency: str
    subtotal: Money
    tax: Money
    total: Money
    applied: Money = Field(description="How much of it is set against the invoice.")
    remaining: Money | None = Field(description="How much of it is not used yet.")
    invoice_id: str | None
    invoice_number: str | None
    credit_date: date
    reference: str | None = Field(description="It ends in the write's mark, by which it is found again.")
    repeated: bool = Field(description="It was there already, made by an earlier call with the same key.")
    link: str | None


def plan(books: Books, params: CreateCreditNoteParams, write: Write) -> Draft:
    """Work out the credit note as it would be made now."""
    return CreditNoteDraft(books, params, write.mark).draft()


def find_existing(books: Books, params: CreateCreditNoteParams, write: Write) -> Row | None:
    """Look for the credit note that an earlier call of this write made."""
    invoice = credited(books, params)
    if invoice is not None:
        return credit_notes.find_by_mark(books, invoice["Contact"]["ContactID"], write.mark)
    try:
        row = contact(books, params, None, write.mark).row
    except ConnectorError:
        row = None  # renamed, archived or doubled since: look among all
    return credit_notes.find_by_mark(books, row["ContactID"] if row else None, write.mark)


def commit(books: Books, params: CreateCreditNoteParams, write: Write, ready: Draft | Row) -> CommitResult:
    """Make the credit note, or take the one that was made; leave a note, and set it against the invoice."""
    invoice = credited(books, params) or {}
    if isinstance(ready, Draft):
        done, planned = run_steps(books, write, ready), ready
    else:
        done, planned = CommitResult(ready, repeated=True), None
    done.facts |= {name: str(invoice.get(name) or "") for name in ("InvoiceID", "InvoiceNumber")}
    differs = done.partial
    try:
        path = f"CreditNotes/{done.row['CreditNoteID']}"
        add_history_note(books, write, path, f"Credit note made by {write.action}", done)
    except ConnectorError as error:
        done.failed(f"The credit note stands, but no note was left in its History: {error.message}")
    if not params.apply or _is_applied(done):
        return done
    try:
        if planned is None:  # a crash came between making and applying it
            planned = plan(books, params, write)
            differs = _differs(done, planned)
        if differs:
            done.failed("It was not set against the invoice: look at it in Xero first.")
        elif planned.after:
            guid = str(done.row["CreditNoteID"])
            send_step(books, write, planned.after[0], {"credit_note": guid})
            done.row = books.get("CreditNotes", guid, "CreditNote")
    except ConnectorError as error:
        done.failed(
            f"The credit note stands, but was not set against the invoice: {error.message} "
            "Do that in Xero, or call again with the same business key."
        )
    return done


def _is_applied(done: CommitResult) -> bool:
    """Tell whether nothing is left to apply: it is set against the invoice, used up elsewhere, or void."""
    applied = credit_notes.applied_amount(done.row, done.facts["InvoiceID"])
    return bool(applied) or done.row.get("Status") != "AUTHORISED"


def _differs(done: CommitResult, planned: Draft) -> bool:
    before = len(done.warnings)
    check_outcome(done, planned)
    return len(done.warnings) > before


def to_result(books: Books, _params: CreateCreditNoteParams, done: CommitResult) -> CreatedCreditNote:
    """Return the credit note as Xero has it."""
    row, invoice_id = done.row, done.facts["InvoiceID"]
    return CreatedCreditNote(
        credit_note_id=row["CreditNoteID"],
        number=row.get("CreditNoteNumber") or None,
        status=str(row["Status"]),
        contact_id=row["Contact"]["ContactID"],
        contact=str(row["Contact"].get("Name") or ""),
        currency=str(row["CurrencyCode"]),
        subtotal=row["SubTotal"],
        tax=row["TotalTax"],
        total=row["Total"],
        applied=credit_notes.applied_amount(row, invoice_id) if invoice_id else ZERO,
        remaining=row.get("RemainingCredit"),
        invoice_id=invoice_id or None,
        invoice_number=done.facts["InvoiceNumber"] or None,
        credit_date=row["Date"],
        reference=row.get("Reference") or None,
        repeated=done.repeated,
        link=books.link("credit_note", row["CreditNoteID"]),
    )


ACTION = WriteAction(
    "create_credit_note",
    "Create Credit Note",
    "Credit a customer: correct an invoice they have, wholly or in part, or credit lines without one. Use it "
    "for refunds, returns and mistakes on invoices that were sent, paid, or lie in a past period; "
    "void_invoice is for those nobody has seen. Not for bills. Never more than is left of the invoice. "
    "`apply` sets it against the invoice; paying money back is not done here. Changes Xero; `authorised` "
    "enters the ledger. 5 to 8 calls to plan, 7 to 12 to commit.",
    CreateCreditNoteParams,
    CreatedCreditNote,
    plan=plan,
    find_existing=find_existing,
    commit=commit,
    to_result=to_result,
)
