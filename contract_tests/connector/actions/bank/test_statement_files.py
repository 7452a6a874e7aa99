# ruff: noqa: E501 (files are shown as they come)
"""Statements as banks write them: CSV of every kind, OFX, and what is wrong in them by its number."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bizosaas_xero.connector.actions.bank.statement import LineParams, from_lines, from_ofx
from bizosaas_xero.connector.actions.bank.statement_csv import Columns, from_csv, parse_amount, parse_day
from bizosaas_xero.spec.errors import Invalid, Misconfigured


def read(text, columns=None, order=None):
    return [(x.number, f"{x.date}", x.amount) for x in from_csv(text, columns, order).lines]


def messages(caught):
    assert caught.value.code == "invalid"
    return [problem["message"] for problem in caught.value.problems]


FILES = {
    "plain": "Date,Amount,Payee,Reference\n2026-05-13,115.00,Acme,INV-1\n2026-05-14,-20.5,Shop,\n",
    "mark, semicolons, decimal commas": (
        "\ufeffBuchungstag;Empfänger;Verwendungszweck;Betrag (EUR)\r\n"
        '13.05.2026;Acme;"INV-1; danke";"1.115,00"\r\n14.05.2026;Shop;;-20,50\r\n'
    ),
    "brackets, currency, preamble": (
        'Account,12-3456\nFrom,01/05/2026\n\nDate,Details,Amount\n13/05/2026,Acme,"$1,115.00"\n14/05/2026,Shop,(20.50)\n'
    ),
    "two columns": "Date\tDescription\tMoney Out\tMoney In\tBalance\n13 May 2026\tAcme\t\t1115.00\t9\n14-May-26\tShop\t20.50\t\t9\n",
    "two columns, signed and zero": 'Date,Debit,Credit,Memo\n13/05/2026,"0,00","1 115,00",Acme\n14/05/2026,"-20,50","0,00",Shop\n',
    "DR and CR": "Transaction Date|Narrative|Value\n20260513|Acme|1115.00 CR\n20260514|Shop|20.50DR\n",
    "american": 'Posting Date,Description,Amount,Balance\n05/13/2026,Acme,"+1,115.00",1\n05/14/2026,Shop,20.50-,1\n',
    "a line feed in a cell": 'Date,Payee,Amount\n2026-05-13,"Ac\nme",1115\n2026-05-14,Shop,\u221220.50\n',
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_each_kind_of_csv_file_is_read(name):
    found = read(FILES[name])
    assert [day for _, day, _ in found] == ["2026-05-13", "2026-05-14"]
    first = Decimal("115.00") if name == "plain" else Decimal("1115.00")
    assert [amount for _, _, amount in found] == [first, Decimal("-20.50")]


def test_lines_are_numbered_as_in_the_file():
    assert [n for n, _, _ in read(FILES["plain"])] == [2, 3]
    assert [n for n, _, _ in read(FILES["brackets, currency, preamble"])] == [5, 6]
    assert [n for n, _, _ in read(FILES["a line feed in a cell"])] == [2, 4]


def test_all_bad_lines_are_reported_at_once():
    text = "Date,Amount\n2026-05-13,1.00\n31/31/2026,2.00\n2026-05-15,twelve\n2026-02-30,1.2.3\n,5\n2026-05-16,\n"
    with pytest.raises(Invalid) as caught:
        read(text)
    found = messages(caught)
    assert [message.split(":")[0] for message in found] == [
        "line 3",
        "line 4",
        "line 5",
        "line 5",
        "line 6",
        "line 7",
    ]
    assert "'31/31/2026'" in found[0]
    assert "'twelve'" in found[1]
    assert {problem["field"] for problem in caught.value.problems} == {"params.csv"}


def test_ambiguous_dates_need_date_format():
    text = "Date,Amount\n03/04/2026,1.00\n05/06/2026,2.00\n"
    with pytest.raises(Invalid) as caught:
        read(text)
    assert "date_format" in messages(caught)[0]
    assert [day for _, day, _ in read(text, order="dmy")] == ["2026-04-03", "2026-06-05"]
    assert [day for _, day, _ in read(text, order="mdy")] == ["2026-03-04", "2026-05-06"]
    assert [day for _, day, _ in read(text + "25/06/2026,3\n")] == ["2026-04-03", "2026-06-05", "2026-06-25"]
    assert read("Date,Amount\n05/05/2026,1.00\n")[0][1] == "2026-05-05"


def test_columns_can_be_named_by_heading_and_by_number():
    text = "When,What,How much\n2026-05-13,Acme,5\n"
    with pytest.raises(Invalid) as caught:
        read(text)
    assert "csv_columns" in messages(caught)[0]
    assert read(text, Columns(date="when", amount="HOW MUCH", payee="What")) == [(2, "2026-05-13", Decimal(5))]
    bare = "2026-05-13,Acme,5\n2026-05-14,Shop,-6\n"
    assert [n for n, _, _ in read(bare, Columns(date=1, amount=3))] == [1, 2]
    assert read(text, Columns(date=1, amount=3)) == [(2, "2026-05-13", Decimal(5))]
    for wrong in (Columns(date="When"), Columns(date=0, amount=1), Columns(date="Nope", amount=1)):
        with pytest.raises(Invalid) as caught:
            read(text, wrong)
        assert caught.value.problems[0]["field"] == "params.csv_columns"


@pytest.mark.parametrize(
    "text", ["nonsense", "Date,Amount\n", "a,b\n1,2\n", "Date\0,Amount\n1,2", "Date,Credit\n2026-01-01,3\n"]
)
def test_a_text_that_is_not_a_statement_is_refused(text):
    with pytest.raises(Invalid):
        read(text)


def test_a_line_with_both_amount_columns_filled_is_refused():
    with pytest.raises(Invalid) as caught:
        read("Date,Debit,Credit\n2026-05-13,1.00,2.00\n")
    assert "line 2" in messages(caught)[0]


@pytest.mark.parametrize(
    ("text", "comma", "amount"),
    [
        ("1,234.56", False, "1234.56"), ("1.234,56", True, "1234.56"), ("(1,234.56)", False, "-1234.56"),
        ("1'234.56", False, "1234.56"), ("1 234,56", True, "1234.56"), ("NZD 12.00", False, "12.00"),
        ("12.00 NZD", False, "12.00"), ("-$12.00", False, "-12.00"), ("$-12.00", False, "-12.00"),
        ("US$12", False, "12"), (".50", False, ".50"), ("12,34,567.00", False, "1234567.00"), ("1,234", False, "1234"),
        ("€ 5,-", True, None), ("1,23,4", False, None), ("1.2.3", False, None), ("", False, None), ("-", False, None),
        ("NaN", False, None), ("1e5", False, None), ("()", False, None), ("12 (note)", False, None), ("Infinity", False, None),
    ],
)  # fmt: skip
def test_amounts_are_read_in_every_form(text, comma, amount):
    found = parse_amount(text, comma=comma)
    assert found == (None if amount is None else Decimal(amount))


@given(st.decimals(-(10**9), 10**9, places=2), st.booleans())
def test_a_written_amount_is_read_back_exactly(amount, comma):
    text = f"{amount:,}"
    if comma:
        text = text.translate(str.maketrans(",.", ".,"))
    assert parse_amount(text, comma=comma) == amount


@given(st.text(max_size=30), st.sampled_from(["dmy", "mdy", "ymd"]))
def test_any_text_is_parsed_or_refused_without_a_crash(text, order):
    assert parse_day(text, order) is None or isinstance(parse_day(text, order), date)
    found = parse_amount(text, comma=False)
    assert found is None or found.is_finite()


@given(st.text(max_size=200) | st.text(alphabet='Date,Amount\n12/3"; -.', max_size=200))
def test_any_file_is_parsed_or_refused_without_a_crash(text):
    for reader in (lambda: from_csv(text, None, None), lambda: from_ofx(f"<OFX>{text}")):
        with suppress(Invalid):
            reader()


# ---------------------------------------------------------------- OFX

OFX = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
ENCODING:USASCII
CHARSET:1252

<OFX><BANKMSGSRSV1><STMTTRNRS><TRNUID>1<STMTRS><CURDEF>NZD<BANKACCTFROM><BANKID>1<ACCTID>12-3456</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20260501<DTEND>20260531
<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20260513210000[-8:PST]<TRNAMT>1115.00<FITID>A1<NAME>SMITH &amp; MÜLLER<MEMO>INV-1</STMTTRN>
<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20260514<TRNAMT>-20,50<FITID>A2<NAME>SHOP<CHECKNUM>77</STMTTRN>
<STMTTRN><TRNTYPE>OTHER<DTPOSTED>20260514<TRNAMT>0.00<FITID>A3<NAME>NOTICE</STMTTRN>
</BANKTRANLIST><LEDGERBAL><BALAMT>1094.50<DTASOF>20260531</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
"""
XML = (
    '<?xml version="1.0"?><?OFX OFXHEADER="200" VERSION="211"?><OFX><CREDITCARDMSGSRSV1><CCSTMTTRNRS><CCSTMTRS>'
    "<CURDEF>USD</CURDEF><BANKTRANLIST><STMTTRN><DTPOSTED>20260513000000.000</DTPOSTED><TRNAMT>-9.99</TRNAMT>"
    "<NAME>Shop</NAME></STMTTRN></BANKTRANLIST></CCSTMTRS></CCSTMTTRNRS></CREDITCARDMSGSRSV1></OFX>"
)


