"""Read the trial balance: year-to-date balances by account id.

The year-to-date columns of revenue and expense restart with the financial year; the first pair of columns is the
month only (Xero's report pages).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from bizosaas_xero.connector.actions.books import Books
from bizosaas_xero.connector.actions.reports import layout

ZERO = Decimal(0)
CURRENCY_ACCOUNTS = {
    "realised": "REALISEDCURRENCYGAIN",
    "unrealised": "UNREALISEDCURRENCYGAIN",
    "bank_revaluation": "BANKCURRENCYGAIN",
}
"""Xero's system accounts of currency gains (499, 498 and 497 by default)."""


def read_balances(books: Books, day: date, *, cash: bool = False) -> dict[str, Decimal]:
    """Return the balance of each account at the end of a day, debit positive. Accounts without one are missing."""
    query = {"date": f"{day}"} | ({"paymentsOnly": "true"} if cash else {})
    balances: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for line in layout.lines(books.read_report("TrialBalance", query), "TrialBalance"):
        if line.account_id:
            debit, credit = line.values[-2:]
            balances[line.account_id] += (debit or ZERO) - (credit or ZERO)
    return balances


def read_movements(books: Books, first: date, last: date, *, cash: bool) -> dict[str, Decimal]:
    """Return the movement of each account in days of one financial year, credit positive.

    Nothing is subtracted if the first day is that of the financial year.
    """
    after = read_balances(books, last, cash=cash)
    starts_year = first == books.year_start(first)
    before = {} if starts_year else read_balances(books, first - timedelta(days=1), cash=cash)
    return {key: before.get(key, ZERO) - after.get(key, ZERO) for key in {*after, *before}}


def profit_of(books: Books, movements: dict[str, Decimal]) -> Decimal:
    """Return revenue less expense."""
    classes = {"REVENUE", "EXPENSE"}
    return sum(
        (amount for key, amount in movements.items() if books.accounts.get(key, {}).get("Class") in classes), ZERO
    )


def currency_gains_of(
    books: Books, movements: dict[str, Decimal], kinds: Iterable[str] = CURRENCY_ACCOUNTS.values()
) -> Decimal:
    """Return the movement of Xero's system accounts of currency gains."""
    return sum(
        (amount for key, amount in movements.items() if books.accounts.get(key, {}).get("SystemAccount") in set(kinds)),
        ZERO,
    )
