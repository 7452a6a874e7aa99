"""Present the lines of a statement with their matches."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import Field

from bizosaas_xero.connector.actions.bank.matches import Match, Matching
from bizosaas_xero.connector.actions.bank.statement import BankLine, Statement
from bizosaas_xero.connector.actions.bank.unmatched import ZERO, EntryItem, entry_item
from bizosaas_xero.connector.actions.books import Row
from bizosaas_xero.connector.actions.models import Money, Result


class LineItem(Result):
    """One line of the statement."""

    line: int = Field(description="Its number: the place in `lines`, or the line of the file.")
    date: date
    amount: Money
    text: str


class MatchItem(Result):
    """Lines and entries that belong together."""

    tier: Literal["certain", "likely"]
    score: int = Field(description="0 to 100.")
    lines: list[LineItem]
    entries: list[EntryItem]
    fee: Money = Field(description="By how much the bank moved less than recorded.")
    reasons: list[str]
    to_do: Literal["nothing", "match_in_xero", "record_payment"] = Field(
        description="`nothing`: matched in Xero already. `record_payment`: an invoice or bill is still open."
    )


class CandidateItem(Result):
    """An entry that may match."""

    entry: EntryItem
    score: int
    reasons: list[str]


class UnmatchedLine(LineItem):
    """A line without a match."""

    ambiguous: bool = Field(description="Several entries, or several lines, fit equally well: a person must choose.")
    same_as: int | None = Field(description="The number of an earlier line with the same day, amount and texts.")
    candidates: list[CandidateItem]


class TierTotal(Result):
    """The lines of one tier."""

    tier: Literal["certain", "likely", "unmatched"]
    lines: int
    amount: Money = Field(description="Without signs.")


class StatementResult(Result):
    """The statement's lines and their matches."""

    account_id: str
    code: str | None
    name: str
    currency: str
    totals: list[TierTotal]
    matches: list[MatchItem] = Field(description="Those with something to do come first.")
    more_matches: int
    unmatched_lines: list[UnmatchedLine]
    more_unmatched_lines: int


def statement_result(
    account: Row, currency: str, statement: Statement, matching: Matching, limit: int
) -> StatementResult:
    """Present matches and unmatched lines; totals count all of them."""
    amounts: dict[str, list[Decimal]] = defaultdict(list)
    for match in matching.matches:
        amounts[match.tier] += [abs(line.amount) for line in match.lines]
    amounts["unmatched"] = [abs(left.line.amount) for left in matching.unmatched]
    tiers: tuple[Literal["certain", "likely", "unmatched"], ...] = ("certain", "likely", "unmatched")
    matches = sorted(matching.matches, key=lambda match: (_to_do(match) == "nothing", match.lines[0].number))
    first_of: dict[tuple[object, ...], int] = {}
    for line in statement.lines:
        first_of.setdefault(_line_key(line), line.number)
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
                entries=[entry_item(entry) for entry in match.entries],
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
                same_as=_earlier(first_of[_line_key(left.line)], left.line.number),
                candidates=[
                    CandidateItem(entry=entry_item(fit.entry), score=fit.score, reasons=list(fit.reasons))
                    for fit in left.candidates
                ],
            )
            for left in matching.unmatched[:limit]
        ],
        more_unmatched_lines=max(0, len(matching.unmatched) - limit),
    )


def _to_do(match: Match) -> Literal["nothing", "match_in_xero", "record_payment"]:
    if any(entry.open for entry in match.entries):
        return "record_payment"
    return "nothing" if all(entry.reconciled for entry in match.entries) else "match_in_xero"


def _line(line: BankLine) -> dict[str, object]:
    text = " · ".join(filter(None, dict.fromkeys((line.payee, line.reference, line.description))))
    return {"line": line.number, "date": line.date, "amount": line.amount, "text": text}


def _line_key(line: BankLine) -> tuple[object, ...]:
    return line.date, line.amount, line.payee, line.reference, line.description


def _earlier(first: int, number: int) -> int | None:
    return first if first != number else None
