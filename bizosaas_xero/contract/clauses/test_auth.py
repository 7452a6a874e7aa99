"""Access is granted, refreshed and ended safely."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bizosaas_xero.contract.clause_registry import clause, require
from bizosaas_xero.contract.clauses.reading import get_result
from bizosaas_xero.contract.connector import Subject
from bizosaas_xero.contract.observation import Observation
from bizosaas_xero.contract.scenarios import Scenario
from bizosaas_xero.contract.session import get_scenarios

STEPS_BY_KIND = {
    "custom": {"client_credentials"},
    "web": {"authorize", "callback"},
    "pkce": {"authorize", "callback"},
}
COMMON_STEPS = {"refresh", "organisations", "check", "disconnect"}


def steps(*wanted: str, error: str | None = None) -> Callable[[Scenario], bool]:
    """Select scenarios of ``auth`` that have these steps and end in this error."""
    return lambda one: one.hook == "auth" and set(wanted) <= set(one.steps) and one.expect.error == error


def no_person(subject: Subject) -> str:
    """Excuse connectors to which no person consents."""
    original = set(subject.kinds) & {"web", "pkce"}
    return "" if original else "it is authorised without a person's consent"


def _get_grants(seen: Observation) -> list[dict[str, Any]]:
    found = [
        get_result(call).get("grant")
        for call in seen.calls
        if call.name in {"callback", "client_credentials", "refresh"}
    ]
    require(all(found), "a step returned no grant")
    return [grant for grant in found if grant]


@clause("auth.steps-covered", "Every step that its kinds of app need has a scenario that ends without error.")
def test_steps_covered(subject: Subject, pytestconfig: Any) -> None:
    fine = [one for one in get_scenarios(pytestconfig) if one.hook == "auth" and not one.expect.error]
    shown = {step.split()[0] for one in fine for step in one.steps}
    needed = set(COMMON_STEPS).union(*(STEPS_BY_KIND[kind] for kind in subject.kinds if kind in STEPS_BY_KIND))
    lacking = needed - shown
    require(not subject.kinds or not lacking, f"no scenario shows: {', '.join(sorted(lacking))}")


@clause(
    "auth.authorize-state",
    "`authorize` returns an address with a fresh state, and a `pending` that is another secret.",
    shown_by=lambda one: one.hook == "auth" and one.steps.count("authorize") > 1,
    unless=no_person,
)
def test_authorize_state(seen: Observation) -> None:
    states, pendings = set(), set()
    begun = [get_result(call) for call in seen.call("authorize")]
    for given in begun:
        state = parse_qs(urlsplit(given.get("url") or "").query).get("state", [""])[0]
        require(len(state) >= 16, "the address has no state, or one that can be guessed")
        states.add(state)
        pendings.add(given.get("pending"))
    require(None not in pendings and "" not in pendings, "it returned no `pending`")
    require(len(states) == len(pendings) == len(begun), "two consents have the same state or `pending`")
    require(not states & {None, *pendings}, "`pending` is the state itself, which is visible in the address")


@clause(
    "auth.state-checked",
    "A callback whose state is missing or not the one that was sent is refused as `invalid`, before any request.",
    shown_by=steps("callback forged", error="invalid"),
    unless=no_person,
)
def test_state_checked(seen: Observation) -> None:
    _require_refusal(seen, "callback forged", {"invalid"})


@clause(
    "auth.pending-single-use",
    "A `pending` can be used once: a second use is refused, before any request.",
    shown_by=steps("callback again", error="reconnect_required"),
    unless=no_person,
)
def test_pending_single_use(seen: Observation) -> None:
    get_result(seen.call("callback")[0])
    _require_refusal(seen, "callback again", {"reconnect_required", "invalid"})


@clause(
    "auth.pending-expires",
    "A `pending` expires: a late use is refused as `reconnect_required`, before any request.",
    shown_by=lambda one: (
        steps("callback", error="reconnect_required")(one)
        and any(step.startswith("wait") for step in one.steps)
        and not one.http
    ),
    unless=no_person,
)
def test_pending_expires(seen: Observation) -> None:
    _require_refusal(seen, "callback", {"reconnect_required"})


def _require_refusal(seen: Observation, name: str, codes: set[str]) -> None:
    calls = seen.call(name)
    require(calls, f"the step {name!r} was not reached")
    for call in calls:
        require(call.error is not None, f"the step {name!r} was not refused")
        require(getattr(call.error, "code", None) in codes, f"the step {name!r} raised {call.error!r}")
        require(not call.sent, f"the step {name!r} made {call.sent} requests before it was refused")


@clause(
    "auth.grant-whole",
    "A grant names its identity and app, and when its access ends: with a time zone, and in the future.",
    shown_by=lambda one: steps("callback")(one) or steps("client_credentials")(one),
)
def test_grant_whole(seen: Observation) -> None:
    now = (seen.scenario.frozen or datetime.now(UTC)).timestamp()
    for grant in _get_grants(seen):
        require(grant.get("identity") and grant.get("client_id"), "a grant lacks identity or client_id")
        ends = [datetime.fromisoformat(str(grant[name])) for name in ("obtained_at", "expires_at")]
        require(all(end.tzinfo for end in ends), "a grant's timestamp has no time zone")
        require(ends[1] > ends[0], "a grant ends before it begins")
        require(seen.scenario.frozen is None or ends[1].timestamp() > now, "a new grant has ended already")
        require((ends[1] - ends[0]).total_seconds() < 366 * 86_400, "a grant never ends")


@clause(
    "auth.organisations",
    "A new grant is returned with the organisations that it reaches, each with id and name.",
    shown_by=lambda one: steps("callback")(one) or steps("client_credentials")(one) or steps("organisations")(one),
)
def test_organisations(seen: Observation) -> None:
    for call in seen.calls:
        if call.name in {"callback", "client_credentials", "organisations"}:
            found = get_result(call).get("organisations")
            require(isinstance(found, list), f"{call.name} returned no list of organisations")
            require(all(one.get("id") and one.get("name") for one in found or ()), "one lacks id or name")
            require(found, f"{call.name} returned no organisation")


@clause(
    "auth.refresh-replaces",
    "A refreshed grant has a new access token and, if it has one, a new refresh token.",
    shown_by=steps("refresh"),
)
def test_refresh_replaces(seen: Observation) -> None:
    for call in seen.call("refresh"):
        new, old = get_result(call).get("grant") or {}, call.before or {}
        require(new.get("access_token"), "the refreshed grant has no access token")
        require(new.get("access_token") != old.get("access_token"), "it holds the old access token")
        if old.get("refresh_token"):
            require(new.get("refresh_token"), "the refreshed grant lost its refresh token")
            require(new["refresh_token"] != old["refresh_token"], "it holds the old refresh token")


@clause(
    "auth.refresh-keeps-identity",
    "A refreshed grant has the same identity, app and kind.",
    shown_by=steps("refresh"),
)
def test_refresh_keeps_identity(seen: Observation) -> None:
    for call in seen.call("refresh"):
        new, old = get_result(call).get("grant") or {}, call.before or {}
        for name in ("identity", "client_id", "kind"):
            require(new.get(name) == old.get(name), f"{name} changed from {old.get(name)!r} to {new.get(name)!r}")


@clause(
    "auth.dump-refreshes",
    "A grant that was stored as JSON and loaded again can be refreshed: its secrets are in the JSON.",
    shown_by=lambda one: steps("refresh")(one) and one.steps[0] in {"authorize", "client_credentials"},
)
def test_dump_refreshes(seen: Observation) -> None:
    for grant in _get_grants(seen)[:1]:
        require(
            not set(grant["access_token"]) <= {"*"},
            "the JSON dump masks the access token: a stored grant is dead",
        )
        require(
            not grant.get("refresh_token") or not set(grant["refresh_token"]) <= {"*"},
            "the JSON dump masks the refresh token: a stored grant is dead",
        )
    refreshed = seen.call("refresh")
    require(refreshed and refreshed[0].error is None, f"the dumped grant did not refresh: {seen.ending!r}")


@clause(
    "auth.revoked-reconnects",
    "Refreshing a grant that was revoked is `reconnect_required`.",
    shown_by=lambda one: one.hook == "auth" and one.expect.error == "reconnect_required" and "refresh" in one.steps,
    unless=no_person,
)
def test_revoked_reconnects(seen: Observation) -> None:
    call = seen.call("refresh")[-1]
    require(getattr(call.error, "code", None) == "reconnect_required", f"it gave {call.error or call.result!r}")


@clause(
    "auth.check-tells",
    "`check` returns the status of the connection; a problem is in `problem`, and is not raised.",
    shown_by=lambda one: one.hook == "auth" and "check" in one.steps and not one.expect.error,
)
def test_check_tells(seen: Observation) -> None:
    given = get_result(seen.call("check")[-1])
    wanted = seen.scenario.expect.status or "ok"
    require(given.get("status") == wanted, f"its status is {given.get('status')!r}, not {wanted!r}")
    require(wanted == "ok" or (given.get("problem") or {}).get("code"), "`problem` does not say what is wrong")
    require(wanted != "ok" or given.get("organisation"), "it does not name the organisation")


def checks_no_app(subject: Subject) -> str:
    """Excuse connectors that lack the optional step ``check_app``."""
    shown = any("check_app" in scenario.steps for scenario in subject.contract.scenarios)
    return "" if shown else "it does not show the optional step `check_app`"


@clause(
    "auth.check-app-tells",
    "`check_app` returns whether the provider accepts the app; a refusal is in `problem`, and is not raised.",
    shown_by=steps("check_app"),
    unless=checks_no_app,
)
def test_check_app_tells(seen: Observation) -> None:
    given = get_result(seen.call("check_app")[-1])
    wanted = seen.scenario.expect.status or "ok"
    require(given.get("status") in {"ok", "misconfigured", "unknown"}, f"its status is {given.get('status')!r}")
    require(given.get("status") == wanted, f"its status is {given.get('status')!r}, not {wanted!r}")
    require(
        wanted != "misconfigured" or (given.get("problem") or {}).get("code"), "`problem` does not say what is wrong"
    )
    require(not given.get("grant"), "it returned a grant, although no person consented")


@clause(
    "auth.disconnect-ends",
    "`disconnect` succeeds, also a second time.",
    shown_by=lambda one: (
        one.hook == "auth" and not one.expect.error and bool({"disconnect", "revoke"} & set(one.steps))
    ),
)
def test_disconnect_ends(seen: Observation) -> None:
    for call in seen.call("disconnect") + seen.call("revoke"):
        require(get_result(call).get("status") == "ok", "its status is not 'ok'")
