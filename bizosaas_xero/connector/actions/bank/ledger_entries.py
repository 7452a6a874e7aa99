"""What the books say has moved, or should move, money on bank accounts.

Xero keeps it in four lists, and none of them is enough: bank transactions leave out what paid invoices,
payments of one batch reach the bank as one sum, and transfers are apart. None tells a line of a statement.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from bizosaas_xero.connector.actions.books import Books, Row

Kind = Literal["payment", "batch_payment", "bank_transaction", "bank_transfer", "invoice", "bill"]

# A refund of a customer's credit goes out, one of a supplier's comes in.
_MONEY_IN = {"ACCRECPAYMENT", "APCREDITPAYMENT", "APPREPAYMENTPAYMENT", "APOVERPAYMENTPAYMENT"}
_PAID = ("Invoice", "CreditNote", "Prepayment", "Overpayment")


@dataclass(frozen=True)
class Entry:
    """Something recorded in Xero that a bank line may belong to.

    Args:
        kind: Which list it is from; ``invoice`` and ``bill`` are open documents, not money that has moved.
        id: Xero's id.
        account_id: The bank account; empty for open documents.
        date: When it was dated; for an open document, when it is due.
        amount: In the account's currency; money in is positive.
        contact: Name of who paid or is paid.
        reference: As recorded.
        documents: Numbers of the invoices or bills it pays.
        reconciled: Xero has it matched to a bank line.
        link: Its page in Xero.
        since: For an open document, its own date: it cannot be paid much before.
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

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from all others; both sides of a transfer have one id."""
        return self.kind, self.id, self.account_id

    @property
    def open(self) -> bool:
        """It is an open document: nothing has moved yet by the books."""
        return self.kind in {"invoice", "bill"}


def banks(books: Books) -> dict[str, Row]:
    """Return the accounts of type BANK by id; clearing accounts have no bank's lines to match."""
    return {key: row for key, row in books.accounts.items() if row.get("Type") == "BANK"}


def day_filter(day: dt.date) -> str:
    """Return a day for a ``where`` filter."""
    return f"DateTime({day.year},{day.month:02},{day.day:02})"


def moved(books: Books, conditions: str, account_id: str | None = None) -> list[Entry]:
    """Read bank transactions and payments, batches folded in.

    Args:
        books: The books.
        conditions: For the ``where`` filter of both lists.
        account_id: Only this bank account.
    """
    known = banks(books)
    where = f'Status=="AUTHORISED" AND {conditions}'
    own = f' AND BankAccount.AccountID==Guid("{account_id}")' if account_id else ""
    query = {"where": where + own, "order": "BankTransactionID ASC"}
    found = [_transaction(books, row) for row in books.pages("BankTransactions", "BankTransaction", query)
             # Xero keeps transfers in a list of their own; whether they are here too, they count once
             if not str(row.get("Type")).endswith("-TRANSFER")]  # fmt: skip
    query = {"where": where, "order": "PaymentID ASC"}
    found += _payments(books, list(books.pages("Payments", "Payment", query)))
    return [e for e in found if e.account_id in known and account_id in {None, e.account_id}]


def batches(books: Books) -> list[Entry]:
    """Read batch payments as the bank sees them: one sum each. Xero does not page this list."""
    found = []
    for row in books.whole("BatchPayments", "BatchPayment", {}):
        if row.get("Status") == "DELETED" or _account(row.get("Account")) not in banks(books):
            continue
        total = row.get("TotalAmount") or row.get("Amount") or Decimal(0)
        found.append(
            Entry(
                kind="batch_payment",
                id=row["BatchPaymentID"].lower(),
                account_id=_account(row.get("Account")),
                date=row["Date"],
                amount=total if row.get("Type") == "RECBATCH" else -total,
                reference=" ".join(str(row[k]) for k in ("Reference", "Narrative", "Details") if row.get(k)),
                reconciled=row.get("IsReconciled") is True,
            )
        )
    return found


def transfers(books: Books) -> list[Entry]:
    """Read transfers between bank accounts, each side apart. Xero does not page this list."""
    known = banks(books)
    found = []
    for row in books.whole("BankTransfers", "BankTransfer", {}):
        if row.get("Status") == "DELETED":
            continue
        for side, way, other in (("From", -1, "To"), ("To", 1, "From")):
            account_id = _account(row.get(f"{side}BankAccount"))
            if account_id in known:
                found.append(
                    Entry(
                        kind="bank_transfer",
                        id=row["BankTransferID"].lower(),
                        account_id=account_id,
                        date=row["Date"],
                        amount=way * row["Amount"],
                        contact=str((row.get(f"{other}BankAccount") or {}).get("Name") or ""),
                        reference=str(row.get("Reference") or ""),
                        reconciled=row.get(f"{side}IsReconciled") is True,
                    )
                )
    return found


