"""The days of reports."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AfterValidator

FIRST_DAY = date(1950, 1, 1)
LAST_DAY = date(2199, 12, 31)


def _check_range(day: date) -> date:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"must be from {FIRST_DAY} to {LAST_DAY}")
    return day


ReportDay = Annotated[date, AfterValidator(_check_range)]
"""A day for which a report can be made, so that periods around it stay within the calendar."""
