"""generate_pnl_report: exact, by class, split at year ends, and tied to the trial balance."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bizosaas_xero.connector.actions.books import Books
from bizosaas_xero.connector.actions.reports import generate_pnl_report, layout
from bizosaas_xero.connector.actions.reports.pnl_models import PnlParams
from bizosaas_xero.spec.errors import MissingScope

pytestmark = pytest.mark.xero_sandbox(invoices=400, seed=2)


@pytest.mark.parametrize("basis", ["accrual", "cash"])
@pytest.mark.parametrize(
    ("first", "last", "pieces"),
    [
        ("2026-10-01", "2026-10-31", 1),
        ("2026-04-01", "2026-11-20", 1),
        ("2026-06-15", "2026-09-03", 1),
        ("2026-02-10", "2026-08-20", 2),
        ("2024-05-05", "2026-10-31", 3),
    ],
)
def test_the_profit_ties_to_xeros_total_and_to_the_trial_balances(run_read, basis, first, last, pieces):
    result = run_read("generate_pnl_report", from_date=first, to_date=last, basis=basis).data
    assert result["ties"], result["not_tied_because"]
    assert (result["basis"], len(result["pieces"])) == (basis, pieces)
    sections = {section["name"]: section["total"] for section in result["sections"]}
    assert result["net_profit"] == (
        sections["income"]
        + sections["other_income"]
        - sections["cost_of_sales"]
        - sections["expenses"]
        + result["currency_gains"]
    )
    assert result["gross_profit"] == sections["income"] - sections["cost_of_sales"]
    assert all(isinstance(figure["amount"], Decimal) for s in result["sections"] for figure in s["accounts"])


def test_cash_basis_differs_from_accrual_basis(run_read):
    period = {"from_date": "2026-04-01", "to_date": "2026-10-31"}
    accrual = run_read("generate_pnl_report", **period).data
    cash = run_read("generate_pnl_report", basis="cash", **period).data
    assert accrual["net_profit"] != cash["net_profit"]


def test_a_report_costs_four_or_five_calls(run_read):
    within_a_year = run_read("generate_pnl_report", from_date="2026-04-01", to_date="2026-10-31")
    assert within_a_year.calls == 4  # report, organisation, accounts, one trial balance
    assert run_read("generate_pnl_report", from_date="2026-05-01", to_date="2026-10-31").calls == 5


def test_a_tracking_option_is_reported_as_not_tied(run_read, books_reader):
    headers = {
        "Authorization": f"Bearer {books_reader.grant['access_token']}",
        "Xero-Tenant-Id": books_reader.organisation_id,
        "Accept": "application/json",
    }
    url = f"{books_reader.settings['api_url']}/api.xro/2.0/TrackingCategories"
    category = httpx.get(url, headers=headers).json()["TrackingCategories"][0]
    tracking = {
        "category_id": category["TrackingCategoryID"],
        "option_id": category["Options"][0]["TrackingOptionID"],
    }
    period = {"from_date": "2026-04-01", "to_date": "2026-10-31"}
    part = run_read("generate_pnl_report", tracking=tracking, **period).data
    whole = run_read("generate_pnl_report", **period).data
    assert part["ties"] is False
    assert "tracking" in part["not_tied_because"]
    assert part["pieces"][0]["net_profit"] == part["pieces"][0]["net_profit_in_xero"]
    income = [next(s["total"] for s in r["sections"] if s["name"] == "income") for r in (part, whole)]
    assert 0 < income[0] < income[1]


def test_the_formats_contain_the_figures(run_read):
    result = run_read(
        "generate_pnl_report",
        from_date="2026-04-01",
        to_date="2026-10-31",
        formats=["markdown", "csv", "svg"],
    ).data
    texts = result["texts"]
    assert f"**{result['net_profit']:,}**" in texts["markdown"]
    assert "accrual basis" in texts["markdown"]
    rows = list(csv.DictReader(io.StringIO(texts["csv"])))
    assert Decimal(rows[-1]["amount_NZD"]) == result["net_profit"]
    assert ET.fromstring(texts["svg"]).tag.endswith("svg")  # noqa: S314 (our own text)


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"from_date": "2026-02-30", "to_date": "2026-03-01"}, "params.from_date"),
        ({"from_date": "2026-03-02", "to_date": "2026-03-01"}, "params.to_date"),
        ({"from_date": "2000-01-01", "to_date": "2026-03-01"}, "params.from_date"),
        ({"from_date": "2026-01-01", "to_date": "2026-03-01", "basis": "gut feeling"}, "params.basis"),
        (
            {
                "from_date": "2026-01-01",
                "to_date": "2026-03-01",
                "tracking": {"category_id": "x&y=1", "option_id": "z"},
            },
            "params.tracking.category_id",
        ),
    ],
)
def test_a_wrong_period_is_refused_with_its_field(run_read, params, field):
    with pytest.raises(Exception, match=r"not valid|spans|is not one") as caught:
        run_read("generate_pnl_report", **params)
    assert caught.value.code == "invalid"
    assert caught.value.problems[0]["field"] == field


# ---------------------------------------------------------------- arithmetic of periods

days = st.dates(date(2015, 1, 1), date(2026, 12, 31))


def organisation(month, day):
    books = Books(SimpleNamespace(), SimpleNamespace())
    books.organisation = {"FinancialYearEndMonth": month, "FinancialYearEndDay": day}
    return books


@given(days, st.integers(0, 2500), st.sampled_from([(3, 31), (6, 30), (12, 31), (2, 28), (2, 29), (4, 5)]))
def test_pieces_cover_the_period_once_and_cross_no_year_end(first, length, year_end):
    books, last = organisation(*year_end), first + timedelta(days=length)
    pieces = generate_pnl_report._pieces(books, first, last)
    assert pieces[0][0] == first
    assert pieces[-1][1] == last
    for (start, end), following in zip(pieces, [*pieces[1:], None], strict=True):
        assert start <= end
        assert end - start < timedelta(days=365)
        assert books.year_start(start) <= start
        assert end <= books.year_end(start)
        assert following is None or following[0] == end + timedelta(days=1)


# ---------------------------------------------------------------- Xero's inconsistent rows


def row(label, value, *, mark=None, kind="Row"):
    cells = [{"Value": label, "Attributes": [mark] if mark else []}, {"Value": value}]
    return {"RowType": kind, "Cells": cells}


@pytest.mark.parametrize("name", ["account", "accountID", "Account", "ACCOUNTID"])
def test_an_account_id_is_read_in_any_spelling_of_its_attribute(name):
    mark = {"Id": name, "Value": "AB12"}
    [line] = layout.lines({"Rows": [{"RowType": "Section", "Rows": [row("Sales", "1,234.50", mark=mark)]}]})
    assert (line.kind, line.account_id, line.values) == ("account", "ab12", (Decimal("1234.50"),))


def test_totals_blank_cells_zero_ids_and_currency_rows_are_classified():
    zero = {"Id": "account", "Value": "00000000-0000-0000-0000-000000000000"}
    found = layout.lines(
        {
            "Rows": [
                {"RowType": "Header", "Cells": [{"Value": ""}, {"Value": "31 Oct"}]},
                {"RowType": "Section", "Title": "Empty"},
                {"RowType": "Section", "Rows": [row("Current Year Earnings", "5.00", mark=zero)]},
                {
                    "RowType": "Section",
                    "Rows": [row("Gains", "", mark={"Id": "account", "Value": "FXGROUPID"})],
                },
                row("Net", "7.00", kind="SummaryRow"),
            ]
        }
    )
    assert [(line.kind, line.account_id, line.values) for line in found] == [
        ("total", None, (Decimal("5.00"),)),
        ("currency", None, (None,)),
        ("total", None, (Decimal("7.00"),)),
    ]


def test_a_cell_that_is_not_a_number_is_refused():
    with pytest.raises(Exception, match="n/a") as caught:
        layout.lines({"Rows": [row("Sales", "n/a")]})
    assert (caught.value.code, caught.value.recovery) == ("invalid", "fix")


# ---------------------------------------------------------------- books of three accounts, report by report

ACCOUNTS = {
    "s": {"AccountID": "s", "Class": "REVENUE", "Type": "SALES", "Name": "Sales", "Code": "200"},
    "r": {"AccountID": "r", "Class": "EXPENSE", "Type": "OVERHEADS", "Name": "Rent", "Code": "400"},
    "499": {"AccountID": "499", "Class": "EXPENSE", "Type": "EXPENSE", "SystemAccount": "REALISEDCURRENCYGAIN"},
    "498": {"AccountID": "498", "Class": "EXPENSE", "Type": "EXPENSE", "SystemAccount": "UNREALISEDCURRENCYGAIN"},
    "497": {"AccountID": "497", "Class": "EXPENSE", "Type": "EXPENSE", "SystemAccount": "BANKCURRENCYGAIN"},
}
FX = "Foreign Currency Gains and Losses"
GROUP = {"Id": "account", "Value": "FXGROUPID"}


def account(guid, value):
    return row(ACCOUNTS.get(guid, {"Name": "Lost"}).get("Name"), value, mark={"Id": "account", "Value": guid})


def section(*rows, total=None):
    summary = [row("Total", total, kind="SummaryRow")] if total is not None else []
    return {"RowType": "Section", "Title": "", "Rows": [*rows, *summary]}


def trial_balance(**credit):
    rows = [
        {
            "RowType": "Row",
            "Cells": [
                {"Value": key, "Attributes": [{"Id": "account", "Value": key}]},
                *({"Value": value} for value in ("", "", "", amount)),
            ],
        }
        for key, amount in credit.items()
    ]
    return {"Rows": [{"RowType": "Section", "Rows": rows}]}


def read_report(*sections, balances=None, **more):
    """Run the action on one report and one trial balance, both made by hand."""

    def read(name, _query):
        if name == "ProfitAndLoss":
            return {"Rows": list(sections)}
        if balances is None:
            raise MissingScope("'generate_pnl_report' needs a permission.")
        return trial_balance(**balances)

    books = SimpleNamespace(
        accounts=ACCOUNTS, organisation={"Name": "X"}, base_currency="NZD", read_report=read,
        year_end=lambda _: date(2027, 3, 31), year_start=lambda _: date(2026, 4, 1),
    )  # fmt: skip
    params = PnlParams(from_date=date(2026, 4, 1), to_date=date(2026, 4, 30), **more)
    return generate_pnl_report.run(books, params)


SALES = section(account("s", "100.00"), total="100.00")


@pytest.mark.parametrize("mark", [GROUP, None, {"Id": "FXGROUPID", "Value": ""}], ids=["FXGROUPID", "no id", "as id"])
@pytest.mark.parametrize(
    ("costs", "net", "gains"),
    [
        ("-5.00", "105.00", "5.00"),  # a gain in a section of costs
        ("5.00", "95.00", "-5.00"),
        ("(5.00)", "105.00", "5.00"),
        ("5.00", "105.00", "5.00"),  # a gain in a section of income
    ],
)
def test_currency_gains_take_their_sign_from_xeros_own_total(mark, costs, net, gains):
    currency = section(row(FX, costs, mark=mark), total=costs)
    result = read_report(SALES, currency, section(row("Net Profit", net)), balances={"s": "100.00", "499": gains})
    assert (result.net_profit, result.net_profit_by_accounts, result.difference) == (Decimal(net), Decimal(net), 0)
    assert (result.currency_gains, result.ties) == (Decimal(gains), True), result.not_tied_because
    assert result.currency_split.realised == Decimal(gains)
    assert result.currency_split.unassigned == 0


def test_currency_gains_are_split_by_the_trial_balance():
    currency = section(row(FX, "-6.00", mark=GROUP), total="-6.00")
    balances = {"s": "100.00", "499": "1.00", "498": "2.00", "497": "3.00"}
    result = read_report(SALES, currency, section(row("Net Profit", "106.00")), balances=balances)
    split = result.currency_split
    assert (split.realised, split.unrealised, split.bank_revaluation, split.unassigned) == (1, 2, 3, 0)
    assert (result.currency_gains, result.ties) == (6, True)


def test_currency_gains_without_any_total_take_their_sign_from_the_trial_balance():
    currency = section(row(FX, "-5.00", mark=GROUP), total="-5.00")
    result = read_report(SALES, currency, balances={"s": "100.00", "498": "5.00"})
    assert (result.net_profit, result.currency_gains) == (105, 5)


def test_a_sign_that_nothing_decides_is_refused_once_with_the_cell():
    currency = section(row(FX, "-5.00", mark=GROUP), total="-5.00")
    with pytest.raises(Exception, match=FX) as caught:
        read_report(SALES, currency, balances={"s": "100.00"})
    assert (caught.value.code, caught.value.recovery) == ("invalid", "fix")


@pytest.mark.parametrize(("net", "share"), [("70.00", "-30.00"), ("130.00", "30.00")])
def test_an_account_that_the_chart_lacks_takes_its_sign_from_xeros_own_total(net, share):
    lost = section(account("lost", "30.00"), total="30.00")
    result = read_report(SALES, lost, section(row("Net Profit", net)), balances={"s": "100.00", "lost": share})
    assert (result.net_profit, result.net_profit_by_accounts) == (Decimal(net), Decimal(net))
    assert [(line.label, line.amount, line.share) for line in result.other_lines] == [("Lost", 30, Decimal(share))]
    assert result.ties is False
    assert "accounts that the chart lacks: lost" in result.not_tied_because


def test_xeros_own_total_is_the_headline_and_a_difference_is_called_unexplained():
    result = read_report(SALES, section(row("Net Profit", "90.00")), balances={"s": "90.00"})
    assert (result.net_profit, result.net_profit_by_accounts, result.difference) == (90, 100, -10)
    assert result.ties is False
    assert "differs by -10.00, which is unexplained" in result.not_tied_because


def test_xeros_own_gross_profit_is_the_headline():
    gross = section(row("Gross Profit", "60.00"))
    result = read_report(SALES, gross, section(row("Net Profit", "100.00")), balances={"s": "100.00"})
    assert (result.gross_profit, result.ties) == (60, False)
    assert "gross profit is 60.00" in result.not_tied_because


def test_without_permission_for_the_trial_balance_the_profit_is_given_unchecked():
    result = read_report(SALES, section(row("Net Profit", "100.00")))
    assert (result.net_profit, result.ties, result.currency_split) == (100, None, None)
    assert "trial balance could not be read" in result.not_tied_because
    assert result.pieces[0].trial_balance_movement is None


def test_percentages_dashes_and_brackets_are_read():
    rows = [SALES, section(account("r", "(30.00)"), total="(30.00)"), section(row("Net Profit", "130.00"))]
    result = read_report(*rows, section(row("Net Profit %", "130.0%")), balances={"s": "100.00", "r": "30.00"})
    assert (result.net_profit, result.ties) == (130, True)
