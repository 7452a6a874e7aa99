"""Entries without a matched bank line, by account and age, and suspected duplicates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from pydantic import Field

from bizosaas_xero.connector.actions.bank.ledger_entries import Entry, bank_accounts
from bizosaas_xero.connector.actions.bank.scoring import normalise_name
from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.filters import date_filter
from bizosaas_xero.connector.actions.models import Money, Result

ZERO = Decimal("0.00")
AGES = ((30, "0 to 30 days"), (60, "31 to 60 days"), (90, "61 to 90 days"))
OLDEST = "over 90 days"
DUPLICATE_DAYS = 100
"""How many days back duplicates are searched."""


class EntryItem(Result):
    """A summary of one entry."""

    kind: Literal["payment", "batch_payment", "bank_transaction", "bank_transfer", "invoice", "bill"]
    id: str
    date: date
    amount: Money = Field(description="Money in is positive.")
    contact: str | None
    numbers: list[str] = Field(description="The numbers of its invoices or bills, or its reference.")
    link: str | None


class Age(Result):
    """Entries of one age."""

    age: str
    count: int
    money_in: Money
    money_out: Money


class AccountItem(Result):
    """One bank account and its entries without a matched bank line."""

    account_id: str
    code: str | None
    name: str
    currency: str
    count: int
    money_in: Money
    money_out: Money = Field(description="Zero or negative.")
    oldest: date | None
    ages: list[Age]
    link: str | None = Field(description="Where a person matches bank lines in Xero.")


class Duplicate(Result):
    """Entries that may record the same thing."""

    what: Literal["payment_and_bank_transaction", "repeated_bill"]
    amount: Money
    entries: list[EntryItem]
    reasons: list[str]


def entry_item(entry: Entry) -> EntryItem:
    """Return a summary of an entry."""
    return EntryItem(
        kind=entry.kind,
        id=entry.id,
        date=entry.date,
        amount=entry.amount,
        contact=entry.contact or None,
        numbers=list(entry.documents) or ([entry.reference] if entry.reference else []),
        link=entry.link,
    )


def total_by_account(books: Books, entries: Iterable[Entry], only: str | None = None) -> list[AccountItem]:
    """Return entries totalled by bank account and age; active accounts without entries are listed too."""
    by_id: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_id[entry.account_id].append(entry)
    accounts = []
    for key, row in bank_accounts(books).items():
        if only not in {None, key} or (key not in by_id and row.get("Status") != "ACTIVE"):
            continue
        ages: dict[str, list[Entry]] = {name: [] for name in (*(name for _, name in AGES), OLDEST)}
        for entry in by_id[key]:
            days = (books.today - entry.date).days
            ages[next((name for limit, name in AGES if days <= limit), OLDEST)].append(entry)
        accounts.append(
            AccountItem(
                account_id=key,
                code=row.get("Code") or None,
                name=str(row.get("Name")),
                currency=row.get("CurrencyCode") or books.base_currency,
                count=len(by_id[key]),
                money_in=money_in(by_id[key]),
                money_out=money_out(by_id[key]),
                oldest=min((entry.date for entry in by_id[key]), default=None),
                ages=[
                    Age(age=name, count=len(aged), money_in=money_in(aged), money_out=money_out(aged))
                    for name, aged in ages.items()
                ],
                link=books.link("bank_account", key),
            )
        )
    return sorted(accounts, key=lambda account: (account.code or "", account.account_id))


def money_in(entries: Iterable[Entry]) -> Decimal:
    """Return the sum of money in."""
    return sum((entry.amount for entry in entries if entry.amount > 0), ZERO)


def money_out(entries: Iterable[Entry]) -> Decimal:
    """Return the sum of money out, zero or negative."""
    return sum((entry.amount for entry in entries if entry.amount < 0), ZERO)


def find_double_entries(entries: Sequence[Entry], drift: int) -> list[Duplicate]:
    """Return pairs of a payment and a bank transaction that look like one movement, recorded twice.

    This happens when an invoice is marked paid and its bank line is coded as new money as well. At least one of
    the two stays without a bank line, so pairs that are both reconciled are not returned.
    """
    payments: dict[tuple[str, Decimal], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.kind in {"payment", "batch_payment"}:
            payments[entry.account_id, entry.amount].append(entry)
    pairs = [
        (abs((other.date - one.date).days), one, other)
        for other in entries
        if other.kind == "bank_transaction"
        for one in payments[other.account_id, other.amount]
        if abs((other.date - one.date).days) <= drift
        and not (one.reconciled and other.reconciled)
        and (_names_document(one, other) or _same_contact(one, other))
    ]
    duplicates, used = [], set()
    for days, one, other in sorted(pairs, key=lambda pair: (pair[0], pair[1].key, pair[2].key)):
        if one.key in used or other.key in used:
            continue
        used |= {one.key, other.key}
        unmatched = [each.kind for each in (one, other) if not each.reconciled]
        reasons = ["the same amount and bank account", f"{days} days apart"]
        reasons.append("it names the document" if _names_document(one, other) else "the same contact, or none given")
        reasons.append(f"not matched to a bank line: {' and '.join(unmatched)}")
        duplicates.append(
            Duplicate(
                what="payment_and_bank_transaction",
                amount=one.amount,
                entries=[entry_item(one), entry_item(other)],
                reasons=reasons,
            )
        )
    return sorted(duplicates, key=lambda each: (-abs(each.amount), each.entries[0].id))


def find_repeated_bills(books: Books, since: date, until: date, drift: int) -> list[Duplicate]:
    """Read the bills of a period and return pairs that look like one bill, entered twice."""
    where = f'Type=="ACCPAY" AND Date>={date_filter(since)} AND Date<={date_filter(until)}'
    query = {"where": where, "order": "InvoiceID ASC", "summaryOnly": "true"}
    groups: dict[tuple[str, str, Decimal], list[Entry]] = defaultdict(list)

    def add(row: Row) -> None:
        if row.get("Status") in {"VOIDED", "DELETED"} or not row.get("Total"):
            return
        contact, number = row.get("Contact") or {}, row.get("InvoiceNumber")
        bill = Entry(
            kind="bill",
            id=row["InvoiceID"].lower(),
            account_id="",
            date=row["Date"],
            amount=-row["Total"],
            contact=str(contact.get("Name") or ""),
            documents=(str(number),) if number else (),
            link=books.link("bill", row["InvoiceID"]),
        )
        groups[str(contact.get("ContactID")), str(row.get("CurrencyCode")), bill.amount].append(bill)

    books.visit_rows(books.iter_rows("Invoices", "Invoice", query, tolerant=True), add)
    duplicates = []
    for bills in groups.values():
        bills.sort(key=lambda bill: (bill.date, bill.id))
        for one, other in pairwise(bills):
            apart = other.date - one.date
            same_number = bool(one.documents) and _plain_number(one) == _plain_number(other)
            if same_number or apart <= timedelta(drift):
                about_number = "the same number" if same_number else "other numbers" if one.documents else "no number"
                duplicates.append(
                    Duplicate(
                        what="repeated_bill",
                        amount=one.amount,
                        entries=[entry_item(one), entry_item(other)],
                        reasons=["the same supplier and total", f"dated {apart.days} days apart", about_number],
                    )
                )
    return sorted(duplicates, key=lambda each: (-abs(each.amount), each.entries[0].id))


def _plain_number(bill: Entry) -> str:
    return "".join(sign for sign in "".join(bill.documents).casefold() if sign.isalnum())


def _same_contact(one: Entry, other: Entry) -> bool:
    return not one.contact or not other.contact or normalise_name(one.contact) == normalise_name(other.contact)


def _names_document(one: Entry, other: Entry) -> bool:
    return any(number.casefold() in other.reference.casefold() for number in one.documents)
