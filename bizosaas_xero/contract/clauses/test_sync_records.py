"""Every record is returned, exact and once, and wrong arguments are refused."""

from __future__ import annotations

import re
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from bizosaas_xero.contract.clause_registry import clause, require
from bizosaas_xero.contract.clauses.reading import (
    ends_well,
    get_data,
    iter_leaves,
    no_entities,
    script,
    successful_runs,
    validator,
    with_recheck,
)
from bizosaas_xero.contract.connector import Subject
from bizosaas_xero.contract.hook_calls import to_json_values
from bizosaas_xero.contract.observation import Observation, World

NUMBER = re.compile(r"-?\d+\.\d+")


@clause(
    "sync.keys-present",
    "Every record has its key: a text, equal to the field that the description names.",
    shown_by=ends_well,
    unless=no_entities,
)
def test_keys_present(seen: Observation, subject: Subject) -> None:
    names = {row.name: row.key for row in subject.info.entities} if subject.info else {}
    for run in successful_runs(seen):
        for record in run.records:
            require(isinstance(record.key, str) and record.key.strip(), f"a record has the key {record.key!r}")
            field = names.get(str(seen.scenario.entity), "")
            if record.op == "upsert" and field in get_data(record):
                found = str(get_data(record)[field])
                require(
                    found.lower() == record.key.lower(),
                    f"the key is {record.key!r}, its field {field} {found!r}",
                )


@clause(
    "sync.keys-unique",
    "A key comes once in a run; if the scenario declares why keys repeat, one does.",
    shown_by=ends_well,
    unless=no_entities,
)
def test_keys_unique(seen: Observation) -> None:
    twice = {}
    for run in successful_runs(seen):
        keys = [record.key for record in run.records]
        twice[run.purpose] = len({key for key in keys if keys.count(key) > 1})
    if seen.scenario.repeats:
        require(any(twice.values()), "its contract.toml declares that keys repeat, and none did")
        return
    for purpose, count in twice.items():
        require(not count, f"{count} keys came more than once in the {purpose} run")


@clause(
    "sync.schema",
    "Records, in their JSON form, conform to the published schema.",
    shown_by=ends_well,
    unless=no_entities,
)
def test_schema(seen: Observation, subject: Subject) -> None:
    rows = [row for row in subject.info.entities if row.name == seen.scenario.entity] if subject.info else []
    require(rows or not subject.has_describe, "the entity has no schema")
    for row in rows:
        valid = validator(row.json_schema, "its schema")
        for run in successful_runs(seen):
            for record in run.records:
                if record.op == "upsert":
                    wrong = next(valid.iter_errors(to_json_values(record)["data"]), None)
                    require(wrong is None, f"{record.key}: {wrong.message if wrong else ''}")


@clause(
    "sync.decimals-exact",
    "No amount is a float, and each has the digits that the source sent.",
    shown_by=ends_well,
    unless=no_entities,
)
def test_decimals_exact(seen: Observation) -> None:
    written = set(NUMBER.findall(seen.wire)) if seen.wire is not None else None
    for run in successful_runs(seen):
        for record in run.records:
            for path, value in iter_leaves(get_data(record)):
                require(not isinstance(value, float), f"{path[1:]} is a float: {value!r}")
                if isinstance(value, Decimal) and "." in str(value) and written is not None:
                    require(str(value) in written, f"{path[1:]} is {value}; the source sent other digits")


@clause(
    "sync.stamps-aware",
    "Every timestamp has a time zone, and `updated_at` is the entity's timestamp.",
    shown_by=ends_well,
    unless=no_entities,
)
def test_stamps_aware(seen: Observation, subject: Subject) -> None:
    stamps = {row.name: row.stamp for row in subject.info.entities} if subject.info else {}
    stamp = stamps.get(str(seen.scenario.entity))
    for run in successful_runs(seen):
        for record in run.records:
            for path, value in (*iter_leaves(get_data(record)), (".updated_at", record.updated_at)):
                if isinstance(value, datetime):
                    require(value.tzinfo is not None, f"{path[1:]} has no time zone: {value}")
                require(not isinstance(value, time), f"{path[1:]} is a time without a date")
            if record.op == "upsert" and stamp and get_data(record).get(stamp):
                require(record.updated_at is not None, f"updated_at is not set from {stamp}")
                wanted = get_data(record)[stamp]
                wanted = wanted if isinstance(wanted, datetime) else datetime.fromisoformat(str(wanted))
                require(record.updated_at == wanted, f"updated_at is {record.updated_at}, its {stamp} {wanted}")


