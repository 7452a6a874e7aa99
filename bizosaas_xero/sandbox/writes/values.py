"""Parsing the values of a request: amounts, dates, flags, texts, as lenient and as strict as Xero."""

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.writes.unit_of_work import RefusedError, UnitOfWork

_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ][\d:.]*(?:Z|[+-]\d\d:?\d\d)?)?")
_MAX_NUMBER = Decimal("9999999999.99")
ZERO_ID = "00000000-0000-0000-0000-000000000000"


def parse_number(element: Mapping[str, Any], name: str, default: Decimal | None = None) -> Decimal | None:
    """Return a number, which may be sent as text.

    Raises:
        RefusedError: It is not a number, or too large.
    """
    value = element.get(name)
    if value is None or value == "":
        return default
    try:
        amount = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except InvalidOperation:
        raise RefusedError(f"The {name} field has a value that is not a number: '{value}'") from None
    if isinstance(value, bool) or not amount.is_finite() or abs(amount) > _MAX_NUMBER:
        raise RefusedError(f"The {name} field has a value that is not valid: '{value}'")
    return amount


def parse_money(element: Mapping[str, Any], name: str, default: Decimal | None = None) -> Decimal | None:
    """Return an amount rounded to cents."""
    amount = parse_number(element, name, default)
    return None if amount is None else xero_json.round_to_cents(amount)


def parse_day(
    work: UnitOfWork, element: Mapping[str, Any], name: str, default: dt.date | None = None
) -> dt.date | None:
    """Return a calendar day from `YYYY-MM-DD`, with or without a time.

    Xero's own SDK sends `/Date(…)/`, and others report that it was refused: switch `write_ms_dates`.

    Raises:
        RefusedError: It is not a date.
    """
    value = element.get(name) or element.get(f"{name}String")
    if value is None or value == "":
        return default
    text = str(value).replace("\\/", "/")
    if work.context.switches.write_ms_dates and xero_json.milliseconds(text) is not None:
        return xero_json.calendar_day(text)
    match = _DAY.fullmatch(text)
    try:
        return dt.date.fromisoformat(match[1]) if match else _refuse_day(name, value)
    except ValueError:
        return _refuse_day(name, value)


def _refuse_day(name: str, value: object) -> dt.date:
    raise RefusedError(f"The string '{value}' is not a valid AllXsd value for {name}.")


def parse_flag(element: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """Return a flag, which may be sent as text."""
    value = element.get(name)
    if isinstance(value, str):
        return value.strip().lower() == "true"
    return default if value is None else bool(value)


def parse_text(work: UnitOfWork, element: Mapping[str, Any], name: str, max_chars: int = 255) -> str:
    """Return a text; a text that is too long adds a problem."""
    value = element.get(name)
    value = "" if value is None else str(value)
    if len(value) > max_chars:
        work.problems.append(f"The {name} field cannot exceed {max_chars} characters.")
    return value


def child(element: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object inside an element, empty when it is missing."""
    value = element.get(name)
    return value if isinstance(value, Mapping) else {}


def children(element: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the objects of a list inside an element."""
    value = element.get(name)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def parse_url(work: UnitOfWork, element: Mapping[str, Any], name: str = "Url") -> str:
    """Return the URL of a document; Xero refuses addresses that contain its own name."""
    value = parse_text(work, element, name, 2000)
    if value and not re.fullmatch(r"https?://[^\s/]+\S*", value):
        work.problems.append(f"The {name} field must be a valid URL.")
    elif "xero" in value.lower():
        work.problems.append(f"The {name} field cannot contain xero.")
    return value
