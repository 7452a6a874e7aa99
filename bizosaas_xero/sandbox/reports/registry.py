"""The table of reports: parameters, titles and rows of each."""

import datetime as dt
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.ledger import year_start
from bizosaas_xero.sandbox.ledger.posting import ACCRUAL, CASH, ZERO
from bizosaas_xero.sandbox.reports import aged, layout, monthly
from bizosaas_xero.sandbox.reports.layout import EARNINGS_ID, Column, format_long_date
from bizosaas_xero.sandbox.reports.sums import DAY, LedgerSums, TrackingFilter, month_end, months_before
from bizosaas_xero.sandbox.switches import Switches

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.ledger.company import Company

MAX_PERIOD_DAYS = 365
MAX_TRACKING_COLUMNS = 1000
_EARNINGS_IDS = {"zero": EARNINGS_ID, "abababab": "abababab-abab-abab-abab-abababababab", "absent": ""}
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


class ReportError(ValueError):
    """Xero would refuse a parameter."""


@dataclass(frozen=True)
class ReportRequest:
    """One request for a report.

    Attributes:
        store: The books.
        query: Parameters by name in lower case.
        switches: The switches of the sandbox.
        sums: Returns the sums of a basis.
    """

    store: "Company"
    query: Mapping[str, str]
    switches: Switches
    sums: Callable[[str], LedgerSums]

    def date(self, name: str, default: dt.date) -> dt.date:
        """Return a date parameter; SDKs may add a time."""
        text = self.query.get(name.lower(), "").strip()
        try:
            return dt.date.fromisoformat(text[:10]) if text else default
        except ValueError:
            raise ReportError(f"{name} '{text}' is not a valid date") from None

    def flag(self, name: str) -> bool:
        """Return a true-or-false parameter."""
        return self.query.get(name.lower(), "").strip().lower() == "true"

    def periods(self) -> tuple[int, int]:
        """Return how many earlier periods to compare with, and the months between two of them."""
        text, max_periods = self.query.get("periods", "").strip(), self.switches.report_periods_max
        if text and not (text.isdecimal() and 1 <= int(text) <= max_periods):
            raise ReportError(f"periods must be an integer between 1 and {max_periods}")
        frame = self.query.get("timeframe", "").strip().upper() or "MONTH"
        if frame not in _MONTHS:
            raise ReportError(f"timeframe must be one of {', '.join(_MONTHS)}")
        return int(text or 0), _MONTHS[frame]

    def period(self) -> tuple[dt.date, dt.date]:
        """Return the first and last day of the request; the current month by default."""
        today = self.store.today()
        since, to = self.date("fromDate", today.replace(day=1)), self.date("toDate", month_end(today))
        if since > to:
            raise ReportError("fromDate must not be after toDate")
        return since, to

    def ledger_sums(self) -> LedgerSums:
        """Return the sums of the requested basis."""
        return self.sums(CASH if self.flag("paymentsOnly") else ACCRUAL)


class ReportDefinition(NamedTuple):
    """One report: its name, its scope, and the function that makes titles and rows."""

    name: str
    scope: str
    make: Callable[[ReportRequest], tuple[list[str], list[Row]]]


def _tracking_options(request: ReportRequest, category: str, option: str) -> list[tuple[str, str, str | None]] | None:
    """Return name, category and option of each tracking column; None when the request names none."""
    category_id, option_id = (request.query.get(name.lower(), "").strip().lower() for name in (category, option))
    if option_id and not category_id:
        raise ReportError(f"{category} must be provided if a {option} is provided.")
    if not category_id:
        return None
    table = request.store.table("TrackingCategories")
    slot = table.find(category_id)
    if slot is None:
        raise ReportError(f"{category} '{category_id}' does not exist")
    row = table.peek(slot)
    guid = row["TrackingCategoryID"]
    options = [(o["Name"], guid, o["TrackingOptionID"]) for o in row["Options"]]
    if not option_id:
        return [*options, ("Unassigned", guid, None)]
    chosen_options = [candidate for candidate in options if candidate[2] == option_id]
    if not chosen_options:
        raise ReportError(f"{option} '{option_id}' does not exist")
    return chosen_options


def _profit_and_loss(request: ReportRequest) -> tuple[list[str], list[Row]]:
    since, to = request.period()
    if (to - since).days > MAX_PERIOD_DAYS:
        raise ReportError(f"fromDate and toDate must be within {MAX_PERIOD_DAYS} days of each other")
    count, months = request.periods()
    sums = request.ledger_sums()
    tracked = [_tracking_options(request, f"trackingCategoryID{n}", f"trackingOptionID{n}") for n in ("", "2")]
    chosen = [options for options in tracked if options is not None]
    if not chosen:
        # the same days of each earlier month: 30 days of a month of 31 when the base has 30
        spans = [(months_before(since, n * months), months_before(to, n * months)) for n in range(count + 1)]
        columns = [Column(f"{b.day} {b:%b %y}", sums.movements(a, b), a, b) for a, b in spans]
    elif count:
        raise ReportError("periods and tracking categories cannot be combined here")
    else:
        columns = _tracking_columns(sums, chosen, since, to)
    company = request.store.organisation
    # in the United States and in Australian demo companies each currency account has its own row
    fx_rows_apart = company["CountryCode"] == "US" or (company["CountryCode"] == "AU" and company["IsDemoCompany"])
    rows = layout.profit_and_loss(sums.accounts, columns, group_fx=not fx_rows_apart)
    return ["Profit & Loss", company["Name"], f"{format_long_date(since)} to {format_long_date(to)}"], rows


