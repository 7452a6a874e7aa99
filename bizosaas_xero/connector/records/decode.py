"""From Xero's wire to Python: exact decimals, dates and stamps along known paths, nothing dropped.

Pure functions. Numbers with a point never pass through a float; an amount without one becomes a ``Decimal``
too, along the paths of :mod:`bizosaas_xero.connector.records.fields`; an unknown integer stays an integer.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Clamped, Context, Decimal, Inexact, InvalidOperation, Overflow, Underflow
from functools import cache, lru_cache
from typing import Any

import msgspec

from bizosaas_xero.connector.records.fields import SHAPES

Row = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The milliseconds are UTC already; the offset that may follow is decoration (Xero's date documentation).
_MS_DATE = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_FLAGS = {"true": True, "false": False}

# Exact, or refused: 1e999999999 is a few bytes of JSON, and a gigabyte when somebody writes it out.
_exact = Context(
    prec=1000, Emax=999, Emin=-999, traps=[Clamped, Inexact, InvalidOperation, Overflow, Underflow]
).create_decimal

_parse = msgspec.json.Decoder(float_hook=_exact).decode


class Undecodable(ValueError):
    """A value that is not what its field must hold. The message names the field."""


def parse_json(body: bytes) -> Any:
    """Parse JSON, numbers with a point as exact ``Decimal``.

    Raises:
        ValueError: The body is not JSON.
    """
    # A page makes 20,000 objects and no garbage. Looking for garbage among them, again and again while they
    # are made, would take a third as long as parsing. No other thread runs meanwhile: msgspec keeps the lock.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _parse(body)
    except (msgspec.DecodeError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
    finally:
        if collecting:
            gc.enable()


def stamp(text: str) -> datetime:
    """Read a moment: ``/Date(ms+0000)/``, or ISO 8601 where a missing zone means UTC.

    Raises:
        ValueError: It is neither, or beyond what a calendar holds.
    """
    match = _MS_DATE.fullmatch(text)
    if match:
        try:
            return _EPOCH + timedelta(milliseconds=int(match[1]))
        except OverflowError:
            raise ValueError(f"{text} is beyond the calendar") from None
    moment = datetime.fromisoformat(text)
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text} is beyond the calendar") from None


@lru_cache(maxsize=8192)
def business_date(text: str) -> date:
    """Read a date as the organisation sees it; Xero writes it as midnight UTC, so no zone is applied.

    Raises:
        ValueError: It is not a date.
    """
    if text.startswith("/Date("):
        return stamp(text).date()
    return datetime.fromisoformat(text).date()


def _decimal(value: Any) -> Decimal | None:
    number = isinstance(value, int) and not isinstance(value, bool)
    if number or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        try:
            return _exact(value)
        except ArithmeticError:
            raise ValueError("the number is too long or too large") from None
    raise ValueError(f"{value!r} is not a number")


def _flag(value: Any) -> bool | None:
    if isinstance(value, str) and value.lower() in _FLAGS:
        return _FLAGS[value.lower()]
    raise ValueError(f"{value!r} is neither true nor false")


# How each group of fields is typed, and the class of a value that is so already.
_TYPES: dict[str, tuple[type, Callable[[Any], Any]]] = {
    "decimals": (Decimal, _decimal),
    "flags": (bool, _flag),
    "dates": (date, business_date),
    "stamps": (datetime, stamp),
}


@cache
def converter(name: str) -> Callable[[Row], Row]:  # noqa: C901 (for convert_row)
    """Return the function that types one row of a shape, in place.

    The function raises :class:`Undecodable`, naming the field by its path. An empty string, Xero's word for
    unset, becomes ``None``.
    """
    typed, nested = _fields(name)

    # In one piece and without calls, because each line runs some twenty times a record.
    def convert_row(row: Row) -> Row:  # noqa: C901
        if type(row) is not dict:
            raise TypeError(f"{row!r} is not an object")
        field = ""
        try:
            for done, convert, fields in typed:
                for field in fields:
                    if field in row:
                        value = row[field]
                        if type(value) is not done and value is not None:
                            row[field] = convert(value) if value != "" else None
            for field, other, many in nested:
                if field in row and (inner := row[field]):
                    convert_inner = converter(other)
                    for item in inner if many else (inner,):
                        convert_inner(item)
        except Undecodable as error:
            raise Undecodable(f"{field}.{error}") from None
        except (ValueError, TypeError, AttributeError) as error:
            raise Undecodable(f"{field}: {error}") from None
        return row

    return convert_row


def _fields(
    name: str,
) -> tuple[list[tuple[type, Callable[[Any], Any], list[str]]], list[tuple[str, str, bool]]]:
    """Return the fields of a shape that are typed, by type, and those that hold typed fields."""
    shape = SHAPES[name]
    typed = [
        (done, convert, getattr(shape, group).split())
        for group, (done, convert) in _TYPES.items()
        if getattr(shape, group)
    ]
    nested = [(field, other, False) for field, other in shape.nested.items() if _has_types(other)]
    nested += [(field, other, True) for field, other in shape.lists.items() if _has_types(other)]
    return typed, nested


@cache
def _has_types(name: str) -> bool:
    """Tell whether a shape, or one that nests in it, holds anything to be typed."""
    found = {name}
    while more := {n for k in found for n in (*SHAPES[k].nested.values(), *SHAPES[k].lists.values())} - found:
        found |= more
    return any(getattr(SHAPES[other], group) for other in found for group in _TYPES)
