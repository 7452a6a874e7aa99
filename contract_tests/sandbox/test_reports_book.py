"""A small book, worked out by hand: what each report must say about it.

A customer's invoice E (1 Feb, 500 + 75 tax) belongs to the financial year before, which ends on 31 March,
and was paid on 1 March. Of this year: invoice A (10 Apr, 1,000 + 150, paid by halves on 5 May and 3 June),
invoice B (20 Aug, 200 + 30, open), rent C (15 May, 400 + 60, paid on 1 June), goods D (1 Sep, 100 + 15),
bank fees of 3.00 on 31 May and 12.00 on 10 September. Today is 21 September 2026.
"""

import datetime as dt
from decimal import Decimal

import pytest

from bizosaas_xero.sandbox import Clock, Sandbox, wire
from bizosaas_xero.sandbox.reports import Reports

CUSTOMER, SUPPLIER = "Customer", "Supplier"


class Book:
    """Puts documents into an organisation and asks for its reports."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.reports = Reports(sandbox)
        self.store = sandbox.store()
        self.store.opening = ()
        for entity in (
            "Invoices",
            "Payments",
            "CreditNotes",
            "BankTransactions",
            "Prepayments",
            "Overpayments",
        ):
            table = self.store.table(entity)
            for guid in [table.id(slot) for slot in table.by_id]:
                table.delete(guid)
        self.contacts = {
            name: self.store.put("Contacts", {"Name": name, "ContactStatus": "ACTIVE"})
            for name in (CUSTOMER, SUPPLIER)
        }
        categories = {row["Name"]: row for row in self.store.rows("TrackingCategories")}
        category, self.second = categories["Region"], categories["Department"]["TrackingCategoryID"]
        self.category = category["TrackingCategoryID"]
        self.options = {option["Name"]: option["TrackingOptionID"] for option in category["Options"]}

    def document(self, sort, on, due, code, net, option=None, status="AUTHORISED", number=""):
        net = Decimal(net)
        tax = (net * 15 / 100).quantize(Decimal("0.01"))
        tracking = [{"TrackingCategoryID": self.category, "TrackingOptionID": self.options.get(option)}]
        contact = CUSTOMER if sort == "ACCREC" else SUPPLIER
        return self.store.put(
            "Invoices",
            {
                "Type": sort, "Status": status, "Date": date(on), "DueDate": date(due),
                "InvoiceNumber": number, "LineAmountTypes": "Exclusive",
                "Contact": {"ContactID": self.contacts[contact], "Name": contact},
                "LineItems": [
                    {"AccountCode": code, "LineAmount": net, "TaxAmount": tax, "TaxType": "OUTPUT2",
                     "Tracking": tracking if option else []}
                ],
                "Total": net + tax, "AmountDue": net + tax, "AmountPaid": Decimal(0), "CurrencyCode": "NZD",
                "Payments": [], "CreditNotes": [], "Prepayments": [], "Overpayments": [],
            },
        )  # fmt: skip

    def pay(self, invoice, on, amount):
        row, amount = self.store.get("Invoices", invoice), Decimal(amount)
        payment = self.store.put(
            "Payments",
            {
                "Date": date(on), "Amount": amount, "BankAmount": amount, "Status": "AUTHORISED",
                "Invoice": {"InvoiceID": invoice}, "Account": {"AccountID": self.store.account_id("090")},
            },
        )  # fmt: skip
        row["Payments"].append({"PaymentID": payment, "Date": date(on), "Amount": amount})
        row["AmountDue"] -= amount
        row["Status"] = "AUTHORISED" if row["AmountDue"] else "PAID"
        self.store.put("Invoices", row)

    def fee(self, on, amount):
        self.store.put(
            "BankTransactions",
            {
                "Type": "SPEND", "Status": "AUTHORISED", "Date": date(on), "Total": Decimal(amount),
                "BankAccount": {"AccountID": self.store.account_id("090")}, "LineAmountTypes": "NoTax",
                "LineItems": [{"AccountCode": "404", "LineAmount": Decimal(amount), "TaxAmount": Decimal(0),
                               "TaxType": "NONE"}],
                "CurrencyCode": "NZD",
            },
        )  # fmt: skip

    def rows(self, key, **query):
        """A report without its attributes: section title, then each row's values."""
        found = []
        for row in self.reports.report(key, query)["Rows"]:
            if row["RowType"] == "Header":
                found.append([cell["Value"] for cell in row["Cells"]])
                continue
            if row["Title"] or not row["Rows"]:
                found.append(row["Title"])
            found += [[cell["Value"] for cell in inner["Cells"]] for inner in row["Rows"]]
        return found


