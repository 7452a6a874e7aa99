"""What aged reports, bank summary and executive summary say about the small book; what credit does."""

import datetime as dt
from decimal import Decimal

import pytest

from bizosaas_xero.sandbox import Clock, Sandbox
from bizosaas_xero.sandbox.core import xero_json
from contract_tests.helpers.hand_made_book import CUSTOMER, SUPPLIER, Book, date


def test_aged_receivables_list_each_document_of_the_contact(small_book):
    small_book.sandbox.switches.set("aged_dates", "T")
    contact = small_book.contacts[CUSTOMER]
    assert small_book.rows("AgedReceivablesByContact", contactID=contact) == [
        ["Date", "Number", "Due Date", "", "Total", "Paid", "Credited", "Due"],
        ["2026-02-01T00:00:00", "Opening Balance", "", "", "", "", "", "0.00"],
        ["2026-02-01T00:00:00", "INV-E", "2026-02-15T00:00:00", "", "575.00", "575.00", "0.00", "0.00"],
        ["2026-04-10T00:00:00", "INV-A", "2026-04-24T00:00:00", "", "1150.00", "1150.00", "0.00", "0.00"],
        ["2026-08-20T00:00:00", "INV-B", "2026-09-03T00:00:00", "27 days overdue", "230.00", "0.00", "0.00",
         "230.00"],
        ["Total", "", "", "", "1955.00", "1725.00", "0.00", "230.00"],
        ["Closing Balance", "", "", "", "1955.00", "1725.00", "0.00", "230.00"],
    ]  # fmt: skip
    report = small_book.reports.report("AgedReceivablesByContact", {"contactId": contact})
    assert report["ReportTitles"] == [
        "Invoices",
        CUSTOMER,
        "From 1 February 2026 to 30 September 2026",
        "Showing payments to 30 September 2026",
    ]


def test_aged_receivables_can_be_read_for_an_earlier_day(small_book):
    small_book.sandbox.switches.set("aged_dates", "T")
    asked = {"contactID": small_book.contacts[CUSTOMER], "date": "2026-05-31"}
    rows = small_book.rows("AgedReceivablesByContact", **asked, fromDate="2026-03-01")
    assert rows[1] == ["2026-03-01T00:00:00", "Opening Balance", "", "", "", "", "", "0.00"]
    assert rows[2][3:] == ["37 days overdue", "1150.00", "575.00", "0.00", "575.00"]
    later = small_book.rows("AgedReceivablesByContact", **asked, fromDate="2026-05-01")
    assert later[1:] == [
        ["2026-05-01T00:00:00", "Opening Balance", "", "", "", "", "", "575.00"],
        ["Total", "", "", "", "0.00", "0.00", "0.00", "0.00"],
        ["Closing Balance", "", "", "", "0.00", "0.00", "0.00", "575.00"],
    ]


def test_aged_payables_list_each_bill_of_the_contact(small_book):
    rows = small_book.rows("AgedPayablesByContact", contactID=small_book.contacts[SUPPLIER])
    assert rows[0][1] == "Reference"
    assert [row[4:] for row in rows[2:4]] == [
        ["460.00", "460.00", "0.00", "0.00"],
        ["115.00", "0.00", "0.00", "115.00"],
    ]
    assert rows[-1] == ["Closing Balance", "", "", "", "575.00", "460.00", "0.00", "115.00"]
    assert small_book.rows("AgedPayablesByContact", contactID=small_book.contacts[CUSTOMER])[-1][-1] == "0.00"


def test_the_bank_summary_adds_up_for_each_account(small_book):
    rows = small_book.rows("BankSummary")
    assert rows[0] == ["Bank Accounts", "Opening Balance", "Cash Received", "Cash Spent", "Closing Balance"]
    assert rows[1] == ["Business Bank Account", "1262.00", "0.00", "12.00", "1250.00"]
    assert rows[-1] == ["Total", "1262.00", "0.00", "12.00", "1250.00"]
    june = small_book.rows("BankSummary", fromDate="2026-05-01", toDate="2026-06-30")
    assert june[1] == ["Business Bank Account", "575.00", "1150.00", "463.00", "1262.00"]


