"""Amounts are shown with cents, whatever digits Xero sends; prices, rates and finer amounts keep theirs."""

from decimal import Decimal

import pytest

from bizosaas_xero.connector.actions.typed_rows import check_types


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("100", "100.00"), ("100.0", "100.00"), ("100.0000", "100.00"), ("-0.5", "-0.50"), ("1E+2", "100.00"),
     ("0.125", "0.125"), ("12.34", "12.34")],
)  # fmt: skip
def test_amounts_have_cents(sent, shown):
    price = Decimal("20.0000")
    line = {"LineAmount": Decimal(sent), "UnitAmount": price, "Quantity": Decimal("1.0000")}
    row = check_types({"Total": Decimal(sent), "CurrencyRate": Decimal("1.5"), "LineItems": [line]}, "Invoice")
    assert (str(row["Total"]), str(row["LineItems"][0]["LineAmount"])) == (shown, shown)
    assert str(row["CurrencyRate"]) == "1.5"
    assert [str(row["LineItems"][0][name]) for name in ("UnitAmount", "Quantity")] == ["20.0000", "1.0000"]


def test_an_amount_that_is_left_out_stays_out():
    assert check_types({"InvoiceID": "a", "Total": None}, "Invoice") == {"InvoiceID": "a"}
