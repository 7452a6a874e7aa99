"""``delete_payment``: take back a payment recorded by mistake; the undo of ``mark_invoice_paid``."""

from __future__ import annotations

from pydantic import Field, model_validator

from bizosaas_xero.connector.actions.books import Books, Row, account_name, parse_guid
from bizosaas_xero.connector.actions.definition import WriteAction
from bizosaas_xero.connector.actions.escaping import escape_markdown
from bizosaas_xero.connector.actions.models import Money, Params, Result
from bizosaas_xero.connector.actions.money import to_base_currency
from bizosaas_xero.connector.actions.payments.find_payments import list_payments
from bizosaas_xero.connector.actions.writes import dates, ledger_effect
from bizosaas_xero.connector.actions.writes.document_lookup import (
    DocumentKind,
    contact_name,
    document_number,
    resolve_document,
)
from bizosaas_xero.connector.actions.writes.errors import wrong
from bizosaas_xero.connector.actions.writes.execute import CommitResult, add_history_note, run_steps
from bizosaas_xero.connector.actions.writes.plan import ONE, ZERO, Draft, Step, Write
from bizosaas_xero.spec.errors import NotFound

_KINDS: dict[str, DocumentKind] = {"ACCRECPAYMENT": "invoice", "ACCPAYPAYMENT": "bill"}


class DeletePaymentParams(Params):
    """Which payment: by its id, or the only one of an invoice."""

    payment_id: str | None = Field(None, description="Xero's id of the payment: the surest.")
    invoice: str | None = Field(
        None, min_length=1, max_length=255, description="Id or number of the invoice that it paid."
    )
    kind: DocumentKind = Field("invoice", description="Of what `invoice` names.")

    @model_validator(mode="after")
    def _says_which(self) -> DeletePaymentParams:
        if not (self.payment_id or self.invoice):
            raise ValueError("says no payment: give payment_id, or invoice")
        return self


class DeletedPayment(Result):
    """The payment that is gone, and its invoice now."""

    payment_id: str
    payment_status: str
    amount: Money = Field(description="In the invoice's currency.")
    currency: str
    invoice_id: str
    number: str | None
    kind: DocumentKind
    status: str = Field(description="The invoice's, now.")
    amount_due: Money
    repeated: bool = Field(description="It was deleted before this call; nothing was done.")
    link: str | None


def _payment(books: Books, params: DeletePaymentParams) -> Row:
    """Return the payment that is meant.

    Raises:
        NotFound: There is none.
        Invalid: It belongs to another invoice, or several are meant.
    """
    invoice = resolve_document(books, params.invoice, params.kind) if params.invoice else None
    if params.payment_id:
        row = _by_id(books, params.payment_id)
        if invoice and str((row.get("Invoice") or {}).get("InvoiceID")).lower() != invoice["InvoiceID"].lower():
            raise wrong("params.payment_id", f"this payment is not one of {document_number(invoice)}")
        return row
    assert invoice  # noqa: S101 (one of the two is given)
    every = list_payments(books, invoice["InvoiceID"])
    live = [row for row in every if row.get("Status") != "DELETED"]
    if len(live) > 1:
        told = "; ".join(f"{row['Amount']} on {row['Date']} ({row['PaymentID']})" for row in live[:10])
        raise wrong(
            "params.invoice",
            f"{document_number(invoice)} has several payments: {told}",
            "Ask which one is meant, and pass payment_id.",
            reason="several_payments",
        )
    if not every:
        raise NotFound(
            f"{document_number(invoice)} has no payment.",
            remedy="What is settled by a credit note or an overpayment is taken back in Xero.",
            reason="unknown_payment",
            problems=[{"field": "params.invoice", "message": "has no payment"}],
        )
    return live[0] if live else every[-1]


def _by_id(books: Books, payment_id: str) -> Row:
    field = "params.payment_id"
    try:
        return books.get("Payments", parse_guid(payment_id, field), "Payment")
    except NotFound as error:
        raise NotFound(
            f"There is no payment with the id {payment_id!r}.",
            remedy="Look at the invoice with get_invoice: it names its payments.",
            reason="unknown_payment",
            problems=[{"field": field, "message": "no payment has this id"}],
        ) from error


def _deletable(books: Books, row: Row) -> DocumentKind:
    """Return what kind of document a payment paid.

    Raises:
        Invalid: It must stay. Xero itself may allow some of these; a person should do that there.
    """
    field, kind = "params.payment_id", _KINDS.get(str(row.get("PaymentType")))
    if kind is None:
        raise wrong(
            field,
            "it is a refund or pays no invoice or bill",
            "Take it back in Xero.",
            reason="not_a_payment",
        )
    if row.get("BatchPaymentID") or row.get("BatchPayment"):
        raise wrong(
            field,
            "it is part of a batch, which reached the bank as one sum",
            "Delete the whole batch payment in Xero.",
            reason="in_batch",
        )
    if row.get("IsReconciled") is True:
        raise wrong(
            field,
            "it is reconciled with a bank line",
            "Unreconcile it in Xero first; the bank says that this money has moved.",
            reason="reconciled",
        )
    dates.refuse_locked(books, row["Date"], field)
    return kind


