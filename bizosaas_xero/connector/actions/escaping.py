"""Make text safe in a table for a person: Markdown or CSV."""

from __future__ import annotations

from collections.abc import Iterable

_FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # and their full-width forms


def escape_markdown(value: str) -> str:
    """Return a text that stays within its cell of a Markdown table."""
    return value.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def escape_csv(value: str) -> str:
    """Return a text that no spreadsheet runs as a formula, whatever blanks it skips."""
    is_formula = value.lstrip().startswith(_FORMULA_STARTS) or value.startswith(("\t", "\r"))
    return f"'{value}" if is_formula else value


def bullet_list(texts: Iterable[str]) -> list[str]:
    """Return texts as a Markdown list after an empty line; an empty list without any."""
    items = [f"- {escape_markdown(text)}" for text in texts]
    return ["", *items] if items else []
