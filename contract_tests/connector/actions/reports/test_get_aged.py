"""Aged receivables and payables: a book worked out by hand, and what must tie in any book."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from decimal import Decimal

import pytest

from bizosaas_xero.connector.actions.reports.documents import Item
from bizosaas_xero.connector.actions.reports.revaluation import split_difference
from contract_tests.helpers.written_book import WrittenBook, serve_empty
from contract_tests.helpers.xero_account import calls

pytestmark = pytest.mark.xero_sandbox(invoices=400, seed=2)


@pytest.fixture(scope="module")
def aged_book():
    """The book of the docstrings below; A is alder, B birch (pays in USD), C cedar."""
    with serve_empty() as box:
        yield small_book(box)


def small_book(box, sale="ACCREC"):
    book = WrittenBook(box)
    alder, birch, cedar = (book.contact(name) for name in ("Alder", "Birch", "Cedar"))
    book.ids = {"Alder": alder["ContactID"], "Birch": birch["ContactID"], "Cedar": cedar["ContactID"]}
    way = "RECEIVE" if sale == "ACCREC" else "SPEND"
    partly = book.document(sale, alder, 100, 100, 70, InvoiceNumber="PARTLY")
    book.pay(partly, 40, 50)
    book.document(sale, alder, 200, 10, -20, InvoiceNumber="NOT-DUE")
    since = book.document(sale, alder, 300, 60, 30, InvoiceNumber="PAID-SINCE")
    book.pay(since, 300, 5)
    book.document(sale, alder, 999, 30, 10, "DRAFT")
    book.document(sale, alder, 888, 30, 10, "SUBMITTED")
    book.void(book.document(sale, alder, 777, 30, 10))
    book.document(sale, alder, 50, -5, -25)
    ahead = book.document(sale, alder, 25, 9, 2, InvoiceNumber="PAID-AHEAD")
    book.pay(ahead, 25, -3)
    credited = book.document(sale, cedar, 500, 90, 60, InvoiceNumber="CREDITED")
    note = book.document(f"{sale}CREDIT", cedar, 150, 80)
    book.allocate("CreditNotes", note["CreditNoteID"], credited, 120, 15)
    book.document(f"{sale}CREDIT", cedar, 666, 80, status="DRAFT")
    over = book.in_advance(f"{way}-OVERPAYMENT", cedar, 80, 25)
    book.allocate("Overpayments", over, credited, 50, 8)
    before = book.in_advance(f"{way}-PREPAYMENT", cedar, 70, 45)
    book.allocate("Prepayments", before, credited, 20, 3)
    book.in_advance(f"{way}-PREPAYMENT", birch, 30, 44, "092", CurrencyCode="USD", CurrencyRate=0.625)
    dollars = book.document(sale, birch, 1000, 40, 35, CurrencyCode="USD", CurrencyRate=0.625)
    book.pay(dollars, 400, 12, CurrencyRate=0.6)
    return book


EXPECTED = {
    # days ago: total, each contact's, prepayments, open dollars
    0: (1495, {"Alder": 285, "Birch": 960, "Cedar": 250}, -98, 600),
    # the very days of payments and allocations
    3: (1495, {"Alder": 285, "Birch": 960, "Cedar": 250}, -98, 600),
    5: (1515, {"Alder": 285, "Birch": 960, "Cedar": 270}, -118, 600),
    12: (1590, {"Alder": 360, "Birch": 960, "Cedar": 270}, -118, 600),
    15: (2230, {"Alder": 360, "Birch": 1600, "Cedar": 270}, -118, 1000),
    20: (2230, {"Alder": 360, "Birch": 1600, "Cedar": 270}, -118, 1000),
    55: (750, {"Alder": 400, "Cedar": 350}, 0, None),
    200: (0, {}, 0, None),
}


@pytest.mark.parametrize("ago", EXPECTED)
def test_totals_equal_a_book_computed_by_hand(aged_book, ago):
    total, contacts, prepaid, dollars = EXPECTED[ago]
    result = aged_book.run("get_aged_receivables", as_of=f"{aged_book.day(ago)}", bridge=True).data
    assert result["total"] == total
    assert {each["contact"]: each["total"] for each in result["contacts"]} == contacts
    assert result["prepayments"]["base"] == prepaid
    assert {row["currency"]: row["amount"] for row in result["by_currency"]}.get("USD") == dollars
    assert result["as_books_stand_now"] is (ago > 0)
    assert ("by the books of today" in result["counted"]) is (ago > 0)
    assert "Draft, submitted and voided documents are excluded" in result["counted"]
    bridge = result["bridge"]
    assert bridge["ties"] is True, bridge["not_tied_because"]
    assert {each["contact"] for each in bridge["contacts"]} == set(contacts)
    assert all(each["unexplained"] == 0 for each in bridge["contacts"])
    control = bridge["control"]
    assert (control["documents"], control["unexplained"]) == (total, 0)
    if dollars is None:
        assert (control["balance"], control["revaluation"], control["rounding"]) == (total, 0, 0)


def test_buckets_and_overdue_documents_equal_the_book_computed_by_hand(aged_book):
    result = aged_book.run("get_aged_receivables").data
    assert [bucket["amount"] for bucket in result["buckets"]] == [200, -5, 1270, 30, 0]
    assert [bucket["label"] for bucket in result["buckets"]] == [
        "not due", "1-30 days", "31-60 days", "61-90 days", "over 90 days",
    ]  # fmt: skip
    listed = [(item["number"], item["days"], item["amount_due"]) for item in result["overdue"]["listed"]]
    assert listed[0] == ("PARTLY", 70, 60)
    assert listed[1] == ("CREDITED", 60, 310)
    assert [(days, left) for _, days, left in listed[2:]] == [(35, 600), (2, 25)]
    assert (result["overdue"]["documents"], result["overdue"]["base"]) == (4, 60 + 310 + 960 + 25)
    assert all("AccountsReceivable/View" in item["link"] for item in result["overdue"]["listed"])
    by_age = aged_book.run("get_aged_receivables", age_by="invoice_date", bucket_days=45, bucket_count=1).data
    assert [bucket["amount"] for bucket in by_age["buckets"]] == [200 + 25 + 960 - 30, 60 + 310 - 30]
    assert [bucket["label"] for bucket in by_age["buckets"]] == ["0-45 days", "over 45 days"]


def test_month_buckets_are_calendar_months(aged_book):
    result = aged_book.run("get_aged_receivables", bucket_unit="months", bucket_count=2, age_by="invoice_date").data
    first, second, older = result["buckets"]
    assert first["from_date"] == aged_book.today.replace(day=1)
    assert second["to_date"] == first["from_date"] - timedelta(1)
    assert second["from_date"].day == 1
    assert older["to_date"] == second["from_date"] - timedelta(1)
    assert sum(bucket["amount"] for bucket in result["buckets"]) == result["total"]


def test_one_contact_is_compared_with_its_own_report(aged_book):
    result = aged_book.run("get_aged_receivables", contact_id=aged_book.ids["Cedar"].upper())
    assert result.data["total"] == 250
    bridge = result.data["bridge"]
    assert (bridge["control"], bridge["ties"]) == (None, True)
    [one] = bridge["contacts"]
    assert (one["report"], one["documents"], one["prepayments"]) == (200, 250, -50)
    assert result.calls == 7
    past = aged_book.run("get_aged_receivables", contact_id=aged_book.ids["Alder"], as_of=f"{aged_book.day(20)}").data
    assert (past["total"], past["bridge"]["ties"]) == (360, True)


def test_foreign_documents_are_not_called_tied_without_proof(aged_book):
    bridge = aged_book.run("get_aged_receivables").data["bridge"]
    assert bridge["ties"] is None
    assert "revaluation" in bridge["not_tied_because"]
    assert bridge["control"]["revaluation_proved"] is False
    assert bridge["not_compared"]


def test_limits_shorten_the_lists_and_formats_contain_the_totals(aged_book):
    result = aged_book.run("get_aged_receivables", contact_limit=1, overdue_limit=0, formats=["markdown", "csv"]).data
    assert [each["contact"] for each in result["contacts"]] == ["Birch"]
    assert (result["others"]["contacts"], result["others"]["total"]) == (2, 535)
    assert result["overdue"]["listed"] == []
    columns = zip(result["contacts"][0]["buckets"], result["others"]["buckets"], strict=True)
    assert [sum(pair) for pair in columns] == [bucket["amount"] for bucket in result["buckets"]]
    assert "**Total**" in result["texts"]["markdown"]
    assert "are excluded" in result["texts"]["markdown"]
    rows = list(csv.DictReader(io.StringIO(result["texts"]["csv"])))
    assert Decimal(rows[-1]["total_NZD"]) == 1495


def test_the_calls_of_each_form_are_counted(aged_book):
    aged_book.box.sandbox.log.clear()
    result = aged_book.run("get_aged_receivables")
    asked = calls(aged_book.box)
    # the ninth reads, by its id, what is paid with a payment dated ahead
    # and the tenth the invoices dated ahead, because the control account differs
    assert result.calls == 10 == len(asked)
    bulk = [line["query"] for line in asked if line["path"].endswith("/Invoices") and "IDs" not in line["query"]]
    assert len(bulk) == 2
    assert "summaryOnly" in bulk[0]
    aged_book.box.sandbox.log.clear()
    aged_book.run("get_aged_receivables", as_of=f"{aged_book.day(20)}")
    assert not [line for line in calls(aged_book.box) if "summaryOnly" in line["query"]]


def test_a_future_day_is_refused(aged_book):
    with pytest.raises(Exception, match="today") as caught:
        aged_book.run("get_aged_receivables", as_of=f"{aged_book.day(-1)}")
    assert caught.value.problems[0]["field"] == "params.as_of"
    with pytest.raises(Exception, match="contact_id") as caught:
        aged_book.run("get_aged_receivables", contact_id='x" OR Type!="')
    assert caught.value.problems[0]["field"] == "params.contact_id"


def test_payables_of_a_mirrored_book_equal_its_receivables():
    with serve_empty() as box:
        book = small_book(box, "ACCPAY")
        for ago, (total, contacts, prepaid, _) in EXPECTED.items():
            result = book.run("get_aged_payables", as_of=f"{book.day(ago)}", bridge=True).data
            assert (result["total"], result["prepayments"]["base"]) == (total, prepaid)
            assert {each["contact"]: each["total"] for each in result["contacts"]} == contacts
            assert result["bridge"]["ties"] is True, result["bridge"]["not_tied_because"]
            assert book.run("get_aged_receivables", as_of=f"{book.day(ago)}").data["total"] == 0


def test_books_without_open_documents_give_zero():
    with serve_empty() as box:
        book = WrittenBook(box)
        who = book.contact("Alder")
        for sale in ("ACCREC", "ACCPAY"):
            book.pay(book.document(sale, who, 10, 9, 2), 10, 8)
            book.document(f"{sale}CREDIT", who, 5, 9, status="DRAFT")
        for action in ("get_aged_receivables", "get_aged_payables"):
            result = book.run(action, formats=["markdown", "csv"]).data
            assert (result["total"], result["contacts"], result["by_currency"]) == (0, [], [])
            assert result["bridge"]["ties"] is True
            assert result["bridge"]["control"]["balance"] == 0


def test_an_invoice_known_only_by_an_allocation_is_found():
    """Should Xero call an invoice fully paid on an earlier day than that of the allocation that did it."""
    with serve_empty() as box:
        book = WrittenBook(box)
        who = book.contact("Alder")
        invoice = book.document("ACCREC", who, 100, 60, 40)
        note = book.document("ACCRECCREDIT", who, 100, 50)
        book.allocate("CreditNotes", note["CreditNoteID"], invoice, 100, 5)
        book.change(invoice["InvoiceID"], FullyPaidOnDate=invoice["DueDate"])
        result = book.run("get_aged_receivables", as_of=f"{book.day(20)}").data
        assert [item["base"] for item in result["overdue"]["listed"]] == [100]
        assert (result["total"], result["bridge"]["ties"]) == (0, True)


# ---------------------------------------------------------------- what holds in any book


@pytest.mark.parametrize("action", ["get_aged_receivables", "get_aged_payables"])
@pytest.mark.parametrize("ago", [0, 20, 90, 200, 400])
def test_seeded_books_tie_to_every_contact_and_to_the_control_account(run_read, action, ago):
    today = run_read("get_organisation").data["today"]
    day = f"{today - timedelta(ago)}"
    result = run_read(action, as_of=day, bridge=True, contact_limit=500, overdue_limit=500).data
    bridge = result["bridge"]
    assert bridge["ties"] is True, bridge["not_tied_because"]
    assert bridge["not_compared"] == []
    assert bridge["control"]["revaluation_proved"]
    control = bridge["control"]
    assert control["balance"] == result["total"] + control["revaluation"] + control["rounding"]
    assert abs(control["rounding"]) < Decimal("0.10")
    assert all(each["unexplained"] == 0 for each in bridge["contacts"])
    assert result["total"] == sum(each["total"] for each in result["contacts"]) > 0
    assert result["total"] == sum(bucket["amount"] for bucket in result["buckets"])
    assert result["total"] == sum(row["base"] for row in result["by_currency"])
    for each in result["contacts"]:
        assert sum(each["buckets"]) == each["total"]
        assert isinstance(each["total"], Decimal)
    late = [item["days"] for item in result["overdue"]["listed"]]
    assert late == sorted(late, reverse=True)
    assert all(days > 0 for days in late)


def test_a_different_control_account_is_reported(aged_book):
    """A document that the ledger has and the list does not: nothing may hide it."""
    result = aged_book.run("get_aged_receivables", contact_id=aged_book.ids["Alder"]).data
    guid = result["overdue"]["listed"][0]["invoice_id"]
    for wrong in ("59.99", "160.00"):
        before = aged_book.change(guid, AmountDue=Decimal(wrong))
        try:
            bridge = aged_book.run("get_aged_receivables", bridge=True).data["bridge"]
            alone = aged_book.run("get_aged_receivables", contact_id=aged_book.ids["Alder"]).data["bridge"]
        finally:
            aged_book.change(guid, **before)
        assert bridge["ties"] is alone["ties"] is False
        assert "differs" in bridge["not_tied_because"]
        assert alone["contacts"][0]["unexplained"] == 60 - Decimal(wrong)


def test_the_control_account_is_compared_without_contact_reports():
    with serve_empty() as box:
        book = WrittenBook(box)
        invoice = book.document("ACCREC", book.contact("Alder"), 100, 60, 40)
        book.pay(book.document("ACCPAY", book.contact("Birch"), 10, 9, 2), 10, 8)
        note = book.document("ACCRECCREDIT", book.contact("Cedar"), 5, 9, status="DRAFT")
        assert note["Status"] == "DRAFT"
        assert book.run("get_aged_receivables").data["bridge"]["ties"] is True
        book.change(invoice["InvoiceID"], AmountDue=Decimal("99.99"))
        bridge = book.run("get_aged_receivables").data["bridge"]
        assert (bridge["ties"], bridge["control"]["ties"]) == (False, False)
        assert bridge["control"]["unexplained"] == Decimal("0.01")
        assert "0.01" in bridge["not_tied_because"]


# ---------------------------------------------------------------- what may be called revaluation


def dollars(base):
    return Item("invoice", "i", None, "c", "C", date(2026, 1, 1), None, "USD", Decimal(base), Decimal(base))


@pytest.mark.parametrize(
    ("off", "foreign", "proof", "revaluation", "rounding", "proved"),
    [
        ("0", [], None, "0", "0", True),
        ("0.01", [], None, "0", "0", False),
        ("25", ["100"], None, "25", "0", False),
        ("25.01", ["100"], None, "0", "0", False),  # it cannot be known
        ("-25.01", ["60", "-40"], None, "0", "0", False),
        ("5.01", ["100"], "5.00", "5.00", "0.01", True),
        ("5.02", ["100"], "5.00", "5.00", "0", False),
    ],
)
def test_a_difference_is_revaluation_only_within_bounds(off, foreign, proof, revaluation, rounding, proved):
    found = split_difference(Decimal(off), list(map(dollars, foreign)), proof and Decimal(proof))
    assert found[:3] == (Decimal(revaluation), Decimal(rounding), proved)
    assert found[3].endswith(".")
