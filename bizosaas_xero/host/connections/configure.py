"""What a person decides about a connection, checked against the organisation's own records before it is kept.

``settings`` are the connector's: their JSON Schema says which records each may name (``references``), so the
host can check an account without knowing what an account is. ``preferences`` are the host's own: how often
each entity is read, the time zone of business dates, and which actions may run without a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bizosaas_xero.host import reasons
from bizosaas_xero.host.actions.names import AGENT_PREFIX, validate_name
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.storage.models import StoredConnection
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.host.sync.entity_tables import get_path
from bizosaas_xero.host.sync.sink import Sink
from bizosaas_xero.spec import Invalid

MIN_INTERVAL_SECONDS = 60
"""Seconds: a shorter interval would use up the day's calls."""

MAX_INTERVAL_SECONDS = 31_536_000

POLICY_RUNS = ("always", "approval", "never")
"""What a policy says of an action: run it, ask a person first, or never (see ``policy``)."""

MAX_PLAN_HOURS = 720
"""The longest that a plan may wait for a person."""

Problem = tuple[str, str]


def configure(
    store: Store, sink: Sink, connector: Connector, connection_id: str, changes: Mapping[str, Any]
) -> StoredConnection:
    """Change what was decided about a connection; ``None`` takes a decision back.

    Args:
        store: Where it is kept.
        sink: The organisation's records.
        connector: The connection's.
        connection_id: Which.
        changes: ``settings`` (by name), ``intervals`` (by entity), ``policy`` (by action),
            ``timezone``, ``plan_hours`` (how long a plan waits for a person), and ``owner`` (who may approve what
            they asked for themselves).

    Returns:
        The connection as it is now.

    Raises:
        Invalid: naming everything that is wrong; then nothing is changed.
    """
    connection = store.connection(connection_id)
    info = connector.describe()
    preferences = dict(connection.preferences)
    schemas = info.settings.get("properties", {}) if info else {}
    problems: list[Problem] = []
    numbers = {default.setting for default in info.setup.defaults} if info and info.setup else set()
    given = {
        name: value
        if value is None
        else _check_number(name, value, schemas[name], problems)
        if name in numbers and "references" not in schemas.get(name, {"references": None})
        else _resolve_setting(sink, connection, name, value, schemas, problems)
        for name, value in dict(changes.get("settings", {})).items()
    }
    entities = {entity.name for entity in info.entities} if info else None
    for part, known, check in (
        ("intervals", entities, _check_interval),
        ("policy", {action.name for action in info.actions} if info and info.actions else None, _check_rule),
    ):
        wanted = dict(changes.get(part, {}))
        for name, value in wanted.items():
            if known is not None and name not in known:
                problems.append((f"{part}.{name}", f"is none of: {', '.join(sorted(known))}"))
            elif value is not None:
                wanted[name] = check(f"{part}.{name}", value, problems)
        preferences[part] = _merge(preferences.get(part, {}), wanted)
    checks = {"timezone": _check_timezone, "plan_hours": _check_hours, "owner": _check_owner}
    for name in checks.keys() & changes.keys():
        preferences[name] = checks[name](changes[name], problems)
    if problems:
        summary = f"{problems[0][0]}: {problems[0][1]}" if len(problems) == 1 else f"{len(problems)} are wrong"
        raise reasons.BAD_CONFIGURATION(
            problems=[{"field": field, "message": message} for field, message in problems], summary=summary
        )
    store.set_configuration(
        connection.id, _merge(connection.settings, given), {name: value for name, value in preferences.items() if value}
    )
    for name, seconds in dict(changes.get("intervals", {})).items():
        last = store.entity_state(connection.id, name).last_success
        if last is not None:  # the next run was planned by the old interval
            store.update_entity(connection.id, name, next_due=last + timedelta(seconds=seconds) if seconds else None)
    return store.connection(connection.id)


def _merge(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**before, **changes}.items() if value is not None}


