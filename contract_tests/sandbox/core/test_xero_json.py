"""The bytes are Xero's: layout, digits, stamps, ids, headers."""

import json
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.guids import GuidSequence, sql_sort_key


def test_a_list_is_indented_with_crlf(client):
    answer = client.get("Invoices", page=1)
    text = answer.text
    assert text.startswith(f'{{\r\n  "Id": "{answer.headers["xero-correlation-id"]}",\r\n  "Status": "OK",\r\n')
    assert re.search(r'"DateTimeUTC": "\\/Date\(\d{13}\)\\/",\r\n  "pagination": {\r\n    "page": 1,', text)
    assert re.search(r'\r\n      "Date": "\\/Date\(\d+\+0000\)\\/"', text)
    assert re.search(r'"Quantity": \d+\.\d{4},?\r\n', text)
    assert re.search(r'"CurrencyRate": \d\.\d{6},\r\n', text)
    assert not re.search(r'"(Total|AmountDue|LineAmount|UnitAmount)": (?!-?\d+\.\d\d,?\r\n)', text)
    assert "\n" not in text.replace("\r\n", "")
    assert '"ProviderName": "Sandbox web app"' in text


def test_undocumented_fields_are_sent(client, sandbox_server):
    sandbox_server.sandbox.switches.set("sparse", False)
    row = next(r for r in client.rows("Invoices", page=1) if "DueDate" in r)
    assert {"DateString", "DueDateString", "InvoicePaymentServices", "IsDiscounted", "HasErrors"} <= set(row)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00", row["DateString"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["UpdatedDateUTCString"])
    assert "HasValidationErrors" in row["Contact"]
    assert "ID" in client.rows("CreditNotes", page=1)[0]


def test_some_timestamps_have_no_offset(client):
    assert re.search(r'"CreatedDateUTC": "\\/Date\(\d+\)\\/"', client.get("Organisation").text)


def test_answers_carry_xeros_headers(client):
    answer = client.get("Accounts")
    assert answer.headers["cache-control"] == "max-age=0, no-cache, no-store"
    assert answer.headers["xero-tenant-id"] == client.tenant
    assert answer.headers["content-encoding"] == "gzip"
    plain = client.get("Accounts", {"Accept_Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json()["Accounts"] == answer.json()["Accounts"]


def test_xml_is_the_default(client):
    for accept in ("*/*", "text/html"):
        answer = client.get("Invoices", {"Accept": accept})
        assert answer.headers["content-type"].startswith("text/xml")
        assert answer.text.startswith("<Response")


@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii", categories=["L"])), inner),
    )
)
def test_rendered_json_reads_back(value):
    assert json.loads(xero_json.render(value)) == value


def test_edited_rows_get_xeros_digits():
    row = xero_json.normalise(
        {"Total": 5, "LineItems": [{"Quantity": 1.5, "LineAmount": "x"}], "CurrencyRate": 1, "Day": 3}
    )
    assert row["Total"] == Decimal("5.00")
    assert xero_json.render(row["Total"]) == "5.00"
    assert xero_json.render(row["LineItems"][0]["Quantity"]) == "1.5000"
    assert xero_json.render(row["CurrencyRate"]) == "1.000000"
    assert xero_json.render(row["Day"]) == "3"


@given(st.integers(0, 10**7), st.text(max_size=5))
def test_a_guid_gives_its_row_number_back(number, family):
    ids = GuidSequence("x", family)
    assert ids.number(ids.id(number)) == number
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", ids.id(number))


@pytest.mark.parametrize(
    ("smaller", "greater"),
    [
        # the last group decides before all others, then the fourth, third, second, first
        ("ffffffff-ffff-ffff-ffff-000000000001", "00000000-0000-0000-0000-000000000002"),
        ("00000000-0000-0000-0000-0000000000ff", "00000000-0000-0000-0000-000000000100"),
        ("ffffffff-ffff-ffff-0001-000000000000", "00000000-0000-0000-0002-000000000000"),
        ("ffffffff-ffff-0001-0000-000000000000", "00000000-0000-0002-0000-000000000000"),
        # within the first three groups bytes count backwards
        ("00000000-0000-0200-0000-000000000000", "00000000-0000-0001-0000-000000000000"),
        ("02000000-0000-0000-0000-000000000000", "00000001-0000-0000-0000-000000000000"),
    ],
)
def test_ids_sort_as_in_sql_server(smaller, greater):
    assert sql_sort_key(smaller) < sql_sort_key(greater)


def test_lists_by_id_do_not_sort_by_text(client):
    ids = [row["InvoiceID"] for row in client.rows("Invoices", page=1, pageSize=1000, order="InvoiceID ASC")]
    assert ids == sorted(ids, key=sql_sort_key)
    assert ids != sorted(ids)
