"""One record that cannot be read: it is left out, named and counted; every readable date is read."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from bizosaas_xero.connector.actions.bank import reconcile_bank_feeds
from bizosaas_xero.connector.actions.bank.reconcile_bank_feeds import ReconcileParams
from bizosaas_xero.connector.actions.contacts import find_contacts
from bizosaas_xero.connector.actions.invoices import find_invoices
from bizosaas_xero.connector.actions.reports import get_aged
from bizosaas_xero.connector.actions.reports.aged_models import AgedParams
from bizosaas_xero.connector.actions.reports.documents import RECEIVABLES
from bizosaas_xero.spec.errors import error_from_dict
from contract_tests.helpers.canned_books import canned_books, invoice, payment, trial_balance

FAR_DATES = ["2500-12-31", "2206-11-01", "0202-11-01", "9999-12-31", "0001-01-01"]


@pytest.mark.parametrize("due", FAR_DATES)
def test_every_date_of_the_calendar_is_read(due):
    rows = [invoice("INV-1", "100.00"), invoice("INV-2", "50.00", due=due)]
    books = canned_books(Invoices=rows, Reports__TrialBalance=trial_balance(a_debtors="150.00"))
    aged = get_aged.run(books, AgedParams(), RECEIVABLES)
    assert (aged.total, aged.tie_out, aged.unreadable.count) == (150, True, 0)
    found = find_invoices.find_invoices(books, find_invoices.FindInvoicesParams())
    assert found.invoices[1].due_date == date.fromisoformat(due)
    matched = reconcile_bank_feeds.run(books, ReconcileParams(lines=[line("2026-10-20", "50.00", "INV-2")]))
    assert matched.statement.totals[2].lines == 0, "the open invoice is matched whatever its due date"


def line(day, amount, text):
    return {"date": day, "amount": amount, "payee": "Alder", "description": text}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("DueDate", "2026-02-30T00:00:00"), ("DueDate", "/Date(999999999999999999+0000)/"), ("Date", "soon"),
        ("AmountDue", "many"), ("Total", True), ("CurrencyCode", 7), ("Contact", "Alder"), ("Payments", {"x": 1}),
    ],
)  # fmt: skip
def test_an_invoice_that_cannot_be_read_is_left_out_with_its_field_and_value(field, value):
    rows = [invoice("INV-1", "100.00"), invoice("INV-2", "50.00", **{field: value})]
    books = canned_books(Invoices=rows, Reports__TrialBalance=trial_balance(a_debtors="150.00"))
    found = find_invoices.find_invoices(books, find_invoices.FindInvoicesParams())
    assert [item.number for item in found.invoices] == ["INV-1"]
    [bad] = found.unreadable.listed
    assert found.unreadable.count == 1
    assert "INV-2" in bad.record
    assert bad.field == field
    assert str(value)[:20] in bad.value
    aged = get_aged.run(books, AgedParams(), RECEIVABLES)
    assert (aged.total, aged.unreadable.count, aged.tie_out) == (100, 1, None)
    assert "INV-2" in aged.counted
    assert "INV-2" in aged.not_tied_because


@pytest.mark.parametrize("field", ["Date", "AmountDue", "Contact", "InvoiceID"])
def test_an_invoice_without_a_needed_field_is_left_out_of_the_total(field):
    broken = invoice("INV-2", "50.00")
    del broken[field]
    aged = get_aged.run(canned_books(Invoices=[invoice("INV-1", "100.00"), broken]), AgedParams(), RECEIVABLES)
    assert (aged.total, aged.unreadable.count) == (100, 1)
    assert (aged.unreadable.listed[0].field, aged.unreadable.listed[0].value) == (field, None)


def test_a_foreign_invoice_without_a_rate_is_left_out():
    rows = [invoice("INV-1", "100.00"), invoice("INV-2", "50.00", CurrencyCode="USD", CurrencyRate="0")]
    aged = get_aged.run(canned_books(Invoices=rows), AgedParams(), RECEIVABLES)
    assert (aged.total, aged.unreadable.listed[0].field) == (100, "CurrencyRate")


def test_every_list_of_the_bank_leaves_out_only_its_broken_records():
    good = payment("INV-1", "10.00")
    books = canned_books(
        Payments=[good, payment("INV-2", "20.00", day="2026-13-01")],
        BankTransactions=[{"BankTransactionID": "t-1", "Type": "SPEND", "Total": "x"}],
        BatchPayments=[{"BatchPaymentID": "b-1", "Account": {"AccountID": "a-bank"}, "TotalAmount": "5.00"}],
        BankTransfers=[{"BankTransferID": "x-1", "FromBankAccount": {"AccountID": "a-bank"}, "Date": "2026-10-01"}],
    )
    result = reconcile_bank_feeds.run(books, ReconcileParams())
    assert [entry.amount for entry in result.entries] == [Decimal("10.00")]
    assert result.unreadable.count == 4
    assert {item.field for item in result.unreadable.listed} == {"Date", "Total", "Amount"}
    assert "4 unreadable records are left out" in result.note


def test_a_contact_that_cannot_be_read_is_left_out():
    rows = [{"ContactID": "c-1", "Name": "Alder"}, {"ContactID": "../..", "Name": "Birch"}]
    found = find_contacts.find_contacts(canned_books(Contacts=rows), find_contacts.FindContactsParams())
    assert [contact.name for contact in found.contacts] == ["Alder"]
    assert found.unreadable.listed[0].field == "ContactID"


def test_an_account_that_cannot_be_read_does_not_stop_other_reads():
    books = canned_books()
    books.client.answers["Accounts"] = [*books.client.answers["Accounts"], {"AccountID": "a-9", "Code": 7}]
    assert "a-bank" in books.accounts
    assert [error.path for error in books.unreadable.values()] == ["Code"]


def test_a_single_document_that_cannot_be_read_is_refused_for_good_with_its_name():
    books = canned_books(Invoices=[invoice("INV-2", "50.00", DueDate="soon")])
    with pytest.raises(Exception, match=r"INV-2.*DueDate.*soon") as caught:
        find_invoices.get_invoice(books, find_invoices.GetInvoiceParams(invoice="INV-2"))
    assert (caught.value.code, caught.value.recovery, caught.value.reason) == ("invalid", "fix", "unreadable_record")
    assert caught.value.problems[0]["field"].endswith("DueDate")
    again = error_from_dict(caught.value.to_dict())
    assert (again.recovery, again.message) == ("fix", caught.value.message)


def test_a_search_from_a_day_after_its_last_is_refused():
    with pytest.raises(ValueError, match="before from_date"):
        find_invoices.FindInvoicesParams(from_date=date(2026, 2, 1), to_date=date(2026, 1, 1))
