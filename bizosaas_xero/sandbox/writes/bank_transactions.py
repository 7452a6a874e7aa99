"""Writing bank transactions (including prepayments and overpayments) and bank transfers."""

from collections.abc import Mapping
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.posting import ZERO
from bizosaas_xero.sandbox.writes import contacts, line_items, rules, values
from bizosaas_xero.sandbox.writes.unit_of_work import NotFoundError, RefusedError, UnitOfWork

_TYPES = {f"{direction}{kind}" for direction in ("RECEIVE", "SPEND") for kind in ("", "-OVERPAYMENT", "-PREPAYMENT")}
_NOT_EDITABLE = "This Bank Transaction cannot be edited"
_NOT_FOUND = "The document with the supplied id was not found for this endpoint."
# an overpayment is always on the control account
_CLOSED_TO_OVERPAYMENTS = frozenset(line_items.CLOSED_ACCOUNTS - {"DEBTORS", "CREDITORS"})


def get_bank_account(work: UnitOfWork, element: Mapping[str, Any], name: str) -> Row:
    """Return the bank account of an element.

    Raises:
        RefusedError: It is missing, or not a bank account.
    """
    account_part = values.child(element, name)
    account = line_items.find_account(
        work, {"AccountID": account_part.get("AccountID"), "AccountCode": account_part.get("Code")}
    )
    if account is None or account["Type"] != "BANK":
        raise RefusedError(f"The {name} must be specified and must be a bank account.")
    return account