def date(text):
    return wire.of_day(dt.date.fromisoformat(text))


@pytest.fixture(scope="module")
def book():
    book = Book(Sandbox(1, 7, clock=Clock(lambda: 1.79e9)))
    e = book.document("ACCREC", "2026-02-01", "2026-02-15", "260", "500", number="INV-E")
    book.pay(e, "2026-03-01", "575")
    a = book.document("ACCREC", "2026-04-10", "2026-04-24", "200", "1000", "North", number="INV-A")
    book.pay(a, "2026-05-05", "575")
    book.pay(a, "2026-06-03", "575")
    book.document("ACCREC", "2026-08-20", "2026-09-03", "200", "200", "South", number="INV-B")
    c = book.document("ACCPAY", "2026-05-15", "2026-06-04", "469", "400", number="C")
    book.pay(c, "2026-06-01", "460")
    book.document("ACCPAY", "2026-09-01", "2026-09-21", "300", "100", number="D")
    book.fee("2026-05-31", "3")
    book.fee("2026-09-10", "12")
    for status in ("DRAFT", "SUBMITTED", "VOIDED", "DELETED"):
        book.document("ACCREC", "2026-09-02", "2026-09-16", "200", "9999", status=status)
    return book


def test_profit_and_loss(book):
    assert book.rows("ProfitAndLoss", fromDate="2026-04-01", toDate="2026-09-30") == [
        ["", "30 Sep 26"],
        "Income",
        ["Sales", "1200.00"],
        ["Total Income", "1200.00"],
        "Less Cost of Sales",
        ["Purchases", "100.00"],
        ["Total Cost of Sales", "100.00"],
        ["Gross Profit", "1100.00"],
        "Less Operating Expenses",
        ["Bank Fees", "15.00"],
        ["Rent", "400.00"],
        ["Total Operating Expenses", "415.00"],
        ["Net Profit", "685.00"],
    ]


def test_profit_and_loss_on_the_cash_basis(book):
    """B and D are not paid: they do not count. A counts when it was paid, by halves."""
    assert book.rows("ProfitAndLoss", fromDate="2026-04-01", toDate="2026-09-30", paymentsOnly="true") == [
        ["", "30 Sep 26"],
        "Income",
        ["Sales", "1000.00"],
        ["Total Income", "1000.00"],
        ["Gross Profit", "1000.00"],
        "Less Operating Expenses",
        ["Bank Fees", "15.00"],
        ["Rent", "400.00"],
        ["Total Operating Expenses", "415.00"],
        ["Net Profit", "585.00"],
    ]
    months = {"fromDate": "2026-05-01", "toDate": "2026-05-31", "paymentsOnly": "true", "periods": "1"}
    assert book.rows("ProfitAndLoss", **months)[2] == ["Sales", "500.00", "0.00"]
    months["paymentsOnly"] = "false"
    assert book.rows("ProfitAndLoss", **months)[2] == ["Sales", "0.00", "1000.00"]


def test_profit_and_loss_of_the_current_month(book):
    report = book.reports.report("ProfitAndLoss", {})
    assert report["ReportTitles"] == [
        "Profit & Loss", "Demo Company (NZ)", "1 September 2026 to 30 September 2026",
    ]  # fmt: skip
    assert report["ReportDate"] == "21 September 2026"
    assert book.rows("ProfitAndLoss")[-1] == ["Net Profit", "-112.00"]


def test_comparison_periods_have_the_same_days(book):
    """June has 30 days, so the last day of May with its fee is missing; July has 31 and gets it."""
    june = book.rows("ProfitAndLoss", fromDate="2026-06-01", toDate="2026-06-30", periods="1")
    assert june[0] == ["", "30 Jun 26", "30 May 26"]
    assert ["Bank Fees", "0.00", "3.00"] not in june
    july = book.rows("ProfitAndLoss", fromDate="2026-07-01", toDate="2026-07-31", periods="2")
    assert july[0] == ["", "31 Jul 26", "30 Jun 26", "31 May 26"]
    assert ["Bank Fees", "0.00", "0.00", "3.00"] in july
    quarters = book.rows(
        "ProfitAndLoss", fromDate="2026-07-01", toDate="2026-09-30", periods="1", timeframe="QUARTER"
    )
    assert quarters[0] == ["", "30 Sep 26", "30 Jun 26"]
    assert quarters[-1] == ["Net Profit", "88.00", "597.00"]
    years = book.rows(
        "ProfitAndLoss", fromDate="2026-02-01", toDate="2026-02-28", periods="1", timeframe="YEAR"
    )
    assert years[0] == ["", "28 Feb 26", "28 Feb 25"]
    assert years[-1] == ["Net Profit", "500.00", "0.00"]


