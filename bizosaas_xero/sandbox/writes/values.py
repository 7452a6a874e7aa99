"""Reading what clients send: amounts, dates, flags, texts, as liberally and as strictly as Xero."""

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.writes.unit_of_work import RefusedError, Work

_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ][\d:.]*(?:Z|[+-]\d\d:?\d\d)?)?")
_LARGEST = Decimal("9999999999.99")
ZERO_ID = "00000000-0000-0000-0000-000000000000"


def number(given: Mapping[str, Any], name: str, default: Decimal | None = None) -> Decimal | None:
    """Return a number, which may come as text.

    Raises:
        RefusedError: It is none, or too large.
    """
    value = given.get(name)
    if value is None or value == "":
        return default
    try:
        amount = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except InvalidOperation:
        raise RefusedError(f"The {name} field has a value that is not a number: '{value}'") from None
    if isinstance(value, bool) or not amount.is_finite() or abs(amount) > _LARGEST:
        raise RefusedError(f"The {name} field has a value that is not valid: '{value}'")
    return amount


def money(given: Mapping[str, Any], name: str, default: Decimal | None = None) -> Decimal | None:
    """Return an amount rounded to cents."""
    amount = number(given, name, default)
    return None if amount is None else xero_json.cents(amount)


def day(work: Work, given: Mapping[str, Any], name: str, default: dt.date | None = None) -> dt.date | None:
    """Return a calendar day from `YYYY-MM-DD`, with or without a time.

    Xero's own SDK sends `/Date(…)/`, and others report that it was refused: switch `write_ms_dates`.

    Raises:
        RefusedError: It is none.
    """
    value = given.get(name) or given.get(f"{name}String")
    if value is None or value == "":
        return default
    text = str(value).replace("\\/", "/")
    if work.who.switches.write_ms_dates and xero_json.milliseconds(text) is not None:
        return xero_json.day(text)
    match = _DAY.fullmatch(text)
    try:
        return dt.date.fromisoformat(match[1]) if match else _no_day(name, value)
    except ValueError:
        return _no_day(name, value)


def _no_day(name: str, value: object) -> dt.date:
    raise RefusedError(f"The string '{value}' is not a valid AllXsd value for {name}.")


def flag(given: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """Return a flag, which may come as text."""
    value = given.get(name)
    if isinstance(value, str):
        return value.strip().lower() == "true"
    return default if value is None else bool(value)


def text(work: Work, given: Mapping[str, Any], name: str, longest: int = 255) -> str:
    """Return a text; one that is too long is a problem of the element."""
    value = given.get(name)
    value = "" if value is None else str(value)
    if len(value) > longest:
        work.problems.append(f"The {name} field cannot exceed {longest} characters.")
    return value


def part(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an element inside an element, empty when it has none."""
    value = given.get(name)
    return value if isinstance(value, Mapping) else {}


def parts(given: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the elements of a list inside an element."""
    value = given.get(name)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def address(work: Work, given: Mapping[str, Any], name: str = "Url") -> str:
    """Return a URL that is shown beside a document; Xero wants no address of its own there."""
    value = text(work, given, name, 2000)
    if value and not re.fullmatch(r"https?://[^\s/]+\S*", value):
        work.problems.append(f"The {name} field must be a valid URL.")
    elif "xero" in value.lower():
        work.problems.append(f"The {name} field cannot contain xero.")
    return value
