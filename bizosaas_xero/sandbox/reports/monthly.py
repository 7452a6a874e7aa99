"""The bank summary, and the executive summary (a month, the month before, and the variance)."""

import calendar
import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.posting import ZERO
from bizosaas_xero.sandbox.reports.layout import (
    BANK,
    COSTS,
    CURRENT,
    EXPENSES,
    FIXED,
    INCOME,
    LONG,
    OTHER,
    OWED,
    TERM,
    Section,
    cell,
    format_money,
    header,
    plain_row,
    row,
    section,
)
from bizosaas_xero.sandbox.reports.sums import DAY, LedgerSums, month_end, months_before, sort_accounts

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.ledger.company import Company

_TENTH = Decimal("0.1")


def bank_summary(sums: LedgerSums, since: dt.date, to: dt.date) -> list[Row]:
    """Lay out the bank summary, in base currency as booked: opening, received and spent give closing."""
    rows, totals = [], [ZERO] * 4
    for account in sort_accounts(a for a in sums.accounts.values() if a["Type"] == "BANK"):
        guid = account["AccountID"]
        received, spent = sums.cash_flow(guid, since, to)
        closing = sums.ledger_balance(guid, to)
        amounts = [closing - received + spent, received, spent, closing]
        if account["Status"] != "ACTIVE" and not any(amounts):
            continue
        totals = [a + b for a, b in zip(totals, amounts, strict=True)]
        flows = (cell(format_money(amount), (("account", guid),)) for amount in amounts[1:3])
        name = cell(account["Name"], (("accountID", guid),))
        rows.append(row([name, cell(format_money(amounts[0])), *flows, cell(format_money(closing))]))
    total = plain_row(["Total", *map(format_money, totals)], "SummaryRow")
    titles = ["Bank Accounts", "Opening Balance", "Cash Received", "Cash Spent", "Closing Balance"]
    return [header(titles), section("", [*rows, total])]


# the executive summary: section, then title and format of each row
_SUMMARY_ROWS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Cash", (("Cash received", "money"), ("Cash spent", "money"), ("Cash surplus (deficit)", "money"),
              ("Closing bank balance", "money"))),
    ("Profitability", (("Income", "money"), ("Direct costs", "money"), ("Gross profit (loss)", "money"),
                       ("Other Income", "money"), ("Expenses", "money"), ("Profit (loss)", "money"))),
    ("Balance Sheet", (("Debtors", "money"), ("Creditors", "money"), ("Net assets", "money"))),
    ("Income", (("Number of invoices issued", "count"), ("Average value of invoices", "money"))),
    ("Performance", (("Gross profit margin", "share"), ("Net profit margin", "share"),
                     ("Return on investment (p.a.)", "share"))),
    ("Position", (("Average debtors days", "digits"), ("Average creditors days", "digits"),
                  ("Short term cash forecast", "money"), ("Current assets to liabilities", "digits"),
                  ("Term assets to liabilities", "digits"))),
)  # fmt: skip


def executive_summary(store: "Company", sums: LedgerSums, day: dt.date) -> list[Row]:
    """Lay out the executive summary of the month a day is in."""
    ends = [month_end(day), month_end(months_before(day, 1))]
    now, before = (_figures(store, sums, end) for end in ends)
    report_rows = [header(["", *(f"{end:%b %Y}" for end in ends), "Variance"])]
    for title, rows in _SUMMARY_ROWS:
        report_rows.append(
            section(
                title,
                [
                    plain_row(
                        [
                            name,
                            _format_figure(now[name], style),
                            _format_figure(before[name], style),
                            _format_change(now[name], before[name]),
                        ]
                    )
                    for name, style in rows
                ],
            )
        )
    return report_rows


def _figures(store: "Company", sums: LedgerSums, to: dt.date) -> dict[str, Decimal | None]:
    since = to.replace(day=1)
    days = calendar.monthrange(to.year, to.month)[1]
    moves = sums.movements(since, to)

    def total_movement(part: Section) -> Decimal:
        inside = (guid for guid, account in sums.accounts.items() if part.contains(account))
        return part.sign * sum((moves.get(guid, ZERO) for guid in inside), ZERO)

    def total_balance(*parts: Section) -> Decimal:
        return sum(
            (
                part.sign * sums.balance(guid, to)
                for part in parts
                for guid, a in sums.accounts.items()
                if part.contains(a)
            ),
            ZERO,
        )

    flows = [
        sums.cash_flow(guid, since, to, transfers=False) for guid, a in sums.accounts.items() if a["Type"] == "BANK"
    ]
    banked = sum((sums.balance(guid, to) for guid, a in sums.accounts.items() if a["Type"] == "BANK"), ZERO)
    received, spent = (sum((flow[n] for flow in flows), ZERO) for n in (0, 1))
    income, costs, other, expenses = (total_movement(part) for part in (INCOME, COSTS, OTHER, EXPENSES))
    profit = income - costs + other - expenses
    debtors = sums.balance(store.system_account("DEBTORS"), to)
    creditors = -sums.balance(store.system_account("CREDITORS"), to)
    assets, owed = total_balance(BANK, CURRENT), total_balance(OWED)
    net = assets + total_balance(FIXED, LONG) - owed - total_balance(TERM)
    issued, value = (each.total_on(to) - each.total_on(since - DAY) for each in sums.invoices_issued)
    return {
        "Cash received": received, "Cash spent": spent, "Cash surplus (deficit)": received - spent,
        "Closing bank balance": banked, "Income": income, "Direct costs": costs,
        "Gross profit (loss)": income - costs, "Other Income": other, "Expenses": expenses,
        "Profit (loss)": profit, "Debtors": debtors, "Creditors": creditors, "Net assets": net,
        "Number of invoices issued": issued, "Average value of invoices": _ratio(value, issued) or ZERO,
        "Gross profit margin": _ratio((income - costs) * 100, income),
        "Net profit margin": _ratio(profit * 100, income),
        "Return on investment (p.a.)": _ratio(profit * 1200, net),
        # zero days in a month without income or expenses
        "Average debtors days": (_ratio(debtors, income) or Decimal(0)) * days,
        "Average creditors days": (_ratio(creditors, expenses) or Decimal(0)) * days,
        "Short term cash forecast": debtors - creditors,
        "Current assets to liabilities": _ratio(assets, owed),
        "Term assets to liabilities": _ratio(total_balance(FIXED, LONG), total_balance(TERM)),
    }  # fmt: skip


def _ratio(amount: Decimal, base: Decimal) -> Decimal | None:
    return amount / base if base else None


def _format_figure(value: Decimal | None, style: str) -> str:
    if value is None:
        return ""
    if style == "money":
        return format_money(value)
    if style == "share":
        return f"{value.quantize(_TENTH)}%"
    return f"{value:.0f}" if style == "count" or not value else f"{value:f}"  # Xero does not round these


def _format_change(now: Decimal | None, before: Decimal | None) -> str:
    if not before or now is None:
        return "0.0%"
    return f"{((now - before) / abs(before) * 100).quantize(_TENTH) + Decimal('0.0')}%"
