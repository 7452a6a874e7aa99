"""What reports look like: Xero's rows, sections and cells, with its uneven attributes.

Taken from the examples in Xero's published descriptions: accounts are `account` in the financial reports,
`accountID` and `account` in the bank summary, documents are `invoiceID` in aged reports; totals carry no id,
*Current Year Earnings* an all-zero one, and currency gains the words `FXGROUPID`.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.ledger import ZERO
from bizosaas_xero.sandbox.reports.sums import FX_ACCOUNTS, chart

NOBODY = "00000000-0000-0000-0000-000000000000"
FX_GROUP = "FXGROUPID"

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
        total: What its last row is called.
        sign: -1 where credits are shown as positive.
        holds: Tells whether an account belongs here.
    """

    title: str
    total: str
    sign: int
    holds: Callable[[Row], bool]


def _types(*names: str) -> Callable[[Row], bool]:
    return lambda account: account["Type"] in names


def _others(group: str, *names: str) -> Callable[[Row], bool]:
    return lambda account: account.get("Class") == group and account["Type"] not in names


INCOME = Section("Income", "Total Income", -1, _types("REVENUE", "SALES"))
COSTS = Section("Less Cost of Sales", "Total Cost of Sales", 1, _types("DIRECTCOSTS"))
OTHER = Section("Plus Other Income", "Total Other Income", -1, _types("OTHERINCOME"))
EXPENSES = Section("Less Operating Expenses", "Total Operating Expenses", 1, _others("EXPENSE", "DIRECTCOSTS"))

BANK = Section("Bank", "Total Bank", 1, lambda a: a["Type"] == "BANK" and a.get("Class") == "ASSET")
CURRENT = Section("Current Assets", "Total Current Assets", 1, _types("CURRENT", "INVENTORY", "PREPAYMENT"))
FIXED = Section("Fixed Assets", "Total Fixed Assets", 1, _types("FIXED"))
LONG = Section("Non-current Assets", "Total Non-current Assets", 1, _types("NONCURRENT"))
OWED = Section("Current Liabilities", "Total Current Liabilities", -1, _others("LIABILITY", "TERMLIAB", "LIABILITY"))
TERM = Section("Non-current Liabilities", "Total Non-current Liabilities", -1, _types("TERMLIAB", "LIABILITY"))
EQUITY = Section("Equity", "Total Equity", -1, lambda account: account.get("Class") == "EQUITY")

TRIAL = (("Revenue", "REVENUE"), ("Expenses", "EXPENSE"), ("Assets", "ASSET"), ("Liabilities", "LIABILITY"),
         ("Equity", "EQUITY"))  # fmt: skip
_CREDIT = {"REVENUE", "LIABILITY", "EQUITY"}


def cell(value: str, attributes: Attributes = ()) -> Row:
    """Return a cell; what has no attributes has no such key."""
    made: Row = {"Value": value}
    if attributes:
        made["Attributes"] = [{"Value": inner, "Id": name} for name, inner in attributes]
    return made


def row(cells: Iterable[Row], kind: str = "Row") -> Row:
    """Return a row."""
    return {"RowType": kind, "Cells": list(cells)}


def plain(values: Iterable[str], kind: str = "Row") -> Row:
    """Return a row of bare values."""
    return row(map(cell, values), kind)


def section(title: str, rows: Iterable[Row] = ()) -> Row:
    """Return a section; it may have no title, or no rows."""
    return {"RowType": "Section", "Title": title, "Rows": list(rows)}


def header(titles: Iterable[str]) -> Row:
    """Return the first row."""
    return plain(titles, "Header")


def money(amount: Decimal) -> str:
    """Return an amount as reports write it: a string, two digits, minus in front."""
    return f"{xero_json.cents(amount) + ZERO:.2f}"  # adding zero takes the sign off a rounded nothing


def american(day: dt.date) -> str:
    """Return a day as attributes spell it: month first, whatever the country."""
    return f"{day.month}/{day.day}/{day.year}"


def long_date(day: dt.date) -> str:
    """Return a day as titles spell it."""
    return f"{day.day} {day:%B %Y}"


def _holding(part: Section, accounts: Mapping[str, Row], columns: Sequence[Column]) -> list[tuple[Row, list[Decimal]]]:
    found = []
    for account in chart(filter(part.holds, accounts.values())):
        amounts = [part.sign * column.amounts.get(account["AccountID"], ZERO) for column in columns]
        if any(amounts):
            found.append((account, amounts))
    return found


def _totals(rows: Iterable[tuple[Row, list[Decimal]]], width: int) -> list[Decimal]:
    return [sum((amounts[n] for _, amounts in rows), ZERO) for n in range(width)]


def _account_row(name: str, guid: str, amounts: Iterable[Decimal]) -> Row:
    mark = (("account", guid),)
    return row([cell(name, mark), *(cell(money(amount), mark) for amount in amounts)])


def _summary(name: str, amounts: Iterable[Decimal], kind: str = "SummaryRow") -> Row:
    return plain([name, *map(money, amounts)], kind)


