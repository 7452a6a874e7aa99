"""Writing bank transactions (with the prepayments and overpayments they may be) and bank transfers."""

from collections.abc import Mapping
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.ledger import ZERO
from bizosaas_xero.sandbox.writes import contacts, line_items, rules, values
from bizosaas_xero.sandbox.writes.unit_of_work import MissingError, RefusedError, Work

_KINDS = {f"{way}{kind}" for way in ("RECEIVE", "SPEND") for kind in ("", "-OVERPAYMENT", "-PREPAYMENT")}
_NOT_VALID = "This Bank Transaction cannot be edited"
_NOT_FOUND = "The document with the supplied id was not found for this endpoint."
# an overpayment always stands on the control account
_ANYWHERE = frozenset(line_items.CLOSED - {"DEBTORS", "CREDITORS"})


def bank_account(work: Work, given: Mapping[str, Any], name: str) -> Row:
    """Return the bank account that an element names.

    Raises:
        RefusedError: It names none, or another kind of account.
    """
    sent = values.part(given, name)
    account = line_items.account_of(work, {"AccountID": sent.get("AccountID"), "AccountCode": sent.get("Code")})
    if account is None or account["Type"] != "BANK":
        raise RefusedError(f"The {name} must be specified and must be a bank account.")
    return account


