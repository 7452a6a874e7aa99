"""``create_invoice``: a sales invoice from a deal or from lines, once, and sent if asked."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.definition import WriteAction
from bizosaas_xero.connector.actions.invoices import email
from bizosaas_xero.connector.actions.invoices.duplicates import find_by_mark
from bizosaas_xero.connector.actions.invoices.invoice_draft import CreateInvoiceParams, InvoiceDraft
from bizosaas_xero.connector.actions.models import Money, Result
from bizosaas_xero.connector.actions.writes import contact_lookup
from bizosaas_xero.connector.actions.writes.execute import CommitResult, add_history_note, check_outcome, run_steps
from bizosaas_xero.connector.actions.writes.plan import Draft, Write
from bizosaas_xero.spec.errors import ConnectorError, Invalid, NotFound


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


def plan(books: Books, params: CreateInvoiceParams, write: Write) -> Draft:
    """Work out the invoice as it would be made now."""
    return InvoiceDraft(books, params, write.mark).draft()


def find_existing(books: Books, params: CreateInvoiceParams, write: Write) -> Row | None:
    """Look for the invoice that an earlier call of this write made."""
    try:
        contact = contact_lookup.resolve_contact(books, params.contact, write.mark).row
    except (Invalid, NotFound):
        contact = None  # renamed, archived or doubled since: look among all that this app made
    return find_by_mark(books, contact["ContactID"] if contact else None, write.mark)


def commit(books: Books, params: CreateInvoiceParams, write: Write, ready: Draft | Row) -> CommitResult:
    """Make the invoice, or take the one that was made; then leave a note and send it if asked."""
    if isinstance(ready, Draft):
        done = run_steps(books, write, ready)
    else:
        done = CommitResult(ready, repeated=True)
        if params.send and not ready.get("SentToContact"):
            check_outcome(done, plan(books, params, write))
    what = f"Invoice made by {write.action}"
    done.facts["emailed"] = "no"
    if not params.send:
        try:
            add_history_note(books, write, f"Invoices/{done.row['InvoiceID']}", what, done)
        except ConnectorError as error:
            done.failed(f"The invoice stands, but no note was left in its History: {error.message}")
    elif done.partial:
        done.failed("It was not sent: look at it in Xero first.")
    else:
        done.facts["emailed"] = email.send_once(books, write, done, f"{what}.")
    return done


def to_result(books: Books, params: CreateInvoiceParams, done: CommitResult) -> CreatedInvoice:
    """Return the invoice as Xero has it."""
    row = done.row
    online = None
    if row.get("Status") in {"AUTHORISED", "PAID"}:
        online = books.read_online_address(row["InvoiceID"])
    return CreatedInvoice(
        invoice_id=row["InvoiceID"],
        number=row.get("InvoiceNumber") or None,
        status=row["Status"],
        contact_id=row["Contact"]["ContactID"],
        contact=row["Contact"].get("Name") or params.contact.name or "",
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
        link=books.link("invoice", row["InvoiceID"]),
        online_url=online,
    )


ACTION = WriteAction(
    "create_invoice",
    "Create Invoice",
    "Make a sales invoice for a customer, from a CRM deal or from lines; as a draft, or approved and "
    "e-mailed. Use it when something was sold. Do not use it for bills, refunds (create_credit_note) or "
    "payments (mark_invoice_paid). Plan first: it shows customer, tax, effect on the books and warnings. "
    "Changes Xero; `authorised` enters the ledger, `send` reaches the customer and cannot be undone. "
    "About 5 calls to plan and 8 to commit.",
    CreateInvoiceParams,
    CreatedInvoice,
    plan=plan,
    find_existing=find_existing,
    commit=commit,
    to_result=to_result,
)
