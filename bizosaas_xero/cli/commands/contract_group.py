"""``contract`` and ``record``: the contract kit's commands, and their options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bizosaas_xero.cli import common
from bizosaas_xero.cli.app import app
from bizosaas_xero.cli.options import AsJson

if TYPE_CHECKING:
    from bizosaas_xero.cli.output import Output
    from bizosaas_xero.contract import Report
    from bizosaas_xero.contract.report import ReportRow

_STYLES = {"passed": "green", "failed": "bold red", "error": "bold red", "exempt": "yellow", "skipped": "dim"}
_NAMED = 3
"""So many scenarios in which the same went wrong are named."""
_LONG = 400
_WORST = ("error", "failed", "exempt", "passed", "skipped")


@app.command()
@common.ends_well
def contract(
    name: Annotated[str, typer.Argument(help="A connector: its entry point's name, or package.module.")],
    *,
    file: Annotated[Path | None, typer.Option("--contract", help="Its contract.toml, if not in its package.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML to this file as well.")] = None,
    as_json: AsJson = False,
) -> int:
    """Check whether a host may load a connector."""
    from bizosaas_xero.contract import check

    output = common.open_output(as_json=as_json)
    report = check(name, contract=file, junit=junit)
    output.data(report.to_dict())
    if not as_json:
        _show(output, report)
    return _exit_code(report)


@app.command()
@common.ends_well
def record(
    *,
    kind: Annotated[str, typer.Option(help="The kind of your app: web, pkce or custom.")] = "web",
    organisation: Annotated[
        str | None, typer.Option("--organisation", "-o", help="Its id or name; the Demo Company if left out.")
    ] = None,
    keep: Annotated[Path | None, typer.Option(help="Copy what was recorded, scrubbed, to this folder.")] = None,
    scenario: Annotated[str | None, typer.Option(help="Only scenarios with this in their names.")] = None,
    as_json: AsJson = False,
) -> int:
    """Record the scenarios at the real Xero, and tell how it differs from the cassettes."""
    from bizosaas_xero.cli.recording import record as command

    return command.record(common.open_output(as_json=as_json), kind, organisation, keep, scenario)


def _exit_code(report: Report) -> int:
    from bizosaas_xero.cli.output import OK, PARTIAL, USAGE

    if report.problem:
        return USAGE
    return OK if report.ok else PARTIAL


def _short(message: str) -> str:
    """Cut what a library adds for its own users; ``--json`` has it all."""
    first = message.split("\\n", maxsplit=1)[0]
    return first if len(first) <= _LONG else f"{first[:_LONG]}..."


def _show(output: Output, report: Report) -> None:
    from rich.text import Text

    from bizosaas_xero.cli.output import table
    from bizosaas_xero.contract.clause_registry import NO_SCENARIO

    if report.problem:
        output.say(f"The connector {report.connector!r} was not checked: {report.problem}", style="bold red")
    if not report.rows:
        return
    by_clause: dict[str, list[ReportRow]] = {}
    for row in report.rows:
        by_clause.setdefault(row.clause, []).append(row)
    lines = []
    for clause, rows in by_clause.items():
        worst = min((row.outcome for row in rows), key=_WORST.index)
        seen = f"{sum(row.outcome == worst for row in rows)} of {len(rows)}" if len(rows) > 1 else ""
        why = rows[0].message if worst == "skipped" else seen
        lines.append((clause, rows[0].severity, Text(worst, style=_STYLES[worst]), why))
    output.show(table(("Clause", "Severity", "Outcome", "Scenarios"), lines))
    alike: dict[tuple[str, str, str], list[str]] = {}
    for row in report.rows:
        if row.outcome in {"failed", "error", "exempt"}:
            alike.setdefault((row.clause, row.outcome, row.message), []).append(row.scenario)
    for (clause, outcome, message), scenarios in alike.items():
        output.say()
        where = f" in {', '.join(scenarios[:_NAMED])}" if scenarios[0] not in {"", NO_SCENARIO} else ""
        more = f" and {len(scenarios) - _NAMED} more" if len(scenarios) > _NAMED else ""
        output.say(f"{clause}: {outcome}{where}{more}", style=_STYLES[outcome])
        output.say(f"  {_short(message)}")
    output.say()
    if not report.scenarios:
        output.say("It was shown nothing: it has no contract.toml, or none of it was chosen.", style="yellow")
    counts = ", ".join(f"{count} {outcome}" for outcome, count in report.counts.items())
    cost = f"; importing it took {report.import_ms} ms" if report.import_ms is not None else ""
    verdict = "keeps the contract" if report.ok else "does not keep the contract"
    version = f"({report.version})" if report.version == "not installed" else report.version
    told = f"{report.connector} {version} {verdict}: {len(by_clause)} clauses, "
    output.say(f"{told}{report.scenarios} scenarios, {counts}{cost}.")