def profit_and_loss(accounts: Mapping[str, Row], columns: Sequence[Column], *, group_fx: bool) -> list[Row]:
    """Lay out a profit and loss statement; in most countries currency gains stand in one row."""
    width, made, profit = len(columns), [header(["", *(c.title for c in columns)])], [ZERO] * len(columns)
    for part in (INCOME, COSTS, OTHER, EXPENSES):
        found = _holding(part, accounts, columns)
        totals = _totals(found, width)
        gains = [each for each in found if group_fx and each[0].get("SystemAccount") in FX_ACCOUNTS]
        rows = [_account_row(a["Name"], a["AccountID"], v) for a, v in found if (a, v) not in gains]
        if gains:
            rows.append(_account_row("Foreign Currency Gains and Losses", FX_GROUP, _totals(gains, width)))
        if rows:
            made.append(section(part.title, [*rows, _summary(part.total, totals)]))
        profit = [so_far - part.sign * total for so_far, total in zip(profit, totals, strict=True)]
        if part is COSTS:
            made.append(section("", [_summary("Gross Profit", profit, "Row")]))
    made.append(section("", [_summary("Net Profit", profit, "Row")]))
    return made


def balance_sheet(
    accounts: Mapping[str, Row], columns: Sequence[Column], years: Sequence[dt.date], retained: str
) -> list[Row]:
    """Lay out a balance sheet.

    Args:
        accounts: The chart.
        columns: Balances; `NOBODY` is this year's profit so far, debit positive.
        years: The first day of each column's financial year.
        retained: Id of retained earnings.
    """
    width, made = len(columns), [header(["", *(c.title for c in columns)])]
    net = [ZERO] * width
    for title, parts, way in (("Assets", (BANK, CURRENT, FIXED, LONG), 1), ("Liabilities", (OWED, TERM), -1)):
        made.append(section(title))
        whole = [ZERO] * width
        for part in parts:
            found = _holding(part, accounts, columns)
            totals = _totals(found, width)
            whole = [a + b for a, b in zip(whole, totals, strict=True)]
            if found:
                rows = [_account_row(a["Name"], a["AccountID"], v) for a, v in found]
                made.append(section(part.title, [*rows, _summary(part.total, totals)]))
        made.append(section("", [_summary(f"Total {title}", whole)]))
        net = [a + way * b for a, b in zip(net, whole, strict=True)]
    made.append(section("", [_summary("Net Assets", net, "Row")]))
    found = _holding(EQUITY, accounts, columns)
    earnings = [-column.amounts.get(NOBODY, ZERO) for column in columns]
    equity = [("Current Year Earnings", _dated("Current Year Earnings", NOBODY, earnings, columns, years))]
    for a, v in found:
        name, guid = a["Name"], a["AccountID"]
        kept = guid == retained
        equity.append((name, _dated(name, guid, v, columns, [None] * width) if kept else _account_row(name, guid, v)))
    totals = [a + b for a, b in zip(_totals(found, width), earnings, strict=True)]
    ordered = [each for _, each in sorted(equity, key=lambda named: named[0].casefold())]
    made.append(section("Equity", [*ordered, _summary(EQUITY.total, totals)]))
    return made


def _dated(
    name: str,
    guid: str,
    amounts: Sequence[Decimal],
    columns: Sequence[Column],
    since: Sequence[dt.date | None],
) -> Row:
    # only earnings say which days they are of
    mark = (("account", guid),)
    cells = [
        cell(money(amount), (*mark, ("fromDate", american(first) if first else ""), ("toDate", american(c.to))))
        for amount, c, first in zip(amounts, columns, since, strict=True)
    ]
    return row([cell(name, mark), *cells])


def trial_balance(
    accounts: Mapping[str, Row], month: Mapping[str, Decimal], year: Mapping[str, Decimal], retained: str,
    year_before: dt.date,
) -> list[Row]:  # fmt: skip
    """Lay out a trial balance: the month, and the year to date."""
    made, sums = [header(["Account", "Debit", "Credit", "YTD Debit", "YTD Credit"])], [ZERO] * 4
    for title, group in TRIAL:
        rows = []
        for account in chart(a for a in accounts.values() if a.get("Class") == group):
            guid = account["AccountID"]
            pair = month.get(guid, ZERO), year.get(guid, ZERO)
            if not any(pair):
                continue
            amounts: list[Decimal | None] = []
            for amount in pair:
                # nothing stands on the side where the account usually is
                credit = amount < 0 or (not amount and group in _CREDIT)
                amounts += [None, -amount] if credit else [amount, None]
            sums = [so_far + (amount or ZERO) for so_far, amount in zip(sums, amounts, strict=True)]
            mark: Attributes = (("account", guid),)
            code = account.get("Code")
            name = cell(f"{account['Name']} ({code})" if code else account["Name"], mark)
            if guid == retained:
                mark = (*mark, ("fromDate", ""), ("toDate", american(year_before)))
            rows.append(row([name, *(cell("" if v is None else money(v), mark) for v in amounts)]))
        if rows:
            made.append(section(title, rows))
    made.append(section("", [_summary("Total", sums)]))
    return made
