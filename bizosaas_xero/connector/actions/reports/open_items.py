"""The documents that are open on a day, receivable or payable, read from Xero one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from bizosaas_xero.connector.actions.books import Books, Row, date_filter, parse_guid
from bizosaas_xero.connector.actions.money import to_base_currency
from bizosaas_xero.connector.actions.reports.ageing import DAY, ZERO, Settlement, open_amount
from bizosaas_xero.spec.errors import Unavailable

Kind = Literal["invoice", "credit_note", "overpayment", "prepayment"]

MAX_IDS_PER_CALL = 40
"""Xero advises against more ids, as the address grows too long."""

_COUNTED_STATES = {"AUTHORISED", "PAID"}


@dataclass(frozen=True)
class Side:
    """Receivables or payables, in Xero's words."""

    invoices: str
    credit_notes: str
    payments: str
    advance_prefixes: tuple[str, ...]
    control: str
    report: str
    link: str


RECEIVABLES = Side(
    "ACCREC", "ACCRECCREDIT", "ACCRECPAYMENT", ("RECEIVE", "AR"), "DEBTORS", "AgedReceivablesByContact",
    "invoice",
)  # fmt: skip
PAYABLES = Side(
    "ACCPAY", "ACCPAYCREDIT", "ACCPAYPAYMENT", ("SPEND", "AP"), "CREDITORS", "AgedPayablesByContact", "bill"
)  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One document with an open amount. A credit is negative.

    Args:
        kind: The kind of document.
        id: Xero's id.
        number: Its number, or its reference.
        contact_id: The contact's id, in lower case.
        contact: The contact's name.
        dated: Its date.
        due: Its due date; credits usually have none.
        currency: Of the document.
        amount: The open amount, in that currency.
        base: The same in base currency, at the document's own rate.
    """

    kind: Kind
    id: str
    number: str | None
    contact_id: str
    contact: str
    dated: date
    due: date | None
    currency: str
    amount: Decimal
    base: Decimal


def read_open_items(books: Books, side: Side, as_of: date, contact_id: str | None) -> list[Item]:
    """Return every document with an open amount at the end of a day, prepayments included."""
    credit_items, later = _read_credits(books, side, as_of, contact_id)
    invoices = _read_invoices(books, side, as_of, contact_id, later)
    return [item for item in (*invoices, *credit_items) if item.amount]


# ---------------------------------------------------------------- credits

_CREDITS: tuple[tuple[Kind, str, str, str, str], ...] = (
    ("credit_note", "CreditNotes", "CreditNote", "CreditNoteID", "CreditNoteNumber"),
    ("overpayment", "Overpayments", "Credit", "OverpaymentID", "Reference"),
    ("prepayment", "Prepayments", "Credit", "PrepaymentID", "Reference"),
)


def _read_credits(
    books: Books, side: Side, as_of: date, contact_id: str | None
) -> tuple[list[Item], dict[str, Decimal]]:
    """Return the credits, and by invoice the amount that was allocated to it after the day.

    All credits are read, used up or not and of any date: a credit reduces an invoice on the date of its
    allocation, and only the credit itself is sure to hold that date.
    """
    items: list[Item] = []
    later: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for kind, path, shape, key, number in _CREDITS:
        query = {}
        if kind == "credit_note":
            conditions = [f'Type=="{side.credit_notes}"', *_of_contact(contact_id)]
            query = {"where": " AND ".join(conditions), "order": "CreditNoteID ASC"}
        for row in _unique_rows(books.iter_rows(path, shape, query), key):
            if not _is_counted(row, side, contact_id):
                continue
            allocations = [part for part in row.get("Allocations") or () if not part.get("IsDeleted")]
            for part in allocations:
                if _settlement(part).date > as_of:
                    later[str((part.get("Invoice") or {}).get("InvoiceID")).lower()] += part["Amount"]
            if _day(row, "Date") <= as_of:
                parts = map(_settlement, (*allocations, *_live_payments(row)))
                remaining = open_amount(_amount(row, "RemainingCredit"), parts, as_of)
                items.append(_make_item(books, kind, row, row[key], row.get(number), -remaining))
    return items, later


def _is_counted(row: Row, side: Side, contact_id: str | None) -> bool:
    kind = str(row.get("Type"))
    if row.get("Status") not in _COUNTED_STATES or not (
        kind == side.credit_notes or kind.startswith(side.advance_prefixes)
    ):
        return False
    return contact_id is None or _contact_of(row)[0] == contact_id


# ---------------------------------------------------------------- invoices


def _read_invoices(
    books: Books, side: Side, as_of: date, contact_id: str | None, credited: dict[str, Decimal]
) -> Iterator[Item]:
    past = as_of < books.today
    paid = {} if past else _read_later_payments(books, side, as_of, contact_id)
    rows = {row["InvoiceID"].lower(): row for row in _read_candidates(books, side, as_of, contact_id, past=past)}
    missing = sorted((credited.keys() | paid.keys()) - rows.keys())
    for row in _read_by_ids(books, missing):
        owner = _contact_of(row)[0]
        matches = row.get("Type") == side.invoices and row.get("Status") in _COUNTED_STATES
        if matches and _day(row, "Date") <= as_of and contact_id in {None, owner}:
            rows[row["InvoiceID"].lower()] = row
    for key, row in rows.items():
        amount = _amount(row, "AmountDue") + credited.get(key, ZERO)
        # the summary form has no payments; those dated after the day were read by themselves
        settlements = map(_settlement, _live_payments(row))
        amount = open_amount(amount, settlements, as_of) if past else amount + paid.get(key, ZERO)
        yield _make_item(books, "invoice", row, row["InvoiceID"], row.get("InvoiceNumber"), amount)


def _read_candidates(books: Books, side: Side, as_of: date, contact_id: str | None, *, past: bool) -> Iterator[Row]:
    upto = f"Date<={date_filter(as_of)}"
    base = [f'Type=="{side.invoices}"', *_of_contact(contact_id), upto]
    if past:
        since = f"FullyPaidOnDate>={date_filter(as_of + DAY)}"
        selections = [(*base, 'Status=="AUTHORISED"'), (*base, 'Status=="PAID"', since)]
    else:
        selections = [(*base, 'Status=="AUTHORISED"', "AmountDue>0")]
    for conditions in selections:
        query = {"where": " AND ".join(conditions), "order": "InvoiceID ASC"}
        if not past:
            query["summaryOnly"] = "true"
        yield from books.iter_rows("Invoices", "Invoice", query)


def _read_later_payments(books: Books, side: Side, as_of: date, contact_id: str | None) -> dict[str, Decimal]:
    """Return by invoice the payments that are recorded already and dated after the day."""
    after = f"Date>={date_filter(as_of + DAY)}"
    where = f'PaymentType=="{side.payments}" AND Status=="AUTHORISED" AND {after}'
    amounts: dict[str, Decimal] = defaultdict(lambda: ZERO)
    pages = books.iter_rows("Payments", "Payment", {"where": where, "order": "PaymentID ASC"})
    for row in _unique_rows(pages, "PaymentID"):
        invoice = row.get("Invoice") or {}
        owner = (invoice.get("Contact") or {}).get("ContactID")
        if invoice.get("InvoiceID") and (not contact_id or not owner or owner.lower() == contact_id):
            amounts[invoice["InvoiceID"].lower()] += _amount(row, "Amount")
    return amounts


def _read_by_ids(books: Books, ids: list[str]) -> Iterator[Row]:
    for start in range(0, len(ids), MAX_IDS_PER_CALL):
        yield from books.iter_rows("Invoices", "Invoice", {"IDs": ",".join(ids[start : start + MAX_IDS_PER_CALL])})


# ---------------------------------------------------------------- fields


def _make_item(books: Books, kind: Kind, row: Row, key: str, number: Any, amount: Decimal) -> Item:
    currency = str(row.get("CurrencyCode") or books.base_currency)
    rate = Decimal(1)
    if currency != books.base_currency:
        rate = _amount(row, "CurrencyRate")
        if rate <= 0:
            raise _unreadable(row, "CurrencyRate")
    contact_id, contact = _contact_of(row)
    return Item(
        kind=kind,
        id=key,
        number=number or row.get("Reference") or None,
        contact_id=contact_id,
        contact=contact,
        dated=_day(row, "Date"),
        due=row.get("DueDate"),
        currency=currency,
        amount=amount,
        base=to_base_currency(amount, rate),
    )


def _unique_rows(rows: Iterator[Row], key: str) -> Iterator[Row]:
    """Yield each row once: a row can come twice when the list grows while it is read."""
    seen: set[str] = set()
    for row in rows:
        if row[key] not in seen:
            seen.add(row[key])
            yield row


def _live_payments(row: Row) -> list[Row]:
    return [part for part in row.get("Payments") or () if part.get("Status") != "DELETED"]


def _settlement(part: Row) -> Settlement:
    return Settlement(_day(part, "Date"), _amount(part, "Amount"))


def _contact_of(row: Row) -> tuple[str, str]:
    contact = row.get("Contact") or {}
    if not contact.get("ContactID"):
        raise _unreadable(row, "Contact")
    return str(contact["ContactID"]).lower(), str(contact.get("Name") or "")


def _day(row: Row, name: str) -> date:
    value = row.get(name)
    if not isinstance(value, date):
        raise _unreadable(row, name)
    return value


def _amount(row: Row, name: str) -> Decimal:
    value = row.get(name)
    if not isinstance(value, Decimal):
        raise _unreadable(row, name)
    return value


def _unreadable(row: Row, name: str) -> Unavailable:
    key = next((row[field] for field in row if field.endswith("ID") and row[field]), "a record")
    return Unavailable(f"{key} of Xero lacks {name}: it cannot be counted.", reason="unreadable_record")


def _of_contact(contact_id: str | None) -> list[str]:
    return [f'Contact.ContactID==Guid("{contact_id}")'] if contact_id else []


def parse_contact_id(value: str | None) -> str | None:
    """Return the contact id of the parameters, in lower case.

    Raises:
        Invalid: The value is not one of Xero's ids.
    """
    return parse_guid(value, "params.contact_id") if value else None
