"""The lines of a document that is to be made: which account, which tax, and what they come to.

Tax is computed a line at a time, rounded to round_to_cents, and then added up, as Xero does. It is never sent: it is
computed to show it to a person, and to check Xero's answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books, Row, account_name
from bizosaas_xero.connector.actions.models import Params
from bizosaas_xero.connector.actions.writes.errors import wrong
from bizosaas_xero.connector.actions.writes.plan import ZERO
from bizosaas_xero.spec.errors import Invalid

TaxMode = Literal["Exclusive", "Inclusive", "NoTax"]

CENT = Decimal("0.01")
_HUNDRED = Decimal(100)
# Accounts that only Xero itself posts to.
_SYSTEM_ONLY = {
    *("DEBTORS", "CREDITORS", "UNPAIDEXPCLM", "RETAINEDEARNINGS", "GST", "GSTONIMPORTS", "HISTORICAL"),
    *("REALISEDCURRENCYGAIN", "UNREALISEDCURRENCYGAIN", "BANKCURRENCYGAIN", "TRACKINGTRANSFERS"),
    *("ROUNDING", "WAGEPAYABLES", "CISASSETS", "CISLIABILITY"),
}


class Line(Params):
    """One line of an invoice or credit note."""

    description: str = Field(min_length=1, max_length=4000)
    quantity: Decimal = Field(Decimal(1), max_digits=18, decimal_places=4)
    unit_amount: Decimal = Field(max_digits=18, decimal_places=4, description="Price of one, in the currency.")
    discount_percent: Decimal = Field(Decimal(0), ge=0, le=100, decimal_places=2)
    account: str | None = Field(None, description="Code or id of the account.")
    tax_type: str | None = Field(None, description="Such as OUTPUT2.")
    item_code: str | None = Field(None, max_length=30)
    tracking: dict[str, str] = Field(default_factory=dict, description="Tracking category to option, by their names.")

    @property
    def amount(self) -> Decimal:
        """Quantity times price less discount, in round_to_cents."""
        return round_to_cents(self.quantity * self.unit_amount * (1 - self.discount_percent / _HUNDRED))


@dataclass(frozen=True)
class PricedLine:
    """A line with its account and tax.

    Args:
        line: As asked for.
        account: The account's row.
        rate: The tax rate's row; ``None``: no tax at all.
        net: Without tax.
        tax: Of this line.
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
        """The line as Xero takes it: no tax amount and no line amount, both are Xero's to compute."""
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
    """Where a line that names no account, tax or tracking gets them, in this order of strength.

    Args:
        account: The action's own, the contact's, the settings'.
        tax_type: The same; after them comes the account's.
        tracking: The action's own, else the contact's.
    """

    account: tuple[str | None, ...]
    tax_type: tuple[str | None, ...]
    tracking: Mapping[str, str]


def round_to_cents(amount: Decimal) -> Decimal:
    """Round to round_to_cents, halves away from zero, as Xero does."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def price_lines(books: Books, lines: Sequence[Line], mode: TaxMode, defaults: LineDefaults) -> tuple[PricedLine, ...]:
    """Return the lines with accounts, tax and amounts.

    Raises:
        Invalid: naming every line's field that is wrong, and what would be right.
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
        told = "; ".join(f"{problem['field']}: {problem['message']}" for problem in problems[:5])
        raise Invalid(f"The lines are not valid: {told}.", problems=problems)
    return tuple(priced)


def _split_tax(amount: Decimal, percent: Decimal, mode: TaxMode) -> tuple[Decimal, Decimal]:
    if mode == "Inclusive":
        tax = round_to_cents(amount - amount / (1 + percent / _HUNDRED))
        return amount - tax, tax
    return amount, round_to_cents(amount * percent / _HUNDRED) if mode == "Exclusive" else ZERO


def _resolve_account(books: Books, line: Line, defaults: LineDefaults, field: str) -> Row:
    named = next((each for each in (line.account, *defaults.account) if each), None)
    field = f"{field}.account"
    if named is None:
        sales = [row for row in books.accounts.values() if _open_for_sales(row)]
        only = [row for row in sales if row.get("Type") in {"SALES", "REVENUE"}]
        if len(only) == 1:
            return only[0]
        offered = ", ".join(f"{row.get('Code')} {row.get('Name')}" for row in only[:8])
        raise wrong(field, f"is needed: name one of {offered}, or set sales_account for this connection")
    row = books.find_account(named)
    if row is None:
        raise wrong(field, f"no account has the code or id {named!r}; see list_accounts")
    if row.get("Status") != "ACTIVE":
        raise wrong(field, f"{account_name(row)} is archived in Xero")
    if row.get("SystemAccount") in _SYSTEM_ONLY or row.get("Type") == "BANK":
        raise wrong(field, f"{account_name(row)} takes no invoice lines")
    return row


def _open_for_sales(row: Row) -> bool:
    return row.get("Status") == "ACTIVE" and row.get("Class") == "REVENUE" and not row.get("SystemAccount")


def _resolve_tax_rate(books: Books, line: Line, account: Row, defaults: LineDefaults, field: str) -> Row:
    field = f"{field}.tax_type"
    named = next((each for each in (line.tax_type, *defaults.tax_type) if each), None)
    if named is None and books.organisation.get("CountryCode") == "US":
        raise wrong(
            field,
            "US sales tax depends on where the customer is and is never guessed: name one of "
            + _sales_tax_types(books),
        )
    named = named or str(account.get("TaxType") or "")
    rate = books.tax_rates.get(named)
    if rate is None or rate.get("Status") not in {None, "ACTIVE"}:
        raise wrong(field, f"there is no tax type {named!r}; use one of {_sales_tax_types(books)}")
    if account.get("Class") == "REVENUE" and rate.get("CanApplyToRevenue") is False:
        raise wrong(field, f"{named} ({rate.get('Name')}) is not for sales; use one of {_sales_tax_types(books)}")
    return rate


def _sales_tax_types(books: Books) -> str:
    return ", ".join(
        f"{code} ({rate.get('Name')})"
        for code, rate in books.tax_rates.items()
        if rate.get("Status") in {None, "ACTIVE"} and rate.get("CanApplyToRevenue") is not False
    )


def _resolve_tracking(books: Books, wanted: Mapping[str, str], field: str) -> Iterator[dict[str, str]]:
    for name, option in wanted.items():
        category = next((row for row in books.tracking if _equal_names(row.get("Name"), name)), None)
        if category is None:
            known = ", ".join(str(row.get("Name")) for row in books.tracking) or "none"
            raise wrong(field, f"there is no tracking category {name!r} (there are: {known})")
        options = [each for each in category.get("Options") or () if each.get("Status") in {None, "ACTIVE"}]
        found = next((each for each in options if _equal_names(each.get("Name"), option)), None)
        if found is None:
            known = ", ".join(str(each.get("Name")) for each in options[:20]) or "none"
            raise wrong(field, f"{category['Name']} has no option {option!r} (there are: {known})")
        yield {"Name": category["Name"], "Option": found["Name"]}


def _equal_names(one: object, other: str) -> bool:
    return str(one).casefold() == other.casefold()


# ---------------------------------------------------------------- what they come to


def totals(priced: Sequence[PricedLine]) -> tuple[Decimal, Decimal]:
    """Return the sums of the lines without tax, and of their tax."""
    return sum((each.net for each in priced), ZERO), sum((each.tax for each in priced), ZERO)
