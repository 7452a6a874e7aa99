"""Credit notes, overpayments and prepayments, and what of them is left on a day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import partial

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.money import to_base_currency
from bizosaas_xero.connector.actions.reports.ageing import ZERO, open_amount
from bizosaas_xero.connector.actions.reports.documents import (
    COUNTED_STATES,
    CreditUse,
    Item,
    Kind,
    Side,
    amount_of,
    contact_of,
    live_payments,
    make_item,
    of_contact,
    rate_of,
    settlement_of,
)
from bizosaas_xero.connector.actions.typed_rows import UnreadableRecord, record_name

_CREDITS: tuple[tuple[Kind, str, str], ...] = (
    ("credit_note", "CreditNotes", "CreditNote"),
    ("overpayment", "Overpayments", "Credit"),
    ("prepayment", "Prepayments", "Credit"),
)
_ID_FIELDS = {"credit_note": "CreditNoteID", "overpayment": "OverpaymentID", "prepayment": "PrepaymentID"}


def read_credits(
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
        settlements = [*map(settlement_of, allocations), *map(settlement_of, live_payments(row))]
        remaining = open_amount(amount_of(row, "RemainingCredit"), settlements, as_of)
        item = make_item(books, kind, row, key, -remaining)
        seen.add(key.lower())
        for part in allocations:
            if settlement_of(part).date > as_of:
                later[_allocated_invoice(part)] += part["Amount"]
        uses.extend(_credit_uses(books, row, item, as_of, allocations))
        if item.dated <= as_of:
            items.append(item)

    for kind, path, shape in _CREDITS:
        query = {}
        if kind == "credit_note":
            conditions = [f'Type=="{side.credit_notes}"', *of_contact(contact_id)]
            query = {"where": " AND ".join(conditions), "order": "CreditNoteID ASC"}
        rows = books.iter_rows(path, shape, query, tolerant=True)
        books.visit_rows(rows, partial(add, kind))
    return items, later


def _is_counted(row: Row, side: Side, contact_id: str | None) -> bool:
    kind = str(row.get("Type"))
    ours = kind == side.credit_notes or kind.startswith(side.advance_prefixes)
    if row.get("Status") not in COUNTED_STATES or not ours:
        return False
    return contact_id is None or contact_of(row)[0] == contact_id


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
    rate = rate_of(books, row)
    name = item.number or item.id
    for part in allocations:
        settlement = settlement_of(part)
        if settlement.date <= as_of:
            base = to_base_currency(settlement.amount, rate)
            yield CreditUse(name, item.dated, settlement.date, base, item.currency, _allocated_invoice(part))
    for settlement in map(settlement_of, live_payments(row)):
        if settlement.date <= as_of:
            base = to_base_currency(settlement.amount, rate)
            yield CreditUse(name, item.dated, settlement.date, base, item.currency, None)


def _allocated_invoice(part: Row) -> str:
    return str((part.get("Invoice") or {}).get("InvoiceID")).lower()
