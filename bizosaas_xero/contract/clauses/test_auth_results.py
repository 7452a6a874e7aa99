"""What `auth` returns and raises shows no secret, and can be passed on."""

from __future__ import annotations

import json
import pickle

from pydantic import BaseModel

from bizosaas_xero.contract.clause_registry import Broken, clause, require
from bizosaas_xero.contract.clauses.reading import get_result
from bizosaas_xero.contract.connector import Subject
from bizosaas_xero.contract.hook_calls import to_json_values
from bizosaas_xero.contract.observation import Observation, World


@clause(
    "auth.no-secret-shown",
    "No token and no secret is shown in a repr, a string, a log, a warning or an error.",
    shown_by=lambda _to_text: True,
)
def test_no_secret_shown(seen: Observation) -> None:
    shown = {"a log, a warning or what it prints": seen.log}
    for error in seen.errors:
        chain = f"{error!r} {error} {getattr(error, '__cause__', '')}"
        fields: object = getattr(error, "to_dict", dict)()
        shown[f"the error {type(error).__name__}"] = f"{chain} {fields}"
    for call in seen.calls:
        dump = call.result.model_dump() if isinstance(call.result, BaseModel) else ""
        grant_hidden = f"{call.result!r} {dump}" if call.name != "authorize" else f"{call.result!r}"
        shown[f"the result of {call.name}"] = grant_hidden
    for run in seen.runs:
        shown[f"a cursor of the {run.purpose} run"] = json.dumps(run.last_cursor, default=str)
    for name, secret in seen.secrets.items():
        if len(secret) >= 6:
            for place, text in shown.items():
                require(secret not in text, f"{name.split()[0]} is shown in {place}")


@clause(
    "auth.bad-request-invalid",
    "An unknown step, or one without a required field, is refused as `invalid` with the field's name, before any "
    "request.",
)
def test_bad_request_invalid(subject: Subject, world: World) -> None:
    for request in ({"step": "no_such_step"}, {"step": "refresh"}, {}):
        error = None
        try:
            subject.hook.auth(request=request)
        except Exception as caught:  # noqa: BLE001 (its code is checked below)
            error = caught
        require(error is not None, f"{request} was not refused")
        require(getattr(error, "code", None) == "invalid", f"{request} raised {error!r}")
        require(getattr(error, "problems", None), f"{request} does not name the wrong field")
    require(not world.sent, "a request was made before it was refused")


@clause(
    "auth.results-cross",
    "Results can cross a process boundary: JSON and pickle restore them.",
    shown_by=lambda one: one.hook == "auth" and not one.expect.error,
)
def test_results_cross(seen: Observation) -> None:
    for call in seen.calls:
        given = get_result(call)
        json.dumps(given)
        if isinstance(call.result, BaseModel):
            again = type(call.result).model_validate(given)
            require(to_json_values(again) == given, f"the JSON form of {call.name} does not restore it")
            try:
                again = pickle.loads(pickle.dumps(call.result))  # noqa: S301 (our own)
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                raise Broken(f"the result of {call.name} does not pickle: {error}") from None
            require(to_json_values(again) == given, f"pickle does not restore the result of {call.name}")
