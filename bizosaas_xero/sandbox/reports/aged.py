"""Aged reports: the documents of one contact with their open amounts."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.posting import ZERO
from bizosaas_xero.sandbox.ledger.settled_document import read_document
from bizosaas_xero.sandbox.reports.layout import cell, format_money, header, plain_row, row, section
from bizosaas_xero.sandbox.reports.sums import LedgerSums

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.ledger.company import Company

_NUMBER_FIELDS = {"Invoices": "InvoiceNumber", "CreditNotes": "CreditNoteNumber"}
_ADVANCES = ("Prepayments", "Overpayments")


class AgedItem(NamedTuple):
    """One document, in base currency; amounts owed to the contact are negative."""

    id: str
    date: dt.date
    number: str
    due_date: dt.date | None
    total: Decimal
    paid: Decimal
    credited: Decimal
    due: Decimal


def read_aged_items(store: "Company", sums: LedgerSums, contact: str, day: dt.date, *, sales: bool) -> list[AgedItem]:
    """Return a contact's documents as of a day, oldest first.

    Foreign documents are converted at that day's rate. Drafts and voided documents are left out.

    Args:
        store: The books.
        sums: Their accrual sums, which list the documents of each contact.
        contact: The contact's id.
        day: Payments and credits count up to this day.
        sales: Receivables rather than payables.
    """
    control = store.system_account("DEBTORS" if sales else "CREDITORS")
    aged_items = [
        _read_item(store, entity, store.peek(entity, guid), day, sales=sales)
        for entity, guid in sums.documents.get((contact, control), ())
    ]
    for entity in _ADVANCES:
        aged_items += [
            _read_item(store, entity, document, day, sales=sales)
            for document in _iter_advances(store, entity, contact, sales)
        ]
    return sorted((item for item in aged_items if item.date <= day), key=lambda item: (item.date, item.number, item.id))


def _iter_advances(store: "Company", entity: str, contact: str, sales: bool) -> Iterator[Row]:
    table = store.table(entity)
    for slot in table.by_id:
        document = table.peek(slot)
        live = document["Status"] in {"AUTHORISED", "PAID"} and document["Contact"]["ContactID"] == contact
        if live and document["Type"].startswith("RECEIVE") == sales:
            yield document


def _read_item(store: "Company", entity: str, document: Row, day: dt.date, *, sales: bool) -> AgedItem:
    this = read_document(store, entity, document)
    payments = {payment["PaymentID"] for payment in document.get("Payments", ())}
    so_far = [(guid in payments, amount) for date, guid, amount in this.applied if date <= day]
    credited = sum((amount for is_payment, amount in so_far if not is_payment), ZERO)
    remaining = this.total - sum((amount for _, amount in so_far), ZERO)
    rate = store.rate(this.currency, day) if this.currency else Decimal(1)
    sign = this.sign if sales else -this.sign
    total, credit, due = (
        sign * xero_json.round_to_cents(amount / rate) for amount in (this.total, credited, remaining)
    )
    number = document.get(_NUMBER_FIELDS.get(entity, ""), "") or document.get("Reference") or ""
    due_date = xero_json.calendar_day(document["DueDate"]) if "DueDate" in document else None
    return AgedItem(
        this.document_id,
        xero_json.calendar_day(document["Date"]),
        number,
        due_date,
        total,
        total - credit - due,
        credit,
        due,
    )


def aged_rows(
    aged_items: list[AgedItem], since: dt.date, to: dt.date, day: dt.date, *, sales: bool, gap: str
) -> list[Row]:
    """Lay out an aged report; `gap` separates day and time in its dates."""
    titles = ["Date", "Number" if sales else "Reference", "Due Date", "", "Total", "Paid", "Credited", "Due"]
    opening_balance = sum((item.due for item in aged_items if item.date < since), ZERO)
    shown = [item for item in aged_items if since <= item.date <= to]
    sums = [sum((getattr(item, name) for item in shown), ZERO) for name in ("total", "paid", "credited", "due")]
    closing = [*sums[:3], opening_balance + sums[3]]
    opening = [_format_day(since, gap), "Opening Balance", *[""] * 5, format_money(opening_balance)]
    return [
        header(titles),
        section("", [plain_row(opening)]),
        section("", [*(_item_row(item, day, gap) for item in shown), _sum_row("Total", sums)]),
        section("", [_sum_row("Closing Balance", closing)]),
    ]


def _item_row(item: AgedItem, day: dt.date, gap: str) -> Row:
    late = (day - item.due_date).days if item.due_date else 0
    overdue = f"{late} days overdue" if late > 0 and item.due > 0 else ""
    due = _format_day(item.due_date, gap) if item.due_date else ""
    amounts = map(format_money, (item.total, item.paid, item.credited, item.due))
    mark = (("invoiceID", item.id),)  # Xero uses invoiceID for every kind of document
    return row(cell(value, mark) for value in (_format_day(item.date, gap), item.number, due, overdue, *amounts))


def _sum_row(name: str, amounts: list[Decimal]) -> Row:
    return plain_row([name, "", "", "", *map(format_money, amounts)], "SummaryRow")


def _format_day(day: dt.date, gap: str) -> str:
    return f"{day.isoformat()}{gap}00:00:00"