def test_profit_and_loss_by_tracking(book):
    span = {"fromDate": "2026-04-01", "toDate": "2026-09-30", "trackingCategoryID": book.category}
    rows = book.rows("ProfitAndLoss", **span)
    assert rows[0] == ["", "North", "South", "Te Tai Tokerau", "West Coast", "Unassigned", "Total"]
    assert ["Sales", "1000.00", "200.00", "0.00", "0.00", "0.00", "1200.00"] in rows
    assert rows[-1] == ["Net Profit", "1000.00", "200.00", "0.00", "0.00", "-515.00", "685.00"]
    one = book.rows("ProfitAndLoss", **span, trackingOptionID=book.options["South"])
    assert one[0] == ["", "South"]
    assert one[-1] == ["Net Profit", "200.00"]
    both = book.rows("ProfitAndLoss", **span, trackingCategoryID2=book.second)
    assert both[0][1:4] == ["North, Retail", "North, Wholesale", "North, Office"]
    assert len(both[0]) == 2 + 5 * 4
    assert both[-1][-1] == "685.00"


def test_balance_sheet(book):
    assert book.rows("BalanceSheet") == [
        ["", "30 Sep 2026", "30 Sep 2025"],
        "Assets",
        "Bank",
        ["Business Bank Account", "1250.00", "0.00"],
        ["Total Bank", "1250.00", "0.00"],
        "Current Assets",
        ["Accounts Receivable", "230.00", "0.00"],
        ["Total Current Assets", "230.00", "0.00"],
        ["Total Assets", "1480.00", "0.00"],
        "Liabilities",
        "Current Liabilities",
        ["Accounts Payable", "115.00", "0.00"],
        ["GST", "180.00", "0.00"],
        ["Total Current Liabilities", "295.00", "0.00"],
        ["Total Liabilities", "295.00", "0.00"],
        ["Net Assets", "1185.00", "0.00"],
        "Equity",
        ["Current Year Earnings", "685.00", "0.00"],
        ["Retained Earnings", "500.00", "0.00"],
        ["Total Equity", "1185.00", "0.00"],
    ]


def test_balance_sheet_on_the_cash_basis(book):
    rows = book.rows("BalanceSheet", paymentsOnly="true", periods="1", timeframe="QUARTER", date="2026-09-05")
    assert rows == [
        ["", "30 Sep 2026", "30 Jun 2026"],
        "Assets",
        "Bank",
        ["Business Bank Account", "1250.00", "1262.00"],
        ["Total Bank", "1250.00", "1262.00"],
        ["Total Assets", "1250.00", "1262.00"],
        "Liabilities",
        "Current Liabilities",
        ["GST", "165.00", "165.00"],
        ["Total Current Liabilities", "165.00", "165.00"],
        ["Total Liabilities", "165.00", "165.00"],
        ["Net Assets", "1085.00", "1097.00"],
        "Equity",
        ["Current Year Earnings", "585.00", "597.00"],
        ["Retained Earnings", "500.00", "500.00"],
        ["Total Equity", "1085.00", "1097.00"],
    ]


def test_balance_sheet_before_the_year_ends(book):
    """On 31 March profit is still this year's; a day later it is retained."""
    march = book.rows("BalanceSheet", date="2026-03-10", periods="1")
    assert ["Current Year Earnings", "500.00", "500.00"] in march
    assert book.rows("BalanceSheet", date="2026-04-01", periods="1")[-4:-1] == [
        "Equity",
        ["Current Year Earnings", "1000.00", "500.00"],
        ["Retained Earnings", "500.00", "0.00"],
    ]


def test_balance_sheet_of_an_option(book):
    rows = book.rows("BalanceSheet", trackingOptionID1=book.options["North"], date="2026-09-30", periods="1")
    assert ["Current Year Earnings", "1000.00", "1000.00"] in rows
    assert not any("Bank" in row[0] for row in rows)


