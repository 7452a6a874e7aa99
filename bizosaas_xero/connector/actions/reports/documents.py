"""Documents of receivables and payables: what a report keeps of them, and how it reads their rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.money import to_base_currency
from bizosaas_xero.connector.actions.reports.ageing import Settlement
from bizosaas_xero.connector.actions.typed_rows import UnreadableRecord, record_name

Kind = Literal["invoice", "credit_note", "overpayment", "prepayment"]

COUNTED_STATES = {"AUTHORISED", "PAID"}


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


@dataclass(frozen=True)
class CreditUse:
    """A refund of a credit, or an allocation of it to an invoice, up to the day of the report.

    Args:
        document: The credit's number, or its id.
        dated: The date of the credit.
        used: The date of the refund or allocation.
        base: The amount in base currency.
        currency: Of the credit.
        invoice_id: The invoice of an allocation, in lower case; ``None`` for a refund.
    """

    document: str
    dated: date
    used: date
    base: Decimal
    currency: str
    invoice_id: str | None


def make_item(books: Books, kind: Kind, row: Row, key: str, amount: Decimal) -> Item:
    """Return the item of a document with an open amount."""
    contact_id, contact = contact_of(row)
    number = row.get("InvoiceNumber") or row.get("CreditNoteNumber") or row.get("Reference") or None
    return Item(
        kind=kind,
        id=key,
        number=number,
        contact_id=contact_id,
        contact=contact,
        dated=day_of(row, "Date"),
        due=row.get("DueDate"),
        currency=currency_of(books, row),
        amount=amount,
        base=to_base_currency(amount, rate_of(books, row)),
    )


def currency_of(books: Books, row: Row) -> str:
    """Return the currency of a document."""
    return str(row.get("CurrencyCode") or books.base_currency)


def rate_of(books: Books, row: Row) -> Decimal:
    """Return a document's rate: units of its currency for one of the base currency."""
    if currency_of(books, row) == books.base_currency:
        return Decimal(1)
    rate = amount_of(row, "CurrencyRate")
    if rate <= 0:
        raise UnreadableRecord(record_name(row), "CurrencyRate", rate)
    return rate


def live_payments(row: Row) -> list[Row]:
    """Return the payments of a document that are not deleted."""
    return [part for part in row.get("Payments") or () if part.get("Status") != "DELETED"]


def settlement_of(part: Row) -> Settlement:
    """Return day and amount of a payment or allocation."""
    return Settlement(day_of(part, "Date"), amount_of(part, "Amount"))


def contact_of(row: Row) -> tuple[str, str]:
    """Return id, in lower case, and name of a document's contact."""
    contact = row.get("Contact") or {}
    if not contact.get("ContactID"):
        raise UnreadableRecord(record_name(row), "Contact")
    return str(contact["ContactID"]).lower(), str(contact.get("Name") or "")


def day_of(row: Row, name: str) -> date:
    """Return a date that a row must have."""
    value = row[name]
    if not isinstance(value, date):
        raise UnreadableRecord(record_name(row), name, value)
    return value


def amount_of(row: Row, name: str) -> Decimal:
    """Return an amount that a row must have."""
    value = row[name]
    if not isinstance(value, Decimal):
        raise UnreadableRecord(record_name(row), name, value)
    return value


def invoice_conditions(side: Side, contact_id: str | None) -> list[str]:
    """Return the conditions for invoices of one side, and of one contact if its id is given."""
    return [f'Type=="{side.invoices}"', *of_contact(contact_id)]


def of_contact(contact_id: str | None) -> list[str]:
    """Return the condition for documents of one contact, if its id is given."""
    return [f'Contact.ContactID==Guid("{contact_id}")'] if contact_id else []
