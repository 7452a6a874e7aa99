"""What is recorded beside a payment: the processor's fee, and the customer's surplus as an overpayment.

Both are bank transactions of their own on the payment's account. Xero lets money be spent or received only on
accounts of the type BANK, so a clearing account has to be one if it is to carry a fee or a surplus.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books, Row, account_name
from bizosaas_xero.connector.actions.invoices.lines import round_to_cents
from bizosaas_xero.connector.actions.models import Params
from bizosaas_xero.connector.actions.payments.find_payments import find_transaction_by_mark, transaction_url
from bizosaas_xero.connector.actions.writes import contact_lookup, ledger_effect
from bizosaas_xero.connector.actions.writes.document_lookup import DocumentKind
from bizosaas_xero.connector.actions.writes.errors import wrong
from bizosaas_xero.connector.actions.writes.plan import ZERO, Step

_HUNDRED = Decimal(100)
_SURPLUS: dict[DocumentKind, str] = {"invoice": "RECEIVE-OVERPAYMENT", "bill": "SPEND-OVERPAYMENT"}


class Fee(Params):
    """What the payment processor kept."""

    amount: Decimal = Field(
        gt=0, max_digits=18, decimal_places=2, description="With its tax, in the account's currency."
    )
    account: str = Field(min_length=1, description="The cost account of such fees: code or id.")
    contact: contact_lookup.KnownContact = Field(description="The processor, such as Stripe; a contact in Xero.")
    tax_type: str | None = Field(None, description="Default: the cost account's.")


@dataclass(frozen=True)
class FeeAndOverpayment:
    """What goes with one payment.

    Args:
        books: Whose.
        kind: Of the document that is paid.
        document: What it is called.
        contact_id: Who pays it, or is paid.
        account: Of the payment.
        on: Its day.
        rate: Its currency rate, if one was given.
        surplus: What was paid more than was due.
        fee: As asked for.
        mark: Of the write.
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
            Invalid: naming the parameter.
            NotFound: There is no such processor.
        """
        for asked, field in ((self.fee, "params.fee"), (self.surplus, "params.on_surplus")):
            if asked and self.account.get("Type") != "BANK":
                raise wrong(
                    field,
                    f"{account_name(self.account)} is not of the type BANK, and Xero records money "
                    "spent or received only on those",
                    "Pay into an account of the type BANK, or record this part as a journal in Xero.",
                )
        if self.fee:
            _ = self.fee_account, self.tax_rate, self.processor

    @cached_property
    def processor(self) -> contact_lookup.ResolvedContact:
        """Who kept the fee."""
        assert self.fee  # noqa: S101 (asked for only with a fee)
        return contact_lookup.resolve_contact(self.books, self.fee.contact, self.mark, "params.fee.contact")

    @cached_property
    def fee_account(self) -> Row:
        """The cost account of the fee."""
        assert self.fee  # noqa: S101
        row, field = self.books.find_account(self.fee.account), "params.fee.account"
        if row is None:
            raise wrong(field, f"no account has the code or id {self.fee.account!r}", "See list_accounts.")
        if row.get("Status") != "ACTIVE":
            raise wrong(field, f"{account_name(row)} is archived in Xero", "Restore it there first.")
        if row.get("Type") == "BANK" or row.get("SystemAccount"):
            raise wrong(field, f"{account_name(row)} takes no costs", "Name a cost account.")
        return row

    @cached_property
    def tax_rate(self) -> Row | None:
        """The tax in the fee; ``None``: the organisation pays none."""
        assert self.fee  # noqa: S101
        if self.books.organisation.get("PaysTax") is False:
            return None
        named = self.fee.tax_type or str(self.fee_account.get("TaxType") or "")
        row = self.books.tax_rates.get(named)
        if row is None or row.get("Status") not in {None, "ACTIVE"} or row.get("CanApplyToExpenses") is False:
            raise wrong("params.fee.tax_type", f"{named!r} is no tax type for costs")
        return row

    @property
    def fee_tax(self) -> Decimal:
        """The tax that is in the fee."""
        assert self.fee  # noqa: S101
        percent = self.tax_rate["EffectiveRate"] if self.tax_rate else ZERO
        return round_to_cents(self.fee.amount - self.fee.amount / (1 + percent / _HUNDRED))

    def steps(self) -> Iterator[Step]:
        """Yield the requests."""
        if self.surplus:
            line = {"Description": f"Paid more than was due on {self.document}", "Quantity": Decimal(1)}
            body = {"LineAmountTypes": "NoTax", "LineItems": [line | {"UnitAmount": self.surplus}]}
            yield self._step("overpayment", _SURPLUS[self.kind], self.contact_id, body)
        if self.fee:
            line = {
                "Description": f"Fee for the payment of {self.document}",
                "Quantity": Decimal(1),
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

    def _step(self, name: str, kind: str, contact_id: str, more: Mapping[str, Any]) -> Step:
        body: dict[str, Any] = {
            "Type": kind,
            "Contact": {"ContactID": contact_id},
            "BankAccount": {"AccountID": self.account["AccountID"]},
            "Date": str(self.on),
            "Url": transaction_url(self.books),
            **more,
        }
        if self.rate and (self.account.get("CurrencyCode") or self.books.base_currency) != self.books.base_currency:
            body["CurrencyRate"] = self.rate
        return Step(
            name,
            "PUT",
            "BankTransactions",
            {"BankTransactions": [body]},
            collection="BankTransactions",
            id_field="BankTransactionID",
            shape="BankTransaction",
            find=lambda books, names: find_transaction_by_mark(books, kind, self.on, names["write"]),
        )

    def effect(self) -> Iterator[dict[str, Any]]:
        """Yield what the fee posts."""
        if self.fee:
            net = self.fee.amount - self.fee_tax
            yield from ledger_effect.spending_postings(
                self.books, self.account, self.fee_account, net, self.fee_tax, self.tax_rate
            )
