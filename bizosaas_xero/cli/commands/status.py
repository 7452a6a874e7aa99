"""``status``: when each entity was synced, and what needs a person. It sends no request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bizosaas_xero.cli.common import connection_summary, find_connections, handle_errors, open_cli_host
from bizosaas_xero.cli.options import AsJson
from bizosaas_xero.cli.output import (
    OK,
    PERSON,
    Output,
    Styled,
    exit_code,
    format_bytes,
    format_count,
    format_duration,
)

if TYPE_CHECKING:
    from bizosaas_xero.host import EntityState, Host, StoredConnection
    from bizosaas_xero.spec import EntityInfo

LATE_SECONDS = 600.0
"""How long a sync may be overdue before status says so."""


@handle_errors
def status(*, as_json: AsJson = False) -> int:
    """Show sync status and problems to fix."""
    return show_status(Output(as_json=as_json))


def show_status(output: Output, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> int:
    """Show each connection and entity: when it was synced, what is stored, and what a person must do."""
    with open_cli_host() as host:
        results = []
        for number, connection in enumerate(find_connections(host)):
            if number:
                output.say()
            result = _read_status(host, connection)
            results.append(result)
            _show(output, connection, result, now())
        output.say()
        output.say(Styled(f"Database: {host.database.place}", "dim"))
        problems = [result["problem"] for result in results]
        problems += [entity["problem"] for result in results for entity in result["entities"]]
        code = PERSON if any(problem and exit_code(problem) == PERSON for problem in problems) else OK
        output.write_json({"connections": results, "database": host.database.place, "exit_code": code})
        return code


def _read_status(host: Host, connection: StoredConnection) -> dict[str, Any]:
    from bizosaas_xero.cli.settings_report import read_settings
    from bizosaas_xero.host import EntityState

    states = {state.entity: state for state in host.store.entity_states(connection.id)}
    info = host.report.connector(connection.connector).describe()
    entities = [
        _read_entity(host, connection, entity, states.get(entity.name) or EntityState(entity.name))
        for entity in (info.entities if info else [])
    ]
    return connection_summary(connection) | {
        "state": connection.state,
        "problem": connection.problem,
        "state_since": connection.state_since and connection.state_since.isoformat(),
        "entities": entities,
        "today": host.store.usage(connection.organisation_id),
        "resume_at": connection.resume_at and connection.resume_at.isoformat(),
        "configured": read_settings(host, connection),
        "waiting": [each.plan.hash for each in host.approvals.list_waiting(connection.id)],
    }


def _read_entity(host: Host, connection: StoredConnection, info: EntityInfo, state: EntityState) -> dict[str, Any]:
    from bizosaas_xero.host.sync.runner import interval

    outcome = state.outcome or {}
    return {
        "entity": state.entity,
        "rows": host.sink.count_rows(connection.organisation_id, state.entity),
        "rejected": host.sink.count_rejected(connection.organisation_id, state.entity),
        "last_run": state.last_run and state.last_run.isoformat(),
        "last_success": state.last_success and state.last_success.isoformat(),
        "next_due": state.next_due and state.next_due.isoformat(),
        "interval": interval(connection, info),
        "problem": outcome.get("problem"),
        "blocked_since": state.blocked_since and state.blocked_since.isoformat(),
        "last": {key: value for key, value in outcome.items() if key not in {"entity", "problem"}} or None,
    }


def _show(output: Output, connection: StoredConnection, result: dict[str, Any], now: datetime) -> None:
    from bizosaas_xero.cli.sync_report import completeness, show_problems

    states = {
        "active": Styled("connected", "green"),
        "reconnect": Styled("must be connected again", "red"),
    }
    state = states.get(connection.state, Styled("needs your attention", "red"))
    currency = f" ({connection.currency})" if connection.currency else ""
    output.say(Styled(connection.organisation, "bold"), currency, " · ", state)
    rows = []
    for entity in result["entities"]:
        complete = Styled("see below", "red") if entity["problem"] else completeness(entity["last"])
        rejected = Styled(f"{entity['rejected']:,}", "yellow" if entity["rejected"] else "")
        age = _format_age(entity["last_success"], now)
        due = _format_due(entity, now) if connection.state == "active" or entity["blocked_since"] else ""
        rows.append((entity["entity"], f"{entity['rows']:,}", rejected, age, due, complete))
    output.table(("Entity", "Records", "Rejected", "As of", "Due", "Complete"), rows, ("Records", "Rejected"))
    _show_late(output, connection, result["entities"], now)
    _show_usage(output, connection, result["today"], now)
    _show_settings(output, result["configured"])
    if result["waiting"]:
        verb = "waits" if len(result["waiting"]) == 1 else "wait"
        output.say(f"{format_count(len(result['waiting']), 'plan')} {verb} for approval:", style="yellow")
        output.command("bizosaas-xero approve")
    own = connection.problem and connection.problem["message"]
    problems = [(each["entity"], each["problem"]) for each in result["entities"] if each["problem"]]
    problems = [(name, problem) for name, problem in problems if problem["message"] != own]
    show_problems(output, [(connection.organisation, connection.problem), *problems])
    _show_probes(output, result["entities"], now)


def _show_probes(output: Output, entities: list[dict[str, Any]], now: datetime) -> None:
    """Show since when problems need a person, and when the syncs are tried again all the same."""
    for entity in entities:
        if entity["blocked_since"]:
            since = datetime.fromisoformat(entity["blocked_since"])
            again = f"tried again {_format_due(entity, now)}" if entity["next_due"] else "no longer tried again"
            output.say(f"{entity['entity']}: not synced since {since:%Y-%m-%d %H:%M} UTC; {again}.", style="yellow")


def _show_usage(output: Output, connection: StoredConnection, today: dict[str, Any], now: datetime) -> None:
    calls_left = today["day_left"]
    text = f"Today: {format_count(today['calls'], 'call')} made, {format_bytes(today['bytes'])} received"
    if connection.resume_at is not None and connection.resume_at > now:
        wait = format_duration((connection.resume_at - now).total_seconds())
        output.say(f"{text}.")
        output.say(f"A rate limit is reached: syncing resumes automatically in {wait}.", style="yellow")
    else:
        output.say(f"{text}; {calls_left:,} left." if calls_left is not None else f"{text}.")


def _show_late(output: Output, connection: StoredConnection, entities: list[dict[str, Any]], now: datetime) -> None:
    """Show the command to run if nothing syncs the due entities: a running watch is never late for long."""
    if connection.state != "active" or (connection.resume_at is not None and connection.resume_at > now):
        return
    scheduled = [entity for entity in entities if entity["interval"]]
    late = [each for each in scheduled if each["next_due"] and _seconds_until(each["next_due"], now) < -LATE_SECONDS]
    if scheduled and not any(entity["last_run"] for entity in scheduled):
        output.say("Nothing was synced yet. Sync with: bizosaas-xero sync", style="yellow")
    elif late:
        output.say(f"Overdue: {', '.join(entity['entity'] for entity in late)}. Sync with:", style="yellow")
        output.command("bizosaas-xero sync")
        output.say("or keep this running:", style="yellow")
        output.command("bizosaas-xero sync --watch")


def _show_settings(output: Output, configured: dict[str, Any]) -> None:
    from bizosaas_xero.cli.settings_report import SETTING_TITLES, describe_rule

    settings = configured["settings"]
    parts = [f"{title.lower()} {settings[name]}" for name, title in SETTING_TITLES.items() if name in settings]
    parts += [f"time zone {configured['timezone']}"] if configured["timezone"] else []
    parts += [f"{name} {describe_rule(rule)}" for name, rule in configured["policy"].items()]
    parts += [f"events are posted to {configured['callback']}"] if configured["callback"] else []
    if parts:
        output.say(f"Settings: {'; '.join(parts)}.")


def _format_due(entity: dict[str, Any], now: datetime) -> str:
    """Write when an entity's next sync is due."""
    if not entity["interval"]:
        return "never"
    if entity["next_due"] is None:
        return "" if entity["problem"] else "now"
    seconds = _seconds_until(entity["next_due"], now)
    return f"in {format_duration(seconds)}" if seconds > 0 else "now"


def _seconds_until(timestamp: str, now: datetime) -> float:
    return (datetime.fromisoformat(timestamp) - now).total_seconds()


def _format_age(timestamp: str | None, now: datetime) -> str:
    """Write how long ago a moment was."""
    if timestamp is None:
        return "never"
    seconds = -_seconds_until(timestamp, now)
    return f"{format_duration(seconds)} ago" if seconds >= 60 else "just now"  # noqa: PLR2004 (a minute)