def save_bank_transaction(work: UnitOfWork, element: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Record money spent or received, change it or delete it, and return its id."""
    old = _find_existing(work, "BankTransactions", "BankTransactionID", element, create=create, key=key)
    if _is_deletion(work, element, old) and old is not None:
        return _delete_bank_transaction(work, old)
    row = old or _new_row(work, element)
    date_before = xero_json.calendar_day(row["Date"]) if row["Date"] else None
    _set_fields(work, element, row)
    is_overpayment = str(row["Type"]).endswith("OVERPAYMENT")
    if "LineItems" in element or not old:
        sales = row["Type"].startswith("RECEIVE")
        line_parts = [
            _move_to_control_account(work, line, sales) if is_overpayment else line
            for line in values.children(element, "LineItems")
        ]
        closed = _CLOSED_TO_OVERPAYMENTS if is_overpayment else frozenset(line_items.CLOSED_ACCOUNTS)
        setting = line_items.LineContext(row["LineAmountTypes"], sales, strict=True, closed=closed)
        row["LineItems"] = line_items.read_lines(work, line_parts, row["LineItems"], setting)
    line_items.set_totals(row)
    if not row["LineItems"]:
        work.problems.append("One or more line items must be specified")
    elif row["Total"] <= 0:
        work.problems.append("The total of a bank transaction must be greater than zero.")
    rules.check_lock(work, date_before, xero_json.calendar_day(row["Date"]))
    work.raise_problems()
    if not old:
        _store_advance(work, row)
    work.put("BankTransactions", row)
    work.add_note("BankTransactions", row["BankTransactionID"], "Edited" if old else "Created", f"{row['Total']}")
    return str(row["BankTransactionID"])


def _is_deletion(work: UnitOfWork, element: Mapping[str, Any], old: Row | None) -> bool:
    """Return whether the request deletes a bank transaction.

    Raises:
        RefusedError: The transaction cannot be changed in this way.
    """
    status = str(element.get("Status") or "AUTHORISED").upper()
    if status not in {"AUTHORISED", "DELETED"} or (old is None and status == "DELETED"):
        raise RefusedError(f"The status '{status}' is not valid for this bank transaction.")
    if old is None:
        return False
    if old["Status"] != "AUTHORISED":
        raise RefusedError(f"{_NOT_EDITABLE} as it has been deleted or voided.")
    if old["IsReconciled"] and work.context.switches.reconciled_delete == "refused":
        raise RefusedError(f"{_NOT_EDITABLE} as it has been reconciled with a Bank Statement.")
    if status != "DELETED" and "-" in old["Type"]:
        raise RefusedError(f"{_NOT_EDITABLE} as it is a prepayment or an overpayment.")
    return status == "DELETED"


def _find_existing(
    work: UnitOfWork, entity: str, id_field: str, element: Mapping[str, Any], *, create: bool, key: str | None
) -> Row | None:
    guid = str(key or element.get(id_field) or "").lower()
    if not guid or guid == values.ZERO_ID:
        return None
    row = work.get(entity, guid)
    if row is None and key is not None:
        raise NotFoundError(key)
    if row is None:
        raise RefusedError(_NOT_FOUND)
    if create:
        raise RefusedError("An existing document cannot be created again; use POST to change it.")
    return row


def _move_to_control_account(work: UnitOfWork, line: Mapping[str, Any], sales: bool) -> Row:
    account = work.books.system_account("DEBTORS" if sales else "CREDITORS")
    return {**{name: value for name, value in line.items() if name != "AccountCode"}, "AccountID": account}


def _new_row(work: UnitOfWork, element: Mapping[str, Any]) -> Row:
    kind = str(element.get("Type") or "").upper()
    if kind not in _TYPES:
        raise RefusedError("The Type of the bank transaction is not valid; it cannot be a transfer.")
    return {
        "BankTransactionID": work.new_id(), "BankAccount": {}, "Type": kind, "Reference": "",
        "IsReconciled": False, "HasAttachments": False, "Contact": {}, "DateString": "", "Date": "",
        "Status": "AUTHORISED",
        "LineAmountTypes": "NoTax" if kind.endswith("OVERPAYMENT") else "Exclusive", "LineItems": [],
        "SubTotal": ZERO, "TotalTax": ZERO, "Total": ZERO, "UpdatedDateUTC": "", "CurrencyCode": "",
    }  # fmt: skip


def _set_fields(work: UnitOfWork, element: Mapping[str, Any], row: Row) -> None:
    if "BankAccount" in element or not row["BankAccount"]:
        account = get_bank_account(work, element, "BankAccount")
        row["BankAccount"] = {name: account.get(name, "") for name in ("AccountID", "Code", "Name")}
        row["CurrencyCode"] = account.get("CurrencyCode", work.books.currency)
    if str(element.get("CurrencyCode") or row["CurrencyCode"]).upper() != row["CurrencyCode"]:
        work.problems.append("The currency of a bank transaction must be that of its bank account.")
    if "Contact" in element or not row["Contact"]:
        contact = contacts.resolve_document_contact(work, element)
        if contact is not None:
            row["Contact"] = contacts.contact_stub(contact)
    today = work.books.today()
    date = (
        values.parse_day(work, element, "Date", xero_json.calendar_day(row["Date"]) if row["Date"] else today) or today
    )
    if row["CurrencyCode"] != work.books.currency and (
        row["Date"] != xero_json.xero_date(date) or "CurrencyRate" in element
    ):
        row["CurrencyRate"] = rules.currency_rate(work, element, row["CurrencyCode"], date)
    row |= {"Date": xero_json.xero_date(date), "DateString": f"{date}T00:00:00"}
    if not row["Type"].endswith("OVERPAYMENT"):
        row["LineAmountTypes"] = line_items.parse_mode(element, row["LineAmountTypes"])
    if "Reference" in element:
        row["Reference"] = values.parse_text(work, element, "Reference")
    if "IsReconciled" in element:
        row["IsReconciled"] = values.parse_flag(element, "IsReconciled")
    if element.get("Url"):
        row["Url"] = values.parse_url(work, element)


_ADVANCE_FIELDS = ("Type", "Contact", "Date", "DateString", "LineAmountTypes", "LineItems", "SubTotal", "TotalTax",
         "Total", "Reference", "CurrencyCode")  # fmt: skip


def _store_advance(work: UnitOfWork, row: Row) -> None:
    """Store the prepayment or overpayment of a new bank transaction, under the transaction's id."""
    entity = {"OVERPAYMENT": "Overpayments", "PREPAYMENT": "Prepayments"}.get(row["Type"].partition("-")[2])
    if entity is None:
        return
    id_field = rules.CREDITS[entity]
    guid = row[id_field] = row["BankTransactionID"]
    advance: Row = {
        id_field: guid, **{name: row[name] for name in _ADVANCE_FIELDS}, "Status": "AUTHORISED",
        "CurrencyRate": row.get("CurrencyRate", 1), "RemainingCredit": row["Total"], "Allocations": [],
        "Payments": [], "HasAttachments": False, "UpdatedDateUTC": "", "UpdatedDateUTCString": "", "ID": guid,
        "HasErrors": False,
    }  # fmt: skip
    rules.put_credit(work, entity, advance)


def _delete_bank_transaction(work: UnitOfWork, row: Row) -> str:
    rules.check_lock(work, xero_json.calendar_day(row["Date"]))
    for entity, id_field in rules.CREDITS.items():
        credit = work.get(entity, row[id_field]) if row.get(id_field) else None
        if credit is not None:
            if rules.used_amount(credit):
                raise RefusedError(f"{_NOT_EDITABLE} as part of it is allocated or paid back.")
            credit["Status"] = "VOIDED"
            rules.put_credit(work, entity, credit)
    work.raise_problems()
    row["Status"] = "DELETED"
    work.put("BankTransactions", row)
    work.add_note("BankTransactions", row["BankTransactionID"], "Deleted", f"{row['Total']}")
    return str(row["BankTransactionID"])


def save_transfer(work: UnitOfWork, element: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Move money between two bank accounts of one currency, or delete such a transfer; return its id."""
    old = _find_existing(work, "BankTransfers", "BankTransferID", element, create=create, key=key)
    if old is not None:
        if str(element.get("Status") or "").upper() != "DELETED" or old["Status"] == "DELETED":
            raise RefusedError("Bank transfers cannot be edited: only the status DELETED can be set.")
        reconciled = old["FromIsReconciled"] or old["ToIsReconciled"]
        if reconciled and work.context.switches.reconciled_delete == "refused":
            raise RefusedError("This bank transfer has been reconciled and cannot be deleted.")
        rules.check_lock(work, xero_json.calendar_day(old["Date"]))
        work.raise_problems()
        old["Status"] = "DELETED"
        work.put("BankTransfers", old)
        return str(old["BankTransferID"])
    source, target = (get_bank_account(work, element, f"{direction}BankAccount") for direction in ("From", "To"))
    if source["AccountID"] == target["AccountID"]:
        work.problems.append("Money cannot be transferred to the account it comes from.")
    currency = source.get("CurrencyCode", work.books.currency)
    if target.get("CurrencyCode", work.books.currency) != currency:
        work.problems.append("Money cannot be transferred between bank accounts of different currencies.")
    amount = values.parse_money(element, "Amount")
    if amount is None or amount <= 0:
        work.problems.append("The Amount must be greater than zero.")
    date = values.parse_day(work, element, "Date", work.books.today()) or work.books.today()
    rules.check_lock(work, date)
    row: Row = {
        "BankTransferID": work.new_id(),
        "DateString": f"{date}T00:00:00",
        "Date": xero_json.xero_date(date),
        "Status": "AUTHORISED",
        **{
            f"{direction}BankAccount": {name: account.get(name, "") for name in ("AccountID", "Code", "Name")}
            for direction, account in (("From", source), ("To", target))
        },
        "Amount": amount or ZERO,
        "CurrencyRate": rules.currency_rate(work, element, currency, date),
        "FromBankTransactionID": work.new_id(),
        "ToBankTransactionID": work.new_id(),
        "FromIsReconciled": values.parse_flag(element, "FromIsReconciled"),
        "ToIsReconciled": values.parse_flag(element, "ToIsReconciled"),
        "Reference": values.parse_text(work, element, "Reference"),
        "HasAttachments": False,
        "FromTracking": line_items.read_tracking(work, {"Tracking": element.get("FromTracking")}),
        "ToTracking": line_items.read_tracking(work, {"Tracking": element.get("ToTracking")}),
        "CreatedDateUTC": "",
    }
    work.raise_problems()
    work.put("BankTransfers", row)
    return str(row["BankTransferID"])
