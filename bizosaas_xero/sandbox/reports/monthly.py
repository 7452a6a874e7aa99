"""The bank summary, and the executive summary: a month, the one before, and how they differ."""

import calendar
import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.ledger import ZERO
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
    header,
    money,
    plain,
    row,
    section,
)
from bizosaas_xero.sandbox.reports.sums import DAY, Sums, chart, month_end, months_before

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.ledger.company import Company

_TENTH = Decimal("0.1")


def bank_summary(sums: Sums, since: dt.date, to: dt.date) -> list[Row]:
    """Lay out the bank summary, in base currency as booked: opening, received and spent give closing."""
    rows, whole = [], [ZERO] * 4
    for account in chart(a for a in sums.accounts.values() if a["Type"] == "BANK"):
        guid = account["AccountID"]
        received, spent = sums.flow(guid, since, to)
        closing = sums.booked(guid, to)
        amounts = [closing - received + spent, received, spent, closing]
        if account["Status"] != "ACTIVE" and not any(amounts):
            continue
        whole = [a + b for a, b in zip(whole, amounts, strict=True)]
        flows = (cell(money(amount), (("account", guid),)) for amount in amounts[1:3])
        name = cell(account["Name"], (("accountID", guid),))
        rows.append(row([name, cell(money(amounts[0])), *flows, cell(money(closing))]))
    total = plain(["Total", *map(money, whole)], "SummaryRow")
    titles = ["Bank Accounts", "Opening Balance", "Cash Received", "Cash Spent", "Closing Balance"]
    return [header(titles), section("", [*rows, total])]


# what the executive summary shows: section, then title of each row, and how it is written
_ROWS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
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


def executive_summary(store: "Company", sums: Sums, day: dt.date) -> list[Row]:
    """Lay out the executive summary of the month a day is in."""
    ends = [month_end(day), month_end(months_before(day, 1))]
    now, before = (_figures(store, sums, end) for end in ends)
    made = [header(["", *(f"{end:%b %Y}" for end in ends), "Variance"])]
    for title, rows in _ROWS:
        made.append(
            section(
                title,
                [
                    plain(
                        [
                            name,
                            _text(now[name], how),
                            _text(before[name], how),
                            _change(now[name], before[name]),
                        ]
                    )
                    for name, how in rows
                ],
            )
        )
    return made


def _figures(store: "Company", sums: Sums, to: dt.date) -> dict[str, Decimal | None]:
    since = to.replace(day=1)
    days = calendar.monthrange(to.year, to.month)[1]
    moves = sums.movements(since, to)

    def moved(part: Section) -> Decimal:
        inside = (guid for guid, account in sums.accounts.items() if part.holds(account))
        return part.sign * sum((moves.get(guid, ZERO) for guid in inside), ZERO)

    def stands(*parts: Section) -> Decimal:
        return sum(
            (
                part.sign * sums.balance(guid, to)
                for part in parts
                for guid, a in sums.accounts.items()
                if part.holds(a)
            ),
            ZERO,
        )

    flows = [sums.flow(guid, since, to, transfers=False) for guid, a in sums.accounts.items() if a["Type"] == "BANK"]
    banked = sum((sums.balance(guid, to) for guid, a in sums.accounts.items() if a["Type"] == "BANK"), ZERO)
    received, spent = (sum((flow[n] for flow in flows), ZERO) for n in (0, 1))
    income, costs, other, expenses = (moved(part) for part in (INCOME, COSTS, OTHER, EXPENSES))
    profit = income - costs + other - expenses
    debtors = sums.balance(store.system_account("DEBTORS"), to)
    creditors = -sums.balance(store.system_account("CREDITORS"), to)
    assets, owed = stands(BANK, CURRENT), stands(OWED)
    net = assets + stands(FIXED, LONG) - owed - stands(TERM)
    issued, value = (each.on(to) - each.on(since - DAY) for each in sums.issued)
    return {
        "Cash received": received, "Cash spent": spent, "Cash surplus (deficit)": received - spent,
        "Closing bank balance": banked, "Income": income, "Direct costs": costs,
        "Gross profit (loss)": income - costs, "Other Income": other, "Expenses": expenses,
        "Profit (loss)": profit, "Debtors": debtors, "Creditors": creditors, "Net assets": net,
        "Number of invoices issued": issued, "Average value of invoices": _ratio(value, issued) or ZERO,
        "Gross profit margin": _ratio((income - costs) * 100, income),
        "Net profit margin": _ratio(profit * 100, income),
        "Return on investment (p.a.)": _ratio(profit * 1200, net),
        # a month without income or expenses has no days at all
        "Average debtors days": (_ratio(debtors, income) or Decimal(0)) * days,
        "Average creditors days": (_ratio(creditors, expenses) or Decimal(0)) * days,
        "Short term cash forecast": debtors - creditors,
        "Current assets to liabilities": _ratio(assets, owed),
        "Term assets to liabilities": _ratio(stands(FIXED, LONG), stands(TERM)),
    }  # fmt: skip


def _ratio(amount: Decimal, of: Decimal) -> Decimal | None:
    return amount / of if of else None


def _text(value: Decimal | None, how: str) -> str:
    if value is None:
        return ""
    if how == "money":
        return money(value)
    if how == "share":
        return f"{value.quantize(_TENTH)}%"
    return f"{value:.0f}" if how == "count" or not value else f"{value:f}"  # Xero does not round these


def _change(now: Decimal | None, before: Decimal | None) -> str:
    if not before or now is None:
        return "0.0%"
    return f"{((now - before) / abs(before) * 100).quantize(_TENTH) + Decimal('0.0')}%"
