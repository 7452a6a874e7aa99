"""``create_credit_note``: correct an invoice or credit a customer, once; apply it to the invoice if requested."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.books import Row
from bizosaas_xero.connector.actions.definition import WriteAction
from bizosaas_xero.connector.actions.invoices import credit_notes
from bizosaas_xero.connector.actions.invoices.credit_note_draft import (
    CreateCreditNoteParams,
    CreditNoteDraft,
    read_credited_invoice,
    resolve_credited_contact,
)
from bizosaas_xero.connector.actions.models import Money, Result
from bizosaas_xero.connector.actions.writes.execute import (
    CommitResult,
    check_outcome,
    run_steps,
    send_step,
    try_history_note,
)
from bizosaas_xero.connector.actions.writes.plan import ZERO, Draft
from bizosaas_xero.connector.auth import scopes
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
    applied: Money = Field(description="How much of it is applied to the invoice.")
    remaining: Money | None = Field(description="How much of it is not used yet.")
    invoice_id: str | None
    invoice_number: str | None
    credit_date: date
    reference: str | None = Field(description="It ends in the write's mark, by which it is found again.")
    repeated: bool = Field(description="It was there already, made by an earlier call with the same key.")
    link: str | None


class CreateCreditNote(WriteAction[CreateCreditNoteParams]):
    """``create_credit_note``."""

    name = "create_credit_note"
    permissions = (scopes.INVOICES.for_writing(), scopes.CONTACTS, scopes.SETTINGS)
    title = "Create Credit Note"
    description = (
        "Credit a customer: correct an invoice they have, wholly or in part, or credit lines without one. Use it "
        "for refunds, returns and mistakes on invoices that were sent, paid, or belong to a past period; "
        "void_invoice is for those that no customer has seen. Not for bills. Never more than is left of the "
        "invoice. `apply` applies it to the invoice; paying money back is not done here. Changes Xero; "
        "`authorised` enters the ledger. 5 to 10 calls to plan, 7 to 22 to commit."
    )
    position = 60
    params_model = CreateCreditNoteParams
    result_model = CreatedCreditNote

    def plan(self) -> Draft:
        """Work out the credit note as it would be made now."""
        return CreditNoteDraft(self.books, self.params, self.write.mark).draft()

    def find_existing(self) -> Row | None:
        """Look for the credit note that an earlier call of this write made."""
        invoice = read_credited_invoice(self.books, self.params)
        if invoice is not None:
            return credit_notes.find_by_mark(self.books, invoice["Contact"]["ContactID"], self.write.mark)
        try:
            contact_id = resolve_credited_contact(self.books, self.params, None, self.write.mark).id
        except ConnectorError:
            contact_id = None  # renamed, archived or doubled since: look among all
        return credit_notes.find_by_mark(self.books, contact_id, self.write.mark)

    def commit(self, ready: Draft | Row) -> CommitResult:
        """Make the credit note, or take the one that was made; add a note, and apply it to the invoice."""
        invoice = read_credited_invoice(self.books, self.params) or {}
        if isinstance(ready, Draft) and invoice:
            ready = self._announce(ready, invoice)
        done = run_steps(self.books, self.write, ready)
        draft = ready if isinstance(ready, Draft) else None
        done.facts |= {name: str(invoice.get(name) or "") for name in ("InvoiceID", "InvoiceNumber")}
        as_expected = not done.partial
        path, text = f"CreditNotes/{done.row['CreditNoteID']}", f"Credit note made by {self.write.action}"
        try_history_note(self.books, self.write, path, text, done, "Credit note created")
        if invoice:
            noted = CommitResult(done.row, repeated=done.repeated)
            text = credit_notes.history_text(done.row, self.write.action)
            path = f"Invoices/{invoice['InvoiceID']}"
            opening = credit_notes.HISTORY_OPENING
            try_history_note(self.books, self.write, path, text, noted, "Credit note created", opening=opening)
            done.warnings += noted.warnings
            done.partial = done.partial or noted.partial
        if self.params.apply and not self._is_used(done):
            self._apply(done, draft, as_expected=as_expected)
        return done

    def _announce(self, draft: Draft, invoice: Row) -> Draft | Row:
        """Announce the credit note, then work it out again: another write may credit the same invoice right now.

        Returns:
            The same draft; or the credit note, if another worker with the same key has made it meanwhile.
        """
        step = credit_notes.announcement(self.write, invoice["InvoiceID"], draft.expect["Total"])
        send_step(self.books, self.write, step, {})
        if self.plan().hash(self.write) == draft.hash(self.write):
            return draft
        existing = self.find_existing()
        if existing is None:
            raise reasons.STALE_PLAN()
        return existing

    def _is_used(self, done: CommitResult) -> bool:
        # applied to the invoice, used up elsewhere, or void
        applied = credit_notes.applied_amount(done.row, done.facts["InvoiceID"])
        return bool(applied) or done.row.get("Status") != "AUTHORISED"

    def _apply(self, done: CommitResult, draft: Draft | None, *, as_expected: bool) -> None:
        try:
            if draft is None:  # an earlier call made it and ended before applying it
                draft = self.plan()
                before = len(done.warnings)
                check_outcome(done, draft)
                as_expected = len(done.warnings) == before
            if not as_expected:
                done.add_failure("It was not applied to the invoice: look at it in Xero first.")
            elif draft.after:
                credit_note_id = str(done.row["CreditNoteID"])
                send_step(self.books, self.write, draft.after[0], {"credit_note": credit_note_id})
                done.row = self.books.get("CreditNotes", credit_note_id, "CreditNote")
        except ConnectorError as error:
            done.add_failure(
                f"Credit note created, but it could not be applied to the invoice: {error.message} "
                "Do that in Xero, or call again with the same business key."
            )

    def to_result(self, done: CommitResult) -> CreatedCreditNote:
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
            link=self.books.link("credit_note", row["CreditNoteID"]),
        )
