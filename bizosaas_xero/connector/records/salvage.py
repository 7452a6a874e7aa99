"""Parse a damaged page, so that one damaged row does not cost the others.

A lone surrogate (half an emoji, cut by a length limit), bytes that are not UTF-8, a byte order mark, raw control
characters, ``NaN`` or a number beyond any calculation make strict JSON refuse the whole body. Here each such value
becomes one that :func:`damaged_field` finds in its row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


class DamagedNumber(str):
    """The text of a number that cannot be represented."""

    __slots__ = ()


def parse_damaged(body: bytes, parse_number: Callable[[str], Decimal]) -> Any:
    """Parse JSON that a strict parser refuses; damaged values are marked.

    Raises:
        ValueError: It is not JSON at all.
    """
    # Bytes that are not UTF-8 and raw control characters become lone surrogates, which no valid text holds.
    text = body.decode("utf-8-sig", "surrogateescape")
    text = _STRING.sub(lambda part: _CONTROL.sub(lambda char: chr(0xDC00 + ord(char[0])), part[0]), text)

    def number(digits: str) -> Any:
        try:
            return parse_number(digits)
        except ArithmeticError:
            return DamagedNumber(digits)

    def integer(digits: str) -> Any:
        return int(digits) if len(digits) <= 1000 else DamagedNumber(digits[:64])  # noqa: PLR2004 (as decimals)

    try:
        return json.loads(text, parse_float=number, parse_int=integer, parse_constant=DamagedNumber)
    except RecursionError:
        raise ValueError("nested too deep") from None


def damaged_field(value: Any, path: str = "") -> str | None:
    """Return the path and the problem of the first damaged value, or ``None``."""
    if isinstance(value, DamagedNumber):
        return f"{path}: {value[:32]} is not a number"
    if isinstance(value, str):
        return f"{path}: holds characters that are not text" if _SURROGATE.search(value) else None
    if isinstance(value, dict):
        damaged_name = next((name for name in value if _SURROGATE.search(name)), None)
        if damaged_name is not None:
            return f"{path or 'the row'}: has a field whose name is not text"
        items = ((f"{path}.{name}" if path else str(name), inner) for name, inner in value.items())
    elif isinstance(value, list):
        items = ((path, inner) for inner in value)
    else:
        return None
    return next((problem for name, inner in items if (problem := damaged_field(inner, name))), None)


def readable(value: Any) -> Any:
    """Return a damaged value in a form that can be stored and shown: damaged characters are replaced."""
    if isinstance(value, str):
        return _SURROGATE.sub(_REPLACEMENT, str(value))
    if isinstance(value, dict):
        return {readable(name): readable(inner) for name, inner in value.items()}
    return [readable(inner) for inner in value] if isinstance(value, list) else value
