"""Writing manual journals: at least two lines that net to zero, on accounts open to users."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.posting import ZERO
from bizosaas_xero.sandbox.writes import line_items, rules, values
from bizosaas_xero.sandbox.writes.unit_of_work import NotFoundError, RefusedError, UnitOfWork

_NEXT_STATUSES = {
    "": {"DRAFT", "POSTED"},
    "DRAFT": {"DRAFT", "POSTED", "DELETED"},
    "POSTED": {"POSTED", "VOIDED"},
    "DELETED": set(),
    "VOIDED": set(),
}
_MIN_LINES = 2


def save_manual_journal(work: UnitOfWork, element: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Create or change a manual journal and return its id."""
    guid = str(key or element.get("ManualJournalID") or "").lower()
    old = work.get("ManualJournals", guid) if guid and guid != values.ZERO_ID else None
    if old is None and key is not None:
        raise NotFoundError(key)
    if old is not None and create:
        raise RefusedError("An existing manual journal cannot be created again; use POST to change it.")
    status_before = str(old["Status"]) if old else ""
    status = str(element.get("Status") or status_before or "DRAFT").upper()
    if status not in _NEXT_STATUSES[status_before]:
        raise RefusedError("Manual journal not of valid status for modification")
    row: Row = old or {
        "Date": "", "Status": status, "LineAmountTypes": "NoTax", "UpdatedDateUTC": "",
        "ManualJournalID": work.new_id(), "Narration": "", "JournalLines": [], "ShowOnCashBasisReports": True,
        "HasAttachments": False,
    }  # fmt: skip
    if status_before == "POSTED":
        rules.check_lock(work, xero_json.calendar_day(row["Date"]))
    if status not in {"DELETED", "VOIDED"}:
        _set_fields(work, element, row, new=old is None)
    if status == "POSTED":
        rules.check_lock(work, xero_json.calendar_day(row["Date"]))
    work.raise_problems()
    row["Status"] = status
    work.put("ManualJournals", row)
    work.add_note("ManualJournals", row["ManualJournalID"], status.capitalize(), row["Narration"])
    return str(row["ManualJournalID"])


def _set_fields(work: UnitOfWork, element: Mapping[str, Any], row: Row, *, new: bool) -> None:
    if "Narration" in element or new:
        row["Narration"] = values.parse_text(work, element, "Narration", 4000)
    if not row["Narration"].strip():
        work.problems.append("Narration must be specified.")
    today = work.books.today()
    date = (
        values.parse_day(work, element, "Date", xero_json.calendar_day(row["Date"]) if row["Date"] else today) or today
    )
    row["Date"] = xero_json.xero_date(date)
    row["LineAmountTypes"] = line_items.parse_mode(element, row["LineAmountTypes"])
    row["ShowOnCashBasisReports"] = values.parse_flag(element, "ShowOnCashBasisReports", row["ShowOnCashBasisReports"])
    if element.get("Url"):
        row["Url"] = values.parse_url(work, element)
    if "JournalLines" in element or new:
        parts = enumerate(values.children(element, "JournalLines"))
        row["JournalLines"] = [{**_read_line(work, row, part), "SortOrder": order} for order, part in parts]
    _check_balance(work, row)


def _read_line(work: UnitOfWork, row: Row, part: Mapping[str, Any]) -> Row:
    line: Row = {"Description": values.parse_text(work, part, "Description", 4000)}
    amount = values.parse_money(part, "LineAmount", ZERO) or ZERO
    account = line_items.find_account(work, part)
    if account is None:
        raise RefusedError("Account code or ID must be specified")
    if account["Type"] in {"BANK", "INVENTORY"} or account.get("SystemAccount") in line_items.CLOSED_ACCOUNTS:
        raise RefusedError(
            f"Account code '{account['Code']}' cannot be used in a manual journal: it is a bank account, "
            "or one that only Xero posts to."
        )
    rates = {rate["TaxType"]: rate for rate in work.iter_rows("TaxRates")}
    code = str(part.get("TaxType") or "")
    if row["LineAmountTypes"] == "NoTax":
        code = line_items.untaxed_code(work)
    code = code or (account["TaxType"] if work.books.organisation["PaysTax"] else line_items.untaxed_code(work))
    rate = rates.get(code)
    if rate is None or (rate["EffectiveRate"] and not work.books.organisation["PaysTax"]):
        raise RefusedError(f"The TaxType code '{code}' does not exist or cannot be used for this type of transaction.")
    percent = Decimal(rate["EffectiveRate"])
    tax = xero_json.round_to_cents(amount * percent / (100 + (percent if row["LineAmountTypes"] == "Inclusive" else 0)))
    return line | {
        "TaxType": code, "LineAmount": amount, "TaxAmount": tax, "AccountCode": account["Code"],
        "AccountID": account["AccountID"], "Tracking": line_items.read_tracking(work, part), "IsBlank": False,
    }  # fmt: skip


def _check_balance(work: UnitOfWork, row: Row) -> None:
    taxed = row["LineAmountTypes"] == "Exclusive"
    amounts = [line["LineAmount"] + (line["TaxAmount"] if taxed else ZERO) for line in row["JournalLines"]]
    debits = sum((amount for amount in amounts if amount > 0), ZERO)
    credits_ = sum((amount for amount in amounts if amount < 0), ZERO)
    row |= {"DebitTotal": debits, "CreditTotal": -credits_}
    if len(amounts) < _MIN_LINES:
        work.problems.append("A manual journal must have at least two lines.")
    if debits + credits_:
        work.problems.append(f"The total debits ({debits}) must equal total credits ({credits_})")
