"""Writing payments and batch payments: they settle approved documents; deleting them reverses that."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.posting import ZERO
from bizosaas_xero.sandbox.ledger.posting_rules import settled_entity
from bizosaas_xero.sandbox.writes import line_items, rules, values
from bizosaas_xero.sandbox.writes.unit_of_work import NotFoundError, RefusedError, UnitOfWork

# the documents a payment can settle: key, entity, id, number, payment type for customers and suppliers
TARGETS = (
    ("Invoice", "Invoices", "InvoiceID", "InvoiceNumber", "ACCRECPAYMENT", "ACCPAYPAYMENT"),
    ("CreditNote", "CreditNotes", "CreditNoteID", "CreditNoteNumber", "ARCREDITPAYMENT", "APCREDITPAYMENT"),
    ("Prepayment", "Prepayments", "PrepaymentID", "", "ARPREPAYMENTPAYMENT", "APPREPAYMENTPAYMENT"),
    ("Overpayment", "Overpayments", "OverpaymentID", "", "AROVERPAYMENTPAYMENT", "APOVERPAYMENTPAYMENT"),
)

# Invoice.Type of a prepayment or overpayment inside a payment (OpenAPI); credit notes keep their type
_INVOICE_TYPES = {
    "RECEIVE-PREPAYMENT": "ARPREPAYMENT",
    "SPEND-PREPAYMENT": "APPREPAYMENT",
    "RECEIVE-OVERPAYMENT": "AROVERPAYMENT",
    "SPEND-OVERPAYMENT": "APOVERPAYMENT",
}


def save_payment(work: UnitOfWork, element: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Pay a document, or delete a payment, and return the payment's id."""
    guid = str(key or element.get("PaymentID") or "").lower()
    if guid and guid != values.ZERO_ID and not create:
        return _delete_payment(work, guid, element, named=key is not None)
    if str(element.get("Status") or "AUTHORISED").upper() != "AUTHORISED":
        raise RefusedError("Payment not of valid status for creation")
    name, entity, document = find_target(work, element)
    account = get_payment_account(work, element)
    date = values.parse_day(work, element, "Date", work.books.today()) or work.books.today()
    amount = values.parse_money(element, "Amount")
    check_payment(work, entity, document, account, amount, date)
    row = _payment_row(work, element, name, document, account, xero_json.xero_date(date))
    work.raise_problems()
    store_payment(work, entity, document, row)
    work.add_note("Payments", row["PaymentID"], "Created", f"{row['Amount']}")
    return str(row["PaymentID"])


def find_target(work: UnitOfWork, element: Mapping[str, Any]) -> tuple[str, str, Row]:
    """Return the document of a payment: its key, its entity and its row.

    Raises:
        RefusedError: It names no document, several, or an unknown one.
    """
    named = [spec for spec in TARGETS if values.child(element, spec[0])]
    for flat, key in (("InvoiceNumber", "Invoice"), ("CreditNoteNumber", "CreditNote")):
        if not named and element.get(flat):
            return find_target(work, {key: {flat: element[flat]}})
    if len(named) != 1:
        raise RefusedError("A payment must have exactly one Invoice, CreditNote, Prepayment or Overpayment.")
    name, entity, id_field, number, *_ = named[0]
    part = values.child(element, name)
    row = work.get(entity, part.get(id_field))
    if row is None and number and part.get(number):
        row = next((r for r in work.find(entity, number, part[number]) if r["Status"] not in rules.DEAD), None)
    if row is None:
        raise RefusedError("The document with the supplied id was not found for this endpoint.")
    return name, entity, row


def _settled_document(work: UnitOfWork, payment: Row) -> tuple[str, Row]:
    """Return entity and row of the document that a stored payment settles."""
    entity = settled_entity(payment)
    document = work.get(entity, payment["Invoice"]["InvoiceID"])
    if document is None:
        raise RefusedError("The document with the supplied id was not found for this endpoint.")
    return entity, document


def get_payment_account(work: UnitOfWork, element: Mapping[str, Any]) -> Row:
    """Return the bank account of a payment.

    Raises:
        RefusedError: It is missing, or does not accept payments.
    """
    part = values.child(element, "Account")
    code = part.get("Code") or element.get("Code")
    account = line_items.find_account(work, {"AccountID": part.get("AccountID"), "AccountCode": code})
    if account is None:
        raise RefusedError("Account must be valid.")
    if account["Type"] != "BANK" and not account["EnablePaymentsToAccount"]:
        raise RefusedError(f"Account code '{account.get('Code')}' is not a valid code for this document.")
    return account


