"""Writing accounts, items, tax rates, currencies and tracking categories."""

import re
from collections.abc import Mapping
from typing import Any

from bizosaas_xero.sandbox.core.countries import ANY, tax_rate
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.posting import ACCRUAL, CASH
from bizosaas_xero.sandbox.writes import line_items, values
from bizosaas_xero.sandbox.writes.unit_of_work import NotFoundError, RefusedError, UnitOfWork

_CLASSES = {
    "BANK": "ASSET", "CURRENT": "ASSET", "FIXED": "ASSET", "INVENTORY": "ASSET", "NONCURRENT": "ASSET",
    "PREPAYMENT": "ASSET", "CURRLIAB": "LIABILITY", "LIABILITY": "LIABILITY", "TERMLIAB": "LIABILITY",
    "PAYGLIABILITY": "LIABILITY", "EQUITY": "EQUITY", "DEPRECIATN": "EXPENSE", "DIRECTCOSTS": "EXPENSE",
    "EXPENSE": "EXPENSE", "OVERHEADS": "EXPENSE", "OTHERINCOME": "REVENUE", "REVENUE": "REVENUE",
    "SALES": "REVENUE",
}  # fmt: skip
_MAX_CATEGORIES = 2
_MAX_OPTIONS = 100


def _find_row(work: UnitOfWork, entity: str, key: str | None, element: Mapping[str, Any], *names: str) -> Row | None:
    """Return the row of an address or element, by id or by one of its names."""
    id_field = work.books.table(entity).id_field
    guid = key or element.get(id_field)
    row = work.get(entity, guid) if guid and guid != values.ZERO_ID else None
    for name in names if row is None else ():
        value = key or element.get(name)
        row = row or next(iter(work.find(entity, name, value) if value else ()), None)
    if row is None and key is not None:
        raise NotFoundError(key)
    return row


