"""Ageing against an oracle that is written here, over random histories with the difficult cases of real books.

The oracle keeps what the test did: each document with its date, due date, amount and rate, and each settlement with
its date. It adds up documents dated up to a day, less settlements up to that day, and reads nothing from Xero.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pytest

from bizosaas_xero.connector.http import transport
from contract_tests.helpers.written_book import WrittenBook, serve_empty

CENT = Decimal("0.01")
DAYS_AGO = [0, 1, 17, 40, 75, 120, 190]


@dataclass
class Document:
    """One document of the oracle; a credit has a negative sign. ``ahead`` marks a settlement before its document."""

    contact: str
    sign: int
    day: date
    due: date | None
    amount: Decimal
    rate: Decimal = Decimal(1)
    settled: list[tuple[date, Decimal]] = field(default_factory=list)
    prepaid: bool = False
    void: bool = False

    def base_on(self, day):
        """Return the open amount at the end of a day in base currency."""
        if self.void or self.day > day:
            return Decimal(0)
        left = self.amount - sum((amount for when, amount in self.settled if when <= day), Decimal(0))
        base = left if self.rate == 1 else (left / self.rate).quantize(CENT, ROUND_HALF_UP)
        return self.sign * base


class History:
    """Makes a random history in a book, and in the oracle at the same time."""

    def __init__(self, book, seed):
        self.book, self.rng = book, random.Random(seed)  # noqa: S311 (a history, not a secret)
        self.contacts = {name: book.contact(name) for name in ("Alder", "Birch", "Cedar", "Dogwood")}
        self.documents: list[Document] = []
        self.invoices: list[tuple[dict, Document]] = []

    def amount(self, most=900):
        return Decimal(self.rng.randint(1, most * 100)) / 100

    def invoice(self):
        who, ago = self.rng.choice(list(self.contacts)), self.rng.randint(-20, 220)
        due_ago = self.rng.choice([ago - 14, ago - 30, ago, -40_000, min(ago, 60)])
        amount, more, rate = self.amount(), {}, Decimal(1)
        if self.rng.random() < 0.25:
            rate = Decimal(self.rng.randint(55, 72)) / 100
            more = {"CurrencyCode": "USD", "CurrencyRate": f"{rate}"}
        made = self.book.document("ACCREC", self.contacts[who], f"{amount}", ago, due_ago, **more)
        document = Document(who, 1, self.book.day(ago), self.book.day(due_ago), amount, rate)
        self.documents.append(document)
        self.invoices.append((made, document))

    def open_invoice(self):
        free = [each for each in self.invoices if not each[1].void and self.left(each[1]) > 0]
        return self.rng.choice(free) if free else (None, None)

    @staticmethod
    def left(document):
        return document.amount - sum((amount for _, amount in document.settled), Decimal(0))

    def part(self, document):
        left = self.left(document)
        return left if self.rng.random() < 0.5 else max(CENT, (left * self.rng.randint(1, 9) / 10).quantize(CENT))

    def pay(self):
        made, document = self.open_invoice()
        if made is None:
            return
        ago = (self.book.today - document.day).days
        when = self.rng.choice([ago, ago - 3, ago - 20, ago - 60, 0, -5, -15])
        amount = self.part(document)
        self.book.pay(made, f"{amount}", when)
        document.settled.append((self.book.day(when), amount))

    def credit(self):
        """Make a credit note, overpayment or prepayment, and allocate a part of it."""
        made, document = self.open_invoice()
        if made is None or document.rate != 1:
            return
        kind = self.rng.choice(["CreditNotes", "Overpayments", "Prepayments"])
        who, ago, amount = document.contact, self.rng.randint(0, 200), self.amount(300)
        if kind == "CreditNotes":
            key = self.book.document("ACCRECCREDIT", self.contacts[who], f"{amount}", ago)["CreditNoteID"]
        else:
            words = {"Overpayments": "RECEIVE-OVERPAYMENT", "Prepayments": "RECEIVE-PREPAYMENT"}
            key = self.book.in_advance(words[kind], self.contacts[who], f"{amount}", ago)
        credit = Document(who, -1, self.book.day(ago), None, amount, prepaid=kind == "Prepayments")
        self.documents.append(credit)
        used = min(self.part(credit), self.left(document))
        latest = min(ago, (self.book.today - document.day).days)
        when = self.rng.choice([latest, latest - 10, 0, min(latest, 30)])
        when = min(when, latest)
        if self.rng.random() < 0.8:
            self.book.allocate(kind, key, made, f"{used}", when)
            credit.settled.append((self.book.day(when), used))
            document.settled.append((self.book.day(when), used))

    def void(self):
        fresh = [each for each in self.invoices if not each[1].settled and not each[1].void]
        if fresh:
            made, document = self.rng.choice(fresh)
            self.book.void(made)
            document.void = True

    def draft(self):
        name = self.rng.choice(list(self.contacts))
        self.book.document("ACCREC", self.contacts[name], f"{self.amount()}", 30, 10, status="DRAFT")

    def play(self, steps):
        for _ in range(6):
            self.invoice()
        for _ in range(steps):
            self.rng.choice([self.invoice, self.invoice, self.pay, self.pay, self.credit, self.void, self.draft])()


def bucket(day, due):
    """Return the oracle's bucket of a due date: not due, 1 to 30, 31 to 60, 61 to 90, over 90 days late."""
    late = (day - due).days
    return 0 if late <= 0 else min(4, (late + 29) // 30)


def check(book, history, ago):
    day = book.day(ago)
    result = book.run("get_aged_receivables", as_of=f"{day}", bridge=True, contact_limit=500, overdue_limit=500).data
    counted = [each for each in history.documents if not each.prepaid]
    by_contact: dict[str, Decimal] = defaultdict(Decimal)
    buckets = [Decimal(0)] * 5
    late = []
    for document in counted:
        base = document.base_on(day)
        by_contact[document.contact] += base
        buckets[bucket(day, document.due or document.day)] += base
        if base and document.sign > 0 and document.due < day:
            late.append(((day - document.due).days, base))
    assert result["total"] == sum(by_contact.values())
    listed = {each["contact"]: each["total"] for each in result["contacts"]}
    assert {name: total for name, total in listed.items() if total} == {n: t for n, t in by_contact.items() if t}
    assert [each["amount"] for each in result["buckets"]] == buckets
    assert sorted((item["days"], item["base"]) for item in result["overdue"]["listed"]) == sorted(late)
    prepaid = sum((each.base_on(day) for each in history.documents if each.prepaid), Decimal(0))
    assert result["prepayments"]["base"] == prepaid
    assert result["unreadable"]["count"] == 0
    control = result["bridge"]["control"]
    assert control["ties"] is not False, control["explanation"]
    parts = (control[name] for name in ("documents", "early_settlements", "revaluation", "rounding", "unexplained"))
    assert control["balance"] == sum(parts)


def try_history(seed, steps, days):
    with serve_empty() as box:
        book = WrittenBook(box)
        history = History(book, seed)
        history.play(steps)
        for ago in days:
            check(book, history, ago)
    transport.close_clients()


@pytest.mark.parametrize("seed", range(3))
def test_ageing_equals_the_oracle_over_a_hostile_history(seed):
    try_history(seed, steps=16, days=DAYS_AGO[::3])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 23))
def test_ageing_equals_the_oracle_over_20_hostile_histories(seed):
    try_history(seed, steps=40, days=DAYS_AGO)
