"""Compare the balance of a statement with the ledger, and explain the difference."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from pydantic import Field

from bizosaas_xero.connector.actions.bank.ledger_entries import Entry
from bizosaas_xero.connector.actions.bank.matches import Match, Matching
from bizosaas_xero.connector.actions.bank.statement import BankLine, Statement
from bizosaas_xero.connector.actions.bank.unmatched import ZERO, EntryItem, entry_item
from bizosaas_xero.connector.actions.books import Books
from bizosaas_xero.connector.actions.models import Money, Result
from bizosaas_xero.connector.actions.reports import trial_balance
from bizosaas_xero.connector.actions.reports.optional import read_optional


class Difference(Result):
    """An amount on one side only."""

    side: Literal["ledger_only", "statement_only"]
    amount: Money
    why: str
    line: int | None
    entry: EntryItem | None


class Reconciliation(Result):
    """Statement balance = ledger balance - `ledger_only` + `statement_only`."""

    from_date: date
    to_date: date
    ledger_balance: Money | None = Field(description="At the end of `to_date`, by Xero's trial balance.")
    ledger_only: Money = Field(description="Recorded up to `to_date`, but not on a line.")
    statement_only: Money = Field(description="On a line, but not recorded up to `to_date`.")
    expected_statement_balance: Money | None
    statement_balance: Money | None
    difference: Money | None = Field(description="Statement balance less the expected one.")
    brought_forward: Money | None = Field(description="The part of the difference from before `from_date`.")
    not_in_the_lists: Money | None = Field(
        description="Movements of the account in these days that are in none of the lists read."
    )
    explanation: str
    items: list[Difference] = Field(description="The parts of the two sums, the largest first.")
    more_items: int


def find_differences(entries: Sequence[Entry], matching: Matching, first: date, last: date) -> list[Difference]:
    """Return the amounts on one side only at the end of the statement's last day."""
    differences = []
    matched = {entry.key for match in matching.matches for entry in match.entries}
    for entry in entries:
        if entry.key in matched or entry.date > last or (entry.reconciled and entry.date < first):
            continue  # an entry reconciled before these days was on an earlier statement
        why = "recorded in Xero, not on this statement"
        if entry.reconciled:
            why = "matched in Xero to a bank line that is not on this statement"
        differences.append(
            Difference(side="ledger_only", amount=entry.amount, why=why, line=None, entry=entry_item(entry))
        )
    for match in matching.matches:
        recorded = [entry for entry in match.entries if not entry.open and entry.date <= last]
        amount = _sum(match.lines) - _sum(recorded)
        if amount:
            first_line = match.lines[0].number
            why = _why(match, last)
            differences.append(
                Difference(
                    side="statement_only",
                    amount=amount,
                    why=why,
                    line=first_line,
                    entry=entry_item(match.entries[0]),
                )
            )
    for left in matching.unmatched:
        why = "not recorded in Xero, or a person must choose its entry"
        differences.append(
            Difference(side="statement_only", amount=left.line.amount, why=why, line=left.line.number, entry=None)
        )
    return sorted(differences, key=lambda each: (-abs(each.amount), each.side, each.line or 0))


def compare_balances(  # noqa: PLR0913, PLR0917 (each is a different thing)
    books: Books,
    account: str,
    currency: str,
    period: tuple[date, date],
    statement: Statement,
    balance: Decimal | None,
    entries: Sequence[Entry],
    matching: Matching,
    limit: int,
) -> Reconciliation:
    """Compare the balances of statement and ledger at the end of the statement and at its beginning.

    When every line and entry is matched or listed, a difference at the end comes from before the first day, or
    from movements of the account that are in none of the lists.
    """
    first, last = period
    items = find_differences(entries, matching, first, last)
    sums = {
        side: sum((each.amount for each in items if each.side == side), ZERO)
        for side in ("ledger_only", "statement_only")
    }
    closing, opening, problem = _read_ledger_balances(books, account, currency, first, last)
    expected = difference = before = unlisted = None
    if closing is not None and opening is not None:
        expected = closing - sums["ledger_only"] + sums["statement_only"]
        unlisted = closing - opening - _sum([entry for entry in entries if first <= entry.date <= last])
        if balance is not None:
            difference = balance - expected
            matched = {entry.key for match in matching.matches for entry in match.entries}
            unmatched = [e for e in entries if e.date < first and (not e.reconciled or e.key in matched)]
            before = balance - _sum(statement.lines) - (opening - _sum(unmatched))
    return Reconciliation(
        from_date=first,
        to_date=last,
        ledger_balance=closing,
        ledger_only=sums["ledger_only"],
        statement_only=sums["statement_only"],
        expected_statement_balance=expected,
        statement_balance=balance,
        difference=difference,
        brought_forward=before,
        not_in_the_lists=unlisted,
        explanation=problem or _explain_difference(difference, before, unlisted, first),
        items=items[:limit],
        more_items=max(0, len(items) - limit),
    )


def _read_ledger_balances(
    books: Books, account: str, currency: str, first: date, last: date
) -> tuple[Decimal | None, Decimal | None, str | None]:
    """Return the balances at the end of the last day and before the first, or why they are unknown."""
    if currency != books.base_currency:
        return (
            None,
            None,
            f"The trial balance gives this account in {books.base_currency}, not in {currency}.",
        )
    closing, reason = read_optional(lambda: _ledger_balance(books, account, last))
    opening = None
    if reason is None:
        opening, reason = read_optional(lambda: _ledger_balance(books, account, first - timedelta(1)))
    if reason:
        return None, None, f"The ledger's balance could not be read: {reason}"
    return closing, opening, None


def _ledger_balance(books: Books, account: str, day: date) -> Decimal:
    # the trial balance, because a sum of entries would leave out the opening balance
    return trial_balance.read_balances(books, day).get(account, ZERO)


def _explain_difference(
    difference: Decimal | None, before: Decimal | None, unlisted: Decimal | None, first: date
) -> str:
    if difference is None:
        return "Without the statement's balance there is nothing to compare: give statement_balance."
    if not difference and not before:
        return "The balances agree to the cent."
    reasons = []
    if before:
        reasons.append(
            f"{before} is from before {first}: earlier bank lines that are not in Xero, entries marked as "
            "reconciled without a bank line, or a different opening balance"
        )
    if unlisted:
        reasons.append(
            f"{-unlisted} is from movements of the account since {first} that are not a bank transaction, "
            "payment, batch or transfer"
        )
    return f"The balances differ by {difference}: {'; '.join(reasons)}."


def _why(match: Match, last: date) -> str:
    if any(entry.open for entry in match.entries):
        return "an invoice or bill that is not recorded as paid"
    if any(entry.date > last for entry in match.entries):
        return "recorded in Xero on a later day than this statement's last"
    return "a fee that is not recorded"


def _sum(parts: Sequence[Entry] | Sequence[BankLine]) -> Decimal:
    return sum((part.amount for part in parts), ZERO)