def test_trial_balance(book):
    assert book.rows("TrialBalance") == [
        ["Account", "Debit", "Credit", "YTD Debit", "YTD Credit"],
        "Revenue",
        ["Sales (200)", "", "0.00", "", "1200.00"],
        "Expenses",
        ["Bank Fees (404)", "12.00", "", "15.00", ""],
        ["Purchases (300)", "100.00", "", "100.00", ""],
        ["Rent (469)", "0.00", "", "400.00", ""],
        "Assets",
        ["Accounts Receivable (610)", "0.00", "", "230.00", ""],
        ["Business Bank Account (090)", "", "12.00", "1250.00", ""],
        "Liabilities",
        ["Accounts Payable (800)", "", "115.00", "", "115.00"],
        ["GST (820)", "15.00", "", "", "180.00"],
        "Equity",
        ["Retained Earnings (960)", "", "0.00", "", "500.00"],
        ["Total", "127.00", "127.00", "1995.00", "1995.00"],
    ]
    cash = book.rows("TrialBalance", paymentsOnly="true")
    assert cash[-1] == ["Total", "12.00", "12.00", "1665.00", "1665.00"]
    assert book.rows("TrialBalance", date="2026-03-31")[-1] == [
        "Total",
        "575.00",
        "575.00",
        "575.00",
        "575.00",
    ]


def test_aged_receivables(book):
    contact = book.contacts[CUSTOMER]
    assert book.rows("AgedReceivablesByContact", contactID=contact) == [
        ["Date", "Number", "Due Date", "", "Total", "Paid", "Credited", "Due"],
        ["2026-02-01T00:00:00", "Opening Balance", "", "", "", "", "", "0.00"],
        ["2026-02-01T00:00:00", "INV-E", "2026-02-15T00:00:00", "", "575.00", "575.00", "0.00", "0.00"],
        ["2026-04-10T00:00:00", "INV-A", "2026-04-24T00:00:00", "", "1150.00", "1150.00", "0.00", "0.00"],
        ["2026-08-20T00:00:00", "INV-B", "2026-09-03T00:00:00", "27 days overdue", "230.00", "0.00", "0.00",
         "230.00"],
        ["Total", "", "", "", "1955.00", "1725.00", "0.00", "230.00"],
        ["Closing Balance", "", "", "", "1955.00", "1725.00", "0.00", "230.00"],
    ]  # fmt: skip
    report = book.reports.report("AgedReceivablesByContact", {"contactId": contact})
    assert report["ReportTitles"] == [
        "Invoices",
        CUSTOMER,
        "From 1 February 2026 to 30 September 2026",
        "Showing payments to 30 September 2026",
    ]


def test_aged_receivables_of_an_earlier_day(book):
    asked = {"contactID": book.contacts[CUSTOMER], "date": "2026-05-31"}
    rows = book.rows("AgedReceivablesByContact", **asked, fromDate="2026-03-01")
    assert rows[1] == ["2026-03-01T00:00:00", "Opening Balance", "", "", "", "", "", "0.00"]
    assert rows[2][3:] == ["37 days overdue", "1150.00", "575.00", "0.00", "575.00"]
    later = book.rows("AgedReceivablesByContact", **asked, fromDate="2026-05-01")
    assert later[1:] == [
        ["2026-05-01T00:00:00", "Opening Balance", "", "", "", "", "", "575.00"],
        ["Total", "", "", "", "0.00", "0.00", "0.00", "0.00"],
        ["Closing Balance", "", "", "", "0.00", "0.00", "0.00", "575.00"],
    ]


def test_aged_payables(book):
    rows = book.rows("AgedPayablesByContact", contactID=book.contacts[SUPPLIER])
    assert rows[0][1] == "Reference"
    assert [row[4:] for row in rows[2:4]] == [
        ["460.00", "460.00", "0.00", "0.00"],
        ["115.00", "0.00", "0.00", "115.00"],
    ]
    assert rows[-1] == ["Closing Balance", "", "", "", "575.00", "460.00", "0.00", "115.00"]
    assert book.rows("AgedPayablesByContact", contactID=book.contacts[CUSTOMER])[-1][-1] == "0.00"


def test_bank_summary(book):
    rows = book.rows("BankSummary")
    assert rows[0] == ["Bank Accounts", "Opening Balance", "Cash Received", "Cash Spent", "Closing Balance"]
    assert rows[1] == ["Business Bank Account", "1262.00", "0.00", "12.00", "1250.00"]
    assert rows[-1] == ["Total", "1262.00", "0.00", "12.00", "1250.00"]
    june = book.rows("BankSummary", fromDate="2026-05-01", toDate="2026-06-30")
    assert june[1] == ["Business Bank Account", "575.00", "1150.00", "463.00", "1262.00"]


def test_executive_summary(book):
    rows = {
        row[0]: row[1:] for row in book.rows("ExecutiveSummary", date="2026-09-15") if isinstance(row, list)
    }
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


def test_what_was_written_shows_at_once(book):
    before = book.rows("BankSummary")[-1]
    table = book.store.table("BankTransactions")
    known = {table.id(slot) for slot in table.by_id}
    book.fee("2026-09-11", "1")
    assert book.rows("BankSummary")[-1][3] == "13.00"
    for guid in {table.id(slot) for slot in table.by_id} - known:
        table.delete(guid)
    assert book.rows("BankSummary")[-1] == before


