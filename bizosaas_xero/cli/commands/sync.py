"""``sync``: bring the tables up to date."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn
from rich.text import Text

from bizosaas_xero.cli import common
from bizosaas_xero.cli.output import LATER, OK, PARTIAL, Output, exit_code, size, table
from bizosaas_xero.host import Host, StoredConnection, SyncOutcome
from bizosaas_xero.host import Progress as Done
from bizosaas_xero.host.storage.leases import LOST, RUNNING
from bizosaas_xero.host.sync.runner import concerns_connection
from bizosaas_xero.spec import error_from_dict

NUMBERS = ("New", "Changed", "Deleted", "Rejected", "Calls", "Received")


def sync(output: Output, entities: list[str], organisation: str | None, *, full: bool) -> int:
    """Sync the named entities, or all, of one organisation, or of all."""
    with common.the_host() as host:
        known = host.report.connector(common.NAME)
        for name in entities:
            known.entity(name)  # an unknown name is refused before anything is read
        chosen = common.connections(host, organisation)
        info = known.describe()
        names = entities or [entity.name for entity in (info.entities if info else [])]
        results = []
        for number, kept in enumerate(chosen):
            if number:
                output.say()
            output.say(kept.organisation, "bold")
            outcomes = run(output, host, kept, names, full=full)
            show(output, outcomes)
            skipped = names[len(outcomes) :]
            if skipped:
                output.say()
                output.say(f"Not tried, because it would fail alike: {', '.join(skipped)}.", "yellow")
            entities_done = [outcome.to_dict() for outcome in outcomes]
            results.append(common.short(kept) | {"entities": entities_done, "skipped": skipped})
        host.callbacks.deliver()
        code = max((verdict(outcome) for result in results for outcome in result["entities"]), key=_rank)
        output.data({"connections": results, "database": host.database.place, "exit_code": code})
        return code


def run(
    output: Output, host: Host, kept: StoredConnection, entities: Iterable[str], *, full: bool = False
) -> list[SyncOutcome]:
    """Sync the entities one after the other, with progress on a terminal."""
    outcomes = []
    with _progress(output) as progress:
        for entity in entities:
            task = progress.add_task(entity, total=None, note="")

            def tell(done: Done, task: Any = task) -> None:
                total, read = (done.stats.expected, done.stats.read) if done.stats else (None, 0)
                note = f"waiting {done.waiting:.0f} s: {done.why}" if done.waiting else f"{read:,} read"
                progress.update(task, total=total, completed=read, note=note)

            outcomes.append(host.runner.sync(kept.id, entity, full=full, on_progress=tell))
            progress.remove_task(task)
            problem = outcomes[-1].problem
            if problem and (
                problem["recovery"] == "wait"
                or problem["reason"] in {RUNNING, LOST}
                or concerns_connection(error_from_dict(problem))
            ):
                break  # the others would fail alike
    return outcomes


def show(output: Output, outcomes: list[SyncOutcome]) -> None:
    """Show what was done, and what stands in the way."""
    rows = [
        (
            item.entity,
            f"{item.new:,}",
            f"{item.changed:,}",
            f"{item.deleted:,}",
            Text(f"{item.rejected:,}", style="yellow" if item.rejected else ""),
            item.calls,
            size(item.bytes),
            completeness(item.to_dict()),
        )
        for item in outcomes
    ]
    columns = ("Entity", "New", "Changed", "Deleted", "Rejected", "Calls", "Received", "Complete")
    output.show(table(columns, rows, NUMBERS))
    show_problems(output, [(item.entity, item.problem) for item in outcomes])
    if any(item.rejected for item in outcomes):
        output.say()
        output.say("Rejected rows are kept with the reason in the table 'rejected'.", "yellow")


def show_problems(output: Output, problems: Iterable[tuple[str, dict[str, Any] | None]]) -> None:
    """Show each problem once, with all whom it stops."""
    stopped: dict[tuple[str, str], tuple[dict[str, Any], list[str]]] = {}
    for subject, problem in problems:
        if problem:
            key = (problem["message"], problem["remedy"])
            stopped.setdefault(key, (problem, []))[1].append(subject)
    for problem, subjects in stopped.values():
        output.say()
        output.problem(problem, subject=", ".join(subjects))


def verdict(outcome: dict[str, Any]) -> int:
    """Return the exit code of one entity's outcome."""
    if outcome["problem"]:
        return exit_code(outcome["problem"])
    return PARTIAL if outcome["rejected"] or outcome["complete"] is False else OK


def _rank(code: int) -> int:
    return [OK, PARTIAL, LATER].index(code) if code in {OK, PARTIAL, LATER} else 9


def completeness(outcome: dict[str, Any] | None) -> Text:
    """Write for a person whether all was read."""
    if outcome is None:
        return Text("")
    if outcome.get("problem"):
        return Text("no", style="red")
    if outcome["complete"] is None:
        return Text("not known", style="yellow")
    if outcome["complete"]:
        return Text("yes", style="green")
    return Text(f"{outcome['missing']:,} missing" if outcome["missing"] else "no", style="red")


def _progress(output: Output) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<18}", markup=False),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=output.console,
        transient=True,
        disable=output.as_json or not output.console.is_terminal,
    )
