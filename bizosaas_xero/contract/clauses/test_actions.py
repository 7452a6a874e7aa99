"""Actions are described correctly; a write is planned before it is done, and done once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from bizosaas_xero.contract.clause_registry import Broken, clause, require
from bizosaas_xero.contract.clauses.reading import validator
from bizosaas_xero.contract.connector import Subject
from bizosaas_xero.contract.observation import Call, Observation, World
from bizosaas_xero.contract.player import to_json_values
from bizosaas_xero.contract.scenarios import Scenario
from bizosaas_xero.contract.session import get_scenarios
from bizosaas_xero.spec import Action, ActionResult, Invalid, parse

PLACEHOLDER = re.compile(r"\{[a-z_]+\}")


def script(*names: str) -> Callable[[Scenario], bool]:
    """Select scenarios of ``run_action`` by their script."""
    return lambda one: one.hook == "run_action" and (not names or one.script in names)


def plays(step: str) -> Callable[[Scenario], bool]:
    """Select scenarios of ``run_action`` that have a step and end without error."""
    return lambda one: one.hook == "run_action" and step in one.plays and not one.expect.error


def repeats(one: Scenario) -> bool:
    """Select scenarios in which something is done again."""
    return one.hook == "run_action" and any(step.endswith(" again") for step in one.plays)


def _list_actions(subject: Subject) -> list[Any]:
    try:
        found = subject.hook.list_actions(connection=None)
    except Exception as error:  # noqa: BLE001 (reported as the connector's)
        raise Broken(f"list_actions raised {error!r}") from None
    require(isinstance(found, list), f"list_actions returned {type(found).__name__}, not a list")
    return list(found)


def no_actions(subject: Subject) -> str:
    """Excuse connectors that list no action."""
    try:
        return "" if _list_actions(subject) else "it offers no actions"
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


def _results(seen: Observation, name: str) -> list[Call]:
    calls = seen.call(name)
    require(calls, f"{name!r} was not reached")
    for call in calls:
        require(call.error is None, f"{name!r} raised {call.error!r}")
        require(call.result is not None, f"{name!r} returned nothing")
    return calls


@clause(
    "actions.listed",
    "`list_actions(None)` lists `Action`s with distinct names and a description each, without a request.",
)
def test_listed(subject: Subject, world: World) -> None:
    found = _list_actions(subject)
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
    listed = sorted(str(getattr(row, "name", "")) for row in _list_actions(subject))
    require(described == listed, f"describe lists {described}, list_actions {listed}")


@clause(
    "actions.covered",
    "Every listed action has scenarios; a write is planned, committed, refused when stale, and repeated.",
)
def test_covered(subject: Subject, pytestconfig: Any) -> None:
    _list_actions(subject)
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
            result = _results(seen, call.name)[0].result
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


@clause(
    "actions.write-needs-mode",
    "A write without a mode is refused as `invalid`, before any request.",
    shown_by=lambda one: script()(one) and "no mode" in one.plays,
    unless=no_writes,
)
def test_write_needs_mode(seen: Observation) -> None:
    for call in seen.call("no mode"):
        require(getattr(call.error, "code", None) == "invalid", f"it gave {call.error or call.result!r}")
        require(not call.sent and not call.writes, "a request was made before it was refused")


@clause(
    "actions.commit-needs-plan",
    "`commit` without the hash of a plan is refused as `invalid`, before any request.",
    shown_by=lambda one: script()(one) and "no plan" in one.plays,
    unless=no_writes,
)
def test_commit_needs_plan(seen: Observation) -> None:
    for call in seen.call("no plan"):
        require(getattr(call.error, "code", None) == "invalid", f"it gave {call.error or call.result!r}")
        require(not call.sent and not call.writes, "a request was made before it was refused")


@clause(
    "actions.plan-writes-nothing",
    "Planning writes nothing, and returns a plan with requests and a hash.",
    shown_by=plays("plan"),
    unless=no_writes,
)
def test_plan_writes_nothing(seen: Observation) -> None:
    for call in _results(seen, "plan"):
        require(not call.writes, f"planning wrote {call.writes} times")
        given = to_json_values(call.result)
        require(given.get("status") == "planned", f"its status is {given.get('status')!r}")
        require((given.get("plan") or {}).get("hash"), "its plan has no hash")
        require(given["plan"].get("requests"), "the plan does not list its requests")


@clause(
    "actions.plan-declares-acts",
    "A plan that writes lists its acts, such as `pay`: a host decides by them whether a person must approve it.",
    shown_by=plays("plan"),
    unless=no_writes,
)
def test_plan_declares_acts(seen: Observation) -> None:
    for call in _results(seen, "plan"):
        plan = to_json_values(call.result).get("plan") or {}
        writes = [each for each in plan.get("requests") or () if str(each.get("method", "")).upper() != "GET"]
        acts = plan.get("acts")
        require(acts or not writes, f"its plan has {len(writes)} requests that write, and its acts are {acts!r}")


@clause(
    "actions.plan-repeatable",
    "Planning twice with the same data gives the same hash.",
    shown_by=lambda one: script("plan")(one) and not one.expect.error,
    unless=no_writes,
)
def test_plan_repeatable(seen: Observation) -> None:
    hashes = {(to_json_values(call.result).get("plan") or {}).get("hash") for call in _results(seen, "plan")}
    require(len(hashes) == 1, "planning twice gave two hashes")


@clause(
    "actions.commit-does-plan",
    "`commit` with a plan's hash carries out that plan.",
    shown_by=lambda one: script("commit")(one) and not one.expect.error,
    unless=no_writes,
)
def test_commit_does_plan(seen: Observation) -> None:
    _results(seen, "plan")
    call = _results(seen, "commit")[0]
    require(call.writes, "committing wrote nothing")


@clause(
    "actions.commit-sends-plan",
    "`commit` sends the writes that its plan lists, as the plan lists them, and no others but declared notes.",
    shown_by=script("commit"),
    unless=no_writes,
)
def test_commit_sends_plan(seen: Observation, subject: Subject) -> None:
    plan = to_json_values(_results(seen, "plan")[-1].result)["plan"]
    planned = [each for each in plan["requests"] if str(each.get("method", "")).upper() != "GET"]
    written = seen.call("commit")[0].written
    if written is None:  # only its fixtures could tell
        return
    sent = [to_json_values(each) for each in written]
    for request in planned:
        match = next((each for each in sent if _is_planned(request, each)), None)
        require(match is not None or seen.scenario.expect.error, f"a planned request was not sent: {request}")
        if match is not None:
            sent.remove(match)
    notes = [re.compile(pattern) for pattern in subject.contract.notes]
    others = [each for each in sent if not any(note.search(str(each.get("path", ""))) for note in notes)]
    require(not others, f"a request was sent that is not in the plan: {others[:1]}")


def _is_planned(planned: dict[str, Any], sent: dict[str, Any]) -> bool:
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
    if isinstance(planned, str) and PLACEHOLDER.search(planned):
        pattern = ".+".join(re.escape(part) for part in PLACEHOLDER.split(planned))
        return re.fullmatch(pattern, str(sent)) is not None
    if planned == sent:
        return True
    try:
        return Decimal(str(planned)) == Decimal(str(sent))
    except InvalidOperation:
        return False


@clause(
    "actions.plan-covers-params",
    "The hash of a plan covers its parameters: `commit` with other parameters is refused as `conflict`.",
    shown_by=script("other"),
    unless=no_other_params,
)
def test_plan_covers_params(seen: Observation) -> None:
    _results(seen, "plan")
    call = seen.call("commit other")[-1]
    require(getattr(call.error, "code", None) == "conflict", f"it gave {call.error or call.result!r}")
    require(not call.writes, "it wrote before it refused")


@clause(
    "actions.stale-refused",
    "`commit` of a plan whose data has changed is refused as `conflict`, and writes nothing.",
    shown_by=script("stale"),
    unless=no_writes,
)
def test_stale_refused(seen: Observation) -> None:
    _results(seen, "plan")
    call = seen.call("commit")[-1]
    require(getattr(call.error, "code", None) == "conflict", f"it gave {call.error or call.result!r}")
    require(not call.writes, "it wrote before it refused")


@clause(
    "actions.done-once",
    "A write that is repeated under the same business key happens once; both results say that it is done.",
    shown_by=lambda one: repeats(one) and not one.expect.error,
    unless=no_writes,
)
def test_done_once(seen: Observation) -> None:
    for step in (step for step in seen.scenario.plays if step.endswith(" again")):
        first = _results(seen, step.removesuffix(" again"))[0]
        require(first.writes, "the first time wrote nothing")
        for second in _results(seen, step):
            require(not second.writes, f"the second time wrote {second.writes} times again")


@clause("actions.unknown-not-found", "An unknown action is refused as `not_found`, before any request.")
def test_unknown_not_found(subject: Subject, world: World) -> None:
    error = None
    connection = dict(world.inputs().connection) or {"organisation_id": "x", "access_token": "x"}
    try:
        subject.hook.run_action(connection=connection, action="no_such_action", params={}, control={"mode": "plan"})
    except Exception as caught:  # noqa: BLE001 (its code is checked below)
        error = caught
    require(getattr(error, "code", None) == "not_found", f"it gave {error!r}")
    require(not world.sent, "a request was made before it was refused")