def save_account(work: UnitOfWork, element: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Create or update an account and return its id."""
    old = _account_to_change(work, element, create=create, key=key)
    if old is not None and str(element.get("Status") or old["Status"]).upper() != old["Status"]:
        return _archive_account(work, old, element)
    kind = str(element.get("Type") or (old or {}).get("Type") or "").upper()
    if kind not in _CLASSES:
        raise RefusedError(f"The account type '{kind}' is not valid.")
    row: Row = old or {
        "AccountID": work.new_id(), "Code": "", "Name": "", "Status": "ACTIVE", "Type": kind,
        "TaxType": line_items.untaxed_code(work), "Class": _CLASSES[kind], "EnablePaymentsToAccount": False,
        "ShowInExpenseClaims": False, "BankAccountType": "", "ReportingCode": _CLASSES[kind][:3],
        "ReportingCodeName": _CLASSES[kind].title(), "HasAttachments": False, "AddToWatchlist": False,
    }  # fmt: skip
    if old is not None and old.get("SystemAccount") and kind != old["Type"]:
        work.problems.append("The type of a system account cannot be changed.")
    row |= {"Type": kind, "Class": _CLASSES[kind]}
    for name, max_chars in (("Code", 10), ("Name", 150), ("Description", 4000)):
        if name in element:
            row[name] = values.parse_text(work, element, name, max_chars)
    for name in ("EnablePaymentsToAccount", "ShowInExpenseClaims", "AddToWatchlist"):
        row[name] = values.parse_flag(element, name, row[name])
    if kind == "BANK":
        _set_bank_fields(work, element, row)
    _check_account(work, element, row)
    work.raise_problems()
    work.put("Accounts", row)
    return str(row["AccountID"])


def _account_to_change(work: UnitOfWork, element: Mapping[str, Any], *, create: bool, key: str | None) -> Row | None:
    old = _find_row(work, "Accounts", key, {} if create else element)
    if old is None and element.get("AccountID") and not create:
        raise RefusedError("The document with the supplied id was not found for this endpoint.")
    archiving = old is not None and str(element.get("Status") or old["Status"]).upper() != old["Status"]
    if old is not None and old["Type"] == "BANK" and not archiving:
        raise RefusedError("Bank accounts cannot be updated via the API.")
    return old


def _check_account(work: UnitOfWork, element: Mapping[str, Any], row: Row) -> None:
    if not row["Name"]:
        work.problems.append("Please enter a Name.")
    if not row["Code"] and row["Type"] != "BANK":
        work.problems.append("Please enter a Code.")
    for name in ("Code", "Name"):
        namesakes = work.find("Accounts", name, row[name]) if row[name] else []
        if any(other["AccountID"] != row["AccountID"] for other in namesakes):
            work.problems.append(f"Please enter a unique {name}.")
    if element.get("TaxType"):
        row["TaxType"] = str(element["TaxType"])
        if work.get("TaxRates", row["TaxType"]) is None:
            work.problems.append(f"The TaxType code '{row['TaxType']}' does not exist.")


def _set_bank_fields(work: UnitOfWork, element: Mapping[str, Any], row: Row) -> None:
    row["BankAccountNumber"] = values.parse_text(work, element, "BankAccountNumber", 50)
    row["BankAccountType"] = str(element.get("BankAccountType") or "BANK").upper()
    if not row["BankAccountNumber"]:
        work.problems.append("Please enter a bank account number.")
    row["CurrencyCode"] = str(element.get("CurrencyCode") or work.books.currency).upper()
    if work.get("Currencies", row["CurrencyCode"]) is None:
        work.problems.append(f"Organisation is not subscribed to currency {row['CurrencyCode']}")


def _archive_account(work: UnitOfWork, row: Row, element: Mapping[str, Any]) -> str:
    status = str(element["Status"]).upper()
    if status not in {"ACTIVE", "ARCHIVED"}:
        raise RefusedError(f"The account status '{status}' is not valid.")
    if set(element) - {"AccountID", "Status"}:
        raise RefusedError("Accounts can only be archived by themselves: send nothing but the Status.")
    if row.get("SystemAccount"):
        raise RefusedError("System accounts cannot be archived.")
    work.put("Accounts", {**row, "Status": status})
    return str(row["AccountID"])


def delete_account(work: UnitOfWork, key: str) -> Row:
    """Remove an account without postings and return it."""
    row = _find_row(work, "Accounts", key, {}) or {}
    ledger = work.books.ledger
    used = {p.account_id for basis in (ACCRUAL, CASH) for p in ledger.postings(basis)}
    if row.get("SystemAccount") or row["AccountID"] in used:
        raise RefusedError("The account cannot be deleted as it is a system account or in use.")
    work.delete("Accounts", row["AccountID"])
    return {**row, "Status": "DELETED"}


def save_item(work: UnitOfWork, element: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Create or update an item and return its id."""
    old = _find_row(work, "Items", key, element, "Code")
    if old is not None and create:
        raise RefusedError(f"Price List Item with Code '{old['Code']}' already exists")
    row: Row = old or {
        "ItemID": work.new_id(), "Code": "", "Description": "", "UpdatedDateUTC": "", "PurchaseDetails": {},
        "SalesDetails": {}, "Name": "", "IsTrackedAsInventory": False, "IsSold": True, "IsPurchased": True,
    }  # fmt: skip
    for name, max_chars in (("Code", 30), ("Name", 50), ("Description", 4000), ("PurchaseDescription", 4000)):
        if name in element:
            row[name] = values.parse_text(work, element, name, max_chars)
    if not row["Code"]:
        work.problems.append("Please enter a Code.")
    if any(other["ItemID"] != row["ItemID"] for other in work.find("Items", "Code", row["Code"])):
        work.problems.append(f"Price List Item with Code '{row['Code']}' already exists")
    for name in ("SalesDetails", "PurchaseDetails"):
        part = dict(values.child(element, name))
        if "UnitPrice" in part:
            part["UnitPrice"] = values.parse_number(part, "UnitPrice")
        if part.get("AccountCode") and not work.find("Accounts", "Code", part["AccountCode"]):
            work.problems.append(f"Account code '{part['AccountCode']}' is not a valid code.")
        row[name] = {**row[name], **part}
    for name in ("IsSold", "IsPurchased"):
        row[name] = values.parse_flag(element, name, row[name])
    work.raise_problems()
    work.put("Items", row)
    return str(row["ItemID"])


def delete_item(work: UnitOfWork, key: str) -> Row | None:
    """Remove an item; lines of documents stay."""
    row = _find_row(work, "Items", key, {}, "Code") or {}
    work.delete("Items", row["ItemID"])
    return None


def save_tax_rate(work: UnitOfWork, element: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Create or update a tax rate and return its code; codes of new ones are TAX001 and so on."""
    old = _find_row(work, "TaxRates", key, {} if create else element, "Name")
    if create and work.find("TaxRates", "Name", element.get("Name") or "\0"):
        raise RefusedError("Please enter a unique Name.")
    status = str(element.get("Status") or (old or {}).get("Status") or "ACTIVE").upper()
    if status not in {"ACTIVE", "ARCHIVED", "DELETED"}:
        raise RefusedError(f"The status '{status}' is not valid for a tax rate.")
    row: Row = old or {**tax_rate(_next_code(work), "", 0, ANY), "TaxComponents": []}
    if "Name" in element or old is None:
        row["Name"] = values.parse_text(work, element, "Name", 50)
    if not row["Name"]:
        work.problems.append("Please enter a Name.")
    part = values.children(element, "TaxComponents")
    if part:
        row["TaxComponents"] = [
            {
                "Name": values.parse_text(work, part, "Name", 50),
                "Rate": values.parse_number(part, "Rate"),
                "IsCompound": values.parse_flag(part, "IsCompound"),
                "IsNonRecoverable": values.parse_flag(part, "IsNonRecoverable"),
            }
            for part in part
        ]
        percent = sum(part["Rate"] or 0 for part in row["TaxComponents"])
        row |= {"DisplayTaxRate": percent, "EffectiveRate": percent}
    if not row["TaxComponents"]:
        work.problems.append("A tax rate must have at least one tax component.")
    work.raise_problems()
    row["Status"] = status
    work.put("TaxRates", row)
    return str(row["TaxType"])


def _next_code(work: UnitOfWork) -> str:
    used_codes = {row["TaxType"] for row in work.iter_rows("TaxRates")}
    return next(code for number in range(1, 1000) if (code := f"TAX{number:03d}") not in used_codes)


def save_currency(work: UnitOfWork, element: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Add a currency to the organisation and return its code; none can be removed."""
    del create, key
    code = str(element.get("Code") or "").upper()
    if not re.fullmatch(r"[A-Z]{3}", code):
        raise RefusedError(f"The currency code '{code}' is not valid.")
    if work.get("Currencies", code) is not None:
        raise RefusedError(f"Organisation is already subscribed to currency {code}")
    work.put("Currencies", {"Code": code, "Description": str(element.get("Description") or code)})
    return code


def save_category(work: UnitOfWork, element: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Create or update a tracking category and return its id; two may be active."""
    old = _find_row(work, "TrackingCategories", key, {} if create else element)
    row: Row = old or {"Name": "", "Status": "ACTIVE", "TrackingCategoryID": work.new_id(), "Options": []}
    if "Name" in element or old is None:
        row["Name"] = values.parse_text(work, element, "Name", 100)
    row["Status"] = str(element.get("Status") or row["Status"]).upper()
    others = [r for r in work.iter_rows("TrackingCategories") if r["TrackingCategoryID"] != row["TrackingCategoryID"]]
    if not row["Name"]:
        work.problems.append("Please enter a Name.")
    if any(other["Name"].lower() == row["Name"].lower() for other in others):
        work.problems.append("Please enter a unique Name.")
    active = [other for other in others if other["Status"] == "ACTIVE"]
    if row["Status"] == "ACTIVE" and len(active) >= _MAX_CATEGORIES:
        work.problems.append("An organisation can have at most 2 active tracking categories.")
    if row["Status"] not in {"ACTIVE", "ARCHIVED"}:
        work.problems.append(f"The status '{row['Status']}' is not valid for a tracking category.")
    work.raise_problems()
    work.put("TrackingCategories", row)
    return str(row["TrackingCategoryID"])


def save_option(work: UnitOfWork, key: str, element: Mapping[str, Any], option_id: str | None = None) -> Row:
    """Create or update an option of a tracking category and return it."""
    category = _find_row(work, "TrackingCategories", key, {}) or {}
    old = next((o for o in category["Options"] if o["TrackingOptionID"] == str(option_id).lower()), None)
    if option_id is not None and old is None:
        raise NotFoundError(option_id)
    name = values.parse_text(work, element, "Name", 100) or (old or {}).get("Name", "")
    if not name:
        work.problems.append("Please enter a Name.")
    if any(o["Name"].lower() == name.lower() and o is not old for o in category["Options"]):
        work.problems.append("Please enter a unique Name.")
    if old is None and len(category["Options"]) >= _MAX_OPTIONS:
        work.problems.append("A tracking category can have at most 100 options.")
    work.raise_problems()
    status = str(element.get("Status") or (old or {}).get("Status") or "ACTIVE").upper()
    option: Row = {
        "TrackingOptionID": old["TrackingOptionID"] if old else work.new_id(), "Name": name, "Status": status,
        "HasValidationErrors": False, "IsDeleted": status == "DELETED", "IsArchived": status == "ARCHIVED",
        "IsActive": status == "ACTIVE",
    }  # fmt: skip
    category["Options"] = [*(o for o in category["Options"] if o is not old), option]
    work.put("TrackingCategories", category)
    return option


def delete_category(work: UnitOfWork, key: str) -> Row:
    """Remove an unused tracking category, archive a used one; return it."""
    row = _find_row(work, "TrackingCategories", key, {}) or {}
    guid = row["TrackingCategoryID"]
    used = any(category == guid for p in work.books.ledger.postings() for category, _ in p.tracking)
    row["Status"] = "ARCHIVED" if used else "DELETED"
    if used:
        work.put("TrackingCategories", row)
    else:
        work.delete("TrackingCategories", guid)
    return row


def delete_option(work: UnitOfWork, key: str, option_id: str) -> Row:
    """Remove an unused option, archive a used one; return it."""
    category = _find_row(work, "TrackingCategories", key, {}) or {}
    old = next((o for o in category["Options"] if o["TrackingOptionID"] == option_id.lower()), None)
    if old is None:
        raise NotFoundError(option_id)
    used = any(o == old["TrackingOptionID"] for p in work.books.ledger.postings() for _, o in p.tracking)
    status = "ARCHIVED" if used else "DELETED"
    option = {**old, "Status": status, "IsDeleted": not used, "IsArchived": used, "IsActive": False}
    other_options = [o for o in category["Options"] if o is not old]
    work.put("TrackingCategories", {**category, "Options": [*other_options, option] if used else other_options})
    return option
