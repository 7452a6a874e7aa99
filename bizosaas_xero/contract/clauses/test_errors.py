"""Every error is one of the eleven codes of the contract."""

from __future__ import annotations

import json
import pickle

from bizosaas_xero.contract.clause_registry import clause, require
from bizosaas_xero.contract.connector import Subject
from bizosaas_xero.contract.observation import Observation, World
from bizosaas_xero.contract.scenarios import Scenario
from bizosaas_xero.spec import ERRORS

FIELDS = (
    "code",
    "reason",
    "recovery",
    "message",
    "remedy",
    "retry_after",
    "correlation_id",
    "problems",
    "scopes",
)


def nothing_refused(subject: Subject) -> str:
    """Excuse connectors without HTTP: not every source has limits and permissions."""
    return "its source is not known to refuse anything" if subject.contract.transport == "none" else ""


def fails(one: Scenario) -> bool:
    """Select scenarios that end in an error, or recover from one."""
    return bool(one.expect.error)


@clause(
    "errors.never-foreign",
    "Only exceptions of the contract cross a hook.",
    shown_by=lambda _to_text: True,
)
def test_never_foreign(seen: Observation) -> None:
    for error in seen.errors:
        code, recovery = getattr(error, "code", None), getattr(error, "recovery", None)
        require(
            isinstance(code, str) and isinstance(recovery, str),
            f"{type(error).__module__}.{type(error).__name__} crossed a hook: {error}",
        )


@clause(
    "errors.settings-checked",
    "A setting of the wrong type is refused with an error of the contract, at the call or with the first batch.",
)
def test_settings_checked(subject: Subject, world: World) -> None:
    inputs = world.inputs()
    names = subject.info.settings.get("properties", {}) if subject.info else {}
    for name in names:
        settings = {**inputs.settings, name: [["wrong"]]}
        error = None
        try:
            for entity in subject.entities[:1]:
                connection = {**inputs.connection, "settings": settings}
                next(iter(subject.hook.sync_entity(connection=connection, entity=entity, cursor=None, options=None)))
        except Exception as caught:  # noqa: BLE001 (its code is checked below)
            error = caught
        if error is None or world.sent:  # it ignores this setting, or accepts any value
            continue
        code = getattr(error, "code", None)
        require(isinstance(code, str), f"a wrong value of {name!r} raised {type(error).__name__}: {error}")


@clause(
    "errors.as-expected",
    "Each scenario ends as its contract says: without error, or in the error of that code and reason.",
    shown_by=lambda _to_text: True,
)
def test_as_expected(seen: Observation) -> None:
    expect, error = seen.scenario.expect, seen.ending
    if seen.scenario.hook == "run_action":  # the error of its last step; earlier ones are expected refusals
        error = seen.calls[-1].error
    if seen.scenario.script in {"damaged", "foreign"} and not expect.error:
        return
    if expect.error is None:
        require(error is None, f"it raised {error!r}")
        return
    require(error is not None, f"it did not raise {expect.error}")
    found = (getattr(error, "code", None), getattr(error, "reason", None))
    wanted = (expect.error, expect.reason or found[1])
    require(found == wanted, f"it raised {found[0]}, {found[1]}, not {wanted[0]}, {wanted[1]}")


@clause(
    "errors.code-known",
    "Each code is one of the eleven, with its recovery.",
    shown_by=fails,
)
def test_code_known(seen: Observation) -> None:
    for error in seen.errors:
        known = ERRORS.get(str(getattr(error, "code", None)))
        require(known, f"the code {getattr(error, 'code', None)!r} is not a code of the contract")
        wanted = known.recovery if known else ""
        require(
            getattr(error, "recovery", None) == wanted,
            f"{getattr(error, 'code', '')} recovers by {wanted!r}, not {getattr(error, 'recovery', None)!r}",
        )


@clause("errors.told", "Each error has a message and a remedy that a person can read.", shown_by=fails)
def test_told(seen: Observation) -> None:
    require(seen.errors, "no error was raised")
    for error in seen.errors:
        for name in ("message", "remedy"):
            text = getattr(error, name, None)
            require(isinstance(text, str) and len(text.split()) > 1, f"{type(error).__name__} has no {name}")
            require(
                "Traceback" not in str(text) and " object at 0x" not in str(text),
                f"its {name} is for programmers: {text}",
            )


@clause("errors.to-dict", "`to_dict()` returns every attribute as JSON values.", shown_by=fails)
def test_to_dict(seen: Observation) -> None:
    require(seen.errors, "no error was raised")
    for error in seen.errors:
        require(hasattr(error, "to_dict"), f"{type(error).__name__} has no to_dict()")
        fields = error.to_dict()  # type: ignore[attr-defined]
        lacking = [name for name in FIELDS if name not in fields]
        require(not lacking, f"to_dict() lacks {', '.join(lacking)}")
        json.dumps(fields)
        differing = [name for name in FIELDS if fields[name] != getattr(error, name, None)]
        require(not differing, f"to_dict() differs from the error in: {', '.join(differing)}")


@clause("errors.pickle", "An error survives `pickle` with all its attributes.", shown_by=fails)
def test_pickle(seen: Observation) -> None:
    require(seen.errors, "no error was raised")
    for error in seen.errors:
        try:
            again = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own)
        except Exception as problem:  # noqa: BLE001 (reported below)
            again = problem
        fields: object = getattr(error, "to_dict", dict)()
        require(getattr(again, "to_dict", dict)() == fields, f"{type(error).__name__} came back as {again!r}")


@clause(
    "errors.limit-says-when",
    "`rate_limited` says after how many seconds to retry.",
    shown_by=lambda one: one.expect.error == "rate_limited",
    unless=nothing_refused,
)
def test_limit_says_when(seen: Observation) -> None:
    for error in seen.errors:
        wait = getattr(error, "retry_after", None)
        require(isinstance(wait, int | float) and wait > 0, f"retry_after is {wait!r}")


@clause(
    "errors.invalid-names-field",
    "`invalid` names each wrong field and what is wrong with it.",
    shown_by=lambda one: one.expect.error == "invalid" and not one.expect.reason,
    unless=nothing_refused,
)
def test_invalid_names_field(seen: Observation) -> None:
    for error in seen.errors:
        problems = getattr(error, "problems", None) or []
        require(problems, "it names no field")
        for problem in problems:
            require(
                {"field", "message"} <= set(problem) and problem["message"],
                f"a problem is incomplete: {problem}",
            )


@clause(
    "errors.scope-named",
    "`missing_scope` names the missing permission.",
    shown_by=lambda one: one.expect.error == "missing_scope",
    unless=nothing_refused,
)
def test_scope_named(seen: Observation) -> None:
    for error in seen.errors:
        require(getattr(error, "scopes", None), "it names no scope")
