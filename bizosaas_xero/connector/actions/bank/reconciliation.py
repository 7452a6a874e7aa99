"""A statement's lines beside the books: which belongs to what, and why the two balances differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from pydantic import Field

from bizosaas_xero.connector.actions.bank.ledger_entries import Entry
from bizosaas_xero.connector.actions.bank.matching import Match, Matching
from bizosaas_xero.connector.actions.bank.statement import BankLine, Statement
from bizosaas_xero.connector.actions.bank.unmatched import ZERO, EntryItem, item
from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.models import Money, Result
from bizosaas_xero.connector.actions.reports import layout
from bizosaas_xero.spec.errors import Misconfigured, MissingScope


class LineItem(Result):
    """One line of the statement."""

    line: int = Field(description="Its number: the place among `lines`, or the line of the file.")
    date: date
    amount: Money
    text: str


class MatchItem(Result):
    """Lines and entries that belong together."""

    tier: Literal["certain", "likely"]
    score: int = Field(description="0 to 100.")
    lines: list[LineItem]
    entries: list[EntryItem]
    fee: Money = Field(description="How much less the bank moved than is recorded.")
    reasons: list[str]
    to_do: Literal["nothing", "match_in_xero", "record_payment"] = Field(
        description="`nothing`: Xero has it matched. `record_payment`: an invoice or bill is still open."
    )


class CandidateItem(Result):
    """An entry that may be meant."""

    entry: EntryItem
    score: int
    reasons: list[str]


class UnmatchedLine(LineItem):
    """A line that was not matched."""

    ambiguous: bool = Field(description="Several entries, or several lines, fit equally well: a person must choose.")
    same_as: int | None = Field(description="An earlier line that is the same in everything.")
    candidates: list[CandidateItem]


class TierTotal(Result):
    """What of the statement is matched how well."""

    tier: Literal["certain", "likely", "unmatched"]
    lines: int
    amount: Money = Field(description="Without signs.")


class StatementResult(Result):
    """The statement's lines, and what each belongs to."""

    account_id: str
    code: str | None
    name: str
    currency: str
    totals: list[TierTotal]
    matches: list[MatchItem] = Field(description="What is still to do first.")
    more_matches: int
    unmatched_lines: list[UnmatchedLine]
    more_unmatched_lines: int


class Difference(Result):
    """Something that is on one side only."""

    side: Literal["ledger_only", "statement_only"]
    amount: Money
    why: str
    line: int | None
    entry: EntryItem | None


class Reconciliation(Result):
    """Statement balance = ledger balance less what only the ledger has, plus what only the statement has."""

    from_date: date
    to_date: date
    ledger_balance: Money | None = Field(description="At the end of `to_date`, by Xero's trial balance.")
    ledger_only: Money = Field(description="Recorded up to `to_date`, and on no line.")
    statement_only: Money = Field(description="On a line, and not recorded up to `to_date`.")
    expected_statement_balance: Money | None
    statement_balance: Money | None
    difference: Money | None = Field(description="Statement balance less the expected one.")
    brought_forward: Money | None = Field(description="The part of it that was there before `from_date`.")
    not_in_the_lists: Money | None = Field(
        description="What moved the account in these days without being in any list that was read."
    )
    explanation: str
    items: list[Difference] = Field(description="What makes up the two sums, the largest first.")
    more_items: int


def statement_result(account: Row, currency: str, statement: Statement, made: Matching, limit: int) -> StatementResult:
    """Put matches and leftovers into words; totals count all of them."""
    amounts: dict[str, list[Decimal]] = defaultdict(list)
    for match in made.matches:
        amounts[match.tier] += [abs(line.amount) for line in match.lines]
    amounts["unmatched"] = [abs(left.line.amount) for left in made.unmatched]
    tiers: tuple[Literal["certain", "likely", "unmatched"], ...] = ("certain", "likely", "unmatched")
    matches = sorted(made.matches, key=lambda match: (_to_do(match) == "nothing", match.lines[0].number))
    first_of: dict[tuple[object, ...], int] = {}
    for line in statement.lines:
        first_of.setdefault(_told(line), line.number)
    return StatementResult(
        account_id=account["AccountID"].lower(),
        code=account.get("Code") or None,
        name=str(account.get("Name")),
        currency=currency,
        totals=[TierTotal(tier=tier, lines=len(amounts[tier]), amount=sum(amounts[tier], ZERO)) for tier in tiers],
        matches=[
            MatchItem(
                tier=match.tier,
                score=match.score,
                lines=[LineItem(**_line(line)) for line in match.lines],
                entries=[item(entry) for entry in match.entries],
                fee=match.fee,
                reasons=list(match.reasons),
                to_do=_to_do(match),
            )
            for match in matches[:limit]
        ],
        more_matches=max(0, len(matches) - limit),
        unmatched_lines=[
            UnmatchedLine(
                **_line(left.line),
                ambiguous=left.ambiguous,
                same_as=_other(first_of[_told(left.line)], left.line.number),
                candidates=[
                    CandidateItem(entry=item(fit.entry), score=fit.score, reasons=list(fit.reasons))
                    for fit in left.candidates
                ],
            )
            for left in made.unmatched[:limit]
        ],
        more_unmatched_lines=max(0, len(made.unmatched) - limit),
    )