def plan(books: Books, params: DeletePaymentParams, _write: Write) -> Draft:
    """Work out the deletion as it would be done now; without a request if it is deleted already."""
    row = _payment(books, params)
    invoice = row.get("Invoice") or {}
    named = escape_markdown(str(invoice.get("InvoiceNumber") or invoice.get("InvoiceID") or "nothing"))
    if row.get("Status") == "DELETED":
        told = f"This payment of {named} is deleted already; nothing is done."
        return Draft(steps=(), warnings=(told,), summary=told, amount=ZERO, facts={"status": "DELETED"})
    kind = _deletable(books, row)
    whole = books.get("Invoices", row["Invoice"]["InvoiceID"], "Invoice")
    currency, amount, due = str(whole["CurrencyCode"]), row["Amount"], whole["AmountDue"]
    rate = ONE if currency == books.base_currency else row.get("CurrencyRate")
    account = books.accounts.get(str((row.get("Account") or {}).get("AccountID")).lower())
    effect = ledger_effect.payment_postings(books, kind, whole, account, -amount, rate)
    step = Step(
        "payment",
        "POST",
        f"Payments/{row['PaymentID']}",
        {"Status": "DELETED"},
        collection="Payments",
        id_field="PaymentID",
        shape="Payment",
        find=lambda books, _names: _gone(books, row["PaymentID"]),
    )
    whose = escape_markdown(str(books.organisation.get("Name")))
    return Draft(
        steps=(step,),
        effect=tuple(effect),
        undo="mark_invoice_paid records it again, under a new id.",
        summary=f"**{whose}**: delete the payment of **{currency} {amount}** on {row['Date']} of {kind} "
        f"**{named}** ({escape_markdown(contact_name(whole))}), {escape_markdown(account_name(account))}.\n\n"
        f"{named} is {str(whole['Status']).lower()} now, with {due} due; afterwards {due + amount} is due. "
        "Nothing else is deleted: a fee or an overpayment that was recorded with it stays.",
        acts=("delete",),
        amount=to_base_currency(amount, rate) if rate else None,
        expect={"Status": "DELETED"},
        facts={"due": due, "status": whole["Status"], "date": str(row["Date"]), "amount": amount},
    )


def _gone(books: Books, payment_id: str) -> Row | None:
    row = books.get("Payments", payment_id, "Payment")
    return row if row.get("Status") == "DELETED" else None


def find_existing(books: Books, params: DeletePaymentParams, _write: Write) -> Row | None:
    """Look whether the payment is deleted: whoever did it, nothing is left to do."""
    row = _payment(books, params)
    return row if row.get("Status") == "DELETED" else None


def commit(books: Books, params: DeletePaymentParams, write: Write, ready: Draft | Row) -> CommitResult:
    """Leave a note, then delete. In this order, because a deleted payment does not say who deleted it."""
    if isinstance(ready, Draft) and not ready.steps:
        ready = _payment(books, params)
    if not isinstance(ready, Draft):
        return CommitResult(ready, repeated=True)
    row = _payment(books, params)
    text = f"Deletion of the payment of {row['Amount']} on {row['Date']} ({row['PaymentID']}) by {write.action}"
    before = CommitResult(row, repeated=True)  # a call that ended between the two may have left the note
    add_history_note(books, write, f"Invoices/{row['Invoice']['InvoiceID']}", text, before)
    return run_steps(books, write, ready)


def to_result(books: Books, _params: DeletePaymentParams, done: CommitResult) -> DeletedPayment:
    """Return the payment, and its invoice as it is now."""
    books.clear_cache()
    row = done.row
    invoice = books.get("Invoices", row["Invoice"]["InvoiceID"], "Invoice")
    kind: DocumentKind = "bill" if invoice.get("Type") == "ACCPAY" else "invoice"
    return DeletedPayment(
        payment_id=row["PaymentID"],
        payment_status=row["Status"],
        amount=row["Amount"],
        currency=invoice["CurrencyCode"],
        invoice_id=invoice["InvoiceID"],
        number=invoice.get("InvoiceNumber") or None,
        kind=kind,
        status=invoice["Status"],
        amount_due=invoice["AmountDue"],
        repeated=done.repeated,
        link=books.link(kind, invoice["InvoiceID"]),
    )


ACTION = WriteAction(
    "delete_payment",
    "Delete Payment",
    "Delete a payment that was recorded by mistake; its invoice or bill is due again. Use it to take back "
    "mark_invoice_paid. Do not use it to give money back to a customer. Refused when a bank line is "
    "reconciled with it, when it is part of a batch, or when its day is locked. Cannot be undone: the "
    "payment would have to be recorded again. About 4 calls to plan and 9 to commit.",
    DeletePaymentParams,
    DeletedPayment,
    plan=plan,
    find_existing=find_existing,
    commit=commit,
    to_result=to_result,
    destructive=True,
)
