"""One table: every report, what may be asked of it, and what its titles and rows are."""

import datetime as dt
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.ledger import ACCRUAL, CASH, ZERO, year_start
from bizosaas_xero.sandbox.oauth.apps import Switches
from bizosaas_xero.sandbox.reports import aged, layout, monthly
from bizosaas_xero.sandbox.reports.layout import NOBODY, Column, long_date
from bizosaas_xero.sandbox.reports.sums import DAY, Sums, Wanted, month_end, months_before

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.ledger.company import Company

LONGEST_DAYS = 365
MOST_COLUMNS = 1000
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


class ReportError(ValueError):
    """A parameter that Xero refuses."""


@dataclass(frozen=True)
class Asked:
    """One request for a report.

    Attributes:
        store: The books.
        query: Parameters by name in lower case.
        switches: What is not known about Xero.
        sums: The sums of a basis.
    """

    store: "Company"
    query: Mapping[str, str]
    switches: Switches
    sums: Callable[[str], Sums]

    def date(self, name: str, default: dt.date) -> dt.date:
        """Return a date parameter; SDKs may send a time behind it."""
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
        text, most = self.query.get("periods", "").strip(), self.switches.report_periods_max
        if text and not (text.isdecimal() and 1 <= int(text) <= most):
            raise ReportError(f"periods must be an integer between 1 and {most}")
        frame = self.query.get("timeframe", "").strip().upper() or "MONTH"
        if frame not in _MONTHS:
            raise ReportError(f"timeframe must be one of {', '.join(_MONTHS)}")
        return int(text or 0), _MONTHS[frame]

    def span(self) -> tuple[dt.date, dt.date]:
        """Return the first and last day asked for; the current month by default."""
        today = self.store.today()
        since, to = self.date("fromDate", today.replace(day=1)), self.date("toDate", month_end(today))
        if since > to:
            raise ReportError("fromDate must not be after toDate")
        return since, to

    def book(self) -> Sums:
        """Return the sums of the basis asked for."""
        return self.sums(CASH if self.flag("paymentsOnly") else ACCRUAL)


class Report(NamedTuple):
    """One report: what Xero calls it, its own scope, and what makes its titles and rows."""

    name: str
    scope: str
    make: Callable[[Asked], tuple[list[str], list[Row]]]


def _options(asked: Asked, category: str, option: str) -> list[tuple[str, str, str | None]] | None:
    """Return name, category and option of each tracking column; None when none are asked for."""
    chosen, one = (asked.query.get(name.lower(), "").strip().lower() for name in (category, option))
    if one and not chosen:
        raise ReportError(f"{category} must be provided if a {option} is provided.")
    if not chosen:
        return None
    table = asked.store.table("TrackingCategories")
    slot = table.find(chosen)
    if slot is None:
        raise ReportError(f"{category} '{chosen}' does not exist")
    row = table.peek(slot)
    guid = row["TrackingCategoryID"]
    options = [(o["Name"], guid, o["TrackingOptionID"]) for o in row["Options"]]
    if not one:
        return [*options, ("Unassigned", guid, None)]
    found = [each for each in options if each[2] == one]
    if not found:
        raise ReportError(f"{option} '{one}' does not exist")
    return found


def _profit_and_loss(asked: Asked) -> tuple[list[str], list[Row]]:
    since, to = asked.span()
    if (to - since).days > LONGEST_DAYS:
        raise ReportError(f"fromDate and toDate must be within {LONGEST_DAYS} days of each other")
    count, months = asked.periods()
    sums = asked.book()
    tracked = [_options(asked, f"trackingCategoryID{n}", f"trackingOptionID{n}") for n in ("", "2")]
    chosen = [options for options in tracked if options is not None]
    if not chosen:
        # the same days of each earlier month: 30 days of a month of 31 when the base has 30
        spans = [(months_before(since, n * months), months_before(to, n * months)) for n in range(count + 1)]
        columns = [Column(f"{b.day} {b:%b %y}", sums.movements(a, b), a, b) for a, b in spans]
    elif count:
        raise ReportError("periods and tracking categories cannot be combined here")
    else:
        columns = _tracked(sums, chosen, since, to)
    company = asked.store.organisation
    # in the United States, and in Australian demo companies, each currency account has its own row
    apart = company["CountryCode"] == "US" or (company["CountryCode"] == "AU" and company["IsDemoCompany"])
    rows = layout.profit_and_loss(sums.accounts, columns, group_fx=not apart)
    return ["Profit & Loss", company["Name"], f"{long_date(since)} to {long_date(to)}"], rows


