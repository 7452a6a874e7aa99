"""The arithmetic of ageing: what was open on a day, what it is worth, and how old it is. Pure functions."""

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
StepUnit = Literal["days", "months"]


@dataclass(frozen=True)
class Settlement:
    """A payment of a document, or a credit set against it, on its own date."""

    date: date
    amount: Decimal


@dataclass(frozen=True)
class Bucket:
    """The documents whose deciding date lies between two days, both included; ``None`` is no end."""

    label: str
    first: date | None
    last: date | None

    def holds(self, day: date) -> bool:
        """Tell whether a deciding date belongs here."""
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)


def open_on(left_now: Decimal, settlements: Iterable[Settlement], day: date) -> Decimal:
    """Return what was left of a document at the end of a day: what was settled later is undone."""
    return left_now + sum((each.amount for each in settlements if each.date > day), ZERO)


def buckets(as_of: date, age_by: AgeBy, unit: StepUnit, days: int, count: int) -> list[Bucket]:
    """Return the buckets from young to old; every date lies in exactly one.

    By due date the first holds what is not due yet; the last holds whatever is older than the steps.

    Args:
        as_of: The day of the report.
        age_by: Which date decides.
        unit: Steps of so many days, or calendar months.
        days: The length of a step.
        count: How many steps before the last, open one.
    """
    found: list[Bucket] = []
    newest: date | None = None
    if age_by == "due_date":  # due today is not late
        found, newest = [Bucket("not due", as_of, None)], as_of - DAY
    for step in range(count):
        if unit == "days":
            young = days * step + (1 if age_by == "due_date" or step else 0)
            old = days * (step + 1)
            first, label = as_of - timedelta(old), f"{young}-{old} days"
        else:
            first = (newest or as_of).replace(day=1)
            label = f"{first:%Y-%m}"
        found.append(Bucket(label, first, newest))
        newest = first - DAY
    older = f"over {days * count} days" if unit == "days" else f"before {found[-1].first:%Y-%m}"
    return [*found, Bucket(older, None, newest)]


def place(steps: list[Bucket], day: date) -> int:
    """Return the index of the bucket that holds a date."""
    return next(index for index, bucket in enumerate(steps) if bucket.holds(day))


def days_late(as_of: date, due: date | None) -> int:
    """Return for how many days a document has been overdue; nothing for one that is not."""
    return max((as_of - due).days, 0) if due else 0
