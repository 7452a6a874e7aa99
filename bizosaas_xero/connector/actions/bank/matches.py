"""The result of matching a statement: matches, and lines without one."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from bizosaas_xero.connector.actions.bank.ledger_entries import Entry
from bizosaas_xero.connector.actions.bank.statement import BankLine

Tier = Literal["certain", "likely"]


@dataclass(frozen=True)
class Match:
    """Lines and entries that belong together: one to one, one to many, or several parts of one entry."""

    lines: tuple[BankLine, ...]
    entries: tuple[Entry, ...]
    tier: Tier
    score: int
    reasons: tuple[str, ...]
    fee: Decimal = Decimal(0)


@dataclass(frozen=True)
class Candidate:
    """An entry that may match."""

    entry: Entry
    score: int
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class LineWithCandidates:
    """A line without a match. `ambiguous`: several entries fit, and a person must choose."""

    line: BankLine
    ambiguous: bool
    candidates: tuple[Candidate, ...] = ()


@dataclass
class Matching:
    """The matches, and the lines without one."""

    matches: list[Match] = field(default_factory=list)
    unmatched: list[LineWithCandidates] = field(default_factory=list)
