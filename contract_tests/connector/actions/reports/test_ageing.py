"""The arithmetic of ageing, for any documents and any days."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bizosaas_xero.connector.actions.money import to_base_currency
from bizosaas_xero.connector.actions.reports import ageing
from bizosaas_xero.connector.actions.reports.ageing import Settlement

days = st.dates(date(2015, 1, 1), date(2027, 12, 31))
amounts = st.decimals(Decimal("0.01"), Decimal(1_000_000), places=2)
settlements = st.lists(st.builds(Settlement, days, amounts), max_size=8)


@given(days, st.sampled_from(["due_date", "invoice_date"]), st.sampled_from(["days", "months"]),
       st.integers(1, 100), st.integers(1, 24), st.lists(days, max_size=20))  # fmt: skip
def test_every_date_belongs_to_exactly_one_bucket(as_of, age_by, unit, length, count, dates):
    steps = ageing.make_buckets(as_of, age_by, unit, length, count)
    assert len(steps) == count + (2 if age_by == "due_date" else 1)
    assert len({step.label for step in steps}) == len(steps)
    for day in dates:
        [only] = [index for index, step in enumerate(steps) if step.holds(day)]
        assert ageing.bucket_index(steps, day) == only
    for young, old in pairwise(steps):
        assert old.last == young.first - timedelta(1)
    assert (steps[0].last, steps[-1].first) == (None, None)


@given(days, days, st.integers(1, 100), st.integers(1, 24))
def test_the_label_of_a_day_bucket_contains_the_days_late(as_of, due, length, count):
    steps = ageing.make_buckets(as_of, "due_date", "days", length, count)
    label, late = steps[ageing.bucket_index(steps, due)].label, (as_of - due).days
    if late <= 0:
        assert label == "not due"
    elif late > length * count:
        assert label == f"over {length * count} days"
    else:
        low, high = map(int, label.removesuffix(" days").split("-"))
        assert low <= late <= high
        assert high - low == length - 1


@given(days, days, st.integers(1, 24))
def test_the_label_of_a_month_bucket_is_its_month(as_of, due, count):
    steps = ageing.make_buckets(as_of, "due_date", "months", 30, count)
    label = steps[ageing.bucket_index(steps, due)].label
    if due >= as_of:
        assert label == "not due"
    elif not label.startswith("before"):
        assert label == f"{due:%Y-%m}"


@given(amounts, settlements, days)
def test_undoing_later_settlements_equals_applying_only_earlier_ones(total, settled, day):
    left_now = total - sum(each.amount for each in settled)
    before = sum(each.amount for each in settled if each.date <= day)
    assert ageing.open_amount(left_now, settled, day) == total - before


@given(amounts, settlements, days, days)
def test_an_open_amount_never_grows_with_time(left, settled, one, other):
    first, last = sorted((one, other))
    assert ageing.open_amount(left, settled, first) >= ageing.open_amount(left, settled, last) >= left


@given(amounts, st.decimals(Decimal("0.0001"), Decimal(20000), places=6))
def test_the_base_amount_is_the_amount_divided_by_the_rate(amount, rate):
    base = to_base_currency(amount, rate)
    if rate != 1:
        assert abs(base * rate - amount) <= rate * Decimal("0.005")
        assert base.as_tuple().exponent == -2
    assert to_base_currency(-amount, rate) == -base


@pytest.mark.parametrize(
    ("amount", "rate", "base"),
    [("100", "0.625", "160.00"), ("0.01", "2", "0.01"), ("0.03", "2", "0.02"), ("10.5", "1", "10.5"),
     ("1", "3", "0.33"), ("2", "3", "0.67"), ("-0.01", "2", "-0.01")],
)  # fmt: skip
def test_half_a_cent_is_rounded_away_from_zero(amount, rate, base):
    assert str(to_base_currency(Decimal(amount), Decimal(rate))) == base


def test_a_document_due_today_is_not_late():
    day = date(2026, 3, 1)
    assert ageing.days_late(day, day) == 0
    assert ageing.days_late(day, date(2026, 2, 28)) == 1
    assert ageing.days_late(day, None) == 0
    steps = ageing.make_buckets(day, "due_date", "months", 30, 1)
    assert [step.label for step in steps] == ["not due", "2026-02", "before 2026-02"]