def test_the_executive_summary_compares_two_months(small_book):
    rows = {row[0]: row[1:] for row in small_book.rows("ExecutiveSummary", date="2026-09-15") if isinstance(row, list)}
    assert rows[""] == ["Sep 2026", "Aug 2026", "Variance"]
    assert rows["Cash spent"] == ["12.00", "0.00", "0.0%"]
    assert rows["Income"] == ["0.00", "200.00", "-100.0%"]
    assert rows["Profit (loss)"] == ["-112.00", "200.00", "-156.0%"]
    assert rows["Debtors"] == ["230.00", "230.00", "0.0%"]
    assert rows["Creditors"] == ["115.00", "0.00", "0.0%"]
    assert rows["Net assets"] == ["1185.00", "1297.00", "-8.6%"]
    assert rows["Number of invoices issued"] == ["0", "1", "-100.0%"]
    assert rows["Average value of invoices"] == ["0.00", "230.00", "-100.0%"]
    assert rows["Gross profit margin"] == ["", "100.0%", "0.0%"]
    assert rows["Average debtors days"] == ["0", "35.65", "-100.0%"]
    assert rows["Return on investment (p.a.)"] == ["-113.4%", "185.0%", "-161.3%"]
    assert rows["Short term cash forecast"] == ["115.00", "230.00", "-50.0%"]
    assert rows["Term assets to liabilities"] == ["", "", "0.0%"]


def test_reports_show_a_write_at_once(small_book):
    before = small_book.rows("BankSummary")[-1]
    table = small_book.store.table("BankTransactions")
    known = {table.id(slot) for slot in table.by_id}
    small_book.fee("2026-09-11", "1")
    assert small_book.rows("BankSummary")[-1][3] == "13.00"
    for guid in {table.id(slot) for slot in table.by_id} - known:
        table.delete(guid)
    assert small_book.rows("BankSummary")[-1] == before


@pytest.fixture
def credited_book():
    """Invoice F (1 Jul, 300 + 45); credit note (10 Jul, 100 + 15), 100.00 of it set against F on 5 August."""
    book = Book(Sandbox(1, 7, clock=Clock(lambda: 1.79e9)))
    f = book.document("ACCREC", "2026-07-01", "2026-07-15", "200", "300", number="INV-F")
    line = {"AccountCode": "200", "LineAmount": Decimal(100), "TaxAmount": Decimal(15), "TaxType": "OUTPUT2"}
    allocated = {"AllocationID": "a-1", "Date": date("2026-08-05")}
    note = book.store.put(
        "CreditNotes",
        {
            "Type": "ACCRECCREDIT", "Status": "AUTHORISED", "Date": date("2026-07-10"), "Total": Decimal(115),
            "CreditNoteNumber": "CN-1", "LineItems": [line], "LineAmountTypes": "Exclusive",
            "RemainingCredit": Decimal(15), "CurrencyCode": "NZD", "Payments": [],
            "Contact": {"ContactID": book.contacts[CUSTOMER], "Name": CUSTOMER},
            "Allocations": [{**allocated, "Amount": Decimal(100), "Invoice": {"InvoiceID": f}}],
        },
    )  # fmt: skip
    row = book.store.get("Invoices", f)
    row["CreditNotes"] = [{**allocated, "CreditNoteID": note, "AppliedAmount": Decimal(100)}]
    row["AmountDue"] -= 100
    book.store.put("Invoices", row)
    return book


