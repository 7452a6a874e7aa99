"""What one contact owes or is owed, document by document, as aged reports show it."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.ledger import ZERO
from bizosaas_xero.sandbox.ledger.posting_rules import side
from bizosaas_xero.sandbox.reports.layout import cell, header, money, plain, row, section
from bizosaas_xero.sandbox.reports.sums import Sums

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.ledger.company import Company

_NUMBER = {"Invoices": "InvoiceNumber", "CreditNotes": "CreditNoteNumber"}
_MONEY_IN_ADVANCE = ("Prepayments", "Overpayments")


class Item(NamedTuple):
    """One document, in base currency; what is owed to the contact is negative."""

    id: str
    date: dt.date
    number: str
    due_date: dt.date | None
    total: Decimal
    paid: Decimal
    credited: Decimal
    due: Decimal


def items(store: "Company", sums: Sums, contact: str, day: dt.date, *, sales: bool) -> list[Item]:
    """Return a contact's documents as they stood on a day, oldest first.

    Foreign documents are worth what they are at that day's rate. Drafts and voided documents are none.

    Args:
        store: The books.
        sums: Their accrual sums: they know which documents a contact has.
        contact: The contact's id.
        day: Payments and credits count up to here.
        sales: Receivables rather than payables.
    """
    control = store.system_account("DEBTORS" if sales else "CREDITORS")
    found = [
        _item(store, entity, store.look(entity, guid), day, sales=sales)
        for entity, guid in sums.documents.get((contact, control), ())
    ]
    for entity in _MONEY_IN_ADVANCE:
        found += [_item(store, entity, each, day, sales=sales) for each in _advance(store, entity, contact, sales)]
    return sorted((item for item in found if item.date <= day), key=lambda item: (item.date, item.number, item.id))


def _advance(store: "Company", entity: str, contact: str, sales: bool) -> Iterator[Row]:
    table = store.table(entity)
    for slot in table.by_id:
        each = table.peek(slot)
        live = each["Status"] in {"AUTHORISED", "PAID"} and each["Contact"]["ContactID"] == contact
        if live and each["Type"].startswith("RECEIVE") == sales:
            yield each


def _item(store: "Company", entity: str, document: Row, day: dt.date, *, sales: bool) -> Item:
    this = side(store, entity, document)
    payments = {payment["PaymentID"] for payment in document.get("Payments", ())}
    so_far = [(guid in payments, amount) for date, guid, amount in this.applied if date <= day]
    credited = sum((amount for paid, amount in so_far if not paid), ZERO)
    left = this.total - sum((amount for _, amount in so_far), ZERO)
    rate = store.rate(this.currency, day) if this.currency else Decimal(1)
    way = this.sign if sales else -this.sign
    total, credit, due = (way * xero_json.cents(amount / rate) for amount in (this.total, credited, left))
    number = document.get(_NUMBER.get(entity, ""), "") or document.get("Reference") or ""
    due_date = xero_json.day(document["DueDate"]) if "DueDate" in document else None
    return Item(
        this.document_id,
        xero_json.day(document["Date"]),
        number,
        due_date,
        total,
        total - credit - due,
        credit,
        due,
    )


def aged(found: list[Item], since: dt.date, to: dt.date, day: dt.date, *, sales: bool, gap: str) -> list[Row]:
    """Lay out an aged report; `gap` stands between day and time of its dates."""
    titles = ["Date", "Number" if sales else "Reference", "Due Date", "", "Total", "Paid", "Credited", "Due"]
    before = sum((item.due for item in found if item.date < since), ZERO)
    shown = [item for item in found if since <= item.date <= to]
    sums = [sum((getattr(item, name) for item in shown), ZERO) for name in ("total", "paid", "credited", "due")]
    closing = [*sums[:3], before + sums[3]]
    opening = [_stamp(since, gap), "Opening Balance", *[""] * 5, money(before)]
    return [
        header(titles),
        section("", [plain(opening)]),
        section("", [*(_row(item, day, gap) for item in shown), _sum("Total", sums)]),
        section("", [_sum("Closing Balance", closing)]),
    ]


def _row(item: Item, day: dt.date, gap: str) -> Row:
    late = (day - item.due_date).days if item.due_date else 0
    words = f"{late} days overdue" if late > 0 and item.due > 0 else ""
    due = _stamp(item.due_date, gap) if item.due_date else ""
    amounts = map(money, (item.total, item.paid, item.credited, item.due))
    mark = (("invoiceID", item.id),)  # Xero says invoice, whatever the document is
    return row(cell(value, mark) for value in (_stamp(item.date, gap), item.number, due, words, *amounts))


def _sum(name: str, amounts: list[Decimal]) -> Row:
    return plain([name, "", "", "", *map(money, amounts)], "SummaryRow")


def _stamp(day: dt.date, gap: str) -> str:
    return f"{day.isoformat()}{gap}00:00:00"
