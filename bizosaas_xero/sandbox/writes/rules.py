"""Rules that all documents share: locks, currency rates, the effects of payments and credits."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.posting import ZERO
from bizosaas_xero.sandbox.writes import contacts, values
from bizosaas_xero.sandbox.writes.unit_of_work import UnitOfWork

LIVE = {"AUTHORISED", "PAID"}
DEAD = {"VOIDED", "DELETED"}
# the lists of credits in an invoice
CREDITS = {"CreditNotes": "CreditNoteID", "Prepayments": "PrepaymentID", "Overpayments": "OverpaymentID"}
_MAX_RATE_FACTOR = Decimal("1.5")
_LOCKS = (("EndOfYearLockDate", "end of year lock date"), ("PeriodLockDate", "period lock date"))


def lock_problem(work: UnitOfWork, day: dt.date) -> str | None:
    """Return why nothing may be posted on a day, or None.

    The period lock applies to ordinary users but not to apps of an adviser; the end of year lock applies to
    all users.
    """
    for name, lock_name in _LOCKS:
        date = work.books.organisation.get(name)
        if not date or (name == "PeriodLockDate" and work.context.adviser):
            continue
        lock_day = xero_json.calendar_day(date)
        if day <= lock_day:
            return f"The document date cannot be before the {lock_name}, currently set at {lock_day:%d %B %Y}"
    return None


def check_lock(work: UnitOfWork, *days: dt.date | None) -> None:
    """Add a problem when one of the days is in a locked period."""
    for day in days:
        problem = lock_problem(work, day) if day is not None else None
        if problem:
            work.problems.append(problem)
            return


def currency_rate(work: UnitOfWork, element: Mapping[str, Any], currency: str, day: dt.date) -> Decimal:
    """Return foreign units per base unit: the stated rate, or the day's rate of the sandbox's table."""
    if currency == work.books.currency:
        return Decimal("1.000000")
    stated_rate = values.parse_number(element, "CurrencyRate")
    if stated_rate is None:
        return work.books.rate(currency, day)
    if stated_rate <= 0:
        work.problems.append("The CurrencyRate must be greater than zero.")
        return Decimal(1)
    usual = work.books.rate(currency, day)
    if not usual / _MAX_RATE_FACTOR < stated_rate < usual * _MAX_RATE_FACTOR:  # most often it is inverted
        work.warnings.append(f"The CurrencyRate {stated_rate} is far from that of the day, {usual}.")
    return stated_rate


def settled_amount(row: Row) -> Decimal:
    """Return the amount of an invoice that is paid or credited."""
    paid = sum((part["Amount"] for part in row["Payments"]), ZERO)
    return paid + sum((part["AppliedAmount"] for name in CREDITS for part in row[name]), ZERO)


def used_amount(row: Row) -> Decimal:
    """Return the amount of a credit note, prepayment or overpayment that is allocated or refunded."""
    return sum((part["Amount"] for part in (*row["Payments"], *row["Allocations"])), ZERO)


def put_invoice(work: UnitOfWork, row: Row, *, blind: bool = False) -> None:
    """Store an invoice, with the amounts and status that follow from its payments and credits."""
    row["AmountPaid"] = sum((part["Amount"] for part in row["Payments"]), ZERO)
    row["AmountCredited"] = settled_amount(row) - row["AmountPaid"]
    live = row["Status"] not in DEAD
    row["AmountDue"] = row["Total"] - row["AmountPaid"] - row["AmountCredited"] if live else ZERO
    row.pop("FullyPaidOnDate", None)
    if row["Status"] in LIVE:
        row["Status"] = "AUTHORISED" if row["AmountDue"] else "PAID"
        if row["Status"] == "PAID":
            dates = [part["Date"] for name in ("Payments", *CREDITS) for part in row[name]]
            row["FullyPaidOnDate"] = max(dates, key=xero_json.calendar_day, default=row["Date"])
    old = work.get("Invoices", row["InvoiceID"])
    work.put("Invoices", row, blind=blind)
    for version, sign in ((old, -1), (row, 1)):
        if version and version["Status"] == "AUTHORISED":
            due, due_date = sign * version["AmountDue"], version.get("DueDate")
            late = due if due_date and xero_json.calendar_day(due_date) < work.books.today() else ZERO
            sales = version["Type"] == "ACCREC"
            contacts.change_balance(work, version["Contact"]["ContactID"], sales=sales, due=due, overdue=late)


def put_credit(work: UnitOfWork, entity: str, row: Row) -> None:
    """Store a credit note, prepayment or overpayment, with its remaining credit."""
    live = row["Status"] not in DEAD
    row["RemainingCredit"] = row["Total"] - used_amount(row) if live else ZERO
    row.pop("FullyPaidOnDate", None)
    if row["Status"] in LIVE:
        row["Status"] = "AUTHORISED" if row["RemainingCredit"] else "PAID"
        if row["Status"] == "PAID":
            dates = [part["Date"] for part in (*row["Payments"], *row["Allocations"])]
            row["FullyPaidOnDate"] = max(dates, key=xero_json.calendar_day, default=row["Date"])
    work.put(entity, row)
