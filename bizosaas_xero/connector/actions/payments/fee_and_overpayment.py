"""What is recorded together with a payment: the processor's fee, and the customer's surplus as an overpayment.

Both are bank transactions of their own on the payment's account. Xero lets money be spent or received only on
accounts of the type BANK, so a clearing account must have this type to carry a fee or a surplus.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books, Row, account_name
from bizosaas_xero.connector.actions.invoices.lines import Line, PricedLine
from bizosaas_xero.connector.actions.models import WrittenParams
from bizosaas_xero.connector.actions.money import round_to_cents
from bizosaas_xero.connector.actions.payments.find_payments import find_transaction_by_mark, transaction_url
from bizosaas_xero.connector.actions.writes import contact_lookup, ledger_effect
from bizosaas_xero.connector.actions.writes.account_lookup import resolve_account
from bizosaas_xero.connector.actions.writes.document_lookup import DocumentKind
from bizosaas_xero.connector.actions.writes.plan import ONE, ZERO, Step
from bizosaas_xero.spec.errors import Invalid
from bizosaas_xero.toolkit.lazy import lazy_property

_HUNDRED = Decimal(100)
_OVERPAYMENT_TYPES: dict[DocumentKind, str] = {"invoice": "RECEIVE-OVERPAYMENT", "bill": "SPEND-OVERPAYMENT"}


class Fee(WrittenParams):
    """What the payment processor kept."""

    amount: Decimal = Field(
        gt=0, max_digits=18, decimal_places=2, description="With its tax, in the account's currency."
    )
    account: str = Field(min_length=1, description="The cost account of such fees: code or id.")
    contact: contact_lookup.KnownContact = Field(description="The processor, such as Stripe; a contact in Xero.")
    tax_type: str | None = Field(None, description="Default: the cost account's.")


@dataclass(frozen=True)
class FeeAndOverpayment:
    """What is recorded together with one payment.

    Args:
        books: The organisation's books.
        kind: The kind of the paid document.
        document: The paid document's number.
        contact_id: Its contact.
        account: The payment's account.
        on: The payment's day.
        rate: The payment's currency rate, if one was given.
        surplus: What was paid more than was due.
        fee: The fee, if one was given.
        mark: The write's mark.
    """

    books: Books
    kind: DocumentKind
    document: str
    contact_id: str
    account: Row
    on: date
    rate: Decimal | None
    surplus: Decimal
    fee: Fee | None
    mark: str

    def check(self) -> None:
        """Refuse what Xero would refuse after the payment is made.

        Raises:
            Invalid: A parameter does not fit; the error names it.
            NotFound: The processor does not exist.
        """
        for value, field in ((self.fee, "params.fee"), (self.surplus, "params.on_surplus")):
            if value and self.account.get("Type") != "BANK":
                raise Invalid.field(
                    field,
                    f"{account_name(self.account)} is not of the type BANK, and Xero records money "
                    "spent or received only on those",
                    "Pay into an account of the type BANK, or record this part as a journal in Xero.",
                )
        if self.surplus:
            holder = self.books.get("Contacts", self.contact_id, "Contact")
            if holder.get("ContactStatus") == "ARCHIVED":
                raise Invalid.field(
                    "params.on_surplus",
                    f"{holder['Name']} is archived in Xero, which keeps no overpayment of an archived contact",
                    "Restore the contact in Xero first.",
                )
        if self.fee:
            _ = self.fee_account, self.tax_rate, self.processor

    @property
    def _fee(self) -> Fee:
        assert self.fee  # noqa: S101 (used only with a fee)
        return self.fee

    @lazy_property
    def processor(self) -> contact_lookup.ResolvedContact:
        """The contact who kept the fee."""
        return contact_lookup.resolve_contact(self.books, self._fee.contact, self.mark, "params.fee.contact")

    @lazy_property
    def fee_account(self) -> Row:
        """The cost account of the fee."""
        field = "params.fee.account"
        row = resolve_account(self.books, self._fee.account, field)
        if row.get("Type") == "BANK" or row.get("SystemAccount"):
            raise Invalid.field(field, f"{account_name(row)} takes no costs", "Name a cost account.")
        return row

    @lazy_property
    def tax_rate(self) -> Row | None:
        """The tax rate of the fee; ``None``: the organisation pays no tax."""
        if self.books.organisation.get("PaysTax") is False:
            return None
        tax_type = self._fee.tax_type or str(self.fee_account.get("TaxType") or "")
        row = self.books.tax_rates.get(tax_type)
        if row is None or row.get("Status") not in {None, "ACTIVE"} or row.get("CanApplyToExpenses") is False:
            raise Invalid.field("params.fee.tax_type", f"{tax_type!r} is not a tax type for costs")
        return row

    @property
    def fee_tax(self) -> Decimal:
        """The tax that is in the fee."""
        percent = self.tax_rate["EffectiveRate"] if self.tax_rate else ZERO
        return round_to_cents(self._fee.amount - self._fee.amount / (1 + percent / _HUNDRED))

    def steps(self) -> Iterator[Step]:
        """Yield the requests."""
        if self.surplus:
            line = {"Description": f"Paid more than was due on {self.document}", "Quantity": ONE}
            body = {"LineAmountTypes": "NoTax", "LineItems": [line | {"UnitAmount": self.surplus}]}
            yield self._step("overpayment", _OVERPAYMENT_TYPES[self.kind], self.contact_id, body)
        if self.fee:
            line = {
                "Description": f"Fee for the payment of {self.document}",
                "Quantity": ONE,
                "UnitAmount": self.fee.amount,
                "AccountID": self.fee_account["AccountID"],
            }
            if self.fee_account.get("Code"):
                line["AccountCode"] = self.fee_account["Code"]
            if self.tax_rate:
                line["TaxType"] = self.tax_rate["TaxType"]
            mode = "Inclusive" if self.tax_rate else "NoTax"
            body = {"LineAmountTypes": mode, "LineItems": [line], "Reference": self.document}
            yield self._step("fee", "SPEND", self.processor.reference["ContactID"], body)

    def _step(self, name: str, kind: str, contact_id: str, fields: Mapping[str, Any]) -> Step:
        body: dict[str, Any] = {
            "Type": kind,
            "Contact": {"ContactID": contact_id},
            "BankAccount": {"AccountID": self.account["AccountID"]},
            "Date": str(self.on),
            "Url": transaction_url(self.books),
            **fields,
        }
        if self.rate and (self.account.get("CurrencyCode") or self.books.base_currency) != self.books.base_currency:
            body["CurrencyRate"] = self.rate
        return Step.create(
            name,
            "BankTransaction",
            body,
            lambda books, names: find_transaction_by_mark(books, kind, self.on, names["write"]),
        )

    def effect(self) -> Iterator[dict[str, Any]]:
        """Yield the postings of the fee."""
        if self.fee:
            line = PricedLine(
                Line(description="Fee", unit_amount=self.fee.amount),
                self.fee_account,
                self.tax_rate,
                self.fee.amount - self.fee_tax,
                self.fee_tax,
            )
            currency = str(self.account.get("CurrencyCode") or self.books.base_currency)
            yield from ledger_effect.line_postings(self.books, [line], self.account, -1, currency, rate=self.rate)

    def undo_names(self) -> list[str]:
        """Return the names of the parts that delete_payment leaves."""
        return [name for name, part in (("overpayment", self.surplus), ("fee", self.fee)) if part]
