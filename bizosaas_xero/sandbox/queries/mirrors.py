"""Rows that some sources see in a second list: overpayments among prepayments, transfers among bank transactions."""

import itertools
from collections.abc import Iterator

from bizosaas_xero.sandbox.core.table import Table
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.company import Company
from bizosaas_xero.sandbox.switches import Switches

_versions = itertools.count(1 << 40)  # no two listings, and no table of rows, have the same


def listed_table(books: Company, switches: Switches, entity: str) -> Table:
    """Return the rows that a list has: those of its table, and those that the switches mirror into it.

    The books hold no mirrored row, so it posts nothing; it has the timestamp of its original.
    """
    table = books.table(entity)
    mirrored = {
        "Prepayments": "Overpayments" if switches.advances != "apart" else None,
        "BankTransactions": "BankTransfers" if switches.transfers_in_lists else None,
    }.get(entity)
    if mirrored is None:
        return table
    with books.lock:
        state = (table.version, books.table(mirrored).version)
        known = books.listings.get(entity)
        if known is None or known[0] != state:
            listing = table.empty_copy()
            for slot in table.by_id:
                listing.put(table.peek(slot))
            for original in books.rows(mirrored):
                for row in _MAKERS[mirrored](original):
                    listing.put(row)
            listing.version = next(_versions)
            known = books.listings[entity] = state, listing
        return known[1]


def find_transfer(books: Company, guid: str) -> Row | None:
    """Return the side of a transfer with this id, as a bank transaction: Xero answers for it by id."""
    rows = (row for transfer in books.rows("BankTransfers") for row in _as_transactions(transfer))
    return next((row for row in rows if row["BankTransactionID"] == guid.lower()), None)


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
