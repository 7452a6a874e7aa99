"""The lines of an existing document: what they posted, and how a credit note copies them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.invoices.lines import Line, PricedLine
from bizosaas_xero.connector.actions.money import round_to_cents
from bizosaas_xero.connector.actions.typed_rows import unreadable_record
from bizosaas_xero.connector.actions.writes import ledger_effect
from bizosaas_xero.connector.actions.writes.plan import ONE, ZERO

_CONTROLS = {"ACCREC": ("DEBTORS", 1), "ACCPAY": ("CREDITORS", -1)}
_FOUR_DECIMALS = Decimal("0.0001")
_DELETED_RATE: Row = {"Name": "a deleted tax rate", "EffectiveRate": ZERO}
_MAX_DESCRIPTION_LENGTH = 4000


def price_document_lines(books: Books, document: Row) -> tuple[PricedLine, ...]:
    """Return a document's lines with the accounts, tax and amounts that Xero gives them."""
    return tuple(
        _price_line(books, line, inclusive=document.get("LineAmountTypes") == "Inclusive")
        for line in document.get("LineItems") or ()
        if line.get("LineAmount") is not None and (line.get("AccountCode") or line.get("AccountID"))
    )


def _price_line(books: Books, line: Row, *, inclusive: bool) -> PricedLine:
    code_or_id = str(_account_of(line))
    account = books.find_account(code_or_id) or {"AccountID": code_or_id, "Name": "a deleted account"}
    tax: Decimal = line.get("TaxAmount") or ZERO
    tax_type = str(line.get("TaxType") or "")
    rate = books.tax_rates.get(tax_type) or {**_DELETED_RATE, "TaxType": tax_type}
    amount: Decimal = line["LineAmount"]
    return PricedLine(copy_line(line), account, rate, amount - tax if inclusive else amount, tax)


def copy_line(line: Row) -> Line:
    """Return a line as it would be requested for a credit note; a discounted line becomes one piece."""
    amount: Decimal = line["LineAmount"]
    quantity, price = line.get("Quantity"), line.get("UnitAmount")
    if (
        quantity is None
        or price is None
        or round_to_cents(quantity * price) != amount
        or not _has_four_decimals(quantity, price)
    ):
        quantity, price = ONE, amount
    try:
        return Line(
            description=str(line.get("Description") or line.get("ItemCode") or "-")[:_MAX_DESCRIPTION_LENGTH],
            quantity=quantity,
            unit_amount=price,
            discount_percent=ZERO,
            account=_account_of(line) or None,
            tax_type=line.get("TaxType") or None,
            item_code=line.get("ItemCode") or None,
            tracking={str(each["Name"]): str(each["Option"]) for each in line.get("Tracking") or ()},
        )
    except ValidationError:  # longer than Xero lets a person write it
        raise unreadable_record("LineItems: a line that cannot be copied") from None


def _account_of(line: Row) -> str | None:
    # Xero writes the id as AccountID and, in some answers, as AccountId
    return line.get("AccountID") or line.get("AccountId") or line.get("AccountCode")


def _has_four_decimals(*numbers: Decimal) -> bool:
    return all(number == number.quantize(_FOUR_DECIMALS) for number in numbers)


def without_discount(line: Line) -> Line:
    """Return a line for a credit note, on which Xero allows no discounts (its OpenAPI file)."""
    if not line.discount_percent:
        return line
    piece = {"quantity": ONE, "unit_amount": line.amount, "discount_percent": ZERO, "item_code": None}
    return line.model_copy(update=piece)


def document_postings(books: Books, document: Row, sign: int) -> tuple[dict[str, Any], ...]:
    """Return the postings of an approved invoice or bill (sign 1), or their reversal (sign -1).

    A person may have corrected the total by a few cents in Xero; Xero posts those to its rounding account.
    """
    control, side = _CONTROLS[document["Type"]]
    priced = price_document_lines(books, document)
    return tuple(
        ledger_effect.line_postings(
            books,
            priced,
            books.system_account(control),
            sign * side,
            str(document["CurrencyCode"]),
            rate=document.get("CurrencyRate"),
            total=document["Total"],
        )
    )


def split_amount(books: Books, document: Row, amount: Decimal, description: str) -> list[Line]:
    """Split an amount with tax over a document's accounts, tax types and tracking, in proportion.

    The parts are rounded to cents, and the largest takes the difference, so that they add up.
    """
    groups: dict[tuple[Any, ...], Decimal] = {}
    for priced in price_document_lines(books, document):
        line = priced.line
        key = (line.account, line.tax_type, tuple(sorted(line.tracking.items())))
        groups[key] = groups.get(key, ZERO) + priced.net + priced.tax
    total = sum(groups.values(), ZERO)
    if not total:
        raise unreadable_record("LineItems: their total is zero")
    parts = {key: round_to_cents(amount * gross / total) for key, gross in groups.items()}
    largest = max(parts, key=lambda key: abs(parts[key]))
    parts[largest] += amount - sum(parts.values(), ZERO)
    return [
        Line(
            description=description,
            quantity=ONE,
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


def single_account_and_tax(document: Row, priced: Sequence[PricedLine]) -> tuple[str | None, str | None]:
    """Return the account and tax type of all lines of a document, each if there is only one."""
    accounts = {each.line.account for each in priced}
    tax_types = {each.line.tax_type for each in priced}
    return (
        accounts.pop() if len(accounts) == 1 else None,
        tax_types.pop() if len(tax_types) == 1 and document.get("LineAmountTypes") != "NoTax" else None,
    )