@pytest.fixture
def credited():
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


def test_credit_counts_from_its_allocation(credited):
    """Set against an invoice it moves from one document to the other; what is owed in all stays."""
    asked = {"contactID": credited.contacts[CUSTOMER]}
    before = credited.rows("AgedReceivablesByContact", **asked, date="2026-07-31")
    assert [row[4:] for row in before[2:]] == [
        ["345.00", "0.00", "0.00", "345.00"],
        ["-115.00", "0.00", "0.00", "-115.00"],
        ["230.00", "0.00", "0.00", "230.00"],
        ["230.00", "0.00", "0.00", "230.00"],
    ]
    after = credited.rows("AgedReceivablesByContact", **asked, date="2026-08-31")
    assert [row[4:] for row in after[2:]] == [
        ["345.00", "0.00", "100.00", "245.00"],
        ["-115.00", "0.00", "-100.00", "-15.00"],
        ["230.00", "0.00", "0.00", "230.00"],
        ["230.00", "0.00", "0.00", "230.00"],
    ]
    assert after[3][3] == "", "nobody is late with a credit"


def test_credit_on_the_cash_basis(credited):
    """No money has moved: both sides of the allocation count, and leave nothing."""
    span = {"fromDate": "2026-07-01", "toDate": "2026-08-31"}
    assert credited.rows("ProfitAndLoss", **span)[-1] == ["Net Profit", "200.00"]
    assert credited.rows("ProfitAndLoss", **span, paymentsOnly="true")[-1] == ["Net Profit", "0.00"]
    assert credited.rows("TrialBalance", paymentsOnly="true")[-1] == ["Total"] + ["0.00"] * 4


def test_foreign_money_counts_at_the_rate_of_the_day(credited):
    """An invoice of 115.00 USD, booked at 0.5 as 230.00; what it is worth more or less is a gain."""
    guid = credited.document("ACCREC", "2026-08-01", "2026-08-31", "200", "100", number="INV-USD")
    credited.store.edit("Invoices", guid, {"CurrencyCode": "USD", "CurrencyRate": Decimal("0.5")})
    worth = wire.cents(Decimal(115) / credited.store.rate("USD", dt.date(2026, 8, 31)))
    gain = worth - 230
    assert gain != 0
    profit = credited.rows("ProfitAndLoss", fromDate="2026-08-01", toDate="2026-08-31")
    assert ["Sales", "200.00"] in profit
    assert ["Foreign Currency Gains and Losses", f"{-gain:.2f}"] in profit
    assert profit[-1] == ["Net Profit", f"{200 + gain:.2f}"]
    sheet = credited.rows("BalanceSheet", date="2026-08-31", periods="1")
    receivable = next(row for row in sheet if row[0] == "Accounts Receivable")
    assert receivable == ["Accounts Receivable", f"{230 + worth:.2f}", "230.00"]
    aged = credited.rows("AgedReceivablesByContact", contactID=credited.contacts[CUSTOMER], date="2026-08-31")
    assert aged[-1][-1] == f"{230 + worth:.2f}"


def test_money_in_advance_is_listed(credited):
    """A prepayment of 57.50 stands in the report of its contact, and not among the receivables."""
    contact = {"ContactID": credited.contacts[CUSTOMER], "Name": CUSTOMER}
    line = {
        "AccountCode": "200",
        "LineAmount": Decimal("57.50"),
        "TaxAmount": Decimal("7.50"),
        "TaxType": "OUTPUT2",
    }
    shared = {"Type": "RECEIVE-PREPAYMENT", "Status": "AUTHORISED", "Date": date("2026-08-12"),
              "Contact": contact, "Total": Decimal("57.50"), "CurrencyCode": "NZD",
              "LineAmountTypes": "Inclusive", "LineItems": [line]}  # fmt: skip
    guid = credited.store.put("Prepayments", {**shared, "Allocations": [], "Payments": []})
    bank = {"AccountID": credited.store.account_id("090")}
    credited.store.put("BankTransactions", {**shared, "BankAccount": bank, "PrepaymentID": guid})
    rows = credited.rows("AgedReceivablesByContact", contactID=contact["ContactID"], date="2026-08-31")
    assert rows[4][4:] == ["-57.50", "0.00", "0.00", "-57.50"]
    assert rows[-1][-1] == "172.50"
    assert ["Accounts Receivable", "230.00", "0.00"] in credited.rows("BalanceSheet", date="2026-08-31")
