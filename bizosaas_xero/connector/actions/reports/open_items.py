"""The documents that are open on a day, receivable or payable, read from Xero one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.filters import date_filter, parse_guid
from bizosaas_xero.connector.actions.reports.ageing import DAY, ZERO, open_amount
from bizosaas_xero.connector.actions.reports.credits import read_credits
from bizosaas_xero.connector.actions.reports.documents import (
    COUNTED_STATES,
    CreditUse,
    Item,
    Side,
    amount_of,
    contact_of,
    day_of,
    invoice_conditions,
    live_payments,
    make_item,
    settlement_of,
)
from bizosaas_xero.spec.errors import Invalid

MAX_IDS_PER_CALL = 40
"""Xero advises against more ids, as the address grows too long."""


@dataclass
class OpenItems:
    """The open documents of a day, and the uses of credits up to it."""

    items: list[Item] = field(default_factory=list)
    credit_uses: list[CreditUse] = field(default_factory=list)


def read_open_items(books: Books, side: Side, as_of: date, contact_id: str | None) -> OpenItems:
    """Return every document with an open amount at the end of a day, prepayments included.

    Documents that cannot be read are left out, and listed in ``books.unreadable``.
    """
    result = OpenItems()
    credit_items, later = read_credits(books, side, as_of, contact_id, result.credit_uses)
    invoices = _read_invoices(books, side, as_of, contact_id, later)
    result.items = [item for item in (*invoices, *credit_items) if item.amount]
    return result


# ---------------------------------------------------------------- invoices


def _read_invoices(
    books: Books, side: Side, as_of: date, contact_id: str | None, credited: dict[str, Decimal]
) -> Iterator[Item]:
    past = as_of < books.today
    paid = {} if past else _read_later_payments(books, side, as_of, contact_id)
    rows = _by_id(books, _read_open_invoices(books, side, as_of, contact_id, past=past))
    if past:
        settled = _read_settled_invoices(books, side, as_of, contact_id)
        rows |= settled if settled is not None else {}
        if settled is None:
            paid = _read_later_payments(books, side, as_of, contact_id)

    def add(row: Row) -> None:
        matches = row.get("Type") == side.invoices and row.get("Status") in COUNTED_STATES
        if matches and day_of(row, "Date") <= as_of and contact_id in {None, contact_of(row)[0]}:
            rows[row["InvoiceID"].lower()] = row

    missing = _read_by_ids(books, sorted((credited.keys() | paid.keys()) - rows.keys()))
    books.visit_rows(missing, add)

    def make(entry: tuple[str, Row]) -> Item:
        key, row = entry
        amount = amount_of(row, "AmountDue") + credited.get(key, ZERO)
        # the summary form has no payments; those dated after the day were read by themselves
        settlements = map(settlement_of, live_payments(row))
        amount = open_amount(amount, settlements, as_of) if past else amount + paid.get(key, ZERO)
        return make_item(books, "invoice", row, row["InvoiceID"], amount)

    return books.convert_rows(rows.items(), make)


def _read_open_invoices(books: Books, side: Side, as_of: date, contact_id: str | None, *, past: bool) -> Iterator[Row]:
    conditions = [*invoice_conditions(side, contact_id), f"Date<={date_filter(as_of)}", 'Status=="AUTHORISED"']
    query = {"order": "InvoiceID ASC"}
    if not past:
        conditions.append("AmountDue>0")
        query["summaryOnly"] = "true"
    return books.iter_rows("Invoices", "Invoice", {"where": " AND ".join(conditions), **query}, tolerant=True)


def _read_settled_invoices(books: Books, side: Side, as_of: date, contact_id: str | None) -> dict[str, Row] | None:
    """Return the invoices that were settled after the day; ``None`` if Xero refuses the filter for large books."""
    conditions = [*invoice_conditions(side, contact_id), f"Date<={date_filter(as_of)}", 'Status=="PAID"']
    where = " AND ".join([*conditions, f"FullyPaidOnDate>={date_filter(as_of + DAY)}"])
    try:
        rows = list(books.iter_rows("Invoices", "Invoice", {"where": where, "order": "InvoiceID ASC"}, tolerant=True))
    except Invalid as error:
        if error.reason != reasons.HIGH_VOLUME.name:
            raise
        return None
    return _by_id(books, rows)


def _by_id(books: Books, rows: Iterable[Row]) -> dict[str, Row]:
    return dict(books.convert_rows(rows, lambda row: (row["InvoiceID"].lower(), row)))


def _read_later_payments(books: Books, side: Side, as_of: date, contact_id: str | None) -> dict[str, Decimal]:
    """Return by invoice the payments that are recorded already and dated after the day."""
    where = f'PaymentType=="{side.payments}" AND Status=="AUTHORISED" AND Date>={date_filter(as_of + DAY)}'
    amounts: dict[str, Decimal] = defaultdict(lambda: ZERO)
    seen: set[str] = set()

    def add(row: Row) -> None:
        invoice = row.get("Invoice") or {}
        owner = (invoice.get("Contact") or {}).get("ContactID")
        if row["PaymentID"] in seen or not invoice.get("InvoiceID"):
            return
        if not contact_id or not owner or owner.lower() == contact_id:
            amounts[invoice["InvoiceID"].lower()] += amount_of(row, "Amount")
            seen.add(row["PaymentID"])

    rows = books.iter_rows("Payments", "Payment", {"where": where, "order": "PaymentID ASC"}, tolerant=True)
    books.visit_rows(rows, add)
    return amounts


def _read_by_ids(books: Books, ids: list[str]) -> Iterator[Row]:
    for start in range(0, len(ids), MAX_IDS_PER_CALL):
        query = {"IDs": ",".join(ids[start : start + MAX_IDS_PER_CALL])}
        yield from books.iter_rows("Invoices", "Invoice", query, tolerant=True)


def parse_contact_id(value: str | None) -> str | None:
    """Return the contact id of the parameters, in lower case.

    Raises:
        Invalid: The value is not one of Xero's ids.
    """
    return parse_guid(value, "params.contact_id") if value else None
