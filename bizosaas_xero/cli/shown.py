"""How plans and results are shown to a person; what others wrote into the books cannot fake any of it."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.markdown import Markdown
from rich.text import Text

from bizosaas_xero.cli.output import Output, table
from bizosaas_xero.host import Asked, Outcome
from bizosaas_xero.host.plan_text import markdown, visible
from bizosaas_xero.host.policy import Verdict

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
            output.say(
                f"Nothing was written: a person must say yes first, because {found.verdict.why}.", "yellow"
            )
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


def _fields(output: Output, found: Mapping[str, Any]) -> None:
    plain = {name: value for name, value in found.items() if not _is_rows(value)}
    if plain:
        _table(output, ("", ""), [(_words(name), _text(value)) for name, value in plain.items()])
    for name, rows in found.items():
        if _is_rows(rows):
            output.say()
            output.say(_words(name), "bold")
            _rows(output, rows)


def _rows(output: Output, rows: list[Mapping[str, Any]]) -> None:
    columns = [name for name in dict.fromkeys(name for row in rows for name in row) if name != "link"]
    if len(columns) > WIDEST:  # one below the other, or none could be read
        for row in rows:
            told = [(_words(name), _text(row[name])) for name in columns if row.get(name) not in (None, "")]
            _table(output, ("", ""), told)
            output.say()
        return
    _table(output, list(map(_words, columns)), [[_text(row.get(name)) for name in columns] for row in rows])


def _table(output: Output, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Show a table in which nothing is left out: ids are for copying."""
    made = table(columns, rows)
    made.show_header = any(columns)
    for name, column in zip(columns, made.columns, strict=True):
        column.no_wrap, column.overflow = name.lower().endswith(" id"), "fold"
    output.show(made)


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
