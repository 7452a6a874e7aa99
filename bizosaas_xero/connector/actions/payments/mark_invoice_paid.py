"""``mark_invoice_paid``: a payment of an invoice or bill, once, with its surplus and the processor's fee."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.definition import WriteAction
from bizosaas_xero.connector.actions.models import Money, Result
from bizosaas_xero.connector.actions.payments.find_payments import find_payment_by_mark
from bizosaas_xero.connector.actions.payments.payment_draft import MarkInvoicePaidParams, PaymentDraft, extras
from bizosaas_xero.connector.actions.writes.document_lookup import (
    DocumentKind,
    document_number,
    find_candidates,
    resolve_document,
)
from bizosaas_xero.connector.actions.writes.execute import (
    CommitResult,
    add_history_note,
    is_temporary,
    run_step,
    run_steps,
)
from bizosaas_xero.connector.actions.writes.plan import Draft, Step, Write
from bizosaas_xero.spec.errors import Conflict, ConnectorError


class PaidInvoice(Result):
    """The invoice after the payment, and what was recorded."""

    invoice_id: str
    number: str | None
    kind: DocumentKind
    status: str = Field(description="The invoice's, now.")
    currency: str
    amount_due: Money = Field(description="Still, in the invoice's currency.")
    already_paid: bool = Field(description="It was paid before; nothing was recorded.")
    payment_id: str | None
    amount: Money | None = Field(description="Of this payment, in the invoice's currency.")
    payment_date: date | None
    account_id: str | None
    reference: str | None
    overpayment_id: str | None = Field(description="The surplus, kept as a credit.")
    fee_id: str | None = Field(description="The bank transaction of the fee.")
    repeated: bool = Field(description="The payment was there already, made by a call with the same key.")
    link: str | None


def plan(books: Books, params: MarkInvoicePaidParams, write: Write) -> Draft:
    """Work out the payment as it would be made now."""
    return PaymentDraft(books, params, write.mark).draft()


def find_existing(books: Books, params: MarkInvoicePaidParams, write: Write) -> Row | None:
    """Look for the payment that an earlier call of this write made.

    Raises:
        Conflict: It was made, and deleted since.
    """
    for invoice in find_candidates(books, params.invoice, params.kind):
        row = find_payment_by_mark(books, invoice["InvoiceID"], write.mark)
        if row and row.get("Status") == "DELETED":
            raise Conflict(
                f"This payment of {document_number(invoice)} was recorded before, and was deleted since.",
                remedy="If it is to be recorded again, use a new business key.",
                reason="payment_deleted",
            )
        if row:
            return row
    return None


def commit(books: Books, params: MarkInvoicePaidParams, write: Write, ready: Draft | Row) -> CommitResult:
    """Make the payment, or take the one that was made; then what goes with it, and leave a note."""
    if isinstance(ready, Draft) and not ready.steps:
        books.clear_cache()  # another worker with the same key may have paid it a moment ago
        there = find_existing(books, params, write)
        if there is None:
            invoice = resolve_document(books, params.invoice, params.kind)
            return CommitResult({}, warnings=list(ready.warnings), facts={"invoice": invoice["InvoiceID"]})
        ready = there
    if isinstance(ready, Draft):
        done, after = run_steps(books, write, ready), ready.after
    else:
        account = books.accounts[str(ready["Account"]["AccountID"]).lower()]
        rest = extras(books, params, ready["Invoice"], account, ready["Date"], ready["Amount"], write.mark)
        done, after = CommitResult(ready, repeated=True), tuple(rest.steps())
    done.facts["invoice"] = str(done.row["Invoice"]["InvoiceID"])
    if done.partial and after:
        done.failed("Nothing more was recorded with it: look at it in Xero first.")
    else:
        _follow(books, write, after, done)
    _note(books, write, done)
    return done


def _follow(books: Books, write: Write, steps: Iterable[Step], done: CommitResult) -> None:
    for step in steps:
        try:
            row, _ = run_step(books, write, step, {"write": write.mark})
        except ConnectorError as error:
            if is_temporary(error):
                raise
            done.failed(f"The payment stands, but not the {step.name}: {error.message} Record it in Xero.")
        else:
            done.facts[step.name] = str(row[step.id_field])


def _note(books: Books, write: Write, done: CommitResult) -> None:
    beside = [f", with {name} {done.facts[name]}" for name in ("overpayment", "fee") if name in done.facts]
    text = f"Payment of {done.row['Amount']} recorded by {write.action}{''.join(beside)}"
    try:
        add_history_note(books, write, f"Invoices/{done.facts['invoice']}", text, done)
    except ConnectorError as error:
        if is_temporary(error):
            raise
        done.failed(f"The payment stands, but no note was left in the invoice's History: {error.message}")


def to_result(books: Books, params: MarkInvoicePaidParams, done: CommitResult) -> PaidInvoice:
    """Return the invoice as it is now, and what was recorded."""
    books.clear_cache()
    invoice, row = books.get("Invoices", done.facts["invoice"], "Invoice"), done.row
    return PaidInvoice(
        invoice_id=invoice["InvoiceID"],
        number=invoice.get("InvoiceNumber") or None,
        kind=params.kind,
        status=invoice["Status"],
        currency=invoice["CurrencyCode"],
        amount_due=invoice["AmountDue"],
        already_paid=not row,
        payment_id=row.get("PaymentID"),
        amount=row.get("Amount"),
        payment_date=row.get("Date"),
        account_id=(row.get("Account") or {}).get("AccountID"),
        reference=row.get("Reference") or None,
        overpayment_id=done.facts.get("overpayment"),
        fee_id=done.facts.get("fee"),
        repeated=done.repeated,
        link=books.link(params.kind, invoice["InvoiceID"]),
    )


ACTION = WriteAction(
    "mark_invoice_paid",
    "Mark Invoice Paid",
    "Record that an invoice was paid by the customer (or, with kind `bill`, that the organisation paid a "
    "bill): in full or in part, into a bank or clearing account. Use it when the money is known to have "
    "moved. Do not use it to move money, for refunds, or when the bank feed has already brought the "
    "receipt (the plan warns of one). Plan first: it shows the effect on the books and warnings. Changes "
    "the ledger; taken back with delete_payment. An invoice that is paid already is a success, and "
    "nothing is recorded. About 5 calls to plan and 8 to commit; surplus and fee 2 more each.",
    MarkInvoicePaidParams,
    PaidInvoice,
    plan=plan,
    find_existing=find_existing,
    commit=commit,
    to_result=to_result,
)
