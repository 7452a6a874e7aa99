"""The arithmetic of ageing: the amount open on a day, and the bucket of its age. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

ZERO = Decimal(0)
CENT = Decimal("0.01")
DAY = timedelta(1)

AgeBy = Literal["due_date", "invoice_date"]
StepUnit = Literal["days", "months", "xero"]


@dataclass(frozen=True)
class Settlement:
    """A payment of a document, or a credit allocated to it, on its own date."""

    date: date
    amount: Decimal


@dataclass(frozen=True)
class Bucket:
    """The documents whose deciding date is between two days, both included; ``None`` means no limit."""

    label: str
    first: date | None
    last: date | None

    def holds(self, day: date) -> bool:
        """Return whether a deciding date belongs to this bucket."""
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)


def open_amount(open_now: Decimal, settlements: Iterable[Settlement], day: date) -> Decimal:
    """Return what was open of a document at the end of a day: later settlements are undone."""
    return open_now + sum((settlement.amount for settlement in settlements if settlement.date > day), ZERO)


def make_buckets(as_of: date, age_by: AgeBy, unit: StepUnit, days: int, count: int) -> list[Bucket]:
    """Return the buckets from young to old; every date belongs to exactly one.

    By due date the first bucket holds what is not due yet; the last holds what is older than the steps.

    Args:
        as_of: The day of the report.
        age_by: Which date decides.
        unit: Steps of ``days`` days, calendar months, or the columns of Xero's own aged reports.
        days: The length of a step.
        count: The number of steps before the last bucket, which has no lower limit.
    """
    if unit == "xero":
        return _xero_buckets(as_of)
    result: list[Bucket] = []
    newest: date | None = None
    if age_by == "due_date":  # due today is not late
        result, newest = [Bucket("not due", as_of, None)], as_of - DAY
    for step in range(count):
        if unit == "days":
            young = days * step + (1 if age_by == "due_date" or step else 0)
            old = days * (step + 1)
            first, label = as_of - timedelta(old), f"{young}-{old} days"
        else:
            first = (newest or as_of).replace(day=1)
            label = f"{first:%Y-%m}"
        result.append(Bucket(label, first, newest))
        newest = first - DAY
    older = f"over {days * count} days" if unit == "days" else f"before {result[-1].first:%Y-%m}"
    return [*result, Bucket(older, None, newest)]


_XERO_LABELS = ("< 1 month", "1 month", "2 months", "3 months")


def _xero_buckets(as_of: date) -> list[Bucket]:
    """Return the columns of Xero's aged reports: current, less than a month, 1, 2, 3 months, older.

    A document is one month late on the same day of the next month, or on its last day if that is earlier.
    """
    result, newest = [Bucket("current", as_of, None)], as_of - DAY
    for months, label in enumerate(_XERO_LABELS, 1):
        limit = months_before(as_of, months)
        result.append(Bucket(label, limit + DAY, newest))
        newest = limit
    return [*result, Bucket("older", None, newest)]


def months_before(day: date, months: int) -> date:
    """Return the same day of an earlier month, or that month's last day if it is shorter."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    first_of_next = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    return min(date(year, month + 1, 1) + timedelta(day.day - 1), first_of_next - DAY)


def bucket_index(buckets: list[Bucket], day: date) -> int:
    """Return the index of the bucket that holds a date."""
    return next(index for index, bucket in enumerate(buckets) if bucket.holds(day))


def days_late(as_of: date, due: date | None) -> int:
    """Return for how many days a document has been overdue; 0 for one that is not."""
    return max((as_of - due).days, 0) if due else 0