def check_payment(
    work: UnitOfWork, entity: str, document: Row, account: Row, amount: Decimal | None, date: dt.date
) -> None:
    """Collect the problems of a payment of a document from an account on a day."""
    open_amount = document["AmountDue" if entity == "Invoices" else "RemainingCredit"]
    if document["Status"] not in rules.LIVE:
        work.problems.append("Payments can only be made against Authorised documents")
    elif amount is None or amount <= 0:
        work.problems.append("The Payment amount must be greater than zero.")
    elif amount > open_amount:
        work.problems.append("Payment amount exceeds the amount outstanding on this document")
    currency = account.get("CurrencyCode", work.books.currency)
    if currency not in {document["CurrencyCode"], work.books.currency}:
        work.problems.append("The currency of the account must be that of the document or the base currency.")
    rules.check_lock(work, date)


def _payment_row(
    work: UnitOfWork, element: Mapping[str, Any], name: str, document: Row, account: Row, date: str
) -> Row:
    amount = values.parse_money(element, "Amount") or ZERO
    rate = rules.currency_rate(work, element, str(document["CurrencyCode"]), xero_json.calendar_day(date))
    same_currency = account.get("CurrencyCode", work.books.currency) == document["CurrencyCode"]
    bank = amount if same_currency else xero_json.round_to_cents(amount / rate)
    stated = values.parse_money(element, "BankAmount")
    if stated is not None and not same_currency and stated > 0:  # the amount on the bank account determines the rate
        bank, rate = stated, (amount / stated).quantize(Decimal("0.0000000001"))
    _, _, id_field, number, sales, purchases = next(spec for spec in TARGETS if spec[0] == name)
    receivable = document["Type"].startswith(("ACCREC", "RECEIVE"))
    # recorded: a refund names its credit note, prepayment or overpayment by the key Invoice as well
    inner: Row = {"Type": _INVOICE_TYPES.get(document["Type"], document["Type"]), "InvoiceID": document[id_field]}
    if number:
        inner["InvoiceNumber"] = document.get(number, "")
    if name == "Invoice":
        inner |= {"Payments": [], "CreditNotes": [], "Prepayments": [], "Overpayments": [],
                  "IsDiscounted": False,
                  "HasErrors": False, "InvoicePaymentServices": []}  # fmt: skip
    inner |= {"Contact": document["Contact"], "LineItems": [], "CurrencyCode": document["CurrencyCode"]}
    reference = values.parse_text(work, element, "Reference")
    return {
        "PaymentID": work.new_id(),
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
        "IsReconciled": values.parse_flag(element, "IsReconciled"),
        "Account": {name: account[name] for name in ("AccountID", "Code") if account.get(name)},
        "Invoice": inner,
        "HasValidationErrors": False,
    }


def store_payment(work: UnitOfWork, entity: str, document: Row, row: Row) -> None:
    """Store a payment, and its effect on the document."""
    work.put("Payments", row)
    part = {name: row[name] for name in ("PaymentID", "Date", "Amount", "Reference", "CurrencyRate") if name in row}
    document["Payments"] = [
        *document["Payments"],
        {**part, "HasAccount": False, "HasValidationErrors": False},
    ]
    _store_document(work, entity, document)


def _store_document(work: UnitOfWork, entity: str, document: Row) -> None:
    if entity == "Invoices":
        rules.put_invoice(work, document)
    else:
        rules.put_credit(work, entity, document)


def _delete_payment(work: UnitOfWork, guid: str, element: Mapping[str, Any], *, named: bool) -> str:
    row = work.get("Payments", guid)
    if row is None:
        if named:
            raise NotFoundError(guid)
        raise RefusedError("The document with the supplied id was not found for this endpoint.")
    if str(element.get("Status") or "").upper() != "DELETED":
        raise RefusedError("Payments cannot be edited: only the status DELETED can be set.")
    if row["Status"] == "DELETED":
        raise RefusedError("Payment not of valid status for modification")
    if row.get("BatchPaymentID"):
        raise RefusedError("This payment is part of a batch payment and cannot be deleted by itself.")
    if row["IsReconciled"] and work.context.switches.reconciled_delete == "refused":
        raise RefusedError("This payment has been reconciled and cannot be deleted.")
    reverse_payment(work, row)
    return guid


