"""Runs have the shape that hosts rely on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from bizosaas_xero.contract.clause_registry import clause, require
from bizosaas_xero.contract.clauses.reading import (
    ends_well,
    no_entities,
    script,
    successful_runs,
)
from bizosaas_xero.contract.connector import Subject
from bizosaas_xero.contract.hook_calls import to_json_values
from bizosaas_xero.contract.observation import Observation
from bizosaas_xero.contract.session import get_scenarios
from bizosaas_xero.spec import Batch, Invalid, parse

NUMBER = re.compile(r"-?\d+\.\d+")


@clause(
    "sync.entities-covered",
    "Every declared entity has scenarios that read it, and read it again.",
)
def test_entities_covered(subject: Subject, pytestconfig: Any) -> None:
    require(subject.entities or (subject.info and subject.actions), "it declares no entities")
    scenarios = get_scenarios(pytestconfig)
    for entity in subject.entities:
        shown = {one.script for one in scenarios if one.entity == entity and not one.expect.error}
        lacking = {"once", "twice"} - shown
        require(not lacking, f"{entity} has no scenario: {', '.join(sorted(lacking))}")


@clause(
    "sync.lazy-call",
    "Calling `sync_entity` returns an iterator; nothing is requested before the first batch is taken.",
    shown_by=ends_well,
    unless=no_entities,
)
def test_lazy_call(seen: Observation) -> None:
    for run in seen.runs:
        require(not run.not_iterator, f"it returned {run.not_iterator}, not an iterator")
        require(not run.sent_at_call, f"the call itself sent {run.sent_at_call} requests")


@clause(
    "sync.lazy-pages",
    "Batches are returned while it reads: the first comes before the last request is sent.",
    shown_by=lambda one: script("once", "resume")(one) and not one.expect.error,
    unless=no_entities,
)
def test_lazy_pages(seen: Observation) -> None:
    run = successful_runs(seen, "first")[0]
    if len(run.batches) > 1:
        require(run.sent_after[0] < len(run.sent), "everything was read before the first batch")


@clause(
    "sync.at-least-one-batch",
    "Each run gives at least one batch, even if nothing changed.",
    shown_by=ends_well,
    unless=no_entities,
)
def test_at_least_one_batch(seen: Observation) -> None:
    require(seen.runs, "the run was not reached")
    for run in seen.runs:
        if run.error is None:
            require(run.batches, f"the {run.purpose} run gave no batch")


@clause("sync.ends", "A run ends.", shown_by=ends_well, unless=no_entities)
def test_ends(seen: Observation) -> None:
    for run in seen.runs:
        require(not run.endless, f"the {run.purpose} run gave {len(run.batches)} batches and did not end")
    successful_runs(seen, "first", "step", "deadline", "closed")


@clause(
    "sync.batch-shape",
    "A batch is a `Batch` of the requested entity, and its JSON form restores it.",
    shown_by=ends_well,
    unless=no_entities,
)
def test_batch_shape(seen: Observation) -> None:
    for run in successful_runs(seen):
        for batch in run.batches:
            require(isinstance(batch, Batch | Mapping | BaseModel), f"a batch is {type(batch).__name__}")
            try:
                parsed = parse(Batch, to_json_values(batch), "batch")
            except Invalid as error:
                require(False, error.message)
            wanted = seen.scenario.entity if run.purpose != "foreign" else parsed.entity
            require(parsed.entity == wanted, f"a batch is of {parsed.entity!r}")
            json.dumps(parsed.model_dump(mode="json"))


@clause(
    "sync.has-more",
    "`has_more` is true for every batch except the last.",
    shown_by=lambda one: ends_well(one) and one.script != "close",
    unless=no_entities,
)
def test_has_more(seen: Observation) -> None:
    for run in successful_runs(seen):
        flags = [batch.has_more for batch in run.batches]
        require(
            flags == [True] * (len(flags) - 1) + [False] or not flags,
            f"has_more of the {run.purpose} run: {flags}",
        )


@clause(
    "sync.stats-final",
    "The last batch has final `stats`: the kind of the run, and whether it is complete.",
    shown_by=script("once", "twice", "full"),
    unless=no_entities,
)
def test_stats_final(seen: Observation) -> None:
    kinds = {"first": {"first"}, "second": {"incremental", "reread"}, "full": {"reread"}}
    for run in seen.runs:
        if run.error is None and run.batches:
            stats = run.batches[-1].stats
            require(stats is not None, f"the {run.purpose} run ends without stats")
            require(
                stats.kind in kinds.get(run.purpose, {stats.kind}),
                f"the kind of the {run.purpose} run is {stats.kind}",
            )
            require(stats.complete is not None, "it does not say whether it is complete")
            require(
                stats.complete != bool(stats.missing),
                f"complete is {stats.complete}, missing {stats.missing}",
            )
            require(not stats.paused, "a run that was not stopped is marked as paused")


@clause(
    "sync.stats-true",
    "`stats.calls` is the number of requests of the run, and `stats.read` the number of its records.",
    shown_by=lambda one: script("once")(one) and not one.expect.error,
    unless=no_entities,
)
def test_stats_true(seen: Observation) -> None:
    run = successful_runs(seen, "first")[0]
    stats = run.batches[-1].stats
    require(stats is not None, "the last batch has no stats")
    require(stats.calls == len(run.sent), f"calls is {stats.calls}, and {len(run.sent)} requests were sent")
    read = len({record.key for record in run.records}) + seen.scenario.expect.rejected
    require(stats.read == read, f"read is {stats.read}, and {read} rows were returned")
