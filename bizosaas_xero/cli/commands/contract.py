"""``contract``: check a connector with the contract kit."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bizosaas_xero.cli.common import handle_errors
from bizosaas_xero.cli.options import AsJson
from bizosaas_xero.cli.output import OK, PARTIAL, USAGE, Output, Styled

if TYPE_CHECKING:
    from bizosaas_xero.contract import Report
    from bizosaas_xero.contract.report import ReportRow

_STYLES = {"passed": "green", "failed": "bold red", "error": "bold red", "exempt": "yellow", "skipped": "dim"}
_WORST_FIRST = ("error", "failed", "exempt", "passed", "skipped")
MAX_SCENARIOS = 3
"""How many scenarios with the same complaint are named."""
MAX_MESSAGE = 400
"""Characters of a complaint."""


@handle_errors
def contract(
    name: Annotated[str, typer.Argument(help="A connector: its entry point's name, or package.module.")],
    *,
    file: Annotated[Path | None, typer.Option("--contract", help="Its contract.toml, if not in its package.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML to this file as well.")] = None,
    as_json: AsJson = False,
) -> int:
    """Check whether a host may load a connector."""
    from bizosaas_xero.contract import check

    output = Output(as_json=as_json)
    report = check(name, contract=file, junit=junit)
    output.write_json(report.to_dict())
    if not as_json:
        _show(output, report)
    if report.problem:
        return USAGE
    return OK if report.ok else PARTIAL


def _show(output: Output, report: Report) -> None:
    if report.problem:
        output.say(f"The connector {report.connector!r} was not checked: {report.problem}", style="bold red")
    if not report.rows:
        return
    rows_by_clause: dict[str, list[ReportRow]] = {}
    for row in report.rows:
        rows_by_clause.setdefault(row.clause, []).append(row)
    _show_clauses(output, rows_by_clause)
    _show_complaints(output, report.rows)
    output.say()
    if not report.scenarios:
        output.say("No scenario was played: it has no contract.toml, or none was chosen.", style="yellow")
    counts = ", ".join(f"{count} {outcome}" for outcome, count in report.counts.items())
    cost = f"; importing it took {report.import_ms} ms" if report.import_ms is not None else ""
    verdict = "keeps the contract" if report.ok else "does not keep the contract"
    version = f"({report.version})" if report.version == "not installed" else report.version
    summary = f"{len(rows_by_clause)} clauses, {report.scenarios} scenarios, {counts}{cost}."
    output.say(f"{report.connector} {version} {verdict}: {summary}")


def _show_clauses(output: Output, rows_by_clause: dict[str, list[ReportRow]]) -> None:
    lines = []
    for clause, rows in rows_by_clause.items():
        worst = min((row.outcome for row in rows), key=_WORST_FIRST.index)
        count = f"{sum(row.outcome == worst for row in rows)} of {len(rows)}" if len(rows) > 1 else ""
        note = rows[0].message if worst == "skipped" else count
        lines.append((clause, rows[0].severity, Styled(worst, _STYLES[worst]), note))
    output.table(("Clause", "Severity", "Outcome", "Scenarios"), lines)


def _show_complaints(output: Output, rows: Iterable[ReportRow]) -> None:
    """Show each complaint once, with the scenarios in which it was made."""
    from bizosaas_xero.contract.clause_registry import NO_SCENARIO

    scenarios_by_complaint: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        if row.outcome in {"failed", "error", "exempt"}:
            scenarios_by_complaint.setdefault((row.clause, row.outcome, row.message), []).append(row.scenario)
    for (clause, outcome, message), scenarios in scenarios_by_complaint.items():
        output.say()
        where = f" in {', '.join(scenarios[:MAX_SCENARIOS])}" if scenarios[0] not in {"", NO_SCENARIO} else ""
        more = f" and {len(scenarios) - MAX_SCENARIOS} more" if len(scenarios) > MAX_SCENARIOS else ""
        output.say(f"{clause}: {outcome}{where}{more}", style=_STYLES[outcome])
        output.say(f"  {_shorten(message)}")


def _shorten(message: str) -> str:
    """Return the first line of a complaint; ``--json`` has all of it."""
    first = message.split("\\n", maxsplit=1)[0]
    return first if len(first) <= MAX_MESSAGE else f"{first[:MAX_MESSAGE]}..."
