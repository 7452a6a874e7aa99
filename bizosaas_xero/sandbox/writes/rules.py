"""Rules that all documents share: locks, currency rates, what follows from payments and credits."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.ledger import ZERO
from bizosaas_xero.sandbox.writes import contacts, values
from bizosaas_xero.sandbox.writes.unit_of_work import Work

LIVE = {"AUTHORISED", "PAID"}
DEAD = {"VOIDED", "DELETED"}
# what stands in an invoice's own lists of credits
CREDITS = {"CreditNotes": "CreditNoteID", "Prepayments": "PrepaymentID", "Overpayments": "OverpaymentID"}
_FAR = Decimal("1.5")
_LOCKS = (("EndOfYearLockDate", "end of year lock date"), ("PeriodLockDate", "period lock date"))


def locked(work: Work, day: dt.date) -> str | None:
    """Return why nothing may be posted on a day, or None.

    The period lock binds ordinary users, an adviser's app may write through it; the end of year lock binds
    everybody.
    """
    for name, words in _LOCKS:
        date = work.books.organisation.get(name)
        if not date or (name == "PeriodLockDate" and work.who.adviser):
            continue
        if day <= xero_json.day(date):
            return f"The document date cannot be before the {words}, currently set at {xero_json.day(date):%d %B %Y}"
    return None


def check_lock(work: Work, *days: dt.date | None) -> None:
    """Note a problem when one of the days lies in a locked period."""
    for day in days:
        problem = locked(work, day) if day is not None else None
        if problem:
            work.problems.append(problem)
            return


def rate(work: Work, given: Mapping[str, Any], currency: str, day: dt.date) -> Decimal:
    """Return foreign units per base unit: what is given, or the day's rate of the sandbox's table."""
    if currency == work.books.currency:
        return Decimal("1.000000")
    asked = values.number(given, "CurrencyRate")
    if asked is None:
        return work.books.rate(currency, day)
    if asked <= 0:
        work.problems.append("The CurrencyRate must be greater than zero.")
        return Decimal(1)
    usual = work.books.rate(currency, day)
    if not usual / _FAR < asked < usual * _FAR:  # most often it was turned round
        work.warnings.append(f"The CurrencyRate {asked} is far from that of the day, {usual}.")
    return asked


def settled(row: Row) -> Decimal:
    """Return how much of an invoice is paid or credited."""
    paid = sum((part["Amount"] for part in row["Payments"]), ZERO)
    return paid + sum((part["AppliedAmount"] for name in CREDITS for part in row[name]), ZERO)


def used(row: Row) -> Decimal:
    """Return how much of a credit note, prepayment or overpayment is allocated or paid back."""
    return sum((part["Amount"] for part in (*row["Payments"], *row["Allocations"])), ZERO)


def put_invoice(work: Work, row: Row, *, blind: bool = False) -> None:
    """Keep an invoice, with all that follows from its payments and credits."""
    row["AmountPaid"] = sum((part["Amount"] for part in row["Payments"]), ZERO)
    row["AmountCredited"] = settled(row) - row["AmountPaid"]
    live = row["Status"] not in DEAD
    row["AmountDue"] = row["Total"] - row["AmountPaid"] - row["AmountCredited"] if live else ZERO
    row.pop("FullyPaidOnDate", None)
    if row["Status"] in LIVE:
        row["Status"] = "AUTHORISED" if row["AmountDue"] else "PAID"
        if row["Status"] == "PAID":
            dates = [part["Date"] for name in ("Payments", *CREDITS) for part in row[name]]
            row["FullyPaidOnDate"] = max(dates, key=xero_json.day, default=row["Date"])
    old = work.get("Invoices", row["InvoiceID"])
    work.put("Invoices", row, blind=blind)
    for version, sign in ((old, -1), (row, 1)):
        if version and version["Status"] == "AUTHORISED":
            due, at = sign * version["AmountDue"], version.get("DueDate")
            late = due if at and xero_json.day(at) < work.books.today() else ZERO
            sales = version["Type"] == "ACCREC"
            contacts.owe(work, version["Contact"]["ContactID"], sales=sales, due=due, overdue=late)


def put_credit(work: Work, entity: str, row: Row) -> None:
    """Keep a credit note, prepayment or overpayment, with what is left of it."""
    live = row["Status"] not in DEAD
    row["RemainingCredit"] = row["Total"] - used(row) if live else ZERO
    row.pop("FullyPaidOnDate", None)
    if row["Status"] in LIVE:
        row["Status"] = "AUTHORISED" if row["RemainingCredit"] else "PAID"
        if row["Status"] == "PAID":
            dates = [part["Date"] for part in (*row["Payments"], *row["Allocations"])]
            row["FullyPaidOnDate"] = max(dates, key=xero_json.day, default=row["Date"])
    work.put(entity, row)
