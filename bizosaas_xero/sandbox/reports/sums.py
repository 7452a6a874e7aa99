"""The sums of reports: the ledger added up once, then read for any day."""

import calendar
import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.ledger import year_start
from bizosaas_xero.sandbox.ledger.posting import ZERO

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.ledger.company import Company

DAY = dt.timedelta(1)
FX_ACCOUNTS = {"BANKCURRENCYGAIN", "UNREALISEDCURRENCYGAIN", "REALISEDCURRENCYGAIN"}
_PROFIT_CLASSES = {"REVENUE", "EXPENSE"}
_DOCUMENT_SOURCES = {"Invoices", "CreditNotes"}
_REVALUED = {"DEBTORS": "UNREALISEDCURRENCYGAIN", "CREDITORS": "UNREALISEDCURRENCYGAIN"}

# category id and option id that a line must have; None as option: it must have no option of that category
TrackingFilter = tuple[tuple[str, str | None], ...]
Tracking = tuple[tuple[str, str], ...]
Movements = defaultdict[dt.date, Decimal]


class RunningTotal(NamedTuple):
    """An amount over time: the days on which it changes, and its value from each of them on."""

    days: list[dt.date]
    totals: list[Decimal]

    def total_on(self, day: dt.date) -> Decimal:
        """Return the amount at the end of a day."""
        position = bisect_right(self.days, day)
        return self.totals[position - 1] if position else ZERO


def running_total(movements: Mapping[dt.date, Decimal]) -> RunningTotal:
    """Add up movements in order of their days."""
    days, totals, total = sorted(movements), [], ZERO
    for day in days:
        total += movements[day]
        totals.append(total)
    return RunningTotal(days, totals)


