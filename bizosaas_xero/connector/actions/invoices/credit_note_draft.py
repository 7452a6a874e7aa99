"""The credit note that ``create_credit_note`` is asked for, worked out from the books as they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, model_validator

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.invoices import (
    credit_note_markdown,
    credit_notes,
    defaults,
    line_copies,
    lines,
)
from bizosaas_xero.connector.actions.invoices.lines import Line, PricedLine
from bizosaas_xero.connector.actions.models import Params
from bizosaas_xero.connector.actions.money import to_base_currency
from bizosaas_xero.connector.actions.writes import contact_lookup, dates, document_lookup, ledger_effect
from bizosaas_xero.connector.actions.writes.errors import wrong
from bizosaas_xero.connector.actions.writes.plan import MARK, ZERO, Draft, Step
from bizosaas_xero.spec.errors import Invalid

_STATUS = {"draft": "DRAFT", "submitted": "SUBMITTED", "authorised": "AUTHORISED"}
_NEAR = timedelta(days=60)
_ONLY_WITH_CONTACT = ("value_is", "currency")
_ONLY_WITH_INVOICE = ("amount", "apply")


class CreateCreditNoteParams(Params):
    """A credit note to a customer: for an invoice, or for a contact."""

    invoice: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        description="The invoice that is credited: its id, or its number. All of it, unless `amount` or "
        "`lines` say less.",
    )
    amount: Decimal | None = Field(
        None, gt=0, max_digits=18, decimal_places=2, description="Of the invoice: so much, with tax."
    )
    contact: contact_lookup.ContactRef | None = Field(None, description="Without an invoice: whom to credit.")
    lines: list[Line] = Field(
        default_factory=list,
        max_length=200,
        description="What is credited, as positive amounts. For an invoice they stand to tax as its own do.",
    )
    value_is: defaults.ValueIs | None = Field(
        None, description="With a contact: amounts are without tax (`net`) or with it (`gross`)."
    )
    currency: str | None = Field(
        None, pattern="^[A-Z]{3}$", description="With a contact: a currency other than theirs."
    )
    credit_date: date | None = Field(None, description="Default: today, as the organisation sees it.")
    reason: str | None = Field(
        None, max_length=500, description="Why, for the line that `amount` makes; the customer reads it."
    )
    reference: str | None = Field(
        None, max_length=200, description="The customer reads it. Default: the invoice's number."
    )
    status: Literal["draft", "submitted", "authorised"] = Field(
        "draft", description="`authorised` enters the ledger. A person approves that."
    )
    apply: bool = Field(
        False, description="Set it against the invoice, up to what is due of it; it must be authorised."
    )

    @model_validator(mode="after")
    def _is_whole(self) -> CreateCreditNoteParams:
        if (self.invoice is None) == (self.contact is None):
            raise ValueError("give either the invoice that is credited, or a contact")
        if self.amount is not None and self.lines:
            raise ValueError("give amount or lines, not both")
        wrong_ones = _ONLY_WITH_CONTACT if self.invoice else _ONLY_WITH_INVOICE
        for name in wrong_ones:
            if getattr(self, name):
                raise ValueError(f"{name} goes with {'a contact' if self.invoice else 'an invoice'} only")
        if self.contact and not self.lines:
            raise ValueError("lines are needed: there is no invoice to take them from")
        if self.contact and self.contact.create:
            raise ValueError("contact.create is not for credit notes: nobody new has anything to be credited")
        if self.apply and self.status != "authorised":
            raise ValueError("apply needs status `authorised`")
        return self


def credited(books: Books, params: CreateCreditNoteParams) -> Row | None:
    """Return the invoice that is credited, with its prices to four decimal places."""
    if params.invoice is None:
        return None
    row = document_lookup.resolve_document(books, params.invoice, "invoice")
    query = {"IDs": row["InvoiceID"], "unitdp": "4"}
    return next(iter(books.list_cached("Invoices", "Invoice", query, limit=1)), row)


def contact(
    books: Books, params: CreateCreditNoteParams, invoice: Row | None, mark: str
) -> contact_lookup.ResolvedContact:
    """Return whose credit note it is."""
    if invoice is not None:
        try:
            return contact_lookup.resolve_contact(
                books, contact_lookup.ContactRef(id=invoice["Contact"]["ContactID"]), mark
            )
        except Invalid as error:
            if error.reason == "refused_by_xero":  # not about the contact
                raise
            raise wrong("params.invoice", error.problems[0]["message"]) from error
    assert params.contact is not None  # noqa: S101 (its validator sees to it)
    return contact_lookup.resolve_contact(books, params.contact, mark)


class CreditNoteDraft:
    """The credit note, as it would be made now.

    Args:
        books: Whose.
        params: What is asked for.
        mark: Of the write; what carries it counts as not made yet.

    Raises:
        Invalid: naming the parameter that does not fit the books, and what would.
        NotFound: There is no such invoice or customer.
    """

    def __init__(self, books: Books, params: CreateCreditNoteParams, mark: str) -> None:
        self.books, self.params, self.mark = books, params, mark
        self.invoice = credited(books, params)
        self.who = contact(books, params, self.invoice, mark)
        self.date = params.credit_date or books.today
        self.authorised = params.status == "authorised"
        self.asked = [line_copies.without_discount(line) for line in params.lines]
        if self.authorised:
            dates.refuse_locked(books, self.date, "params.credit_date")
        if self.invoice is not None:
            self._check_invoice(self.invoice)
            self.currency = str(self.invoice.get("CurrencyCode") or books.base_currency)
            self.mode, self.lines = self._of_invoice(self.invoice)
        else:
            self.currency = defaults.resolve_currency(books, self.who.row, params.currency)
            self.mode = defaults.resolve_tax_mode(books, self.who.row, params.value_is)
            usual = defaults.line_defaults(books, self.who.row)
            self.lines = lines.price_lines(books, self.asked, self.mode, usual)
        self.net, self.tax = lines.totals(self.lines)
        self.total = self.net + self.tax
        self._check_total()

    # ------------------------------------------------------------ the invoice, and what is credited of it

    def _check_invoice(self, row: Row) -> None:
        status, named = str(row.get("Status")), self.number
        if status in credit_notes.UNAPPROVED:
            told = f"{named} is only {status.lower()}: there is nothing to credit"
            raise wrong("params.invoice", told, "void_invoice deletes it.", reason="not_creditable")
        if status in document_lookup.CANCELLED:
            raise wrong("params.invoice", f"{named} is {status.lower()} already", reason="not_creditable")
        dated = row.get("Date")
        if isinstance(dated, date) and self.date < dated:
            raise wrong("params.credit_date", f"{self.date} is before the invoice's date {dated}")

    def _of_invoice(self, row: Row) -> tuple[lines.TaxMode, tuple[PricedLine, ...]]:
        mode: lines.TaxMode = row.get("LineAmountTypes") or "Exclusive"
        found = line_copies.price_document_lines(self.books, row)
        account, tax_type = line_copies.single_account_and_tax(row, found)
        usual = lines.LineDefaults((account,), (tax_type,), {})
        if self.asked:
            return mode, lines.price_lines(self.books, self.asked, mode, usual)
        total = row["Total"]
        if not total:
            raise wrong("params.invoice", f"{self.number} comes to nothing", reason="not_creditable")
        if self.params.amount in {None, total}:
            whole = lines.price_lines(self.books, [each.line for each in found], mode, usual)
            if sum(lines.totals(whole), ZERO) == total:
                return mode, whole
        # with their tax inside, parts of any amount can be reached to the cent
        mode = "NoTax" if mode == "NoTax" else "Inclusive"
        told = self.params.reason or f"Credit for {self.number}"
        parts = line_copies.split_amount(self.books, row, self.params.amount or total, told)
        return mode, lines.price_lines(self.books, parts, mode, usual)

    def _check_total(self) -> None:
        if self.total <= 0:
            field = "params.lines" if self.params.lines else "params.amount"
            raise wrong(field, f"it comes to {self.total}: a credit note needs a positive total")
        if not self.invoice:
            return
        waiting = credit_notes.unapplied_credits(self.others, self.number)
        before = [*self._applied(self.invoice), *waiting]
        left = self.invoice["Total"] - sum((amount for _, amount in before), ZERO)
        if self.total > left:
            told = ", ".join(f"{amount} by {name}" for name, amount in before) or "nothing"
            raise wrong(
                "params.amount" if not self.params.lines else "params.lines",
                f"{self.currency} {self.total} is more than the {left} that is left to credit of "
                f"{self.number} (total {self.invoice['Total']}; credited before: {told})",
                "Credit less, or void the other credit note in Xero first.",
                reason="credited_already",
            )

    def _applied(self, invoice: Row) -> list[tuple[str, Decimal]]:
        # what this write made itself counts as not made yet
        theirs = {row["CreditNoteID"] for row in self.others}
        ours = {row["CreditNoteID"] for row in self._all} - theirs
        return [
            (credit_notes.credit_note_name(row), row["AppliedAmount"])
            for row in invoice.get("CreditNotes") or ()
            if row.get("AppliedAmount") and row.get("CreditNoteID") not in ours
        ]

    @property
    def _all(self) -> list[Row]:
        return credit_notes.list_credit_notes(self.books, str(self.who.reference["ContactID"]))

    @property
    def others(self) -> list[Row]:
        """This customer's credit notes, without what this write made."""
        return [row for row in self._all if not credit_notes.has_mark(row, self.mark)]

    @property
    def number(self) -> str:
        """What the credited invoice is called."""
        row = self.invoice or {}
        return str(row.get("InvoiceNumber") or row.get("InvoiceID") or "")

    # ------------------------------------------------------------ the requests

    @property
    def reference(self) -> str:
        """What stands in `Reference`: something for the customer, then the mark, which has no other place."""
        return f"{self.params.reference or self.number} {MARK}".strip()

    @property
    def step(self) -> Step:
        """The request that makes it."""
        body: dict[str, Any] = {
            "Type": "ACCRECCREDIT",
            "Contact": self.who.reference,
            "Date": str(self.date),
            "LineAmountTypes": self.mode,
            "LineItems": [line.body for line in self.lines],
            "CurrencyCode": self.currency,
            "Status": _STATUS[self.params.status],
            "Reference": self.reference,
        }
        if self.rate:
            body["CurrencyRate"] = self.rate
        contact_id = str(self.who.reference["ContactID"])

        def made(books: Books, names: Mapping[str, str]) -> Row | None:
            return credit_notes.find_by_mark(books, contact_id, names["write"])

        return Step(
            "credit_note",
            "PUT",
            "CreditNotes",
            {"CreditNotes": [body]},
            collection="CreditNotes",
            id_field="CreditNoteID",
            shape="CreditNote",
            query={"unitdp": "4"},
            find=made,
        )

    @property
    def rate(self) -> Decimal | None:
        """The invoice's own currency rate, so that crediting it gains and loses nothing."""
        if not self.invoice or self.currency == self.books.base_currency:
            return None
        return self.invoice.get("CurrencyRate")

    @property
    def applied(self) -> Decimal:
        """How much of it would be set against the invoice."""
        if not self.invoice or not self.params.apply:
            return ZERO
        return min(self.total, self.invoice.get("AmountDue") or ZERO)

    def draft(self) -> Draft:
        """Return it as a draft of a write."""
        posted = ledger_effect.invoice_postings(self.books, self.lines, "DEBTORS", -1, self.currency)
        warnings = (*self.who.warnings, *self._warnings())
        after: tuple[Step, ...] = ()
        if self.applied and self.invoice:
            after = (credit_notes.allocation_step(self.invoice["InvoiceID"], self.applied, self.date),)
        return Draft(
            steps=(self.step,),
            after=after,
            effect=tuple(posted) if self.authorised else (),
            warnings=warnings,
            undo=credit_note_markdown.undo(self.params),
            summary=credit_note_markdown.summary(self.books, self, warnings),
            acts=self._acts(),
            amount=self._amount(),
            expect={
                "SubTotal": self.net,
                "TotalTax": self.tax,
                "Total": self.total,
                "CurrencyCode": self.currency,
                "Status": _STATUS[self.params.status],
            },
            facts={"contact": self.who.name, "invoice": self.number},
        )

    def _acts(self) -> tuple[str, ...]:
        if not self.authorised:
            return ("draft",)
        return ("authorise", "backdate") if self.date < self.books.today else ("authorise",)

    def _amount(self) -> Decimal | None:
        if self.currency == self.books.base_currency:
            return self.total
        return to_base_currency(self.total, self.rate) if self.rate else None

    def _warnings(self) -> list[str]:
        warnings = dates.date_warnings(self.books, self.date)
        if self.currency != self.books.base_currency:
            rate = f"at the invoice's rate {self.rate}" if self.rate else "at the rate of the day"
            warnings.append(f"It is in {self.currency}; Xero turns it into {self.books.base_currency} {rate}.")
        if self.invoice is not None:
            warnings += self._of_the_invoice(self.invoice)
        for row in self.others:
            near = isinstance(row.get("Date"), date) and abs(row["Date"] - self.date) <= _NEAR
            same = row.get("Total") == self.total and row.get("CurrencyCode") == self.currency
            if near and same and row.get("Status") not in document_lookup.CANCELLED:
                warnings.append(
                    f"Possible duplicate: {credit_notes.credit_note_name(row)} of {row['Date']} has the same total."
                )
        return warnings

    def _of_the_invoice(self, row: Row) -> list[str]:
        due = row.get("AmountDue") or ZERO
        warnings = []
        if self.params.apply and not due:
            warnings.append(f"Nothing is due of {self.number}: the credit is not applied to it and stays open.")
        elif self.params.apply and due < self.total:
            warnings.append(f"Only {due} is due of {self.number}: the rest of the credit stays open.")
        own = row.get("TotalTax")
        if self.total == row.get("Total") and own is not None and own != self.tax:
            warnings.append(f"Its tax comes to {self.tax}, where the invoice's is {own}.")
        return warnings
