"""The payment that ``mark_invoice_paid`` would record now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, model_validator

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.books import Books, Row, account_name
from bizosaas_xero.connector.actions.models import WrittenParams
from bizosaas_xero.connector.actions.money import to_base_currency
from bizosaas_xero.connector.actions.payments.fee_and_overpayment import Fee, FeeAndOverpayment
from bizosaas_xero.connector.actions.payments.find_payments import (
    MAX_REFERENCE_LENGTH,
    duplicate_warnings,
    find_payment_by_mark,
    payment_reference,
)
from bizosaas_xero.connector.actions.payments.payment_markdown import payment_summary
from bizosaas_xero.connector.actions.writes import dates, ledger_effect
from bizosaas_xero.connector.actions.writes.account_lookup import resolve_account
from bizosaas_xero.connector.actions.writes.document_lookup import (
    DocumentKind,
    contact_name,
    document_number,
    resolve_document,
)
from bizosaas_xero.connector.actions.writes.plan import ONE, ZERO, Draft, Step
from bizosaas_xero.spec.errors import Invalid

_MAX_RATE_CHANGE = Decimal("0.25")
"""A payment's rate further than this from the document's is more likely a mistake than a move of the market."""

_UNPAYABLE = {
    "DRAFT": ("it is a draft", "Have it approved in Xero first."),
    "SUBMITTED": ("it is awaiting approval", "Have it approved in Xero first."),
    "VOIDED": ("it is voided", "Find the invoice that the money is for with find_invoices."),
    "DELETED": ("it is deleted", "Find the invoice that the money is for with find_invoices."),
}


class MarkInvoicePaidParams(WrittenParams):
    """A payment: the document, the amount, and the account of the money."""

    invoice: str = Field(min_length=1, max_length=255, description="Its id, or its number.")
    kind: DocumentKind = Field("invoice", description="`bill`: the organisation pays a supplier.")
    amount: Decimal | None = Field(
        None,
        gt=0,
        max_digits=18,
        decimal_places=2,
        description="What was paid, before any fee, in the invoice's currency. Default: all that is due.",
    )
    account: str | None = Field(
        None, min_length=1, description="Where the money is: code or id. Default: as `via` says."
    )
    via: Literal["bank", "clearing"] = Field(
        "bank",
        description="Without `account`: the connection's `payment_account`, or its `clearing_account` for "
        "card payments that reach the bank later.",
    )
    payment_date: date | None = Field(None, description="Default: today in the organisation's time zone.")
    reference: str | None = Field(
        None, min_length=1, max_length=MAX_REFERENCE_LENGTH, description="Such as the payout's number."
    )
    currency_rate: Decimal | None = Field(
        None,
        gt=0,
        max_digits=18,
        decimal_places=10,
        description="Of an invoice in a foreign currency: foreign units for one unit of base currency. "
        "Default: Xero's rate of the day.",
    )
    on_surplus: Literal["refuse", "overpayment"] = Field(
        "refuse", description="When more was paid than is due. `overpayment` keeps the surplus as a credit."
    )
    fee: Fee | None = Field(None, description="What a payment processor kept of it.")

    @model_validator(mode="after")
    def _has_a_surplus(self) -> MarkInvoicePaidParams:
        if self.on_surplus == "overpayment" and self.amount is None:
            raise ValueError("amount is needed with on_surplus `overpayment`: what was really paid")
        return self


def fee_and_overpayment(
    books: Books, params: MarkInvoicePaidParams, invoice: Row, account: Row, on: date, paid: Decimal, mark: str
) -> FeeAndOverpayment:
    """Return what is recorded together with a payment of ``paid``: the rest of the amount, and the fee."""
    return FeeAndOverpayment(
        books=books,
        kind=params.kind,
        document=document_number(invoice),
        contact_id=str(invoice["Contact"]["ContactID"]),
        account=account,
        on=on,
        rate=params.currency_rate,
        surplus=(params.amount or paid) - paid,
        fee=params.fee,
        mark=mark,
    )


class PaymentDraft:
    """The payment, as it would be made now.

    Args:
        books: The organisation's books.
        params: The parameters of the action.
        mark: The write's mark.

    Raises:
        Invalid: A parameter does not fit the books; the error names it and what would fit.
        NotFound: The invoice does not exist.
    """

    def __init__(self, books: Books, params: MarkInvoicePaidParams, mark: str) -> None:
        self.books, self.params, self.mark = books, params, mark
        self.invoice = resolve_document(books, params.invoice, params.kind)
        self.status = str(self.invoice.get("Status"))
        self.due = self.invoice.get("AmountDue") or ZERO
        self.is_paid = self.status == "PAID"
        if self.is_paid:
            return
        self._check_status()
        self.date = params.payment_date or books.today
        dates.refuse_locked(books, self.date, "params.payment_date")
        self.currency = str(self.invoice["CurrencyCode"])
        self.foreign = self.currency != books.base_currency
        self.account = self._account()
        self._check_currencies()
        self.amount = min(params.amount or self.due, self.due)
        self.extras = fee_and_overpayment(books, params, self.invoice, self.account, self.date, self.amount, mark)
        self._check_surplus()
        self.extras.check()

    def _check_status(self) -> None:
        if self.status != "AUTHORISED":
            why, remedy = _UNPAYABLE.get(self.status, (f"its status is {self.status}", None))
            number = document_number(self.invoice)
            raise reasons.NOT_PAYABLE.field("params.invoice", number=number, why=why, remedy=remedy)

    def _account(self) -> Row:
        field, settings = "params.account", self.books.settings
        setting = "payment_account" if self.params.via == "bank" else "clearing_account"
        code_or_id = self.params.account or getattr(settings, setting)
        if not code_or_id:
            complaint = f"is needed: this connection has no {setting}"
            raise Invalid.field(field, complaint, f"Name an account (list_accounts), or set {setting}.")
        row = resolve_account(self.books, code_or_id, field)
        if row.get("Type") != "BANK" and row.get("EnablePaymentsToAccount") is not True:
            raise Invalid.field(
                field,
                f"{account_name(row)} takes no payments",
                "Name a bank account, or enable payments to this account in Xero's chart of accounts.",
            )
        return row

    @property
    def account_currency(self) -> str:
        """The account's currency; only bank accounts have one of their own."""
        return str(self.account.get("CurrencyCode") or self.books.base_currency)

    def _check_currencies(self) -> None:
        if self.account_currency not in {self.currency, self.books.base_currency}:
            currencies = dict.fromkeys((self.currency, self.books.base_currency))
            raise reasons.WRONG_CURRENCY.field(
                "params.account",
                account=account_name(self.account),
                account_currency=self.account_currency,
                kind=self.params.kind,
                currency=self.currency,
                currencies=" or in ".join(currencies),
            )
        if self.params.currency_rate and not self.foreign:
            raise Invalid.field("params.currency_rate", f"the {self.params.kind} is in base currency: it has no rate")

    def _check_surplus(self) -> None:
        surplus = self.extras.surplus
        if surplus and self.params.on_surplus == "refuse":
            raise reasons.OVERPAID.field(
                "params.amount",
                number=document_number(self.invoice),
                due=self.due,
                amount=self.params.amount,
                surplus=surplus,
            )
        if surplus and self.account_currency != self.currency:
            raise Invalid.field(
                "params.on_surplus",
                f"a surplus in {self.currency} cannot be kept on an account in {self.account_currency}",
                f"Use an account in {self.currency}, or record the surplus in Xero.",
            )

    # ------------------------------------------------------------ what is sent

    @property
    def step(self) -> Step:
        """The request that makes it. ``IsReconciled`` is never sent: it would claim a bank line."""
        body: dict[str, Any] = {
            "Invoice": {"InvoiceID": self.invoice["InvoiceID"]},
            "Account": {"AccountID": self.account["AccountID"]},
            "Date": str(self.date),
            "Amount": self.amount,
            "Reference": payment_reference(self.params.reference),
        }
        if self.params.currency_rate:
            body["CurrencyRate"] = self.params.currency_rate
        return Step.create("payment", "Payment", body, self._find_made)

    def _find_made(self, books: Books, names: Mapping[str, str]) -> Row | None:
        return find_payment_by_mark(books, self.invoice["InvoiceID"], names["write"])

    def draft(self) -> Draft:
        """Return it as the draft of a write; without a request if nothing is left to pay."""
        facts = {
            "status": self.status,
            "due": self.due,
            "contact": contact_name(self.invoice),
        }
        if self.is_paid:
            text = f"{document_number(self.invoice)} is paid already; nothing is recorded."
            return Draft(steps=(), warnings=(text,), summary=text, undo="", amount=ZERO, facts=facts)
        warnings = tuple(self._warnings())
        received = self.amount + self.extras.surplus
        rate = self.params.currency_rate
        return Draft(
            steps=(self.step,),
            after=tuple(self.extras.steps()),
            effect=(
                *ledger_effect.payment_postings(
                    self.books, self.params.kind, self.invoice, self.account, self.amount, rate,
                    self.extras.surplus,
                ),
                *self.extras.effect(),
            ),
            warnings=warnings,
            undo=self._undo(),
            summary=payment_summary(
                self.books, self.invoice, self.amount, self.date, self.extras, self.params.reference, warnings
            ),
            acts=("pay", "backdate") if self.date < self.books.today else ("pay",),
            amount=None if self.foreign and rate is None else to_base_currency(received, rate or ONE),
            expect={"Amount": self.amount, "Date": self.date, "Status": "AUTHORISED"},
            facts=facts,
        )  # fmt: skip

    def _undo(self) -> str:
        parts = self.extras.undo_names()
        more = f" The {' and the '.join(parts)} would have to be removed in Xero." if parts else ""
        return f"delete_payment, until it is reconciled or its day is locked.{more}"

    def _rate_warnings(self, rate: Decimal) -> list[str]:
        base, own = self.books.base_currency, self.invoice.get("CurrencyRate")
        meaning = f"a rate of {rate} means that 1 {base} is {rate} {self.currency}"
        if not own:
            return [f"Check currency_rate: {meaning}."] if rate == 1 else []
        distance = abs(rate - own) / own
        if abs(rate * own - 1) < distance:
            return [
                f"Check currency_rate: {meaning}; it looks like the inverse of the {self.params.kind}'s rate {own}."
            ]
        if distance > _MAX_RATE_CHANGE or rate == 1:
            return [f"Check currency_rate: {meaning}; the {self.params.kind}'s own rate is {own}."]
        return []

    def _warnings(self) -> list[str]:
        warnings, today = [], self.books.today
        dated = self.invoice.get("Date")
        if self.date < today:
            warnings.append(f"It is dated back to {self.date}; today is {today}.")
        if self.date > today:
            warnings.append(f"It is dated in the future: {self.date}; today is {today}.")
        if isinstance(dated, date) and self.date < dated:
            warnings.append(f"It is dated before the {self.params.kind} itself, which is of {dated}.")
        if self.foreign and not self.params.currency_rate:
            warnings.append(f"It is in {self.currency}, and no currency_rate is given: Xero takes its rate of the day.")
        elif self.foreign and self.params.currency_rate:
            warnings += self._rate_warnings(self.params.currency_rate)
        received = self.amount + self.extras.surplus
        rate = self.params.currency_rate
        if self.account_currency == self.currency:
            banked = {self.amount, received}
        else:
            banked = {to_base_currency(received, rate)} if rate else set()
        if self.params.fee:
            banked |= {amount - self.params.fee.amount for amount in banked}
        return warnings + duplicate_warnings(
            self.books, self.invoice, self.params.kind, self.amount, banked, self.account_currency, self.date,
            self.mark,
        )  # fmt: skip
