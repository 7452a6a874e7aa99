"""The lines of a document that is there already: what they posted, and what a copy of them looks like."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.invoices import lines
from bizosaas_xero.connector.actions.invoices.lines import Line, PricedLine, round_to_cents
from bizosaas_xero.connector.actions.typed_rows import unreadable_record
from bizosaas_xero.connector.actions.writes import ledger_effect
from bizosaas_xero.connector.actions.writes.plan import ZERO

_CONTROLS = {"ACCREC": ("DEBTORS", 1), "ACCPAY": ("CREDITORS", -1)}
_ONE, _FINEST = Decimal(1), Decimal("0.0001")
_NO_RATE: Row = {"Name": "a tax rate that is gone", "EffectiveRate": ZERO}


def price_document_lines(books: Books, document: Row) -> tuple[PricedLine, ...]:
    """Return a document's lines with the accounts, tax and amounts that Xero gives them."""
    return tuple(
        _price_line(books, line, inclusive=document.get("LineAmountTypes") == "Inclusive")
        for line in document.get("LineItems") or ()
        if line.get("LineAmount") is not None and (line.get("AccountCode") or line.get("AccountID"))
    )


def _price_line(books: Books, line: Row, *, inclusive: bool) -> PricedLine:
    named = str(_account_of_line(line))
    account = books.find_account(named) or {"AccountID": named, "Name": "an account that is gone"}
    tax: Decimal = line.get("TaxAmount") or ZERO
    kind = str(line.get("TaxType") or "")
    rate = books.tax_rates.get(kind) or {**_NO_RATE, "TaxType": kind}
    amount: Decimal = line["LineAmount"]
    return PricedLine(copy_line(line), account, rate, amount - tax if inclusive else amount, tax)


def copy_line(line: Row) -> Line:
    """Return a line as it would be asked for on a credit note; one with a discount is taken as one piece."""
    amount: Decimal = line["LineAmount"]
    quantity, unit = line.get("Quantity"), line.get("UnitAmount")
    if (
        quantity is None
        or unit is None
        or round_to_cents(quantity * unit) != amount
        or not _has_four_decimals(quantity, unit)
    ):
        quantity, unit = _ONE, amount
    try:
        return Line(
            description=str(line.get("Description") or line.get("ItemCode") or "-")[:4000],
            quantity=quantity,
            unit_amount=unit,
            discount_percent=ZERO,
            account=str(line.get("AccountID") or line.get("AccountId") or line.get("AccountCode") or "") or None,
            tax_type=line.get("TaxType") or None,
            item_code=line.get("ItemCode") or None,
            tracking={str(each["Name"]): str(each["Option"]) for each in line.get("Tracking") or ()},
        )
    except ValidationError:  # longer than anybody can write it in Xero
        raise unreadable_record("LineItems: a line that cannot be asked for") from None


def _account_of_line(line: Row) -> str | None:
    return line.get("AccountID") or line.get("AccountId") or line.get("AccountCode")


def _has_four_decimals(*numbers: Decimal) -> bool:
    return all(number == number.quantize(_FINEST) for number in numbers)


def without_discount(line: Line) -> Line:
    """Return a line for a credit note, on which Xero knows no discounts (its OpenAPI file says so)."""
    if not line.discount_percent:
        return line
    piece = {"quantity": _ONE, "unit_amount": line.amount, "discount_percent": ZERO, "item_code": None}
    return line.model_copy(update=piece)


def document_postings(books: Books, document: Row, sign: int) -> tuple[dict[str, Any], ...]:
    """Return what an approved invoice or bill posted (sign 1), or what takes it back (sign -1).

    A person may have corrected the total by a few round_to_cents in Xero; that stands on its rounding account.
    """
    control, side = _CONTROLS[document["Type"]]
    found = price_document_lines(books, document)
    odd = document["Total"] - sum(lines.totals(found), ZERO)
    currency = str(document["CurrencyCode"])
    rows = [*ledger_effect.invoice_postings(books, found, control, sign * side, currency)]
    if odd:
        rows += ledger_effect.transfer_postings(books, sign * side * odd, control, "ROUNDING", currency)
    return tuple(rows)


def split_amount(books: Books, document: Row, amount: Decimal, description: str) -> list[Line]:
    """Split an amount with tax over a document's accounts, tax types and tracking, as they stand in it.

    The parts are rounded to round_to_cents, and the largest takes what is left over, so that they add up.
    """
    groups: dict[tuple[Any, ...], Decimal] = {}
    for each in price_document_lines(books, document):
        line = each.line
        key = (line.account, line.tax_type, tuple(sorted(line.tracking.items())))
        groups[key] = groups.get(key, ZERO) + each.net + each.tax
    total = sum(groups.values(), ZERO)
    if not total:
        raise unreadable_record("LineItems: they come to nothing")
    parts = {key: round_to_cents(amount * gross / total) for key, gross in groups.items()}
    largest = max(parts, key=lambda key: abs(parts[key]))
    parts[largest] += amount - sum(parts.values(), ZERO)
    return [
        Line(
            description=description,
            quantity=_ONE,
            unit_amount=part,
            discount_percent=ZERO,
            account=account,
            tax_type=tax_type,
            item_code=None,
            tracking=dict(tracking),
        )
        for (account, tax_type, tracking), part in parts.items()
        if part
    ]


def single_account_and_tax(document: Row, found: Sequence[PricedLine]) -> tuple[str | None, str | None]:
    """Return the account and tax type of all lines of a document, each if there is only one."""
    accounts = {each.line.account for each in found}
    kinds = {each.line.tax_type for each in found}
    return (
        accounts.pop() if len(accounts) == 1 else None,
        kinds.pop() if len(kinds) == 1 and document.get("LineAmountTypes") != "NoTax" else None,
    )