def folded(entries: list[Entry], whole: list[Entry]) -> list[Entry]:
    """Return entries in which each batch is there once, as its own list tells it."""
    known = {entry.id: entry for entry in whole}
    merged = []
    for entry in entries:
        batch = known.pop(entry.id, None) if entry.kind == "batch_payment" else None
        merged.append(
            replace(batch, contact=entry.contact, documents=entry.documents,
                    reference=batch.reference or entry.reference) if batch else entry
        )  # fmt: skip
    return merged + list(known.values())


def open_documents(books: Books, currency: str, until: dt.date) -> list[Entry]:
    """Read open invoices and bills of one currency, dated up to a day, in short form."""
    where = f'Status=="AUTHORISED" AND AmountDue>0 AND Date<={day_filter(until)}'
    query = {"where": where, "order": "InvoiceID ASC", "summaryOnly": "true"}
    found = []
    for row in books.pages("Invoices", "Invoice", query):
        if (row.get("CurrencyCode") or currency) != currency:
            continue
        kind: Kind = "bill" if row.get("Type") == "ACCPAY" else "invoice"
        number = row.get("InvoiceNumber")
        found.append(
            Entry(
                kind=kind,
                id=row["InvoiceID"].lower(),
                account_id="",
                date=row.get("DueDate") or row["Date"],
                amount=row["AmountDue"] if kind == "invoice" else -row["AmountDue"],
                contact=_contact(row),
                reference=str(row.get("Reference") or ""),
                documents=(str(number),) if number else (),
                link=books.link(kind, row["InvoiceID"]),
                since=row["Date"],
            )
        )
    return found


def _transaction(books: Books, row: Row) -> Entry:
    return Entry(
        kind="bank_transaction",
        id=row["BankTransactionID"].lower(),
        account_id=_account(row.get("BankAccount")),
        date=row["Date"],
        amount=row["Total"] if str(row.get("Type")).startswith("RECEIVE") else -row["Total"],
        contact=_contact(row),
        reference=str(row.get("Reference") or ""),
        reconciled=row.get("IsReconciled") is True,
        link=books.link("bank_transaction", row["BankTransactionID"]),
    )


def _payments(books: Books, rows: list[Row]) -> Iterator[Entry]:
    """Yield payments; those of one batch as one entry."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for row in rows:
        batch = row.get("BatchPaymentID") or (row.get("BatchPayment") or {}).get("BatchPaymentID")
        entry = _payment(books, row)
        if batch:
            groups[str(batch).lower()].append(entry)
        else:
            yield entry
    for batch, members in groups.items():
        contacts = dict.fromkeys(member.contact for member in members)
        yield replace(
            members[0],
            kind="batch_payment",
            id=batch,
            amount=sum((member.amount for member in members), Decimal(0)),
            contact=members[0].contact if len(contacts) == 1 else "",
            documents=tuple(number for member in members for number in member.documents),
            reconciled=all(member.reconciled for member in members),
            link=None,
        )


def _payment(books: Books, row: Row) -> Entry:
    paid: Row = next((row[name] for name in _PAID if row.get(name)), {})
    number = paid.get("InvoiceNumber") or paid.get("CreditNoteNumber") or row.get("InvoiceNumber")
    # what reached the bank account, where that is of another currency than the invoice
    amount = row.get("BankAmount") or row["Amount"]
    kind = "bill" if paid.get("Type") == "ACCPAY" else "invoice"
    return Entry(
        kind="payment",
        id=row["PaymentID"].lower(),
        account_id=_account(row.get("Account")),
        date=row["Date"],
        amount=amount if row.get("PaymentType") in _MONEY_IN else -amount,
        contact=_contact(paid),
        reference=str(row.get("Reference") or ""),
        documents=(str(number),) if number else (),
        reconciled=row.get("IsReconciled") is True,
        link=books.link(kind, paid["InvoiceID"]) if paid.get("InvoiceID") else None,
    )


def _account(row: Row | None) -> str:
    return str((row or {}).get("AccountID") or "").lower()


def _contact(row: Row) -> str:
    return str((row.get("Contact") or {}).get("Name") or "")
