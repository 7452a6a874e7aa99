"""What of an organisation's books a bank would have seen."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.ledger.company import Company


class Entry(NamedTuple):
    """Something in the books that a bank would have seen.

    Attributes:
        entity: `Payments`, `BatchPayments`, `BankTransactions`, `BankTransfers`, or `Invoices` for what is
            not booked as paid yet.
        amount: In the bank account's currency; money in is positive.
        contact: Name of who paid or was paid.
        reference: What that person would have written.
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


def booked(store: "Company") -> Iterator[Entry]:
    """Read what moved money on bank accounts; the payments of a batch are one movement."""
    batches: dict[str, Entry] = {}
    for row in _rows(store, "Payments"):
        if row["Status"] != "AUTHORISED" or "Invoice" not in row:
            continue
        one = _payment(row)
        batch = row.get("BatchPaymentID") or (row.get("BatchPayment") or {}).get("BatchPaymentID")
        if batch is None:
            yield one
        elif batch in batches:
            batches[batch] = batches[batch]._replace(amount=batches[batch].amount + one.amount)
        else:
            batches[batch] = one._replace(entity="BatchPayments", id=batch, invoice="")
    yield from batches.values()
    for row in _rows(store, "BankTransactions"):
        if row["Status"] == "AUTHORISED":
            total: Decimal = row["Total"] if row["Type"].startswith("RECEIVE") else -row["Total"]
            yield Entry(
                "BankTransactions", row["BankTransactionID"], row["BankAccount"]["AccountID"],
                xero_json.day(row["Date"]), total, str((row.get("Contact") or {}).get("Name", "")),
                str(row.get("Reference", "")), "",
            )  # fmt: skip
    for row in _rows(store, "BankTransfers"):
        for side, way in (("FromBankAccount", -1), ("ToBankAccount", 1)):
            if row.get("Status") != "DELETED":
                yield Entry(
                    "BankTransfers", row["BankTransferID"], row[side]["AccountID"], xero_json.day(row["Date"]),
                    way * row["Amount"], "", str(row.get("Reference", "")), "",
                )  # fmt: skip


def _rows(store: "Company", entity: str) -> Iterator[Row]:
    table = store.table(entity)
    return map(table.peek, table.by_id)  # to look at; a copy of each would take most of the time


def _payment(row: Row) -> Entry:
    invoice = row["Invoice"]
    amount: Decimal = row["BankAmount"] if "BankAmount" in row else row["Amount"]
    number = str(invoice.get("InvoiceNumber", ""))
    return Entry(
        "Payments", row["PaymentID"], row["Account"]["AccountID"], xero_json.day(row["Date"]),
        amount if row.get("PaymentType", "").startswith("ACCREC") else -amount,
        str((invoice.get("Contact") or {}).get("Name", "")), number or str(row.get("Reference", "")), number,
    )  # fmt: skip


def unpaid(store: "Company", account: str) -> Iterator[Entry]:
    """Read what is due in base currency: some of it has been paid, and nobody booked it."""
    for row in _rows(store, "Invoices"):
        if row["Status"] == "AUTHORISED" and row["CurrencyCode"] == store.currency and row["AmountDue"] > 0:
            due: Decimal = row["AmountDue"] if row["Type"] == "ACCREC" else -row["AmountDue"]
            number = str(row.get("InvoiceNumber", ""))
            day = xero_json.day(row["DueDate"] if "DueDate" in row else row["Date"])
            name = str(row["Contact"].get("Name", ""))
            yield Entry("Invoices", row["InvoiceID"], account, day, due, name, number, number)