def reverse_payment(work: UnitOfWork, row: Row) -> None:
    """Reverse a payment: its document is due again by that amount."""
    entity, document = _settled_document(work, row)
    rules.check_lock(work, xero_json.calendar_day(row["Date"]))
    work.raise_problems()
    row["Status"] = "DELETED"
    work.put("Payments", row)
    document["Payments"] = [p for p in document["Payments"] if p["PaymentID"] != row["PaymentID"]]
    _store_document(work, entity, document)
    work.add_note("Payments", row["PaymentID"], "Deleted", f"{row['Amount']}")


def save_batch(work: UnitOfWork, element: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Pay several invoices with one line on the bank statement, or delete such a batch; return its id."""
    guid = str(key or element.get("BatchPaymentID") or "").lower()
    if guid and guid != values.ZERO_ID and not create:
        return _delete_batch(work, guid, element, named=key is not None)
    account = get_payment_account(work, element)
    date = values.parse_day(work, element, "Date", work.books.today()) or work.books.today()
    parts = values.children(element, "Payments")
    if not parts:
        raise RefusedError("A batch payment must have at least one payment.")
    rows: list[Row] = []
    batch_id, kinds = work.new_id(), set()
    for payment_part in parts:
        name, entity, document = find_target(work, payment_part)
        kinds.add(document["Type"])
        if entity != "Invoices":
            raise RefusedError("Batch payments can only be made against invoices and bills.")
        check_payment(work, entity, document, account, values.parse_money(payment_part, "Amount"), date)
        row = _payment_row(
            work,
            {**payment_part, "Reference": payment_part.get("Reference")},
            name,
            document,
            account,
            xero_json.xero_date(date),
        )
        work.raise_problems()
        row["BatchPaymentID"] = batch_id
        store_payment(work, entity, document, row)
        rows.append(row)
    if len(kinds) > 1:
        raise RefusedError("All invoices of a batch payment must be of the same type.")
    total = sum((row["BankAmount"] for row in rows), ZERO)
    batch_row: Row = {
        "Account": {
            "AccountID": account["AccountID"],
            "CurrencyCode": account.get("CurrencyCode", work.books.currency),
        },
        **{
            name: values.parse_text(work, element, name, max_chars)
            for name, max_chars in (("Reference", 255), ("Particulars", 12), ("Code", 12), ("Details", 18),
                               ("Narrative", 18))
            if element.get(name)
        },
        "BatchPaymentID": batch_id,
        "Date": xero_json.xero_date(date),
        "DateString": f"{date}T00:00:00",
        "Payments": [
            {
                "Invoice": {n: v for n, v in row["Invoice"].items() if n != "Contact"},
                **{n: row[n] for n in ("PaymentID", "Amount", "BankAmount")},
            }
            for row in rows
        ],
        "Type": "RECBATCH" if kinds == {"ACCREC"} else "PAYBATCH",
        "Status": "AUTHORISED",
        "TotalAmount": total,
        "UpdatedDateUTC": "",
        "IsReconciled": False,
    }  # fmt: skip
    work.raise_problems()
    work.put("BatchPayments", batch_row)
    for row in rows:
        row["BatchPayment"] = {name: batch_row[name] for name in _BATCH_FIELDS}
        work.put("Payments", row)
    return batch_id


_BATCH_FIELDS = ("Account", "BatchPaymentID", "Date", "Type", "Status", "TotalAmount", "IsReconciled")


def _delete_batch(work: UnitOfWork, guid: str, element: Mapping[str, Any], *, named: bool) -> str:
    batch = work.get("BatchPayments", guid)
    if batch is None:
        if named:
            raise NotFoundError(guid)
        raise RefusedError("The document with the supplied id was not found for this endpoint.")
    if str(element.get("Status") or "").upper() != "DELETED" or batch["Status"] == "DELETED":
        raise RefusedError("Batch payment not of valid status for modification")
    if work.context.switches.batch_delete == "refused":
        raise RefusedError("Batch payments cannot be deleted.")
    rows = [work.get("Payments", part["PaymentID"]) for part in batch["Payments"]]
    live = [row for row in rows if row is not None and row["Status"] != "DELETED"]
    reconciled = batch["IsReconciled"] or any(row["IsReconciled"] for row in live)
    if reconciled and work.context.switches.reconciled_delete == "refused":
        raise RefusedError("This batch payment has been reconciled and cannot be deleted.")
    for row in live:
        reverse_payment(work, row)
    batch |= {"Status": "DELETED", "Payments": []}
    work.put("BatchPayments", batch)
    return guid
