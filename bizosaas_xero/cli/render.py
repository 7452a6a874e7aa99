"""Showing plans and results of actions to a person."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any

from bizosaas_xero.cli.output import Output
from bizosaas_xero.host import Outcome, StoredPlan
from bizosaas_xero.host.actions.plan_markdown import plan_to_markdown
from bizosaas_xero.host.actions.policy import PolicyDecision

MAX_COLUMNS = 6
"""A table of more columns is hard to read on a terminal: its rows are shown one below the other."""


def show_plan(output: Output, plan: StoredPlan, decision: PolicyDecision) -> None:
    """Show a plan, and what the policy says of it."""
    output.markdown(plan_to_markdown(plan, decision))


def show_outcome(output: Output, outcome: Outcome) -> None:
    """Show an action's result, or its plan and the command to run next."""
    if outcome.stored_plan is not None and outcome.policy_decision is not None and outcome.result is None:
        show_plan(output, outcome.stored_plan, outcome.policy_decision)
        output.say()
        if outcome.status == "needs_approval":
            output.say(
                f"Nothing was written: a person must approve it first, because {outcome.policy_decision.why}.",
                style="yellow",
            )
        if outcome.command:
            output.say("Next:", style="bold")
            output.command(outcome.command)
        return
    result = outcome.result
    if result is None:
        return
    if outcome.status == "planned":
        output.say("It only reads: there is nothing to plan.")
        return
    if outcome.repeated:
        output.say("Already done; showing the earlier result.", style="green")
    show_data(output, result.data)
    for warning in result.warnings:
        output.say(f"! {warning}", style="yellow")
    if outcome.status == "partial":
        output.say("Only a part was done. Run the same command again to do the rest.", style="yellow")


def show_data(output: Output, data: Mapping[str, Any]) -> None:
    """Show a result: its Markdown if it has some, else names and values."""
    text = data.get("markdown") or (data.get("texts") or {}).get("markdown")
    if isinstance(text, str):
        output.markdown(text, rendered=output.console.is_terminal)
    else:
        _show_fields(output, data)


def _show_fields(output: Output, fields: Mapping[str, Any], indent: int = 0) -> None:
    """Show names and values; an object or a list of objects gets a heading of its own."""
    flat = {name: value for name, value in fields.items() if not _is_nested(value) and value not in ([], {})}
    width = max((len(_to_title(name)) for name in flat), default=0) + 2
    for name, value in flat.items():
        _show_field(output, indent, f"{_to_title(name):<{width}}", _to_text(value))
    for name, value in fields.items():
        if not _is_nested(value):
            continue
        output.say()
        output.say(" " * indent + _to_title(name), style="bold")
        if isinstance(value, Mapping):
            _show_fields(output, value, indent + 2)
        else:
            _show_rows(output, value, indent)


def _show_field(output: Output, indent: int, label: str, value: str) -> None:
    prefix = " " * (indent + 2) + label
    if " " not in value:  # an address or an id is not broken, so that it can be copied
        output.line(prefix + value)
        return
    width = max(output.console.width - len(prefix), 20)
    first, *others = textwrap.wrap(value, width) or [""]
    output.line(prefix + first)
    for line in others:
        output.line(" " * len(prefix) + line)


def _show_rows(output: Output, rows: list[Mapping[str, Any]], indent: int) -> None:
    """Show a table if it fits the terminal, else one row below the other."""
    columns = [name for name in dict.fromkeys(name for row in rows for name in row) if name != "link"]
    cells = [[_to_text(row.get(name)) for name in columns] for row in rows]
    widths = [max(len(_to_title(name)), *(len(row[place]) for row in cells)) for place, name in enumerate(columns)]
    flat = not any(_is_nested(row.get(name)) for row in rows for name in columns)
    if flat and len(columns) <= MAX_COLUMNS and sum(widths) + 2 * len(widths) <= output.console.width:
        output.table(list(map(_to_title, columns)), cells)
        return
    for row in rows:
        _show_fields(output, {name: row[name] for name in columns if row.get(name) not in (None, "")}, indent + 2)
        output.say()


def _is_nested(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(row, Mapping) for row in value)
    return isinstance(value, Mapping) and bool(value)


def _to_title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _to_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(map(_to_text, value))
    return json.dumps(value, ensure_ascii=False)
