"""Text of others made safe to show: every line for a terminal, a log, a page or a file passes :func:`make_visible`."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # and their full-width forms

# Printable to Python, and invisible or blank on a screen: Unicode's Default_Ignorable_Code_Point, and blank letters.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def make_visible(text: str, *, lines: bool = False) -> str:
    """Return a text in which everything can be seen: no control, direction, zero-width or blank characters.

    Args:
        text: From any source.
        lines: Line feeds may stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        each if is_visible(each) or (lines and each == "\n") else " " if _is_space(each) else REPLACEMENT
        for each in text
    )


def write_visible_json(value: Any, *, compact: bool = False) -> str:
    """Return one line of JSON in which everything can be seen, and which a program reads as the same value.

    Args:
        value: What JSON has no form for is written as a text.
        compact: Without blanks between values.
    """
    text = json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":") if compact else None)
    # outside of strings JSON is printable ASCII, so that each of these stands within a string
    return text.translate({ord(each): json.dumps(each)[1:-1] for each in set(text) if not is_visible(each)})


def escape_formula(text: str) -> str:
    """Return a text that no spreadsheet runs as a formula, whatever blanks it skips."""
    is_formula = text.lstrip().startswith(_FORMULA_STARTS) or text.startswith(("\t", "\r"))
    return f"'{text}" if is_formula else text


def is_visible(character: str) -> bool:
    """Return whether a character shows something on a screen."""
    return character.isprintable() and not _INVISIBLE.match(character)


def _is_space(character: str) -> bool:
    return character == "\t" or unicodedata.category(character) == "Zs"
