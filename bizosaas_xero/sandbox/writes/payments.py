"""Writing payments and batch payments: they settle approved documents, and are reversed by deleting them."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.ledger import ZERO
from bizosaas_xero.sandbox.writes import line_items, rules, values
from bizosaas_xero.sandbox.writes.unit_of_work import MissingError, RefusedError, Work

# what a payment can settle: its key, entity, id, number, type of payment for customers and suppliers
TARGETS = (
    ("Invoice", "Invoices", "InvoiceID", "InvoiceNumber", "ACCRECPAYMENT", "ACCPAYPAYMENT"),
    ("CreditNote", "CreditNotes", "CreditNoteID", "CreditNoteNumber", "ARCREDITPAYMENT", "APCREDITPAYMENT"),
    ("Prepayment", "Prepayments", "PrepaymentID", "", "ARPREPAYMENTPAYMENT", "APPREPAYMENTPAYMENT"),
    ("Overpayment", "Overpayments", "OverpaymentID", "", "AROVERPAYMENTPAYMENT", "APOVERPAYMENTPAYMENT"),
)


def save(work: Work, given: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Pay a document, or delete a payment, and return the payment's id."""
    guid = str(key or given.get("PaymentID") or "").lower()
    if guid and guid != values.ZERO_ID and not create:
        return _change(work, guid, given, named=key is not None)
    if str(given.get("Status") or "AUTHORISED").upper() != "AUTHORISED":
        raise RefusedError("Payment not of valid status for creation")
    name, entity, document = target(work, given)
    account = paying_account(work, given)
    date = values.day(work, given, "Date", work.books.today()) or work.books.today()
    amount = values.money(given, "Amount")
    check(work, entity, document, account, amount, date)
    row = _row(work, given, name, document, account, xero_json.of_day(date))
    work.refuse_if_wrong()
    add(work, entity, document, row)
    work.note("Payments", row["PaymentID"], "Created", f"{row['Amount']}")
    return str(row["PaymentID"])


def target(work: Work, given: Mapping[str, Any]) -> tuple[str, str, Row]:
    """Return the one document a payment names: its key, its entity and its row.

    Raises:
        RefusedError: It names none, several, or one that does not exist.
    """
    named = [spec for spec in TARGETS if values.part(given, spec[0])]
    for flat, key in (("InvoiceNumber", "Invoice"), ("CreditNoteNumber", "CreditNote")):
        if not named and given.get(flat):
            return target(work, {key: {flat: given[flat]}})
    if len(named) != 1:
        raise RefusedError("A payment must have exactly one Invoice, CreditNote, Prepayment or Overpayment.")
    name, entity, id_field, number, *_ = named[0]
    sent = values.part(given, name)
    row = work.get(entity, sent.get(id_field))
    if row is None and number and sent.get(number):
        row = next((r for r in work.find(entity, number, sent[number]) if r["Status"] not in rules.DEAD), None)
    if row is None:
        raise RefusedError("The document with the supplied id was not found for this endpoint.")
    return name, entity, row


def paying_account(work: Work, given: Mapping[str, Any]) -> Row:
    """Return the account that money goes to or comes from.

    Raises:
        RefusedError: None is named, or one that takes no payments.
    """
    sent = values.part(given, "Account")
    code = sent.get("Code") or given.get("Code")
    account = line_items.account_of(work, {"AccountID": sent.get("AccountID"), "AccountCode": code})
    if account is None:
        raise RefusedError("Account must be valid.")
    if account["Type"] != "BANK" and not account["EnablePaymentsToAccount"]:
        raise RefusedError(f"Account code '{account.get('Code')}' is not a valid code for this document.")
    return account


def check(work: Work, entity: str, document: Row, account: Row, amount: Decimal | None, date: dt.date) -> None:
    """Collect what speaks against paying an amount of a document from an account on a day."""
    left = document["AmountDue" if entity == "Invoices" else "RemainingCredit"]
    if document["Status"] not in rules.LIVE:
        work.problems.append("Payments can only be made against Authorised documents")
    elif amount is None or amount <= 0:
        work.problems.append("The Payment amount must be greater than zero.")
    elif amount > left:
        work.problems.append("Payment amount exceeds the amount outstanding on this document")
    currency = account.get("CurrencyCode", work.books.currency)
    if currency not in {document["CurrencyCode"], work.books.currency}:
        work.problems.append("The currency of the account must be that of the document or the base currency.")
    rules.check_lock(work, date)


