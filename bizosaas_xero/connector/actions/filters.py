"""Values in Xero's filter language, and ids in its addresses."""

from __future__ import annotations

from datetime import date

from bizosaas_xero.connector.http.transport import is_guid
from bizosaas_xero.spec.errors import SUBJECT, Invalid


def quote(value: str, field: str) -> str:
    """Return a text as a string of a ``where`` filter.

    Raises:
        Invalid: The text holds a quotation mark, for which Xero's filter language has no escape.
    """
    if '"' in value or "\\" in value:
        raise Invalid.field(field, 'must not contain " or \\, which Xero cannot search for', summary=SUBJECT)
    return f'"{value}"'


def date_filter(day: date) -> str:
    """Return a day as a literal of a ``where`` filter."""
    return f"DateTime({day.year},{day.month:02},{day.day:02})"


def parse_guid(value: str, field: str) -> str:
    """Return an id for a ``where`` filter or a path.

    Raises:
        Invalid: The value is not one of Xero's ids.
    """
    if not is_guid(value):
        raise Invalid.field(field, "is not one of Xero's ids", summary=SUBJECT)
    return value.lower()