def save(work: Work, given: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Record money spent or received, change it or delete it, and return its id."""
    old = _existing(work, "BankTransactions", "BankTransactionID", given, create=create, key=key)
    if _deleting(work, given, old) and old is not None:
        return _delete(work, old)
    row = old or _new(work, given)
    before = xero_json.day(row["Date"]) if row["Date"] else None
    _fields(work, given, row)
    account = str(row["Type"]).endswith("OVERPAYMENT")
    if "LineItems" in given or not old:
        sales = row["Type"].startswith("RECEIVE")
        sent = [_on_control(work, line, sales) if account else line for line in values.parts(given, "LineItems")]
        closed = _ANYWHERE if account else frozenset(line_items.CLOSED)
        setting = line_items.Setting(row["LineAmountTypes"], sales, strict=True, closed=closed)
        row["LineItems"] = line_items.read(work, sent, row["LineItems"], setting)
    line_items.total(row)
    if not row["LineItems"]:
        work.problems.append("One or more line items must be specified")
    elif row["Total"] <= 0:
        work.problems.append("The total of a bank transaction must be greater than zero.")
    rules.check_lock(work, before, xero_json.day(row["Date"]))
    work.refuse_if_wrong()
    if not old:
        _prepaid(work, row)
    work.put("BankTransactions", row)
    work.note("BankTransactions", row["BankTransactionID"], "Edited" if old else "Created", f"{row['Total']}")
    return str(row["BankTransactionID"])


def _deleting(work: Work, given: Mapping[str, Any], old: Row | None) -> bool:
    """Tell whether a bank transaction is to be deleted.

    Raises:
        RefusedError: It must not be touched, or not in this way.
    """
    status = str(given.get("Status") or "AUTHORISED").upper()
    if status not in {"AUTHORISED", "DELETED"} or (old is None and status == "DELETED"):
        raise RefusedError(f"The status '{status}' is not valid for this bank transaction.")
    if old is None:
        return False
    if old["Status"] != "AUTHORISED":
        raise RefusedError(f"{_NOT_VALID} as it has been deleted or voided.")
    if old["IsReconciled"] and work.who.switches.reconciled_delete == "refused":
        raise RefusedError(f"{_NOT_VALID} as it has been reconciled with a Bank Statement.")
    if status != "DELETED" and "-" in old["Type"]:
        raise RefusedError(f"{_NOT_VALID} as it is a prepayment or an overpayment.")
    return status == "DELETED"


def _existing(
    work: Work, entity: str, id_field: str, given: Mapping[str, Any], *, create: bool, key: str | None
) -> Row | None:
    guid = str(key or given.get(id_field) or "").lower()
    if not guid or guid == values.ZERO_ID:
        return None
    row = work.get(entity, guid)
    if row is None and key is not None:
        raise MissingError(key)
    if row is None:
        raise RefusedError(_NOT_FOUND)
    if create:
        raise RefusedError("An existing document cannot be created again; use POST to change it.")
    return row


def _on_control(work: Work, line: Mapping[str, Any], sales: bool) -> Row:
    account = work.books.system_account("DEBTORS" if sales else "CREDITORS")
    return {**{name: value for name, value in line.items() if name != "AccountCode"}, "AccountID": account}


def _new(work: Work, given: Mapping[str, Any]) -> Row:
    kind = str(given.get("Type") or "").upper()
    if kind not in _KINDS:
        raise RefusedError("The Type of the bank transaction is not valid; it cannot be a transfer.")
    return {
        "BankTransactionID": work.id(), "BankAccount": {}, "Type": kind, "Reference": "",
        "IsReconciled": False, "HasAttachments": False, "Contact": {}, "DateString": "", "Date": "",
        "Status": "AUTHORISED",
        "LineAmountTypes": "NoTax" if kind.endswith("OVERPAYMENT") else "Exclusive", "LineItems": [],
        "SubTotal": ZERO, "TotalTax": ZERO, "Total": ZERO, "UpdatedDateUTC": "", "CurrencyCode": "",
    }  # fmt: skip


def _fields(work: Work, given: Mapping[str, Any], row: Row) -> None:
    if "BankAccount" in given or not row["BankAccount"]:
        account = bank_account(work, given, "BankAccount")
        row["BankAccount"] = {name: account.get(name, "") for name in ("AccountID", "Code", "Name")}
        row["CurrencyCode"] = account.get("CurrencyCode", work.books.currency)
    if str(given.get("CurrencyCode") or row["CurrencyCode"]).upper() != row["CurrencyCode"]:
        work.problems.append("The currency of a bank transaction must be that of its bank account.")
    if "Contact" in given or not row["Contact"]:
        contact = contacts.of_document(work, given)
        if contact is not None:
            row["Contact"] = contacts.stub(contact)
    today = work.books.today()
    date = values.day(work, given, "Date", xero_json.day(row["Date"]) if row["Date"] else today) or today
    if row["CurrencyCode"] != work.books.currency and (
        row["Date"] != xero_json.of_day(date) or "CurrencyRate" in given
    ):
        row["CurrencyRate"] = rules.rate(work, given, row["CurrencyCode"], date)
    row |= {"Date": xero_json.of_day(date), "DateString": f"{date}T00:00:00"}
    if not row["Type"].endswith("OVERPAYMENT"):
        row["LineAmountTypes"] = line_items.mode_of(given, row["LineAmountTypes"])
    if "Reference" in given:
        row["Reference"] = values.text(work, given, "Reference")
    if "IsReconciled" in given:
        row["IsReconciled"] = values.flag(given, "IsReconciled")
    if given.get("Url"):
        row["Url"] = values.address(work, given)


_SAME = ("Type", "Contact", "Date", "DateString", "LineAmountTypes", "LineItems", "SubTotal", "TotalTax",
         "Total", "Reference", "CurrencyCode")  # fmt: skip


def _prepaid(work: Work, row: Row) -> None:
    """Keep the prepayment or overpayment that a new bank transaction is; it has the transaction's id."""
    entity = {"OVERPAYMENT": "Overpayments", "PREPAYMENT": "Prepayments"}.get(row["Type"].partition("-")[2])
    if entity is None:
        return
    id_field = rules.CREDITS[entity]
    guid = row[id_field] = row["BankTransactionID"]
    made: Row = {
        id_field: guid, **{name: row[name] for name in _SAME}, "Status": "AUTHORISED",
        "CurrencyRate": row.get("CurrencyRate", 1), "RemainingCredit": row["Total"], "Allocations": [],
        "Payments": [], "HasAttachments": False, "UpdatedDateUTC": "", "UpdatedDateUTCString": "", "ID": guid,
        "HasErrors": False,
    }  # fmt: skip
    rules.put_credit(work, entity, made)


def _delete(work: Work, row: Row) -> str:
    rules.check_lock(work, xero_json.day(row["Date"]))
    for entity, id_field in rules.CREDITS.items():
        credit = work.get(entity, row[id_field]) if row.get(id_field) else None
        if credit is not None:
            if rules.used(credit):
                raise RefusedError(f"{_NOT_VALID} as part of it is allocated or paid back.")
            credit["Status"] = "VOIDED"
            rules.put_credit(work, entity, credit)
    work.refuse_if_wrong()
    row["Status"] = "DELETED"
    work.put("BankTransactions", row)
    work.note("BankTransactions", row["BankTransactionID"], "Deleted", f"{row['Total']}")
    return str(row["BankTransactionID"])


def save_transfer(work: Work, given: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Move money between two bank accounts of one currency, or delete such a transfer; return its id."""
    old = _existing(work, "BankTransfers", "BankTransferID", given, create=create, key=key)
    if old is not None:
        if str(given.get("Status") or "").upper() != "DELETED" or old["Status"] == "DELETED":
            raise RefusedError("Bank transfers cannot be edited: only the status DELETED can be set.")
        reconciled = old["FromIsReconciled"] or old["ToIsReconciled"]
        if reconciled and work.who.switches.reconciled_delete == "refused":
            raise RefusedError("This bank transfer has been reconciled and cannot be deleted.")
        rules.check_lock(work, xero_json.day(old["Date"]))
        work.refuse_if_wrong()
        old["Status"] = "DELETED"
        work.put("BankTransfers", old)
        return str(old["BankTransferID"])
    source, goal = (bank_account(work, given, f"{way}BankAccount") for way in ("From", "To"))
    if source["AccountID"] == goal["AccountID"]:
        work.problems.append("Money cannot be transferred to the account it comes from.")
    currency = source.get("CurrencyCode", work.books.currency)
    if goal.get("CurrencyCode", work.books.currency) != currency:
        work.problems.append("Money cannot be transferred between bank accounts of different currencies.")
    amount = values.money(given, "Amount")
    if amount is None or amount <= 0:
        work.problems.append("The Amount must be greater than zero.")
    date = values.day(work, given, "Date", work.books.today()) or work.books.today()
    rules.check_lock(work, date)
    row: Row = {
        "BankTransferID": work.id(),
        "DateString": f"{date}T00:00:00",
        "Date": xero_json.of_day(date),
        "Status": "AUTHORISED",
        **{
            f"{way}BankAccount": {name: account.get(name, "") for name in ("AccountID", "Code", "Name")}
            for way, account in (("From", source), ("To", goal))
        },
        "Amount": amount or ZERO,
        "CurrencyRate": rules.rate(work, given, currency, date),
        "FromBankTransactionID": work.id(),
        "ToBankTransactionID": work.id(),
        "FromIsReconciled": values.flag(given, "FromIsReconciled"),
        "ToIsReconciled": values.flag(given, "ToIsReconciled"),
        "Reference": values.text(work, given, "Reference"),
        "HasAttachments": False,
        "FromTracking": line_items.tracking(work, {"Tracking": given.get("FromTracking")}),
        "ToTracking": line_items.tracking(work, {"Tracking": given.get("ToTracking")}),
        "CreatedDateUTC": "",
    }
    work.refuse_if_wrong()
    work.put("BankTransfers", row)
    return str(row["BankTransferID"])
