"""The seeded books post, and net to zero on both bases."""

import datetime as dt
from decimal import Decimal

import pytest

from bizosaas_xero.sandbox import Sandbox
from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.ledger.ledger import sum_by_account, year_start
from bizosaas_xero.sandbox.ledger.posting import ACCRUAL, CASH


@pytest.fixture(scope="module")
def ledger_sandbox():
    return Sandbox(800, 2)


def in_base(store, row, amount):
    return xero_json.round_to_cents(amount / (row.get("CurrencyRate") or 1)) if amount else Decimal(0)


def open_receivables(store):
    """Add up what customers owe, in base currency, from the documents alone."""
    owed = Decimal(0)
    for row in store.rows("Invoices"):
        if row["Type"] == "ACCREC" and row["Status"] in {"AUTHORISED", "PAID"}:
            owed += in_base(store, row, row["AmountDue"])
    for name, kind in (("CreditNotes", "ACCRECCREDIT"), ("Overpayments", "RECEIVE-OVERPAYMENT")):
        for row in store.rows(name):
            if row["Type"] == kind and row["Status"] in {"AUTHORISED", "PAID"}:
                owed -= in_base(store, row, row["RemainingCredit"])
    return owed


@pytest.mark.parametrize("basis", [ACCRUAL, CASH])
def test_the_postings_of_every_organisation_net_to_zero(ledger_sandbox, basis):
    for organisation in ledger_sandbox.organisations:
        ledger = ledger_sandbox.store(organisation.id).ledger
        by_source = {}
        for posting in ledger.postings(basis):
            key = posting.source, posting.source_id
            by_source[key] = by_source.get(key, Decimal(0)) + posting.amount
            assert posting.amount == xero_json.round_to_cents(posting.amount)
        assert set(by_source.values()) == {Decimal(0)}, "each document nets to zero by itself"


def test_receivables_are_the_sum_of_open_documents(ledger_sandbox):
    for organisation in ledger_sandbox.organisations:
        store = ledger_sandbox.store(organisation.id)
        assert store.ledger.balances(store.today())[store.system_account("DEBTORS")] == open_receivables(store)


def test_only_approved_documents_post(ledger_sandbox):
    store = ledger_sandbox.store()
    for row in store.rows("Invoices"):
        posted = store.ledger.postings_of("Invoices", row["InvoiceID"])
        assert bool(posted) == (row["Status"] in {"AUTHORISED", "PAID"})


def test_a_changed_document_is_posted_again(ledger_sandbox):
    store = ledger_sandbox.store()
    row = next(r for r in store.rows("Invoices") if r["Status"] == "AUTHORISED" and not r["Payments"])
    before = list(store.ledger.postings())
    store.edit("Invoices", row["InvoiceID"], {"Status": "VOIDED"})
    assert store.ledger.postings_of("Invoices", row["InvoiceID"]) == ()
    assert len(list(store.ledger.postings())) < len(before)
    store.put("Invoices", row)
    assert sum_by_account(store.ledger.postings(), store.today()) == sum_by_account(before, store.today())


def test_the_cash_basis_counts_paid_shares_only(ledger_sandbox):
    store = ledger_sandbox.store()
    row = next(
        r for r in store.rows("Invoices")
        if r["Status"] == "AUTHORISED" and r["Payments"] and r["CurrencyRate"] == 1
    )  # fmt: skip
    cash = [p for p in store.ledger.postings_of("Invoices", row["InvoiceID"], CASH) if p.amount]
    assert {p.source for p in cash} == {"Payments"}
    bank = store.account_id("090")
    assert abs(sum(p.amount for p in cash if p.account_id != bank)) == row["AmountPaid"]


def test_profit_of_earlier_years_is_in_retained_earnings(ledger_sandbox):
    store = ledger_sandbox.store()
    today = store.today()
    start = year_start(store.organisation, today)
    assert (start.month, start.day) == (4, 1)
    ended = store.ledger.trial_balance(start - dt.timedelta(1))
    begun = store.ledger.trial_balance(start)
    retained = store.system_account("RETAINEDEARNINGS")
    profit = [r["AccountID"] for r in store.rows("Accounts") if r["Class"] in {"REVENUE", "EXPENSE"}]
    assert begun[retained] == ended[retained] + sum(ended.get(guid, 0) for guid in profit)
    assert sum(begun.values()) == sum(ended.values()) == 0


def test_foreign_money_is_revalued_in_reports_only(ledger_sandbox):
    store = ledger_sandbox.store()
    made = store.ledger.revaluations(store.today())
    assert made
    assert sum(p.amount for p in made) == 0
    assert not {p.source for p in store.ledger.postings()} & {"Revaluations"}


@pytest.mark.parametrize(
    ("month", "last", "day", "start"),
    [
        (12, 31, "2026-11-22", "2026-01-01"),
        (3, 31, "2026-03-31", "2025-04-01"),
        (3, 31, "2026-04-01", "2026-04-01"),
        (6, 30, "2026-11-22", "2026-07-01"),
        (4, 5, "2026-04-05", "2025-04-06"),
        (2, 29, "2026-03-01", "2026-03-01"),
    ],
)
def test_the_financial_year_starts_the_day_after_its_end(month, last, day, start):
    organisation = {"FinancialYearEndMonth": month, "FinancialYearEndDay": last}
    assert year_start(organisation, dt.date.fromisoformat(day)).isoformat() == start
