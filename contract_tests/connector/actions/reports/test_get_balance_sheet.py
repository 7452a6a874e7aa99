"""get_balance_sheet: it balances, by class, and says when it does not."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from bizosaas_xero.connector.actions.reports import get_balance_sheet
from bizosaas_xero.connector.actions.reports.get_balance_sheet import BalanceSheetParams

pytestmark = pytest.mark.xero_sandbox(invoices=400, seed=2)


@pytest.mark.parametrize("basis", ["accrual", "cash"])
@pytest.mark.parametrize("day", ["2026-10-31", "2026-10-02", "2026-03-31", "2025-12-15"])
def test_the_balance_sheet_balances_on_both_bases(run_read, basis, day):
    answer = run_read("get_balance_sheet", on_date=day, basis=basis, compare=True)
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


def test_its_receivables_equal_the_aged_receivables(run_read):
    sheet = run_read("get_balance_sheet", on_date="2026-10-31").data["sheets"][0]
    [control] = [a for a in sheet["assets"]["accounts"] if a["name"] == "Accounts Receivable"]
    aged = run_read("get_aged_receivables", as_of="2026-10-31").data
    assert control["amount"] == aged["bridge"]["control"]["balance"]
    cash = run_read("get_balance_sheet", on_date="2026-10-31", basis="cash").data["sheets"][0]
    assert not [a for a in cash["assets"]["accounts"] if a["name"] == "Accounts Receivable" and a["amount"] > 0]


def test_its_earnings_equal_the_profit_of_the_year(run_read):
    sheet = run_read("get_balance_sheet", on_date="2026-10-31").data["sheets"][0]
    profit = run_read("generate_pnl_report", from_date="2026-04-01", to_date="2026-10-31").data
    assert sheet["current_year_earnings"] == profit["net_profit"]


# ---------------------------------------------------------------- reports that do not balance

ACCOUNTS = {
    "a1": {"AccountID": "a1", "Class": "ASSET", "Name": "Bank", "Type": "BANK", "Code": "090"},
    "a2": {"AccountID": "a2", "Class": "ASSET", "Name": "Card", "Type": "BANK", "Code": "091"},
    "l1": {"AccountID": "l1", "Class": "LIABILITY", "Name": "Loan", "Type": "TERMLIAB", "Code": ""},
    "l2": {"AccountID": "l2", "Class": "LIABILITY", "Name": "Tax", "Type": "CURRLIAB", "Code": "820"},
    "e1": {"AccountID": "e1", "Class": "EQUITY", "Name": "Capital", "Type": "EQUITY", "Code": "970"},
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
        ((WHOLE[0], row("Total", "90.00", kind="SummaryRow"), *WHOLE[2:]), "Total is 90.00, its lines add up to 100"),
        ((*WHOLE, row("Gains", "1.00", "FXGROUPID")), "Gains"),
    ],
)
def test_a_report_that_does_not_balance_gives_the_reason(rows, word):
    result = read(report(*rows))
    assert result.ties is False
    assert word in result.not_tied_because


def test_a_column_without_a_date_is_refused():
    with pytest.raises(Exception, match="FY27") as caught:
        read(report(*WHOLE, title="FY27"))
    assert (caught.value.code, caught.value.recovery) == ("invalid", "fix")
    assert "BalanceSheet" in caught.value.message


@pytest.mark.parametrize("title", ["31 Oct 26", "Oct 31, 2026", "31 October 2026", "2026-10-31"])
def test_a_column_is_dated_in_every_form(title):
    assert read(report(*WHOLE, title=title)).sheets[0].as_of == date(2026, 10, 31)


def test_a_column_without_a_date_takes_that_of_the_title():
    made = report(*WHOLE, title="Total") | {"ReportTitles": ["Balance Sheet", "X", "As at 31 October 2026"]}
    assert read(made).sheets[0].as_of == date(2026, 10, 31)


# ---------------------------------------------------------------- dialects


def parts(*sections):
    header = {"RowType": "Header", "Cells": [{"Value": ""}, {"Value": "31 Oct 2026"}]}
    return {"Rows": [header, *({"RowType": "Section", "Title": "", "Rows": list(rows)} for rows in sections)]}


def total(label, value):
    return row(label, value, kind="SummaryRow")


@pytest.mark.parametrize(
    "mark",
    [NOBODY, "abababab-abab-abab-abab-abababababab", "12345678-1234-1234-1234-123456789012", None],
    ids=["zeros", "recorded", "any id", "no id"],
)
@pytest.mark.parametrize(
    ("equity", "profit"),
    [((), "9,901.07"), ((row("Capital", "(7,961.99)", "E1"),), "17,863.06")],
    ids=["alone", "with capital"],
)
def test_the_row_of_the_equity_section_that_is_in_no_chart_is_current_year_earnings(mark, equity, profit):
    earnings = row("Current Year Earnings", profit, mark)
    result = read(
        parts(
            (row("Bank", "9,961.07", "A1"), total("Total Bank", "9,961.07")),
            (row("Loan", "60.00", "L1"), total("Total Liabilities", "60.00")),
            (row("Net Assets", "9,901.07"),),
            (earnings, *equity, total("Total Equity", "9,901.07")),
        )
    )
    [sheet] = result.sheets
    assert result.ties, result.not_tied_because
    assert sheet.current_year_earnings == Decimal(profit.replace(",", ""))
    assert sheet.equity.total == Decimal("9901.07")


def test_a_uk_statutory_sheet_without_total_assets_ties():
    result = read(
        parts(
            (row("Bank", "100.00", "A1"), total("Total Current Assets", "100.00")),
            (row("Loan", "60.00", "L1"), total("Total Creditors: amounts falling due within one year", "60.00")),
            (row("Net Current Assets (Liabilities)", "40.00"),),
            (row("Total Assets less Current Liabilities", "40.00"),),
            (row("Net Assets", "40.00"),),
            (row("Current Year Earnings", "40.00"), total("Total Capital and Reserves", "40.00")),
        )
    )
    assert result.ties, result.not_tied_because
    assert (result.sheets[0].assets.total, result.sheets[0].net_assets) == (100, 40)


def test_a_us_sheet_of_2026_without_net_assets_ties():
    result = read(
        parts(
            (row("Bank", "100.00", "A1"), total("Total Cash", "100.00")),
            (total("Total Assets", "100.00"),),
            (),
            (row("Loan", "60.00", "L1"), total("Total Long Term Liabilities", "60.00")),
            (total("Total Liabilities", "60.00"),),
            (row("Current Year Earnings", "40.00", NOBODY), total("Total Equity", "40.00")),
            (total("Total Liabilities and Equity", "100.00"),),
        )
    )
    assert result.ties, result.not_tied_because


@pytest.mark.parametrize("place", ["assets", "liabilities"])
def test_an_account_that_the_chart_lacks_has_the_class_of_its_section(place):
    lost = row("Lost", "10.00", "gone")
    assets = (row("Bank", "100.00", "A1"), *([lost] if place == "assets" else []))
    debts = (row("Loan", "60.00", "L1"), *([lost] if place == "liabilities" else []))
    owned, owed = (110, 60) if place == "assets" else (100, 70)
    net = owned - owed
    result = read(
        parts(
            (*assets, total("Total Assets", f"{owned}.00")),
            (*debts, total("Total Liabilities", f"{owed}.00")),
            (row("Current Year Earnings", f"{net}.00", NOBODY), total("Total Equity", f"{net}.00")),
        )
    )
    [sheet] = result.sheets
    assert result.ties, result.not_tied_because
    assert (sheet.assets.total, sheet.liabilities.total, sheet.current_year_earnings) == (owned, owed, net)


def test_an_overdrawn_bank_account_may_be_listed_as_a_liability():
    result = read(
        parts(
            (row("Bank", "100.00", "A1"), total("Total Assets", "100.00")),
            (row("Card", "25.00", "A2"), row("Loan", "60.00", "L1"), row("Tax", "5.00", "L2"),
             total("Total Liabilities", "90.00")),
            (row("Current Year Earnings", "10.00", NOBODY), total("Total Equity", "10.00")),
        )
    )  # fmt: skip
    [sheet] = result.sheets
    assert result.ties, result.not_tied_because
    assert (sheet.liabilities.total, sheet.net_assets) == (90, 10)


def test_xeros_own_total_is_the_headline_and_a_contradiction_is_reported():
    result = read(
        parts(
            (row("Bank", "100.00", "A1"), total("Total Bank", "100.00")),
            (total("Total Assets", "120.00"),),
            (row("Loan", "60.00", "L1"), total("Total", "60.00")),
            (row("Current Year Earnings", "40.00", NOBODY), total("Total Equity", "40.00")),
        )
    )
    [sheet] = result.sheets
    assert (sheet.assets.total, result.ties) == (120, False)
    assert "Total Assets is 120.00, its accounts add up to 100.00" in result.not_tied_because
