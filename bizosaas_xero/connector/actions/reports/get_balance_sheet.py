"""get_balance_sheet: assets, liabilities and equity, exact, by account, and checked to balance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.definition import ReadAction
from bizosaas_xero.connector.actions.models import Money, Params, Result
from bizosaas_xero.connector.actions.reports import layout
from bizosaas_xero.connector.actions.reports.ageing import ZERO
from bizosaas_xero.spec.errors import Unavailable

CLASSES = ("ASSET", "LIABILITY", "EQUITY")


class BalanceSheetParams(Params):
    """Which day, on which basis."""

    on_date: date | None = Field(
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

    account_id: str | None = Field(description="`null` for current year earnings.")
    code: str | None
    name: str
    type: str | None = Field(description="Xero's type of the account, such as BANK or CURRLIAB.")
    amount: Money


class SheetClass(Result):
    """The accounts of one class, and their sum."""

    name: Literal["assets", "liabilities", "equity"]
    accounts: list[Balance]
    total: Money = Field(description="For equity with the earnings of the year.")


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
    query = {"date": f"{params.on_date or books.today}", "standardLayout": "true"}
    if params.basis == "cash":
        query["paymentsOnly"] = "true"
    if params.compare:
        query |= {"periods": "1", "timeframe": "YEAR"}
    report = books.read_report("BalanceSheet", query)
    days, lines = _days(report), layout.lines(report)
    wanted = 2 if params.compare else 1
    if len(days) < wanted:
        raise Unavailable("Xero's balance sheet lacks a column.", reason="garbled_answer")
    sheets = [_sheet(books, lines, column, days[column], params.basis) for column in range(wanted)]
    reason = next((sheet.not_tied_because for sheet in sheets if not sheet.ties), None)
    return BalanceSheetResult(
        organisation=str(books.organisation.get("Name")),
        currency=books.base_currency,
        basis=params.basis,
        sheets=sheets,
        ties=reason is None,
        not_tied_because=reason,
    )


def _days(report: Row) -> list[date]:
    """Return the day of each column by the report's header: Xero moves a date to its month's end."""
    headers = (row.get("Cells") or [] for row in report.get("Rows") or [] if row.get("RowType") == "Header")
    found = []
    for cell in next(headers, [])[1:]:
        title = str(cell.get("Value"))
        try:
            found.append(datetime.strptime(title, "%d %b %Y").date())  # noqa: DTZ007 (a date has no zone)
        except ValueError:
            raise Unavailable(
                f"A column of Xero's balance sheet is of no date: {title!r}.", reason="unreadable_record"
            ) from None
    return found


def _sheet(books: Books, lines: Sequence[layout.Line], column: int, day: date, basis: str) -> Sheet:
    found: dict[str, list[Balance]] = {name: [] for name in CLASSES}
    unplaced, earnings, totals = [], ZERO, set()
    for line in lines:
        value = line.values[column] if column < len(line.values) else None
        amount = value or ZERO
        if line.computed:
            earnings += amount
        elif line.kind == "total":
            totals.add(amount)
        else:
            account = books.accounts.get(line.account_id or "", {})
            placed = found.get(str(account.get("Class")))
            if placed is not None and amount:
                placed.append(_balance(account, amount))
            elif amount:
                unplaced.append(f"{line.label} ({amount})")
    sums = {name: sum((each.amount for each in found[name]), ZERO) for name in CLASSES}
    sums["EQUITY"] += earnings
    net = sums["ASSET"] - sums["LIABILITY"]
    reason = _why_not_tied(sums, net, totals, unplaced, day)
    found["EQUITY"].append(
        Balance(account_id=None, code=None, name="Current Year Earnings", type=None, amount=earnings)
    )
    return Sheet(
        as_of=day,
        ref=f"balance_sheet:{day}:{basis}",
        assets=SheetClass(name="assets", accounts=found["ASSET"], total=sums["ASSET"]),
        liabilities=SheetClass(name="liabilities", accounts=found["LIABILITY"], total=sums["LIABILITY"]),
        equity=SheetClass(name="equity", accounts=found["EQUITY"], total=sums["EQUITY"]),
        current_year_earnings=earnings,
        net_assets=net,
        ties=reason is None,
        not_tied_because=reason,
    )


def _balance(account: Row, amount: Decimal) -> Balance:
    return Balance(
        account_id=account["AccountID"],
        code=account.get("Code") or None,
        name=str(account.get("Name")),
        type=account.get("Type"),
        amount=amount,
    )


def _why_not_tied(
    sums: dict[str, Decimal], net: Decimal, totals: set[Decimal], unplaced: list[str], day: date
) -> str | None:
    if unplaced:
        return f"On {day} these lines belong to no account of the chart: {', '.join(unplaced)}."
    if net != sums["EQUITY"]:
        off = net - sums["EQUITY"]
        return f"On {day} assets less liabilities differ from equity by {off}."
    for name, amount in sums.items():
        if amount and amount not in totals:
            return f"On {day} Xero's report has no total of {amount}, which its {name} accounts come to."
    return None


class GetBalanceSheet(ReadAction[BalanceSheetParams]):
    """``get_balance_sheet``."""

    name = "get_balance_sheet"
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
