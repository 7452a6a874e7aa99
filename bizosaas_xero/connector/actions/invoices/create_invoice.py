"""``create_invoice``: make a sales invoice from a deal or from lines, once, and e-mail it if requested."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from bizosaas_xero.connector.actions.books import Row
from bizosaas_xero.connector.actions.definition import WriteAction
from bizosaas_xero.connector.actions.invoices import email
from bizosaas_xero.connector.actions.invoices.duplicates import find_by_mark
from bizosaas_xero.connector.actions.invoices.invoice_draft import CreateInvoiceParams, InvoiceDraft
from bizosaas_xero.connector.actions.models import Money, Result
from bizosaas_xero.connector.actions.writes import contact_lookup
from bizosaas_xero.connector.actions.writes.document_lookup import document_reference
from bizosaas_xero.connector.actions.writes.execute import CommitResult, check_outcome, run_steps, try_history_note
from bizosaas_xero.connector.actions.writes.plan import Draft
from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.spec.errors import Invalid, NotFound


class CreatedInvoice(Result):
    """The invoice as Xero has it."""

    invoice_id: str
    number: str | None
    status: str
    contact_id: str
    contact: str
    currency: str
    subtotal: Money
    tax: Money
    total: Money
    amount_due: Money | None
    invoice_date: date
    due_date: date | None
    reference: str | None
    emailed: email.Emailed
    repeated: bool = Field(description="It was there already, made by an earlier call with the same key.")
    link: str | None
    online_url: str | None = Field(description="Where the customer sees it.")


class CreateInvoice(WriteAction[CreateInvoiceParams]):
    """``create_invoice``."""

    name = "create_invoice"
    permissions = (scopes.INVOICES.for_writing(), scopes.CONTACTS.for_writing(), scopes.SETTINGS)
    title = "Create Invoice"
    description = (
        "Make a sales invoice for a customer, from a CRM deal or from lines; as a draft, or approved and "
        "e-mailed. Use it when something was sold. Do not use it for bills, refunds (create_credit_note) or "
        "payments (mark_invoice_paid). Plan first: it shows customer, tax, effect on the books and warnings. "
        "Changes Xero; `authorised` enters the ledger, `send` reaches the customer and cannot be undone. "
        "5 to 10 calls to plan, 7 to 18 to commit."
    )
    position = 10
    params_model = CreateInvoiceParams
    result_model = CreatedInvoice

    def plan(self) -> Draft:
        """Work out the invoice as it would be made now."""
        return InvoiceDraft(self.books, self.params, self.write.mark).draft()

    def find_existing(self) -> Row | None:
        """Look for the invoice that an earlier call of this write made."""
        try:
            contact_id = contact_lookup.resolve_contact(self.books, self.params.contact, self.write.mark).id
        except (Invalid, NotFound):
            contact_id = None  # renamed, archived or doubled since: look among all that this app made
        return find_by_mark(self.books, contact_id, self.write.mark)

    def commit(self, ready: Draft | Row) -> CommitResult:
        """Make the invoice, or take the one that was made; then add a note, and e-mail it if requested."""
        done = run_steps(self.books, self.write, ready)
        if not isinstance(ready, Draft) and self.params.send and not ready.get("SentToContact"):
            check_outcome(done, self.plan())
        text = f"Invoice made by {self.write.action}"
        done.facts["emailed"] = "no"
        if not self.params.send:
            path = f"Invoices/{done.row['InvoiceID']}"
            try_history_note(self.books, self.write, path, text, done, "Invoice created")
        elif done.partial:
            done.add_failure("It was not sent: look at it in Xero first.")
        else:
            done.facts["emailed"] = email.send_once(self.books, self.write, done, f"{text}.")
        return done

    def to_result(self, done: CommitResult) -> CreatedInvoice:
        """Return the invoice as Xero has it."""
        row = done.row
        return CreatedInvoice(
            **document_reference(self.books, row),
            contact_id=row["Contact"]["ContactID"],
            contact=row["Contact"].get("Name") or self.params.contact.name or "",
            currency=row["CurrencyCode"],
            subtotal=row["SubTotal"],
            tax=row["TotalTax"],
            total=row["Total"],
            amount_due=row.get("AmountDue"),
            invoice_date=row["Date"],
            due_date=row.get("DueDate"),
            reference=row.get("Reference") or None,
            emailed=done.facts["emailed"],
            repeated=done.repeated,
            online_url=email.online_address(self.books, row),
        )
