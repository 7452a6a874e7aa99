"""The ledger: the postings of every document, updated as documents change.

A document posts while it is approved; a void undoes it at its own date, so that nothing remains.
Amounts are in base currency, debit positive. Each posting belongs to the accrual basis, the cash basis or
both: on the cash basis a sale counts when it is paid, in proportion, and there are no receivables.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.books import LedgerBooks
from bizosaas_xero.sandbox.ledger.posting import ACCRUAL, CASH, ZERO, Posting
from bizosaas_xero.sandbox.ledger.posting_rules import POSTING_RULES, affected_documents, conversion_postings


class Ledger:
    """All postings of one organisation. Only changed documents are computed again.

    Args:
        store: The books.
    """

    def __init__(self, store: LedgerBooks) -> None:
        self._store = store
        self._entries: dict[tuple[str, str], tuple[Posting, ...]] = {}
        self._read: dict[str, int] = {}

    def postings(self, basis: str = ACCRUAL) -> Iterator[Posting]:
        """Iterate over the postings of a basis (`accrual` or `cash`), in no particular order."""
        with self._store.lock:
            self._refresh()
            entries = list(self._entries.values())
        other = CASH if basis == ACCRUAL else ACCRUAL
        for entry in entries:
            for posting in entry:
                if posting.basis != other:
                    yield posting

    def postings_of(self, entity: str, guid: str, basis: str = ACCRUAL) -> tuple[Posting, ...]:
        """Return the postings of one document, with the payments and allocations that settle it."""
        with self._store.lock:
            self._refresh()
            entry = self._entries.get((entity, guid), ())
        other = CASH if basis == ACCRUAL else ACCRUAL
        return tuple(posting for posting in entry if posting.basis != other)

    def balances(self, to: dt.date, basis: str = ACCRUAL, since: dt.date | None = None) -> dict[str, Decimal]:
        """Return the movement of every account from `since` (default: ever) to a day, both included."""
        return sum_by_account(self.postings(basis), to, since)

    def trial_balance(self, to: dt.date, basis: str = ACCRUAL) -> dict[str, Decimal]:
        """Return every account's balance on a day as a trial balance shows it.

        Revenue and expense accounts start at zero each financial year; the profit of earlier years is in
        retained earnings.
        """
        store, start = self._store, year_start(self._store.organisation, to)
        profit_accounts = {
            row["AccountID"] for row in store.rows("Accounts") if row.get("Class") in {"REVENUE", "EXPENSE"}
        }
        balances, this_year = (
            defaultdict(lambda: ZERO, self.balances(to, basis)),
            self.balances(to, basis, start),
        )
        retained = store.system_account("RETAINEDEARNINGS")
        for account in profit_accounts & set(balances):
            balances[retained] += balances[account] - this_year.get(account, ZERO)
            balances[account] = this_year.get(account, ZERO)
        return {account: amount for account, amount in balances.items() if amount}

    def revaluations(self, day: dt.date) -> list[Posting]:
        """Return the difference between the value of foreign money on a day and its book value.

        Open receivables and payables go against unrealised gains, bank accounts against bank revaluations, at
        the sandbox's own table of rates. They are made for reports only, as at Xero.
        """
        store = self._store
        watched = {store.system_account(name): "UNREALISEDCURRENCYGAIN" for name in ("DEBTORS", "CREDITORS")}
        watched |= {row["AccountID"]: "BANKCURRENCYGAIN" for row in store.rows("Accounts") if row["Type"] == "BANK"}
        base: defaultdict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
        abroad: defaultdict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
        for posting in self.postings():
            if posting.currency and posting.account_id in watched and posting.date <= day:
                key = posting.account_id, posting.currency
                base[key] += posting.amount
                abroad[key] += posting.foreign or ZERO
        postings: list[Posting] = []
        for (account, currency), amount in abroad.items():
            change = xero_json.round_to_cents(amount / store.rate(currency, day)) - base[account, currency]
            if change:
                gain = store.system_account(watched[account])
                postings += [
                    Posting(day, account, change, "Revaluations", "", currency=currency),
                    Posting(day, gain, -change, "Revaluations", "", currency=currency),
                ]
        return postings

    def _refresh(self) -> None:
        store = self._store
        if not self._read:
            self._entries["ConversionBalances", ""] = tuple(conversion_postings(store))
        dirty: dict[tuple[str, str], None] = {}
        for entity in (*POSTING_RULES, "Payments"):
            table = store.table(entity)
            already_read, last = self._read.get(entity), len(table.touched)
            self._read[entity] = last
            if already_read is None and entity == "Payments":
                continue  # the documents that they settle are all dirty
            for slot in table.by_id if already_read is None else table.touched[already_read:last]:
                dirty |= affected_documents(store, entity, table.id(slot), slot, first=already_read is None)
        for entity, guid in dirty:
            table = store.table(entity)
            found_slot = table.find(guid)
            entry = tuple(POSTING_RULES[entity](store, table.peek(found_slot))) if found_slot is not None else ()
            if entry:
                self._entries[entity, guid] = entry
            else:
                self._entries.pop((entity, guid), None)


def sum_by_account(postings: Iterable[Posting], to: dt.date, since: dt.date | None = None) -> dict[str, Decimal]:
    """Add up postings by account, from `since` (default: ever) to a day, both included."""
    totals: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    for posting in postings:
        if posting.date <= to and (since is None or posting.date >= since):
            totals[posting.account_id] += posting.amount
    return dict(totals)


def year_start(organisation: Row, day: dt.date) -> dt.date:
    """Return the first day of the financial year that a day is in."""
    month, last = int(organisation["FinancialYearEndMonth"]), int(organisation["FinancialYearEndDay"])
    for year in (day.year, day.year - 1):
        start = _last_day(year, month, last) + dt.timedelta(1)
        if start <= day:
            return start
    return _last_day(day.year - 2, month, last) + dt.timedelta(1)


def _last_day(year: int, month: int, day: int) -> dt.date:
    last = dt.date(year + month // 12, month % 12 + 1, 1) - dt.timedelta(1)
    return last.replace(day=min(day, last.day))
