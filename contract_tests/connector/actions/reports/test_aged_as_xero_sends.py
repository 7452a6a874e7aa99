"""Aged lists on what Xero really sends: refused reports, doubled overpayments, early payments, large books."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from bizosaas_xero.connector.actions.reports import ageing, get_aged
from bizosaas_xero.connector.actions.reports.aged_models import AgedParams
from bizosaas_xero.connector.actions.reports.documents import RECEIVABLES
from bizosaas_xero.spec.errors import (
    AuthExpired,
    Invalid,
    Misconfigured,
    MissingScope,
    OrganisationUnavailable,
    Unavailable,
)
from contract_tests.helpers.canned_books import canned_books, invoice, payment, trial_balance


def receivables(books, **params):
    return get_aged.run(books, AgedParams(**params), RECEIVABLES)


# ---------------------------------------------------------------- comparisons that Xero refuses


@pytest.mark.parametrize(
    "refusal",
    [MissingScope("no"), Misconfigured("no"), OrganisationUnavailable("no"), Unavailable("no"), Invalid("no")],
    ids=lambda error: error.code,
)
@pytest.mark.parametrize("bridge", [False, True])
def test_without_permission_for_reports_the_list_is_given_with_the_reason(refusal, bridge):
    books = canned_books(
        Invoices=[invoice("INV-1", "100.00")],
        Reports__TrialBalance=refusal,
        Reports__AgedReceivablesByContact=refusal,
    )
    result = receivables(books, bridge=bridge)
    assert (result.total, result.tie_out) == (100, None)
    assert "could not be read" in result.not_tied_because
    assert result.bridge.control is None


def test_a_refused_contact_report_leaves_the_control_account_compared():
    books = canned_books(
        Invoices=[invoice("INV-1", "100.00")],
        Reports__TrialBalance=trial_balance(a_debtors="100.00"),
        Reports__AgedReceivablesByContact=MissingScope("no"),
    )
    result = receivables(books, bridge=True)
    assert (result.bridge.control.ties, result.bridge.contacts) == (True, [])
    assert "permission to read it was not granted" in result.bridge.not_compared[0]


def test_a_chart_without_a_control_account_leaves_the_list():
    books = canned_books(Invoices=[invoice("INV-1", "100.00")], Accounts=[])
    result = receivables(books)
    assert (result.total, result.tie_out) == (100, None)
    assert "DEBTORS" in result.not_tied_because


def test_an_expired_token_still_stops_the_action_so_that_it_is_repeated():
    books = canned_books(Invoices=[invoice("INV-1", "1.00")], Reports__TrialBalance=AuthExpired("expired"))
    with pytest.raises(AuthExpired):
        receivables(books)


# ---------------------------------------------------------------- one credit in two lists


def overpayment(key, **more):
    return {
        "Type": "RECEIVE-OVERPAYMENT", "Status": "AUTHORISED", "Date": "2026-10-02T00:00:00", "CurrencyCode": "NZD",
        "Contact": {"ContactID": "c-1", "Name": "Alder"}, "RemainingCredit": "40.00", "Total": "40.00", **key, **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    "again",
    [{"OverpaymentID": "o-1"}, {"OverpaymentID": "o-1", "PrepaymentID": "o-1"}, {"PrepaymentID": "o-1"}],
    ids=["overpayment id", "both ids", "prepayment id"],
)
def test_an_overpayment_that_is_listed_among_prepayments_too_counts_once(again):
    books = canned_books(
        Invoices=[invoice("INV-1", "100.00")],
        Overpayments=[overpayment({"OverpaymentID": "o-1"})],
        Prepayments=[overpayment(again)],
        Reports__TrialBalance=trial_balance(a_debtors="60.00"),
    )
    result = receivables(books)
    assert (result.total, result.prepayments.documents, result.tie_out) == (60, 0, True)


def test_an_overpayment_that_is_listed_among_prepayments_only_counts_as_an_overpayment():
    books = canned_books(Invoices=[invoice("INV-1", "100.00")], Prepayments=[overpayment({"PrepaymentID": "o-1"})])
    assert receivables(books).total == 60


def test_a_prepayment_stays_a_prepayment():
    prepaid = overpayment({"PrepaymentID": "p-1"}) | {"Type": "RECEIVE-PREPAYMENT"}
    result = receivables(canned_books(Invoices=[invoice("INV-1", "100.00")], Prepayments=[prepaid]))
    assert (result.total, result.prepayments.base) == (100, -40)


# ---------------------------------------------------------------- explanations


def future(query):
    """Answer a query for invoices: INV-2 is dated after the day, and was paid in part before it."""
    early = [{"PaymentID": "p-9", "Date": "2026-11-01T00:00:00", "Amount": "30.00", "Status": "AUTHORISED"}]
    if "Date>=" in query["where"]:
        return [invoice("INV-2", "50.00", day="2026-12-24", Payments=early)]
    return [invoice("INV-1", "100.00")]


def test_a_payment_dated_before_its_invoice_is_named_as_the_difference():
    books = canned_books(Invoices=future, Reports__TrialBalance=trial_balance(a_debtors="70.00"))
    result = receivables(books)
    control = result.bridge.control
    assert (result.total, result.tie_out, control.early_settlements, control.unexplained) == (100, True, -30, 0)
    assert [item.document for item in control.early_settlement_items] == ["INV-2"]
    assert "INV-2 (-30.00 on 2026-11-01, dated 2026-12-24)" in control.explanation


def test_a_difference_beyond_the_early_payments_is_unexplained():
    books = canned_books(Invoices=future, Reports__TrialBalance=trial_balance(a_debtors="75.00"))
    result = receivables(books)
    assert (result.tie_out, result.bridge.control.unexplained) == (False, 5)
    assert "INV-2" in result.not_tied_because
    assert "unexplained" in result.not_tied_because


def test_a_foreign_payment_dated_before_its_invoice_leaves_the_revaluation_unknown():
    def invoices(query):
        rows = future(query)
        return [row | {"CurrencyCode": "USD", "CurrencyRate": "0.5"} if row["InvoiceNumber"] == "INV-2" else row
                for row in rows]  # fmt: skip

    books = canned_books(Invoices=invoices, Reports__TrialBalance=trial_balance(a_debtors="37.00"))
    result = receivables(books, bridge=True)
    control = result.bridge.control
    assert (result.total, control.early_settlements, control.revaluation, control.ties) == (100, -60, -3, None)
    assert "INV-2" in control.explanation


@pytest.mark.parametrize(
    ("balance", "ties"),
    [
        ("60.00", None),  # 20 % up: taken for revaluation, not proved
        ("80.00", None),  # 60 % up: it cannot be known
        ("500.00", None),
        ("5.00", None),
        ("0.00", None),
        ("-1.00", False),  # no invoice is worth less than nothing
    ],
)
def test_what_rates_may_explain_is_unknown_and_not_false(balance, ties):
    rows = [invoice("INV-1", "30.00", CurrencyCode="USD", CurrencyRate="0.6")]
    result = receivables(canned_books(Invoices=rows, Reports__TrialBalance=trial_balance(a_debtors=balance)))
    assert (result.total, result.tie_out) == (50, ties)
    assert result.not_tied_because


# ---------------------------------------------------------------- large books


def test_a_filter_refused_for_large_books_is_answered_by_payments_and_ids():
    refused = Invalid("too many", reason="high_volume")
    paid = [{"PaymentID": "p-INV-2", "Date": "2026-11-01T00:00:00", "Amount": "50.00", "Status": "AUTHORISED"}]

    def invoices(query):
        if "IDs" in query:
            assert query["IDs"] == "id-inv-2"
            return [invoice("INV-2", "0.00", Status="PAID", Payments=paid)]
        return refused if "FullyPaidOnDate" in query["where"] else [invoice("INV-1", "100.00")]

    books = canned_books(
        Invoices=invoices,
        Payments=[payment("INV-2", "50.00", day="2026-11-01")],
        Reports__TrialBalance=trial_balance(a_debtors="150.00"),
    )
    result = receivables(books, as_of=date(2026, 10, 25))
    assert (result.total, result.tie_out) == (150, True)


# ---------------------------------------------------------------- Xero's own columns


@pytest.mark.parametrize(
    ("as_of", "due", "label"),
    [
        ("2026-06-30", "2026-07-15", "current"), ("2026-06-30", "2026-06-30", "current"),
        ("2026-06-30", "2026-06-29", "< 1 month"), ("2026-06-30", "2026-05-31", "< 1 month"),
        ("2026-06-30", "2026-05-30", "1 month"), ("2026-06-30", "2026-05-01", "1 month"),
        ("2026-06-30", "2026-04-30", "2 months"), ("2026-06-30", "2026-03-30", "3 months"),
        ("2026-06-30", "2026-03-01", "3 months"), ("2026-06-30", "2026-02-28", "older"),
        ("2026-03-31", "2026-02-28", "1 month"), ("2026-03-31", "2026-03-01", "< 1 month"),
        ("2026-01-15", "2025-12-15", "1 month"), ("2026-01-15", "2025-12-16", "< 1 month"),
        ("2024-03-29", "2024-02-29", "1 month"),
    ],
)  # fmt: skip
def test_a_document_is_in_the_column_of_xeros_own_report(as_of, due, label):
    buckets = ageing.make_buckets(date.fromisoformat(as_of), "due_date", "xero", 30, 3)
    assert buckets[ageing.bucket_index(buckets, date.fromisoformat(due))].label == label


def test_xeros_columns_are_an_option_of_the_action():
    rows = [invoice("INV-1", "100.00", due="2026-11-01"), invoice("INV-2", "50.00", due="2026-05-01")]
    result = receivables(canned_books(Invoices=rows), bucket_unit="xero")
    assert {bucket.label: bucket.amount for bucket in result.buckets} == {
        "current": 0, "< 1 month": 100, "1 month": 0, "2 months": 0, "3 months": 0, "older": Decimal("50.00"),
    }  # fmt: skip
