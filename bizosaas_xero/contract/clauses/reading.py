"""Helpers of the clauses about signing in and reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jsonschema_rs
from pydantic import BaseModel

from bizosaas_xero.contract.clause_registry import Broken, require
from bizosaas_xero.contract.connector import Subject
from bizosaas_xero.contract.hook_calls import to_json_values
from bizosaas_xero.contract.observation import Call, Observation, Run
from bizosaas_xero.contract.scenarios import Scenario


def script(*names: str, **more: Any) -> Callable[[Scenario], bool]:
    """Select scenarios of ``sync_entity`` by their script, and by other attributes."""
    return lambda one: (
        one.hook == "sync_entity"
        and (not names or one.script in names)
        and all(getattr(one, name) == value for name, value in more.items())
    )


def ends_well(one: Scenario) -> bool:
    """Select scenarios that read without an expected error."""
    reads = one.hook == "sync_entity" and one.script not in {"damaged", "foreign"}
    return reads and not one.expect.error


def no_entities(subject: Subject) -> str:
    """Excuse connectors that describe themselves and offer no entity."""
    described = subject.info is not None and not subject.info.entities
    return "it offers no entities" if described else ""


def with_recheck(subject: Subject) -> str:
    """Excuse connectors whose entities need no recheck."""
    rows = subject.info.entities if subject.info else ()
    return "" if any(row.recheck for row in rows) or subject.info is None else "no entity asks for it"


def one_entity(subject: Subject) -> str:
    """Excuse connectors with one entity from telling two apart."""
    return no_entities(subject) or ("it has one entity" if len(subject.entities) == 1 else "")


def get_result(call: Call) -> dict[str, Any]:
    """Return the result of a step, in JSON form; it must have one."""
    require(call.error is None, f"the step {call.name!r} raised {call.error!r}")
    require(isinstance(call.result, BaseModel | dict), f"the step {call.name!r} returned {call.result!r}")
    found: dict[str, Any] = to_json_values(call.result)
    return found


def validator(schema: Any, what: str) -> Any:
    """Return a validator; an invalid schema breaks the clause."""
    try:
        return jsonschema_rs.validator_for(schema)
    except (jsonschema_rs.ValidationError, ValueError) as error:
        raise Broken(f"{what}: {error}") from None


def successful_runs(seen: Observation, *purposes: str) -> list[Run]:
    """Return the runs with these purposes; none may have failed, and there must be a batch."""
    runs = [run for run in seen.runs if not purposes or run.purpose in purposes]
    require(runs, "the run was not reached")
    for run in runs:
        require(not run.not_iterator, f"sync_entity returned {run.not_iterator}, not an iterator")
        require(run.error is None, f"the {run.purpose} run raised {run.error!r}")
    require(any(run.batches for run in runs), "it gave no batch")
    return runs


def iter_leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value in a record, with its path."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from iter_leaves(inner, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from iter_leaves(inner, path)
    else:
        yield path, value


def get_data(record: Any) -> Mapping[str, Any]:
    """Return a record's data."""
    data: Mapping[str, Any] = record.get("data", {}) if isinstance(record, dict) else record.data
    return data


def records_after(run: Run, held: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the records that a host has stored after a run, by key, in JSON form."""
    held = dict(held or {})
    for record in run.records:
        if record.op == "delete":
            held.pop(record.key, None)
        else:
            held[record.key] = to_json_values(record)["data"]
    return held
