"""The entries of an organisation's books that its bank would show."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.ledger.company import Company


class BankEntry(NamedTuple):
    """An entry of the books that a bank would show.

    Attributes:
        entity: `Payments`, `BatchPayments`, `BankTransactions`, `BankTransfers`, or `Invoices` for
            an invoice that is not booked as paid yet.
        amount: In the bank account's currency; money in is positive.
        contact: Name of the payer or payee.
        reference: The reference that the payer would have written.
        invoice: Number of the invoice, if there is one.
    """

    entity: str
    id: str
    account: str
    date: dt.date
    amount: Decimal
    contact: str
    reference: str
    invoice: str


def read_bank_entries(store: "Company") -> Iterator[BankEntry]:
    """Read the entries that moved money on bank accounts; the payments of a batch are one entry."""
    batches: dict[str, BankEntry] = {}
    for row in _iter_rows(store, "Payments"):
        if row["Status"] != "AUTHORISED":
            continue
        entry = _payment_entry(row)
        batch = row.get("BatchPaymentID") or (row.get("BatchPayment") or {}).get("BatchPaymentID")
        if batch is None:
            yield entry
        elif batch in batches:
            batches[batch] = batches[batch]._replace(amount=batches[batch].amount + entry.amount)
        else:
            batches[batch] = entry._replace(entity="BatchPayments", id=batch, invoice="")
    yield from batches.values()
    for row in _iter_rows(store, "BankTransactions"):
        if row["Status"] == "AUTHORISED" and not row["Type"].endswith("TRANSFER"):
            total: Decimal = row["Total"] if row["Type"].startswith("RECEIVE") else -row["Total"]
            yield BankEntry(
                "BankTransactions", row["BankTransactionID"], row["BankAccount"]["AccountID"],
                xero_json.calendar_day(row["Date"]), total, str((row.get("Contact") or {}).get("Name", "")),
                str(row.get("Reference", "")), "",
            )  # fmt: skip
    for row in _iter_rows(store, "BankTransfers"):
        for side, sign in (("FromBankAccount", -1), ("ToBankAccount", 1)):
            if row.get("Status") != "DELETED":
                yield BankEntry(
                    "BankTransfers", row["BankTransferID"], row[side]["AccountID"], xero_json.calendar_day(row["Date"]),
                    sign * row["Amount"], "", str(row.get("Reference", "")), "",
                )  # fmt: skip


def _iter_rows(store: "Company", entity: str) -> Iterator[Row]:
    table = store.table(entity)
    return map(table.peek, table.by_id)  # not copied: copying would take most of the time


# payments of customers, and refunds of suppliers
_MONEY_IN = ("ACCREC", "APCREDIT", "APPREPAYMENT", "APOVERPAYMENT")


def _payment_entry(row: Row) -> BankEntry:
    invoice = row["Invoice"]
    amount: Decimal = row["BankAmount"] if "BankAmount" in row else row["Amount"]
    number = str(invoice.get("InvoiceNumber", ""))
    return BankEntry(
        "Payments", row["PaymentID"], row["Account"]["AccountID"], xero_json.calendar_day(row["Date"]),
        amount if row.get("PaymentType", "").startswith(_MONEY_IN) else -amount,
        str((invoice.get("Contact") or {}).get("Name", "")), number or str(row.get("Reference", "")), number,
    )  # fmt: skip


def read_unpaid_invoices(store: "Company", account: str) -> Iterator[BankEntry]:
    """Read the open invoices in base currency: some of them were paid, and the payment is not booked."""
    for row in _iter_rows(store, "Invoices"):
        if row["Status"] == "AUTHORISED" and row["CurrencyCode"] == store.currency and row["AmountDue"] > 0:
            due: Decimal = row["AmountDue"] if row["Type"] == "ACCREC" else -row["AmountDue"]
            number = str(row.get("InvoiceNumber", ""))
            day = xero_json.calendar_day(row["DueDate"] if "DueDate" in row else row["Date"])
            name = str(row["Contact"].get("Name", ""))
            yield BankEntry("Invoices", row["InvoiceID"], account, day, due, name, number, number)
