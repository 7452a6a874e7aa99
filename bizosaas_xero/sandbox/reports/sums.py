"""The arithmetic of reports: the ledger added up once, asked for any day afterwards."""

import calendar
import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.ledger import ZERO, year_start

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.ledger.company import Company

DAY = dt.timedelta(1)
FX_ACCOUNTS = {"BANKCURRENCYGAIN", "UNREALISEDCURRENCYGAIN", "REALISEDCURRENCYGAIN"}
_PROFIT = {"REVENUE", "EXPENSE"}
_DOCUMENTS = {"Invoices", "CreditNotes"}
_REVALUED = {"DEBTORS": "UNREALISEDCURRENCYGAIN", "CREDITORS": "UNREALISEDCURRENCYGAIN"}

# category id and option id that a line must carry; None for the option: it must carry none of that category
Wanted = tuple[tuple[str, str | None], ...]
Tracking = tuple[tuple[str, str], ...]
Movements = defaultdict[dt.date, Decimal]


class Running(NamedTuple):
    """An amount that changes over time: the days on which it does, and what it is from then on."""

    days: list[dt.date]
    totals: list[Decimal]

    def on(self, day: dt.date) -> Decimal:
        """Return the amount at the end of a day."""
        place = bisect_right(self.days, day)
        return self.totals[place - 1] if place else ZERO


def running(movements: Mapping[dt.date, Decimal]) -> Running:
    """Add up movements in order of their days."""
    days, totals, total = sorted(movements), [], ZERO
    for day in days:
        total += movements[day]
        totals.append(total)
    return Running(days, totals)


class Sums:
    """The balances of every account on every day, on one basis.

    Args:
        store: The books; their ledger is read once.
        basis: `accrual` or `cash`.

    Attributes:
        accounts: The chart, by account id.
        documents: Invoices and credit notes that posted: contact id, control account, entity, id.
        issued: Sales invoices: how many a day, and what they come to.
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
        foreign: defaultdict[tuple[str, str], tuple[Movements, Movements]] = defaultdict(_two)
        flows: defaultdict[tuple[str, bool, bool], Movements] = defaultdict(_movements)
        self.documents: defaultdict[tuple[str | None, str], dict[tuple[str, str], None]] = defaultdict(dict)
        count, value = _two()
        debtors = store.system_account("DEBTORS")
        for p in store.ledger.postings(basis):
            moves[p.account_id, p.tracking][p.date] += p.amount
            if p.account_id in self._gain_of:
                if p.source in _DOCUMENTS:
                    self.documents[p.contact_id, p.account_id][p.source, p.source_id] = None
                    if p.source == "Invoices" and p.account_id == debtors:
                        count[p.date] += 1
                        value[p.date] += p.amount
                if p.currency:
                    base, abroad = foreign[p.account_id, p.currency]
                    base[p.date] += p.amount
                    abroad[p.date] += p.foreign or ZERO
                if p.account_id in banks:
                    # what the books began with is a balance, not a flow
                    kind = p.source if p.source in {"BankTransfers", "ConversionBalances"} else ""
                    if kind != "ConversionBalances":
                        flows[p.account_id, p.amount > 0, bool(kind)][p.date] += p.amount
        self._moves: defaultdict[str, dict[Tracking, Running]] = defaultdict(dict)
        for (account, tracking), movements in moves.items():
            self._moves[account][tracking] = running(movements)
        self._foreign = {key: (running(base), running(abroad)) for key, (base, abroad) in foreign.items()}
        self._flows = {key: running(movements) for key, movements in flows.items()}
        self.issued = running(count), running(value)
        self._revalued: dict[dt.date, dict[str, Decimal]] = {}

    def booked(self, account: str, day: dt.date, wanted: Wanted = ()) -> Decimal:
        """Return what the ledger holds at the end of a day, debit positive."""
        lines = self._moves.get(account, {})
        return sum((each.on(day) for tracking, each in lines.items() if _fits(tracking, wanted)), ZERO)

    def balance(self, account: str, day: dt.date, wanted: Wanted = ()) -> Decimal:
        """Return a balance with foreign money at that day's rate; gains are untracked, as at Xero."""
        total = self.booked(account, day, wanted)
        if all(option is None for _, option in wanted):
            total += self._revaluation(day).get(account, ZERO)
        return total

    def movement(self, account: str, since: dt.date, to: dt.date, wanted: Wanted = ()) -> Decimal:
        """Return how a balance changed between two days, both included."""
        return self.balance(account, to, wanted) - self.balance(account, since - DAY, wanted)

    def movements(self, since: dt.date, to: dt.date, wanted: Wanted = ()) -> dict[str, Decimal]:
        """Return how each profit and loss account changed."""
        return {
            guid: self.movement(guid, since, to, wanted)
            for guid, row in self.accounts.items()
            if row.get("Class") in _PROFIT
        }

    def profit(self, since: dt.date, to: dt.date, wanted: Wanted = ()) -> Decimal:
        """Return the profit between two days; a loss is negative."""
        return -sum(self.movements(since, to, wanted).values(), ZERO)

    def trial(self, day: dt.date, wanted: Wanted = ()) -> dict[str, Decimal]:
        """Return each balance of a trial balance: this year's profit by account, earlier years' retained."""
        since = year_start(self._store.organisation, day)
        retained = self._store.system_account("RETAINEDEARNINGS")
        found = {
            guid: self.balance(guid, day, wanted) - self.balance(guid, since - DAY, wanted)
            if row.get("Class") in _PROFIT
            else self.balance(guid, day, wanted)
            for guid, row in self.accounts.items()
        }
        found[retained] -= self.profit(dt.date.min + DAY, since - DAY, wanted)
        return found

    def flow(self, account: str, since: dt.date, to: dt.date, *, transfers: bool = True) -> tuple[Decimal, Decimal]:
        """Return what a bank account received and spent between two days, both positive."""
        found = []
        for received in (True, False):
            total = ZERO
            for kind in (False, True) if transfers else (False,):
                each = self._flows.get((account, received, kind))
                total += each.on(to) - each.on(since - DAY) if each else ZERO
            found.append(abs(total))
        return found[0], found[1]

    def _revaluation(self, day: dt.date) -> dict[str, Decimal]:
        if day not in self._revalued:
            found: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
            for (account, currency), (base, abroad) in self._foreign.items():
                left = abroad.on(day)
                change = (
                    xero_json.cents(left / self._store.rate(currency, day)) - base.on(day) if left else -base.on(day)
                )
                found[account] += change
                found[self._store.system_account(self._gain_of[account])] -= change
            self._revalued[day] = found
        return self._revalued[day]


def _movements() -> Movements:
    return defaultdict(lambda: ZERO)


def _two() -> tuple[Movements, Movements]:
    return _movements(), _movements()


def _fits(tracking: Tracking, wanted: Wanted) -> bool:
    if not wanted:
        return True
    carried = dict(tracking)
    return all(carried.get(category) == option for category, option in wanted)


def month_end(day: dt.date) -> dt.date:
    """Return the last day of a month."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def months_before(day: dt.date, months: int) -> dt.date:
    """Return the same day of an earlier month, or its last day when it is shorter."""
    index = day.year * 12 + day.month - 1 - months
    first = dt.date(index // 12, index % 12 + 1, 1)
    return first.replace(day=min(day.day, month_end(first).day))


def chart(accounts: Iterable[Row]) -> list[Row]:
    """Return accounts in the order in which reports list them: by name."""
    return sorted(accounts, key=lambda row: (str(row["Name"]).casefold(), str(row.get("Code", ""))))
