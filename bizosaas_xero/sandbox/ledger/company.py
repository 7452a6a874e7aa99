"""The books of one organisation for its ledger and write rules: chart, currencies, rates, locks."""

import datetime as dt
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.indexes import FieldIndex
from bizosaas_xero.sandbox.core.store import Store
from bizosaas_xero.sandbox.core.table import Table
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.ledger import Ledger
from bizosaas_xero.sandbox.seed.documents import DAY_MS, SPAN_DAYS, SeededBooks

_EPOCH = dt.date(1970, 1, 1)
# opening balances: account code to cents, debit positive; nets to zero
OPENING_CENTS = (
    ("090", 60_000_00), ("091", 25_000_00), ("093", -1_500_00), ("710", 18_000_00), ("711", -6_000_00),
    ("720", 9_500_00), ("900", -40_000_00), ("970", -20_000_00), ("960", -45_000_00),
)  # fmt: skip


class Company(Store):
    """The books of one organisation.

    Args:
        books: Computes the seeded rows.
        tables: The rows of each entity.
        now_ms: The server's time, milliseconds since the epoch.

    Attributes:
        currency: The base currency.
        ledger: The postings of all documents.
        lock: Held while anything is written.
        conversion_date: The day of the opening balances, before all documents.
        opening_balances: Account code and amount of each opening balance.
        listings: By list, its rows with those that are mirrored into it, and the state they were made from.
        history: The history of each document, newest last.
        created_by: Ids of the rows that each app created, by entity and the app's name.
        emailed: How many invoices were e-mailed on a day.
        email_cap: The most e-mails a day: none for a demo company, 20 on trial, 1,000 when it pays.
    """

    def __init__(self, books: SeededBooks, tables: Mapping[str, Table], now_ms: Callable[[], int]) -> None:
        super().__init__(tables, now_ms)
        self._books = books
        self.lock = threading.RLock()
        self.currency = books.organisation.currency
        self.conversion_date = _EPOCH + dt.timedelta(books.today - SPAN_DAYS - 10)
        self.opening_balances = tuple((code, xero_json.from_cents(cents)) for code, cents in OPENING_CENTS)
        self.ledger = Ledger(self)
        self.listings: dict[str, tuple[tuple[int, int], Table]] = {}
        self.history: dict[tuple[str, str], list[Row]] = {}
        self.created_by: dict[tuple[str, str], set[str]] = {}
        self.emailed: dict[dt.date, int] = {}
        self.email_cap = {"DEMO": 0, "TRIAL": 20}.get(books.organisation.kind, 1000)
        self._indexes: dict[tuple[str, str], FieldIndex] = {}
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
            row[name] = xero_json.xero_date(day)
        self.put("Organisation", row)

    @property
    def organisation(self) -> Row:
        """The organisation's own row."""
        table = self.table("Organisation")
        return table.peek(table.by_id[0])

    def peek(self, entity: str, guid: str) -> Row:
        """Return a row for reading only; it is shared.

        Raises:
            KeyError: No row has this id.
        """
        table = self.table(entity)
        slot = table.find(guid)
        if slot is None:
            raise KeyError(guid)
        return table.peek(slot)

    def today(self) -> dt.date:
        """Return the current day of the server."""
        return _EPOCH + dt.timedelta(self._now_ms() // DAY_MS)

    def rate(self, currency: str, day: dt.date) -> Decimal:
        """Return foreign units per base unit on a day, from the sandbox's fixed table of rates."""
        return self._books.rate(currency != self.currency, (day - _EPOCH).days)

    def account_id(self, code: str) -> str:
        """Return the id of an account by its code.

        Raises:
            KeyError: It does not exist.
        """
        self._read_chart()
        return self._codes[code]

    def account_of_line(self, line: Row) -> str:
        """Return the account of a line that has no AccountID, by code; without a code the rounding account."""
        self._read_chart()
        return self._codes.get(str(line.get("AccountCode")), self._system["ROUNDING"])

    def system_account(self, name: str) -> str:
        """Return the id of one of Xero's own accounts, such as `DEBTORS`.

        Raises:
            KeyError: It does not exist.
        """
        self._read_chart()
        return self._system[name]

    def account_currency(self, guid: str) -> str:
        """Return the currency of a bank account; other accounts are in base currency."""
        self._read_chart()
        return self._currencies.get(guid, self.currency)

    def find_ids(self, entity: str, name: str, value: str) -> list[str]:
        """Return the ids of the rows whose field equals a text in lower case."""
        table = self.table(entity)
        index = self._indexes.get((entity, name))
        if index is None:
            index = self._indexes[entity, name] = FieldIndex(table, name)
        return [table.id(slot) for slot in index.find_slots(value)]

    def next_number(self, entity: str) -> int:
        """Return the next number for a document without one; the counter never goes back."""
        self._counters[entity] = self._counters.get(entity, len(self.table(entity).timestamps)) + 1
        return self._counters[entity]

    def add_history(self, entity: str, guid: str, changes: str, details: str, user: str) -> Row:
        """Add a line to the history of a document and return it."""
        now = self._now_ms()
        record: Row = {
            "Changes": changes,
            "DateUTCString": xero_json.iso_second(now)[:-1],
            "DateUTC": xero_json.xero_timestamp(now),
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
