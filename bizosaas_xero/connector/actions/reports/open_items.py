"""The documents that are open on a day, receivable or payable, read from Xero one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Literal

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.books import Books, Row, date_filter, parse_guid
from bizosaas_xero.connector.actions.money import to_base_currency
from bizosaas_xero.connector.actions.reports.ageing import DAY, ZERO, Settlement, open_amount
from bizosaas_xero.connector.actions.typed_rows import UnreadableRecord, record_name
from bizosaas_xero.spec.errors import Invalid

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
    credit_items, later = _read_credits(books, side, as_of, contact_id, result.credit_uses)
    invoices = _read_invoices(books, side, as_of, contact_id, later)
    result.items = [item for item in (*invoices, *credit_items) if item.amount]
    return result


# ---------------------------------------------------------------- credits

_CREDITS: tuple[tuple[Kind, str, str], ...] = (
    ("credit_note", "CreditNotes", "CreditNote"),
    ("overpayment", "Overpayments", "Credit"),
    ("prepayment", "Prepayments", "Credit"),
)
_ID_FIELDS = {"credit_note": "CreditNoteID", "overpayment": "OverpaymentID", "prepayment": "PrepaymentID"}


def _read_credits(
    books: Books, side: Side, as_of: date, contact_id: str | None, uses: list[CreditUse]
) -> tuple[list[Item], dict[str, Decimal]]:
    """Return the credits, and by invoice the amount that was allocated to it after the day.

    All credits are read, used up or not and of any date: a credit reduces an invoice on the date of its
    allocation, and only the credit itself is sure to hold that date. Xero may list an overpayment among the
    prepayments as well; each is counted once, as what its type says.
    """
    items: list[Item] = []
    later: dict[str, Decimal] = defaultdict(lambda: ZERO)
    seen: set[str] = set()

    def add(kind: Kind, row: Row) -> None:
        if not _is_counted(row, side, contact_id):
            return
        kind, key = _credit_kind(kind, row)
        if key.lower() in seen:
            return
        allocations = [part for part in row.get("Allocations") or () if not part.get("IsDeleted")]
        settlements = [*map(_settlement, allocations), *map(_settlement, _live_payments(row))]
        remaining = open_amount(_amount(row, "RemainingCredit"), settlements, as_of)
        item = _make_item(books, kind, row, key, -remaining)
        seen.add(key.lower())
        for part in allocations:
            if _settlement(part).date > as_of:
                later[_allocated_invoice(part)] += part["Amount"]
        uses.extend(_credit_uses(books, row, item, as_of, allocations))
        if item.dated <= as_of:
            items.append(item)

    for kind, path, shape in _CREDITS:
        query = {}
        if kind == "credit_note":
            conditions = [f'Type=="{side.credit_notes}"', *_of_contact(contact_id)]
            query = {"where": " AND ".join(conditions), "order": "CreditNoteID ASC"}
        rows = books.iter_rows(path, shape, query, tolerant=True)
        books.visit_rows(rows, partial(add, kind))
    return items, later


def _is_counted(row: Row, side: Side, contact_id: str | None) -> bool:
    kind = str(row.get("Type"))
    ours = kind == side.credit_notes or kind.startswith(side.advance_prefixes)
    if row.get("Status") not in _COUNTED_STATES or not ours:
        return False
    return contact_id is None or _contact_of(row)[0] == contact_id


def _credit_kind(kind: Kind, row: Row) -> tuple[Kind, str]:
    """Return what a credit is by its type, whichever list it is from, and its id."""
    if str(row.get("Type")).endswith("OVERPAYMENT"):
        kind = "overpayment"
    elif str(row.get("Type")).endswith("PREPAYMENT"):
        kind = "prepayment"
    own = _ID_FIELDS[kind]
    key = row.get(own) or next((row[name] for name in _ID_FIELDS.values() if row.get(name)), None)
    if key is None:
        raise UnreadableRecord(record_name(row), own)
    return kind, str(key)


def _credit_uses(books: Books, row: Row, item: Item, as_of: date, allocations: list[Row]) -> Iterator[CreditUse]:
    rate = _rate(books, row)
    name = item.number or item.id
    for part in allocations:
        settlement = _settlement(part)
        if settlement.date <= as_of:
            base = to_base_currency(settlement.amount, rate)
            yield CreditUse(name, item.dated, settlement.date, base, item.currency, _allocated_invoice(part))
    for settlement in map(_settlement, _live_payments(row)):
        if settlement.date <= as_of:
            base = to_base_currency(settlement.amount, rate)
            yield CreditUse(name, item.dated, settlement.date, base, item.currency, None)


def _allocated_invoice(part: Row) -> str:
    return str((part.get("Invoice") or {}).get("InvoiceID")).lower()


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
        matches = row.get("Type") == side.invoices and row.get("Status") in _COUNTED_STATES
        if matches and _day(row, "Date") <= as_of and contact_id in {None, _contact_of(row)[0]}:
            rows[row["InvoiceID"].lower()] = row

    missing = _read_by_ids(books, sorted((credited.keys() | paid.keys()) - rows.keys()))
    books.visit_rows(missing, add)

    def make(entry: tuple[str, Row]) -> Item:
        key, row = entry
        amount = _amount(row, "AmountDue") + credited.get(key, ZERO)
        # the summary form has no payments; those dated after the day were read by themselves
        settlements = map(_settlement, _live_payments(row))
        amount = open_amount(amount, settlements, as_of) if past else amount + paid.get(key, ZERO)
        return _make_item(books, "invoice", row, row["InvoiceID"], amount)

    return books.convert_rows(rows.items(), make)


def _read_open_invoices(books: Books, side: Side, as_of: date, contact_id: str | None, *, past: bool) -> Iterator[Row]:
    conditions = [*_invoice_conditions(side, contact_id), f"Date<={date_filter(as_of)}", 'Status=="AUTHORISED"']
    query = {"order": "InvoiceID ASC"}
    if not past:
        conditions.append("AmountDue>0")
        query["summaryOnly"] = "true"
    return books.iter_rows("Invoices", "Invoice", {"where": " AND ".join(conditions), **query}, tolerant=True)


def _read_settled_invoices(books: Books, side: Side, as_of: date, contact_id: str | None) -> dict[str, Row] | None:
    """Return the invoices that were settled after the day; ``None`` if Xero refuses the filter for large books."""
    conditions = [*_invoice_conditions(side, contact_id), f"Date<={date_filter(as_of)}", 'Status=="PAID"']
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
            amounts[invoice["InvoiceID"].lower()] += _amount(row, "Amount")
            seen.add(row["PaymentID"])

    rows = books.iter_rows("Payments", "Payment", {"where": where, "order": "PaymentID ASC"}, tolerant=True)
    books.visit_rows(rows, add)
    return amounts


def _read_by_ids(books: Books, ids: list[str]) -> Iterator[Row]:
    for start in range(0, len(ids), MAX_IDS_PER_CALL):
        query = {"IDs": ",".join(ids[start : start + MAX_IDS_PER_CALL])}
        yield from books.iter_rows("Invoices", "Invoice", query, tolerant=True)


# ---------------------------------------------------------------- settlements before their document


@dataclass(frozen=True)
class EarlySettlement:
    """A settlement dated up to the day, of a document that is dated after it.

    The ledger has it on the control account, but its document is not open yet.

    Args:
        document: The document's number, or its id.
        dated: The date of the document.
        settled: The date of the settlement.
        base: What it adds to the control account, in base currency at the document's own rate.
        currency: Of the document.
    """

    document: str
    dated: date
    settled: date
    base: Decimal
    currency: str


def read_early_settlements(books: Books, side: Side, as_of: date, uses: list[CreditUse]) -> list[EarlySettlement]:
    """Return the payments, refunds and allocations up to a day whose document is dated after it.

    Costs a call for each 1,000 invoices dated after the day.
    """
    early: list[EarlySettlement] = []
    future: set[str] = set()

    def add(row: Row) -> None:
        if row.get("Status") not in _COUNTED_STATES:
            return
        future.add(row["InvoiceID"].lower())
        rate, dated = _rate(books, row), _day(row, "Date")
        for part in map(_settlement, _live_payments(row)):
            if part.date <= as_of:
                name = row.get("InvoiceNumber") or row["InvoiceID"]
                base = -to_base_currency(part.amount, rate)
                early.append(EarlySettlement(str(name), dated, part.date, base, _currency(books, row)))

    conditions = [*_invoice_conditions(side, None), f"Date>={date_filter(as_of + DAY)}"]
    query = {"where": " AND ".join(conditions), "order": "InvoiceID ASC"}
    books.visit_rows(books.iter_rows("Invoices", "Invoice", query, tolerant=True), add)
    for use in uses:
        invoice_open = use.invoice_id is not None and use.invoice_id not in future
        if use.dated > as_of and (use.invoice_id is None or invoice_open):
            early.append(EarlySettlement(use.document, use.dated, use.used, use.base, use.currency))
        elif use.dated <= as_of and use.invoice_id in future:
            early.append(EarlySettlement(use.document, use.dated, use.used, -use.base, use.currency))
    return early


# ---------------------------------------------------------------- fields


def _make_item(books: Books, kind: Kind, row: Row, key: str, amount: Decimal) -> Item:
    contact_id, contact = _contact_of(row)
    number = row.get("InvoiceNumber") or row.get("CreditNoteNumber") or row.get("Reference") or None
    return Item(
        kind=kind,
        id=key,
        number=number,
        contact_id=contact_id,
        contact=contact,
        dated=_day(row, "Date"),
        due=row.get("DueDate"),
        currency=_currency(books, row),
        amount=amount,
        base=to_base_currency(amount, _rate(books, row)),
    )


def _currency(books: Books, row: Row) -> str:
    return str(row.get("CurrencyCode") or books.base_currency)


def _rate(books: Books, row: Row) -> Decimal:
    if _currency(books, row) == books.base_currency:
        return Decimal(1)
    rate = _amount(row, "CurrencyRate")
    if rate <= 0:
        raise UnreadableRecord(record_name(row), "CurrencyRate", rate)
    return rate


def _live_payments(row: Row) -> list[Row]:
    return [part for part in row.get("Payments") or () if part.get("Status") != "DELETED"]


def _settlement(part: Row) -> Settlement:
    return Settlement(_day(part, "Date"), _amount(part, "Amount"))


def _contact_of(row: Row) -> tuple[str, str]:
    contact = row.get("Contact") or {}
    if not contact.get("ContactID"):
        raise UnreadableRecord(record_name(row), "Contact")
    return str(contact["ContactID"]).lower(), str(contact.get("Name") or "")


def _day(row: Row, name: str) -> date:
    value = row[name]
    if not isinstance(value, date):
        raise UnreadableRecord(record_name(row), name, value)
    return value


def _amount(row: Row, name: str) -> Decimal:
    value = row[name]
    if not isinstance(value, Decimal):
        raise UnreadableRecord(record_name(row), name, value)
    return value


def _invoice_conditions(side: Side, contact_id: str | None) -> list[str]:
    return [f'Type=="{side.invoices}"', *_of_contact(contact_id)]


def _of_contact(contact_id: str | None) -> list[str]:
    return [f'Contact.ContactID==Guid("{contact_id}")'] if contact_id else []


def parse_contact_id(value: str | None) -> str | None:
    """Return the contact id of the parameters, in lower case.

    Raises:
        Invalid: The value is not one of Xero's ids.
    """
    return parse_guid(value, "params.contact_id") if value else None
