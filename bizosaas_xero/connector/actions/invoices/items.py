"""Items of the price list: the defaults that they give to lines, and how lines differ from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from bizosaas_xero.connector.actions.books import Books, Row, account_name
from bizosaas_xero.connector.actions.filters import quote
from bizosaas_xero.connector.actions.invoices.lines import Line
from bizosaas_xero.spec.errors import Invalid

_MAX_CODES = 20
"""More different codes than this are read as the whole list, to keep the address short."""


def apply_items(books: Books, lines: Sequence[Line]) -> tuple[list[Line], tuple[str, ...]]:
    """Return lines with the defaults of their items, and warnings about lines that differ from their item.

    An item gives description, price, account and tax type to a line that has none of its own.

    Raises:
        Invalid: An item does not exist, or has no price and the line has none; the error names the field.
    """
    codes = list(dict.fromkeys(line.item_code for line in lines if line.item_code))
    items = {str(row["Code"]).casefold(): row for row in _read_items(books, codes)} if codes else {}
    completed, warnings, problems = [], [], []
    for number, line in enumerate(lines):
        try:
            item = items.get(line.item_code.casefold()) if line.item_code else None
            if line.item_code and item is None:
                complaint = f"the price list has no item {line.item_code!r}"
                raise Invalid.field(f"params.lines.{number}.item_code", complaint)
            completed.append(_complete(line, item or {}, number))
        except Invalid as error:
            problems += error.problems
        else:
            warnings += [f"Line {number + 1}: {text}" for text in _differences(books, line, item)] if item else []
    if problems:
        messages = "; ".join(f"{problem['field']}: {problem['message']}" for problem in problems[:5])
        raise Invalid(
            f"The lines are not valid: {messages}.",
            remedy="Use the code of an item in Xero (Products and services), or leave item_code out.",
            problems=problems,
        )
    return completed, tuple(warnings)


def _read_items(books: Books, codes: list[str]) -> list[Row]:
    query = {"unitdp": "4"}
    if len(codes) <= _MAX_CODES and not any('"' in code or "\\" in code for code in codes):
        query["where"] = " OR ".join(f"Code=={quote(code, 'item_code')}" for code in codes)
    return books.read_unpaged("Items", "PriceListItem", query)


def _complete(line: Line, item: Row, number: int) -> Line:
    sales = item.get("SalesDetails") or {}
    price = sales.get("UnitPrice") if line.unit_amount is None else line.unit_amount
    if price is None:
        complaint = f"is needed: the item {line.item_code} has no sales price"
        raise Invalid.field(f"params.lines.{number}.unit_amount", complaint)
    return line.model_copy(
        update={
            "description": line.description or item.get("Description") or item.get("Name") or line.item_code,
            "unit_amount": price,
            "account": line.account or sales.get("AccountCode"),
            "tax_type": line.tax_type or sales.get("TaxType"),
            "item_code": item.get("Code") or line.item_code,
        }
    )


def _differences(books: Books, line: Line, item: Row) -> Iterator[str]:
    code, sales = item["Code"], item.get("SalesDetails") or {}
    price: Decimal | None = sales.get("UnitPrice")
    if item.get("IsSold") is False:
        yield f"the item {code} is not set up to be sold."
    if line.unit_amount is not None and price is not None and line.unit_amount != price:
        yield f"the price of the item {code} is {price}, and {line.unit_amount} is used."
    if line.account and sales.get("AccountCode"):
        used, own = books.find_account(line.account), books.find_account(sales["AccountCode"])
        if used and own and used["AccountID"] != own["AccountID"]:
            yield f"the account of the item {code} is {account_name(own)}, and {account_name(used)} is used."
    if line.tax_type and sales.get("TaxType") and line.tax_type != sales["TaxType"]:
        yield f"the tax type of the item {code} is {sales['TaxType']}, and {line.tax_type} is used."
