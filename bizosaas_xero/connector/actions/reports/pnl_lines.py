"""The lines of a profit and loss report: each account's share in the profit, checked against Xero's last line.

Amounts are positive for the usual side of their section, so an account's class decides its sign. A row without an
account of the chart has no class. Its sign is taken from Xero's own total, or from the trial balance, never from
its neighbours.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import product

from bizosaas_xero.connector.actions.books import Row
from bizosaas_xero.connector.actions.reports.layout import Line

ZERO = Decimal(0)
MAX_UNSIGNED_LINES = 10
"""The number of lines without a class for which all combinations of signs are tried."""

_SIGNS = {"REVENUE": 1, "EXPENSE": -1}
_GROSS = "gross"
_CURRENCY_LABEL = re.compile(r"currenc|exchange|\bfx\b", re.IGNORECASE)


def is_currency(line: Line) -> bool:
    """Return whether a line groups currency gains: by its id, or by its label if Xero sends no id."""
    return line.kind == "currency" or (line.kind == "figure" and bool(_CURRENCY_LABEL.search(line.label)))


@dataclass
class PieceLines:
    """One report, read.

    Args:
        amounts: By account id, as Xero shows them.
        net_profit: The report's own last line; ``None`` if it has no total.
        gross_profit: The report's own line; ``None`` if it has none.
        by_accounts: Revenue less expense of the accounts of the chart.
        unsigned: Lines without a class, and what each adds to the profit; ``None`` if unknown.
    """

    amounts: dict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))
    net_profit: Decimal | None = None
    gross_profit: Decimal | None = None
    by_accounts: Decimal = ZERO
    unsigned: list[tuple[Line, Decimal | None]] = field(default_factory=list)

    @property
    def currency_gains(self) -> Decimal | None:
        """What the currency rows add to the profit; ``None`` if unknown."""
        return _sum([share for line, share in self.unsigned if is_currency(line)])

    @property
    def computed_net_profit(self) -> Decimal:
        """The profit by accounts, and by the other lines whose sign is known."""
        return self.by_accounts + sum((share for _, share in self.unsigned if share is not None), ZERO)


def read_piece(lines: Sequence[Line], accounts: Mapping[str, Row], currency_movement: Decimal | None) -> PieceLines:
    """Read the lines of one report.

    Args:
        lines: The lines.
        accounts: The chart, by id.
        currency_movement: Currency gains by the trial balance; ``None`` if it was not read.
    """
    piece = PieceLines()
    unsigned = []
    detailed = {line.section for line in lines if line.kind != "total"}  # their totals are not those of the report
    for line in lines:
        if line.kind == "total":
            if line.section not in detailed and line.values and line.values[0] is not None:
                piece.net_profit = line.value()
                if _GROSS in line.label.lower():
                    piece.gross_profit = line.value()
            continue
        sign = _SIGNS.get(str(accounts.get(line.account_id or "", {}).get("Class")))
        if sign is None:
            unsigned += [line] if line.value() else []
        else:
            piece.amounts[str(line.account_id)] += line.value()
            piece.by_accounts += sign * line.value()
    shares = _find_shares(unsigned, piece, currency_movement)
    piece.unsigned = list(zip(unsigned, shares, strict=True))
    return piece


def _find_shares(
    unsigned: Sequence[Line], piece: PieceLines, currency_movement: Decimal | None
) -> Sequence[Decimal | None]:
    """Return what each line adds to the profit, as far as Xero's total or the trial balance decides it."""
    values = [line.value() for line in unsigned]
    candidates: list[tuple[Decimal, ...]] = []
    if piece.net_profit is not None and 0 < len(values) <= MAX_UNSIGNED_LINES:
        for signs in product((1, -1), repeat=len(values)):
            shares = tuple(sign * value for sign, value in zip(signs, values, strict=True))
            if piece.by_accounts + sum(shares, ZERO) == piece.net_profit:
                candidates.append(shares)
    if len(candidates) > 1 and currency_movement is not None:
        candidates = [each for each in candidates if _currency_of(unsigned, each) == currency_movement]
    if len(candidates) == 1:
        return candidates[0]
    return [_share_by_trial_balance(line, unsigned, currency_movement) for line in unsigned]


def _share_by_trial_balance(line: Line, unsigned: Sequence[Line], currency_movement: Decimal | None) -> Decimal | None:
    rows = [each for each in unsigned if is_currency(each)]
    if rows == [line] and currency_movement is not None and abs(currency_movement) == abs(line.value()):
        return currency_movement
    return None


def _currency_of(unsigned: Sequence[Line], shares: Sequence[Decimal]) -> Decimal:
    return sum((share for line, share in zip(unsigned, shares, strict=True) if is_currency(line)), ZERO)


def _sum(shares: Sequence[Decimal | None]) -> Decimal | None:
    known = [share for share in shares if share is not None]
    return sum(known, ZERO) if len(known) == len(shares) else None
