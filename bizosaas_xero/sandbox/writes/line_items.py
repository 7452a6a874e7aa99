"""Line items: parsing, checks, computed amounts, and the totals of a document.

Tax is computed for each line, rounded to cents, and then added up. A line amount must follow from quantity,
price and discount. The lines of a request replace all lines: those with a LineItemID keep that id.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.posting import ZERO
from bizosaas_xero.sandbox.writes import values
from bizosaas_xero.sandbox.writes.unit_of_work import RefusedError, UnitOfWork

_ONE, _HUNDRED, _MAX_PLACES = Decimal(1), Decimal(100), 4
# accounts to which only Xero posts
CLOSED_ACCOUNTS = {"DEBTORS", "CREDITORS", "UNPAIDEXPCLM", "RETAINEDEARNINGS", "UNREALISEDCURRENCYGAIN",
          "REALISEDCURRENCYGAIN", "BANKCURRENCYGAIN", "TRACKINGTRANSFERS"}  # fmt: skip
_CLASS_FLAGS = {"ASSET": "Assets", "EQUITY": "Equity", "EXPENSE": "Expenses", "LIABILITY": "Liabilities",
            "REVENUE": "Revenue"}  # fmt: skip
MODES = ("Exclusive", "Inclusive", "NoTax")


@dataclass(frozen=True)
class LineContext:
    """The facts of a document that its lines depend on.

    Attributes:
        mode: `Exclusive`, `Inclusive` or `NoTax`.
        sales: Whether items use their selling price.
        strict: The document is approved, so that every line needs an account.
        fresh: Tax is computed again, because the mode changed.
        closed: System accounts that may not be used.
    """

    mode: str
    sales: bool
    strict: bool
    fresh: bool = False
    closed: frozenset[str] = frozenset(CLOSED_ACCOUNTS)


def parse_mode(element: Mapping[str, Any], default: str = "Exclusive") -> str:
    """Return whether line amounts include tax.

    Raises:
        RefusedError: The value is not one of `MODES`.
    """
    stated = str(element.get("LineAmountTypes") or default)
    for mode in MODES:
        if mode.lower() == stated.lower():
            return mode
    raise RefusedError(f"The LineAmountTypes value '{stated}' is not valid.")


def read_lines(
    work: UnitOfWork, line_parts: list[Mapping[str, Any]], old: list[Row], setting: LineContext
) -> list[Row]:
    """Return the lines of a document after a write; problems are collected."""
    lines_by_id = {line["LineItemID"]: line for line in old}
    lines = []
    for number, part in enumerate(line_parts, 1):
        guid = str(part.get("LineItemID") or "").lower()
        line_before = lines_by_id.get(guid, {})
        try:
            line = _read_line(
                work, _merge_line(line_before, part, setting) if line_before else dict(part), setting, part
            )
        except RefusedError as refused:
            work.problems += refused.messages
            continue
        line["LineItemID"] = guid if line_before else work.new_id()
        if not line.get("Description") and setting.strict and "UnitAmount" not in line:
            work.problems.append(f"Line {number} is empty.")
        lines.append(line)
    return lines


_PRICE_FIELDS = {"Quantity", "UnitAmount", "DiscountRate", "DiscountAmount", "ItemCode"}
_TAX_FIELDS = {*_PRICE_FIELDS, "LineAmount", "TaxType", "AccountCode", "AccountID"}


def _merge_line(line_before: Row, part: Mapping[str, Any], setting: LineContext) -> Row:
    element = {**line_before, **part}
    if _PRICE_FIELDS & set(part) and "LineAmount" not in part:
        element.pop("LineAmount", None)  # derived from the new price
    if (setting.fresh or _TAX_FIELDS & set(part)) and "TaxAmount" not in part:
        element.pop("TaxAmount", None)
    for field, same_field in (("AccountCode", "AccountID"), ("AccountID", "AccountCode"), ("ItemCode", "Item")):
        if field in part and same_field not in part:
            element.pop(same_field, None)
    return element


def _read_line(work: UnitOfWork, element: Row, setting: LineContext, part: Mapping[str, Any]) -> Row:
    line: Row = {"Description": values.parse_text(work, element, "Description", 4000)}
    item = _read_item(work, element, line, setting)
    _set_amounts(element, line, item, price_places=work.context.places if "UnitAmount" in part else _MAX_PLACES)
    account = _set_account(work, element, line, setting, str(item.get("AccountCode") or ""))
    rate = _set_tax_type(work, element, line, setting, account, str(item.get("TaxType") or ""))
    _set_tax(work, element, line, setting, rate)
    line["Tracking"] = read_tracking(work, element)
    line["ValidationErrors"] = []
    return line


def _read_item(work: UnitOfWork, element: Mapping[str, Any], line: Row, setting: LineContext) -> Mapping[str, Any]:
    code = str(element.get("ItemCode") or values.child(element, "Item").get("Code") or "")
    if not code:
        return {}
    found = work.find("Items", "Code", code)
    if not found:
        raise RefusedError(f"Item code '{code}' is not valid")
    item = found[0]
    details: dict[str, Any] = dict(item.get("SalesDetails" if setting.sales else "PurchaseDetails") or {})
    line["ItemCode"] = item["Code"]
    line["Item"] = {"ItemID": item["ItemID"], "Name": item["Name"], "Code": item["Code"]}
    line["Description"] = line["Description"] or item.get("Description", "")
    return details


def _set_amounts(element: Mapping[str, Any], line: Row, item: Mapping[str, Any], *, price_places: int) -> None:
    quantity = values.parse_number(element, "Quantity")
    unit = values.parse_number(element, "UnitAmount", item.get("UnitPrice"))
    amount = values.parse_number(element, "LineAmount")
    if quantity is None and unit is None and amount is None:
        line |= {"LineAmount": ZERO}
        return
    quantity = (_ONE if quantity is None else quantity).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    if unit is None:
        unit = amount / quantity if amount is not None and quantity else ZERO
        unit = unit.quantize(Decimal("0.0001"), ROUND_HALF_UP)
    else:
        unit = unit.quantize(_ONE.scaleb(-price_places), ROUND_HALF_UP)
    full = quantity * unit
    percent, off = values.parse_number(element, "DiscountRate"), values.parse_money(element, "DiscountAmount")
    if percent is not None and not 0 <= percent <= _HUNDRED:
        raise RefusedError("The DiscountRate must be between 0 and 100.")
    discount = full * percent / _HUNDRED if percent else (off or ZERO)
    expected = xero_json.round_to_cents(full - discount)
    if amount is not None and xero_json.round_to_cents(amount) != expected:
        raise RefusedError(
            f"The line total {xero_json.round_to_cents(amount)} does not match the expected line total {expected}"
        )
    line |= {"UnitAmount": unit, "Quantity": quantity, "LineAmount": expected}
    if percent:
        line["DiscountRate"] = percent
    elif off:
        line["DiscountAmount"] = off


def find_account(work: UnitOfWork, element: Mapping[str, Any]) -> Row | None:
    """Return the account of a line or payment, by AccountID or code; None when it names none.

    Raises:
        RefusedError: The account is unknown or archived.
    """
    guid, code = str(element.get("AccountID") or "").lower(), str(element.get("AccountCode") or "")
    if not guid and not code:
        return None
    found = work.find("Accounts", "Code", code) if not guid else [work.get("Accounts", guid)]
    account = next((row for row in found if row), None)
    if account is None:
        raise RefusedError(f"Account code '{code or guid}' is not a valid code for this document.")
    if account.get("Status") == "ARCHIVED":
        raise RefusedError(f"Account code '{account.get('Code')}' has been archived.")
    return account


def _set_account(
    work: UnitOfWork, element: Mapping[str, Any], line: Row, setting: LineContext, default: str
) -> Row | None:
    part = dict(element)
    if not part.get("AccountID") and not part.get("AccountCode") and default:
        part["AccountCode"] = default
    try:
        account = find_account(work, part)
    except RefusedError as refused:
        work.problems += refused.messages
        return None
    if account is None:
        if setting.strict:
            work.problems.append("Account code or ID must be specified")
        return None
    if account["Type"] == "BANK" or account.get("SystemAccount") in setting.closed:
        work.problems.append(f"Account code '{account.get('Code')}' is not a valid code for this document.")
        return None
    line |= {"AccountCode": account["Code"], "AccountID": account["AccountID"]}
    return account


def untaxed_code(work: UnitOfWork) -> str:
    """Return the tax code for no tax; it differs by country."""
    codes = {row["TaxType"] for row in work.iter_rows("TaxRates")}
    return "NONE" if "NONE" in codes else "BASEXCLUDED"


def _set_tax_type(
    work: UnitOfWork, element: Mapping[str, Any], line: Row, setting: LineContext, account: Row | None, default: str
) -> Decimal:
    pays_tax = work.books.organisation["PaysTax"]
    code = str(element.get("TaxType") or "")
    if setting.mode == "NoTax" or not (code or pays_tax):
        line["TaxType"] = untaxed_code(work)
        return ZERO
    code = code or default or (account or {}).get("TaxType") or untaxed_code(work)
    rate = next((row for row in work.iter_rows("TaxRates") if row["TaxType"] == code), None)
    if rate is None or rate["Status"] != "ACTIVE" or (not pays_tax and rate["EffectiveRate"]):
        work.problems.append(
            f"The TaxType code '{code}' does not exist or cannot be used for this type of transaction."
        )
        return ZERO
    if account is not None and not rate[f"CanApplyTo{_CLASS_FLAGS[account['Class']]}"]:
        work.problems.append(f"The TaxType code '{code}' cannot be used with account code '{account['Code']}'.")
    line["TaxType"] = code
    return Decimal(rate["EffectiveRate"])


def _set_tax(work: UnitOfWork, element: Mapping[str, Any], line: Row, setting: LineContext, rate: Decimal) -> None:
    amount = line["LineAmount"]
    base = _HUNDRED + rate if setting.mode == "Inclusive" else _HUNDRED
    tax = xero_json.round_to_cents(amount * rate / base)
    stated_tax = values.parse_money(element, "TaxAmount")
    if stated_tax is not None and stated_tax != tax and rate and setting.mode != "NoTax":
        if abs(stated_tax) > abs(amount):
            work.problems.append("The tax amount cannot exceed the line amount.")
        tax = stated_tax  # a user may correct the computed tax, for example to match a bill that rounds differently
    line["TaxAmount"] = tax


def read_tracking(work: UnitOfWork, element: Mapping[str, Any]) -> list[Row]:
    """Return the tracking of a line; at most two categories, options by id or name."""
    entries: list[Row] = []
    categories = [row for row in work.iter_rows("TrackingCategories") if row["Status"] == "ACTIVE"]
    for part in values.children(element, "Tracking"):
        category = _find_named(categories, part, "TrackingCategoryID", "Name")
        if category is None:
            work.problems.append(f"The Tracking Category '{part.get('Name') or ''}' was not found.")
            continue
        value = {"TrackingOptionID": part.get("TrackingOptionID"), "Name": part.get("Option")}
        option = _find_named(category["Options"], value, "TrackingOptionID", "Name")
        if option is None or option["Status"] != "ACTIVE":
            work.problems.append(
                f"The Tracking Option '{part.get('Option') or ''}' was not found in {category['Name']}."
            )
            continue
        entries.append(
            {
                "Name": category["Name"],
                "Option": option["Name"],
                "TrackingCategoryID": category["TrackingCategoryID"],
                "TrackingOptionID": option["TrackingOptionID"],
            }
        )
    if len({line["TrackingCategoryID"] for line in entries}) < len(entries):
        work.problems.append("A tracking category can only be used once on a line.")
    return entries


def _find_named(rows: list[Row], part: Mapping[str, Any], id_field: str, name: str) -> Row | None:
    guid, name_value = str(part.get(id_field) or "").lower(), str(part.get(name) or "").lower()
    for row in rows:
        if row[id_field] == guid if guid else row[name].lower() == name_value:
            return row
    return None


def set_totals(row: Row) -> None:
    """Set the totals of a document from its lines."""
    amount = sum((line["LineAmount"] for line in row["LineItems"]), ZERO)
    tax = sum((line["TaxAmount"] for line in row["LineItems"]), ZERO)
    inclusive = row["LineAmountTypes"] == "Inclusive"
    row["SubTotal"] = amount - tax if inclusive else amount
    row["TotalTax"] = tax
    row["Total"] = row["SubTotal"] + tax
