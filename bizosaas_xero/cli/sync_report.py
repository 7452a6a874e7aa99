"""Syncing entities with progress, and showing the outcomes (``sync``, ``status`` and ``demo``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.progress import TaskID

from bizosaas_xero.cli.output import LATER, OK, PARTIAL, Output, Styled, exit_code, format_bytes
from bizosaas_xero.host import Host, Progress, StoredConnection, SyncOutcome
from bizosaas_xero.host.storage.leases import LOST, RUNNING
from bizosaas_xero.host.sync.runner import blocks_connection
from bizosaas_xero.spec import error_from_dict

COLUMNS = ("Entity", "New", "Changed", "Deleted", "Rejected", "Calls", "Received", "Complete")
NUMBER_COLUMNS = COLUMNS[1:7]


def sync_entities(
    output: Output, host: Host, connection: StoredConnection, entities: Iterable[str], *, full: bool = False
) -> list[SyncOutcome]:
    """Sync entities one after the other, with progress on a terminal.

    It stops after an error that the remaining entities would meet as well.
    """
    outcomes = []
    with output.progress() as display:
        for entity in entities:
            task = display.add_task(entity, total=None, note="")

            def show_progress(progress: Progress, task: TaskID = task) -> None:
                total, read = (progress.stats.expected, progress.stats.read) if progress.stats else (None, 0)
                waiting = f"waiting {progress.waiting:.0f} s: {progress.why}"
                display.update(
                    task, total=total, completed=read, note=waiting if progress.waiting else f"{read:,} read"
                )

            outcomes.append(host.runner.sync(connection.id, entity, full=full, on_progress=show_progress))
            display.remove_task(task)
            problem = outcomes[-1].problem
            if problem and (
                problem["recovery"] == "wait"
                or problem["reason"] in {RUNNING, LOST}
                or blocks_connection(error_from_dict(problem))
            ):
                break
    return outcomes


def show_outcomes(output: Output, outcomes: list[SyncOutcome]) -> None:
    """Show a table of outcomes, then each problem."""
    rows = [
        (
            outcome.entity,
            f"{outcome.new:,}",
            f"{outcome.changed:,}",
            f"{outcome.deleted:,}",
            Styled(f"{outcome.rejected:,}", "yellow" if outcome.rejected else ""),
            outcome.calls,
            format_bytes(outcome.bytes),
            completeness(outcome.to_dict()),
        )
        for outcome in outcomes
    ]
    output.table(COLUMNS, rows, NUMBER_COLUMNS)
    show_problems(output, [(outcome.entity, outcome.problem) for outcome in outcomes])
    if any(outcome.rejected for outcome in outcomes):
        output.say()
        output.say("Rejected rows are kept, with the reason, in the table 'rejected'.", style="yellow")


def show_problems(output: Output, problems: Iterable[tuple[str, dict[str, Any] | None]]) -> None:
    """Show each problem once, with everything that it stops."""
    subjects_by_problem: dict[tuple[str, str], tuple[dict[str, Any], list[str]]] = {}
    for subject, problem in problems:
        if problem:
            key = (problem["message"], problem["remedy"])
            subjects_by_problem.setdefault(key, (problem, []))[1].append(subject)
    for problem, subjects in subjects_by_problem.values():
        output.say()
        output.show_problem(problem, subject=", ".join(subjects))


def outcome_exit_code(outcome: Mapping[str, Any]) -> int:
    """Return the exit code for one entity's outcome (its ``to_dict()``)."""
    if outcome["problem"]:
        return exit_code(outcome["problem"])
    return PARTIAL if outcome["rejected"] or outcome["complete"] is False else OK


def worst_exit_code(codes: Iterable[int]) -> int:
    """Return the code that needs a person most: any other code, then LATER, then PARTIAL, then OK."""
    ascending = [OK, PARTIAL, LATER]
    return max(codes, key=lambda code: ascending.index(code) if code in ascending else len(ascending))


def completeness(outcome: Mapping[str, Any] | None) -> Styled:
    """Say whether all records were read."""
    if outcome is None:
        return Styled("", "")
    if outcome.get("problem"):
        return Styled("no", "red")
    if outcome["complete"] is None:
        return Styled("not known", "yellow")
    if outcome["complete"]:
        return Styled("yes", "green")
    return Styled(f"{outcome['missing']:,} missing" if outcome["missing"] else "no", "red")
