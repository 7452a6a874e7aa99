"""What profit and loss, balance sheet and trial balance say about the small book."""


def test_profit_and_loss_matches_the_hand_made_book(small_book):
    assert small_book.rows("ProfitAndLoss", fromDate="2026-04-01", toDate="2026-09-30") == [
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


def test_profit_and_loss_on_the_cash_basis_counts_payments(small_book):
    """B and D are not paid: they do not count. A counts when it was paid, by halves."""
    assert small_book.rows("ProfitAndLoss", fromDate="2026-04-01", toDate="2026-09-30", paymentsOnly="true") == [
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
    assert small_book.rows("ProfitAndLoss", **months)[2] == ["Sales", "500.00", "0.00"]
    months["paymentsOnly"] = "false"
    assert small_book.rows("ProfitAndLoss", **months)[2] == ["Sales", "0.00", "1000.00"]


def test_profit_and_loss_defaults_to_the_current_month(small_book):
    report = small_book.reports.report("ProfitAndLoss", {})
    assert report["ReportTitles"] == [
        "Profit & Loss", "Demo Company (NZ)", "1 September 2026 to 30 September 2026",
    ]  # fmt: skip
    assert report["ReportDate"] == "21 September 2026"
    assert small_book.rows("ProfitAndLoss")[-1] == ["Net Profit", "-112.00"]


def test_comparison_periods_have_the_same_days(small_book):
    """June has 30 days, so the last day of May with its fee is missing; July has 31 and gets it."""
    june = small_book.rows("ProfitAndLoss", fromDate="2026-06-01", toDate="2026-06-30", periods="1")
    assert june[0] == ["", "30 Jun 26", "30 May 26"]
    assert ["Bank Fees", "0.00", "3.00"] not in june
    july = small_book.rows("ProfitAndLoss", fromDate="2026-07-01", toDate="2026-07-31", periods="2")
    assert july[0] == ["", "31 Jul 26", "30 Jun 26", "31 May 26"]
    assert ["Bank Fees", "0.00", "0.00", "3.00"] in july
    quarters = small_book.rows(
        "ProfitAndLoss", fromDate="2026-07-01", toDate="2026-09-30", periods="1", timeframe="QUARTER"
    )
    assert quarters[0] == ["", "30 Sep 26", "30 Jun 26"]
    assert quarters[-1] == ["Net Profit", "88.00", "597.00"]
    years = small_book.rows("ProfitAndLoss", fromDate="2026-02-01", toDate="2026-02-28", periods="1", timeframe="YEAR")
    assert years[0] == ["", "28 Feb 26", "28 Feb 25"]
    assert years[-1] == ["Net Profit", "500.00", "0.00"]


def test_profit_and_loss_has_a_column_for_each_tracking_option(small_book):
    span = {"fromDate": "2026-04-01", "toDate": "2026-09-30", "trackingCategoryID": small_book.category}
    rows = small_book.rows("ProfitAndLoss", **span)
    assert rows[0] == ["", "North", "South", "Te Tai Tokerau", "West Coast", "Unassigned", "Total"]
    assert ["Sales", "1000.00", "200.00", "0.00", "0.00", "0.00", "1200.00"] in rows
    assert rows[-1] == ["Net Profit", "1000.00", "200.00", "0.00", "0.00", "-515.00", "685.00"]
    one = small_book.rows("ProfitAndLoss", **span, trackingOptionID=small_book.options["South"])
    assert one[0] == ["", "South"]
    assert one[-1] == ["Net Profit", "200.00"]
    both = small_book.rows("ProfitAndLoss", **span, trackingCategoryID2=small_book.second)
    assert both[0][1:4] == ["North, Retail", "North, Wholesale", "North, Office"]
    assert len(both[0]) == 2 + 5 * 4
    assert both[-1][-1] == "685.00"


def test_the_balance_sheet_matches_the_hand_made_book(small_book):
    assert small_book.rows("BalanceSheet") == [
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


def test_the_balance_sheet_on_the_cash_basis_has_no_receivables(small_book):
    rows = small_book.rows("BalanceSheet", paymentsOnly="true", periods="1", timeframe="QUARTER", date="2026-09-05")
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


def test_the_balance_sheet_of_last_year_keeps_its_own_earnings(small_book):
    """On 31 March profit is still this year's; a day later it is retained."""
    march = small_book.rows("BalanceSheet", date="2026-03-10", periods="1")
    assert ["Current Year Earnings", "500.00", "500.00"] in march
    assert small_book.rows("BalanceSheet", date="2026-04-01", periods="1")[-4:-1] == [
        "Equity",
        ["Current Year Earnings", "1000.00", "500.00"],
        ["Retained Earnings", "500.00", "0.00"],
    ]


def test_the_balance_sheet_of_an_option_holds_its_lines_only(small_book):
    rows = small_book.rows(
        "BalanceSheet", trackingOptionID1=small_book.options["North"], date="2026-09-30", periods="1"
    )
    assert ["Current Year Earnings", "1000.00", "1000.00"] in rows
    assert not any("Bank" in row[0] for row in rows)


def test_the_trial_balance_matches_the_hand_made_book(small_book):
    assert small_book.rows("TrialBalance") == [
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
    cash = small_book.rows("TrialBalance", paymentsOnly="true")
    assert cash[-1] == ["Total", "12.00", "12.00", "1665.00", "1665.00"]
    assert small_book.rows("TrialBalance", date="2026-03-31")[-1] == [
        "Total",
        "575.00",
        "575.00",
        "575.00",
        "575.00",
    ]
