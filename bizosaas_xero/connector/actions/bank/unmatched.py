"""What Xero holds that no bank line has matched: by account and age, and what may be there twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from pydantic import Field

from bizosaas_xero.connector.actions.bank.ledger_entries import Entry, banks, day_filter
from bizosaas_xero.connector.actions.bank.scoring import plain
from bizosaas_xero.connector.actions.books import Books
from bizosaas_xero.connector.actions.models import Money, Result

ZERO = Decimal("0.00")
AGES = ((30, "0 to 30 days"), (60, "31 to 60 days"), (90, "61 to 90 days"))
OLDEST = "over 90 days"
DUPLICATE_DAYS = 100
"""How far back duplicates are looked for."""


class EntryItem(Result):
    """One entry in short."""

    kind: Literal["payment", "batch_payment", "bank_transaction", "bank_transfer", "invoice", "bill"]
    id: str
    date: date
    amount: Money = Field(description="Money in is positive.")
    contact: str | None
    numbers: list[str] = Field(description="Of the invoices or bills it pays or is; else its reference.")
    link: str | None


class Age(Result):
    """Entries of one age."""

    age: str
    count: int
    money_in: Money
    money_out: Money


class AccountItem(Result):
    """One bank account and what is recorded there but not matched to a bank line."""

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
    """Two or more entries that may be one."""

    what: Literal["payment_and_bank_transaction", "repeated_bill"]
    amount: Money
    entries: list[EntryItem]
    reasons: list[str]


def item(entry: Entry) -> EntryItem:
    """Return an entry in short."""
    return EntryItem(
        kind=entry.kind,
        id=entry.id,
        date=entry.date,
        amount=entry.amount,
        contact=entry.contact or None,
        numbers=list(entry.documents) or ([entry.reference] if entry.reference else []),
        link=entry.link,
    )


def by_account(books: Books, entries: Iterable[Entry], only: str | None = None) -> list[AccountItem]:
    """Add up entries by bank account and age; accounts that are in use and clean are listed too."""
    of: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        of[entry.account_id].append(entry)
    found = []
    for key, row in banks(books).items():
        if only not in {None, key} or (key not in of and row.get("Status") != "ACTIVE"):
            continue
        ages: dict[str, list[Entry]] = {name: [] for name in (*(name for _, name in AGES), OLDEST)}
        for entry in of[key]:
            days = (books.today - entry.date).days
            ages[next((name for most, name in AGES if days <= most), OLDEST)].append(entry)
        found.append(
            AccountItem(
                account_id=key,
                code=row.get("Code") or None,
                name=str(row.get("Name")),
                currency=row.get("CurrencyCode") or books.base_currency,
                count=len(of[key]),
                money_in=money_in(of[key]),
                money_out=money_out(of[key]),
                oldest=min((entry.date for entry in of[key]), default=None),
                ages=[
                    Age(age=name, count=len(here), money_in=money_in(here), money_out=money_out(here))
                    for name, here in ages.items()
                ],
                link=books.link("bank_account", key),
            )
        )
    return sorted(found, key=lambda account: (account.code or "", account.account_id))


def money_in(entries: Iterable[Entry]) -> Decimal:
    """Return the sum of what came in."""
    return sum((entry.amount for entry in entries if entry.amount > 0), ZERO)


def money_out(entries: Iterable[Entry]) -> Decimal:
    """Return the sum of what went out, negative."""
    return sum((entry.amount for entry in entries if entry.amount < 0), ZERO)


def paid_and_received(entries: Sequence[Entry], drift: int) -> list[Duplicate]:
    """Return pairs of a payment and a bank transaction that look like one movement, recorded twice.

    That is what happens when an invoice is marked paid, and the bank line is then coded as new money. One of
    the two waits for a bank line that will never come, so one at least must be unmatched.
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
        and (_names_it(one, other) or _same_contact(one, other))
    ]
    found, used = [], set()
    for days, one, other in sorted(pairs, key=lambda pair: (pair[0], pair[1].key, pair[2].key)):
        if one.key in used or other.key in used:
            continue
        used |= {one.key, other.key}
        waiting = [each.kind for each in (one, other) if not each.reconciled]
        reasons = ["the same amount and bank account", f"{days} days apart"]
        reasons.append("it names the document" if _names_it(one, other) else "the same contact, or none given")
        reasons.append(f"not matched to a bank line: {' and '.join(waiting)}")
        found.append(
            Duplicate(
                what="payment_and_bank_transaction",
                amount=one.amount,
                entries=[item(one), item(other)],
                reasons=reasons,
            )
        )
    return sorted(found, key=lambda each: (-abs(each.amount), each.entries[0].id))


def repeated_bills(books: Books, since: date, until: date, drift: int) -> list[Duplicate]:
    """Read the bills of a period and return those that look like one bill, entered twice."""
    where = f'Type=="ACCPAY" AND Date>={day_filter(since)} AND Date<={day_filter(until)}'
    query = {"where": where, "order": "InvoiceID ASC", "summaryOnly": "true"}
    groups: dict[tuple[str, str, Decimal], list[Entry]] = defaultdict(list)
    for row in books.pages("Invoices", "Invoice", query):
        if row.get("Status") in {"VOIDED", "DELETED"} or not row.get("Total"):
            continue
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
    found = []
    for bills in groups.values():
        bills.sort(key=lambda bill: (bill.date, bill.id))
        for one, other in pairwise(bills):
            apart = other.date - one.date
            same_number = bool(one.documents) and _bare(one) == _bare(other)
            if same_number or apart <= timedelta(drift):
                told = "the same number" if same_number else "other numbers" if one.documents else "no number"
                found.append(
                    Duplicate(
                        what="repeated_bill",
                        amount=one.amount,
                        entries=[item(one), item(other)],
                        reasons=["the same supplier and total", f"dated {apart.days} days apart", told],
                    )
                )
    return sorted(found, key=lambda each: (-abs(each.amount), each.entries[0].id))


def _bare(bill: Entry) -> str:
    return "".join(sign for sign in "".join(bill.documents).casefold() if sign.isalnum())


def _same_contact(one: Entry, other: Entry) -> bool:
    return not one.contact or not other.contact or plain(one.contact) == plain(other.contact)


def _names_it(one: Entry, other: Entry) -> bool:
    return any(number.casefold() in other.reference.casefold() for number in one.documents)
