"""Builds one bank statement, with its answers apart from it, from lines of given kinds."""

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from bizosaas_xero.sandbox.bank_statements.entries import BankEntry, read_bank_entries, read_unpaid_invoices
from bizosaas_xero.sandbox.core.guids import digest
from bizosaas_xero.sandbox.core.xero_json import Row

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.ledger.company import Company

DAY = dt.timedelta(1)
PAYEE_CHARACTERS = 20  # many banks cut names to this length
ZERO = Decimal("0.00")


@dataclass
class Statement:
    """One statement and, apart from it, its answers.

    Attributes:
        lines: The lines of the bank: line_id, account_id, date, amount, payee, reference, description.
        answers: By line_id: kind, matches (entity, id, amount), and extra facts of the kind.
        missing: Entries of these days that are on no line: entity and id.
    """

    lines: list[Row] = field(default_factory=list)
    answers: dict[str, Row] = field(default_factory=dict)
    missing: list[Row] = field(default_factory=list)


class LineKind(NamedTuple):
    """One kind of line: its weight, how many entries it takes from the books, and the function that adds it."""

    weight: int
    entry_count: int
    make: "MakeLine"


MakeLine = Callable[["StatementBuilder", list[BankEntry]], None]


class StatementBuilder:
    """Builds a random statement.

    Args:
        store: The books.
        seed: The same seed gives the same statement of the same books.
        since: First day.
        to: Last day.
        account: Only this bank account, by id.
    """

    def __init__(self, store: "Company", seed: int, since: dt.date, to: dt.date, account: str | None = None) -> None:
        self._store = store
        self.seed, self.since, self.to = seed, since, to
        self.rng = random.Random(digest(seed, "statement", since, to, account or ""))  # noqa: S311 - test data
        self.statement = Statement()
        banks = {row["AccountID"]: row for row in store.rows("Accounts") if row["Type"] == "BANK"}
        if account is not None and account.lower() not in banks:
            raise ValueError(f"unknown bank account {account!r}")
        self.banks = sorted({account.lower()} if account else banks)
        self.entries = sorted(
            (e for e in read_bank_entries(store) if e.account in self.banks and since <= e.date <= to),
            key=lambda e: (e.date, e.entity, e.id),
        )
        self._next = 0
        self._taken: set[BankEntry] = set()
        self._alike: defaultdict[tuple[str, str, str, bool], list[BankEntry]] = defaultdict(list)
        for entry in self.entries:
            self._alike[_group_key(entry)].append(entry)
        self.unpaid = sorted(
            (e for e in read_unpaid_invoices(store, self.banks[0]) if since <= e.date <= to),
            key=lambda e: (e.date, e.id),
        )

    def build(self, kinds: Sequence[LineKind], unbooked: MakeLine, unpaid_share: float) -> Statement:
        """Return the statement, its lines in the order of their days.

        Args:
            kinds: The kinds of line, each as often as its weight says.
            unbooked: Adds a line for an unpaid invoice.
            unpaid_share: How many of the unpaid invoices have such a line.
        """
        while self._next < len(self.entries):
            if self.entries[self._next] in self._taken:
                self._next += 1
                continue
            kind = self.rng.choices(kinds, [each.weight for each in kinds])[0]
            entries = self._take_entries(kind.entry_count)
            if entries is not None:
                kind.make(self, entries)
        for entry in self.unpaid:
            if self.rng.random() < unpaid_share:
                unbooked(self, [entry])
        self.statement.lines.sort(key=lambda line: (line["date"], line["line_id"]))
        self._number_lines()
        return self.statement

    def add_line(self, kind: str, entries: list[BankEntry], amount: Decimal | None = None, **more: Any) -> str:
        """Add a line for some entries, as a bank would write it, with its answer.

        `on`, `payee`, `reference`, `description` and `account` replace the values derived from the entries,
        `matches` replaces the matches of the answer, and every other key is added to the answer.
        """
        first = entries[0] if entries else None
        amount = sum((e.amount for e in entries), ZERO) if amount is None else amount
        date = more.pop("on", first.date if first else self.random_day())
        name = f"line-{len(self.statement.lines):06d}"
        contact = first.contact if first else ""
        reference = first.reference if first else ""
        self.statement.lines.append(
            {
                "line_id": name,
                "account_id": more.pop("account", first.account if first else self.rng.choice(self.banks)),
                "date": min(date, self.to + 5 * DAY).isoformat(),
                "amount": amount,
                "payee": more.pop("payee", contact.upper()[:PAYEE_CHARACTERS].strip()),
                "reference": more.pop("reference", reference),
                "description": more.pop("description", "CREDIT TRANSFER" if amount > 0 else "PAYMENT"),
            }
        )
        matches = [{"entity": e.entity, "id": e.id, "amount": e.amount} for e in more.pop("matches", entries)]
        self.statement.answers[name] = {"kind": kind, "matches": matches, **more}
        return name

    def random_day(self) -> dt.date:
        """Return a random day of the statement."""
        return self.since + self.rng.randrange((self.to - self.since).days + 1) * DAY

    def add_missing(self, entry: BankEntry) -> None:
        """Record an entry that the bank does not know."""
        self.statement.missing.append({"entity": entry.entity, "id": entry.id, "account_id": entry.account})

    def _take_entries(self, count: int) -> list[BankEntry] | None:
        """Take the next entry, and more of the same contact and bank account that go the same way."""
        if not count:
            return []
        first = self.entries[self._next]
        alike: list[BankEntry] = []
        if count > 1 and first.contact:
            candidates = self._alike[_group_key(first)]
            alike = [e for e in candidates if e != first and e not in self._taken][: count - 1]
        if len(alike) < count - 1:
            return None
        self._taken.update((first, *alike))
        return [first, *alike]

    def _number_lines(self) -> None:
        # numbered by day, so that a number does not reveal how its line was made
        names = {line["line_id"]: f"{self.seed}-{n:05d}" for n, line in enumerate(self.statement.lines, 1)}
        for line in self.statement.lines:
            line["line_id"] = names[line["line_id"]]
        self.statement.answers = {names[old]: answer for old, answer in self.statement.answers.items()}
        for answer in self.statement.answers.values():
            if "duplicate_of" in answer:
                answer["duplicate_of"] = names[answer["duplicate_of"]]


def _group_key(entry: BankEntry) -> tuple[str, str, str, bool]:
    return entry.contact, entry.account, entry.entity, entry.amount > 0
