"""Settlements that are dated before their document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.filters import date_filter
from bizosaas_xero.connector.actions.money import to_base_currency
from bizosaas_xero.connector.actions.reports.ageing import DAY
from bizosaas_xero.connector.actions.reports.documents import (
    COUNTED_STATES,
    CreditUse,
    Side,
    currency_of,
    day_of,
    invoice_conditions,
    live_payments,
    rate_of,
    settlement_of,
)


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
        if row.get("Status") not in COUNTED_STATES:
            return
        future.add(row["InvoiceID"].lower())
        rate, dated = rate_of(books, row), day_of(row, "Date")
        for part in map(settlement_of, live_payments(row)):
            if part.date <= as_of:
                name = row.get("InvoiceNumber") or row["InvoiceID"]
                base = -to_base_currency(part.amount, rate)
                early.append(EarlySettlement(str(name), dated, part.date, base, currency_of(books, row)))

    conditions = [*invoice_conditions(side, None), f"Date>={date_filter(as_of + DAY)}"]
    query = {"where": " AND ".join(conditions), "order": "InvoiceID ASC"}
    books.visit_rows(books.iter_rows("Invoices", "Invoice", query, tolerant=True), add)
    for use in uses:
        invoice_open = use.invoice_id is not None and use.invoice_id not in future
        if use.dated > as_of and (use.invoice_id is None or invoice_open):
            early.append(EarlySettlement(use.document, use.dated, use.used, use.base, use.currency))
        elif use.dated <= as_of and use.invoice_id in future:
            early.append(EarlySettlement(use.document, use.dated, use.used, -use.base, use.currency))
    return early
