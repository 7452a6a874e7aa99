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

from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.storage.models import StoredConnection
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.host.sync.entity_tables import at
from bizosaas_xero.host.sync.sink import Sink
from bizosaas_xero.spec import Invalid

SHORTEST = 60
"""Seconds: a shorter interval would use up the day's calls."""

LONGEST = 31_536_000

ALLOWED = ("always", "approval", "never")
"""What a policy says of an action: run it, ask a person first, or never (see ``policy``)."""

PLAN_HOURS = 720
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
            ``timezone``, and ``plan_hours`` (how long a plan waits for a person).

    Returns:
        The connection as it is now.

    Raises:
        Invalid: naming everything that is wrong; then nothing is changed.
    """
    kept = store.connection(connection_id)
    info = connector.describe()
    preferences = dict(kept.preferences)
    schemas = info.settings.get("properties", {}) if info else {}
    problems: list[Problem] = []
    given = {
        name: value if value is None else _setting(sink, kept, name, value, schemas, problems)
        for name, value in dict(changes.get("settings", {})).items()
    }
    entities = {entity.name for entity in info.entities} if info else None
    for part, known, check in (
        ("intervals", entities, _interval),
        ("policy", {action.name for action in info.actions} if info and info.actions else None, _rule),
    ):
        wanted = dict(changes.get(part, {}))
        for name, value in wanted.items():
            if known is not None and name not in known:
                problems.append((f"{part}.{name}", f"is none of: {', '.join(sorted(known))}"))
            elif value is not None:
                wanted[name] = check(f"{part}.{name}", value, problems)
        preferences[part] = _merged(preferences.get(part, {}), wanted)
    if "timezone" in changes:
        preferences["timezone"] = _zone(changes["timezone"], problems)
    if "plan_hours" in changes:
        preferences["plan_hours"] = _hours(changes["plan_hours"], problems)
    if problems:
        told = f"{problems[0][0]}: {problems[0][1]}" if len(problems) == 1 else f"{len(problems)} are wrong"
        raise Invalid(
            f"This cannot be configured: {told}.",
            remedy="Nothing was changed. Correct what is named, and say it again.",
            reason="bad_configuration",
            problems=[{"field": field, "message": message} for field, message in problems],
        )
    store.set_decisions(
        kept.id, _merged(kept.settings, given), {name: value for name, value in preferences.items() if value}
    )
    for name, seconds in dict(changes.get("intervals", {})).items():
        last = store.entity(kept.id, name).last_success
        if last is not None:  # the next run was planned by the old interval
            store.note(kept.id, name, next_due=last + timedelta(seconds=seconds) if seconds else None)
    return store.connection(kept.id)


def _merged(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**before, **changes}.items() if value is not None}


def _setting(
    sink: Sink,
    kept: StoredConnection,
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
    held = list(sink.records(kept.organisation_id, reference["entity"]))
    if not held:
        problems.append((name, f"cannot be checked before the {reference['entity']} are read: sync them first"))
        return None
    named = [item for item in held if any(_same(at(item, path), value) for path in reference["by"])]
    if not named:
        problems.append((name, f"{value!r} is not in this organisation's {reference['entity']}"))
        return None
    fitting = [item for item in named if any(_fits(item, choice) for choice in reference["any"])]
    if not fitting:
        problems.append((name, f"{value!r} is not {reference['what']}"))
        return None
    return next(str(at(fitting[0], path)) for path in reference["by"] if at(fitting[0], path))


def _same(held: Any, value: str) -> bool:
    return isinstance(held, str) and held.lower() == value.strip().lower()


def _fits(item: Any, choice: Mapping[str, list[Any]]) -> bool:
    return all(at(item, path) in values for path, values in choice.items())


def _interval(field: str, value: Any, problems: list[Problem]) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and (value == 0 or SHORTEST <= value <= LONGEST):
        return value
    problems.append((field, f"must be 0 (never), or from {SHORTEST} to {LONGEST} seconds (a year)"))
    return None


def _rule(field: str, value: Any, problems: list[Problem]) -> dict[str, Any] | None:
    """Check what a policy says of one action: ``run``, amounts, and whether ``approve --yes`` is enough."""
    if not isinstance(value, Mapping) or value.get("run") not in ALLOWED:
        problems.append((f"{field}.run", f"must be one of: {', '.join(ALLOWED)}"))
        return None
    rule: dict[str, Any] = {"run": value["run"]}
    for name in ("max_amount", "daily_total"):
        if value.get(name) is not None:
            rule[name] = _amount(f"{field}.{name}", value[name], problems)
    if value.get("yes") is not None:
        rule["yes"] = value["yes"]
        if value["yes"] is not True or value["run"] != "approval":
            problems.append((f"{field}.yes", "must be true, and belongs to `approval`"))
    unknown = set(value) - {"run", "max_amount", "daily_total", "yes"}
    problems += [(f"{field}.{name}", "is no part of a policy") for name in sorted(unknown)]
    return rule


def _amount(field: str, value: Any, problems: list[Problem]) -> str | None:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if amount.is_finite() and amount >= 0:
        return format(amount, "f")
    problems.append((field, "must be an amount, such as 500.00, and not negative"))
    return None


def _hours(value: Any, problems: list[Problem]) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= PLAN_HOURS):
        return value
    problems.append(("plan_hours", f"must be from 1 to {PLAN_HOURS} hours"))
    return None


def _zone(name: Any, problems: list[Problem]) -> str | None:
    if name is None:
        return None
    try:
        return ZoneInfo(str(name)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problems.append(("timezone", f"{name!r} is no time zone such as Pacific/Auckland"))
        return None
