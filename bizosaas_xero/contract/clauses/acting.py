"""Helpers of the clauses about actions."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from bizosaas_xero.contract.clause_registry import Broken, require
from bizosaas_xero.contract.connector import Subject
from bizosaas_xero.contract.observation import Call, Observation
from bizosaas_xero.contract.scenarios import Scenario

_PLACEHOLDER = re.compile(r"\{[a-z_]+\}")


def script(*names: str) -> Callable[[Scenario], bool]:
    """Select scenarios of ``run_action`` by their script."""
    return lambda one: one.hook == "run_action" and (not names or one.script in names)


def plays(step: str) -> Callable[[Scenario], bool]:
    """Select scenarios of ``run_action`` that have a step and end without error."""
    return lambda one: one.hook == "run_action" and step in one.plays and not one.expect.error


def repeats(one: Scenario) -> bool:
    """Select scenarios in which something is done again."""
    return one.hook == "run_action" and any(step.endswith(" again") for step in one.plays)


def list_actions(subject: Subject) -> list[Any]:
    """Return the rows of ``list_actions``; the clause is broken if it raises or returns no list."""
    try:
        found = subject.hook.list_actions(connection=None)
    except Exception as error:  # noqa: BLE001 (reported as the connector's)
        raise Broken(f"list_actions raised {error!r}") from None
    require(isinstance(found, list), f"list_actions returned {type(found).__name__}, not a list")
    return list(found)


def no_actions(subject: Subject) -> str:
    """Excuse connectors that list no action."""
    try:
        return "" if list_actions(subject) else "it offers no actions"
    except Exception:  # noqa: BLE001 (the clause actions.listed reports it)
        return ""


def no_writes(subject: Subject) -> str:
    """Excuse connectors that list no action which writes."""
    writes = [one for one in subject.actions if getattr(one, "effect", "write") == "write"]
    return no_actions(subject) or ("" if writes else "its actions only read")


def no_reads(subject: Subject) -> str:
    """Excuse connectors that list no action which only reads."""
    reads = [each for each in subject.actions if getattr(each, "effect", "read") == "read"]
    return no_actions(subject) or ("" if reads else "its actions all write")


def no_other_params(subject: Subject) -> str:
    """Excuse connectors whose scenarios name no other parameters."""
    return no_writes(subject) or "no scenario has other_params"


def get_results(seen: Observation, name: str) -> list[Call]:
    """Return the calls of a step; each must have returned a result."""
    calls = seen.call(name)
    require(calls, f"{name!r} was not reached")
    for call in calls:
        require(call.error is None, f"{name!r} raised {call.error!r}")
        require(call.result is not None, f"{name!r} returned nothing")
    return calls


def is_planned(planned: dict[str, Any], sent: dict[str, Any]) -> bool:
    """Return whether a sent request is the planned one; a plan may give the path relative to the API's base."""
    if "method" not in sent:  # fixtures give writes in the form of the plan
        return _equals_plan(planned, sent)
    path = str(planned.get("path", "")).strip("/")
    start = len(sent["path"].strip("/").split("/")) - len(path.split("/"))
    relative = "/".join(sent["path"].strip("/").split("/")[max(start, 0) :])
    return (
        str(planned.get("method", "")).upper() == sent["method"]
        and _equals_plan(path, relative)
        and _equals_plan(planned.get("query") or {}, sent["query"])
        and _equals_plan(planned.get("body"), sent["body"])
    )


def _equals_plan(planned: Any, sent: Any) -> bool:
    """Compare values of a plan: numbers by value; ``{name}`` in a plan is an id that is not yet known."""
    if isinstance(planned, dict) and isinstance(sent, dict):
        return planned.keys() == sent.keys() and all(_equals_plan(planned[name], sent[name]) for name in planned)
    if isinstance(planned, list) and isinstance(sent, list):
        return len(planned) == len(sent) and all(map(_equals_plan, planned, sent))
    if isinstance(planned, str) and _PLACEHOLDER.search(planned):
        pattern = ".+".join(re.escape(part) for part in _PLACEHOLDER.split(planned))
        return re.fullmatch(pattern, str(sent)) is not None
    if planned == sent:
        return True
    try:
        return Decimal(str(planned)) == Decimal(str(sent))
    except InvalidOperation:
        return False


def require_refusal(call: Call, code: str) -> None:
    """Break the clause unless a call was refused with this code, and wrote nothing."""
    require(getattr(call.error, "code", None) == code, f"it gave {call.error or call.result!r}")
    require(not call.writes, "it wrote before it refused")