def _tracking_columns(
    sums: LedgerSums, chosen: list[list[tuple[str, str, str | None]]], since: dt.date, to: dt.date
) -> list[Column]:
    combined = list(itertools.product(*chosen))
    if len(combined) > MAX_TRACKING_COLUMNS:
        raise ReportError(f"The report has more than {MAX_TRACKING_COLUMNS} tracking columns")
    columns = []
    for combination in combined:
        tracking_filter: TrackingFilter = tuple((category, option) for _, category, option in combination)
        title = ", ".join(name for name, _, _ in combination)
        columns.append(Column(title, sums.movements(since, to, tracking_filter), since, to))
    if len(combined) > 1:
        totals = {guid: sum((column.amounts[guid] for column in columns), ZERO) for guid in columns[0].amounts}
        columns.append(Column("Total", totals, since, to))
    return columns


def _balance_sheet(request: ReportRequest) -> tuple[list[str], list[Row]]:
    store, sums = request.store, request.ledger_sums()
    day = month_end(request.date("date", store.today()))
    count, months = request.periods()
    # without periods: the same month a year before
    steps = [n * months for n in range(count + 1)] if count else [0, 12]
    tracking_filter = tuple(_find_option(request, name) for name in ("trackingOptionID1", "trackingOptionID2")
                   if request.query.get(name.lower()))  # fmt: skip
    columns, years = [], []
    for step in steps:
        end = month_end(months_before(day, step))
        years.append(year_start(store.organisation, end))
        amounts = sums.trial_balances(end, tracking_filter)
        amounts[EARNINGS_ID] = -sums.profit(years[-1], end, tracking_filter)
        columns.append(Column(f"{end.day} {end:%b %Y}", amounts, years[-1], end))
    retained, earnings_id = store.system_account("RETAINEDEARNINGS"), _EARNINGS_IDS[request.switches.earnings_id]
    rows = layout.balance_sheet(sums.accounts, columns, years, retained, earnings_id)
    return ["Balance Sheet", store.organisation["Name"], f"As at {format_long_date(day)}"], rows


def _find_option(request: ReportRequest, name: str) -> tuple[str, str]:
    option_id = request.query[name.lower()].strip().lower()
    for row in request.store.rows("TrackingCategories"):
        if any(option["TrackingOptionID"] == option_id for option in row["Options"]):
            return row["TrackingCategoryID"], option_id
    raise ReportError(f"{name} '{option_id}' does not exist")


def _trial_balance(request: ReportRequest) -> tuple[list[str], list[Row]]:
    store, sums = request.store, request.ledger_sums()
    day = request.date("date", store.today())
    first = day.replace(day=1)
    month = {guid: sums.movement(guid, first, day) for guid in sums.accounts}
    before = year_start(store.organisation, day) - DAY
    rows = layout.trial_balance(
        sums.accounts, month, sums.trial_balances(day), store.system_account("RETAINEDEARNINGS"), before
    )
    return ["Trial Balance", store.organisation["Name"], f"As at {format_long_date(day)}"], rows


def _aged(request: ReportRequest, *, sales: bool) -> tuple[list[str], list[Row]]:
    store, contact = request.store, request.query.get("contactid", "").strip().lower()
    if not contact:
        raise ReportError("contactID must be provided")
    name = store.peek("Contacts", contact)["Name"]
    day = request.date("date", month_end(store.today()))
    aged_items = aged.read_aged_items(store, request.sums(ACCRUAL), contact, day, sales=sales)
    since = request.date("fromDate", min((item.date for item in aged_items), default=store.conversion_date))
    to = request.date("toDate", day)
    if since > to:
        raise ReportError("fromDate must not be after toDate")
    gap = {"T": "T", "space": " "}[request.switches.aged_dates]
    dated = f"From {format_long_date(since)} to {format_long_date(to)}"
    titles = ["Invoices", name, dated, f"Showing payments to {format_long_date(day)}"]
    return titles, aged.aged_rows(aged_items, since, to, day, sales=sales, gap=gap)


def _bank_summary(request: ReportRequest) -> tuple[list[str], list[Row]]:
    since, to = request.period()
    titles = [
        "Bank Summary",
        request.store.organisation["Name"],
        f"From {format_long_date(since)} to {format_long_date(to)}",
    ]
    return titles, monthly.bank_summary(request.sums(ACCRUAL), since, to)


def _executive_summary(request: ReportRequest) -> tuple[list[str], list[Row]]:
    day = request.date("date", request.store.today())
    titles = ["Executive Summary", request.store.organisation["Name"], f"For the month of {day:%B %Y}"]
    return titles, monthly.executive_summary(request.store, request.sums(ACCRUAL), day)


REPORTS: dict[str, ReportDefinition] = {
    "ProfitAndLoss": ReportDefinition("Profit and Loss", "profitandloss", _profit_and_loss),
    "BalanceSheet": ReportDefinition("Balance Sheet", "balancesheet", _balance_sheet),
    "TrialBalance": ReportDefinition("Trial Balance", "trialbalance", _trial_balance),
    "AgedReceivablesByContact": ReportDefinition(
        "Aged Receivables By Contact", "aged", lambda request: _aged(request, sales=True)
    ),
    "AgedPayablesByContact": ReportDefinition(
        "Aged Payables By Contact", "aged", lambda request: _aged(request, sales=False)
    ),
    "BankSummary": ReportDefinition("Bank Summary", "banksummary", _bank_summary),
    "ExecutiveSummary": ReportDefinition("Executive Summary", "executivesummary", _executive_summary),
}