@clause(
    "sync.every-page-read",
    "Everything is read: each run gives the records and batches that the scenario expects.",
    shown_by=lambda one: ends_well(one) and (not one.http or one.expect.records is not None),
    unless=no_entities,
)
def test_every_page_read(seen: Observation) -> None:
    expect, runs = seen.scenario.expect, successful_runs(seen)
    if expect.records is not None:
        found = tuple(len(run.records) for run in runs)
        require(found == expect.records, f"records in each run: {found}, not {expect.records}")
    if expect.batches is not None:
        batches = tuple(len(run.batches) for run in runs)
        require(batches == expect.batches, f"batches in each run: {batches}, not {expect.batches}")
    for run in runs:
        stats = run.batches[-1].stats if run.batches else None
        if stats is not None and not stats.paused and stats.complete is not None:
            require(stats.complete, f"the {run.purpose} run reports {stats.missing} missing records")
    if seen.keys is not None and seen.scenario.script in {"once", "full", "one-by-one", "resume"}:
        purposes = {"first", "step"}
        found_keys = {record.key for run in runs if run.purpose in purposes for record in run.records}
        found_keys |= {row.key for run in runs for batch in run.batches for row in batch.rejected}
        lost = seen.keys - found_keys
        require(not lost, f"{len(lost)} of {len(seen.keys)} records are missing: {min(lost, default='')}")


@clause(
    "sync.rejected-reported",
    "A record that cannot be decoded is in `rejected`, with its raw form and the reason; the others are returned.",
    shown_by=lambda one: one.hook == "sync_entity" and one.expect.rejected > 0,
    unless=no_entities,
)
def test_rejected_reported(seen: Observation) -> None:
    run = successful_runs(seen, "first")[0]
    bad = [row for batch in run.batches for row in batch.rejected]
    require(
        len(bad) == seen.scenario.expect.rejected,
        f"{len(bad)} records were rejected, not {seen.scenario.expect.rejected}",
    )
    for row in bad:
        require(row.reason and row.raw, "one lacks its reason or its raw form")
    require(run.records, "no other record was returned")


@clause(
    "sync.recheck-reads",
    "Keys in `options.recheck` are read again, even if they did not change.",
    shown_by=script("recheck"),
    unless=with_recheck,
)
def test_recheck_reads(seen: Observation) -> None:
    second = successful_runs(seen, "second")[0]
    wanted = set(second.options["recheck"])
    found = {record.key for record in second.records}
    require(wanted, "the first run returned no record to recheck")
    require(wanted <= found, f"{len(wanted - found)} of {len(wanted)} keys were not read again")


@clause(
    "sync.models-or-mappings",
    "Arguments may be the contract's models or plain mappings; unknown keys are ignored.",
    shown_by=script("twice"),
    unless=no_entities,
)
def test_models_or_mappings(seen: Observation) -> None:
    for run, form in zip(seen.runs, ("a mapping with an unknown key", "models"), strict=False):
        wrong = getattr(run.error, "code", "invalid") in {"invalid", None} and run.error is not None
        require(not wrong, f"given {form}, it raised {run.error!r}")
        require(run.batches, f"given {form}, it gave no batch")


@clause("sync.unknown-entity", "An unknown entity is refused as `not_found`, before any request.")
def test_unknown_entity(subject: Subject, world: World) -> None:
    error = _raised(subject, world, entity="no_such_entity")
    require(getattr(error, "code", None) == "not_found", f"it raised {error!r}")


@clause(
    "sync.bad-arguments-invalid",
    "Wrong options and connections are refused as `invalid` at the call, with the field's name.",
)
def test_bad_arguments_invalid(subject: Subject, world: World) -> None:
    entity = next(iter(subject.entities), "none")
    for changes in (
        {"options": {"max_batches": 0}},
        {"options": {"max_wait": "long"}},
        {"connection": {"access_token": "x"}},
    ):
        error = _raised(subject, world, entity=entity, **changes)
        require(getattr(error, "code", None) == "invalid", f"{changes} raised {error!r}")
        require(getattr(error, "problems", None), f"{changes}: it names no field")


def _raised(subject: Subject, world: World, **changes: Any) -> BaseException | None:
    given = {"connection": dict(world.inputs().connection), "cursor": None, "options": None, **changes}
    try:
        subject.hook.sync_entity(**given)
    except Exception as error:  # noqa: BLE001 (its code is checked by the caller)
        require(not world.sent, "a request was made before it was refused")
        return error
    return None
