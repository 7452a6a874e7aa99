"""Numbers, moments and states in words, as pages show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


ACTS = {
    "draft": "make or change a draft, which posts nothing",
    "authorise": "enter a document in the ledger",
    "send": "send an e-mail to the customer",
    "pay": "record money that was paid",
    "void": "void a document",
    "delete": "delete a record",
    "backdate": "date it in the past",
    "create_contact": "add a contact",
}
"""What a plan would do, by the words of the contract."""

AUDIT = {
    "read": "read",
    "plan": "planned",
    "waiting": "asked to do it; it waits for a person",
    "approval": "approved",
    "refusal": "refused",
    "commit": "began to write",
    "result": "done",
    "repeated": "asked again for what was done before",
    "error": "ended in an error",
    "policy": "changed a rule",
    "owner": "changed owner mode",
    "restore": "restored a backup",
    "revocation": "revoked",
    "readmission": "allowed again",
}
"""What an entry of the audit records."""


def acts(given: Sequence[str] | None) -> str:
    """Write what a plan would do; ``None``: its connector does not say."""
    if given is None:
        return "do what its connector does not say"
    return join([ACTS.get(act, act.replace("_", " ")) for act in given]) or "change nothing"


def note(name: str, value: Any) -> str:
    """Write one more fact of a posting, such as ``tax rate 15%``."""
    title = name.replace("_", " ")
    if name.endswith("_rate"):
        return f"{title} {percent(value)}"
    if isinstance(value, Mapping):
        return f"{title} {join([note(str(key), each) for key, each in value.items()])}"
    if isinstance(value, list):
        return f"{title} {join([str(each) for each in value])}"
    return f"{title} {money(value) if name.endswith('amount') else value}"


def percent(value: Any) -> str:
    """Write a rate without the zeros that say nothing, such as ``15%`` or ``12.5%``."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    if not number.is_finite():
        return str(value)
    text = f"{number:f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"


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
