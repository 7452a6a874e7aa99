"""Writing what documents are made of: accounts, items, tax rates, currencies, tracking."""

import re
from collections.abc import Mapping
from typing import Any

from bizosaas_xero.sandbox.core.countries import ANY, tax_rate
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.ledger import ACCRUAL, CASH
from bizosaas_xero.sandbox.writes import line_items, values
from bizosaas_xero.sandbox.writes.unit_of_work import MissingError, RefusedError, Work

_CLASSES = {
    "BANK": "ASSET", "CURRENT": "ASSET", "FIXED": "ASSET", "INVENTORY": "ASSET", "NONCURRENT": "ASSET",
    "PREPAYMENT": "ASSET", "CURRLIAB": "LIABILITY", "LIABILITY": "LIABILITY", "TERMLIAB": "LIABILITY",
    "PAYGLIABILITY": "LIABILITY", "EQUITY": "EQUITY", "DEPRECIATN": "EXPENSE", "DIRECTCOSTS": "EXPENSE",
    "EXPENSE": "EXPENSE", "OVERHEADS": "EXPENSE", "OTHERINCOME": "REVENUE", "REVENUE": "REVENUE",
    "SALES": "REVENUE",
}  # fmt: skip
_MOST_CATEGORIES = 2
_MOST_OPTIONS = 100


def _found(work: Work, entity: str, key: str | None, given: Mapping[str, Any], *names: str) -> Row | None:
    """Return the row that an address or an element means, by id or by one of its names."""
    id_field = work.books.table(entity).id_field
    guid = key or given.get(id_field)
    row = work.get(entity, guid) if guid and guid != values.ZERO_ID else None
    for name in names if row is None else ():
        wanted = key or given.get(name)
        row = row or next(iter(work.find(entity, name, wanted) if wanted else ()), None)
    if row is None and key is not None:
        raise MissingError(key)
    return row


