"""How plans and results are shown to a person; what others wrote into the books cannot fake any of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from rich.markdown import Markdown
from rich.text import Text

from bizosaas_xero.cli.output import Output, table
from bizosaas_xero.host import Asked, Outcome
from bizosaas_xero.host.plan_text import markdown, visible
from bizosaas_xero.host.policy import Verdict


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
        output.show(table(("What", "Value"), [(_words(name), _text(value)) for name, value in plain.items()]))
    for name, rows in found.items():
        if _is_rows(rows):
            columns = list(dict.fromkeys(column for row in rows for column in row))
            output.say()
            output.say(_words(name), "bold")
            cells = [[_text(row.get(column)) for column in columns] for row in rows]
            output.show(table([_words(column) for column in columns], cells))


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
    return sys.stdin.readline().strip().lower()
