"""A host can stop anywhere and resume, and reads only changes."""

from __future__ import annotations

import json
from typing import Any

from bizosaas_xero.contract.clause_registry import clause, require
from bizosaas_xero.contract.clauses.reading import (
    ends_well,
    no_entities,
    one_entity,
    records_after,
    script,
    successful_runs,
)
from bizosaas_xero.contract.observation import Observation, Run

MAX_CURSOR = 16_384
"""Bytes of a cursor's JSON; it is stored after every batch."""


@clause(
    "sync.cursor-json",
    "Each batch has a cursor that JSON restores unchanged.",
    shown_by=ends_well,
    unless=no_entities,
)
def test_cursor_json(seen: Observation) -> None:
    for run in successful_runs(seen):
        for batch in run.batches:
            require(isinstance(batch.cursor, dict) and batch.cursor, f"a cursor is {batch.cursor!r}")
            try:
                again = json.loads(json.dumps(batch.cursor))
            except (TypeError, ValueError) as error:
                require(False, f"a cursor cannot be written as JSON: {error}")
            require(again == batch.cursor, "a cursor is not the same after JSON")


@clause("sync.cursor-small", "A cursor is small: at most 16 kB.", shown_by=ends_well, unless=no_entities)
def test_cursor_small(seen: Observation) -> None:
    for run in successful_runs(seen):
        for batch in run.batches:
            size = len(json.dumps(batch.cursor, default=str))
            require(size <= MAX_CURSOR, f"a cursor has {size} bytes")


@clause(
    "sync.cursor-sent",
    "A second run uses the cursor: it requests less than the first, and returns only changes.",
    shown_by=lambda one: script("twice")(one) and not one.expect.error,
    unless=no_entities,
)
def test_cursor_sent(seen: Observation) -> None:
    second = successful_runs(seen, "second")[0]
    strange = [sent.text for sent in second.sent if not sent.known]
    require(not strange, f"its request is not that of a run with this cursor: {'; '.join(strange[:1])}")
    require(
        second.batches[-1].stats is None or second.batches[-1].stats.kind != "first",
        "it read everything, as a first run does",
    )
    # An unpaged list may come as a whole again if one of its rows changed.
    first = successful_runs(seen, "first")[0]
    fewer = len(second.records) < len(first.records) or not first.records or seen.scenario.change
    require(fewer, f"it returned all {len(second.records)} records again")


@clause(
    "sync.second-run-same",
    "A second run without changes changes no stored row.",
    shown_by=lambda one: script("twice", change=False)(one) and not one.expect.error,
    unless=no_entities,
)
def test_second_run_same(seen: Observation) -> None:
    first, second = successful_runs(seen, "first")[0], successful_runs(seen, "second")[0]
    held = records_after(first)
    after = records_after(second, held)
    changed = sorted(key for key in held.keys() | after.keys() if held.get(key) != after.get(key))
    require(not changed, f"{len(changed)} rows changed, such as {changed[:1]}")


@clause(
    "sync.change-comes",
    "A change between two runs is returned by the second.",
    shown_by=lambda one: script("twice", change=True)(one) and not one.expect.error,
    unless=no_entities,
)
def test_change_comes(seen: Observation) -> None:
    first, second = successful_runs(seen, "first")[0], successful_runs(seen, "second")[0]
    held = records_after(first)
    require(records_after(second, held) != held, "the second run changed nothing")


@clause(
    "sync.full-rereads",
    "With `options.full` everything is read again, despite the cursor.",
    shown_by=lambda one: script("full")(one) and not one.expect.error,
    unless=no_entities,
)
def test_full_rereads(seen: Observation) -> None:
    first, full = successful_runs(seen, "first")[0], successful_runs(seen, "full")[0]
    require(
        records_after(full) == records_after(first),
        f"it read {len(full.records)} records, and {len(first.records)} exist",
    )


@clause(
    "sync.close-stops",
    "Closing the iterator stops the work: nothing more is requested.",
    shown_by=script("close"),
    unless=no_entities,
)
def test_close_stops(seen: Observation) -> None:
    run = successful_runs(seen, "closed")[0]
    require(not run.sent_after_close, f"{run.sent_after_close} requests were made after it was closed")


