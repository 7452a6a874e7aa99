"""The layout of reports: Xero's rows, sections and cells, with its uneven attributes.

Taken from the examples in Xero's published descriptions: accounts are `account` in the financial reports,
`accountID` and `account` in the bank summary, documents are `invoiceID` in aged reports; totals carry no id,
*Current Year Earnings* has an all-zero one, and currency gains have `FXGROUPID`.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.posting import ZERO
from bizosaas_xero.sandbox.reports.sums import FX_ACCOUNTS, sort_accounts

EARNINGS_ID = "00000000-0000-0000-0000-000000000000"
FX_GROUP_ID = "FXGROUPID"

Attributes = tuple[tuple[str, str], ...]


class Column(NamedTuple):
    """One column: its title, the amount of each account (debit positive), and the days it covers."""

    title: str
    amounts: Mapping[str, Decimal]
    since: dt.date
    to: dt.date


class Section(NamedTuple):
    """One section of a financial report.

    Attributes:
        title: Its title.
        total: The label of its last row.
        sign: -1 where credits are shown as positive.
        contains: Returns whether an account belongs here.
    """

    title: str
    total: str
    sign: int
    contains: Callable[[Row], bool]


def _of_types(*names: str) -> Callable[[Row], bool]:
    return lambda account: account["Type"] in names


def _of_class_except(group: str, *names: str) -> Callable[[Row], bool]:
    return lambda account: account.get("Class") == group and account["Type"] not in names


INCOME = Section("Income", "Total Income", -1, _of_types("REVENUE", "SALES"))
COSTS = Section("Less Cost of Sales", "Total Cost of Sales", 1, _of_types("DIRECTCOSTS"))
OTHER = Section("Plus Other Income", "Total Other Income", -1, _of_types("OTHERINCOME"))
EXPENSES = Section("Less Operating Expenses", "Total Operating Expenses", 1, _of_class_except("EXPENSE", "DIRECTCOSTS"))

BANK = Section("Bank", "Total Bank", 1, lambda a: a["Type"] == "BANK" and a.get("Class") == "ASSET")
CURRENT = Section("Current Assets", "Total Current Assets", 1, _of_types("CURRENT", "INVENTORY", "PREPAYMENT"))
FIXED = Section("Fixed Assets", "Total Fixed Assets", 1, _of_types("FIXED"))
LONG = Section("Non-current Assets", "Total Non-current Assets", 1, _of_types("NONCURRENT"))
OWED = Section(
    "Current Liabilities", "Total Current Liabilities", -1, _of_class_except("LIABILITY", "TERMLIAB", "LIABILITY")
)
TERM = Section("Non-current Liabilities", "Total Non-current Liabilities", -1, _of_types("TERMLIAB", "LIABILITY"))
EQUITY = Section("Equity", "Total Equity", -1, lambda account: account.get("Class") == "EQUITY")

TRIAL_BALANCE_SECTIONS = (
    ("Revenue", "REVENUE"),
    ("Expenses", "EXPENSE"),
    ("Assets", "ASSET"),
    ("Liabilities", "LIABILITY"),
    ("Equity", "EQUITY"),
)
_CREDIT_CLASSES = {"REVENUE", "LIABILITY", "EQUITY"}


def cell(value: str, attributes: Attributes = ()) -> Row:
    """Return a cell; without attributes it has no such key."""
    cell_row: Row = {"Value": value}
    if attributes:
        cell_row["Attributes"] = [{"Value": inner, "Id": name} for name, inner in attributes]
    return cell_row


def row(cells: Iterable[Row], kind: str = "Row") -> Row:
    """Return a row."""
    return {"RowType": kind, "Cells": list(cells)}


def plain_row(values: Iterable[str], kind: str = "Row") -> Row:
    """Return a row of bare values."""
    return row(map(cell, values), kind)


def section(title: str, rows: Iterable[Row] = ()) -> Row:
    """Return a section; it may have no title, or no rows."""
    return {"RowType": "Section", "Title": title, "Rows": list(rows)}


def header(titles: Iterable[str]) -> Row:
    """Return the first row."""
    return plain_row(titles, "Header")


def format_money(amount: Decimal) -> str:
    """Return an amount as reports write it: a string, two digits, minus in front."""
    return f"{xero_json.round_to_cents(amount) + ZERO:.2f}"  # adding zero turns -0.00 into 0.00


def format_american_date(day: dt.date) -> str:
    """Return a day as in attributes: month first in every country."""
    return f"{day.month}/{day.day}/{day.year}"


def format_long_date(day: dt.date) -> str:
    """Return a day as in titles."""
    return f"{day.day} {day:%B %Y}"


def _section_accounts(
    part: Section, accounts: Mapping[str, Row], columns: Sequence[Column]
) -> list[tuple[Row, list[Decimal]]]:
    rows = []
    for account in sort_accounts(filter(part.contains, accounts.values())):
        amounts = [part.sign * column.amounts.get(account["AccountID"], ZERO) for column in columns]
        if any(amounts):
            rows.append((account, amounts))
    return rows


def _column_totals(rows: Iterable[tuple[Row, list[Decimal]]], width: int) -> list[Decimal]:
    return [sum((amounts[n] for _, amounts in rows), ZERO) for n in range(width)]


def _account_row(name: str, guid: str, amounts: Iterable[Decimal]) -> Row:
    mark = (("account", guid),)
    return row([cell(name, mark), *(cell(format_money(amount), mark) for amount in amounts)])


def _summary_row(name: str, amounts: Iterable[Decimal], kind: str = "SummaryRow") -> Row:
    return plain_row([name, *map(format_money, amounts)], kind)


def profit_and_loss(accounts: Mapping[str, Row], columns: Sequence[Column], *, group_fx: bool) -> list[Row]:
    """Lay out a profit and loss statement; in most countries currency gains are one row."""
    width, report_rows, profit = len(columns), [header(["", *(c.title for c in columns)])], [ZERO] * len(columns)
    for part in (INCOME, COSTS, OTHER, EXPENSES):
        holding = _section_accounts(part, accounts, columns)
        totals = _column_totals(holding, width)
        gains = [entry for entry in holding if group_fx and entry[0].get("SystemAccount") in FX_ACCOUNTS]
        rows = [_account_row(a["Name"], a["AccountID"], v) for a, v in holding if (a, v) not in gains]
        if gains:
            rows.append(_account_row("Foreign Currency Gains and Losses", FX_GROUP_ID, _column_totals(gains, width)))
        if rows:
            report_rows.append(section(part.title, [*rows, _summary_row(part.total, totals)]))
        profit = [so_far - part.sign * total for so_far, total in zip(profit, totals, strict=True)]
        if part is COSTS:
            report_rows.append(section("", [_summary_row("Gross Profit", profit, "Row")]))
    report_rows.append(section("", [_summary_row("Net Profit", profit, "Row")]))
    return report_rows


def balance_sheet(
    accounts: Mapping[str, Row],
    columns: Sequence[Column],
    years: Sequence[dt.date],
    retained: str,
    earnings_id: str = EARNINGS_ID,
) -> list[Row]:
    """Lay out a balance sheet.

    Args:
        accounts: The chart.
        columns: Balances; `EARNINGS_ID` holds this year's profit so far, debit positive.
        years: The first day of each column's financial year.
        retained: Id of retained earnings.
        earnings_id: The id that *Current Year Earnings* shows; none when empty.
    """
    width, report_rows = len(columns), [header(["", *(c.title for c in columns)])]
    net = [ZERO] * width
    for title, parts, sign in (("Assets", (BANK, CURRENT, FIXED, LONG), 1), ("Liabilities", (OWED, TERM), -1)):
        report_rows.append(section(title))
        class_totals = [ZERO] * width
        for part in parts:
            holding = _section_accounts(part, accounts, columns)
            totals = _column_totals(holding, width)
            class_totals = [a + b for a, b in zip(class_totals, totals, strict=True)]
            if holding:
                rows = [_account_row(a["Name"], a["AccountID"], v) for a, v in holding]
                report_rows.append(section(part.title, [*rows, _summary_row(part.total, totals)]))
        report_rows.append(section("", [_summary_row(f"Total {title}", class_totals)]))
        net = [a + sign * b for a, b in zip(net, class_totals, strict=True)]
    report_rows.append(section("", [_summary_row("Net Assets", net, "Row")]))
    holding = _section_accounts(EQUITY, accounts, columns)
    earnings = [-column.amounts.get(EARNINGS_ID, ZERO) for column in columns]
    equity = [("Current Year Earnings", _earnings_row("Current Year Earnings", earnings_id, earnings, columns, years))]
    for a, v in holding:
        name, guid = a["Name"], a["AccountID"]
        is_retained = guid == retained
        equity.append(
            (
                name,
                _earnings_row(name, guid, v, columns, [None] * width) if is_retained else _account_row(name, guid, v),
            )
        )
    totals = [a + b for a, b in zip(_column_totals(holding, width), earnings, strict=True)]
    ordered = [equity_row for _, equity_row in sorted(equity, key=lambda named: named[0].casefold())]
    report_rows.append(section("Equity", [*ordered, _summary_row(EQUITY.total, totals)]))
    return report_rows


def _earnings_row(
    name: str,
    guid: str,
    amounts: Sequence[Decimal],
    columns: Sequence[Column],
    since: Sequence[dt.date | None],
) -> Row:
    # only earnings have the attributes fromDate and toDate
    mark: Attributes = (("account", guid),) if guid else ()
    cells = [
        cell(
            format_money(amount),
            (*mark, ("fromDate", format_american_date(first) if first else ""), ("toDate", format_american_date(c.to))),
        )
        for amount, c, first in zip(amounts, columns, since, strict=True)
    ]
    return row([cell(name, mark), *cells])


def trial_balance(
    accounts: Mapping[str, Row], month: Mapping[str, Decimal], year: Mapping[str, Decimal], retained: str,
    year_before: dt.date,
) -> list[Row]:  # fmt: skip
    """Lay out a trial balance: the month, and the year to date."""
    report_rows, sums = [header(["Account", "Debit", "Credit", "YTD Debit", "YTD Credit"])], [ZERO] * 4
    for title, group in TRIAL_BALANCE_SECTIONS:
        rows = []
        for account in sort_accounts(a for a in accounts.values() if a.get("Class") == group):
            guid = account["AccountID"]
            amounts_pair = month.get(guid, ZERO), year.get(guid, ZERO)
            if not any(amounts_pair):
                continue
            amounts: list[Decimal | None] = []
            for amount in amounts_pair:
                # the account's usual side stays blank
                credit = amount < 0 or (not amount and group in _CREDIT_CLASSES)
                amounts += [None, -amount] if credit else [amount, None]
            sums = [so_far + (amount or ZERO) for so_far, amount in zip(sums, amounts, strict=True)]
            mark: Attributes = (("account", guid),)
            code = account.get("Code")
            name = cell(f"{account['Name']} ({code})" if code else account["Name"], mark)
            if guid == retained:
                mark = (*mark, ("fromDate", ""), ("toDate", format_american_date(year_before)))
            rows.append(row([name, *(cell("" if v is None else format_money(v), mark) for v in amounts)]))
        if rows:
            report_rows.append(section(title, rows))
    report_rows.append(section("", [_summary_row("Total", sums)]))
    return report_rows