class LedgerSums:
    """The balances of every account on every day, on one basis.

    Args:
        store: The books; their ledger is read once.
        basis: `accrual` or `cash`.

    Attributes:
        accounts: The chart, by account id.
        documents: Invoices and credit notes with postings, by contact id and control account.
        invoices_issued: Sales invoices: their number and their value by day.
    """

    def __init__(self, store: "Company", basis: str) -> None:
        self._store = store
        self.accounts = {row["AccountID"]: row for row in store.rows("Accounts")}
        self._gain_of = {
            guid: "BANKCURRENCYGAIN" if row["Type"] == "BANK" else _REVALUED[row["SystemAccount"]]
            for guid, row in self.accounts.items()
            if row["Type"] == "BANK" or row.get("SystemAccount") in _REVALUED
        }
        banks = {guid for guid, row in self.accounts.items() if row["Type"] == "BANK"}
        moves: defaultdict[tuple[str, Tracking], Movements] = defaultdict(_movements)
        foreign: defaultdict[tuple[str, str], tuple[Movements, Movements]] = defaultdict(_movement_pair)
        flows: defaultdict[tuple[str, bool, bool], Movements] = defaultdict(_movements)
        self.documents: defaultdict[tuple[str | None, str], dict[tuple[str, str], None]] = defaultdict(dict)
        count, value = _movement_pair()
        debtors = store.system_account("DEBTORS")
        for p in store.ledger.postings(basis):
            moves[p.account_id, p.tracking][p.date] += p.amount
            if p.account_id in self._gain_of:
                if p.source in _DOCUMENT_SOURCES:
                    self.documents[p.contact_id, p.account_id][p.source, p.source_id] = None
                    if p.source == "Invoices" and p.account_id == debtors:
                        count[p.date] += 1
                        value[p.date] += p.amount
                if p.currency:
                    base, abroad = foreign[p.account_id, p.currency]
                    base[p.date] += p.amount
                    abroad[p.date] += p.foreign or ZERO
                if p.account_id in banks:
                    # opening balances are not a cash flow
                    kind = p.source if p.source in {"BankTransfers", "ConversionBalances"} else ""
                    if kind != "ConversionBalances":
                        flows[p.account_id, p.amount > 0, bool(kind)][p.date] += p.amount
        self._moves: defaultdict[str, dict[Tracking, RunningTotal]] = defaultdict(dict)
        for (account, tracking), movements in moves.items():
            self._moves[account][tracking] = running_total(movements)
        self._foreign = {key: (running_total(base), running_total(abroad)) for key, (base, abroad) in foreign.items()}
        self._flows = {key: running_total(movements) for key, movements in flows.items()}
        self.invoices_issued = running_total(count), running_total(value)
        self._revalued: dict[dt.date, dict[str, Decimal]] = {}

    def ledger_balance(self, account: str, day: dt.date, tracking_filter: TrackingFilter = ()) -> Decimal:
        """Return the ledger balance at the end of a day, debit positive."""
        lines = self._moves.get(account, {})
        return sum(
            (each.total_on(day) for tracking, each in lines.items() if _matches_tracking(tracking, tracking_filter)),
            ZERO,
        )

    def balance(self, account: str, day: dt.date, tracking_filter: TrackingFilter = ()) -> Decimal:
        """Return a balance with foreign money at that day's rate; gains are untracked, as at Xero."""
        total = self.ledger_balance(account, day, tracking_filter)
        if all(option is None for _, option in tracking_filter):
            total += self._revaluation(day).get(account, ZERO)
        return total

    def movement(self, account: str, since: dt.date, to: dt.date, tracking_filter: TrackingFilter = ()) -> Decimal:
        """Return how a balance changed between two days, both included."""
        return self.balance(account, to, tracking_filter) - self.balance(account, since - DAY, tracking_filter)

    def movements(self, since: dt.date, to: dt.date, tracking_filter: TrackingFilter = ()) -> dict[str, Decimal]:
        """Return how each profit and loss account changed."""
        return {
            guid: self.movement(guid, since, to, tracking_filter)
            for guid, row in self.accounts.items()
            if row.get("Class") in _PROFIT_CLASSES
        }

    def profit(self, since: dt.date, to: dt.date, tracking_filter: TrackingFilter = ()) -> Decimal:
        """Return the profit between two days; a loss is negative."""
        return -sum(self.movements(since, to, tracking_filter).values(), ZERO)

    def trial_balances(self, day: dt.date, tracking_filter: TrackingFilter = ()) -> dict[str, Decimal]:
        """Return each balance of a trial balance: this year's profit by account, earlier years' retained."""
        since = year_start(self._store.organisation, day)
        retained = self._store.system_account("RETAINEDEARNINGS")
        balances = {
            guid: self.balance(guid, day, tracking_filter) - self.balance(guid, since - DAY, tracking_filter)
            if row.get("Class") in _PROFIT_CLASSES
            else self.balance(guid, day, tracking_filter)
            for guid, row in self.accounts.items()
        }
        balances[retained] -= self.profit(dt.date.min + DAY, since - DAY, tracking_filter)
        return balances

    def cash_flow(
        self, account: str, since: dt.date, to: dt.date, *, transfers: bool = True
    ) -> tuple[Decimal, Decimal]:
        """Return the money that a bank account received and spent between two days, both positive."""
        totals = []
        for received in (True, False):
            total = ZERO
            for kind in (False, True) if transfers else (False,):
                flow = self._flows.get((account, received, kind))
                total += flow.total_on(to) - flow.total_on(since - DAY) if flow else ZERO
            totals.append(abs(total))
        return totals[0], totals[1]

    def _revaluation(self, day: dt.date) -> dict[str, Decimal]:
        if day not in self._revalued:
            changes: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
            for (account, currency), (base, abroad) in self._foreign.items():
                foreign_balance = abroad.total_on(day)
                change = (
                    xero_json.round_to_cents(foreign_balance / self._store.rate(currency, day)) - base.total_on(day)
                    if foreign_balance
                    else -base.total_on(day)
                )
                changes[account] += change
                changes[self._store.system_account(self._gain_of[account])] -= change
            self._revalued[day] = changes
        return self._revalued[day]


def _movements() -> Movements:
    return defaultdict(lambda: ZERO)


def _movement_pair() -> tuple[Movements, Movements]:
    return _movements(), _movements()


def _matches_tracking(tracking: Tracking, tracking_filter: TrackingFilter) -> bool:
    if not tracking_filter:
        return True
    carried = dict(tracking)
    return all(carried.get(category) == option for category, option in tracking_filter)


def month_end(day: dt.date) -> dt.date:
    """Return the last day of a month."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def months_before(day: dt.date, months: int) -> dt.date:
    """Return the same day of an earlier month, or its last day when it is shorter."""
    index = day.year * 12 + day.month - 1 - months
    first = dt.date(index // 12, index % 12 + 1, 1)
    return first.replace(day=min(day.day, month_end(first).day))


def sort_accounts(accounts: Iterable[Row]) -> list[Row]:
    """Return accounts in the order of reports: by name."""
    return sorted(accounts, key=lambda row: (str(row["Name"]).casefold(), str(row.get("Code", ""))))
