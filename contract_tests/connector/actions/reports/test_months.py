"""Profit and loss and balance sheet of many months, over countries, bases and currencies of the books."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from bizosaas_xero.connector.actions.books import Books
from bizosaas_xero.connector.actions.reports import generate_pnl_report, get_balance_sheet
from bizosaas_xero.connector.actions.reports.get_balance_sheet import BalanceSheetParams
from bizosaas_xero.connector.actions.reports.pnl_models import PnlParams
from bizosaas_xero.sandbox import Clock, Sandbox
from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.reports.endpoint import ReportsApi

NOW = 1.79e9  # 21 September 2026
MONTHS = [date(2025 + (4 + n) // 12, (4 + n) % 12 + 1, 1) for n in range(16)]
COUNTRIES = 6


class SandboxClient:
    """Reads the books of one organisation of a sandbox without a server."""

    def __init__(self, reports, state, organisation):
        self.reports, self.state, self.organisation = reports, state, organisation
        self.store = state.store(organisation)

    def get(self, path, params=None):
        name = path.split("/")[0]
        if name == "Reports":
            return SimpleNamespace(body={name: [self.reports.report(path.split("/")[1], params, self.organisation)]})
        if name == "Organisation":
            return SimpleNamespace(body={"Organisations": [self.read(self.store.organisation)]})
        return SimpleNamespace(body={name: [self.read(row) for row in self.store.rows(name)]})

    @staticmethod
    def read(row):
        return json.loads(xero_json.row_text(row), parse_float=Decimal)


@pytest.fixture(scope="module")
def make_books():
    """Make the books of a seed and an organisation; each once."""
    made = {}

    def make(seed, number):
        if seed not in made:
            state = Sandbox(90, seed, clock=Clock(lambda: NOW))
            made[seed] = state, ReportsApi(state)
        state, reports = made[seed]
        client = SandboxClient(reports, state, state.organisations[number].id)
        return Books(client, SimpleNamespace(page_size=1000), now=state.clock.now), client.store

    return make


def last_day(first):
    return (first + timedelta(31)).replace(day=1) - timedelta(1)


def xeros_last_line(books, query):
    rows = books.read_report("ProfitAndLoss", query)["Rows"]
    return Decimal(rows[-1]["Rows"][-1]["Cells"][1]["Value"])


def check_month(books, store, first, basis):
    """The profit is Xero's last line and the movement of the trial balances, and the sheet at its end balances."""
    last = last_day(first)
    result = generate_pnl_report.run(books, PnlParams(from_date=first, to_date=last, basis=basis))
    query = {"fromDate": f"{first}", "toDate": f"{last}", "standardLayout": "true"}
    query |= {"paymentsOnly": "true"} if basis == "cash" else {}
    assert result.net_profit == xeros_last_line(books, query)
    assert (result.difference, result.ties) == (0, True), result.not_tied_because
    assert result.pieces[0].trial_balance_movement == result.net_profit
    sections = {section.name: section.total for section in result.sections}
    assert result.net_profit == (
        sections["income"] + sections["other_income"] - sections["cost_of_sales"] - sections["expenses"]
        + result.currency_gains
    )  # fmt: skip
    split = result.currency_split
    if store.organisation["CountryCode"] != "US":
        assert split.unassigned == 0
        if result.currency_gains:
            assert result.currency_gains == split.realised + split.unrealised + split.bank_revaluation
    sheet = get_balance_sheet.run(books, BalanceSheetParams(on_date=first, basis=basis)).sheets[0]
    assert sheet.ties, sheet.not_tied_because
    assert sheet.as_of == last
    assert sheet.assets.total - sheet.liabilities.total == sheet.equity.total == sheet.net_assets
    return result


@pytest.mark.parametrize("number", range(COUNTRIES))
def test_a_month_of_each_country_equals_xeros_last_line_and_balances(make_books, number):
    books, store = make_books(11, number)
    for first, basis in ((MONTHS[number + 3], "accrual"), (MONTHS[number + 9], "cash")):
        check_month(books, store, first, basis)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 11, 29])
@pytest.mark.parametrize("number", range(COUNTRIES))
def test_500_months_equal_xeros_last_line_and_balance(make_books, seed, number):
    """3 seeds, 6 organisations, 16 months, 2 bases: 576 months."""
    books, store = make_books(seed, number)
    gains = 0
    for first in MONTHS:
        for basis in ("accrual", "cash"):
            gains += bool(check_month(books, store, first, basis).currency_gains)
    assert gains or number in {3, 5} or store.organisation["IsDemoCompany"], "some months have currency gains"
