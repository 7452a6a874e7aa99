"""Exact money, true dates, nothing dropped."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bizosaas_xero.connector.records import decode
from bizosaas_xero.connector.records.fields import SHAPES
from contract_tests.helpers.sandbox_client import OPENAPI, components

digits = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**20), max_value=10**20)
moments = st.integers(-62_135_596_800_000, 253_402_300_799_999)


def invoice(**fields):
    text = json.dumps({"InvoiceID": "i", **fields})
    return decode.row_converter("Invoice")(decode.parse_json(text.encode()))


@given(digits)
def test_amounts_keep_every_digit(amount):
    body = b'{"Total": %s}' % str(amount).encode()
    total = decode.row_converter("Invoice")(decode.parse_json(body))["Total"]
    assert isinstance(total, Decimal)
    assert str(total) == str(amount)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("1234.10", "1234.10"),
        ("0.00", "0.00"),
        ("12345678901234567.8912", "12345678901234567.8912"),
        ("7", "7"),
    ],
)
def test_amounts_that_a_float_would_change_are_exact(sent, kept):
    for body in (f'{{"Total": {sent}}}', f'{{"Total": "{sent}"}}'):
        assert str(decode.row_converter("Invoice")(decode.parse_json(body.encode()))["Total"]) == kept


def test_an_unknown_integer_stays_one_and_an_unknown_fraction_is_exact():
    row = invoice(Novelty=3, LineItems=[{"Strange": {"Deep": 2}}])
    assert type(row["Novelty"]) is int
    assert row["LineItems"] == [{"Strange": {"Deep": 2}}]
    assert decode.parse_json(b'{"Novelty": 0.10}')["Novelty"] == Decimal("0.10")


@given(moments)
def test_every_timestamp_of_the_calendar_is_parsed(ms):
    expected = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    for offset in ("", "+0000", "+1300", "-0500"):  # the milliseconds are UTC already
        assert decode.parse_timestamp(f"/Date({ms}{offset})/") == expected
    assert decode.parse_date(f"/Date({ms}+0000)/") == expected.date()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T01:02:03", datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)),
        ("2026-11-22T01:02:03Z", datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)),
        ("2026-11-22T14:02:03+13:00", datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)),
        ("/Date(-2208988800000+0000)/", datetime(1900, 1, 1, tzinfo=UTC)),
    ],
)
def test_iso_timestamps_are_parsed_as_utc(text, expected):
    assert decode.parse_timestamp(text) == expected


def test_a_business_date_is_a_date_and_empty_is_none():
    row = invoice(Date="/Date(1763769600000+0000)/", DueDate="2026-12-01T00:00:00", FullyPaidOnDate="")
    assert (row["Date"], row["DueDate"], row["FullyPaidOnDate"]) == (
        date(2025, 11, 22),
        date(2026, 12, 1),
        None,
    )


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"Total": "12,5x"}, "Total"),
        ({"Total": True}, "Total"),
        ({"Total": "NaN"}, "Total"),
        ({"Date": "/Date(oops)/"}, "Date"),
        ({"Date": "/Date(99999999999999999999)/"}, "Date"),
        ({"Date": 5}, "Date"),
        ({"SentToContact": "perhaps"}, "SentToContact"),
        ({"LineItems": [{"Quantity": []}]}, "LineItems.Quantity"),
        ({"Contact": {"UpdatedDateUTC": "x"}}, "Contact.UpdatedDateUTC"),
        ({"Contact": "nobody"}, "Contact"),
        ({"Payments": 7}, "Payments"),
    ],
)
def test_a_value_that_cannot_be_decoded_names_its_field(fields, path):
    with pytest.raises(decode.DecodeError, match=path):
        invoice(**fields)


def test_booleans_in_quotes_are_decoded():
    assert invoice(SentToContact="true", HasAttachments="False", IsDiscounted="") == {
        "InvoiceID": "i",
        "SentToContact": True,
        "HasAttachments": False,
        "IsDiscounted": None,
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
INVOICE = SHAPES["Invoice"]
FIELDS = [*sorted(INVOICE.nested | INVOICE.lists), "Total", "Date", "UpdatedDateUTC", "Odd"]


@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_any_row_is_decoded_or_refused_by_name(row):
    """For any row, decoding returns the same fields or raises a ``DecodeError``."""
    refusal = None
    result = decode.parse_json(json.dumps(row).encode())
    try:
        decode.row_converter("Invoice")(result)
    except decode.DecodeError as error:
        refusal = str(error)
    assert set(result) == set(row)
    assert refusal is None or refusal.split(":")[0].split(".")[0] in row


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": 1', b"\xff", b"[" * 100_000])
def test_a_body_that_is_not_json_raises_a_value_error(body):
    with pytest.raises(ValueError, match="not JSON"):
        decode.parse_json(body)


NAMES = {  # our shape: Xero's schema
    "Invoice": "Invoice",
    "LineItem": "LineItem",
    "Contact": "Contact",
    "BankTransaction": "BankTransaction",
    "Account": "Account",
    "Payment": "Payment",
    "BatchPayment": "BatchPayment",
    "CreditNote": "CreditNote",
    "Allocation": "Allocation",
    "Balance": "AccountsReceivable",
    "TaxBreakdown": "TaxBreakdownComponent",
}


@pytest.mark.skipif(not OPENAPI.is_dir(), reason="Xero's OpenAPI file is not next to this repository")
@pytest.mark.parametrize("name", NAMES)
def test_no_amount_or_date_of_xeros_schema_is_left_untyped(name):
    spec = components()["schemas"][NAMES[name]]
    shape = SHAPES[name]
    typed = set(shape.decimals.split())
    timed = {*shape.dates.split(), *shape.timestamps.split()}
    for field, about in spec["properties"].items():
        if about.get("type") == "number" and field != "SalesTaxCodeId":
            assert field in typed, f"{name}.{field} is an amount"
        if about.get("x-is-msdate") or about.get("x-is-msdate-time"):
            assert field in timed, f"{name}.{field} is a date"
        if about.get("type") == "boolean":
            assert field in shape.flags.split(), f"{name}.{field} is a flag"
