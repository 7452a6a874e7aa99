"""What a planned invoice and a planned credit note have in common: contact, lines, totals, status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from bizosaas_xero.connector.actions.books import Books
from bizosaas_xero.connector.actions.invoices.lines import PricedLine, TaxMode, totals
from bizosaas_xero.connector.actions.money import to_base_currency
from bizosaas_xero.connector.actions.writes import ledger_effect
from bizosaas_xero.connector.actions.writes.contact_lookup import ResolvedContact
from bizosaas_xero.toolkit.lazy import lazy_property

NewStatus = Literal["draft", "submitted", "authorised"]


@dataclass(frozen=True)
class SalesDocument:
    """An invoice or credit note as it would be made.

    Args:
        books: The organisation's books.
        contact: The customer.
        lines: The lines with accounts and tax.
        tax_mode: How amounts relate to tax.
        currency: The document's.
        date: The document's.
        status: The status it gets.
        rate: Foreign units per unit of base currency, if it is known.
    """

    books: Books
    contact: ResolvedContact
    lines: tuple[PricedLine, ...]
    tax_mode: TaxMode
    currency: str
    date: date
    status: NewStatus
    rate: Decimal | None = None

    @lazy_property
    def net(self) -> Decimal:
        """The total without tax."""
        return totals(self.lines)[0]

    @lazy_property
    def tax(self) -> Decimal:
        """The tax."""
        return totals(self.lines)[1]

    @property
    def total(self) -> Decimal:
        """The total with tax."""
        return self.net + self.tax

    @property
    def authorised(self) -> bool:
        """Whether it enters the ledger."""
        return self.status == "authorised"

    @property
    def foreign(self) -> bool:
        """Whether it is in a currency other than the organisation's."""
        return self.currency != self.books.base_currency

    @property
    def base_amount(self) -> Decimal | None:
        """The total in base currency; ``None``: the rate is not known."""
        if not self.foreign:
            return self.total
        return to_base_currency(self.total, self.rate) if self.rate else None

    def body(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Return the document as Xero takes it; fields without a value are left out."""
        body = {
            "Type": kind,
            "Contact": self.contact.reference,
            "Date": str(self.date),
            "LineAmountTypes": self.tax_mode,
            "LineItems": [line.body for line in self.lines],
            "CurrencyCode": self.currency,
            "Status": self.status.upper(),
        }
        return body | {name: value for name, value in fields.items() if value}

    def expected(self) -> Mapping[str, Any]:
        """Return the fields that Xero's answer must have."""
        # Xero makes an approved invoice over nothing PAID at once
        status = ("AUTHORISED", "PAID") if self.authorised and not self.total else self.status.upper()
        return {
            "SubTotal": self.net,
            "TotalTax": self.tax,
            "Total": self.total,
            "CurrencyCode": self.currency,
            "Status": status,
        }

    def postings(self, sign: int) -> tuple[dict[str, Any], ...]:
        """Return what it posts: sign 1 for an invoice, -1 for a credit note; a draft posts nothing."""
        if not self.authorised:
            return ()
        control = self.books.system_account("DEBTORS")
        return tuple(ledger_effect.line_postings(self.books, self.lines, control, sign, self.currency, rate=self.rate))

    def acts(self) -> list[str]:
        """Return what a policy may want a person to approve."""
        acts = ["create_contact"] if self.contact.row is None else []
        if self.authorised:
            acts.append("authorise")
            if self.date < self.books.today:
                acts.append("backdate")
        else:
            acts.append("draft")
        return acts
