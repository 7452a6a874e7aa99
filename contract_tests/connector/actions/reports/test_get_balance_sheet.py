"""get_balance_sheet: it balances, by class, and says when it does not."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from bizosaas_xero.connector.actions.reports import get_balance_sheet
from bizosaas_xero.connector.actions.reports.get_balance_sheet import BalanceSheetParams


@pytest.mark.parametrize("basis", ["accrual", "cash"])
@pytest.mark.parametrize("day", ["2026-10-31", "2026-10-02", "2026-03-31", "2025-12-15"])
def test_the_balance_sheet_balances_on_both_bases(ask, basis, day):
    answer = ask("get_balance_sheet", on_date=day, basis=basis, compare=True)
    result = answer.data
    assert answer.calls == 3
    assert (result["basis"], result["ties"]) == (basis, True), result["not_tied_because"]
    given = date.fromisoformat(day)
    for sheet, year in zip(result["sheets"], (given.year, given.year - 1), strict=True):
        assert (sheet["as_of"].year, sheet["as_of"].month) == (year, given.month)
        assert (sheet["as_of"] + timedelta(1)).day == 1
        assets, owed, equity = (sheet[name] for name in ("assets", "liabilities", "equity"))
        assert sheet["net_assets"] == assets["total"] - owed["total"] == equity["total"]
        for part in (assets, owed, equity):
            assert part["total"] == sum(account["amount"] for account in part["accounts"])
            assert all(isinstance(account["amount"], Decimal) for account in part["accounts"])
        [earnings] = [account for account in equity["accounts"] if account["account_id"] is None]
        assert earnings["amount"] == sheet["current_year_earnings"]


def test_its_receivables_equal_the_aged_receivables(ask):
    sheet = ask("get_balance_sheet", on_date="2026-10-31").data["sheets"][0]
    [control] = [a for a in sheet["assets"]["accounts"] if a["name"] == "Accounts Receivable"]
    aged = ask("get_aged_receivables", as_of="2026-10-31").data
    assert control["amount"] == aged["bridge"]["control"]["balance"]
    cash = ask("get_balance_sheet", on_date="2026-10-31", basis="cash").data["sheets"][0]
    assert not [a for a in cash["assets"]["accounts"] if a["name"] == "Accounts Receivable" and a["amount"] > 0]


def test_its_earnings_equal_the_profit_of_the_year(ask):
    sheet = ask("get_balance_sheet", on_date="2026-10-31").data["sheets"][0]
    profit = ask("generate_pnl_report", from_date="2026-04-01", to_date="2026-10-31").data
    assert sheet["current_year_earnings"] == profit["net_profit"]


# ---------------------------------------------------------------- reports that do not balance

ACCOUNTS = {
    "a1": {"AccountID": "a1", "Class": "ASSET", "Name": "Bank", "Type": "BANK", "Code": "090"},
    "l1": {"AccountID": "l1", "Class": "LIABILITY", "Name": "Loan", "Type": "TERMLIAB", "Code": ""},
}


def row(label, value, mark=None, kind="Row"):
    attributes = [{"Id": "account", "Value": mark}] if mark else []
    return {"RowType": kind, "Cells": [{"Value": label, "Attributes": attributes}, {"Value": value}]}


def report(*rows, title="31 Oct 2026"):
    header = {"RowType": "Header", "Cells": [{"Value": ""}, {"Value": title}]}
    return {"Rows": [header, {"RowType": "Section", "Rows": list(rows)}]}


def read(made):
    books = SimpleNamespace(
        accounts=ACCOUNTS, organisation={"Name": "X"}, base_currency="NZD", today=date(2026, 10, 31),
        read_report=lambda *_: made,
    )  # fmt: skip
    return get_balance_sheet.run(books, BalanceSheetParams())


NOBODY = "00000000-0000-0000-0000-000000000000"
WHOLE = (
    row("Bank", "100.00", "A1"),
    row("Total", "100.00", kind="SummaryRow"),
    row("Loan", "60.00", "L1"),
    row("Total", "60.00", kind="SummaryRow"),
    row("Current Year Earnings", "40.00", NOBODY),
    row("Total", "40.00", kind="SummaryRow"),
)


def test_a_small_report_is_read_line_by_line():
    result = read(report(*WHOLE))
    [sheet] = result.sheets
    assert (result.ties, sheet.ties, sheet.as_of) == (True, True, date(2026, 10, 31))
    assert (sheet.assets.total, sheet.liabilities.total, sheet.equity.total) == (100, 60, 40)
    assert (sheet.current_year_earnings, sheet.net_assets) == (40, 40)
    assert sheet.liabilities.accounts[0].code is None


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        (WHOLE[:4], "differ from equity by 40"),
        ((*WHOLE, row("Stranger", "1.00", "ff")), "Stranger"),
        ((WHOLE[0], *WHOLE[2:]), "no total of 100"),
        ((*WHOLE, row("Gains", "1.00", "FXGROUPID")), "Gains"),
    ],
)
def test_a_report_that_does_not_balance_gives_the_reason(rows, word):
    result = read(report(*rows))
    assert result.ties is False
    assert word in result.not_tied_because


def test_a_column_without_a_date_is_refused():
    with pytest.raises(Exception, match="no date") as caught:
        read(report(*WHOLE, title="FY27"))
    assert caught.value.code == "unavailable"