def save_account(work: Work, given: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Create or update an account and return its id."""
    old = _account_to_change(work, given, create=create, key=key)
    if old is not None and str(given.get("Status") or old["Status"]).upper() != old["Status"]:
        return _archive_account(work, old, given)
    kind = str(given.get("Type") or (old or {}).get("Type") or "").upper()
    if kind not in _CLASSES:
        raise RefusedError(f"The account type '{kind}' is not valid.")
    row: Row = old or {
        "AccountID": work.id(), "Code": "", "Name": "", "Status": "ACTIVE", "Type": kind,
        "TaxType": line_items.untaxed(work), "Class": _CLASSES[kind], "EnablePaymentsToAccount": False,
        "ShowInExpenseClaims": False, "BankAccountType": "", "ReportingCode": _CLASSES[kind][:3],
        "ReportingCodeName": _CLASSES[kind].title(), "HasAttachments": False, "AddToWatchlist": False,
    }  # fmt: skip
    if old is not None and old.get("SystemAccount") and kind != old["Type"]:
        work.problems.append("The type of a system account cannot be changed.")
    row |= {"Type": kind, "Class": _CLASSES[kind]}
    for name, longest in (("Code", 10), ("Name", 150), ("Description", 4000)):
        if name in given:
            row[name] = values.text(work, given, name, longest)
    for name in ("EnablePaymentsToAccount", "ShowInExpenseClaims", "AddToWatchlist"):
        row[name] = values.flag(given, name, row[name])
    if kind == "BANK":
        _bank(work, given, row)
    _check_account(work, given, row)
    work.refuse_if_wrong()
    work.put("Accounts", row)
    return str(row["AccountID"])


def _account_to_change(work: Work, given: Mapping[str, Any], *, create: bool, key: str | None) -> Row | None:
    old = _found(work, "Accounts", key, {} if create else given)
    if old is None and given.get("AccountID") and not create:
        raise RefusedError("The document with the supplied id was not found for this endpoint.")
    archiving = old is not None and str(given.get("Status") or old["Status"]).upper() != old["Status"]
    if old is not None and old["Type"] == "BANK" and not archiving:
        raise RefusedError("Bank accounts cannot be updated via the API.")
    return old


def _check_account(work: Work, given: Mapping[str, Any], row: Row) -> None:
    if not row["Name"]:
        work.problems.append("Please enter a Name.")
    if not row["Code"] and row["Type"] != "BANK":
        work.problems.append("Please enter a Code.")
    for name in ("Code", "Name"):
        same = work.find("Accounts", name, row[name]) if row[name] else []
        if any(other["AccountID"] != row["AccountID"] for other in same):
            work.problems.append(f"Please enter a unique {name}.")
    if given.get("TaxType"):
        row["TaxType"] = str(given["TaxType"])
        if work.get("TaxRates", row["TaxType"]) is None:
            work.problems.append(f"The TaxType code '{row['TaxType']}' does not exist.")


def _bank(work: Work, given: Mapping[str, Any], row: Row) -> None:
    row["BankAccountNumber"] = values.text(work, given, "BankAccountNumber", 50)
    row["BankAccountType"] = str(given.get("BankAccountType") or "BANK").upper()
    if not row["BankAccountNumber"]:
        work.problems.append("Please enter a bank account number.")
    row["CurrencyCode"] = str(given.get("CurrencyCode") or work.books.currency).upper()
    if work.get("Currencies", row["CurrencyCode"]) is None:
        work.problems.append(f"Organisation is not subscribed to currency {row['CurrencyCode']}")


def _archive_account(work: Work, row: Row, given: Mapping[str, Any]) -> str:
    status = str(given["Status"]).upper()
    if status not in {"ACTIVE", "ARCHIVED"}:
        raise RefusedError(f"The account status '{status}' is not valid.")
    if set(given) - {"AccountID", "Status"}:
        raise RefusedError("Accounts can only be archived by themselves: send nothing but the Status.")
    if row.get("SystemAccount"):
        raise RefusedError("System accounts cannot be archived.")
    work.put("Accounts", {**row, "Status": status})
    return str(row["AccountID"])


def delete_account(work: Work, key: str) -> Row:
    """Remove an account that nothing was ever posted to and return it."""
    row = _found(work, "Accounts", key, {}) or {}
    ledger = work.books.ledger
    used = {p.account_id for basis in (ACCRUAL, CASH) for p in ledger.postings(basis)}
    if row.get("SystemAccount") or row["AccountID"] in used:
        raise RefusedError("The account cannot be deleted as it is a system account or in use.")
    work.delete("Accounts", row["AccountID"])
    return {**row, "Status": "DELETED"}


def save_item(work: Work, given: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Create or update an item and return its id."""
    old = _found(work, "Items", key, given, "Code")
    if old is not None and create:
        raise RefusedError(f"Price List Item with Code '{old['Code']}' already exists")
    row: Row = old or {
        "ItemID": work.id(), "Code": "", "Description": "", "UpdatedDateUTC": "", "PurchaseDetails": {},
        "SalesDetails": {}, "Name": "", "IsTrackedAsInventory": False, "IsSold": True, "IsPurchased": True,
    }  # fmt: skip
    for name, longest in (("Code", 30), ("Name", 50), ("Description", 4000), ("PurchaseDescription", 4000)):
        if name in given:
            row[name] = values.text(work, given, name, longest)
    if not row["Code"]:
        work.problems.append("Please enter a Code.")
    if any(other["ItemID"] != row["ItemID"] for other in work.find("Items", "Code", row["Code"])):
        work.problems.append(f"Price List Item with Code '{row['Code']}' already exists")
    for name in ("SalesDetails", "PurchaseDetails"):
        sent = dict(values.part(given, name))
        if "UnitPrice" in sent:
            sent["UnitPrice"] = values.number(sent, "UnitPrice")
        if sent.get("AccountCode") and not work.find("Accounts", "Code", sent["AccountCode"]):
            work.problems.append(f"Account code '{sent['AccountCode']}' is not a valid code.")
        row[name] = {**row[name], **sent}
    for name in ("IsSold", "IsPurchased"):
        row[name] = values.flag(given, name, row[name])
    work.refuse_if_wrong()
    work.put("Items", row)
    return str(row["ItemID"])


def delete_item(work: Work, key: str) -> Row | None:
    """Remove an item; documents keep their lines."""
    row = _found(work, "Items", key, {}, "Code") or {}
    work.delete("Items", row["ItemID"])
    return None


def save_tax_rate(work: Work, given: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Create or update a tax rate and return its code; codes of new ones are TAX001 and so on."""
    old = _found(work, "TaxRates", key, {} if create else given, "Name")
    if create and work.find("TaxRates", "Name", given.get("Name") or "\0"):
        raise RefusedError("Please enter a unique Name.")
    status = str(given.get("Status") or (old or {}).get("Status") or "ACTIVE").upper()
    if status not in {"ACTIVE", "ARCHIVED", "DELETED"}:
        raise RefusedError(f"The status '{status}' is not valid for a tax rate.")
    row: Row = old or {**tax_rate(_next_code(work), "", 0, ANY), "TaxComponents": []}
    if "Name" in given or old is None:
        row["Name"] = values.text(work, given, "Name", 50)
    if not row["Name"]:
        work.problems.append("Please enter a Name.")
    sent = values.parts(given, "TaxComponents")
    if sent:
        row["TaxComponents"] = [
            {
                "Name": values.text(work, part, "Name", 50),
                "Rate": values.number(part, "Rate"),
                "IsCompound": values.flag(part, "IsCompound"),
                "IsNonRecoverable": values.flag(part, "IsNonRecoverable"),
            }
            for part in sent
        ]
        percent = sum(part["Rate"] or 0 for part in row["TaxComponents"])
        row |= {"DisplayTaxRate": percent, "EffectiveRate": percent}
    if not row["TaxComponents"]:
        work.problems.append("A tax rate must have at least one tax component.")
    work.refuse_if_wrong()
    row["Status"] = status
    work.put("TaxRates", row)
    return str(row["TaxType"])


def _next_code(work: Work) -> str:
    taken = {row["TaxType"] for row in work.every("TaxRates")}
    return next(code for number in range(1, 1000) if (code := f"TAX{number:03d}") not in taken)


def save_currency(work: Work, given: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Add a currency to the organisation and return its code; none can be removed."""
    del create, key
    code = str(given.get("Code") or "").upper()
    if not re.fullmatch(r"[A-Z]{3}", code):
        raise RefusedError(f"The currency code '{code}' is not valid.")
    if work.get("Currencies", code) is not None:
        raise RefusedError(f"Organisation is already subscribed to currency {code}")
    work.put("Currencies", {"Code": code, "Description": str(given.get("Description") or code)})
    return code


def save_category(work: Work, given: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Create or update a tracking category and return its id; two may be active."""
    old = _found(work, "TrackingCategories", key, {} if create else given)
    row: Row = old or {"Name": "", "Status": "ACTIVE", "TrackingCategoryID": work.id(), "Options": []}
    if "Name" in given or old is None:
        row["Name"] = values.text(work, given, "Name", 100)
    row["Status"] = str(given.get("Status") or row["Status"]).upper()
    others = [r for r in work.every("TrackingCategories") if r["TrackingCategoryID"] != row["TrackingCategoryID"]]
    if not row["Name"]:
        work.problems.append("Please enter a Name.")
    if any(other["Name"].lower() == row["Name"].lower() for other in others):
        work.problems.append("Please enter a unique Name.")
    active = [other for other in others if other["Status"] == "ACTIVE"]
    if row["Status"] == "ACTIVE" and len(active) >= _MOST_CATEGORIES:
        work.problems.append("An organisation can have at most 2 active tracking categories.")
    if row["Status"] not in {"ACTIVE", "ARCHIVED"}:
        work.problems.append(f"The status '{row['Status']}' is not valid for a tracking category.")
    work.refuse_if_wrong()
    work.put("TrackingCategories", row)
    return str(row["TrackingCategoryID"])


def save_option(work: Work, key: str, given: Mapping[str, Any], option_id: str | None = None) -> Row:
    """Create or update an option of a tracking category and return it."""
    category = _found(work, "TrackingCategories", key, {}) or {}
    old = next((o for o in category["Options"] if o["TrackingOptionID"] == str(option_id).lower()), None)
    if option_id is not None and old is None:
        raise MissingError(option_id)
    name = values.text(work, given, "Name", 100) or (old or {}).get("Name", "")
    if not name:
        work.problems.append("Please enter a Name.")
    if any(o["Name"].lower() == name.lower() and o is not old for o in category["Options"]):
        work.problems.append("Please enter a unique Name.")
    if old is None and len(category["Options"]) >= _MOST_OPTIONS:
        work.problems.append("A tracking category can have at most 100 options.")
    work.refuse_if_wrong()
    status = str(given.get("Status") or (old or {}).get("Status") or "ACTIVE").upper()
    made: Row = {
        "TrackingOptionID": old["TrackingOptionID"] if old else work.id(), "Name": name, "Status": status,
        "HasValidationErrors": False, "IsDeleted": status == "DELETED", "IsArchived": status == "ARCHIVED",
        "IsActive": status == "ACTIVE",
    }  # fmt: skip
    category["Options"] = [*(o for o in category["Options"] if o is not old), made]
    work.put("TrackingCategories", category)
    return made


def delete_category(work: Work, key: str) -> Row:
    """Remove a tracking category that no line uses, archive any other; return it."""
    row = _found(work, "TrackingCategories", key, {}) or {}
    guid = row["TrackingCategoryID"]
    used = any(category == guid for p in work.books.ledger.postings() for category, _ in p.tracking)
    row["Status"] = "ARCHIVED" if used else "DELETED"
    if used:
        work.put("TrackingCategories", row)
    else:
        work.delete("TrackingCategories", guid)
    return row


def delete_option(work: Work, key: str, option_id: str) -> Row:
    """Remove an option that no line uses, archive any other; return it."""
    category = _found(work, "TrackingCategories", key, {}) or {}
    old = next((o for o in category["Options"] if o["TrackingOptionID"] == option_id.lower()), None)
    if old is None:
        raise MissingError(option_id)
    used = any(o == old["TrackingOptionID"] for p in work.books.ledger.postings() for _, o in p.tracking)
    status = "ARCHIVED" if used else "DELETED"
    made = {**old, "Status": status, "IsDeleted": not used, "IsArchived": used, "IsActive": False}
    rest = [o for o in category["Options"] if o is not old]
    work.put("TrackingCategories", {**category, "Options": [*rest, made] if used else rest})
    return made
