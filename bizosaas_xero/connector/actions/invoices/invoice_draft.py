"""The sales invoice that ``create_invoice`` would make now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pydantic import Field, model_validator

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.invoices import defaults, email, lines
from bizosaas_xero.connector.actions.invoices.deal import Deal, deal_lines
from bizosaas_xero.connector.actions.invoices.duplicates import duplicate_warnings, find_by_mark
from bizosaas_xero.connector.actions.invoices.invoice_markdown import invoice_summary
from bizosaas_xero.connector.actions.invoices.items import apply_items
from bizosaas_xero.connector.actions.invoices.lines import Line
from bizosaas_xero.connector.actions.invoices.sales_document import NewStatus, SalesDocument
from bizosaas_xero.connector.actions.models import WrittenParams
from bizosaas_xero.connector.actions.writes import contact_lookup, dates
from bizosaas_xero.connector.actions.writes.plan import MARK, Draft, Step
from bizosaas_xero.spec.errors import Invalid


class CreateInvoiceParams(WrittenParams):
    """A sales invoice: the customer, the lines, and how far it goes."""

    contact: contact_lookup.ContactRef
    deal: Deal | None = Field(None, description="A deal of the CRM; its value is what is invoiced.")
    lines: list[Line] = Field(
        default_factory=list,
        max_length=200,
        description="Without a deal: what is invoiced. With one: how its value is made up.",
    )
    value_is: defaults.ValueIs | None = Field(
        None,
        description="Amounts are without tax (`net`) or with it (`gross`). Needed with a deal; else the "
        "customer's or the organisation's default.",
    )
    rounding_line: bool = Field(
        False, description="Add a visible line for the difference if lines do not add up to the deal's value."
    )
    currency: str | None = Field(
        None, pattern="^[A-Z]{3}$", description="Confirms a currency other than the customer's."
    )
    invoice_date: date | None = Field(None, description="Default: today in the organisation's time zone.")
    due_date: date | None = Field(None, description="Default: by the terms of customer or organisation.")
    reference: str | None = Field(
        None, max_length=255, description="The customer reads it. Default: the deal's number."
    )
    status: NewStatus = Field("draft", description="`authorised` enters the ledger. A person approves that.")
    send: bool = Field(False, description="E-mail it to the customer; it must be authorised.")
    account: str | None = Field(None, description="For lines that name none: code or id.")
    tax_type: str | None = Field(None, description="For lines that name none.")
    tracking: dict[str, str] = Field(default_factory=dict, description="For lines that name none.")

    @model_validator(mode="after")
    def _is_complete(self) -> CreateInvoiceParams:
        if self.deal is None and not self.lines:
            raise ValueError("there is nothing to invoice: give a deal or lines")
        if self.deal is not None and self.value_is is None:
            raise ValueError("value_is must say whether the deal's value is `net` or `gross`")
        if self.send and self.status != "authorised":
            raise ValueError("send needs status `authorised`: Xero e-mails what is approved")
        return self


class InvoiceDraft:
    """The invoice, as it would be made now.

    Args:
        books: The organisation's books.
        params: The parameters of the action.
        mark: Of the write; an invoice that carries it counts as not made yet.

    Raises:
        Invalid: A parameter does not fit the books; the error names it and what would fit.
        NotFound: The customer does not exist, and may not be made.
    """

    def __init__(self, books: Books, params: CreateInvoiceParams, mark: str) -> None:
        self.books, self.params, self.mark = books, params, mark
        self.contact = contact_lookup.resolve_contact(books, params.contact, mark)
        on = params.invoice_date or books.today
        if params.status == "authorised":
            dates.refuse_locked(books, on, "params.invoice_date")
        self.due = params.due_date or dates.default_due_date(books, self.contact.row, on)
        self._check_due(on)
        self.reference = params.reference or (params.deal.number if params.deal else None)
        self.document = self._document(on)
        if self.document.total < 0:
            complaint = f"their total is {self.document.total}: an invoice cannot be negative"
            raise Invalid.field("params.lines", complaint, "Use create_credit_note.")

    def _check_due(self, on: date) -> None:
        if self.due is None and self.params.status == "authorised":
            complaint = "is needed: neither the customer nor the organisation has payment terms"
            raise Invalid.field("params.due_date", complaint)
        if self.due and self.due < on:
            raise Invalid.field("params.due_date", f"{self.due} is before the invoice's date {on}")

    def _document(self, on: date) -> SalesDocument:
        books, params, contact = self.books, self.params, self.contact
        currency = self._currency()
        mode = defaults.resolve_tax_mode(books, contact.row, params.value_is)
        requested, self.item_warnings = apply_items(books, params.lines)
        if params.deal:
            requested = deal_lines(params.deal, requested, params.rounding_line, params.account)
        line_defaults = defaults.line_defaults(books, contact.row, params.account, params.tax_type, params.tracking)
        priced = lines.price_lines(books, requested, mode, line_defaults)
        return SalesDocument(books, contact, priced, mode, currency, on, params.status)

    def _currency(self) -> str:
        row, params = self.contact.row or {}, self.params
        expected = str(row.get("DefaultCurrency") or self.books.base_currency)
        stated = params.deal.currency.upper() if params.deal and params.deal.currency else None
        if params.currency is None and stated not in {None, expected}:
            complaint = f"the deal says {stated}, but {self.contact.name} is invoiced in {expected}: confirm which"
            raise Invalid.field("params.currency", complaint, "Pass the currency that is right.")
        return defaults.resolve_currency(self.books, self.contact.row, params.currency)

    @property
    def step(self) -> Step:
        """The request that makes it."""
        body = self.document.body(
            "ACCREC",
            Url=f"{self.books.settings.document_url}#{MARK}",
            DueDate=str(self.due) if self.due else None,
            Reference=self.reference,
        )
        return Step.create("invoice", "Invoice", body, self._find_made, unitdp="4")

    def _find_made(self, books: Books, names: Mapping[str, str]) -> Row | None:
        return find_by_mark(books, names.get("contact") or self.contact.id, names["write"])

    def draft(self) -> Draft:
        """Return it as the draft of a write."""
        document, send = self.document, self.params.send
        warnings = (*self.contact.warnings, *self.item_warnings, *self._warnings())
        return Draft(
            steps=(*self.contact.steps(), self.step),
            after=(email.email_step("{invoice}"),) if send else (),
            effect=document.postings(1),
            warnings=warnings,
            undo=_undo(self.params),
            summary=invoice_summary(document, self.due, self.reference, warnings, send=send),
            acts=(*document.acts(), *(["send"] if send else [])),
            amount=document.base_amount,
            expect=document.expected(),
            facts={"contact": self.contact.name},
        )

    def _warnings(self) -> list[str]:
        document, contact = self.document, self.contact
        warnings = dates.date_warnings(self.books, document.date)
        warnings += dates.far_date_warnings(self.books, self.due, "It is due on")
        if document.foreign:
            warnings.append(f"It is in {document.currency}; Xero turns it into {self.books.base_currency} itself.")
        if document.tax and defaults.is_abroad(self.books, contact.row):
            warnings.append(f"{contact.name} seems to be abroad, and domestic tax would be charged.")
        if self.params.send and not (contact.row or {}).get("EmailAddress") and not self.params.contact.email:
            warnings.append(f"{contact.name} has no e-mail address: sending would be refused.")
        if contact.id:
            warnings += duplicate_warnings(
                self.books, contact.id, document.total, self.reference, document.date, self.mark
            )
        return warnings


def _undo(params: CreateInvoiceParams) -> str:
    if params.send:
        return "What was e-mailed stays with the customer: take it back with create_credit_note."
    if params.status == "authorised":
        return "void_invoice, while nothing is paid or credited."
    return "void_invoice deletes it, while it is not approved."