def _resolve_setting(
    sink: Sink,
    connection: StoredConnection,
    name: str,
    value: str,
    schemas: Mapping[str, Any],
    problems: list[Problem],
) -> str | None:
    """Find the record that a setting names, and return the name by which it is best kept."""
    reference = schemas.get(name, {}).get("references")
    if reference is None:
        problems.append((name, "the connector has no such setting that can be configured"))
        return None
    records = list(sink.iter_records(connection.organisation_id, reference["entity"]))
    if not records:
        problems.append((name, f"cannot be checked before the {reference['entity']} are read: sync them first"))
        return None
    matches = [item for item in records if any(_matches(get_path(item, path), value) for path in reference["by"])]
    if not matches:
        problems.append((name, f"{value!r} is not in this organisation's {reference['entity']}"))
        return None
    suitable = [item for item in matches if any(fits_choice(item, choice) for choice in reference["any"])]
    if not suitable:
        problems.append((name, f"{value!r} is not {reference['what']}"))
        return None
    return next(str(get_path(suitable[0], path)) for path in reference["by"] if get_path(suitable[0], path))


def _check_number(name: str, value: Any, schema: Mapping[str, Any], problems: list[Problem]) -> int | None:
    """Check a setting that refers to no record: a whole number within the bounds of its JSON Schema."""
    bounds = next((each for each in (schema, *schema.get("anyOf", ())) if each.get("type") == "integer"), None)
    if bounds is None:
        problems.append((name, "the connector has no such setting that can be configured"))
        return None
    least, most = bounds.get("minimum", 0), bounds.get("maximum", MAX_INTERVAL_SECONDS)
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    problems.append((name, f"must be a whole number from {least} to {most}"))
    return None


def _matches(records: Any, value: str) -> bool:
    return isinstance(records, str) and records.lower() == value.strip().lower()


def fits_choice(item: Any, choice: Mapping[str, list[Any]]) -> bool:
    """Return whether a record meets a condition: at each path one of the values."""
    return all(get_path(item, path) in values for path, values in choice.items())


def _check_interval(field: str, value: Any, problems: list[Problem]) -> int | None:
    if (
        isinstance(value, int)
        and not isinstance(value, bool)
        and (value == 0 or MIN_INTERVAL_SECONDS <= value <= MAX_INTERVAL_SECONDS)
    ):
        return value
    problems.append(
        (field, f"must be 0 (never), or from {MIN_INTERVAL_SECONDS} to {MAX_INTERVAL_SECONDS} seconds (a year)")
    )
    return None


def _check_rule(field: str, value: Any, problems: list[Problem]) -> dict[str, Any] | None:
    """Check what a policy says of one action: ``run``, amounts, and whether ``approve --yes`` is enough."""
    if not isinstance(value, Mapping) or value.get("run") not in POLICY_RUNS:
        problems.append((f"{field}.run", f"must be one of: {', '.join(POLICY_RUNS)}"))
        return None
    rule: dict[str, Any] = {"run": value["run"]}
    for name in ("max_amount", "daily_total"):
        if value.get(name) is not None:
            rule[name] = _check_amount(f"{field}.{name}", value[name], problems)
    if value.get("yes") is not None:
        rule["yes"] = value["yes"]
        if value["yes"] is not True or value["run"] != "approval":
            problems.append((f"{field}.yes", "must be true, and belongs to `approval`"))
    unknown = set(value) - {"run", "max_amount", "daily_total", "yes"}
    problems += [(f"{field}.{name}", "is not part of a policy") for name in sorted(unknown)]
    return rule


def _check_amount(field: str, value: Any, problems: list[Problem]) -> str | None:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if amount.is_finite() and amount >= 0:
        return format(amount, "f")
    problems.append((field, "must be an amount, such as 500.00, and not negative"))
    return None


def _check_hours(value: Any, problems: list[Problem]) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_PLAN_HOURS):
        return value
    problems.append(("plan_hours", f"must be from 1 to {MAX_PLAN_HOURS} hours"))
    return None


def _check_owner(name: Any, problems: list[Problem]) -> str | None:
    if name is None:
        return None
    try:
        owner = validate_name(str(name), "owner")
    except Invalid as error:
        problems += [(problem["field"], problem["message"]) for problem in error.problems]
        return None
    if owner.lower().startswith(AGENT_PREFIX.strip()):
        problems.append(("owner", "must be a person, not an agent"))
    return owner


def _check_timezone(name: Any, problems: list[Problem]) -> str | None:
    if name is None:
        return None
    try:
        return ZoneInfo(str(name)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problems.append(("timezone", f"{name!r} is not a time zone such as Pacific/Auckland"))
        return None
