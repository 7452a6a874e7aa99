"""The lines of a planned document: account, tax, and totals.

Tax is computed line by line, rounded to cents, and then added up, as Xero does. It is never sent: it is
computed to show it to a person, and to check Xero's answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, model_validator

from bizosaas_xero.connector.actions.books import Books, Row, account_name
from bizosaas_xero.connector.actions.models import WrittenParams
from bizosaas_xero.connector.actions.money import round_to_cents
from bizosaas_xero.connector.actions.writes.account_lookup import resolve_account
from bizosaas_xero.connector.actions.writes.plan import ZERO
from bizosaas_xero.spec.errors import Invalid

TaxMode = Literal["Exclusive", "Inclusive", "NoTax"]

_HUNDRED = Decimal(100)
_MAX_MESSAGES, _MAX_ACCOUNTS, _MAX_OPTIONS = 5, 8, 20
# Accounts that only Xero itself posts to.
_SYSTEM_ONLY = {
    *("DEBTORS", "CREDITORS", "UNPAIDEXPCLM", "RETAINEDEARNINGS", "GST", "GSTONIMPORTS", "HISTORICAL"),
    *("REALISEDCURRENCYGAIN", "UNREALISEDCURRENCYGAIN", "BANKCURRENCYGAIN", "TRACKINGTRANSFERS"),
    *("ROUNDING", "WAGEPAYABLES", "CISASSETS", "CISLIABILITY"),
}


class Line(WrittenParams):
    """One line of an invoice or credit note."""

    description: str | None = Field(None, min_length=1, max_length=4000, description="Needed without `item_code`.")
    quantity: Decimal = Field(Decimal(1), max_digits=18, decimal_places=4)
    unit_amount: Decimal | None = Field(
        None, max_digits=18, decimal_places=4, description="Price of one, in the currency. Needed without `item_code`."
    )
    discount_percent: Decimal = Field(Decimal(0), ge=0, le=100, decimal_places=2)
    account: str | None = Field(None, description="Code or id of the account. Default: the item's.")
    tax_type: str | None = Field(None, description="Such as OUTPUT2. Default: the item's.")
    item_code: str | None = Field(
        None, max_length=30, description="An item of the price list; it gives what the line leaves out."
    )
    tracking: dict[str, str] = Field(default_factory=dict, description="Tracking category to option, by their names.")

    @model_validator(mode="after")
    def _is_complete(self) -> Line:
        missing = [name for name in ("description", "unit_amount") if getattr(self, name) is None]
        if missing and not self.item_code:
            raise ValueError(f"{' and '.join(missing)} must be given, because the line names no item_code")
        return self

    @property
    def amount(self) -> Decimal:
        """Quantity times price less discount, in cents."""
        price = self.unit_amount or ZERO
        return round_to_cents(self.quantity * price * (1 - self.discount_percent / _HUNDRED))


@dataclass(frozen=True)
class PricedLine:
    """A line with its account and tax.

    Args:
        line: The requested line.
        account: The account's row.
        rate: The tax rate's row; ``None``: no tax at all.
        net: The amount without tax.
        tax: The tax.
        tracking: As Xero takes it.
    """

    line: Line
    account: Row
    rate: Row | None
    net: Decimal
    tax: Decimal
    tracking: tuple[dict[str, str], ...] = ()

    @property
    def body(self) -> dict[str, Any]:
        """The line as Xero takes it, without tax amount and line amount, which Xero computes."""
        line = self.line
        body: dict[str, Any] = {
            "Description": line.description,
            "Quantity": line.quantity,
            "UnitAmount": line.unit_amount,
            "AccountID": self.account["AccountID"],
        }
        if self.account.get("Code"):
            body["AccountCode"] = self.account["Code"]
        if self.rate:
            body["TaxType"] = self.rate["TaxType"]
        if line.discount_percent:
            body["DiscountRate"] = line.discount_percent
        if line.item_code:
            body["ItemCode"] = line.item_code
        if self.tracking:
            body["Tracking"] = list(self.tracking)
        return body


@dataclass(frozen=True)
class LineDefaults:
    """Account, tax and tracking for lines that name none; the first value of each counts.

    Args:
        account: The action's, the contact's, the settings'.
        tax_type: The action's, the contact's; then come the account's and the settings'.
        tracking: The action's, else the contact's.
    """

    account: tuple[str | None, ...]
    tax_type: tuple[str | None, ...]
    tracking: Mapping[str, str]


def price_lines(books: Books, lines: Sequence[Line], mode: TaxMode, defaults: LineDefaults) -> tuple[PricedLine, ...]:
    """Return the lines with accounts, tax and amounts.

    Raises:
        Invalid: The error names every wrong field of every line, and what would be right.
    """
    problems: list[dict[str, str]] = []
    priced = []
    for number, line in enumerate(lines):
        field = f"params.lines.{number}"
        try:
            account = _resolve_account(books, line, defaults, field)
            rate = None if mode == "NoTax" else _resolve_tax_rate(books, line, account, defaults, field)
            tracking = tuple(_resolve_tracking(books, line.tracking or defaults.tracking, f"{field}.tracking"))
        except Invalid as error:
            problems += error.problems
            continue
        net, tax = _split_tax(line.amount, rate["EffectiveRate"] if rate else ZERO, mode)
        priced.append(PricedLine(line, account, rate, net, tax, tracking))
    if problems:
        messages = "; ".join(f"{problem['field']}: {problem['message']}" for problem in problems[:_MAX_MESSAGES])
        raise Invalid(f"The lines are not valid: {messages}.", problems=problems)
    return tuple(priced)


def _split_tax(amount: Decimal, percent: Decimal, mode: TaxMode) -> tuple[Decimal, Decimal]:
    if mode == "Inclusive":
        tax = round_to_cents(amount - amount / (1 + percent / _HUNDRED))
        return amount - tax, tax
    return amount, round_to_cents(amount * percent / _HUNDRED) if mode == "Exclusive" else ZERO


def _resolve_account(books: Books, line: Line, defaults: LineDefaults, field: str) -> Row:
    field = f"{field}.account"
    code_or_id = _first(line.account, *defaults.account)
    if code_or_id is None:
        candidates = [row for row in books.accounts.values() if _is_sales_account(row)]
        if len(candidates) == 1:
            return candidates[0]
        choices = ", ".join(f"{row.get('Code')} {row.get('Name')}" for row in candidates[:_MAX_ACCOUNTS])
        raise Invalid.field(field, f"is needed: name one of {choices}, or set sales_account for this connection")
    row = resolve_account(books, code_or_id, field)
    if row.get("SystemAccount") in _SYSTEM_ONLY or row.get("Type") == "BANK":
        raise Invalid.field(field, f"{account_name(row)} takes no invoice lines")
    return row


def _is_sales_account(row: Row) -> bool:
    is_sales = row.get("Class") == "REVENUE" and row.get("Type") in {"SALES", "REVENUE"}
    return is_sales and row.get("Status") == "ACTIVE" and not row.get("SystemAccount")


def _resolve_tax_rate(books: Books, line: Line, account: Row, defaults: LineDefaults, field: str) -> Row:
    field = f"{field}.tax_type"
    tax_type = _first(line.tax_type, *defaults.tax_type)
    is_us = books.organisation.get("CountryCode") == "US"
    if tax_type is None and not is_us:
        tax_type = account.get("TaxType")
    tax_type = tax_type or books.settings.tax_type
    if tax_type is None and is_us:
        raise Invalid.field(
            field,
            f"US sales tax depends on the customer's address and is never guessed: name one of {_tax_types(books)}",
        )
    tax_type = str(tax_type or "")
    rate = books.tax_rates.get(tax_type)
    if rate is None or rate.get("Status") not in {None, "ACTIVE"}:
        raise Invalid.field(field, f"no tax type is called {tax_type!r}; use one of {_tax_types(books)}")
    if rate["EffectiveRate"] and books.organisation.get("PaysTax") is False:
        raise Invalid.field(field, f"{tax_type} has tax, and this organisation is not registered for tax")
    if account.get("Class") == "REVENUE" and rate.get("CanApplyToRevenue") is False:
        raise Invalid.field(field, f"{tax_type} ({rate.get('Name')}) is not for sales; use one of {_tax_types(books)}")
    return rate


def _tax_types(books: Books) -> str:
    return ", ".join(
        f"{tax_type} ({rate.get('Name')})"
        for tax_type, rate in books.tax_rates.items()
        if rate.get("Status") in {None, "ACTIVE"} and rate.get("CanApplyToRevenue") is not False
    )


def _resolve_tracking(books: Books, tracking: Mapping[str, str], field: str) -> Iterator[dict[str, str]]:
    for category_name, option_name in tracking.items():
        category = _find_by_name(books.tracking, category_name)
        if category is None:
            raise Invalid.field(field, f"no tracking category is called {category_name!r} {_choices(books.tracking)}")
        options = [row for row in category.get("Options") or () if row.get("Status") in {None, "ACTIVE"}]
        option = _find_by_name(options, option_name)
        if option is None:
            raise Invalid.field(field, f"{category['Name']} has no option {option_name!r} {_choices(options)}")
        yield {"Name": category["Name"], "Option": option["Name"]}


def _find_by_name(rows: Sequence[Row], name: str) -> Row | None:
    return next((row for row in rows if str(row.get("Name")).casefold() == name.casefold()), None)


def _choices(rows: Sequence[Row]) -> str:
    names = ", ".join(str(row.get("Name")) for row in rows[:_MAX_OPTIONS])
    return f"(there are: {names or 'none'})"


def _first(*values: str | None) -> str | None:
    return next((value for value in values if value), None)


def totals(priced: Sequence[PricedLine]) -> tuple[Decimal, Decimal]:
    """Return the sums of the lines without tax, and of their tax."""
    return sum((line.net for line in priced), ZERO), sum((line.tax for line in priced), ZERO)
