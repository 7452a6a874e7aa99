"""``mark_invoice_paid``: record a payment of an invoice or bill, once, with its surplus and the processor's fee."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pydantic import Field

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.books import Row
from bizosaas_xero.connector.actions.definition import WriteAction
from bizosaas_xero.connector.actions.models import Money, Result
from bizosaas_xero.connector.actions.payments.find_payments import find_payment_by_mark
from bizosaas_xero.connector.actions.payments.payment_draft import (
    MarkInvoicePaidParams,
    PaymentDraft,
    fee_and_overpayment,
)
from bizosaas_xero.connector.actions.writes.document_lookup import (
    DocumentKind,
    document_number,
    document_reference,
    find_candidates,
    resolve_document,
)
from bizosaas_xero.connector.actions.writes.execute import (
    CommitResult,
    is_temporary,
    run_step,
    run_steps,
    try_history_note,
)
from bizosaas_xero.connector.actions.writes.plan import Draft, Step
from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.spec.errors import ConnectorError


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


class MarkInvoicePaid(WriteAction[MarkInvoicePaidParams]):
    """``mark_invoice_paid``."""

    name = "mark_invoice_paid"
    # notes are left in the invoice's History; fees and surpluses are bank transactions
    permissions = (
        scopes.PAYMENTS.for_writing(),
        scopes.BANK.for_writing(),
        scopes.INVOICES.for_writing(),
        scopes.CONTACTS,
        scopes.SETTINGS,
    )
    title = "Mark Invoice Paid"
    description = (
        "Record that an invoice was paid by the customer (or, with kind `bill`, that the organisation paid a "
        "bill): in full or in part, into a bank or clearing account. Use it when the money is known to have "
        "moved. Do not use it to move money, for refunds, or when the bank feed has already brought the "
        "receipt (the plan warns of one). Plan first: it shows the effect on the books and warnings. Changes "
        "the ledger; taken back with delete_payment. An invoice that is paid already is a success, and "
        "nothing is recorded. 5 to 10 calls to plan, 8 to 17 to commit."
    )
    position = 20
    params_model = MarkInvoicePaidParams
    result_model = PaidInvoice

    def plan(self) -> Draft:
        """Work out the payment as it would be recorded now."""
        return PaymentDraft(self.books, self.params, self.write.mark).draft()

    def find_existing(self) -> Row | None:
        """Look for the payment that an earlier call of this write recorded.

        Raises:
            Conflict: It was recorded, and deleted since.
        """
        for invoice in find_candidates(self.books, self.params.invoice, self.params.kind):
            row = find_payment_by_mark(self.books, invoice["InvoiceID"], self.write.mark)
            if row and row.get("Status") == "DELETED":
                raise reasons.PAYMENT_DELETED(number=document_number(invoice))
            if row:
                return row
        return None

    def commit(self, ready: Draft | Row) -> CommitResult:
        """Record the payment, or take the one that was recorded; then surplus and fee, and add a note."""
        if isinstance(ready, Draft) and not ready.steps:
            self.books.clear_cache()  # another worker with the same key may have paid it a moment ago
            existing = self.find_existing()
            if existing is None:
                invoice = resolve_document(self.books, self.params.invoice, self.params.kind)
                return CommitResult({}, warnings=list(ready.warnings), facts={"invoice": invoice["InvoiceID"]})
            ready = existing
        done = run_steps(self.books, self.write, ready)
        after = ready.after if isinstance(ready, Draft) else self._steps_after(ready)
        done.facts["invoice"] = str(done.row["Invoice"]["InvoiceID"])
        if done.partial and after:
            done.add_failure("Nothing more was recorded with it: look at it in Xero first.")
        else:
            self._run_after(after, done)
        self._add_note(done)
        return done

    def _steps_after(self, payment: Row) -> tuple[Step, ...]:
        account = self.books.accounts[str(payment["Account"]["AccountID"]).lower()]
        extras = fee_and_overpayment(
            self.books,
            self.params,
            payment["Invoice"],
            account,
            payment["Date"],
            payment["Amount"],
            self.write.mark,
        )
        return tuple(extras.steps())

    def _run_after(self, steps: Iterable[Step], done: CommitResult) -> None:
        for step in steps:
            try:
                row, _ = run_step(self.books, self.write, step, {"write": self.write.mark})
            except ConnectorError as error:
                if is_temporary(error):
                    raise
                done.add_failure(
                    f"Payment recorded, but the {step.name} could not be saved: {error.message} Record it in Xero."
                )
            else:
                done.add_xero_warnings(row)
                done.facts[step.name] = str(row[step.id_field])

    def _add_note(self, done: CommitResult) -> None:
        extras = [f", with {name} {done.facts[name]}" for name in ("overpayment", "fee") if name in done.facts]
        text = f"Payment of {done.row['Amount']} recorded by {self.write.action}{''.join(extras)}"
        path = f"Invoices/{done.facts['invoice']}"
        try_history_note(self.books, self.write, path, text, done, "Payment recorded", retry=True)

    def to_result(self, done: CommitResult) -> PaidInvoice:
        """Return the invoice as it is now, and what was recorded."""
        self.books.clear_cache()
        invoice, row = self.books.get("Invoices", done.facts["invoice"], "Invoice"), done.row
        return PaidInvoice(
            **document_reference(self.books, invoice),
            kind=self.params.kind,
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
        )
