"""The books of one organisation as its ledger and its rules see them: chart, currencies, rates, locks."""

import datetime as dt
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.indexes import Index
from bizosaas_xero.sandbox.core.store import Store, Table
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.ledger import Ledger
from bizosaas_xero.sandbox.seed.documents import DAY_MS, SPAN_DAYS, Books

_EPOCH = dt.date(1970, 1, 1)
# account code to cents, debit positive: what the books were begun with; nets to zero
OPENING = (
    ("090", 60_000_00), ("091", 25_000_00), ("093", -1_500_00), ("710", 18_000_00), ("711", -6_000_00),
    ("720", 9_500_00), ("900", -40_000_00), ("970", -20_000_00), ("960", -45_000_00),
)  # fmt: skip


class Company(Store):
    """The books of one organisation.

    Args:
        books: What the seeded rows are computed by.
        tables: Entity to its rows.
        now_ms: The server's time, milliseconds since the epoch.

    Attributes:
        currency: The base currency.
        ledger: What all documents post.
        lock: Held while anything is written.
        opened: The day before all documents, on which the opening balances stand.
        opening: Account code and amount of each opening balance.
        history: What happened to each document, newest last.
        created_by: Ids of what each app made, by entity and the app's name.
        emailed: How many invoices were e-mailed on a day.
        email_cap: How many may be: none for a demo company, 20 on trial, 1,000 when it pays.
    """

    def __init__(self, books: Books, tables: Mapping[str, Table], now_ms: Callable[[], int]) -> None:
        super().__init__(tables, now_ms)
        self._books = books
        self.lock = threading.RLock()
        self.currency = books.organisation.currency
        self.opened = _EPOCH + dt.timedelta(books.today - SPAN_DAYS - 10)
        self.opening = tuple((code, xero_json.money(cents)) for code, cents in OPENING)
        self.ledger = Ledger(self)
        self.history: dict[tuple[str, str], list[Row]] = {}
        self.created_by: dict[tuple[str, str], set[str]] = {}
        self.emailed: dict[dt.date, int] = {}
        self.email_cap = {"DEMO": 0, "TRIAL": 20}.get(books.organisation.kind, 1000)
        self._indexes: dict[tuple[str, str], Index] = {}
        self._counters: dict[str, int] = {}
        self._chart_version = -1
        self._codes: dict[str, str] = {}
        self._system: dict[str, str] = {}
        self._currencies: dict[str, str] = {}

    def lock_period(self, name: str, day: dt.date | None) -> None:
        """Set or lift one of the two locks (`PeriodLockDate`, `EndOfYearLockDate`)."""
        row = self.get("Organisation", self.organisation["OrganisationID"])
        row.pop(name, None)
        if day is not None:
            row[name] = xero_json.of_day(day)
        self.put("Organisation", row)

    @property
    def organisation(self) -> Row:
        """The organisation's own row."""
        table = self.table("Organisation")
        return table.peek(table.by_id[0])

    def look(self, entity: str, guid: str) -> Row:
        """Return a row to look at; it is shared and must not be changed.

        Raises:
            KeyError: There is no such row.
        """
        table = self.table(entity)
        slot = table.find(guid)
        if slot is None:
            raise KeyError(guid)
        return table.peek(slot)

    def today(self) -> dt.date:
        """Return the day it is for the server."""
        return _EPOCH + dt.timedelta(self._now_ms() // DAY_MS)

    def rate(self, currency: str, day: dt.date) -> Decimal:
        """Return foreign units per base unit on a day, from the sandbox's fixed table of rates."""
        return self._books.rate(currency != self.currency, (day - _EPOCH).days)

    def account_id(self, code: str) -> str:
        """Return the id of an account by its code.

        Raises:
            KeyError: There is none.
        """
        self._read_chart()
        return self._codes[code]

    def account_by(self, line: Row) -> str:
        """Return the account of a line that does not name it by id; without any, the rounding account."""
        self._read_chart()
        return self._codes.get(str(line.get("AccountCode")), self._system["ROUNDING"])

    def system_account(self, name: str) -> str:
        """Return the id of one of Xero's own accounts, such as `DEBTORS`.

        Raises:
            KeyError: There is none.
        """
        self._read_chart()
        return self._system[name]

    def account_currency(self, guid: str) -> str:
        """Return the currency of a bank account; other accounts are in base currency."""
        self._read_chart()
        return self._currencies.get(guid, self.currency)

    def ids_by(self, entity: str, name: str, value: str) -> list[str]:
        """Return the ids of the rows whose field equals a text in lower case."""
        table = self.table(entity)
        index = self._indexes.get((entity, name))
        if index is None:
            index = self._indexes[entity, name] = Index(table, name)
        return [table.id(slot) for slot in index.slots(value)]

    def next_number(self, entity: str) -> int:
        """Return the next number for a document that brings none, as a counter that never goes back."""
        self._counters[entity] = self._counters.get(entity, len(self.table(entity).stamps)) + 1
        return self._counters[entity]

    def add_history(self, entity: str, guid: str, changes: str, details: str, user: str) -> Row:
        """Write a line into the history of a document and return it."""
        now = self._now_ms()
        record: Row = {
            "Changes": changes,
            "DateUTCString": xero_json.iso_second(now)[:-1],
            "DateUTC": xero_json.date(now),
            "User": user,
            "Details": details,
        }
        self.history.setdefault((entity, guid), []).append(record)
        return record

    def _read_chart(self) -> None:
        table = self.table("Accounts")
        if self._chart_version == table.version:
            return
        self._codes, self._system, self._currencies = {}, {}, {}
        for slot in table.by_id:
            row = table.peek(slot)
            if row.get("Code"):
                self._codes[row["Code"]] = row["AccountID"]
            if row.get("SystemAccount"):
                self._system[row["SystemAccount"]] = row["AccountID"]
            if row.get("CurrencyCode"):
                self._currencies[row["AccountID"]] = row["CurrencyCode"]
        self._chart_version = table.version
