"""layout: cells and dates of Xero's reports in every form that was seen."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from bizosaas_xero.connector.actions.reports import layout


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,234.50", "1234.50"), ("(100.00)", "-100.00"), ("-100.00", "-100.00"), ("\u2212100.00", "-100.00"),
        ("100.00-", "-100.00"), ("$1,234.50", "1234.50"), ("-$5.00", "-5.00"), ("(\u00a35.00)", "-5.00"),
        ("NZD 5.00", "5.00"), ("1 234,50", "1234.50"), ("1.234,50", "1234.50"), ("1\u00a0234.50", "1234.50"),
        (".50", "0.50"), (Decimal("7.25"), "7.25"), (7, "7"),
    ],
)  # fmt: skip
def test_a_cell_is_read_in_every_form(text, value):
    assert layout.amount(text, "Sales") == Decimal(value)


@pytest.mark.parametrize("text", [None, "", "-", "\u2013", "100.0%", "(5.2%)", " "])
def test_a_blank_cell_or_a_percentage_is_not_an_amount(text):
    assert layout.amount(text, "Sales") is None


@pytest.mark.parametrize("text", ["n/a", "1.2.3", "1,23,4", "NaN", "1e5", "--5", "-(5.00)", "Infinity", "12:30"])
def test_a_cell_that_is_not_a_figure_is_refused_with_report_and_cell(text):
    with pytest.raises(Exception, match="Sales") as caught:
        layout.amount(text, "Sales", "ProfitAndLoss")
    assert (caught.value.code, caught.value.recovery) == ("invalid", "fix")
    assert "ProfitAndLoss" in caught.value.message
    assert text in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "30 Jun 26", "Jun 30, 2026", "30 June 2026", "June 30, 2026", "30-Jun-2026", "30 Jun. 2026", "30th June 2026",
        "2026-06-30", "2026-06-30T00:00:00", "30/06/2026", "6/30/2026", "30.06.2026", "As at 30 June 2026",
        "As of Jun 30, 2026", "30 Jun '26", "30  Jun  2026",
    ],
)  # fmt: skip
def test_a_date_is_read_in_every_form(text):
    assert layout.parse_date(text) == date(2026, 6, 30)


def test_four_letters_of_september_are_read():
    assert layout.parse_date("30 Sept 2026") == layout.parse_date("Sept 30, 2026") == date(2026, 9, 30)


def test_a_numeric_date_is_ambiguous_unless_the_requested_date_decides():
    assert layout.parse_date("06/07/2026") is None
    assert layout.parse_date("06/07/2026", date(2026, 7, 31)) == date(2026, 7, 6)
    assert layout.parse_date("06/07/2026", date(2026, 6, 30)) == date(2026, 6, 7)


@pytest.mark.parametrize("text", ["FY27", "", "31 Feb 2026", "30 Foo 2026", "Jun 2026", "June", "12"])
def test_a_text_without_a_date_has_none(text):
    assert layout.parse_date(text) is None
