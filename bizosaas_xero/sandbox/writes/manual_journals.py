"""Writing manual journals: at least two lines that net to zero, on accounts that people may post to."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.ledger import ZERO
from bizosaas_xero.sandbox.writes import line_items, rules, values
from bizosaas_xero.sandbox.writes.unit_of_work import MissingError, RefusedError, Work

_NEXT = {
    "": {"DRAFT", "POSTED"},
    "DRAFT": {"DRAFT", "POSTED", "DELETED"},
    "POSTED": {"POSTED", "VOIDED"},
    "DELETED": set(),
    "VOIDED": set(),
}
_FEWEST = 2


def save(work: Work, given: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Create or change a manual journal and return its id."""
    guid = str(key or given.get("ManualJournalID") or "").lower()
    old = work.get("ManualJournals", guid) if guid and guid != values.ZERO_ID else None
    if old is None and key is not None:
        raise MissingError(key)
    if old is not None and create:
        raise RefusedError("An existing manual journal cannot be created again; use POST to change it.")
    before = str(old["Status"]) if old else ""
    status = str(given.get("Status") or before or "DRAFT").upper()
    if status not in _NEXT[before]:
        raise RefusedError("Manual journal not of valid status for modification")
    row: Row = old or {
        "Date": "", "Status": status, "LineAmountTypes": "NoTax", "UpdatedDateUTC": "",
        "ManualJournalID": work.id(), "Narration": "", "JournalLines": [], "ShowOnCashBasisReports": True,
        "HasAttachments": False,
    }  # fmt: skip
    if before == "POSTED":
        rules.check_lock(work, xero_json.day(row["Date"]))
    if status not in {"DELETED", "VOIDED"}:
        _fields(work, given, row, new=old is None)
    if status == "POSTED":
        rules.check_lock(work, xero_json.day(row["Date"]))
    work.refuse_if_wrong()
    row["Status"] = status
    work.put("ManualJournals", row)
    work.note("ManualJournals", row["ManualJournalID"], status.capitalize(), row["Narration"])
    return str(row["ManualJournalID"])


def _fields(work: Work, given: Mapping[str, Any], row: Row, *, new: bool) -> None:
    if "Narration" in given or new:
        row["Narration"] = values.text(work, given, "Narration", 4000)
    if not row["Narration"].strip():
        work.problems.append("Narration must be specified.")
    today = work.books.today()
    date = values.day(work, given, "Date", xero_json.day(row["Date"]) if row["Date"] else today) or today
    row["Date"] = xero_json.of_day(date)
    row["LineAmountTypes"] = line_items.mode_of(given, row["LineAmountTypes"])
    row["ShowOnCashBasisReports"] = values.flag(given, "ShowOnCashBasisReports", row["ShowOnCashBasisReports"])
    if given.get("Url"):
        row["Url"] = values.address(work, given)
    if "JournalLines" in given or new:
        row["JournalLines"] = [_line(work, row, sent) for sent in values.parts(given, "JournalLines")]
    _balance(work, row)


def _line(work: Work, row: Row, sent: Mapping[str, Any]) -> Row:
    made: Row = {"Description": values.text(work, sent, "Description", 4000)}
    amount = values.money(sent, "LineAmount", ZERO) or ZERO
    account = line_items.account_of(work, sent)
    if account is None:
        raise RefusedError("Account code or ID must be specified")
    if account["Type"] in {"BANK", "INVENTORY"} or account.get("SystemAccount") in line_items.CLOSED:
        raise RefusedError(
            f"Account code '{account['Code']}' cannot be used in a manual journal: it is a bank account, "
            "or one that only Xero posts to."
        )
    rates = {rate["TaxType"]: rate for rate in work.every("TaxRates")}
    code = str(sent.get("TaxType") or "")
    if row["LineAmountTypes"] == "NoTax":
        code = line_items.untaxed(work)
    code = code or (account["TaxType"] if work.books.organisation["PaysTax"] else line_items.untaxed(work))
    rate = rates.get(code)
    if rate is None or (rate["EffectiveRate"] and not work.books.organisation["PaysTax"]):
        raise RefusedError(f"The TaxType code '{code}' does not exist or cannot be used for this type of transaction.")
    percent = Decimal(rate["EffectiveRate"])
    tax = xero_json.cents(amount * percent / (100 + (percent if row["LineAmountTypes"] == "Inclusive" else 0)))
    return made | {
        "TaxType": code, "LineAmount": amount, "TaxAmount": tax, "AccountCode": account["Code"],
        "AccountID": account["AccountID"], "Tracking": line_items.tracking(work, sent), "IsBlank": False,
    }  # fmt: skip


def _balance(work: Work, row: Row) -> None:
    taxed = row["LineAmountTypes"] == "Exclusive"
    amounts = [line["LineAmount"] + (line["TaxAmount"] if taxed else ZERO) for line in row["JournalLines"]]
    debits = sum((amount for amount in amounts if amount > 0), ZERO)
    credits_ = sum((amount for amount in amounts if amount < 0), ZERO)
    if len(amounts) < _FEWEST:
        work.problems.append("A manual journal must have at least two lines.")
    if debits + credits_:
        work.problems.append(f"The total debits ({debits}) must equal total credits ({credits_})")
