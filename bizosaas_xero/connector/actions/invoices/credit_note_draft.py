"""The credit note that ``create_credit_note`` would make now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from pydantic import Field, model_validator

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.invoices import credit_notes, defaults, line_copies, lines
from bizosaas_xero.connector.actions.invoices.credit_note_markdown import credit_note_summary
from bizosaas_xero.connector.actions.invoices.items import apply_items
from bizosaas_xero.connector.actions.invoices.lines import Line, PricedLine
from bizosaas_xero.connector.actions.invoices.sales_document import NewStatus, SalesDocument
from bizosaas_xero.connector.actions.models import WrittenParams
from bizosaas_xero.connector.actions.writes import contact_lookup, dates, document_lookup, ledger_effect
from bizosaas_xero.connector.actions.writes.plan import ZERO, Draft, Step
from bizosaas_xero.spec.errors import Invalid

_DUPLICATE_WINDOW = timedelta(days=60)
_ONLY_WITH_CONTACT = ("value_is", "currency")
_ONLY_WITH_INVOICE = ("amount", "apply")


class CreateCreditNoteParams(WrittenParams):
    """A credit note to a customer: for an invoice, or for a contact."""

    invoice: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        description="The invoice that is credited: its id, or its number. All of it, unless `amount` or "
        "`lines` say less.",
    )
    amount: Decimal | None = Field(
        None, gt=0, max_digits=18, decimal_places=2, description="The part of the invoice to credit, with tax."
    )
    contact: contact_lookup.ContactRef | None = Field(None, description="Without an invoice: whom to credit.")
    lines: list[Line] = Field(
        default_factory=list,
        max_length=200,
        description="What is credited, as positive amounts. For an invoice, with tax inside or not as in its own "
        "lines.",
    )
    value_is: defaults.ValueIs | None = Field(
        None, description="With a contact: amounts are without tax (`net`) or with it (`gross`)."
    )
    currency: str | None = Field(
        None, pattern="^[A-Z]{3}$", description="With a contact: a currency other than theirs."
    )
    credit_date: date | None = Field(None, description="Default: today in the organisation's time zone.")
    reason: str | None = Field(
        None, max_length=500, description="Why, for the line that `amount` makes; the customer reads it."
    )
    reference: str | None = Field(
        None, max_length=200, description="The customer reads it. The invoice's number follows it."
    )
    status: NewStatus = Field("draft", description="`authorised` enters the ledger. A person approves that.")
    apply: bool = Field(False, description="Apply it to the invoice, up to the amount due; it must be authorised.")

    @model_validator(mode="after")
    def _is_complete(self) -> CreateCreditNoteParams:
        if (self.invoice is None) == (self.contact is None):
            raise ValueError("give either the invoice that is credited, or a contact")
        if self.amount is not None and self.lines:
            raise ValueError("give amount or lines, not both")
        for name in _ONLY_WITH_CONTACT if self.invoice else _ONLY_WITH_INVOICE:
            if getattr(self, name):
                raise ValueError(f"{name} goes with {'a contact' if self.invoice else 'an invoice'} only")
        if self.contact and not self.lines:
            raise ValueError("lines are needed, because no invoice is given to take them from")
        if self.contact and self.contact.create:
            raise ValueError("contact.create is not for credit notes: a new contact has nothing to be credited")
        if self.apply and self.status != "authorised":
            raise ValueError("apply needs status `authorised`")
        return self


def read_credited_invoice(books: Books, params: CreateCreditNoteParams) -> Row | None:
    """Return the invoice that is credited, with prices to four decimals; ``None``: it is for a contact."""
    if params.invoice is None:
        return None
    row = document_lookup.resolve_document(books, params.invoice, "invoice")
    query = {"IDs": row["InvoiceID"], "unitdp": "4"}
    return next(iter(books.list_cached("Invoices", "Invoice", query, limit=1)), row)


def resolve_credited_contact(
    books: Books, params: CreateCreditNoteParams, invoice: Row | None, mark: str
) -> contact_lookup.ResolvedContact:
    """Return the contact of the credit note: the invoice's, or the one that the parameters name."""
    if invoice is not None:
        request = contact_lookup.ContactRef(id=invoice["Contact"]["ContactID"])
        try:
            return contact_lookup.resolve_contact(books, request, mark)
        except Invalid as error:
            if error.reason == "refused_by_xero":  # not about the contact
                raise
            raise Invalid.field("params.invoice", error.problems[0]["message"]) from error
    assert params.contact is not None  # noqa: S101 (its validator guarantees it)
    return contact_lookup.resolve_contact(books, params.contact, mark)


