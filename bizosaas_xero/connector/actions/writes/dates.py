"""Due dates by payment terms, and days on which the books are locked."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.books import Books, Row

_FAR_DAYS = 731


def default_due_date(books: Books, contact: Row | None, on: date) -> date | None:
    """Return the due date of a sales document by the terms of the contact, the organisation or the settings.

    Returns:
        ``None`` if none of them has terms.
    """
    for holder in (contact, books.organisation):
        terms = ((holder or {}).get("PaymentTerms") or {}).get("Sales") or {}
        if terms.get("Type") and terms.get("Day") is not None:
            return date_by_terms(terms, on)
    days = books.settings.payment_days
    return None if days is None else shift(on, days)


def date_by_terms(terms: Mapping[str, Any], on: date) -> date:
    """Return the day that Xero's payment terms give (its types of payment terms)."""
    day, kind = int(terms["Day"]), str(terms["Type"])
    if kind == "DAYSAFTERBILLMONTH":
        return shift(_day_of_month(on, 0, 31), day)
    if kind == "OFCURRENTMONTH":
        due = _day_of_month(on, 0, day)
        return due if due >= on else _day_of_month(on, 1, day)
    if kind == "OFFOLLOWINGMONTH":
        return _day_of_month(on, 1, day)
    return shift(on, day)


def shift(on: date, days: int) -> date:
    """Return the day that is some days later, or earlier; at the ends of the calendar, the first or last day."""
    try:
        return on + timedelta(days=days)
    except OverflowError:
        return date.max if days > 0 else date.min


def _day_of_month(on: date, months_ahead: int, day: int) -> date:
    year, month = divmod(on.year * 12 + on.month - 1 + months_ahead, 12)
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(day, monthrange(year, month + 1)[1]))


def refuse_locked(books: Books, on: date, field: str) -> None:
    """Refuse a day on which the books are locked, even where Xero would let an adviser write.

    Raises:
        Invalid: The error names the lock date.
    """
    locked = books.locked_until
    if locked and on <= locked:
        raise reasons.LOCKED_PERIOD.field(field, locked=locked)


def date_warnings(books: Books, on: date) -> list[str]:
    """Return what a person should know of a document's date before approving it."""
    locked = books.locked_until
    if locked and on <= locked:
        return [f"The books are locked up to {locked}: this draft cannot be approved as dated."]
    if on < books.today:
        return [f"It is dated back to {on}; today is {books.today}."]
    return far_date_warnings(books, on, "It is dated")


def far_date_warnings(books: Books, day: date | None, opening: str) -> list[str]:
    """Return a warning about a day that is more than two years ahead, which is often a slip of the year."""
    if day is None or day <= shift(books.today, _FAR_DAYS):
        return []
    return [f"{opening} {day}, more than two years ahead; today is {books.today}."]
