"""Actions are described correctly, read without writing, and check their parameters."""

from __future__ import annotations

import json
from typing import Any

from bizosaas_xero.contract.clause_registry import Broken, clause, require
from bizosaas_xero.contract.clauses.acting import get_results, list_actions, no_actions, no_reads, script
from bizosaas_xero.contract.clauses.reading import validator
from bizosaas_xero.contract.connector import Subject
from bizosaas_xero.contract.hook_calls import to_json_values
from bizosaas_xero.contract.observation import Observation, World
from bizosaas_xero.contract.session import get_scenarios
from bizosaas_xero.spec import Action, ActionResult, Invalid, parse


@clause(
    "actions.listed",
    "`list_actions(None)` lists `Action`s with distinct names and a description each, without a request.",
)
def test_listed(subject: Subject, world: World) -> None:
    found = list_actions(subject)
    try:
        rows = [parse(Action, to_json_values(row), "action") for row in found]
    except Invalid as error:
        raise Broken(error.message) from None
    names = [row.name for row in rows]
    require(len(set(names)) == len(names), f"actions are named twice: {names}")
    for row in rows:
        require(len(row.description.split()) > 2, f"{row.name}: its description is too short to choose it by")
    require(not world.sent, "listing made a request")
    json.dumps([row.model_dump(mode="json") for row in rows])


@clause("actions.described", "`describe` lists the same actions as `list_actions`.", unless=no_actions)
def test_described(subject: Subject) -> None:
    if subject.info is None:
        return
    described = sorted(row.name for row in subject.info.actions)
    listed = sorted(str(getattr(row, "name", "")) for row in list_actions(subject))
    require(described == listed, f"describe lists {described}, list_actions {listed}")


@clause(
    "actions.covered",
    "Every listed action has scenarios; a write is planned, committed, refused when stale, and repeated.",
)
def test_covered(subject: Subject, pytestconfig: Any) -> None:
    list_actions(subject)
    for action in subject.actions:
        shown = {one.script for one in get_scenarios(pytestconfig) if one.action == action.name}
        needed = {"read"} if action.effect == "read" else {"plan", "commit", "stale", "repeat"}
        require(needed <= shown, f"{action.name} has no scenario: {', '.join(sorted(needed - shown))}")


@clause(
    "actions.schemas-valid",
    "The schemas of parameters and results are valid, describe fields, and accept the scenarios' parameters.",
    shown_by=script(),
    unless=no_actions,
)
def test_schemas_valid(seen: Observation, subject: Subject) -> None:
    row = _action(seen, subject)
    for name in ("params", "result"):
        schema = getattr(row, name)
        validator(schema, name)
        require(schema.get("properties") is not None, f"its schema of {name} describes no fields")
    valid = validator(row.params, "params")
    require(valid.is_valid(seen.scenario.params), "its schema refuses parameters that it accepts")
    if seen.scenario.bad_params is not None:
        require(not valid.is_valid(seen.scenario.bad_params), "its schema accepts parameters that are wrong")


def _action(seen: Observation, subject: Subject) -> Action:
    rows = [row for row in subject.actions if row.name == seen.scenario.action]
    require(rows, f"{seen.scenario.action} is not listed")
    return parse(Action, to_json_values(rows[0]), "action")


@clause(
    "actions.result-true",
    "A result is an `ActionResult` of that action, with the expected status and data that fit the schema.",
    shown_by=lambda one: script("read", "run", "commit", "repeat")(one) and not one.expect.error,
    unless=no_actions,
)
def test_result_true(seen: Observation, subject: Subject) -> None:
    wanted = {seen.scenario.expect.status} if seen.scenario.expect.status else {"done", "partial"}
    for call in seen.calls:
        if call.name.partition(" ")[0] in {"read", "run", "commit"}:
            result = get_results(seen, call.name)[0].result
            try:
                parsed = parse(ActionResult, to_json_values(result), "result")
            except Invalid as error:
                raise Broken(error.message) from None
            require(parsed.action == seen.scenario.action, f"it is the result of {parsed.action!r}")
            require(parsed.status in wanted, f"its status is {parsed.status!r}")
            wrong = next(
                validator(_action(seen, subject).result, "result").iter_errors(to_json_values(result)["data"]),
                None,
            )
            require(wrong is None, f"its data: {wrong.message if wrong else ''}")


@clause(
    "actions.reads-write-nothing",
    "An action with the effect `read` writes nothing.",
    shown_by=script("read"),
    unless=no_reads,
)
def test_reads_write_nothing(seen: Observation) -> None:
    for call in seen.calls:
        require(not call.writes, f"{call.name!r} wrote {call.writes} times")


@clause(
    "actions.bad-params-invalid",
    "Wrong parameters are refused as `invalid`, by name, before any request.",
    shown_by=lambda one: script()(one) and one.bad_params is not None,
    unless=no_actions,
)
def test_bad_params_invalid(seen: Observation) -> None:
    for call in seen.call("bad params"):
        require(getattr(call.error, "code", None) == "invalid", f"it gave {call.error or call.result!r}")
        require(getattr(call.error, "problems", None), "it names no field")
        require(not call.sent and not call.writes, "a request was made before they were refused")
