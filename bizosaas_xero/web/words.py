"""Numbers, moments and states in words, as pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))

INTERVALS = (300, 900, 1_800, 3_600, 14_400, 86_400, 604_800)
"""Seconds that a page offers between two syncs."""

RUNS = {
    "always": "runs without asking",
    "approval": "asks a person each time",
    "never": "never runs",
}


def duration(seconds: float) -> str:
    """Write a duration by its largest unit, such as ``4 minutes``."""
    for size, name in _UNITS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "a moment"


def interval(seconds: int) -> str:
    """Write how often something is synced."""
    if not seconds:
        return "never"
    for size, name in _UNITS:
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"every {name}" if count == 1 else f"every {count} {name}s"
    return f"every {seconds} seconds"


def ago(moment: datetime | None, now: datetime) -> str:
    """Write how long ago a moment was."""
    if moment is None:
        return "never"
    passed = now - moment
    return "just now" if passed < timedelta(minutes=1) else f"{duration(passed.total_seconds())} ago"


def until(moment: datetime | None, now: datetime) -> str:
    """Write when a moment comes."""
    if moment is None:
        return ""
    return f"in {duration((moment - now).total_seconds())}" if moment > now + timedelta(seconds=1) else "now"


def local(moment: datetime | None, zone: ZoneInfo) -> str:
    """Write a moment in a time zone, such as ``30 Nov 2026, 21:04``."""
    return "" if moment is None else f"{moment.astimezone(zone):%-d %b %Y, %H:%M}"


def money(amount: Any, currency: str | None = None) -> str:
    """Write an amount with thousands separated, and with all its digits."""
    if amount is None or amount == "":
        return ""
    try:
        number = Decimal(str(amount))
    except InvalidOperation:
        return str(amount)
    if not number.is_finite():
        return str(amount)
    text = f"{number:,f}"
    return f"{currency} {text}" if currency else text


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number with its noun."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def join(parts: list[str]) -> str:
    """Write a list in a sentence."""
    if len(parts) < 2:  # noqa: PLR2004 (one needs no `and`)
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def completeness(outcome: Mapping[str, Any] | None) -> str:
    """Write whether everything was read, from an outcome's JSON values."""
    if not outcome:
        return "not synced yet"
    if outcome.get("problem"):
        return "stopped by a problem"
    if outcome.get("complete") is None:
        return "not known: the last read was resumed"
    if outcome["complete"]:
        return "complete"
    missing = outcome.get("missing")
    return f"{missing:,} missing" if missing else "incomplete"


def rule(found: Mapping[str, Any] | None, currency: str | None) -> str:
    """Write what the policy says of an action."""
    if found is None:
        return "A person approves what enters the ledger, is sent, or adds a contact; a draft runs without asking."
    single, daily = (
        money(found[name], currency) if found.get(name) is not None else "" for name in ("max_amount", "daily_total")
    )
    bounds = join([*([f"up to {single} each"] if single else []), *([f"up to {daily} a day"] if daily else [])])
    if found["run"] == "always":
        return f"Runs without asking {bounds}; beyond that a person is asked." if bounds else "Runs without asking."
    if found["run"] == "never":
        return "Never runs."
    return (
        f"A person is asked each time, {bounds}; beyond that it is refused."
        if bounds
        else ("A person is asked each time.")
    )
