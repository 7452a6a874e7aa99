"""Numbers that no column holds: exact in the record; in the column where it fits, else that is empty."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contract_tests.helpers.fake_connector import batch, record


@pytest.fixture
def store_total(host, connection_id, fake_connector):
    """Sync a record with this total; return the outcome, and what record and column hold."""

    def go(value, key="a"):
        fake_connector.runs = [[batch(1, record(key, Total=value))] for _ in range(4)]
        outcome = host.runner.sync(connection_id, "things", full=True)
        query = sa.text("SELECT CAST(total AS TEXT) FROM things WHERE key = :key")
        with host.database.read_transaction() as connection:
            column = connection.execute(query, {"key": key}).scalar_one_or_none()
        rows = {row["Id"]: row["Total"] for row in host.sink.iter_records("org-1", "things")}
        return outcome, rows.get(key), column

    return go


SIXTY = "1234567890" * 5 + "1234567890.1234567890"


@pytest.mark.parametrize(
    "number",
    [
        "0",
        "-0.00",
        "0E+999",
        "1E-999",
        "1E+999",
        SIXTY,
        "9" * 900,
        "0.000000000000000000000000000001",
        "1.10",
    ],
)
def test_a_number_that_fits_is_exact_in_the_record_and_close_in_the_column(store_total, database_kind, number):
    outcome, kept, column = store_total(Decimal(number))
    assert outcome.problem is None
    assert kept == str(Decimal(number))
    if database_kind == "postgresql":
        assert Decimal(column) == Decimal(number)
    else:  # SQLite keeps what it cannot hold exactly as the nearest that it can
        assert float(column) == pytest.approx(float(Decimal(number)))


@pytest.mark.parametrize(
    "number",
    ["1E+1000000", "1E-1000000", "-1E+999999", "NaN", "sNaN", "Infinity", "-Infinity", "9" * 5000],
    ids=lambda number: number[:12],
)
def test_a_number_that_no_column_holds_is_in_the_record_alone(store_total, number):
    outcome, kept, column = store_total(Decimal(number))
    assert outcome.problem is None
    assert kept == str(Decimal(number))
    assert column is None


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.decimals(allow_nan=True, allow_infinity=True))
@example(Decimal("1E+131073"))
@example(Decimal("1E-16384"))
def test_a_decimal_keeps_all_its_digits(store_total, number):
    outcome, kept, _ = store_total(number)
    assert outcome.problem is None
    assert kept == str(number)


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=["Cs"])))
@example(2**200)
@example(float("nan"))
@example("1e999999999")
@example("\0")
def test_whatever_stands_where_a_number_should_is_kept_or_left_out_of_the_column(store_total, value):
    assert store_total(value)[0].problem is None
