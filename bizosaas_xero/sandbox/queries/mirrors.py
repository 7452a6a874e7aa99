"""Rows that some sources see in a second list: overpayments among prepayments, transfers among bank transactions."""

from collections.abc import Iterator

from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.company import Company
from bizosaas_xero.sandbox.switches import Switches


def mirror_rows(books: Company, switches: Switches) -> None:
    """Put the rows that the switches ask for into the second list, or take them out of it.

    They post nothing and have the timestamp of their original.
    """
    _mirror(books, "Overpayments", "Prepayments", "PrepaymentID", wanted=switches.advances != "apart")
    _mirror(books, "BankTransfers", "BankTransactions", "BankTransactionID", wanted=switches.transfers_in_lists)


def find_transfer(books: Company, guid: str) -> Row | None:
    """Return the side of a transfer with this id, as a bank transaction: Xero answers for it by id."""
    rows = (row for transfer in books.rows("BankTransfers") for row in _as_transactions(transfer))
    return next((row for row in rows if row["BankTransactionID"] == guid.lower()), None)


def _mirror(books: Company, source: str, target: str, id_field: str, *, wanted: bool) -> None:
    state = (wanted, books.table(source).version)
    known, mirrored = books.mirrored.get(target, ((False, -1), frozenset()))
    if known == state or not (wanted or mirrored):
        return
    with books.lock:
        table, make = books.table(target), _MAKERS[source]
        rows = {row[id_field]: row for original in books.rows(source) for row in make(original)} if wanted else {}
        for guid in mirrored - rows.keys():
            table.delete(guid)
        for row in rows.values():
            table.put(row, quiet=True)
        books.mirrored[target] = state, frozenset(rows)


def _as_prepayment(overpayment: Row) -> Iterator[Row]:
    fields = {name: value for name, value in overpayment.items() if name != "OverpaymentID"}
    yield {"PrepaymentID": overpayment["OverpaymentID"], **fields}


def _as_transactions(transfer: Row) -> Iterator[Row]:
    if transfer["Status"] == "DELETED":
        return
    for side, kind in (("From", "SPEND-TRANSFER"), ("To", "RECEIVE-TRANSFER")):
        yield {
            "BankTransactionID": transfer[f"{side}BankTransactionID"],
            "BankAccount": transfer[f"{side}BankAccount"],
            "Type": kind,
            "Reference": transfer.get("Reference", ""),
            "IsReconciled": transfer[f"{side}IsReconciled"],
            "HasAttachments": False,
            "DateString": transfer["DateString"],
            "Date": transfer["Date"],
            "Status": "AUTHORISED",
            "LineAmountTypes": "NoTax",
            "LineItems": [{"Description": "", "UnitAmount": transfer["Amount"], "Quantity": 1,
                           "LineAmount": transfer["Amount"], "Tracking": [], "ValidationErrors": []}],
            "Total": transfer["Amount"],
            "UpdatedDateUTC": transfer["CreatedDateUTC"],
            "CurrencyRate": transfer["CurrencyRate"],
        }  # fmt: skip


_MAKERS = {"Overpayments": _as_prepayment, "BankTransfers": _as_transactions}
