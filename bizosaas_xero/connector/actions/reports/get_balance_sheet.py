"""get_balance_sheet: assets, liabilities and equity, exact, by account, and checked to balance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.definition import ReadAction
from bizosaas_xero.connector.actions.models import Money, Params, Result
from bizosaas_xero.connector.actions.reports import layout
from bizosaas_xero.connector.actions.reports.days import ReportDay
from bizosaas_xero.connector.actions.reports.sheet_lines import CLASSES, check_totals, place_lines
from bizosaas_xero.connector.actions.typed_rows import UnreadableRecord
from bizosaas_xero.connector.auth import scopes


class BalanceSheetParams(Params):
    """Which day, on which basis."""

    on_date: ReportDay | None = Field(
        None,
        description="Any day of the month whose end is meant, as YYYY-MM-DD; by default today. Xero gives "
        "balances at the end of that month.",
    )
    basis: Literal["accrual", "cash"] = Field(
        "accrual", description="`cash` leaves out what is not paid yet, and so receivables and payables."
    )
    compare: bool = Field(False, description="Also the same day of the year before, at no further call.")


class Balance(Result):
    """One account, or the earnings of the year. Positive for the usual side of its class."""

    account_id: str | None = Field(description="`null` for current year earnings and for lines without an account.")
    code: str | None
    name: str
    type: str | None = Field(description="Xero's type of the account, such as BANK or CURRLIAB.")
    amount: Money


class SheetClass(Result):
    """The accounts of one class, and their total."""

    name: Literal["assets", "liabilities", "equity"]
    accounts: list[Balance]
    total: Money = Field(description="Xero's own total if it has one; for equity with the earnings of the year.")


class Sheet(Result):
    """The balances of one day."""

    as_of: date = Field(description="The day that Xero's report is of.")
    ref: str = Field(description="Cite a figure as [REF:ACCOUNT_ID], or [REF:NAME] such as :net_assets.")
    assets: SheetClass
    liabilities: SheetClass
    equity: SheetClass
    current_year_earnings: Money = Field(description="Computed by Xero; it belongs to no account.")
    net_assets: Money = Field(description="Assets less liabilities.")
    ties: bool = Field(description="Net assets equal equity, and Xero's own totals.")
    not_tied_because: str | None


class BalanceSheetResult(Result):
    """A balance sheet."""

    organisation: str
    currency: str
    basis: Literal["accrual", "cash"]
    sheets: list[Sheet] = Field(description="The day asked for, then the one that it is compared with.")
    ties: bool
    not_tied_because: str | None


def run(books: Books, params: BalanceSheetParams) -> BalanceSheetResult:
    """Read the report, add up by class, and check."""
    day = params.on_date or books.today
    query = {"date": f"{day}", "standardLayout": "true"}
    if params.basis == "cash":
        query["paymentsOnly"] = "true"
    if params.compare:
        query |= {"periods": "1", "timeframe": "YEAR"}
    report = books.read_report("BalanceSheet", query)
    lines = layout.lines(report, "BalanceSheet")
    columns = _columns(report, day, 2 if params.compare else 1)
    sheets = [_sheet(books, lines, column, as_of, params.basis) for column, as_of in columns]
    reason = next((sheet.not_tied_because for sheet in sheets if not sheet.ties), None)
    return BalanceSheetResult(
        organisation=str(books.organisation.get("Name")),
        currency=books.base_currency,
        basis=params.basis,
        sheets=sheets,
        ties=reason is None,
        not_tied_because=reason,
    )


def _columns(report: Row, asked: date, wanted: int) -> list[tuple[int, date]]:
    """Return the columns to read, each with its day by the header: Xero moves a date to the end of its month."""
    headers = (row.get("Cells") or [] for row in report.get("Rows") or [] if row.get("RowType") == "Header")
    titles = [str(cell.get("Value") or "") for cell in next(headers, [])[1:]]
    columns = [(number, day) for number, title in enumerate(titles) if (day := layout.parse_date(title, asked))]
    if not columns or columns[0][0] != 0:
        texts = [*(report.get("ReportTitles") or []), report.get("ReportDate") or ""]
        day = next((day for text in texts[::-1] if (day := layout.parse_date(str(text), asked))), None)
        if day is None:
            raise UnreadableRecord("report BalanceSheet", "date of column 1", titles[0] if titles else None)
        columns = [(0, day), *columns]
    if len(columns) < wanted:
        raise UnreadableRecord("report BalanceSheet", f"date of column {wanted}", ", ".join(titles))
    return columns[:wanted]


def _sheet(books: Books, lines: Sequence[layout.Line], column: int, day: date, basis: str) -> Sheet:
    placed = place_lines(lines, books.accounts, column)
    found: dict[str, list[Balance]] = {name: [] for name in CLASSES}
    for line, name in placed.lines:
        if line.value(column):
            found[name].append(_balance(books.accounts.get(line.account_id or "", {}), line, column))
    earnings = placed.earnings
    found["EQUITY"].append(
        Balance(account_id=None, code=None, name="Current Year Earnings", type=None, amount=earnings)
    )
    sums = placed.sums
    totals, problem = check_totals(lines, sums, column)
    reason = None
    if placed.unplaced:
        named = ", ".join(f"{line.label} ({line.value(column)})" for line in placed.unplaced)
        reason = f"these lines belong to no account of the chart: {named}."
    elif sums["ASSET"] - sums["LIABILITY"] != sums["EQUITY"]:
        difference = sums["ASSET"] - sums["LIABILITY"] - sums["EQUITY"]
        reason = f"assets less liabilities differ from equity by {difference}, which is unexplained."
    elif problem:
        reason = problem
    return Sheet(
        as_of=day,
        ref=f"balance_sheet:{day}:{basis}",
        assets=SheetClass(name="assets", accounts=found["ASSET"], total=totals["ASSET"]),
        liabilities=SheetClass(name="liabilities", accounts=found["LIABILITY"], total=totals["LIABILITY"]),
        equity=SheetClass(name="equity", accounts=found["EQUITY"], total=totals["EQUITY"]),
        current_year_earnings=earnings,
        net_assets=totals["NET"],
        ties=reason is None,
        not_tied_because=f"On {day} {reason}" if reason else None,
    )


def _balance(account: Row, line: layout.Line, column: int) -> Balance:
    return Balance(
        account_id=account.get("AccountID") or line.account_id,
        code=account.get("Code") or None,
        name=str(account.get("Name") or line.label),
        type=account.get("Type"),
        amount=line.value(column),
    )


class GetBalanceSheet(ReadAction[BalanceSheetParams]):
    """``get_balance_sheet``."""

    name = "get_balance_sheet"
    permissions = (scopes.BALANCE_SHEET, scopes.SETTINGS)
    title = "Get Balance Sheet"
    description = (
        "What the organisation owns and owes at the end of a month, by account, on accrual or cash basis, "
        "optionally with the year before; checked that assets equal liabilities and equity. Use it for "
        "questions about cash, debts, net worth. Not for income or costs of a period. Reads only; three "
        "calls. Say the day and the basis; if `ties` is false, name the reason."
    )
    position = 110
    params_model = BalanceSheetParams
    result_model = BalanceSheetResult

    def run(self) -> BalanceSheetResult:
        """Read, and return the result."""
        return run(self.books, self.params)
