"""How plans and results are shown to a person; what others wrote into the books cannot fake any of it."""

from __future__ import annotations

import contextlib
import json
import sys
import textwrap
from collections.abc import Mapping
from typing import Any

from rich.markdown import Markdown
from rich.text import Text

from bizosaas_xero.cli.output import Output, table
from bizosaas_xero.host import Asked, Outcome
from bizosaas_xero.host.actions.plan_markdown import markdown, visible
from bizosaas_xero.host.actions.policy import Verdict

WIDEST = 6
"""Columns of a table that still can be read on a terminal."""


def plan(output: Output, asked: Asked, verdict: Verdict) -> None:
    """Show a plan."""
    output.console.print(Markdown(markdown(asked, verdict), hyperlinks=False))


def outcome(output: Output, found: Outcome) -> None:
    """Show what an action came to, and what comes next."""
    if found.asked is not None and found.verdict is not None and found.result is None:
        plan(output, found.asked, found.verdict)
        output.say()
        if found.status == "needs_approval":
            output.say(f"Nothing was written: a person must say yes first, because {found.verdict.why}.", "yellow")
        if found.command:
            output.say("Next:", "bold")
            output.command(found.command)
        return
    result = found.result
    if result is None:
        return
    if found.status == "planned":
        output.say("It only reads: there is nothing to plan.")
        return
    if found.repeated:
        output.say("It was done before; this is what it came to then.", "green")
    data(output, result.data)
    for warning in result.warnings:
        output.say(f"! {visible(warning)}", "yellow")
    if found.status == "partial":
        output.say("Not all of it was done. The same call again does what is missing.", "yellow")


def data(output: Output, found: Mapping[str, Any]) -> None:
    """Show a result: its Markdown if it has some, else a table."""
    text = found.get("markdown") or (found.get("texts") or {}).get("markdown")
    if isinstance(text, str):
        safe = visible(text, lines=True)
        if output.console.is_terminal:
            output.console.print(Markdown(safe, hyperlinks=False))
        else:
            output.console.print(Text(safe), soft_wrap=True)
        return
    _fields(output, found)


def _fields(output: Output, found: Mapping[str, Any], depth: int = 0) -> None:
    """Show names and values; an object or a list of objects gets a heading of its own."""
    plain = {name: value for name, value in found.items() if not _is_nested(value) and value not in ([], {})}
    width = max((len(_words(name)) for name in plain), default=0) + 2
    for name, value in plain.items():
        _field(output, depth, f"{_words(name):<{width}}", _text(value))
    for name, value in found.items():
        if not _is_nested(value):
            continue
        output.say()
        output.say(" " * depth + _words(name), "bold")
        if isinstance(value, Mapping):
            _fields(output, value, depth + 2)
        else:
            _rows(output, value, depth)


def _field(output: Output, depth: int, label: str, value: str) -> None:
    before = " " * (depth + 2) + label
    if " " not in value:  # an address or an id is for copying: it is never broken
        output.line(before + value)
        return
    fits = max(output.console.width - len(before), 20)
    first, *more = textwrap.wrap(value, fits) or [""]
    output.line(before + first)
    for line in more:
        output.line(" " * len(before) + line)


def _rows(output: Output, rows: list[Mapping[str, Any]], depth: int) -> None:
    """Show a table if it fits the terminal, else one row below the other."""
    columns = [name for name in dict.fromkeys(name for row in rows for name in row) if name != "link"]
    cells = [[_text(row.get(name)) for name in columns] for row in rows]
    widths = [max(len(_words(name)), *(len(row[place]) for row in cells)) for place, name in enumerate(columns)]
    flat = not any(_is_nested(row.get(name)) for row in rows for name in columns)
    if flat and len(columns) <= WIDEST and sum(widths) + 2 * len(widths) <= output.console.width:
        output.show(table(list(map(_words, columns)), cells))
        return
    for row in rows:
        _fields(output, {name: row[name] for name in columns if row.get(name) not in (None, "")}, depth + 2)
        output.say()


def _is_nested(value: Any) -> bool:
    return (isinstance(value, Mapping) and bool(value)) or _is_rows(value)


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _words(name: str) -> str:
    return visible(name.replace("_", " ")).capitalize()


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return visible(json.dumps(value, ensure_ascii=False))


def answer(output: Output, question: str) -> str:
    """Ask a person at a terminal; an empty text if there is none to ask."""
    if output.as_json or not sys.stdin.isatty():
        return ""
    output.ask(question)
    with contextlib.suppress(ImportError):  # Windows has none: there, what was typed ahead counts
        import termios

        termios.tcflush(sys.stdin, termios.TCIFLUSH)  # no pasted line says yes to what was not read
    return sys.stdin.readline().strip().lower()
