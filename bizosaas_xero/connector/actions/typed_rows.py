"""Check the types of the rows that an action reads from Xero: a known field holds its type, or the row is refused.

A sync sets an undecodable row apart and continues. An action that counts must not count such a row, and must
say which record it left out, so the error names the record, the field and the value.
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
MAX_EXPONENT = 18
"""The largest exponent of ten in an amount; Xero's amounts have 13 digits before the point."""

MIN_EXPONENT = -20
"""The smallest; Xero's rates have ten digits after the point."""

_YEARS = range(1900, 2200)


class TypedRow(dict[str, Any]):
    """A row whose known fields have their types. Reading a field that Xero left out raises an error."""

    __slots__ = ()

    def __missing__(self, name: str) -> NoReturn:
        raise unreadable_record(f"{name}: missing")


def unreadable_record(problem: str) -> Unavailable:
    """Make the error for a record that cannot be read."""
    return Unavailable(f"A record of Xero cannot be read: {problem}.", reason="unreadable_record")


def check_types(row: Row, shape: str) -> Row:
    """Return a row with typed values. A field that Xero sends as ``null``, or as an empty id, is left out.

    Raises:
        Unavailable: A field holds a value of another type. Reading a missing field raises it as well.
    """
    try:
        return _check_row(decode.row_converter(shape)(row), shape, "")
    except decode.DecodeError as error:
        raise unreadable_record(str(error)) from None


def _check_row(row: Row, shape: str, path: str) -> Row:
    plain, nested = _field_checks(shape)
    result = TypedRow()
    for name, value in row.items():
        if name in nested:
            if value:
                result[name] = _check_nested(value, *nested[name], f"{path}{name}")
        elif name in plain:
            if value is not None and not plain[name](value):
                raise unreadable_record(f"{path}{name}: not what it can hold")
            if value is not None and not (value == "" and plain[name] is _is_id):
                result[name] = value
        elif value is not None:
            result[name] = value
    return result


def _check_nested(value: Any, shape: str, is_list: bool, path: str) -> Any:
    items = value if is_list else [value]
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise unreadable_record(f"{path}: not what it can hold")
    checked = [_check_row(item, shape, f"{path}.") for item in items]
    return checked if is_list else checked[0]


def _is_id(value: Any) -> bool:
    # It becomes a part of addresses: one like "../.." would lead elsewhere.
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _is_amount(value: Any) -> bool:
    if not isinstance(value, Decimal):
        return False
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= MIN_EXPONENT and max(exponent, value.adjusted()) <= MAX_EXPONENT


_TYPE_CHECKS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "decimals": _is_amount,
    "dates": lambda value: isinstance(value, date) and value.year in _YEARS,
    "timestamps": lambda value: isinstance(value, date),
    "flags": lambda value: isinstance(value, bool),
    "integers": lambda value: type(value) is int,
}


@cache
def _field_checks(shape: str) -> tuple[dict[str, Callable[[Any], bool]], dict[str, tuple[str, bool]]]:
    """Return the check of each plain field of a shape, and of the others their shape and whether they are lists."""
    fields = SHAPES[shape]
    plain = {name: check for group, check in _TYPE_CHECKS.items() for name in getattr(fields, group).split()}
    plain |= {name: _is_id for name in fields.text.split() if name.endswith(("ID", "Id"))}
    nested = {name: (other, False) for name, other in fields.nested.items()}
    return plain, nested | {name: (other, True) for name, other in fields.lists.items()}
