"""A write is planned before it is done, and done once."""

from __future__ import annotations

import re

from bizosaas_xero.contract.clause_registry import clause, require
from bizosaas_xero.contract.clauses.acting import (
    get_results,
    is_planned,
    no_other_params,
    no_writes,
    plays,
    repeats,
    require_refusal,
    script,
)
from bizosaas_xero.contract.connector import Subject
from bizosaas_xero.contract.hook_calls import to_json_values
from bizosaas_xero.contract.observation import Observation, World


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
    for call in get_results(seen, "plan"):
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
    for call in get_results(seen, "plan"):
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
    hashes = {(to_json_values(call.result).get("plan") or {}).get("hash") for call in get_results(seen, "plan")}
    require(len(hashes) == 1, "planning twice gave two hashes")


@clause(
    "actions.commit-does-plan",
    "`commit` with a plan's hash carries out that plan.",
    shown_by=lambda one: script("commit")(one) and not one.expect.error,
    unless=no_writes,
)
def test_commit_does_plan(seen: Observation) -> None:
    get_results(seen, "plan")
    call = get_results(seen, "commit")[0]
    require(call.writes, "committing wrote nothing")


@clause(
    "actions.commit-sends-plan",
    "`commit` sends the writes that its plan lists, as the plan lists them, and no others but declared notes.",
    shown_by=script("commit"),
    unless=no_writes,
)
def test_commit_sends_plan(seen: Observation, subject: Subject) -> None:
    plan = to_json_values(get_results(seen, "plan")[-1].result)["plan"]
    require(plan is not None, "mode `plan` gave no plan")
    planned = [each for each in plan["requests"] if str(each.get("method", "")).upper() != "GET"]
    written = seen.call("commit")[0].written
    if written is None:  # only its fixtures could tell
        return
    sent = [to_json_values(each) for each in written]
    for request in planned:
        match = next((each for each in sent if is_planned(request, each)), None)
        require(match is not None or seen.scenario.expect.error, f"a planned request was not sent: {request}")
        if match is not None:
            sent.remove(match)
    notes = [re.compile(pattern) for pattern in subject.contract.notes]
    others = [each for each in sent if not any(note.search(str(each.get("path", ""))) for note in notes)]
    require(not others, f"a request was sent that is not in the plan: {others[:1]}")


@clause(
    "actions.plan-covers-params",
    "The hash of a plan covers its parameters: `commit` with other parameters is refused as `conflict`.",
    shown_by=script("other"),
    unless=no_other_params,
)
def test_plan_covers_params(seen: Observation) -> None:
    get_results(seen, "plan")
    require_refusal(seen.call("commit other")[-1], "conflict")


@clause(
    "actions.stale-refused",
    "`commit` of a plan whose data has changed is refused as `conflict`, and writes nothing.",
    shown_by=script("stale"),
    unless=no_writes,
)
def test_stale_refused(seen: Observation) -> None:
    get_results(seen, "plan")
    require_refusal(seen.call("commit")[-1], "conflict")


@clause(
    "actions.done-once",
    "A write that is repeated under the same business key happens once; both results say that it is done.",
    shown_by=lambda one: repeats(one) and not one.expect.error,
    unless=no_writes,
)
def test_done_once(seen: Observation) -> None:
    for step in (step for step in seen.scenario.plays if step.endswith(" again")):
        first = get_results(seen, step.removesuffix(" again"))[0]
        require(first.writes, "the first time wrote nothing")
        for second in get_results(seen, step):
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
