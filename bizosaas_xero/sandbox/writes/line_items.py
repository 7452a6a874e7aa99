"""Line items: what is asked for, checked and computed, and the totals of a document.

Tax is computed for each line, rounded to cents, and then added up. A line amount must follow from quantity,
price and discount. Lines that are sent replace all lines: those named by LineItemID are kept under that id.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.ledger import ZERO
from bizosaas_xero.sandbox.writes import values
from bizosaas_xero.sandbox.writes.unit_of_work import RefusedError, Work

_ONE, _HUNDRED, _FINEST = Decimal(1), Decimal(100), 4
# accounts that only Xero posts to
CLOSED = {"DEBTORS", "CREDITORS", "UNPAIDEXPCLM", "RETAINEDEARNINGS", "UNREALISEDCURRENCYGAIN",
          "REALISEDCURRENCYGAIN", "BANKCURRENCYGAIN", "TRACKINGTRANSFERS"}  # fmt: skip
_APPLIES = {"ASSET": "Assets", "EQUITY": "Equity", "EXPENSE": "Expenses", "LIABILITY": "Liabilities",
            "REVENUE": "Revenue"}  # fmt: skip
MODES = ("Exclusive", "Inclusive", "NoTax")


@dataclass(frozen=True)
class Setting:
    """What lines need to know of their document.

    Attributes:
        mode: `Exclusive`, `Inclusive` or `NoTax`.
        sales: Whether items use their selling price.
        strict: The document is approved, so that every line needs an account.
        fresh: Tax is computed anew, because the mode changed.
        closed: System accounts that may not be used.
    """

    mode: str
    sales: bool
    strict: bool
    fresh: bool = False
    closed: frozenset[str] = frozenset(CLOSED)


def mode_of(given: Mapping[str, Any], default: str = "Exclusive") -> str:
    """Return how line amounts stand to tax.

    Raises:
        RefusedError: Xero knows no such way.
    """
    asked = str(given.get("LineAmountTypes") or default)
    for mode in MODES:
        if mode.lower() == asked.lower():
            return mode
    raise RefusedError(f"The LineAmountTypes value '{asked}' is not valid.")


def read(work: Work, given: list[Mapping[str, Any]], old: list[Row], setting: Setting) -> list[Row]:
    """Return the lines a document has after a write; problems are collected."""
    kept = {line["LineItemID"]: line for line in old}
    made = []
    for number, sent in enumerate(given, 1):
        guid = str(sent.get("LineItemID") or "").lower()
        before = kept.get(guid, {})
        try:
            line = _line(work, _merged(before, sent, setting) if before else dict(sent), setting, sent)
        except RefusedError as refused:
            work.problems += refused.messages
            continue
        line["LineItemID"] = guid if before else work.id()
        if not line.get("Description") and setting.strict and "UnitAmount" not in line:
            work.problems.append(f"Line {number} is empty.")
        made.append(line)
    return made


_PRICED = {"Quantity", "UnitAmount", "DiscountRate", "DiscountAmount", "ItemCode"}
_TAXED = {*_PRICED, "LineAmount", "TaxType", "AccountCode", "AccountID"}


def _merged(before: Row, sent: Mapping[str, Any], setting: Setting) -> Row:
    asked = {**before, **sent}
    if _PRICED & set(sent) and "LineAmount" not in sent:
        asked.pop("LineAmount", None)  # it follows from the new price
    if (setting.fresh or _TAXED & set(sent)) and "TaxAmount" not in sent:
        asked.pop("TaxAmount", None)
    for one, other in (("AccountCode", "AccountID"), ("AccountID", "AccountCode"), ("ItemCode", "Item")):
        if one in sent and other not in sent:
            asked.pop(other, None)
    return asked


def _line(work: Work, asked: Row, setting: Setting, sent: Mapping[str, Any]) -> Row:
    line: Row = {"Description": values.text(work, asked, "Description", 4000)}
    item = _item(work, asked, line, setting)
    _amounts(asked, line, item, places=work.who.places if "UnitAmount" in sent else _FINEST)
    account = _account(work, asked, line, setting, str(item.get("AccountCode") or ""))
    rate = _tax_type(work, asked, line, setting, account, str(item.get("TaxType") or ""))
    _tax(work, asked, line, setting, rate)
    line["Tracking"] = tracking(work, asked)
    line["ValidationErrors"] = []
    return line


def _item(work: Work, asked: Mapping[str, Any], line: Row, setting: Setting) -> Mapping[str, Any]:
    code = str(asked.get("ItemCode") or values.part(asked, "Item").get("Code") or "")
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


def _amounts(asked: Mapping[str, Any], line: Row, item: Mapping[str, Any], *, places: int) -> None:
    quantity = values.number(asked, "Quantity")
    unit = values.number(asked, "UnitAmount", item.get("UnitPrice"))
    amount = values.number(asked, "LineAmount")
    if quantity is None and unit is None and amount is None:
        line |= {"LineAmount": ZERO}
        return
    quantity = (_ONE if quantity is None else quantity).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    if unit is None:
        unit = amount / quantity if amount is not None and quantity else ZERO
        unit = unit.quantize(Decimal("0.0001"), ROUND_HALF_UP)
    else:
        unit = unit.quantize(_ONE.scaleb(-places), ROUND_HALF_UP)
    full = quantity * unit
    percent, off = values.number(asked, "DiscountRate"), values.money(asked, "DiscountAmount")
    if percent is not None and not 0 <= percent <= _HUNDRED:
        raise RefusedError("The DiscountRate must be between 0 and 100.")
    discount = full * percent / _HUNDRED if percent else (off or ZERO)
    expected = xero_json.cents(full - discount)
    if amount is not None and xero_json.cents(amount) != expected:
        raise RefusedError(
            f"The line total {xero_json.cents(amount)} does not match the expected line total {expected}"
        )
    line |= {"UnitAmount": unit, "Quantity": quantity, "LineAmount": expected}
    if percent:
        line["DiscountRate"] = percent
    elif off:
        line["DiscountAmount"] = off


def account_of(work: Work, asked: Mapping[str, Any]) -> Row | None:
    """Return the account a line or payment names, by AccountID or code; None when it names none.

    Raises:
        RefusedError: There is no such account, or it is archived.
    """
    guid, code = str(asked.get("AccountID") or "").lower(), str(asked.get("AccountCode") or "")
    if not guid and not code:
        return None
    found = work.find("Accounts", "Code", code) if not guid else [work.get("Accounts", guid)]
    account = next((row for row in found if row), None)
    if account is None:
        raise RefusedError(f"Account code '{code or guid}' is not a valid code for this document.")
    if account.get("Status") == "ARCHIVED":
        raise RefusedError(f"Account code '{account.get('Code')}' has been archived.")
    return account


def _account(work: Work, asked: Mapping[str, Any], line: Row, setting: Setting, default: str) -> Row | None:
    sent = dict(asked)
    if not sent.get("AccountID") and not sent.get("AccountCode") and default:
        sent["AccountCode"] = default
    try:
        account = account_of(work, sent)
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


def untaxed(work: Work) -> str:
    """Return the tax code for no tax; it differs by country."""
    codes = {row["TaxType"] for row in work.every("TaxRates")}
    return "NONE" if "NONE" in codes else "BASEXCLUDED"


def _tax_type(
    work: Work, asked: Mapping[str, Any], line: Row, setting: Setting, account: Row | None, default: str
) -> Decimal:
    pays_tax = work.books.organisation["PaysTax"]
    code = str(asked.get("TaxType") or "")
    if setting.mode == "NoTax" or not (code or pays_tax):
        line["TaxType"] = untaxed(work)
        return ZERO
    code = code or default or (account or {}).get("TaxType") or untaxed(work)
    rate = next((row for row in work.every("TaxRates") if row["TaxType"] == code), None)
    if rate is None or rate["Status"] != "ACTIVE" or (not pays_tax and rate["EffectiveRate"]):
        work.problems.append(
            f"The TaxType code '{code}' does not exist or cannot be used for this type of transaction."
        )
        return ZERO
    if account is not None and not rate[f"CanApplyTo{_APPLIES[account['Class']]}"]:
        work.problems.append(f"The TaxType code '{code}' cannot be used with account code '{account['Code']}'.")
    line["TaxType"] = code
    return Decimal(rate["EffectiveRate"])


def _tax(work: Work, asked: Mapping[str, Any], line: Row, setting: Setting, rate: Decimal) -> None:
    amount = line["LineAmount"]
    base = _HUNDRED + rate if setting.mode == "Inclusive" else _HUNDRED
    tax = xero_json.cents(amount * rate / base)
    given = values.money(asked, "TaxAmount")
    if given is not None and given != tax and rate and setting.mode != "NoTax":
        if abs(given) > abs(amount):
            work.problems.append("The tax amount cannot exceed the line amount.")
        tax = given  # a person may correct the computed tax, as on a bill that rounds otherwise
    line["TaxAmount"] = tax


def tracking(work: Work, asked: Mapping[str, Any]) -> list[Row]:
    """Return the tracking of a line; at most two categories, options by id or name."""
    made: list[Row] = []
    categories = [row for row in work.every("TrackingCategories") if row["Status"] == "ACTIVE"]
    for sent in values.parts(asked, "Tracking"):
        category = _named(categories, sent, "TrackingCategoryID", "Name")
        if category is None:
            work.problems.append(f"The Tracking Category '{sent.get('Name') or ''}' was not found.")
            continue
        wanted = {"TrackingOptionID": sent.get("TrackingOptionID"), "Name": sent.get("Option")}
        option = _named(category["Options"], wanted, "TrackingOptionID", "Name")
        if option is None or option["Status"] != "ACTIVE":
            work.problems.append(
                f"The Tracking Option '{sent.get('Option') or ''}' was not found in {category['Name']}."
            )
            continue
        made.append(
            {
                "Name": category["Name"],
                "Option": option["Name"],
                "TrackingCategoryID": category["TrackingCategoryID"],
                "TrackingOptionID": option["TrackingOptionID"],
            }
        )
    if len({line["TrackingCategoryID"] for line in made}) < len(made):
        work.problems.append("A tracking category can only be used once on a line.")
    return made


def _named(rows: list[Row], sent: Mapping[str, Any], id_field: str, name: str) -> Row | None:
    guid, wanted = str(sent.get(id_field) or "").lower(), str(sent.get(name) or "").lower()
    for row in rows:
        if row[id_field] == guid if guid else row[name].lower() == wanted:
            return row
    return None


def total(row: Row) -> None:
    """Set the totals of a document from its lines."""
    amount = sum((line["LineAmount"] for line in row["LineItems"]), ZERO)
    tax = sum((line["TaxAmount"] for line in row["LineItems"]), ZERO)
    inclusive = row["LineAmountTypes"] == "Inclusive"
    row["SubTotal"] = amount - tax if inclusive else amount
    row["TotalTax"] = tax
    row["Total"] = row["SubTotal"] + tax
