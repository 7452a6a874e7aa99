"""Wild books hold a few rows of each kind that recordings of Xero hold, and their ledger is right."""

from decimal import Decimal

import pytest

from bizosaas_xero.sandbox import Clock, Sandbox
from bizosaas_xero.sandbox.ledger.posting import ACCRUAL, CASH
from bizosaas_xero.sandbox.reports.endpoint import ReportsApi


@pytest.fixture(scope="module")
def wild_sandbox():
    return Sandbox(20, 3, clock=Clock(lambda: 1.795e9), books="wild")


@pytest.fixture(params=range(6), scope="module")
def wild_store(request, wild_sandbox):
    return wild_sandbox.store(wild_sandbox.organisations[request.param].id)


def test_the_ledger_of_wild_books_nets_to_zero(wild_store):
    for basis in (ACCRUAL, CASH):
        assert sum(posting.amount for posting in wild_store.ledger.postings(basis)) == 0


def test_receivables_are_the_sum_of_open_documents(wild_store):
    debtors = wild_store.ledger.balances(wild_store.today())[wild_store.system_account("DEBTORS")]
    open_amounts = Decimal(0)
    for entity, name, kind, sign in (
        ("Invoices", "AmountDue", "ACCREC", 1),
        ("CreditNotes", "RemainingCredit", "ACCRECCREDIT", -1),
        ("Overpayments", "RemainingCredit", "RECEIVE-OVERPAYMENT", -1),
    ):
        for row in wild_store.rows(entity):
            if row["Type"] == kind and row["Status"] == "AUTHORISED" and row["CurrencyCode"] == wild_store.currency:
                open_amounts += sign * row[name]
    foreign = sum(
        posting.amount
        for posting in wild_store.ledger.postings()
        if posting.account_id == wild_store.system_account("DEBTORS") and posting.currency
    )
    assert debtors - foreign == open_amounts


def test_wild_books_hold_each_kind_of_row(wild_store):
    invoices, payments = list(wild_store.rows("Invoices")), list(wild_store.rows("Payments"))
    assert any(line.get("DiscountRate") for row in invoices for line in row["LineItems"])
    assert any(line["LineAmount"] < 0 for row in invoices for line in row["LineItems"])
    assert any(row["Total"] == 0 and row["Status"] == "PAID" for row in invoices)
    assert any(row["Type"] == "ACCPAY" and not row["InvoiceNumber"] for row in invoices)
    assert any(row["CreditNotes"] for row in invoices)
    assert any(row["Prepayments"] and row["Overpayments"] for row in invoices)
    assert {row["Status"] for row in wild_store.rows("CreditNotes")} >= {"AUTHORISED", "PAID", "VOIDED"}
    refunds = {"ARCREDITPAYMENT", "ARPREPAYMENTPAYMENT", "AROVERPAYMENTPAYMENT"}
    assert {row["PaymentType"] for row in payments} >= refunds
    for entity in ("Overpayments", "ManualJournals", "ContactGroups", "RepeatingInvoices", "PurchaseOrders", "Quotes"):
        assert len(wild_store.table(entity)), entity
    assert any("Code" not in row for row in wild_store.rows("Accounts"))
    assert any(row["IsTrackedAsInventory"] for row in wild_store.rows("Items"))
    assert any(row["CurrencyCode"] != wild_store.currency for row in wild_store.rows("BankTransactions"))


def test_refunds_name_their_credit_by_the_key_invoice(wild_store):
    credit_notes = {row["CreditNoteID"] for row in wild_store.rows("CreditNotes")}
    for row in wild_store.rows("Payments"):
        assert not {"CreditNote", "Prepayment", "Overpayment"} & set(row)
        if row["PaymentType"] == "ARCREDITPAYMENT":
            assert row["Invoice"]["Type"] == "ACCRECCREDIT"
            assert row["Invoice"]["InvoiceID"] in credit_notes


def test_reports_of_wild_books_balance(wild_sandbox, wild_store):
    reports = ReportsApi(wild_sandbox)
    report = reports.report("BalanceSheet", {}, wild_store.organisation["OrganisationID"])
    values = {
        row["Cells"][0]["Value"]: row["Cells"][1]["Value"] for part in report["Rows"] for row in part.get("Rows", ())
    }
    assert values["Net Assets"] == values["Total Equity"]


def test_the_same_seed_gives_the_same_wild_books():
    ids = [
        [
            row["InvoiceID"]
            for row in Sandbox(12, 5, clock=Clock(lambda: 1.795e9), books="wild").store().rows("Invoices")
        ]
        for _ in range(2)
    ]
    assert ids[0] == ids[1]


def test_unknown_books_are_refused():
    with pytest.raises(ValueError, match="books is one of plain, wild"):
        Sandbox(books="tame")
