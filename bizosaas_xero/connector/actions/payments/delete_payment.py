"""``delete_payment``: delete a payment recorded by mistake; the undo of ``mark_invoice_paid``."""

from __future__ import annotations

from pydantic import Field, model_validator

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.books import Books, Row, account_name
from bizosaas_xero.connector.actions.definition import WriteAction
from bizosaas_xero.connector.actions.escaping import escape_markdown
from bizosaas_xero.connector.actions.filters import parse_guid
from bizosaas_xero.connector.actions.models import Money, Result, WrittenParams
from bizosaas_xero.connector.actions.money import to_base_currency
from bizosaas_xero.connector.actions.payments.find_payments import list_payments
from bizosaas_xero.connector.actions.writes import dates, ledger_effect
from bizosaas_xero.connector.actions.writes.document_lookup import (
    DocumentKind,
    contact_name,
    document_number,
    document_reference,
    resolve_document,
)
from bizosaas_xero.connector.actions.writes.execute import CommitResult, add_history_note, run_steps
from bizosaas_xero.connector.actions.writes.plan import ONE, ZERO, Draft, Step
from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.spec.errors import Invalid, NotFound

_KINDS: dict[str, DocumentKind] = {"ACCRECPAYMENT": "invoice", "ACCPAYPAYMENT": "bill"}
_MAX_SHOWN = 10


class DeletePaymentParams(WrittenParams):
    """The payment: by its id, or as the only one of an invoice."""

    payment_id: str | None = Field(None, description="Xero's id of the payment: the surest.")
    invoice: str | None = Field(
        None, min_length=1, max_length=255, description="Id or number of the invoice that it paid."
    )
    kind: DocumentKind = Field("invoice", description="The kind of the document that `invoice` names.")

    @model_validator(mode="after")
    def _has_a_key(self) -> DeletePaymentParams:
        if not (self.payment_id or self.invoice):
            raise ValueError("does not identify a payment: give payment_id, or invoice")
        return self


class DeletedPayment(Result):
    """The deleted payment, and its invoice now."""

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