def _tracked(sums: Sums, chosen: list[list[tuple[str, str, str | None]]], since: dt.date, to: dt.date) -> list[Column]:
    combined = list(itertools.product(*chosen))
    if len(combined) > MOST_COLUMNS:
        raise ReportError(f"The report has more than {MOST_COLUMNS} tracking columns")
    columns = []
    for each in combined:
        wanted: Wanted = tuple((category, option) for _, category, option in each)
        title = ", ".join(name for name, _, _ in each)
        columns.append(Column(title, sums.movements(since, to, wanted), since, to))
    if len(combined) > 1:
        whole = {guid: sum((column.amounts[guid] for column in columns), ZERO) for guid in columns[0].amounts}
        columns.append(Column("Total", whole, since, to))
    return columns


def _balance_sheet(asked: Asked) -> tuple[list[str], list[Row]]:
    store, sums = asked.store, asked.book()
    day = month_end(asked.date("date", store.today()))
    count, months = asked.periods()
    # without periods: the same month a year before
    steps = [n * months for n in range(count + 1)] if count else [0, 12]
    wanted = tuple(_any_option(asked, name) for name in ("trackingOptionID1", "trackingOptionID2")
                   if asked.query.get(name.lower()))  # fmt: skip
    columns, years = [], []
    for step in steps:
        end = month_end(months_before(day, step))
        years.append(year_start(store.organisation, end))
        amounts = sums.trial(end, wanted)
        amounts[NOBODY] = -sums.profit(years[-1], end, wanted)
        columns.append(Column(f"{end.day} {end:%b %Y}", amounts, years[-1], end))
    rows = layout.balance_sheet(sums.accounts, columns, years, store.system_account("RETAINEDEARNINGS"))
    return ["Balance Sheet", store.organisation["Name"], f"As at {long_date(day)}"], rows


def _any_option(asked: Asked, name: str) -> tuple[str, str]:
    one = asked.query[name.lower()].strip().lower()
    for row in asked.store.rows("TrackingCategories"):
        if any(option["TrackingOptionID"] == one for option in row["Options"]):
            return row["TrackingCategoryID"], one
    raise ReportError(f"{name} '{one}' does not exist")


def _trial_balance(asked: Asked) -> tuple[list[str], list[Row]]:
    store, sums = asked.store, asked.book()
    day = asked.date("date", store.today())
    first = day.replace(day=1)
    month = {guid: sums.movement(guid, first, day) for guid in sums.accounts}
    before = year_start(store.organisation, day) - DAY
    rows = layout.trial_balance(sums.accounts, month, sums.trial(day), store.system_account("RETAINEDEARNINGS"), before)
    return ["Trial Balance", store.organisation["Name"], f"As at {long_date(day)}"], rows


def _aged(asked: Asked, *, sales: bool) -> tuple[list[str], list[Row]]:
    store, contact = asked.store, asked.query.get("contactid", "").strip().lower()
    if not contact:
        raise ReportError("contactID must be provided")
    name = store.look("Contacts", contact)["Name"]
    day = asked.date("date", month_end(store.today()))
    found = aged.items(store, asked.sums(ACCRUAL), contact, day, sales=sales)
    since = asked.date("fromDate", min((item.date for item in found), default=store.opened))
    to = asked.date("toDate", day)
    if since > to:
        raise ReportError("fromDate must not be after toDate")
    gap = {"T": "T", "space": " "}[asked.switches.aged_dates]
    dated = f"From {long_date(since)} to {long_date(to)}"
    titles = ["Invoices", name, dated, f"Showing payments to {long_date(day)}"]
    return titles, aged.aged(found, since, to, day, sales=sales, gap=gap)


def _bank_summary(asked: Asked) -> tuple[list[str], list[Row]]:
    since, to = asked.span()
    titles = ["Bank Summary", asked.store.organisation["Name"], f"From {long_date(since)} to {long_date(to)}"]
    return titles, monthly.bank_summary(asked.sums(ACCRUAL), since, to)


def _executive_summary(asked: Asked) -> tuple[list[str], list[Row]]:
    day = asked.date("date", asked.store.today())
    titles = ["Executive Summary", asked.store.organisation["Name"], f"For the month of {day:%B %Y}"]
    return titles, monthly.executive_summary(asked.store, asked.sums(ACCRUAL), day)


REPORTS: dict[str, Report] = {
    "ProfitAndLoss": Report("Profit and Loss", "profitandloss", _profit_and_loss),
    "BalanceSheet": Report("Balance Sheet", "balancesheet", _balance_sheet),
    "TrialBalance": Report("Trial Balance", "trialbalance", _trial_balance),
    "AgedReceivablesByContact": Report("Aged Receivables By Contact", "aged", lambda asked: _aged(asked, sales=True)),
    "AgedPayablesByContact": Report("Aged Payables By Contact", "aged", lambda asked: _aged(asked, sales=False)),
    "BankSummary": Report("Bank Summary", "banksummary", _bank_summary),
    "ExecutiveSummary": Report("Executive Summary", "executivesummary", _executive_summary),
}
