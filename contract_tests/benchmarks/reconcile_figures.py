"""How well bank lines are matched: prints figures of the sandbox's lines, whose answers are known.

Run it: `python -m contract_tests.benchmarks.reconcile_figures [documents] [seed]`.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from bizosaas_xero.connector.actions.bank import ledger_entries, matching
from bizosaas_xero.connector.actions.bank.batches import merge_batches
from bizosaas_xero.connector.actions.bank.ledger_entries import Entry
from bizosaas_xero.connector.actions.bank.matches import Matching
from bizosaas_xero.connector.actions.bank.statement import BankLine
from bizosaas_xero.connector.actions.books import Books
from bizosaas_xero.connector.actions.filters import date_filter
from bizosaas_xero.connector.http.client import Client
from bizosaas_xero.connector.settings import load_settings
from bizosaas_xero.sandbox import SandboxServer, serve
from bizosaas_xero.sandbox.bank_statements.generate import generate_statement
from bizosaas_xero.spec import models
from contract_tests.helpers.xero_account import Account

ENTITIES = {
    "Payments": "payment",
    "BatchPayments": "batch_payment",
    "BankTransactions": "bank_transaction",
    "BankTransfers": "bank_transfer",
    "Invoices": "document",
}


def kind(entry: Entry) -> str:
    """Return what the answers call an entry."""
    return "document" if entry.open else entry.kind


@dataclass
class Figures:
    """What was right, wrong and left, in lines and in money."""

    lines: int = 0
    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    found: Decimal = Decimal(0)
    wanted: Decimal = Decimal(0)
    by_kind: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    mistakes: list[str] = field(default_factory=list)

    @property
    def recall(self) -> Decimal:
        """Money on lines that were matched rightly, of the money on lines that have a match."""
        return self.found / self.wanted

    def told(self) -> str:
        """Return the figures as a text."""
        rows = [f"{self.lines} lines; recall by amount {self.recall:.4f} (certain and likely)"]
        rows += [f"  {tier:8} right {self.right[tier]:5}  wrong {self.wrong[tier]:3}" for tier in ("certain", "likely")]
        for name, tiers in sorted(self.by_kind.items()):
            rows.append(f"  {name:24} " + "  ".join(f"{k} {v}" for k, v in sorted(tiers.items())))
        return "\n".join(rows)


def judge(
    lines: Sequence[BankLine],
    made: Matching,
    answers: Mapping[int, tuple[str, set[tuple[str, str]]]],
) -> Figures:
    """Compare matches with the answers: line number to the kind of line and what belongs to it."""
    figures = Figures(lines=len(lines))
    given = {
        line.number: (each.tier, {(kind(e), e.id) for e in each.entries}, each)
        for each in made.matches
        for line in each.lines
    }
    for line in lines:
        name, truth = answers[line.number]
        tier, chosen, each = given.get(line.number, ("left", set(), None))
        right = bool(chosen) and chosen == truth
        if truth:
            figures.wanted += abs(line.amount)
        if right:
            figures.found += abs(line.amount)
        if chosen:
            (figures.right if right else figures.wrong)[tier] += 1
        if chosen and not right:
            figures.mistakes.append(f"{tier} {name}: {line}\n   -> {each.entries}, {each.reasons}\n   truth {truth}")
        figures.by_kind[name][tier if right or not chosen else f"{tier} wrong"] += 1
    return figures


def books_of(account: Account) -> Books:
    """Return the books as an action sees them."""
    connection = models.parse(models.Connection, account.connection(), "connection")
    settings = load_settings(connection.settings)
    return Books(Client(connection, settings, "reconcile_bank_feeds"), settings)


def of_sandbox(
    box: SandboxServer, seed: int, since: date, most: int = 5000
) -> tuple[list[BankLine], list[Entry], dict[int, Any]]:
    """Return generated lines of the main bank account, entries as the action reads them, and answers."""
    store = box.sandbox.store()
    used = Counter(row["Account"]["AccountID"] for row in store.rows("Payments"))
    account = used.most_common(1)[0][0]
    made = generate_statement(store, seed, since, None, account)
    lines, answers = [], {}
    for number, row in enumerate(made.lines[:most], 1):
        texts = row["payee"], row["reference"], row["description"]
        lines.append(BankLine(number, date.fromisoformat(row["date"]), row["amount"], *texts))
        answer = made.answers[row["line_id"]]
        belongs = {(ENTITIES[match["entity"]], match["id"]) for match in answer["matches"]}
        answers[number] = answer["kind"], belongs
    books = books_of(Account(box).connect())
    entries = ledger_entries.read_bank_entries(books, [f"Date>={date_filter(since)}"], account)
    entries = merge_batches(entries, [e for e in ledger_entries.read_batch_payments(books) if e.account_id == account])
    entries += [e for e in ledger_entries.read_transfers(books) if e.account_id == account]
    entries += ledger_entries.read_open_documents(books, books.base_currency, books.today)
    return lines, entries, answers


def main() -> None:
    """Print the figures."""
    documents = int(sys.argv[1]) if len(sys.argv) > 1 else 2200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with serve(invoices=documents, seed=seed, limits=False) as box:
        lines, entries, answers = of_sandbox(box, seed, date(2025, 1, 1))
    start = time.perf_counter()
    made = matching.match(lines, entries)
    taken = time.perf_counter() - start
    figures = judge(lines, made, answers)
    print(f"{len(entries)} entries, {taken:.1f} s\n{figures.told()}")  # noqa: T201
    for mistake in figures.mistakes[:20]:
        print(mistake)  # noqa: T201


if __name__ == "__main__":
    main()