class DeletePayment(WriteAction[DeletePaymentParams]):
    """``delete_payment``."""

    name = "delete_payment"
    permissions = (scopes.PAYMENTS.for_writing(), scopes.INVOICES.for_writing(), scopes.SETTINGS)
    title = "Delete Payment"
    description = (
        "Delete a payment that was recorded by mistake; its invoice or bill is due again. Use it to take back "
        "mark_invoice_paid. Do not use it to give money back to a customer. Refused when a bank line is "
        "reconciled with it, when it is part of a batch, or when its day is locked. Cannot be undone: the "
        "payment would have to be recorded again. 4 or 5 calls to plan, 9 or 10 to commit."
    )
    position = 30
    params_model = DeletePaymentParams
    result_model = DeletedPayment
    destructive = True

    def plan(self) -> Draft:
        """Work out the deletion as it would be done now; without a request if it is deleted already."""
        books, row = self.books, self._payment()
        invoice_stub = row.get("Invoice") or {}
        number = escape_markdown(str(invoice_stub.get("InvoiceNumber") or invoice_stub.get("InvoiceID") or "nothing"))
        if row.get("Status") == "DELETED":
            text = f"This payment of {number} is deleted already; nothing is done."
            return Draft(steps=(), warnings=(text,), summary=text, amount=ZERO, facts={"status": "DELETED"})
        kind = self._check_deletable(row)
        invoice = books.get("Invoices", row["Invoice"]["InvoiceID"], "Invoice")
        currency, amount, due = str(invoice["CurrencyCode"]), row["Amount"], invoice["AmountDue"]
        rate = ONE if currency == books.base_currency else row.get("CurrencyRate")
        account = books.accounts.get(str((row.get("Account") or {}).get("AccountID")).lower())
        organisation = escape_markdown(str(books.organisation.get("Name")))
        return Draft(
            steps=(_step(row["PaymentID"]),),
            effect=tuple(ledger_effect.payment_postings(books, kind, invoice, account, -amount, rate)),
            undo="mark_invoice_paid records it again, under a new id.",
            summary=f"**{organisation}**: delete the payment of **{currency} {amount}** on {row['Date']} of {kind} "
            f"**{number}** ({escape_markdown(contact_name(invoice))}), {escape_markdown(account_name(account))}.\n\n"
            f"{number} is {str(invoice['Status']).lower()} now, with {due} due; afterwards {due + amount} is due. "
            "Nothing else is deleted: a fee or an overpayment that was recorded with it stays.",
            acts=("delete",),
            amount=to_base_currency(amount, rate) if rate else None,
            expect={"Status": "DELETED"},
            facts={"due": due, "status": invoice["Status"], "date": str(row["Date"]), "amount": amount},
        )

    def find_existing(self) -> Row | None:
        """Return the payment if it is deleted already, also if another person or app did it."""
        row = self._payment()
        return row if row.get("Status") == "DELETED" else None

    def commit(self, ready: Draft | Row) -> CommitResult:
        """Add a note, then delete. In this order, because a deleted payment does not show who deleted it."""
        if isinstance(ready, Draft) and not ready.steps:
            ready = self._payment()
        if not isinstance(ready, Draft):
            return CommitResult(ready, repeated=True)
        row = self._payment()
        text = (
            f"Deletion of the payment of {row['Amount']} on {row['Date']} ({row['PaymentID']}) by {self.write.action}"
        )
        # an earlier call that ended between the two may have added the note: look for it
        done = CommitResult(row, repeated=True)
        add_history_note(self.books, self.write, f"Invoices/{row['Invoice']['InvoiceID']}", text, done)
        return run_steps(self.books, self.write, ready)

    def to_result(self, done: CommitResult) -> DeletedPayment:
        """Return the payment, and its invoice as it is now."""
        self.books.clear_cache()
        row = done.row
        invoice = self.books.get("Invoices", row["Invoice"]["InvoiceID"], "Invoice")
        return DeletedPayment(
            **document_reference(self.books, invoice),
            payment_id=row["PaymentID"],
            payment_status=row["Status"],
            amount=row["Amount"],
            currency=invoice["CurrencyCode"],
            kind="bill" if invoice.get("Type") == "ACCPAY" else "invoice",
            amount_due=invoice["AmountDue"],
            repeated=done.repeated,
        )

    # ------------------------------------------------------------ which payment

    def _payment(self) -> Row:
        params = self.params
        invoice = resolve_document(self.books, params.invoice, params.kind) if params.invoice else None
        if params.payment_id:
            row = self._by_id(params.payment_id)
            if invoice and str((row.get("Invoice") or {}).get("InvoiceID")).lower() != invoice["InvoiceID"].lower():
                complaint = f"this payment is not one of {document_number(invoice)}"
                raise Invalid.field("params.payment_id", complaint)
            return row
        assert invoice  # noqa: S101 (one of the two is given)
        return self._only_payment(invoice)

    def _only_payment(self, invoice: Row) -> Row:
        number, payments = document_number(invoice), list_payments(self.books, invoice["InvoiceID"])
        live = [row for row in payments if row.get("Status") != "DELETED"]
        if len(live) > 1:
            names = "; ".join(f"{row['Amount']} on {row['Date']} ({row['PaymentID']})" for row in live[:_MAX_SHOWN])
            raise reasons.SEVERAL_PAYMENTS.field("params.invoice", number=number, names=names)
        if not payments:
            raise reasons.NO_PAYMENT.field("params.invoice", number=number)
        return live[0] if live else payments[-1]

    def _by_id(self, payment_id: str) -> Row:
        field = "params.payment_id"
        try:
            return self.books.get("Payments", parse_guid(payment_id, field), "Payment")
        except NotFound as error:
            raise reasons.UNKNOWN_PAYMENT.field(field, payment_id=payment_id) from error

    def _check_deletable(self, row: Row) -> DocumentKind:
        """Return the kind of document that a payment paid.

        Raises:
            Invalid: It must stay. Xero itself may allow some of these; a person should do that there.
        """
        field, kind = "params.payment_id", _KINDS.get(str(row.get("PaymentType")))
        if kind is None:
            raise reasons.NOT_A_PAYMENT.field(field)
        if row.get("BatchPaymentID") or row.get("BatchPayment"):
            raise reasons.IN_BATCH.field(field)
        if row.get("IsReconciled") is True:
            raise reasons.RECONCILED.field(field)
        dates.refuse_locked(self.books, row["Date"], field)
        return kind


def _step(payment_id: str) -> Step:
    def find_deleted(books: Books, _names: object) -> Row | None:
        row = books.get("Payments", payment_id, "Payment")
        return row if row.get("Status") == "DELETED" else None

    return Step(
        "payment",
        "POST",
        f"Payments/{payment_id}",
        {"Status": "DELETED"},
        collection="Payments",
        id_field="PaymentID",
        shape="Payment",
        find=find_deleted,
    )