class CreditNoteDraft:
    """The credit note, as it would be made now.

    Args:
        books: The organisation's books.
        params: The parameters of the action.
        mark: Of the write; a credit note that carries it counts as not made yet.

    Raises:
        Invalid: A parameter does not fit the books; the error names it and what would fit.
        NotFound: The invoice or the customer does not exist.
    """

    def __init__(self, books: Books, params: CreateCreditNoteParams, mark: str) -> None:
        self.books, self.params, self.mark = books, params, mark
        self.invoice = read_credited_invoice(books, params)
        self.contact = resolve_credited_contact(books, params, self.invoice, mark)
        self.contact_id = str(self.contact.reference["ContactID"])
        on = params.credit_date or books.today
        if params.status == "authorised":
            dates.refuse_locked(books, on, "params.credit_date")
        self.document = self._document(on)
        self._check_total()

    def _document(self, on: date) -> SalesDocument:
        books, params, row = self.books, self.params, self.contact.row
        completed, self.item_warnings = apply_items(books, params.lines)
        requested = [line_copies.without_discount(line) for line in completed]
        rate = None
        if self.invoice is not None:
            self._check_invoice(self.invoice, on)
            currency = str(self.invoice.get("CurrencyCode") or books.base_currency)
            if currency != books.base_currency:
                rate = self.invoice.get("CurrencyRate")  # at its own rate, crediting gains and loses at most cents
            mode, priced = self._price_for_invoice(self.invoice, requested)
        else:
            currency = defaults.resolve_currency(books, row, params.currency)
            mode = defaults.resolve_tax_mode(books, row, params.value_is)
            priced = lines.price_lines(books, requested, mode, defaults.line_defaults(books, row))
        return SalesDocument(books, self.contact, priced, mode, currency, on, params.status, rate)

    # ------------------------------------------------------------ the invoice, and how much of it is credited

    def _check_invoice(self, row: Row, on: date) -> None:
        status, number = str(row.get("Status")), self.number
        if status in credit_notes.UNAPPROVED:
            raise reasons.NOT_CREDITABLE.field("params.invoice", number=number, status=status.lower())
        if status in document_lookup.CANCELLED:
            raise _not_creditable(f"{number} is {status.lower()} already")
        invoice_date = row.get("Date")
        if isinstance(invoice_date, date) and on < invoice_date:
            raise Invalid.field("params.credit_date", f"{on} is before the invoice's date {invoice_date}")

    def _price_for_invoice(self, row: Row, requested: list[Line]) -> tuple[lines.TaxMode, tuple[PricedLine, ...]]:
        mode: lines.TaxMode = row.get("LineAmountTypes") or "Exclusive"
        originals = line_copies.price_document_lines(self.books, row)
        account, tax_type = line_copies.single_account_and_tax(row, originals)
        line_defaults = lines.LineDefaults((account,), (tax_type,), {})
        if requested:
            return mode, lines.price_lines(self.books, requested, mode, line_defaults)
        total = row["Total"]
        if not total:
            raise _not_creditable(f"{self.number} has a total of zero")
        if self.params.amount in {None, total}:
            copies = lines.price_lines(self.books, [original.line for original in originals], mode, line_defaults)
            if sum(lines.totals(copies), ZERO) == total:
                return mode, copies
        # with their tax inside, parts of any amount can be reached to the cent
        mode = "NoTax" if mode == "NoTax" else "Inclusive"
        description = self.params.reason or f"Credit for {self.number}"
        parts = line_copies.split_amount(self.books, row, self.params.amount or total, description)
        return mode, lines.price_lines(self.books, parts, mode, line_defaults)

    def _check_total(self) -> None:
        total, currency = self.document.total, self.document.currency
        field = "params.lines" if self.params.lines else "params.amount"
        if total <= 0:
            raise Invalid.field(field, f"the total is {total}: a credit note needs a positive total")
        if not self.invoice:
            return
        self.earlier_credits = credit_notes.credits_of_invoice(self.books, self.invoice, self._all_notes, self.mark)
        self.left = self.invoice["Total"] - sum((amount for _, amount in self.earlier_credits), ZERO)
        if total > self.left:
            credited = ", ".join(f"{amount} by {name}" for name, amount in self.earlier_credits) or "nothing"
            raise reasons.CREDITED_ALREADY.field(
                field,
                currency=currency,
                total=total,
                left=self.left,
                number=self.number,
                invoice_total=self.invoice["Total"],
                credited=credited,
            )

    @property
    def _all_notes(self) -> list[Row]:
        return credit_notes.list_credit_notes(self.books, self.contact_id)

    @property
    def other_notes(self) -> list[Row]:
        """This customer's credit notes, without what this write made."""
        return [row for row in self._all_notes if not credit_notes.has_mark(row, self.mark)]

    @property
    def number(self) -> str:
        """The credited invoice's number, or its id; empty without an invoice."""
        return document_lookup.document_number(self.invoice) if self.invoice else ""

    # ------------------------------------------------------------ the requests

    @property
    def step(self) -> Step:
        """The request that makes it. The mark is in the reference, because a credit note has no `Url`."""
        reference = credit_notes.credit_note_reference(self.params.reference, self.number)
        body = self.document.body("ACCRECCREDIT", Reference=reference, CurrencyRate=self.document.rate)

        def find_made(books: Books, names: Mapping[str, str]) -> Row | None:
            return credit_notes.find_by_mark(books, self.contact_id, names["write"])

        return Step.create("credit_note", "CreditNote", body, find_made, unitdp="4")

    @property
    def applied(self) -> Decimal:
        """How much of it would be applied to the invoice."""
        if not self.invoice or not self.params.apply:
            return ZERO
        return min(self.document.total, self.invoice.get("AmountDue") or ZERO)

    def draft(self) -> Draft:
        """Return it as the draft of a write."""
        document = self.document
        warnings = (*self.contact.warnings, *self.item_warnings, *self._warnings())
        effect = document.postings(-1)
        after: tuple[Step, ...] = ()
        if self.applied and self.invoice:
            effect += tuple(ledger_effect.allocation_postings(self.books, self.invoice, document.total, self.applied))
            after = (credit_notes.allocation_step(self.invoice["InvoiceID"], self.applied, document.date),)
        return Draft(
            steps=(self.step,),
            after=after,
            effect=effect,
            warnings=warnings,
            undo=_undo(self.params),
            summary=credit_note_summary(document, self.number, self.applied, warnings),
            acts=tuple(document.acts()),
            amount=document.base_amount,
            expect=document.expected(),
            facts={"contact": self.contact.name, "invoice": self.number},
        )

    def _warnings(self) -> list[str]:
        document = self.document
        warnings = dates.date_warnings(self.books, document.date)
        if document.foreign:
            rate = f"at the invoice's rate {document.rate}" if document.rate else "at the rate of the day"
            warnings.append(f"It is in {document.currency}; Xero turns it into {self.books.base_currency} {rate}.")
        if self.invoice is not None:
            warnings += self._invoice_warnings(self.invoice)
        for row in self.other_notes:
            near = isinstance(row.get("Date"), date) and abs(row["Date"] - document.date) <= _DUPLICATE_WINDOW
            same = row.get("Total") == document.total and row.get("CurrencyCode") == document.currency
            if near and same and row.get("Status") not in document_lookup.CANCELLED:
                name = credit_notes.credit_note_name(row)
                warnings.append(f"Possible duplicate: {name} of {row['Date']} has the same total.")
        return warnings

    def _invoice_warnings(self, row: Row) -> list[str]:
        due, total, tax = row.get("AmountDue") or ZERO, self.document.total, self.document.tax
        warnings = []
        if self.earlier_credits:
            credited = ", ".join(f"{amount} by {name}" for name, amount in self.earlier_credits)
            warnings.append(f"Credited before: {credited}. {self.left} of {self.number} is left to credit.")
        if self.params.apply and not due:
            warnings.append(f"Nothing is due of {self.number}: the credit is not applied to it and stays open.")
        elif self.params.apply and due < total:
            warnings.append(f"Only {due} is due of {self.number}: the rest of the credit stays open.")
        invoice_tax = row.get("TotalTax")
        if total == row.get("Total") and invoice_tax is not None and invoice_tax != tax:
            warnings.append(f"Its tax is {tax}, where the invoice's is {invoice_tax}.")
        return warnings


def _undo(params: CreateCreditNoteParams) -> str:
    if params.status != "authorised":
        return "Delete it in Xero, while it is not approved."
    if params.apply:
        return "Remove its allocation to the invoice, then void it, both in Xero."
    return "Void it in Xero, while it is not used."


def _not_creditable(problem: str) -> Invalid:
    return reasons.NOT_CREDITABLE.field("params.invoice", problem, remedy=Invalid.default_remedy)
