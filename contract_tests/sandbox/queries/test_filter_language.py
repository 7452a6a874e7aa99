"""The filter language: what it takes, and that it refuses the rest."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bizosaas_xero.sandbox.queries import filter_language

ROW = {
    "Type": "ACCREC", "Status": "PAID", "IsReconciled": False, "Total": 12, "Reference": "A b",
    "InvoiceID": "0f0e0d0c-0000-4000-8000-00000000abcd", "Date": "/Date(1767225600000+0000)/",
    "Contact": {"ContactID": "11111111-0000-4000-8000-000000000001", "Name": "Café"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ('Type=="ACCREC"', True),
        ('type = "accrec"', True),
        ('Type!="ACCREC"', False),
        ("IsReconciled==false", True),
        ("IsReconciled == TRUE", False),
        ('InvoiceID==Guid("0F0E0D0C-0000-4000-8000-00000000ABCD")', True),
        ('InvoiceID=guid("0f0e0d0c-0000-4000-8000-00000000abce")', False),
        ('Contact.ContactID==Guid("11111111-0000-4000-8000-000000000001")', True),
        ('contact.name=="café"', True),
        ("Date>=DateTime(2026,01,01)", True),
        ("Date>DateTime(2026, 1, 1)", False),
        ("Date<DateTime(2026,1,2) AND Date>DateTime(2025,12,31)", True),
        ("Total>=12.0", True),
        ("Total<12", False),
        ("DueDate==null", True),
        ("DueDate!=null", False),
        ('Reference!=null && Reference=="a B"', True),
        ('Type=="X" OR Status=="PAID" AND Total==12', True),
        ('(Type=="X" OR Status=="PAID") AND Total==13', False),
        ('Type=="X" || (Type=="Y" || Status=="PAID")', True),
        ('DueDate=="x"', False),
    ],
)
def test_filters_select_the_rows_they_describe(text, passes):
    assert filter_language.parse_filter(text).matches(ROW) is passes


@pytest.mark.parametrize(
    "text",
    ["Type", 'Type=="ACCREC" AND', '=="x"', "Type==", "(Type==null", "Type==null)", 'Name.Matches("x")',
     'Type=="ACCREC" Status=="PAID"', "Date==DateTime(2026,02,30)", 'Type==="x"', 'Type==Guid("shoe")',
     "Type=='x'", "; DROP TABLE", 'Type=="unclosed', "1==1"],
)  # fmt: skip
def test_unknown_syntax_is_refused(text, client):
    with pytest.raises(filter_language.QueryError):
        filter_language.parse_filter(text)
    answer = client.get("Invoices", page=1, where=text)
    assert (answer.status_code, answer.json()["Type"]) == (400, "QueryParseException")


@given(st.text())
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(filter_language.QueryError):
        filter_language.parse_filter(text).matches(ROW)


def test_lists_apply_filters(client):
    rows = client.rows("Invoices", page=1, pageSize=1000)
    sales = client.rows("Invoices", page=1, where='Type=="ACCREC"')
    assert sales == [row for row in rows if row["Type"] == "ACCREC"]
    open_bills = client.rows("Invoices", page=1, where='Type=="ACCPAY" AND Status=="AUTHORISED"')
    assert open_bills == [row for row in rows if (row["Type"], row["Status"]) == ("ACCPAY", "AUTHORISED")]
    assert open_bills
    rest = client.rows("Invoices", page=1, where='Type=="ACCPAY" AND Status!="AUTHORISED"')
    assert len(rest) + len(open_bills) + len(sales) == 60
    loose = client.rows("BankTransactions", page=1, where="IsReconciled==false")
    assert loose
    assert not any(row["IsReconciled"] for row in loose)
    payment = client.rows("Payments", page=1)[0]
    guid = payment["Invoice"]["InvoiceID"]
    found = client.rows("Payments", page=1, where=f'Invoice.InvoiceID==Guid("{guid}")')
    assert payment in found
    assert client.rows("Invoices", where='Status=="SHOE"') == []
    assert client.get("Invoices", where='Shoe=="x"').status_code == 400
    # a field that few rows have, or none, is known all the same
    assert client.get("Invoices", where="FullyPaidOnDate!=null").status_code == 200
