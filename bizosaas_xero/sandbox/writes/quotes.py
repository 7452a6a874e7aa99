"""Writing quotes: they post nothing; a deleted one is final. Modes of line amounts are spelled in capitals."""

from collections.abc import Mapping
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.posting import ZERO
from bizosaas_xero.sandbox.writes import contacts, line_items, rules, values
from bizosaas_xero.sandbox.writes.unit_of_work import NotFoundError, RefusedError, UnitOfWork

_STATUSES = {"DRAFT", "SENT", "DECLINED", "ACCEPTED", "INVOICED", "DELETED"}
_FIRST_STATUSES = {"DRAFT", "SENT"}
_TEXTS = {"QuoteNumber": 255, "Reference": 4000, "Terms": 4000, "Title": 100, "Summary": 3000}


def save_quote(work: UnitOfWork, element: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Create or change a quote and return its id."""
    old = _find_existing(work, element, create=create, key=key)
    status = str(element.get("Status") or (old or {}).get("Status") or "DRAFT").upper()
    if status not in (_STATUSES if old else _FIRST_STATUSES) or (old and old["Status"] == "DELETED"):
        raise RefusedError("Quote not of valid status for modification")
    row: Row = old or {
        "QuoteID": work.new_id(), "QuoteNumber": "", "Reference": "", "Terms": "", "Contact": {}, "LineItems": [],
        "Date": "", "DateString": "", "Status": "DRAFT", "CurrencyRate": 1, "CurrencyCode": work.books.currency,
        "SubTotal": ZERO, "TotalTax": ZERO, "Total": ZERO, "TotalDiscount": ZERO, "Title": "", "Summary": "",
        "UpdatedDateUTC": "", "LineAmountTypes": "EXCLUSIVE",
    }  # fmt: skip
    row["Status"] = status
    if status != "DELETED":
        _set_fields(work, element, row)
        _set_lines(work, element, row)
    work.raise_problems()
    work.put("Quotes", row)
    work.add_note("Quotes", row["QuoteID"], "Edited" if old else "Created", row["QuoteNumber"])
    return str(row["QuoteID"])


def _find_existing(work: UnitOfWork, element: Mapping[str, Any], *, create: bool, key: str | None) -> Row | None:
    guid, number = str(key or element.get("QuoteID") or "").lower(), str(element.get("QuoteNumber") or "")
    if guid and guid != values.ZERO_ID:
        row = work.get("Quotes", guid)
        if row is None and key is not None:
            raise NotFoundError(key)
        if row is None:
            raise RefusedError("An existing Quote with the specified QuoteID could not be found")
    else:
        row = next((r for r in work.find("Quotes", "QuoteNumber", number) if r["Status"] != "DELETED"), None)
    if row is not None and create:
        raise RefusedError("Quote # must be unique.")
    return row


def _set_fields(work: UnitOfWork, element: Mapping[str, Any], row: Row) -> None:
    if "Contact" in element or not row["Contact"]:
        contact = contacts.resolve_document_contact(work, element)
        if contact is not None:
            row["Contact"] = contacts.contact_stub(contact)
    for name, max_chars in _TEXTS.items():
        if name in element:
            row[name] = values.parse_text(work, element, name, max_chars)
    _set_dates_and_currency(work, element, row)
    if element.get("BrandingThemeID"):
        row["BrandingThemeID"] = str(element["BrandingThemeID"])
        if work.get("BrandingThemes", row["BrandingThemeID"]) is None:
            work.problems.append("The branding theme could not be found.")
    _set_number(work, row)


def _set_dates_and_currency(work: UnitOfWork, element: Mapping[str, Any], row: Row) -> None:
    default = xero_json.calendar_day(row["Date"]) if row["Date"] else work.books.today()
    date = values.parse_day(work, element, "Date", default) or default
    currency = contacts.check_currency(work, element, default=str(row["CurrencyCode"]))
    if "CurrencyRate" in element or not row["Date"] or currency != row["CurrencyCode"]:
        row["CurrencyRate"] = rules.currency_rate(work, element, currency, date)
    row["CurrencyCode"] = currency
    expiry = values.parse_day(work, element, "ExpiryDate")
    for name, day in (("Date", date), ("ExpiryDate", expiry)):
        if day is not None:
            row[name] = xero_json.xero_date(day)
            row[f"{name}String"] = xero_json.iso_day(xero_json.milliseconds(row[name]) or 0)


def _set_number(work: UnitOfWork, row: Row) -> None:
    if row["QuoteNumber"]:
        namesakes = work.find("Quotes", "QuoteNumber", row["QuoteNumber"])
        if any(other["QuoteID"] != row["QuoteID"] and other["Status"] != "DELETED" for other in namesakes):
            work.problems.append("Quote # must be unique.")
    while not row["QuoteNumber"]:
        number = f"QU-{work.books.next_number('Quotes'):04d}"
        row["QuoteNumber"] = "" if work.find("Quotes", "QuoteNumber", number) else number


def _set_lines(work: UnitOfWork, element: Mapping[str, Any], row: Row) -> None:
    mode = line_items.parse_mode(element, str(row["LineAmountTypes"]))
    fresh = mode.upper() != row["LineAmountTypes"]
    parts = values.children(element, "LineItems")
    if "LineItems" not in element:
        parts = [{"LineItemID": line["LineItemID"]} for line in row["LineItems"]]
    setting = line_items.LineContext(mode, sales=True, strict=False, fresh=fresh)
    lines = line_items.read_lines(work, parts, row["LineItems"], setting)
    totals: Row = {"LineItems": lines, "LineAmountTypes": mode}
    line_items.set_totals(totals)
    full = sum((line["Quantity"] * line["UnitAmount"] for line in lines if "UnitAmount" in line), ZERO)
    discounted = sum((line["LineAmount"] for line in lines if "UnitAmount" in line), ZERO)
    row |= {**totals, "LineAmountTypes": mode.upper(), "TotalDiscount": xero_json.round_to_cents(full - discounted)}