def _row(work: Work, given: Mapping[str, Any], name: str, document: Row, account: Row, date: str) -> Row:
    amount = values.money(given, "Amount") or ZERO
    rate = rules.rate(work, given, str(document["CurrencyCode"]), xero_json.day(date))
    same = account.get("CurrencyCode", work.books.currency) == document["CurrencyCode"]
    bank = amount if same else xero_json.cents(amount / rate)
    stated = values.money(given, "BankAmount")
    if stated is not None and not same and stated > 0:  # what the bank really moved says what the rate was
        bank, rate = stated, (amount / stated).quantize(Decimal("0.0000000001"))
    _, _, id_field, number, sales, purchases = next(spec for spec in TARGETS if spec[0] == name)
    receivable = document["Type"].startswith(("ACCREC", "RECEIVE"))
    inner: Row = {"Type": document["Type"], id_field: document[id_field]}
    if number:
        inner[number] = document.get(number, "")
    if name == "Invoice":
        inner |= {"Payments": [], "CreditNotes": [], "Prepayments": [], "Overpayments": [],
                  "IsDiscounted": False,
                  "HasErrors": False, "InvoicePaymentServices": []}  # fmt: skip
    inner |= {"Contact": document["Contact"], "LineItems": [], "CurrencyCode": document["CurrencyCode"]}
    reference = values.text(work, given, "Reference")
    return {
        "PaymentID": work.id(),
        "Date": date,
        "BankAmount": bank,
        "Amount": amount,
        **({"Reference": reference} if reference else {}),
        "CurrencyRate": rate,
        "PaymentType": sales if receivable else purchases,
        "Status": "AUTHORISED",
        "UpdatedDateUTC": "",
        "UpdatedDateUTCString": "",
        "HasAccount": True,
        "IsReconciled": values.flag(given, "IsReconciled"),
        "Account": {name: account[name] for name in ("AccountID", "Code") if account.get(name)},
        name: inner,
        "HasValidationErrors": False,
    }


def add(work: Work, entity: str, document: Row, row: Row) -> None:
    """Keep a payment, and what it changes on its document."""
    work.put("Payments", row)
    part = {name: row[name] for name in ("PaymentID", "Date", "Amount", "Reference", "CurrencyRate") if name in row}
    document["Payments"] = [
        *document["Payments"],
        {**part, "HasAccount": False, "HasValidationErrors": False},
    ]
    _keep(work, entity, document)


def _keep(work: Work, entity: str, document: Row) -> None:
    if entity == "Invoices":
        rules.put_invoice(work, document)
    else:
        rules.put_credit(work, entity, document)


def _change(work: Work, guid: str, given: Mapping[str, Any], *, named: bool) -> str:
    row = work.get("Payments", guid)
    if row is None:
        if named:
            raise MissingError(guid)
        raise RefusedError("The document with the supplied id was not found for this endpoint.")
    if str(given.get("Status") or "").upper() != "DELETED":
        raise RefusedError("Payments cannot be edited: only the status DELETED can be set.")
    if row["Status"] == "DELETED":
        raise RefusedError("Payment not of valid status for modification")
    if row.get("BatchPaymentID"):
        raise RefusedError("This payment is part of a batch payment and cannot be deleted by itself.")
    if row["IsReconciled"] and work.who.switches.reconciled_delete == "refused":
        raise RefusedError("This payment has been reconciled and cannot be deleted.")
    remove(work, row)
    return guid