def test_credit_counts_from_its_allocation(credited_book):
    """Set against an invoice it moves from one document to the other; what is owed in all stays."""
    asked = {"contactID": credited_book.contacts[CUSTOMER]}
    before = credited_book.rows("AgedReceivablesByContact", **asked, date="2026-07-31")
    assert [row[4:] for row in before[2:]] == [
        ["345.00", "0.00", "0.00", "345.00"],
        ["-115.00", "0.00", "0.00", "-115.00"],
        ["230.00", "0.00", "0.00", "230.00"],
        ["230.00", "0.00", "0.00", "230.00"],
    ]
    after = credited_book.rows("AgedReceivablesByContact", **asked, date="2026-08-31")
    assert [row[4:] for row in after[2:]] == [
        ["345.00", "0.00", "100.00", "245.00"],
        ["-115.00", "0.00", "-100.00", "-15.00"],
        ["230.00", "0.00", "0.00", "230.00"],
        ["230.00", "0.00", "0.00", "230.00"],
    ]
    assert after[3][3] == "", "a credit is never overdue"


def test_credit_counts_on_the_cash_basis_when_it_is_allocated(credited_book):
    """No money has moved: both sides of the allocation count, and leave nothing."""
    span = {"fromDate": "2026-07-01", "toDate": "2026-08-31"}
    assert credited_book.rows("ProfitAndLoss", **span)[-1] == ["Net Profit", "200.00"]
    assert credited_book.rows("ProfitAndLoss", **span, paymentsOnly="true")[-1] == ["Net Profit", "0.00"]
    assert credited_book.rows("TrialBalance", paymentsOnly="true")[-1] == ["Total"] + ["0.00"] * 4


def test_foreign_money_counts_at_the_rate_of_the_day(credited_book):
    """An invoice of 115.00 USD, booked at 0.5 as 230.00; what it is worth more or less is a gain."""
    guid = credited_book.document("ACCREC", "2026-08-01", "2026-08-31", "200", "100", number="INV-USD")
    credited_book.store.edit("Invoices", guid, {"CurrencyCode": "USD", "CurrencyRate": Decimal("0.5")})
    worth = xero_json.round_to_cents(Decimal(115) / credited_book.store.rate("USD", dt.date(2026, 8, 31)))
    gain = worth - 230
    assert gain != 0
    profit = credited_book.rows("ProfitAndLoss", fromDate="2026-08-01", toDate="2026-08-31")
    assert ["Sales", "200.00"] in profit
    assert ["Foreign Currency Gains and Losses", f"{-gain:.2f}"] in profit
    assert profit[-1] == ["Net Profit", f"{200 + gain:.2f}"]
    sheet = credited_book.rows("BalanceSheet", date="2026-08-31", periods="1")
    receivable = next(row for row in sheet if row[0] == "Accounts Receivable")
    assert receivable == ["Accounts Receivable", f"{230 + worth:.2f}", "230.00"]
    aged = credited_book.rows("AgedReceivablesByContact", contactID=credited_book.contacts[CUSTOMER], date="2026-08-31")
    assert aged[-1][-1] == f"{230 + worth:.2f}"


def test_prepayments_and_overpayments_are_listed(credited_book):
    """A prepayment of 57.50 is in the report of its contact, and not among the receivables."""
    contact = {"ContactID": credited_book.contacts[CUSTOMER], "Name": CUSTOMER}
    line = {
        "AccountCode": "200",
        "LineAmount": Decimal("57.50"),
        "TaxAmount": Decimal("7.50"),
        "TaxType": "OUTPUT2",
    }
    shared = {"Type": "RECEIVE-PREPAYMENT", "Status": "AUTHORISED", "Date": date("2026-08-12"),
              "Contact": contact, "Total": Decimal("57.50"), "CurrencyCode": "NZD",
              "LineAmountTypes": "Inclusive", "LineItems": [line]}  # fmt: skip
    guid = credited_book.store.put("Prepayments", {**shared, "Allocations": [], "Payments": []})
    bank = {"AccountID": credited_book.store.account_id("090")}
    credited_book.store.put("BankTransactions", {**shared, "BankAccount": bank, "PrepaymentID": guid})
    rows = credited_book.rows("AgedReceivablesByContact", contactID=contact["ContactID"], date="2026-08-31")
    assert rows[4][4:] == ["-57.50", "0.00", "0.00", "-57.50"]
    assert rows[-1][-1] == "172.50"
    assert ["Accounts Receivable", "230.00", "0.00"] in credited_book.rows("BalanceSheet", date="2026-08-31")
