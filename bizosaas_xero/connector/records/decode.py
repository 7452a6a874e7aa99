"""Decode Xero's JSON: exact decimals, dates and timestamps along known paths; no field is dropped.

Pure functions. Numbers with a point never pass through a float; an amount without one becomes a ``Decimal``
too, along the paths of :mod:`bizosaas_xero.connector.records.fields`; an unknown integer stays an integer.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Clamped, Context, Decimal, Inexact, InvalidOperation, Overflow, Underflow
from functools import cache, lru_cache
from typing import Any

import msgspec

from bizosaas_xero.connector.records.fields import SHAPES
from bizosaas_xero.connector.records.salvage import parse_damaged

Row = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS_DATE = re.compile(r"/Date\((-?\d+)([+-]\d{4})?\)/")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_BOOLEANS = {"true": True, "false": False}

# Exact or refused: 1e999999999 is a few bytes of JSON, but a gigabyte when written out.
_exact = Context(
    prec=1000, Emax=999, Emin=-999, traps=[Clamped, Inexact, InvalidOperation, Overflow, Underflow]
).create_decimal

_parse = msgspec.json.Decoder(float_hook=_exact).decode


class DecodeError(ValueError):
    """A field's value cannot be decoded. The message names the field."""


def parse_json(body: bytes, *, salvage: bool = False) -> Any:
    """Parse JSON; numbers with a point become exact ``Decimal``.

    Args:
        body: The body.
        salvage: Parse a damaged body as well, as :func:`.salvage.parse_damaged`.

    Raises:
        ValueError: The body is not JSON.
    """
    if salvage:
        return parse_damaged(body, _exact)
    # A page makes 20,000 objects and no garbage; garbage collection during parsing would add a third of the time.
    # No other thread runs in between: msgspec keeps the interpreter lock.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _parse(body)
    except (msgspec.DecodeError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
    finally:
        if collecting:
            gc.enable()


def parse_timestamp(text: str) -> datetime:
    """Parse a timestamp: ``/Date(ms+0000)/``, or ISO 8601, in which a missing zone means UTC.

    The milliseconds are UTC; an offset after them does not change the time (Xero's date documentation).

    Raises:
        ValueError: The text has neither form, or is beyond the calendar.
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
def parse_date(text: str) -> date:
    """Parse a business date.

    Xero writes it as midnight UTC, or as midnight of the organisation with its offset: 24 recorded invoices have
    ``/Date(1397390400000+1200)/`` with a DateString of 14 April, which is 13 April in UTC. The local day counts.

    Raises:
        ValueError: The text is not a date.
    """
    if text.startswith("/Date("):
        moment = parse_timestamp(text)
        match = _MS_DATE.fullmatch(text)
        if match and match[2] and moment.time() != time.min:
            hours, minutes = int(match[2][:3]), int(match[2][0] + match[2][3:])
            moment += timedelta(hours=hours, minutes=minutes)
        return moment.date()
    return datetime.fromisoformat(text).date()


def _parse_decimal(value: Any) -> Decimal | None:
    number = isinstance(value, int) and not isinstance(value, bool)
    if number or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        try:
            return _exact(value)
        except ArithmeticError:
            raise ValueError("the number is too long or too large") from None
    raise ValueError(f"{value!r} is not a number")


def _parse_flag(value: Any) -> bool | None:
    if isinstance(value, str) and value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    raise ValueError(f"{value!r} is neither true nor false")


# Per group of fields: the class of a converted value, and the function that converts.
_TYPES: dict[str, tuple[type, Callable[[Any], Any]]] = {
    "decimals": (Decimal, _parse_decimal),
    "flags": (bool, _parse_flag),
    "dates": (date, parse_date),
    "timestamps": (datetime, parse_timestamp),
}


@cache
def row_converter(name: str) -> Callable[[Row], Row]:  # noqa: C901 (for convert_row)
    """Return the function that converts one row of a shape in place.

    The function raises :class:`DecodeError`, which names the field by its path. An empty string, which Xero sends for
    an unset field, becomes ``None``.
    """
    typed, nested = _fields(name)

    # One function without calls, because each line runs about twenty times per record.
    def convert_row(row: Row) -> Row:  # noqa: C901
        if type(row) is not dict:
            raise TypeError(f"{row!r} is not an object")
        field = ""
        try:
            for converted, convert, fields in typed:
                for field in fields:
                    if field in row:
                        value = row[field]
                        if type(value) is not converted and value is not None:
                            row[field] = convert(value) if value != "" else None
            for field, other, many in nested:
                if field in row and (inner := row[field]):
                    convert_inner = row_converter(other)
                    for item in inner if many else (inner,):
                        convert_inner(item)
        except DecodeError as error:
            raise DecodeError(f"{field}.{error}") from None
        except (ValueError, TypeError, AttributeError) as error:
            raise DecodeError(f"{field}: {error}") from None
        return row

    return convert_row


def _fields(
    name: str,
) -> tuple[list[tuple[type, Callable[[Any], Any], list[str]]], list[tuple[str, str, bool]]]:
    """Return a shape's fields by type, and the fields that contain typed fields."""
    shape = SHAPES[name]
    typed = [
        (converted, convert, getattr(shape, group).split())
        for group, (converted, convert) in _TYPES.items()
        if getattr(shape, group)
    ]
    nested = [(field, other, False) for field, other in shape.nested.items() if _has_types(other)]
    nested += [(field, other, True) for field, other in shape.lists.items() if _has_types(other)]
    return typed, nested


@cache
def _has_types(name: str) -> bool:
    """Return whether a shape, or a shape nested in it, has typed fields."""
    reachable = {name}
    while new := {n for k in reachable for n in (*SHAPES[k].nested.values(), *SHAPES[k].lists.values())} - reachable:
        reachable |= new
    return any(getattr(SHAPES[other], group) for other in reachable for group in _TYPES)
