"""Forms of rows that differ between recordings of Xero: empty fields left out, dates with an offset."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.company import Company
from bizosaas_xero.sandbox.switches import Switches

# hours that the sandbox's time zones are ahead of UTC, without daylight saving
_OFFSET_HOURS = {
    "NEWZEALANDSTANDARDTIME": 12,
    "AUSEASTERNSTANDARDTIME": 10,
    "GMTSTANDARDTIME": 0,
    "PACIFICSTANDARDTIME": -8,
    "ARABIANSTANDARDTIME": 4,
}
_HOUR_MS = 3_600_000
_DATES = ("Date", "DueDate", "FullyPaidOnDate")
# left out where they are empty, as recorded
_EMPTY_FIELDS = {
    "AmountCredited", "AttentionTo", "BankAccountDetails", "City", "Code", "Country", "CreditNotes", "Description",
    "EmailAddress", "FirstName", "LastName", "Overpayments", "Payments", "PostalCode", "Prepayments", "PurchaseDetails",
    "Reference", "Region", "SalesDetails", "AccountCode", "TaxType",
}  # fmt: skip
_INNER = ("Addresses", "Phones", "LineItems", "Contact")


class Dialect(NamedTuple):
    """The form in which rows are sent; a hashable value, part of the key of cached rows.

    Attributes:
        sparse: Empty fields are left out.
        offset_hours: Dates of invoices are local midnights with this offset; None for UTC midnights.
        advances: The switch `advances`.
        currency: The base currency.
        journal_totals: Manual journals have totals, and their lines a place.
        batch_extras: What the totals of batch payments have above the sum of their payments, by id.
    """

    sparse: bool = False
    offset_hours: int | None = None
    advances: str = "apart"
    batch_extras: tuple[tuple[str, Decimal], ...] = ()
    currency: str = ""
    journal_totals: bool = True

    @property
    def key(self) -> str:
        """A text that differs between dialects."""
        return "" if self == PLAIN else ":" + ":".join(map(str, self))

    def apply(self, entity: str, row: Row, *, single: bool = False) -> Row:
        """Return a row in this dialect; `single` is the form of one document, and of answers to writes."""
        if entity == "Prepayments" and str(row.get("Type", "")).endswith("OVERPAYMENT"):
            row = {"OverpaymentID": row["PrepaymentID"], **row}
            if self.advances == "without_id":
                del row["PrepaymentID"]
        if self.batch_extras:
            row = _with_extras(row, dict(self.batch_extras))
        if self.offset_hours is not None and entity == "Invoices":
            row = {**row, **{name: _with_offset(row[name], self.offset_hours) for name in _DATES if name in row}}
        if entity == "ManualJournals" and not self.journal_totals:
            row = _without_totals(row)
        if not self.sparse:
            return row
        row = _leave_out_empty(row, self.currency)
        if single and not row.get("HasAttachments"):
            row.pop("HasAttachments", None)
        return row


PLAIN = Dialect()


def dialect_of(switches: Switches, books: Company) -> Dialect:
    """Return the dialect that the switches ask for in an organisation."""
    offset = _OFFSET_HOURS.get(books.organisation["Timezone"], 0) if switches.offset_dates else None
    extras = tuple(_batch_extras(books)) if switches.batch_total == "with_overpayments" else ()
    totals = switches.journal_totals == "sent"
    return Dialect(switches.sparse, offset, switches.advances, extras, books.currency, totals)


def _without_totals(row: Row) -> Row:
    lines = [{k: v for k, v in line.items() if k != "SortOrder"} for line in row.get("JournalLines", ())]
    kept = {name: value for name, value in row.items() if name not in {"DebitTotal", "CreditTotal"}}
    return {**kept, "JournalLines": lines}


def _batch_extras(books: Company) -> Iterator[tuple[str, Decimal]]:
    paid: dict[tuple[str, str, bool], Decimal] = {}
    for row in books.rows("BankTransactions"):
        if row["Type"].endswith("-OVERPAYMENT") and row["Status"] == "AUTHORISED":
            place = (row["BankAccount"]["AccountID"], row["Date"], row["Type"].startswith("RECEIVE"))
            paid[place] = paid.get(place, Decimal(0)) + row["Total"]
    for batch in books.rows("BatchPayments"):
        place = (batch["Account"]["AccountID"], batch["Date"], batch["Type"] == "RECBATCH")
        if place in paid and batch["Status"] == "AUTHORISED":
            yield batch["BatchPaymentID"], paid[place]


def _with_extras(row: Row, extras: Mapping[str, Decimal]) -> Row:
    if isinstance(row.get("BatchPayment"), dict):
        return {**row, "BatchPayment": _with_extras(row["BatchPayment"], extras)}
    extra = extras.get(row.get("BatchPaymentID", ""))
    return row if extra is None or "TotalAmount" not in row else {**row, "TotalAmount": row["TotalAmount"] + extra}


def _with_offset(value: str, hours: int) -> str:
    moment = (xero_json.milliseconds(value) or 0) - hours * _HOUR_MS
    sign = "-" if hours < 0 else "+"
    return f"/Date({moment}{sign}{abs(hours):02d}00)/"


def _leave_out_empty(row: Row, currency: str) -> Row:
    kept: Row = {}
    half = sum(map(ord, str(row.get("InvoiceID") or row.get("ContactID") or ""))) % 2 == 0
    for name, value in row.items():
        if name == "UpdatedDateUTCString" or (name in _EMPTY_FIELDS and (value in ("", [], {}) or not value)):
            continue
        if half and ((name == "DefaultCurrency" and value == currency) or (name == "CurrencyRate" and value == 1)):
            continue  # recorded on about half of the rows
        if name in _INNER and isinstance(value, dict):
            value = _leave_out_empty(value, currency)  # noqa: PLW2901 - the same field, sparser
        elif name in _INNER:
            value = [_leave_out_empty(item, currency) for item in value]  # noqa: PLW2901 - the same field, sparser
        kept[name] = value
    return kept
