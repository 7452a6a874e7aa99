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
def test_the_profit_ties_to_xeros_total_and_to_the_trial_balances(ask, basis, first, last, pieces):
    result = ask("generate_pnl_report", from_date=first, to_date=last, basis=basis).data
    assert result["ties"], result["not_tied_because"]
    assert (result["basis"], len(result["pieces"])) == (basis, pieces)
    sections = {section["name"]: section["total"] for section in result["sections"]}
    assert result["net_profit"] == (
        sections["income"]
        + sections["other_income"]
        - sections["cost_of_sales"]
        - sections["expenses"]
        + result["unrealised_currency"]
    )
    assert result["gross_profit"] == sections["income"] - sections["cost_of_sales"]
    assert all(isinstance(figure["amount"], Decimal) for s in result["sections"] for figure in s["accounts"])


def test_cash_basis_differs_from_accrual_basis(ask):
    period = {"from_date": "2026-04-01", "to_date": "2026-10-31"}
    accrual = ask("generate_pnl_report", **period).data
    cash = ask("generate_pnl_report", basis="cash", **period).data
    assert accrual["net_profit"] != cash["net_profit"]


def test_a_report_costs_four_or_five_calls(ask):
    within_a_year = ask("generate_pnl_report", from_date="2026-04-01", to_date="2026-10-31")
    assert within_a_year.calls == 4  # report, organisation, accounts, one trial balance
    assert ask("generate_pnl_report", from_date="2026-05-01", to_date="2026-10-31").calls == 5


def test_a_tracking_option_is_reported_as_not_tied(ask, reader):
    headers = {
        "Authorization": f"Bearer {reader.grant['access_token']}",
        "Xero-Tenant-Id": reader.organisation_id,
        "Accept": "application/json",
    }
    url = f"{reader.settings['api_url']}/api.xro/2.0/TrackingCategories"
    category = httpx.get(url, headers=headers).json()["TrackingCategories"][0]
    tracking = {
        "category_id": category["TrackingCategoryID"],
        "option_id": category["Options"][0]["TrackingOptionID"],
    }
    period = {"from_date": "2026-04-01", "to_date": "2026-10-31"}
    part = ask("generate_pnl_report", tracking=tracking, **period).data
    whole = ask("generate_pnl_report", **period).data
    assert part["ties"] is False
    assert "tracking" in part["not_tied_because"]
    assert part["pieces"][0]["net_profit"] == part["pieces"][0]["net_profit_in_xero"]
    income = [next(s["total"] for s in r["sections"] if s["name"] == "income") for r in (part, whole)]
    assert 0 < income[0] < income[1]


def test_the_formats_contain_the_figures(ask):
    result = ask(
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
def test_a_wrong_period_is_refused_with_its_field(ask, params, field):
    with pytest.raises(Exception, match=r"not valid|spans|is not one") as caught:
        ask("generate_pnl_report", **params)
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
    assert caught.value.code == "unavailable"