def remove(work: Work, row: Row) -> None:
    """Reverse a payment: its document is open again by that amount."""
    name, entity, document = target(work, row)
    del name
    rules.check_lock(work, xero_json.day(row["Date"]))
    work.refuse_if_wrong()
    row["Status"] = "DELETED"
    work.put("Payments", row)
    document["Payments"] = [p for p in document["Payments"] if p["PaymentID"] != row["PaymentID"]]
    _keep(work, entity, document)
    work.note("Payments", row["PaymentID"], "Deleted", f"{row['Amount']}")


def save_batch(work: Work, given: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Pay several invoices with one line on the bank statement, or delete such a batch; return its id."""
    guid = str(key or given.get("BatchPaymentID") or "").lower()
    if guid and guid != values.ZERO_ID and not create:
        return _delete_batch(work, guid, given, named=key is not None)
    account = paying_account(work, given)
    date = values.day(work, given, "Date", work.books.today()) or work.books.today()
    sent = values.parts(given, "Payments")
    if not sent:
        raise RefusedError("A batch payment must have at least one payment.")
    made: list[Row] = []
    batch, kinds = work.id(), set()
    for part in sent:
        name, entity, document = target(work, part)
        kinds.add(document["Type"])
        if entity != "Invoices":
            raise RefusedError("Batch payments can only be made against invoices and bills.")
        check(work, entity, document, account, values.money(part, "Amount"), date)
        row = _row(
            work,
            {**part, "Reference": part.get("Reference")},
            name,
            document,
            account,
            xero_json.of_day(date),
        )
        work.refuse_if_wrong()
        row["BatchPaymentID"] = batch
        add(work, entity, document, row)
        made.append(row)
    if len(kinds) > 1:
        raise RefusedError("All invoices of a batch payment must be of the same type.")
    total = sum((row["BankAmount"] for row in made), ZERO)
    kept: Row = {
        "Account": {
            "AccountID": account["AccountID"],
            "CurrencyCode": account.get("CurrencyCode", work.books.currency),
        },
        **{
            name: values.text(work, given, name, most)
            for name, most in (("Reference", 255), ("Particulars", 12), ("Code", 12), ("Details", 18),
                               ("Narrative", 18))
            if given.get(name)
        },
        "BatchPaymentID": batch,
        "Date": xero_json.of_day(date),
        "DateString": f"{date}T00:00:00",
        "Payments": [
            {
                "Invoice": {n: v for n, v in row["Invoice"].items() if n != "Contact"},
                **{n: row[n] for n in ("PaymentID", "Amount", "BankAmount")},
            }
            for row in made
        ],
        "Type": "RECBATCH" if kinds == {"ACCREC"} else "PAYBATCH",
        "Status": "AUTHORISED",
        "TotalAmount": total,
        "UpdatedDateUTC": "",
        "IsReconciled": False,
    }  # fmt: skip
    work.refuse_if_wrong()
    work.put("BatchPayments", kept)
    for row in made:
        row["BatchPayment"] = {name: kept[name] for name in _BATCH}
        work.put("Payments", row)
    return batch


_BATCH = ("Account", "BatchPaymentID", "Date", "Type", "Status", "TotalAmount", "IsReconciled")


def _delete_batch(work: Work, guid: str, given: Mapping[str, Any], *, named: bool) -> str:
    batch = work.get("BatchPayments", guid)
    if batch is None:
        if named:
            raise MissingError(guid)
        raise RefusedError("The document with the supplied id was not found for this endpoint.")
    if str(given.get("Status") or "").upper() != "DELETED" or batch["Status"] == "DELETED":
        raise RefusedError("Batch payment not of valid status for modification")
    if work.who.switches.batch_delete == "refused":
        raise RefusedError("Batch payments cannot be deleted.")
    rows = [work.get("Payments", part["PaymentID"]) for part in batch["Payments"]]
    live = [row for row in rows if row is not None and row["Status"] != "DELETED"]
    reconciled = batch["IsReconciled"] or any(row["IsReconciled"] for row in live)
    if reconciled and work.who.switches.reconciled_delete == "refused":
        raise RefusedError("This batch payment has been reconciled and cannot be deleted.")
    for row in live:
        remove(work, row)
    batch |= {"Status": "DELETED", "Payments": []}
    work.put("BatchPayments", batch)
    return guid
