"""``status``: how the tables stand, and what needs a person, in words of a shop owner."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from bizosaas_xero.cli import common
from bizosaas_xero.cli.commands.configure import DECIDED, decided, in_words
from bizosaas_xero.cli.commands.sync import completeness, show_problems
from bizosaas_xero.cli.output import OK, PERSON, Output, duration, exit_code, plural, size, table
from bizosaas_xero.host import EntityState, Host, StoredConnection
from bizosaas_xero.host.sync.runner import interval
from bizosaas_xero.spec import EntityInfo

LATE = 600.0
"""Seconds after which what is due and was not read is told."""


def status(output: Output, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> int:
    """Say per connection and entity when it was read, what is held, and what a person must do."""
    with common.the_host() as host:
        results = []
        for number, kept in enumerate(common.connections(host)):
            if number:
                output.say()
            states = {state.entity: state for state in host.store.entities(kept.id)}
            info = host.report.connector(kept.connector).describe()
            entities = [
                _entity(host, kept, entity, states.get(entity.name) or EntityState(entity.name))
                for entity in (info.entities if info else [])
            ]
            result = common.short(kept) | {
                "state": kept.state,
                "problem": kept.problem,
                "entities": entities,
                "today": host.store.usage(kept.organisation_id),
                "resume_at": kept.resume_at and kept.resume_at.isoformat(),
                "configured": decided(host, kept),
                "waiting": [asked.plan.hash for asked in host.approvals.waiting(kept.id)],
            }
            results.append(result)
            _show(output, kept, result, now())
        output.say()
        output.say(f"Database: {host.database.place}", "dim")
        problems = [kept["problem"] for kept in results]
        problems += [entity["problem"] for kept in results for entity in kept["entities"]]
        code = PERSON if any(problem and exit_code(problem) == PERSON for problem in problems) else OK
        output.data({"connections": results, "database": host.database.place, "exit_code": code})
        return code


def _entity(host: Host, kept: StoredConnection, info: EntityInfo, state: EntityState) -> dict[str, Any]:
    outcome = state.outcome or {}
    return {
        "entity": state.entity,
        "rows": host.sink.rows(kept.organisation_id, state.entity),
        "rejected": host.sink.rejected(kept.organisation_id, state.entity),
        "last_run": state.last_run and state.last_run.isoformat(),
        "last_success": state.last_success and state.last_success.isoformat(),
        "next_due": state.next_due and state.next_due.isoformat(),
        "interval": interval(kept, info),
        "problem": outcome.get("problem"),
        "last": {key: value for key, value in outcome.items() if key not in {"entity", "problem"}} or None,
    }


def _show(output: Output, kept: StoredConnection, result: dict[str, Any], now: datetime) -> None:
    words = {"active": ("connected", "green"), "reconnect": ("must be connected again", "red")}
    said, style = words.get(kept.state, ("needs your attention", "red"))
    currency = f" ({kept.currency})" if kept.currency else ""
    output.console.print(Text.assemble((kept.organisation, "bold"), currency, " · ", (said, style)))
    rows = []
    for item in result["entities"]:
        complete = Text("see below", "red") if item["problem"] else completeness(item["last"])
        rejected = Text(f"{item['rejected']:,}", "yellow" if item["rejected"] else "")
        seen = _ago(item["last_success"], now)
        due = _due(item, now) if kept.state == "active" else ""
        rows.append((item["entity"], f"{item['rows']:,}", rejected, seen, due, complete))
    columns = ("Entity", "Records", "Rejected", "As of", "Due", "Complete")
    output.show(table(columns, rows, ("Records", "Rejected")))
    _show_late(output, kept, result["entities"], now)
    _show_limits(output, kept, result["today"], now)
    _show_decided(output, result["configured"])
    if result["waiting"]:
        wait = "waits" if len(result["waiting"]) == 1 else "wait"
        output.say(f"{plural(len(result['waiting']), 'plan')} {wait} for a person:", "yellow")
        output.command("bizosaas-xero approve")
    alike = kept.problem and kept.problem["message"]
    others = [(item["entity"], item["problem"]) for item in result["entities"] if item["problem"]]
    others = [(name, problem) for name, problem in others if problem["message"] != alike]
    show_problems(output, [(kept.organisation, kept.problem), *others])


def _show_limits(output: Output, kept: StoredConnection, today: dict[str, Any], now: datetime) -> None:
    left = today["day_left"]
    text = f"Today: {plural(today['calls'], 'call')} made, {size(today['bytes'])} received"
    if kept.resume_at is not None and kept.resume_at > now:
        wait = duration((kept.resume_at - now).total_seconds())
        output.say(f"{text}.")
        output.say(f"A limit is used up: reading goes on by itself in {wait}.", "yellow")
    else:
        output.say(f"{text}; {left:,} left." if left is not None else f"{text}.")


def _show_late(output: Output, kept: StoredConnection, entities: list[dict[str, Any]], now: datetime) -> None:
    """Say what to run where nothing seems to: a watch that runs is never late for long."""
    if kept.state != "active" or (kept.resume_at is not None and kept.resume_at > now):
        return
    wanted = [item for item in entities if item["interval"]]
    late = [item for item in wanted if item["next_due"] and _seconds(item["next_due"], now) < -LATE]
    if wanted and not any(item["last_run"] for item in wanted):
        output.say("Nothing was read yet. Read it with: bizosaas-xero sync", "yellow")
    elif late:
        output.say(f"Not read in time: {', '.join(item['entity'] for item in late)}. Read with:", "yellow")
        output.command("bizosaas-xero sync")
        output.say("or let this run all the time:", "yellow")
        output.command("bizosaas-xero sync --watch")


def _show_decided(output: Output, known: dict[str, Any]) -> None:
    parts = [f"{words.lower()} {known['settings'][n]}" for n, words in DECIDED.items() if n in known["settings"]]
    parts += [f"dates of {known['timezone']}"] if known["timezone"] else []
    parts += [f"{name} {in_words(rule)}" for name, rule in known["policy"].items()]
    parts += [f"events are posted to {known['callback']}"] if known["callback"] else []
    if parts:
        output.say(f"Configured: {'; '.join(parts)}.")


def _due(item: dict[str, Any], now: datetime) -> str:
    """Say when an entity is to be read again: a watch does it then."""
    if not item["interval"]:
        return "never"
    if item["next_due"] is None:
        return "" if item["problem"] else "now"
    seconds = _seconds(item["next_due"], now)
    return f"in {duration(seconds)}" if seconds > 0 else "now"


def _seconds(stamp: str, now: datetime) -> float:
    return (datetime.fromisoformat(stamp) - now).total_seconds()


def _ago(stamp: str | None, now: datetime) -> str:
    """Write a moment as a person says it."""
    if stamp is None:
        return "never"
    seconds = -_seconds(stamp, now)
    return f"{duration(seconds)} ago" if seconds >= 60 else "just now"  # noqa: PLR2004 (a minute)
