"""``void_invoice``: void or delete an invoice or bill, or say why a credit note is better."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pydantic import Field

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.definition import WriteAction
from bizosaas_xero.connector.actions.escaping import bullet_list, escape_markdown
from bizosaas_xero.connector.actions.invoices import line_copies
from bizosaas_xero.connector.actions.models import Money, Result, WrittenParams
from bizosaas_xero.connector.actions.typed_rows import unreadable_record
from bizosaas_xero.connector.actions.writes.document_lookup import (
    CANCELLED,
    DocumentKind,
    base_total,
    document_number,
    document_reference,
    find_by_number,
    resolve_document,
)
from bizosaas_xero.connector.actions.writes.execute import CommitResult, add_history_note, run_steps
from bizosaas_xero.connector.actions.writes.plan import ZERO, Draft, Step
from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.connector.http.transport import is_guid

_NEW_STATUS = {"DRAFT": "DELETED", "SUBMITTED": "DELETED", "AUTHORISED": "VOIDED", "PAID": "VOIDED"}
_IN_LEDGER = {"AUTHORISED", "PAID"}
_CREDITS = (
    ("CreditNotes", "credit note", "CreditNoteNumber"),
    ("Prepayments", "prepayment", "PrepaymentID"),
    ("Overpayments", "overpayment", "OverpaymentID"),
)


class VoidInvoiceParams(WrittenParams):
    """The invoice or bill."""

    invoice: str = Field(min_length=1, max_length=255, description="Its id, or its number.")
    kind: DocumentKind = Field("invoice", description="`invoice`: to a customer; `bill`: of a supplier.")
    even_if_sent: bool = Field(
        False, description="Void it although the customer has it. A person should say so; else credit it."
    )


class VoidedInvoice(Result):
    """The invoice or bill as it is now."""

    invoice_id: str
    number: str | None
    kind: DocumentKind
    status: str
    contact: str
    invoice_date: date | None
    currency: str | None
    total: Money | None
    repeated: bool = Field(description="It was void or deleted already; nothing was done.")
    link: str | None


class VoidInvoice(WriteAction[VoidInvoiceParams]):
    """``void_invoice``."""

    name = "void_invoice"
    permissions = (scopes.INVOICES.for_writing(), scopes.SETTINGS)
    title = "Void Invoice"
    description = (
        "Take back a sales invoice or bill that was made by mistake: a draft is deleted, an approved one voided at "
        "its own date. Use it for mistakes that no one has acted on. Not for one the customer has, or of a past or "
        "locked period (create_credit_note), nor for one that is paid (delete the payment first). If it is void "
        "already, the result says so. Changes Xero and cannot be undone. 2 to 4 calls to plan, 6 to 8 to commit."
    )
    position = 50
    params_model = VoidInvoiceParams
    result_model = VoidedInvoice
    destructive = True

    def _document(self) -> Row:
        return resolve_document(self.books, self.params.invoice, self.params.kind)

    def plan(self) -> Draft:
        """Work out what voiding it would do now."""
        row = self._document()
        if row.get("Status") in CANCELLED:
            return self._nothing_to_do(row)
        _refuse_settled(row)
        in_ledger = row.get("Status") in _IN_LEDGER
        if in_ledger:
            _refuse_locked(self.books, row)
        self._refuse_sent(row)
        status = _NEW_STATUS.get(row["Status"])
        if status is None:
            raise unreadable_record("Status: an unknown status")
        warnings = tuple(_warnings(self.books, row, in_ledger=in_ledger))
        return Draft(
            steps=(_step(row, status),),
            effect=line_copies.document_postings(self.books, row, -1) if in_ledger else (),
            warnings=warnings,
            undo="None: it stays void or deleted. It would have to be made again.",
            summary=_summary(self.books, row, status, warnings),
            acts=_acts(self.books, row, in_ledger=in_ledger),
            amount=base_total(self.books, row),
            expect={"Status": status},
            facts={
                "number": row.get("InvoiceNumber"),
                "contact": row["Contact"].get("Name"),
                "date": str(row.get("Date")),
                "total": row.get("Total"),
            },
        )

    def _nothing_to_do(self, row: Row) -> Draft:
        text = f"{document_number(row)} is {str(row['Status']).lower()} already: there is nothing to do."
        organisation = escape_markdown(str(self.books.organisation.get("Name")))
        return Draft(
            steps=(),
            warnings=(text,),
            undo="Nothing to undo.",
            summary=f"**{organisation}**: {escape_markdown(text)}",
            amount=ZERO,
            facts={"invoice": row["InvoiceID"]},
        )

    def _refuse_sent(self, row: Row) -> None:
        if row.get("SentToContact") and not self.params.even_if_sent:
            raise reasons.SENT_ALREADY.field(
                "params.invoice", number=document_number(row), name=row["Contact"].get("Name")
            )

    def find_existing(self) -> Row | None:
        """Return the document if it is void or deleted already, also if another person or app did it."""
        if not is_guid(self.params.invoice):
            # after this write deleted a draft, another document may have been given its number
            for row in find_by_number(self.books, self.params.invoice, self.params.kind):
                if row.get("Status") in CANCELLED and self._has_note(row):
                    return row
        row = self._document()
        return row if row.get("Status") in CANCELLED else None

    def _has_note(self, row: Row) -> bool:
        records, _ = self.books.read_history(f"Invoices/{row['InvoiceID']}")
        return any(f"[{self.write.mark}]" in str(record.get("Details") or "") for record in records)

    def commit(self, ready: Draft | Row) -> CommitResult:
        """Add a note, then void or delete it.

        The note comes first, so that a later call that finds it void can tell who voided it, and because Xero may
        not take a note on a void document.
        """
        if not isinstance(ready, Draft):
            return CommitResult(ready, repeated=True)
        row = self._document()
        done = CommitResult(row, repeated=True)
        if not ready.steps:  # voided between looking and planning
            return done
        # an earlier call that ended between the two may have added the note: look for it
        text = f"To be voided by {self.write.action}"
        add_history_note(self.books, self.write, f"Invoices/{row['InvoiceID']}", text, done)
        return run_steps(self.books, self.write, ready)

    def to_result(self, done: CommitResult) -> VoidedInvoice:
        """Return the document as it is now."""
        row = done.row
        return VoidedInvoice(
            **document_reference(self.books, row),
            kind=self.params.kind,
            contact=str(row["Contact"].get("Name") or ""),
            invoice_date=row.get("Date"),
            currency=row.get("CurrencyCode"),
            total=row.get("Total"),
            repeated=done.repeated,
        )


def _step(row: Row, status: str) -> Step:
    invoice_id = str(row["InvoiceID"])

    def find_cancelled(books: Books, _names: Mapping[str, str]) -> Row | None:
        current = books.get("Invoices", invoice_id, "Invoice")
        return current if current.get("Status") == status else None

    return Step(
        "invoice",
        "POST",
        f"Invoices/{invoice_id}",
        # no LineItems: Xero would read their absence inside as a change of lines
        {"Invoices": [{"InvoiceID": invoice_id, "Status": status}]},
        collection="Invoices",
        id_field="InvoiceID",
        shape="Invoice",
        find=find_cancelled,
    )


# ---------------------------------------------------------------- reasons against it


def _refuse_settled(row: Row) -> None:
    settlements = [
        f"the payment of {payment.get('Amount')} on {payment.get('Date')} ({payment.get('PaymentID')})"
        for payment in row.get("Payments") or ()
        if payment.get("Status") != "DELETED"
    ]
    for name, word, number in _CREDITS:
        settlements += [
            f"{word} {credit.get(number) or ''}, of which {credit.get('AppliedAmount')} is applied"
            for credit in row.get(name) or ()
        ]
    if not settlements and (row.get("Status") != "PAID" or not row.get("Total")):  # a total of zero is paid at once
        return
    details = f": {'; '.join(settlements)}" if settlements else ""
    raise reasons.INVOICE_SETTLED.field("params.invoice", number=document_number(row), details=details)


def _refuse_locked(books: Books, row: Row) -> None:
    locked, dated = books.locked_until, row.get("Date")
    if locked and isinstance(dated, date) and dated <= locked:
        raise reasons.LOCKED_PERIOD.field(
            "params.invoice",
            f"{document_number(row)} is dated {dated}, and the books are locked up to {locked}",
            remedy=f"{reasons.INSTEAD_OF_VOIDING}.",
        )


def _warnings(books: Books, row: Row, *, in_ledger: bool) -> list[str]:
    warnings = []
    if row.get("SentToContact"):
        warnings.append(
            f"{row['Contact'].get('Name')} has it already and is not informed. A credit note would be the honest "
            "correction (create_credit_note)."
        )
    dated = row.get("Date")
    if in_ledger and isinstance(dated, date) and dated < books.today.replace(day=1):
        tax_return = ", and of its tax return, which may be filed," if row.get("TotalTax") else ""
        warnings.append(
            f"It is taken out of the figures{tax_return} of {dated:%B %Y}. A credit note counts today instead "
            "(create_credit_note)."
        )
    return warnings


def _acts(books: Books, row: Row, *, in_ledger: bool) -> tuple[str, ...]:
    if not in_ledger:
        return ("delete",)
    dated = row.get("Date")
    return ("void", "backdate") if isinstance(dated, date) and dated < books.today else ("void",)


def _summary(books: Books, row: Row, status: str, warnings: tuple[str, ...]) -> str:
    organisation = escape_markdown(str(books.organisation.get("Name")))
    kind, preposition = ("invoice", "to") if row["Type"] == "ACCREC" else ("bill", "of")
    verb = "void the approved" if status == "VOIDED" else f"delete the {str(row['Status']).lower()}"
    name = escape_markdown(str(row["Contact"].get("Name")))
    about = f"dated {row.get('Date')}, {row.get('CurrencyCode')} {row.get('Total')}"
    number = escape_markdown(document_number(row))
    out = [
        f"**{organisation}**: {verb} {kind} **{number}** {preposition} **{name}**, {about}.",
        "",
        f"Its postings are reversed at {row.get('Date')}, its own date."
        if status == "VOIDED"
        else "It is not in the ledger.",
    ]
    return "\n".join([*out, *bullet_list(warnings)])
