"""The sales invoice that ``create_invoice`` is asked for, worked out from the books as they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from pydantic import Field, model_validator

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.invoices import defaults, email, invoice_markdown, lines
from bizosaas_xero.connector.actions.invoices.deal import Deal, deal_lines
from bizosaas_xero.connector.actions.invoices.duplicates import duplicate_warnings, find_by_mark
from bizosaas_xero.connector.actions.invoices.lines import Line
from bizosaas_xero.connector.actions.models import Params
from bizosaas_xero.connector.actions.writes import contact_lookup, dates, ledger_effect
from bizosaas_xero.connector.actions.writes.errors import wrong
from bizosaas_xero.connector.actions.writes.plan import MARK, Draft, Step

_STATUS = {"draft": "DRAFT", "submitted": "SUBMITTED", "authorised": "AUTHORISED"}


class CreateInvoiceParams(Params):
    """A sales invoice: who, what for, and how far it goes."""

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
        False, description="Let a visible line make up for lines that do not add up to the deal's value."
    )
    currency: str | None = Field(
        None, pattern="^[A-Z]{3}$", description="Confirms a currency other than the customer's."
    )
    invoice_date: date | None = Field(None, description="Default: today, as the organisation sees it.")
    due_date: date | None = Field(None, description="Default: by the terms of customer or organisation.")
    reference: str | None = Field(
        None, max_length=255, description="The customer reads it. Default: the deal's number."
    )
    status: Literal["draft", "submitted", "authorised"] = Field(
        "draft", description="`authorised` enters the ledger. A person approves that."
    )
    send: bool = Field(False, description="E-mail it to the customer; it must be authorised.")
    account: str | None = Field(None, description="For lines that name none: code or id.")
    tax_type: str | None = Field(None, description="For lines that name none.")
    tracking: dict[str, str] = Field(default_factory=dict, description="For lines that name none.")

    @model_validator(mode="after")
    def _is_whole(self) -> CreateInvoiceParams:
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
        books: Whose.
        params: What is asked for.
        mark: Of the write; what carries it counts as not made yet.

    Raises:
        Invalid: naming the parameter that does not fit the books, and what would.
        NotFound: There is no such customer, and none is to be made.
    """

    def __init__(self, books: Books, params: CreateInvoiceParams, mark: str) -> None:
        self.books, self.params, self.mark = books, params, mark
        self.who = contact_lookup.resolve_contact(books, params.contact, mark)
        self.date = params.invoice_date or books.today
        self.authorised = params.status == "authorised"
        if self.authorised:
            dates.refuse_locked(books, self.date, "params.invoice_date")
        self.due = params.due_date or dates.default_due_date(books, self.who.row, self.date)
        self._check_due()
        self.currency = self._currency()
        self.mode = defaults.resolve_tax_mode(books, self.who.row, params.value_is)
        asked = params.lines
        if params.deal:
            asked = deal_lines(params.deal, params.lines, params.rounding_line, params.account)
        usual = defaults.line_defaults(books, self.who.row, params.account, params.tax_type, params.tracking)
        self.lines = lines.price_lines(books, asked, self.mode, usual)
        self.net, self.tax = lines.totals(self.lines)
        if self.net + self.tax < 0:
            complaint = f"they come to {self.net + self.tax}: an invoice cannot be negative"
            raise wrong("params.lines", complaint, "Use create_credit_note.")
        self.reference = params.reference or (params.deal.number if params.deal else None)

    def _check_due(self) -> None:
        if self.due is None and self.authorised:
            complaint = "is needed: neither the customer nor the organisation has payment terms"
            raise wrong("params.due_date", complaint)
        if self.due and self.due < self.date:
            raise wrong("params.due_date", f"{self.due} is before the invoice's date {self.date}")

    def _currency(self) -> str:
        row, params = self.who.row or {}, self.params
        expected = str(row.get("DefaultCurrency") or self.books.base_currency)
        stated = params.deal.currency.upper() if params.deal and params.deal.currency else None
        if params.currency is None and stated not in {None, expected}:
            complaint = f"the deal says {stated}, but {self.who.name} is invoiced in {expected}: confirm which"
            raise wrong("params.currency", complaint, "Pass the currency that is right.")
        return defaults.resolve_currency(self.books, self.who.row, params.currency)

    @property
    def step(self) -> Step:
        """The request that makes it."""
        body: dict[str, Any] = {
            "Type": "ACCREC",
            "Contact": self.who.reference,
            "Date": str(self.date),
            "LineAmountTypes": self.mode,
            "LineItems": [line.body for line in self.lines],
            "CurrencyCode": self.currency,
            "Status": _STATUS[self.params.status],
            "Url": f"{self.books.settings.document_url}#{MARK}",
        }
        if self.due:
            body["DueDate"] = str(self.due)
        if self.reference:
            body["Reference"] = self.reference
        return Step(
            "invoice",
            "PUT",
            "Invoices",
            {"Invoices": [body]},
            collection="Invoices",
            id_field="InvoiceID",
            shape="Invoice",
            query={"unitdp": "4"},
            find=self._made,
        )

    def _made(self, books: Books, names: Mapping[str, str]) -> Row | None:
        return find_by_mark(books, names.get("contact") or self.contact_id, names["write"])

    @property
    def contact_id(self) -> str | None:
        """The customer's id, if there is such a contact yet."""
        return self.who.row["ContactID"] if self.who.row else None

    def draft(self) -> Draft:
        """Return it as a draft of a write."""
        after = (email.email_step("{invoice}"),) if self.params.send else ()
        home = self.currency == self.books.base_currency
        warnings = (*self.who.warnings, *self._warnings())
        posted = ledger_effect.invoice_postings(self.books, self.lines, "DEBTORS", 1, self.currency)
        return Draft(
            steps=(*self.who.steps(), self.step),
            after=after,
            effect=tuple(posted) if self.authorised else (),
            warnings=warnings,
            undo=_undo(self.params),
            summary=invoice_markdown.summary(self.books, self, warnings),
            acts=tuple(self._acts()),
            amount=self.net + self.tax if home else None,
            expect={
                "SubTotal": self.net,
                "TotalTax": self.tax,
                "Total": self.net + self.tax,
                "CurrencyCode": self.currency,
                "Status": _STATUS[self.params.status],
            },
            facts={"contact": self.who.name},
        )

    def _acts(self) -> list[str]:
        acts = ["create_contact"] if self.who.row is None else []
        if self.authorised:
            acts.append("authorise")
            acts += ["backdate"] if self.date < self.books.today else []
        else:
            acts.append("draft")
        return acts + (["send"] if self.params.send else [])

    def _warnings(self) -> list[str]:
        warnings = dates.date_warnings(self.books, self.date)
        if self.currency != self.books.base_currency:
            warnings.append(f"It is in {self.currency}; Xero turns it into {self.books.base_currency} itself.")
        if self.tax and self._abroad:
            warnings.append(f"{self.who.name} seems to be abroad, and domestic tax would be charged.")
        if self.params.send and not (self.who.row or {}).get("EmailAddress") and not self.params.contact.email:
            warnings.append(f"{self.who.name} has no e-mail address: sending would be refused.")
        if self.contact_id:
            total = self.net + self.tax
            warnings += duplicate_warnings(self.books, self.contact_id, total, self.reference, self.date, self.mark)
        return warnings

    @property
    def _abroad(self) -> bool:
        home = invoice_markdown.COUNTRY_NAMES.get(str(self.books.organisation.get("CountryCode")), frozenset())
        addresses = (self.who.row or {}).get("Addresses") or ()
        named = {str(each.get("Country") or "").strip().casefold() for each in addresses} - {""}
        return bool(home and named and not named & home)


def _undo(params: CreateInvoiceParams) -> str:
    if params.send:
        return "What was e-mailed stays with the customer: take it back with create_credit_note."
    if params.status == "authorised":
        return "void_invoice, while nothing is paid or credited."
    return "void_invoice deletes it, while it is not approved."
