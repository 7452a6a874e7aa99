"""What makes a value safe to stand in a table for a person."""

from __future__ import annotations

from collections.abc import Iterable

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def in_markdown(value: str) -> str:
    """Return a text that stays within its cell of a Markdown table."""
    return value.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def in_csv(value: str) -> str:
    """Return a text that no spreadsheet runs as a formula."""
    return f"'{value}" if value.startswith(_FORMULA_STARTS) else value


def bullets(texts: Iterable[str]) -> list[str]:
    """Return texts as a Markdown list, with the empty line that goes before it; nothing without any."""
    found = [f"- {in_markdown(text)}" for text in texts]
    return ["", *found] if found else []