def differences(entries: Sequence[Entry], made: Matching, first: date, last: date) -> list[Difference]:
    """Return what is on one side only at the end of the statement's last day."""
    found = []
    matched = {entry.key for match in made.matches for entry in match.entries}
    for entry in entries:
        if entry.key in matched or entry.date > last or (entry.reconciled and entry.date < first):
            continue  # what was matched before these days was on an earlier statement
        why = "recorded in Xero, on no line of this statement"
        if entry.reconciled:
            why = "Xero has it matched to a bank line, which is not on this statement"
        found.append(Difference(side="ledger_only", amount=entry.amount, why=why, line=None, entry=item(entry)))
    for match in made.matches:
        booked = [entry for entry in match.entries if not entry.open and entry.date <= last]
        amount = _sum(match.lines) - _sum(booked)
        if amount:
            first_line = match.lines[0].number
            why = _why(match, last)
            found.append(
                Difference(
                    side="statement_only",
                    amount=amount,
                    why=why,
                    line=first_line,
                    entry=item(match.entries[0]),
                )
            )
    for left in made.unmatched:
        why = "not recorded in Xero, or a person must choose what it is"
        found.append(
            Difference(side="statement_only", amount=left.line.amount, why=why, line=left.line.number, entry=None)
        )
    return sorted(found, key=lambda each: (-abs(each.amount), each.side, each.line or 0))


def reconciliation(  # noqa: PLR0913, PLR0917 (each is a different thing)
    books: Books,
    account: str,
    currency: str,
    period: tuple[date, date],
    statement: Statement,
    balance: Decimal | None,
    entries: Sequence[Entry],
    made: Matching,
    limit: int,
) -> Reconciliation:
    """Compare the balances of both sides at the end of the statement, and at its beginning.

    With everything matched or listed, a difference at the end can only come from before the first day or
    from what moved the account and is in none of the lists.
    """
    first, last = period
    items = differences(entries, made, first, last)
    only = {
        side: sum((each.amount for each in items if each.side == side), ZERO)
        for side in ("ledger_only", "statement_only")
    }
    closing, opening, problem = _ledger(books, account, currency, first, last)
    expected = difference = before = unseen = None
    if closing is not None and opening is not None:
        expected = closing - only["ledger_only"] + only["statement_only"]
        unseen = closing - opening - _sum([entry for entry in entries if first <= entry.date <= last])
        if balance is not None:
            difference = balance - expected
            matched = {entry.key for match in made.matches for entry in match.entries}
            waiting = [e for e in entries if e.date < first and (not e.reconciled or e.key in matched)]
            before = balance - _sum(statement.lines) - (opening - _sum(waiting))
    return Reconciliation(
        from_date=first,
        to_date=last,
        ledger_balance=closing,
        ledger_only=only["ledger_only"],
        statement_only=only["statement_only"],
        expected_statement_balance=expected,
        statement_balance=balance,
        difference=difference,
        brought_forward=before,
        not_in_the_lists=unseen,
        explanation=problem or _explained(difference, before, unseen, first),
        items=items[:limit],
        more_items=max(0, len(items) - limit),
    )


def _ledger(
    books: Books, account: str, currency: str, first: date, last: date
) -> tuple[Decimal | None, Decimal | None, str | None]:
    """Return the balances at the end of the last day and before the first, or why they are not known."""
    if currency != books.base_currency:
        return (
            None,
            None,
            f"The trial balance gives this account in {books.base_currency}, not in {currency}.",
        )
    try:
        return _balance(books, account, last), _balance(books, account, first - timedelta(1)), None
    except (MissingScope, Misconfigured) as error:
        return None, None, f"The ledger's balance could not be read: {error.message}"


def _balance(books: Books, account: str, day: date) -> Decimal:
    # a trial balance and not the sum of entries: that would leave out what the account began with
    for line in layout.lines(books.report("TrialBalance", {"date": f"{day}"})):
        if line.account_id == account:
            return (line.values[-2] or ZERO) - (line.values[-1] or ZERO)
    return ZERO


def _explained(difference: Decimal | None, before: Decimal | None, unseen: Decimal | None, first: date) -> str:
    if difference is None:
        return "Without the statement's balance there is nothing to compare: give statement_balance."
    if not difference and not before:
        return "The balances agree to the cent."
    told = []
    if before:
        told.append(
            f"{before} was there before {first}: bank lines from before that are not in Xero, entries marked "
            "as matched that never were, or another opening balance"
        )
    if unseen:
        told.append(
            f"{-unseen} is the other side of what moved the account from {first} on without being a bank "
            "transaction, payment, batch or transfer"
        )
    return f"The balances differ by {difference}: {'; '.join(told)}."


def _why(match: Match, last: date) -> str:
    if any(entry.open for entry in match.entries):
        return "an invoice or bill that is not recorded as paid"
    if any(entry.date > last for entry in match.entries):
        return "recorded in Xero on a later day than this statement's last"
    return "a fee that is not recorded"


def _to_do(match: Match) -> Literal["nothing", "match_in_xero", "record_payment"]:
    if any(entry.open for entry in match.entries):
        return "record_payment"
    return "nothing" if all(entry.reconciled for entry in match.entries) else "match_in_xero"


def _sum(parts: Sequence[Entry] | Sequence[BankLine]) -> Decimal:
    return sum((part.amount for part in parts), ZERO)


def _line(line: BankLine) -> dict[str, object]:
    text = " · ".join(filter(None, dict.fromkeys((line.payee, line.reference, line.description))))
    return {"line": line.number, "date": line.date, "amount": line.amount, "text": text}


def _told(line: BankLine) -> tuple[object, ...]:
    return line.date, line.amount, line.payee, line.reference, line.description


def _other(first: int, number: int) -> int | None:
    return first if first != number else None
