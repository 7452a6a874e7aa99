"""Entries of the books that moved, or should move, money on bank accounts.

Xero keeps them in four lists: bank transactions leave out payments of invoices, payments of one batch reach the
bank as one sum, and transfers have a list of their own. No list contains the lines of a bank statement.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Literal

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.filters import date_filter

Kind = Literal["payment", "batch_payment", "bank_transaction", "bank_transfer", "invoice", "bill"]

# A refund of a customer's credit goes out, one of a supplier's comes in.
_MONEY_IN = {"ACCRECPAYMENT", "APCREDITPAYMENT", "APPREPAYMENTPAYMENT", "APOVERPAYMENTPAYMENT"}
# Prepayments and overpayments have no page that is certain.
_PAID_DOCUMENTS = {
    "ACCRECPAYMENT": "invoice",
    "ACCPAYPAYMENT": "bill",
    "ARCREDITPAYMENT": "credit_note",
    "APCREDITPAYMENT": "supplier_credit_note",
}
_DOCUMENT_FIELDS = ("Invoice", "CreditNote", "Prepayment", "Overpayment")


@dataclass(frozen=True)
class Entry:
    """A record in Xero that a bank line may belong to.

    Args:
        kind: The list it is from; ``invoice`` and ``bill`` are open documents that moved no money yet.
        id: Xero's id.
        account_id: The bank account; empty for open documents.
        date: Its date; of an open document, its due date.
        amount: In the account's currency; money in is positive.
        contact: The name of the payer or payee.
        reference: Its reference in Xero.
        documents: The numbers of the invoices or bills it pays.
        reconciled: Xero has matched it to a bank line.
        link: Its page on Xero's website.
        since: Of an open document, its own date: it cannot be paid much earlier.
        overpayment: Whether it is a bank transaction that overpays.
    """

    kind: Kind
    id: str
    account_id: str
    date: dt.date
    amount: Decimal
    contact: str = ""
    reference: str = ""
    documents: tuple[str, ...] = ()
    reconciled: bool = False
    link: str | None = None
    since: dt.date | None = None
    overpayment: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """A unique key; both sides of a transfer have the same id."""
        return self.kind, self.id, self.account_id

    @property
    def open(self) -> bool:
        """Whether it is an open document, which moved no money yet."""
        return self.kind in {"invoice", "bill"}


def bank_accounts(books: Books) -> dict[str, Row]:
    """Return the accounts of type BANK by id; clearing accounts have no bank lines to match."""
    return {key: row for key, row in books.accounts.items() if row.get("Type") == "BANK"}


def read_bank_entries(
    books: Books, conditions: Sequence[str], account_id: str | None = None, *, reconciled: bool | None = None
) -> list[Entry]:
    """Read bank transactions and payments; the payments of a batch are one entry.

    Records that cannot be read are left out, and listed in ``books.unreadable``.

    Args:
        books: The organisation's books.
        conditions: For the ``where`` filter of both lists; Xero must optimise them.
        account_id: Only this bank account.
        reconciled: Only entries that are matched to a bank line, or only those that are not.
    """
    accounts = bank_accounts(books)
    by_flag = [] if reconciled is None else [f"IsReconciled=={str(reconciled).lower()}"]
    common = ['Status=="AUTHORISED"', *by_flag, *conditions]
    by_account = [f'BankAccount.AccountID==Guid("{account_id}")'] if account_id else []

    def has_flag(row: Row) -> bool:
        return reconciled is None or (row.get("IsReconciled") is True) == reconciled

    transactions = books.read_filtered(
        "BankTransactions",
        "BankTransaction",
        common + by_account,
        unoptimised=by_flag + by_account,
        matches=lambda row: has_flag(row) and account_id in {None, _account_id(row.get("BankAccount"))},
        order="BankTransactionID ASC",
    )
    payments = books.read_filtered(
        "Payments", "Payment", common, unoptimised=by_flag, matches=has_flag, order="PaymentID ASC"
    )
    # transfers have a list of their own, so that they count once if they are in this one too
    moved = [row for row in transactions if not str(row.get("Type")).endswith("-TRANSFER")]
    entries = list(books.convert_rows(moved, partial(_transaction, books)))
    entries += _payments(books, payments)
    return [e for e in entries if e.account_id in accounts and account_id in {None, e.account_id}]


def read_batch_payments(books: Books) -> list[Entry]:
    """Read batch payments, each as the one sum that the bank sees. Xero does not page this list."""
    accounts = bank_accounts(books)
    rows = books.read_unpaged("BatchPayments", "BatchPayment", {}, tolerant=True)
    counted = [row for row in rows if row.get("Status") != "DELETED" and _account_id(row.get("Account")) in accounts]
    return list(books.convert_rows(counted, _batch_payment))


def _batch_payment(row: Row) -> Entry:
    total = row.get("TotalAmount") or row.get("Amount") or Decimal(0)
    return Entry(
        kind="batch_payment",
        id=row["BatchPaymentID"].lower(),
        account_id=_account_id(row.get("Account")),
        date=row["Date"],
        amount=total if row.get("Type") == "RECBATCH" else -total,
        reference=" ".join(str(row[k]) for k in ("Reference", "Narrative", "Details") if row.get(k)),
        reconciled=row.get("IsReconciled") is True,
    )


def read_transfers(books: Books) -> list[Entry]:
    """Read transfers between bank accounts, one entry for each side. Xero does not page this list."""
    rows = books.read_unpaged("BankTransfers", "BankTransfer", {}, tolerant=True)
    counted = [row for row in rows if row.get("Status") != "DELETED"]
    return [entry for sides in books.convert_rows(counted, partial(_transfer_sides, books)) for entry in sides]


def _transfer_sides(books: Books, row: Row) -> list[Entry]:
    accounts = bank_accounts(books)
    return [
        Entry(
            kind="bank_transfer",
            id=row["BankTransferID"].lower(),
            account_id=_account_id(row.get(f"{side}BankAccount")),
            date=row["Date"],
            amount=sign * row["Amount"],
            contact=str((row.get(f"{other}BankAccount") or {}).get("Name") or ""),
            reference=str(row.get("Reference") or ""),
            reconciled=row.get(f"{side}IsReconciled") is True,
        )
        for side, sign, other in (("From", -1, "To"), ("To", 1, "From"))
        if _account_id(row.get(f"{side}BankAccount")) in accounts
    ]


def read_open_documents(books: Books, currency: str, until: dt.date) -> list[Entry]:
    """Read open invoices and bills of one currency, dated up to a day, in summary form."""
    where = f'Status=="AUTHORISED" AND AmountDue>0 AND Date<={date_filter(until)}'
    query = {"where": where, "order": "InvoiceID ASC", "summaryOnly": "true"}
    rows = books.iter_rows("Invoices", "Invoice", query, tolerant=True)
    same_currency = (row for row in rows if (row.get("CurrencyCode") or currency) == currency)
    return list(books.convert_rows(same_currency, partial(_open_document, books)))


def _open_document(books: Books, row: Row) -> Entry:
    kind: Kind = "bill" if row.get("Type") == "ACCPAY" else "invoice"
    number = row.get("InvoiceNumber")
    return Entry(
        kind=kind,
        id=row["InvoiceID"].lower(),
        account_id="",
        date=row.get("DueDate") or row["Date"],
        amount=row["AmountDue"] if kind == "invoice" else -row["AmountDue"],
        contact=_contact_name(row),
        reference=str(row.get("Reference") or ""),
        documents=(str(number),) if number else (),
        link=books.link(kind, row["InvoiceID"]),
        since=row["Date"],
    )


def _transaction(books: Books, row: Row) -> Entry:
    return Entry(
        kind="bank_transaction",
        id=row["BankTransactionID"].lower(),
        account_id=_account_id(row.get("BankAccount")),
        date=row["Date"],
        amount=row["Total"] if str(row.get("Type")).startswith("RECEIVE") else -row["Total"],
        contact=_contact_name(row),
        reference=str(row.get("Reference") or ""),
        reconciled=row.get("IsReconciled") is True,
        link=books.link("bank_transaction", row["BankTransactionID"]),
        overpayment=str(row.get("Type")).endswith("-OVERPAYMENT"),
    )


def _payments(books: Books, rows: list[Row]) -> Iterator[Entry]:
    """Yield payments; the payments of one batch as one entry."""
    batches: dict[str, list[Entry]] = defaultdict(list)
    for batch_id, entry in books.convert_rows(rows, lambda row: (_batch_id(row), _payment(books, row))):
        if batch_id:
            batches[batch_id.lower()].append(entry)
        else:
            yield entry
    for batch_id, members in batches.items():
        contacts = dict.fromkeys(member.contact for member in members)
        yield replace(
            members[0],
            kind="batch_payment",
            id=batch_id,
            amount=sum((member.amount for member in members), Decimal(0)),
            contact=members[0].contact if len(contacts) == 1 else "",
            documents=tuple(number for member in members for number in member.documents),
            reconciled=all(member.reconciled for member in members),
            link=None,
        )


def _batch_id(row: Row) -> str:
    return str(row.get("BatchPaymentID") or (row.get("BatchPayment") or {}).get("BatchPaymentID") or "")


def _payment(books: Books, row: Row) -> Entry:
    document: Row = next((row[name] for name in _DOCUMENT_FIELDS if row.get(name)), {})
    number = document.get("InvoiceNumber") or document.get("CreditNoteNumber") or row.get("InvoiceNumber")
    # the amount on the bank account, if its currency is not the invoice's
    amount = row.get("BankAmount") or row["Amount"]
    kind = str(row.get("PaymentType"))
    return Entry(
        kind="payment",
        id=row["PaymentID"].lower(),
        account_id=_account_id(row.get("Account")),
        date=row["Date"],
        amount=amount if kind in _MONEY_IN else -amount,
        contact=_contact_name(document),
        reference=str(row.get("Reference") or ""),
        documents=(str(number),) if number else (),
        reconciled=row.get("IsReconciled") is True,
        link=_document_link(books, kind, document),
    )


def _document_link(books: Books, payment_type: str, document: Row) -> str | None:
    """Return the page of what a payment pays; in refunds ``Invoice`` holds a credit, with the credit's id."""
    kind = _PAID_DOCUMENTS.get(payment_type)
    key = document.get("InvoiceID") or document.get("CreditNoteID")
    return books.link(kind, key) if kind and key else None


def _account_id(row: Row | None) -> str:
    return str((row or {}).get("AccountID") or "").lower()


def _contact_name(row: Row) -> str:
    return str((row.get("Contact") or {}).get("Name") or "")
