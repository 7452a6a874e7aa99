"""What customers owe, or what is owed to suppliers, on a day: read from Xero document by document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from bizosaas_xero.connector.actions.books import Books, Row, guid
from bizosaas_xero.connector.actions.money import to_base_currency
from bizosaas_xero.connector.actions.reports.ageing import DAY, ZERO, Settlement, open_on
from bizosaas_xero.spec.errors import Unavailable

Kind = Literal["invoice", "credit_note", "overpayment", "prepayment"]

IDS_A_CALL = 40
"""Xero advises against more; the address grows too long."""

_LIVE = {"AUTHORISED", "PAID"}


@dataclass(frozen=True)
class Side:
    """Receivables or payables, in Xero's words."""

    invoices: str
    credit_notes: str
    payments: str
    in_advance: tuple[str, ...]
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
    """One document with something left of it. What lowers the debt is negative.

    Args:
        kind: What it is.
        id: Xero's id.
        number: Its number, else its reference.
        contact_id: Whose, in lower case.
        contact: Their name.
        dated: Its date.
        due: When it is due; credits usually have none.
        currency: Of the document.
        left: What is left, in that currency.
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
    left: Decimal
    base: Decimal


def read(books: Books, side: Side, as_of: date, contact_id: str | None) -> list[Item]:
    """Return every document of which something was left at the end of a day, prepayments included."""
    lowering, later = _credits(books, side, as_of, contact_id)
    invoices = _invoices(books, side, as_of, contact_id, later)
    return [item for item in (*invoices, *lowering) if item.left]


# ---------------------------------------------------------------- credits

_CREDITS: tuple[tuple[Kind, str, str, str, str], ...] = (
    ("credit_note", "CreditNotes", "CreditNote", "CreditNoteID", "CreditNoteNumber"),
    ("overpayment", "Overpayments", "Credit", "OverpaymentID", "Reference"),
    ("prepayment", "Prepayments", "Credit", "PrepaymentID", "Reference"),
)


def _credits(books: Books, side: Side, as_of: date, contact_id: str | None) -> tuple[list[Item], dict[str, Decimal]]:
    """Return the credits, and by invoice what was set against it after the day.

    All are read, used up or not and whatever their date: a credit reduces an invoice on the date of its
    allocation, which only the credit itself tells for certain.
    """
    items: list[Item] = []
    later: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for kind, path, shape, key, number in _CREDITS:
        query = {}
        if kind == "credit_note":
            conditions = [f'Type=="{side.credit_notes}"', *_of_contact(contact_id)]
            query = {"where": " AND ".join(conditions), "order": "CreditNoteID ASC"}
        for row in _once(books.pages(path, shape, query), key):
            if not _concerns(row, side, contact_id):
                continue
            allocations = [part for part in row.get("Allocations") or () if not part.get("IsDeleted")]
            for part in allocations:
                if _settled(part).date > as_of:
                    later[str((part.get("Invoice") or {}).get("InvoiceID")).lower()] += part["Amount"]
            if _day(row, "Date") <= as_of:
                parts = map(_settled, (*allocations, *_payments(row)))
                left = open_on(_amount(row, "RemainingCredit"), parts, as_of)
                items.append(_item(books, kind, row, row[key], row.get(number), -left))
    return items, later


def _concerns(row: Row, side: Side, contact_id: str | None) -> bool:
    kind = str(row.get("Type"))
    if row.get("Status") not in _LIVE or not (kind == side.credit_notes or kind.startswith(side.in_advance)):
        return False
    return contact_id is None or _contact(row)[0] == contact_id


# ---------------------------------------------------------------- invoices


def _invoices(
    books: Books, side: Side, as_of: date, contact_id: str | None, credited: dict[str, Decimal]
) -> Iterator[Item]:
    past = as_of < books.today
    paid = {} if past else _paid_ahead(books, side, as_of, contact_id)
    rows = {row["InvoiceID"].lower(): row for row in _bulk(books, side, as_of, contact_id, past=past)}
    unseen = sorted((credited.keys() | paid.keys()) - rows.keys())
    for row in _by_ids(books, unseen):
        owner = _contact(row)[0]
        fits = row.get("Type") == side.invoices and row.get("Status") in _LIVE
        if fits and _day(row, "Date") <= as_of and contact_id in {None, owner}:
            rows[row["InvoiceID"].lower()] = row
    for key, row in rows.items():
        left = _amount(row, "AmountDue") + credited.get(key, ZERO)
        # the short form has no payments; those that are dated ahead were read apart
        left = open_on(left, map(_settled, _payments(row)), as_of) if past else left + paid.get(key, ZERO)
        yield _item(books, "invoice", row, row["InvoiceID"], row.get("InvoiceNumber"), left)


def _bulk(books: Books, side: Side, as_of: date, contact_id: str | None, *, past: bool) -> Iterator[Row]:
    upto = f"Date<={_literal(as_of)}"
    base = [f'Type=="{side.invoices}"', *_of_contact(contact_id), upto]
    if past:
        since = f"FullyPaidOnDate>={_literal(as_of + DAY)}"
        selections = [(*base, 'Status=="AUTHORISED"'), (*base, 'Status=="PAID"', since)]
    else:
        selections = [(*base, 'Status=="AUTHORISED"', "AmountDue>0")]
    for conditions in selections:
        query = {"where": " AND ".join(conditions), "order": "InvoiceID ASC"}
        if not past:
            query["summaryOnly"] = "true"
        yield from books.pages("Invoices", "Invoice", query)


def _paid_ahead(books: Books, side: Side, as_of: date, contact_id: str | None) -> dict[str, Decimal]:
    """Return by invoice what is entered already but dated after the day."""
    after = f"Date>={_literal(as_of + DAY)}"
    where = f'PaymentType=="{side.payments}" AND Status=="AUTHORISED" AND {after}'
    found: dict[str, Decimal] = defaultdict(lambda: ZERO)
    pages = books.pages("Payments", "Payment", {"where": where, "order": "PaymentID ASC"})
    for row in _once(pages, "PaymentID"):
        invoice = row.get("Invoice") or {}
        owner = (invoice.get("Contact") or {}).get("ContactID")
        if invoice.get("InvoiceID") and (not contact_id or not owner or owner.lower() == contact_id):
            found[invoice["InvoiceID"].lower()] += _amount(row, "Amount")
    return found


def _by_ids(books: Books, ids: list[str]) -> Iterator[Row]:
    for start in range(0, len(ids), IDS_A_CALL):
        yield from books.pages("Invoices", "Invoice", {"IDs": ",".join(ids[start : start + IDS_A_CALL])})


# ---------------------------------------------------------------- fields


def _item(books: Books, kind: Kind, row: Row, key: str, number: Any, left: Decimal) -> Item:
    currency = str(row.get("CurrencyCode") or books.base_currency)
    rate = Decimal(1)
    if currency != books.base_currency:
        rate = _amount(row, "CurrencyRate")
        if rate <= 0:
            raise _unreadable(row, "CurrencyRate")
    contact_id, contact = _contact(row)
    return Item(
        kind=kind,
        id=key,
        number=number or row.get("Reference") or None,
        contact_id=contact_id,
        contact=contact,
        dated=_day(row, "Date"),
        due=row.get("DueDate"),
        currency=currency,
        left=left,
        base=to_base_currency(left, rate),
    )


def _once(rows: Iterator[Row], key: str) -> Iterator[Row]:
    """Drop what comes a second time because the list grew while it was read."""
    seen: set[str] = set()
    for row in rows:
        if row[key] not in seen:
            seen.add(row[key])
            yield row


def _payments(row: Row) -> list[Row]:
    return [part for part in row.get("Payments") or () if part.get("Status") != "DELETED"]


def _settled(part: Row) -> Settlement:
    return Settlement(_day(part, "Date"), _amount(part, "Amount"))


def _contact(row: Row) -> tuple[str, str]:
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


def _literal(day: date) -> str:
    return f"DateTime({day.year},{day.month:02},{day.day:02})"


def contact_of(value: str | None) -> str | None:
    """Return a contact's id from the parameters.

    Raises:
        Invalid: It is none of Xero's ids.
    """
    return guid(value, "params.contact_id") if value else None
