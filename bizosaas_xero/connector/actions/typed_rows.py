"""What an action reads of Xero: a known field holds what its shape says, or the answer is refused.

A sync sets a row apart that cannot be read. An action must not: it would count without it. Nor may it stumble
over one, with an error that means nothing to a host.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, NoReturn

from bizosaas_xero.connector.records import decode
from bizosaas_xero.connector.records.fields import SHAPES
from bizosaas_xero.spec.errors import Unavailable

Row = dict[str, Any]

_ID = re.compile(r"[0-9A-Za-z-]{0,64}")
_LARGEST = 18
"""The largest exponent of ten in an amount; Xero's amounts have 13 digits before the point."""

_FINEST = -20
"""The smallest; Xero's rates have ten digits after the point."""

_YEARS = range(1900, 2200)


class _Answered(dict[str, Any]):
    """A row. That it lacks what an action cannot do without is Xero's fault, not the action's."""

    __slots__ = ()

    def __missing__(self, name: str) -> NoReturn:
        raise unreadable(f"{name}: missing")


def unreadable(what: str) -> Unavailable:
    """Make the error for a record that cannot be read."""
    return Unavailable(f"A record of Xero cannot be read: {what}.", reason="unreadable_record")


def typed(row: Row, shape: str) -> Row:
    """Type a row. What Xero says nothing of, as ``null`` or as an empty id, is not in it.

    Raises:
        Unavailable: A field holds what it cannot; asked for one that is not there, the row raises it as well.
    """
    try:
        return _checked(decode.converter(shape)(row), shape, "")
    except decode.Undecodable as error:
        raise unreadable(str(error)) from None


def _checked(row: Row, shape: str, path: str) -> Row:
    plain, nested = _fields(shape)
    result = _Answered()
    for name, value in row.items():
        if name in nested:
            if value:
                result[name] = _inner(value, *nested[name], f"{path}{name}")
        elif name in plain:
            if value is not None and not plain[name](value):
                raise unreadable(f"{path}{name}: not what it can hold")
            if value is not None and not (value == "" and plain[name] is _is_id):
                result[name] = value
        elif value is not None:
            result[name] = value
    return result


def _inner(value: Any, shape: str, many: bool, path: str) -> Any:
    found = value if many else [value]
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise unreadable(f"{path}: not what it can hold")
    inner = [_checked(each, shape, f"{path}.") for each in found]
    return inner if many else inner[0]


def _is_id(value: Any) -> bool:
    # It becomes a part of addresses: one like "../.." would lead elsewhere.
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _is_amount(value: Any) -> bool:
    if not isinstance(value, Decimal):
        return False
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= _FINEST and max(exponent, value.adjusted()) <= _LARGEST


_HOLD: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "decimals": _is_amount,
    "dates": lambda value: isinstance(value, date) and value.year in _YEARS,
    "stamps": lambda value: isinstance(value, date),
    "flags": lambda value: isinstance(value, bool),
    "integers": lambda value: type(value) is int,
}


@cache
def _fields(shape: str) -> tuple[dict[str, Callable[[Any], bool]], dict[str, tuple[str, bool]]]:
    """Return what the plain fields of a shape may hold, and which shape the others hold, and if many."""
    known = SHAPES[shape]
    plain = {name: holds for group, holds in _HOLD.items() for name in getattr(known, group).split()}
    plain |= {name: _is_id for name in known.text.split() if name.endswith(("ID", "Id"))}
    nested = {name: (other, False) for name, other in known.nested.items()}
    return plain, nested | {name: (other, True) for name, other in known.lists.items()}