def test_ofx_keeps_the_day_of_the_bank_and_gives_the_balance():
    found = from_ofx(OFX)
    assert [(x.number, f"{x.date}", x.amount, x.payee) for x in found.lines] == [
        (1, "2026-05-13", Decimal("1115.00"), "SMITH & MÜLLER"),
        (2, "2026-05-14", Decimal("-20.50"), "SHOP"),
    ]
    assert (found.lines[0].description, found.lines[1].reference) == ("INV-1", "77")
    assert (found.balance, found.balance_date, found.currency) == (
        Decimal("1094.50"),
        date(2026, 5, 31),
        "NZD",
    )


def test_ofx_of_a_card_is_read_as_xml():
    found = from_ofx(XML)
    assert [(f"{x.date}", x.amount) for x in found.lines] == [("2026-05-13", Decimal("-9.99"))]
    assert (found.currency, found.balance) == ("USD", None)


def test_every_bad_transaction_is_reported_by_its_number():
    text = OFX.replace("20260514<TRNAMT>-20,50", "20261341<TRNAMT>twenty").replace("1115.00", "")
    with pytest.raises(Invalid) as caught:
        from_ofx(text)
    assert [m.split(":")[0] for m in messages(caught)] == ["transaction 1", "transaction 2", "transaction 2"]


@pytest.mark.parametrize("text", ["hello", "<OFX></OFX>", OFX + OFX, "<OFX><STMTRS><STMTTRN><NAME>x"])
def test_a_text_that_is_not_ofx_of_one_account_is_refused(text):
    with pytest.raises(Invalid):
        from_ofx(text)


def test_lines_given_as_objects_are_read():
    given_ones = [LineParams(date=date(2026, 5, 13), amount=Decimal(value)) for value in ("1.00", "0", "-2")]
    with pytest.raises(Invalid) as caught:
        from_lines(given_ones)
    assert messages(caught) == ["line 2: the amount is zero or not a number"]


def test_a_missing_extra_is_reported_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "ofxparse.ofxparse", None)
    with pytest.raises(Misconfigured) as caught:
        from_ofx(OFX)
    assert caught.value.reason == "missing_extra"
    assert "bizosaas-xero[reconcile]" in caught.value.remedy
