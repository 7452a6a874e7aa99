"""What makes a value safe to stand in a table for a person."""

from __future__ import annotations

from collections.abc import Iterable

_FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # and their full-width forms


def escape_markdown(value: str) -> str:
    """Return a text that stays within its cell of a Markdown table."""
    return value.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def escape_csv(value: str) -> str:
    """Return a text that no spreadsheet runs as a formula, whatever blanks it skips."""
    begins = value.lstrip().startswith(_FORMULA_STARTS) or value.startswith(("\t", "\r"))
    return f"'{value}" if begins else value


def bullet_list(texts: Iterable[str]) -> list[str]:
    """Return texts as a Markdown list, with the empty line that goes before it; nothing without any."""
    found = [f"- {escape_markdown(text)}" for text in texts]
    return ["", *found] if found else []
