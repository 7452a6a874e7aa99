"""One organisation's books: the reads that actions share, each cached for the length of the action."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.typed_rows import Row as Row  # noqa: PLC0414 (the actions import it from here)
from bizosaas_xero.connector.actions.typed_rows import UnreadableRecord, check_types
from bizosaas_xero.connector.http.client import Client
from bizosaas_xero.connector.records.time_zones import describe_unknown_zone, to_iana
from bizosaas_xero.connector.settings import Settings
from bizosaas_xero.spec.errors import Invalid, NotFound
from bizosaas_xero.toolkit.lazy import lazy_property
from bizosaas_xero.toolkit.reasons import GARBLED_ANSWER

S = TypeVar("S")
T = TypeVar("T")

_LINKS = {
    "invoice": "/AccountsReceivable/View.aspx?InvoiceID=",
    "bill": "/AccountsPayable/View.aspx?InvoiceID=",
    "credit_note": "/AccountsReceivable/ViewCreditNote.aspx?creditNoteID=",
    "supplier_credit_note": "/AccountsPayable/ViewCreditNote.aspx?creditNoteID=",
    "contact": "/Contacts/View/",
    "bank_transaction": "/Bank/ViewTransaction.aspx?bankTransactionID=",
    "bank_account": "/Bank/BankRec.aspx?accountID=",
}


class Books:
    """Reads for actions. Each list is requested once.

    Args:
        client: Makes the requests, on the action's account.
        settings: The connection's settings.
        now: The clock.
    """

    def __init__(
        self, client: Client, settings: Settings, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.client = client
        self.settings = settings
        self.now = now
        self._cache: dict[tuple[str, ...], list[Row]] = {}
        self.unreadable: dict[tuple[str, str], UnreadableRecord] = {}
        """The records that were left out because they cannot be read, by record and field."""
        self.notes: list[str] = []
        """What a person should know of how these books were read: warnings of each result."""

    @lazy_property
    def organisation(self) -> Row:
        """The organisation: currency, country, time zone, year end, locks. The call costs no egress."""
        rows = self._rows("Organisation", "Organisations", "Organisation", {})
        if not rows:
            raise GARBLED_ANSWER("Xero's answer holds no organisation.")
        return rows[0]

    @lazy_property
    def accounts(self) -> dict[str, Row]:
        """The chart of accounts by id, archived ones included."""
        rows = self._rows("Accounts", "Accounts", "Account", {}, tolerant=True)
        return dict(self.convert_rows(rows, lambda row: (row["AccountID"].lower(), row)))

    @lazy_property
    def tax_rates(self) -> dict[str, Row]:
        """The tax rates by tax type."""
        return {str(row["TaxType"]): row for row in self._rows("TaxRates", "TaxRates", "TaxRate", {})}

    @lazy_property
    def currencies(self) -> frozenset[str]:
        """The currencies in which documents may be made."""
        rows = self._rows("Currencies", "Currencies", "Currency", {})
        return frozenset(str(row["Code"]) for row in rows) | {self.base_currency}

    @lazy_property
    def tracking(self) -> list[Row]:
        """The active tracking categories with their options."""
        return self._rows("TrackingCategories", "TrackingCategories", "TrackingCategory", {})

    @lazy_property
    def locked_until(self) -> date | None:
        """The last day of the locked period: nothing may be written on it or before.

        Xero lets an adviser's app write through the period lock; this connector does not.
        """
        days = (self.organisation.get(name) for name in ("PeriodLockDate", "EndOfYearLockDate"))
        return max((day for day in days if day), default=None)

    def find_account(self, code_or_id: str) -> Row | None:
        """Return the account with this code or id; of two with the same code, the active one."""
        by_id = self.accounts.get(code_or_id.lower())
        by_code = [row for row in self.accounts.values() if row.get("Code") == code_or_id]
        return by_id or next((row for row in by_code if row.get("Status") == "ACTIVE"), by_code[0] if by_code else None)

    def system_account(self, kind: str) -> Row | None:
        """Return the system account of a kind, such as DEBTORS or GST."""
        return next((row for row in self.accounts.values() if row.get("SystemAccount") == kind), None)

    @property
    def base_currency(self) -> str:
        """The currency in which the books are kept."""
        return str(self.organisation["BaseCurrency"])

    @lazy_property
    def today(self) -> date:
        """Today in the organisation's time zone, or in that of the settings; UTC, with a note, if neither is known."""
        own = str(self.organisation.get("Timezone") or "")
        zone = self.settings.timezone or to_iana(own)
        if zone is None:
            self.notes.append(describe_unknown_zone(own))
        return self.now().astimezone(ZoneInfo(zone) if zone else UTC).date()

    def year_end(self, on_or_after: date) -> date:
        """Return the last day of the financial year that holds a day."""
        end = _month_day(on_or_after.year, *self._year_end)
        return end if end >= on_or_after else _month_day(on_or_after.year + 1, *self._year_end)

    def year_start(self, within: date) -> date:
        """Return the first day of the financial year that holds a day."""
        return _month_day(self.year_end(within).year - 1, *self._year_end) + timedelta(days=1)

    @lazy_property
    def _year_end(self) -> tuple[int, int]:
        month = int(self.organisation.get("FinancialYearEndMonth") or 12)
        day = int(self.organisation.get("FinancialYearEndDay") or 31)
        if not (1 <= month <= 12 and 1 <= day <= 31):  # noqa: PLR2004 (months and days of a calendar)
            raise UnreadableRecord("the organisation", "FinancialYearEndDay", f"day {day:.0e} of month {month:.0e}")
        return month, day

    def iter_rows(
        self, path: str, shape: str, params: Mapping[str, str], limit: int | None = None, *, tolerant: bool = False
    ) -> Iterator[Row]:
        """Yield the typed rows of a paged list, page after page, at most ``limit`` of them.

        Args:
            path: The list.
            shape: The shape of its rows.
            params: The query.
            limit: The maximum number of rows.
            tolerant: Add rows that cannot be read to :attr:`unreadable` and continue.

        Raises:
            UnreadableRecord: A row cannot be read: an action must not count what it does not understand.
        """
        size = min(self.settings.page_size, limit) if limit else self.settings.page_size
        number, count = 1, 0
        while True:
            rows = self._raw_rows(path, path, {**params, "page": str(number), "pageSize": str(size)})
            for row in self._check_rows(rows, shape, tolerant=tolerant):
                yield row
                count += 1
                if limit and count >= limit:
                    return
            if len(rows) < size:
                return
            number += 1

    def read_unpaged(self, path: str, shape: str, params: Mapping[str, str], *, tolerant: bool = False) -> list[Row]:
        """Return the typed rows of a list that Xero does not page.

        Raises:
            UnreadableRecord: A row cannot be read, and ``tolerant`` is not set.
        """
        return self._rows(path, path, shape, params, tolerant=tolerant)

    def read_filtered(
        self,
        path: str,
        shape: str,
        conditions: Sequence[str],
        *,
        unoptimised: Sequence[str],
        matches: Callable[[Row], bool],
        order: str,
    ) -> list[Row]:
        """Return the rows of a paged list that fulfil all conditions; unreadable rows are left out.

        Xero refuses conditions that it does not optimise for lists of more than 100,000 rows. Then only the
        optimised ones are sent, and the rows are filtered here.

        Args:
            path: The list.
            shape: The shape of its rows.
            conditions: The conditions.
            unoptimised: Those of them that Xero does not optimise.
            matches: Whether a row fulfils the unoptimised conditions.
            order: The column by which the rows are ordered.
        """
        try:
            return list(self.iter_rows(path, shape, _query(conditions, order), tolerant=True))
        except Invalid as error:
            if error.reason != reasons.HIGH_VOLUME.name or not unoptimised:
                raise
        optimised = [condition for condition in conditions if condition not in unoptimised]
        rows = self.iter_rows(path, shape, _query(optimised, order), tolerant=True)
        return [row for row in rows if matches(row)]

    def convert_rows(self, rows: Iterable[S], convert: Callable[[S], T]) -> Iterator[T]:
        """Yield the converted rows; rows that cannot be read are added to :attr:`unreadable` instead."""
        for row in rows:
            try:
                yield convert(row)
            except UnreadableRecord as error:
                self.unreadable[error.record, error.path] = error

    def visit_rows(self, rows: Iterable[Row], visit: Callable[[Row], None]) -> None:
        """Call a function for each row; rows that cannot be read are added to :attr:`unreadable` instead."""
        for _ in self.convert_rows(rows, visit):
            pass

    def get(self, path: str, key: str, shape: str) -> Row:
        """Return one document by its id or number.

        Raises:
            NotFound: Xero has no such document.
        """
        name = (path, key)
        if name not in self._cache:
            # "." and ".." would name the list, or what is above it.
            rows = self._rows(f"{path}/{key}", path, shape, {}) if key.strip(".") else []
            if not rows:
                raise NotFound("Xero has no record with this id or number.")
            self._cache[name] = rows
        return self._cache[name][0]

    def list_cached(
        self, path: str, shape: str, params: Mapping[str, str], limit: int | None = None, *, tolerant: bool = False
    ) -> list[Row]:
        """Return the rows of :meth:`iter_rows`, cached until :meth:`clear_cache`."""
        name = (path, *map(str, params.items()), str(limit))
        if name not in self._cache:
            self._cache[name] = list(self.iter_rows(path, shape, params, limit, tolerant=tolerant))
        return self._cache[name]

    def clear_cache(self) -> None:
        """Drop the cached documents, as one may have been written."""
        self._cache.clear()

    def read_history(self, path: str) -> tuple[list[Row], datetime]:
        """Return the history of a document, and the time at Xero."""
        answer = self.client.get(f"{path}/History")
        records = answer.body.get("HistoryRecords")
        if not isinstance(records, list):
            raise GARBLED_ANSWER("Xero's answer holds no history.")
        history = [check_types(row, "HistoryRecord") for row in records if isinstance(row, dict)]
        return history, answer.server_time or self.now()

    def read_online_address(self, invoice_id: str) -> str | None:
        """Return the address at which a customer sees an approved invoice, and can pay it if that is set up."""
        rows = self._rows(f"Invoices/{invoice_id}/OnlineInvoice", "OnlineInvoices", "OnlineInvoice", {})
        return str(rows[0].get("OnlineInvoiceUrl") or "") or None if rows else None

    def read_report(self, name: str, params: Mapping[str, str]) -> Row:
        """Return a report; its values are strings, which :mod:`reports.layout` turns into amounts."""
        rows = self._rows(f"Reports/{name}", "Reports", "Report", params)
        if not rows:
            raise GARBLED_ANSWER("Xero's answer holds no report.")
        return rows[0]

    def link(self, kind: str, key: str) -> str | None:
        """Return the address of a document on Xero's website, or ``None`` if it cannot be built."""
        short_code = self.organisation.get("ShortCode")
        if not short_code:
            return None
        return (
            f"https://go.xero.com/organisationlogin/default.aspx?shortcode={short_code}&redirecturl={_LINKS[kind]}{key}"
        )

    def _rows(
        self, path: str, collection: str, shape: str, params: Mapping[str, str], *, tolerant: bool = False
    ) -> list[Row]:
        return list(self._check_rows(self._raw_rows(path, collection, params), shape, tolerant=tolerant))

    def _raw_rows(self, path: str, collection: str, params: Mapping[str, str]) -> list[Row]:
        rows = self.client.get(path, params).body.get(collection)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise GARBLED_ANSWER(f"Xero's answer holds no list of {collection}.")
        return rows

    def _check_rows(self, rows: list[Row], shape: str, *, tolerant: bool) -> Iterator[Row]:
        if tolerant:
            return self.convert_rows(rows, lambda row: check_types(row, shape))
        return (check_types(row, shape) for row in rows)


def _query(conditions: Sequence[str], order: str) -> dict[str, str]:
    return {"where": " AND ".join(conditions), "order": order}


def _month_day(year: int, month: int, day: int) -> date:
    # A year end on "31 February" is the last day of that month.
    first_of_next = date(year + month // 12, month % 12 + 1, 1)
    return min(date(year, month, 1) + timedelta(days=day - 1), first_of_next - timedelta(days=1))


def account_name(account: Row | None) -> str:
    """Return the code and name of an account; ``None`` is an account that Xero does not list."""
    if account is None:
        return "Xero's own account"
    return f"{account.get('Code') or ''} {account.get('Name')}".strip()