@clause(
    "sync.one-batch",
    "With `max_batches` 1 a run gives one batch, requests nothing ahead, and reports that it paused.",
    shown_by=script("one-by-one"),
    unless=no_entities,
)
def test_one_batch(seen: Observation) -> None:
    runs = successful_runs(seen, "step")
    for run in runs:
        require(len(run.batches) == 1, f"it gave {len(run.batches)} batches")
        require(not run.sent_after or run.sent_after[0] == len(run.sent), "it requested more than its batch needs")
    paused = [bool(run.batches[-1].stats and run.batches[-1].stats.paused) for run in runs]
    require(paused == [True] * (len(runs) - 1) + [False], f"paused: {paused}")
    keys = [record.key for run in runs for record in run.records]
    require(len(set(keys)) == len(keys) or seen.scenario.repeats, "steps overlap")
    expect = seen.scenario.expect.records
    require(expect is None or len(keys) == sum(expect), f"together they gave {len(keys)} records")
    lost = (seen.keys or set()) - set(keys)
    require(not lost, f"it reports no pause, and {len(lost)} records are missing")


@clause(
    "sync.deadline",
    "After its deadline a run stops between two batches, having given one, and reports that it paused.",
    shown_by=script("deadline"),
    unless=no_entities,
)
def test_deadline(seen: Observation) -> None:
    run = successful_runs(seen, "deadline")[0]
    require(len(run.batches) == 1, f"it gave {len(run.batches)} batches after its deadline")
    stats = run.batches[-1].stats
    require(stats is not None, "it gave no stats")
    unfinished = (stats.expected or 0) > len(run.records)
    require(not unfinished or stats.paused, "it does not report that it paused")


@clause(
    "sync.resume-equals-whole",
    "A run resumed from the cursor of any batch gives, with the records before it, the same as a whole run.",
    shown_by=lambda one: script("resume")(one) and not one.expect.error,
    unless=no_entities,
)
def test_resume_equals_whole(seen: Observation) -> None:
    whole = successful_runs(seen, "first")[0]
    wanted = records_after(whole)
    for number, run in enumerate(seen.run("resumed"), start=1):
        require(run.error is None, f"resuming after batch {number} raised {run.error!r}")
        before = Run("before", None, {}, batches=whole.batches[:number])
        found = records_after(run, records_after(before))
        lost = sorted(wanted.keys() - found.keys())
        require(not lost, f"resuming after batch {number} loses {len(lost)} records")
        require(found == wanted, f"resuming after batch {number} gives other records than a whole run")


@clause(
    "sync.cursor-not-past-unread",
    "After an error, a run with the last stored cursor reads everything that was not read yet.",
    shown_by=lambda one: script("recover")(one) and (not one.http or one.expect.records is not None),
    unless=no_entities,
)
def test_cursor_not_past_unread(seen: Observation) -> None:
    require(seen.run("recovered"), f"no error occurred to recover from: {seen.ending!r}")
    last = seen.runs[-1]
    require(last.error is None, f"it did not recover: {last.error!r}")
    held: dict[str, Any] = {}
    for run in seen.runs:
        held = records_after(run, held)
    expect = seen.scenario.expect.records
    if expect is not None:
        found = tuple(len(run.records) for run in seen.runs)
        require(found == expect, f"records in each run: {found}, not {expect}")
    require(held, "nothing was read")
    stats = last.batches[-1].stats
    require(stats is None or stats.complete is not False, f"{stats and stats.missing} records are missing")
    if stats is not None and stats.expected is not None and expect is None:
        require(len(held) >= stats.expected, f"{len(held)} of {stats.expected} records are stored at the end")


@clause(
    "sync.cursor-damaged",
    "A damaged cursor is refused as `cursor_rejected`, at the call or before any request.",
    shown_by=script("damaged"),
    unless=no_entities,
)
def test_cursor_damaged(seen: Observation) -> None:
    successful_runs(seen, "first")
    for run in seen.run("damaged"):
        require(run.error is not None, f"it accepted the cursor {str(run.cursor)[:120]}")
        require(
            getattr(run.error, "code", None) == "cursor_rejected",
            f"the cursor {str(run.cursor)[:120]} raised {run.error!r}",
        )
        require(not run.sent, "a request was made before it was refused")


@clause(
    "sync.cursor-foreign",
    "A cursor of another entity is refused as `cursor_rejected`, at the call or before any request.",
    shown_by=script("foreign"),
    unless=one_entity,
)
def test_cursor_foreign(seen: Observation) -> None:
    successful_runs(seen, "first")
    for run in seen.run("foreign"):
        require(getattr(run.error, "code", None) == "cursor_rejected", f"it raised {run.error!r}")
        require(not run.sent, "a request was made before it was refused")
    require(seen.run("foreign"), "it offers only one entity")
