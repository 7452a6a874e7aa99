"""generate_pnl_report: the profit and loss of a period, exact, and checked against the trial balance."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

from bizosaas_xero.connector.actions.books import Books, parse_guid
from bizosaas_xero.connector.actions.definition import ReadAction
from bizosaas_xero.connector.actions.reports import layout, pnl_formats
from bizosaas_xero.connector.actions.reports.pnl_models import (
    AccountFigure,
    Piece,
    PnlParams,
    PnlResult,
    Section,
)
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
    currency, pieces = ZERO, []
    for first, last in _pieces(books, params.from_date, params.to_date):
        lines = layout.lines(books.read_report("ProfitAndLoss", _query(params, first, last)))
        here: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for line in lines:
            if line.account_id:
                here[line.account_id] += _first(line)
        revalued = _revalued(books, lines)
        for account_id, amount in here.items():
            amounts[account_id] += amount
        currency += revalued
        pieces.append(
            Piece(
                from_date=first,
                to_date=last,
                net_profit=sum((_signed(books, key, amount) for key, amount in here.items()), revalued),
                net_profit_in_xero=next((_first(line) for line in reversed(lines) if line.kind == "total"), ZERO),
                trial_balance_movement=None if params.tracking else _movement(books, params, first, last),
            )
        )
    sections = [_section(books, name, amounts) for name in SECTIONS]
    totals = {section.name: section.total for section in sections}
    reason = _why_not_tied(params, pieces, currency)
    result = PnlResult(
        organisation=str(books.organisation.get("Name")),
        currency=books.base_currency,
        basis=params.basis,
        from_date=params.from_date,
        to_date=params.to_date,
        ref=f"pnl:{params.from_date}..{params.to_date}:{params.basis}" if not params.tracking else "",
        sections=sections,
        gross_profit=totals["income"] - totals["cost_of_sales"],
        unrealised_currency=currency,
        net_profit=sum((piece.net_profit for piece in pieces), ZERO),
        ties=reason is None,
        not_tied_because=reason,
        pieces=pieces,
    )
    result.texts = {name: pnl_formats.FORMATS[name](result) for name in params.formats}
    return result


def _pieces(books: Books, first: date, last: date) -> list[tuple[date, date]]:
    found = []
    while first <= last:
        end = min(last, books.year_end(first), first + MAX_PIECE)
        found.append((first, end))
        first = end + timedelta(days=1)
    if len(found) > MOST_PIECES:
        complaint = f"spans {len(found)} financial years; at most {MOST_PIECES} are read at once"
        raise Invalid(f"The period {complaint}.", problems=[{"field": "params.from_date", "message": complaint}])
    return found


def _query(params: PnlParams, first: date, last: date) -> dict[str, str]:
    query = {"fromDate": f"{first}", "toDate": f"{last}", "standardLayout": "true"}
    if params.basis == "cash":
        query["paymentsOnly"] = "true"
    if params.tracking:
        query["trackingCategoryID"] = parse_guid(params.tracking.category_id, "params.tracking.category_id")
        query["trackingOptionID"] = parse_guid(params.tracking.option_id, "params.tracking.option_id")
    return query


def _first(line: layout.Line) -> Decimal:
    return (line.values[0] if line.values else None) or ZERO


def _signed(books: Books, account_id: str, amount: Decimal) -> Decimal:
    """Return an account's share in the profit: what is spent lowers it, by class and not by label."""
    return -amount if books.accounts.get(account_id, {}).get("Class") == "EXPENSE" else amount


def _revalued(books: Books, lines: list[layout.Line]) -> Decimal:
    """Return what the currency rows add to the profit; each has the sign of its section."""
    spent = {
        line.section
        for line in lines
        if line.account_id and books.accounts.get(line.account_id, {}).get("Class") == "EXPENSE"
    }
    found = [line for line in lines if line.kind == "currency"]
    return sum((-_first(line) if line.section in spent else _first(line) for line in found), ZERO)


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


def _movement(books: Books, params: PnlParams, first: date, last: date) -> Decimal:
    """Return revenue less expense of a piece by the trial balances at its two ends.

    Their year-to-date columns restart with the financial year, so nothing is subtracted at its first day.
    """
    before = ZERO if first == books.year_start(first) else _to_date(books, params, first - timedelta(days=1))
    return _to_date(books, params, last) - before


def _to_date(books: Books, params: PnlParams, day: date) -> Decimal:
    query = {"date": f"{day}"} | ({"paymentsOnly": "true"} if params.basis == "cash" else {})
    total = ZERO
    for line in layout.lines(books.read_report("TrialBalance", query)):
        account = books.accounts.get(line.account_id or "", {})
        if account.get("Class") in {"REVENUE", "EXPENSE"}:
            debit, credit = line.values[-2] or ZERO, line.values[-1] or ZERO
            total += credit - debit
    return total


def _why_not_tied(params: PnlParams, pieces: list[Piece], currency: Decimal) -> str | None:
    for piece in pieces:
        if piece.net_profit != piece.net_profit_in_xero:
            off = piece.net_profit_in_xero - piece.net_profit
            return (
                f"Xero's own total for {piece.from_date} to {piece.to_date} differs by {off}: a line of the "
                "report belongs to no account of the chart."
            )
    if params.tracking:
        return "A trial balance cannot be narrowed to a tracking option."
    for piece in pieces:
        off = (piece.trial_balance_movement or ZERO) - piece.net_profit
        if off not in {ZERO, -currency}:
            return f"The trial balances for {piece.from_date} to {piece.to_date} differ by {off}."
    return None


class GeneratePnlReport(ReadAction[PnlParams]):
    """``generate_pnl_report``."""

    name = "generate_pnl_report"
    title = "Generate P&L Report"
    description = (
        "Profit and loss of the organisation for a period, on accrual or cash basis, by account, with exact "
        "figures that are checked against the trial balance. Use it for questions about income, costs or "
        "profit. Not for what customers owe. Reads only. Costs 4 or 5 calls, and 2 or 3 more for each "
        "further financial year that the period touches. Say which basis you report; if `ties` is false, "
        "name the reason."
    )
    position = 80
    params_model = PnlParams
    result_model = PnlResult

    def run(self) -> PnlResult:
        """Read, and return the result."""
        return run(self.books, self.params)
