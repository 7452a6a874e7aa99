"""generate_pnl_report: the profit and loss of a period, exact, and checked against the trial balance."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

from bizosaas_xero.connector.actions.books import Books
from bizosaas_xero.connector.actions.definition import ReadAction
from bizosaas_xero.connector.actions.filters import parse_guid
from bizosaas_xero.connector.actions.reports import layout, pnl_formats, trial_balance
from bizosaas_xero.connector.actions.reports.optional import read_optional
from bizosaas_xero.connector.actions.reports.pnl_lines import PieceLines, is_currency, read_piece
from bizosaas_xero.connector.actions.reports.pnl_models import (
    AccountFigure,
    CurrencySplit,
    OtherLine,
    Piece,
    PnlParams,
    PnlResult,
    Section,
)
from bizosaas_xero.connector.actions.typed_rows import UnreadableRecord
from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.spec.errors import Invalid

ZERO = Decimal(0)
MAX_PIECE = timedelta(days=364)
"""Xero refuses a report of more than 365 days."""

MOST_PIECES = 10

_SECTIONS = {
    "SALES": "income",
    "REVENUE": "income",
    "OTHERINCOME": "other_income",
    "DIRECTCOSTS": "cost_of_sales",
}
SECTIONS = ("income", "cost_of_sales", "other_income", "expenses")


def run(books: Books, params: PnlParams) -> PnlResult:
    """Read the period piece by piece, add up by account, and check."""
    amounts: dict[str, Decimal] = defaultdict(lambda: ZERO)
    reads: list[PieceLines] = []
    pieces, problems, movements = [], [], []
    for first, last in _pieces(books, params.from_date, params.to_date):
        lines = layout.lines(books.read_report("ProfitAndLoss", _query(params, first, last)), "ProfitAndLoss")
        movement, problem = _read_movements(books, params, first, last)
        gains = None if movement is None else trial_balance.currency_gains_of(books, movement)
        read = read_piece(lines, books.accounts, gains)
        for account_id, amount in read.amounts.items():
            amounts[account_id] += amount
        profit = None if movement is None else trial_balance.profit_of(books, movement)
        piece = Piece(
            from_date=first,
            to_date=last,
            net_profit=_net_profit(read),
            net_profit_in_xero=read.net_profit,
            net_profit_by_accounts=read.computed_net_profit,
            trial_balance_movement=profit,
        )
        reads.append(read)
        pieces.append(piece)
        movements += [] if movement is None else [movement]
        problems.append(_find_problem(books, piece, read, movement, problem))
    sections = [_section(books, name, amounts) for name in SECTIONS]
    totals = {section.name: section.total for section in sections}
    currency_gains = _total_or_none([read.currency_gains for read in reads])
    gross = totals["income"] - totals["cost_of_sales"]
    gross_in_xero = _total_or_none([read.gross_profit for read in reads])
    problems += _gross_problem(gross, gross_in_xero)
    reason = next((text for _, text in problems if text), None)
    net_profit = sum((piece.net_profit for piece in pieces), ZERO)
    by_accounts = sum((piece.net_profit_by_accounts for piece in pieces), ZERO)
    result = PnlResult(
        organisation=str(books.organisation.get("Name")),
        currency=books.base_currency,
        basis=params.basis,
        from_date=params.from_date,
        to_date=params.to_date,
        ref=f"pnl:{params.from_date}..{params.to_date}:{params.basis}" if not params.tracking else "",
        sections=sections,
        other_lines=[
            OtherLine(label=line.label, amount=line.value(), share=share)
            for read in reads
            for line, share in read.unsigned
            if not is_currency(line)
        ],
        gross_profit=gross if gross_in_xero is None else gross_in_xero,
        currency_gains=currency_gains,
        currency_split=_currency_split(books, movements, currency_gains) if len(movements) == len(pieces) else None,
        net_profit=net_profit,
        net_profit_by_accounts=by_accounts,
        difference=net_profit - by_accounts,
        ties=_ties(problems),
        not_tied_because=reason,
        pieces=pieces,
    )
    result.texts = {name: pnl_formats.FORMATS[name](result) for name in params.formats}
    return result


def _net_profit(read: PieceLines) -> Decimal:
    if read.net_profit is not None:
        return read.net_profit
    unsigned = next((line for line, share in read.unsigned if share is None), None)
    if unsigned:
        raise UnreadableRecord("report ProfitAndLoss", f"cell {unsigned.label!r} (its sign)", unsigned.value())
    return read.computed_net_profit


def _total_or_none(values: list[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, ZERO) if len(known) == len(values) else None


def _currency_split(books: Books, movements: list[dict[str, Decimal]], currency_gains: Decimal | None) -> CurrencySplit:
    amounts = {
        name: sum((trial_balance.currency_gains_of(books, each, [kind]) for each in movements), ZERO)
        for name, kind in trial_balance.CURRENCY_ACCOUNTS.items()
    }
    unassigned = currency_gains - sum(amounts.values(), ZERO) if currency_gains else ZERO
    return CurrencySplit(**amounts, unassigned=unassigned)


def _pieces(books: Books, first: date, last: date) -> list[tuple[date, date]]:
    found = []
    while first <= last:
        end = min(last, books.year_end(first), first + MAX_PIECE)
        found.append((first, end))
        first = end + timedelta(days=1)
    if len(found) > MOST_PIECES:
        complaint = f"spans {len(found)} financial years; at most {MOST_PIECES} are read at once"
        raise Invalid.field("params.from_date", complaint, summary="The period {message}.")
    return found


def _query(params: PnlParams, first: date, last: date) -> dict[str, str]:
    query = {"fromDate": f"{first}", "toDate": f"{last}", "standardLayout": "true"}
    if params.basis == "cash":
        query["paymentsOnly"] = "true"
    if params.tracking:
        query["trackingCategoryID"] = parse_guid(params.tracking.category_id, "params.tracking.category_id")
        query["trackingOptionID"] = parse_guid(params.tracking.option_id, "params.tracking.option_id")
    return query


def _section(books: Books, name: str, amounts: dict[str, Decimal]) -> Section:
    figures = []
    for account_id, amount in amounts.items():
        account = books.accounts.get(account_id, {})
        kind = _SECTIONS.get(str(account.get("Type")))
        if (kind or ("expenses" if account.get("Class") == "EXPENSE" else "other_income")) == name:
            figures.append(
                AccountFigure(
                    account_id=account_id,
                    code=account.get("Code"),
                    name=str(account.get("Name") or account_id),
                    amount=amount,
                )
            )
    figures.sort(key=lambda figure: (figure.code or "", figure.name))
    return Section(name=name, accounts=figures, total=sum((figure.amount for figure in figures), ZERO))


# ---------------------------------------------------------------- checks

Problem = tuple[bool | None, str | None]
"""Whether a figure ties (``None``: not compared), and the reason if it does not."""


def _read_movements(
    books: Books, params: PnlParams, first: date, last: date
) -> tuple[dict[str, Decimal] | None, Problem]:
    if params.tracking:
        return None, (False, "A trial balance cannot be narrowed to a tracking option.")
    cash = params.basis == "cash"
    movement, reason = read_optional(lambda: trial_balance.read_movements(books, first, last, cash=cash))
    return movement, (None, f"The trial balance could not be read: {reason}" if reason else None)


def _find_problem(
    books: Books, piece: Piece, read: PieceLines, movement: dict[str, Decimal] | None, not_compared: Problem
) -> Problem:
    period = f"{piece.from_date} to {piece.to_date}"
    difference = piece.net_profit - piece.net_profit_by_accounts
    unknown = [f"{line.label} ({line.value()})" for line, share in read.unsigned if share is None]
    if difference:
        named = f" These lines have no account of the chart: {', '.join(unknown)}." if unknown else ""
        return False, f"Xero's own total for {period} differs by {difference}, which is unexplained.{named}"
    if movement is None:
        return not_compared
    off = (piece.trial_balance_movement or ZERO) - piece.net_profit
    if not off:
        return True, None
    gains = read.currency_gains
    if gains and off == -gains and not trial_balance.currency_gains_of(books, movement):
        return True, None  # the report groups revaluations that this trial balance does not show
    missing = sorted(key for key, amount in movement.items() if amount and key not in books.accounts)
    named = f" It has accounts that the chart lacks: {', '.join(missing)}." if missing else " This is unexplained."
    return False, f"The trial balances for {period} differ by {off}.{named}"


def _gross_problem(gross: Decimal, gross_in_xero: Decimal | None) -> list[Problem]:
    if gross_in_xero is None or gross == gross_in_xero:
        return []
    return [(False, f"Xero's own gross profit is {gross_in_xero}; by the types of the accounts it is {gross}.")]


def _ties(problems: list[Problem]) -> bool | None:
    states = {state for state, _ in problems}
    return False if False in states else None if None in states else True


class GeneratePnlReport(ReadAction[PnlParams]):
    """``generate_pnl_report``."""

    name = "generate_pnl_report"
    # compared with other reports only if the grant allows reading them
    permissions = (scopes.PROFIT_AND_LOSS, scopes.SETTINGS)
    title = "Generate P&L Report"
    description = (
        "Profit and loss of the organisation for a period, on accrual or cash basis, by account, with exact "
        "figures that are checked against the trial balance. Use it for questions about income, costs or "
        "profit. Not for what customers owe. Reads only. Costs 4 or 5 calls, and 2 or 3 more for each "
        "further financial year that the period touches. Say which basis you report; if `ties` is not true, "
        "give the reason."
    )
    position = 80
    params_model = PnlParams
    result_model = PnlResult

    def run(self) -> PnlResult:
        """Read, and return the result."""
        return run(self.books, self.params)
