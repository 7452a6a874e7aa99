"""The sums that reports are made of, on any day and basis: properties, against the ledger."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bizosaas_xero.sandbox.ledger.ledger import year_start
from bizosaas_xero.sandbox.ledger.posting import ACCRUAL, CASH, ZERO
from bizosaas_xero.sandbox.reports.endpoint import ReportsApi
from bizosaas_xero.sandbox.reports.sums import LedgerSums, month_end, months_before

DAYS = st.dates(dt.date(2025, 1, 1), dt.date(2026, 12, 31))
BASES = st.sampled_from([ACCRUAL, CASH])


@pytest.fixture(scope="module", params=range(6), ids=["NZ", "GB", "AU", "US", "AE", "AU-no-tax"])
def reported_store(reported_sandbox, request):
    return reported_sandbox.store(reported_sandbox.organisations[request.param].id)


@pytest.fixture(scope="module")
def report_sums(reported_store):
    return {basis: LedgerSums(reported_store, basis) for basis in (ACCRUAL, CASH)}


@settings(deadline=None)
@given(day=DAYS, basis=BASES)
def test_the_trial_balance_nets_to_zero(report_sums, day, basis):
    assert sum(report_sums[basis].trial_balances(day).values(), ZERO) == 0


@settings(deadline=None)
@given(day=DAYS, basis=BASES)
def test_reports_agree_with_the_ledger(reported_store, report_sums, day, basis):
    """Our sums and the ledger's own agree, but for foreign money, which reports count at that day's rate."""
    booked = {guid: report_sums[basis].ledger_balance(guid, day) for guid in report_sums[basis].accounts}
    assert {guid: amount for guid, amount in booked.items() if amount} == {
        guid: amount for guid, amount in reported_store.ledger.balances(day, basis).items() if amount
    }
    if basis == ACCRUAL:
        moved = dict.fromkeys(booked, ZERO)
        for posting in reported_store.ledger.revaluations(day):
            moved[posting.account_id] += posting.amount
        assert {guid: report_sums[basis].balance(guid, day) - booked[guid] for guid in booked} == moved


@settings(deadline=None)
@given(first=DAYS, last=DAYS, basis=BASES)
def test_profit_is_the_difference_of_two_trial_balances(reported_store, report_sums, first, last, basis):
    """Inside one financial year; nothing is subtracted when it begins with the year."""
    first, last = min(first, last), max(first, last)
    first = max(first, year_start(reported_store.organisation, last))
    accounts = report_sums[basis].movements(first, last)
    after = report_sums[basis].trial_balances(last)
    before = report_sums[basis].trial_balances(first - dt.timedelta(1))
    if first == year_start(reported_store.organisation, last):
        before = dict.fromkeys(before, ZERO)
    assert accounts == {guid: after[guid] - before[guid] for guid in accounts}


def cells(report, name):
    """The values of the row of that name."""
    for row in report["Rows"]:
        for inner in [row, *row.get("Rows", [])]:
            values = [cell.get("Value", "") for cell in inner.get("Cells", [])]
            if values and values[0] == name:
                return [Decimal(value) for value in values[1:]]
    raise KeyError(name)


@settings(deadline=None, max_examples=40)
@given(day=DAYS, basis=BASES, periods=st.integers(1, 11), timeframe=st.sampled_from(["MONTH", "QUARTER", "YEAR"]))
def test_the_balance_sheet_balances(reported_sandbox, reported_store, day, basis, periods, timeframe):
    query = {"date": day.isoformat(), "periods": str(periods), "timeframe": timeframe,
             "paymentsOnly": str(basis == CASH).lower()}  # fmt: skip
    report = ReportsApi(reported_sandbox).report("BalanceSheet", query, reported_store.organisation["OrganisationID"])
    net = cells(report, "Net Assets")
    assert len(net) == periods + 1
    assert net == cells(report, "Total Equity")
    assets, owed = cells(report, "Total Assets"), cells(report, "Total Liabilities")
    assert net == [have - owe for have, owe in zip(assets, owed, strict=True)]


@pytest.mark.parametrize("sales", [True, False], ids=["receivables", "payables"])
def test_aged_totals_are_the_open_documents(reported_sandbox, reported_store, sales):
    """In base currency, to the cent: open documents, less credit notes and prepayments that are left."""
    key = "AgedReceivablesByContact" if sales else "AgedPayablesByContact"
    kinds = {"Invoices": "ACCREC" if sales else "ACCPAY", "CreditNotes": "ACCREC" if sales else "ACCPAY",
             "Prepayments": "RECEIVE" if sales else "SPEND"}  # fmt: skip
    open_now = {}
    foreign = set()
    for entity, kind in kinds.items():
        for row in reported_store.rows(entity):
            contact = row["Contact"]["ContactID"]
            if row["CurrencyCode"] != reported_store.currency:
                foreign.add(contact)
            if row["Status"] == "AUTHORISED" and row["Type"].startswith(kind):
                left = row["AmountDue"] if entity == "Invoices" else -row["RemainingCredit"]
                open_now[contact] = open_now.get(contact, ZERO) + left
    reports, organisation = ReportsApi(reported_sandbox), reported_store.organisation["OrganisationID"]
    seen = 0
    for row in reported_store.rows("Contacts"):
        contact = row["ContactID"]
        if contact not in foreign:
            due = cells_of_closing(reports.report(key, {"contactID": contact}, organisation))
            assert due == open_now.get(contact, ZERO)
            seen += bool(due)
    assert seen


def cells_of_closing(report):
    return Decimal(report["Rows"][-1]["Rows"][-1]["Cells"][-1]["Value"])


def test_aged_receivables_tie_to_the_balance_sheet(reported_sandbox, reported_store, report_sums):
    """All contacts together, prepayments apart: they stand elsewhere in the books."""
    day = month_end(reported_store.today())
    reports, organisation = ReportsApi(reported_sandbox), reported_store.organisation["OrganisationID"]
    total = sum(
        (
            cells_of_closing(reports.report("AgedReceivablesByContact", {"contactID": row["ContactID"]}, organisation))
            for row in reported_store.rows("Contacts")
        ),
        ZERO,
    )
    prepaid = sum(
        (
            row["RemainingCredit"]
            for row in reported_store.rows("Prepayments")
            if row["Type"] == "RECEIVE-PREPAYMENT" and row["Status"] == "AUTHORISED"
        ),
        ZERO,
    )
    debtors = report_sums[ACCRUAL].balance(reported_store.system_account("DEBTORS"), day)
    assert abs(total + prepaid - debtors) <= Decimal("0.20"), "each foreign document is rounded by itself"


def test_months_before_keeps_the_day_or_takes_the_last():
    assert months_before(dt.date(2026, 3, 31), 1) == dt.date(2026, 2, 28)
    assert months_before(dt.date(2026, 1, 15), 13) == dt.date(2024, 12, 15)


# over HTTP
