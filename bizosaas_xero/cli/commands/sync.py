"""``sync``: copy new and changed records from Xero into the database."""

from __future__ import annotations

from typing import Annotated

import typer

from bizosaas_xero.cli.common import (
    CONNECTOR,
    connection_summary,
    find_connections,
    handle_errors,
    invalid_option,
    open_cli_host,
)
from bizosaas_xero.cli.options import AsJson, Organisation
from bizosaas_xero.cli.output import Output


@handle_errors
def sync(
    entities: Annotated[
        list[str] | None,
        typer.Argument(metavar="ENTITY", help="Entities to sync, such as invoices; default: all."),
    ] = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="Read every record again, not only changes.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Keep running and sync each entity on schedule.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="With --watch: organisations synced at once (default 4).")
    ] = None,
    organisation: Organisation = None,
    as_json: AsJson = False,
) -> int:
    """Sync records from Xero into the database."""
    output = Output(as_json=as_json)
    if watch:
        from bizosaas_xero.cli.watch import watch_schedule
        from bizosaas_xero.host.sync.scheduler import DEFAULT_WORKERS

        return watch_schedule(
            output, workers=workers or DEFAULT_WORKERS, other_options=bool(entities or full or organisation)
        )
    if workers is not None:
        raise invalid_option("workers", "goes with --watch only: a single sync reads one organisation after another")
    return _sync_once(output, entities or [], organisation, full=full)


def _sync_once(output: Output, entities: list[str], organisation: str | None, *, full: bool) -> int:
    """Sync the named entities, or all, of one organisation, or of all."""
    from bizosaas_xero.cli.sync_report import outcome_exit_code, show_outcomes, sync_entities, worst_exit_code

    with open_cli_host() as host:
        connector = host.report.connector(CONNECTOR)
        for name in entities:
            connector.entity(name)  # refuses an unknown entity before anything is read
        connections = find_connections(host, organisation)
        info = connector.describe()
        names = entities or [entity.name for entity in (info.entities if info else [])]
        results = []
        for number, connection in enumerate(connections):
            if number:
                output.say()
            output.say(connection.organisation, style="bold")
            outcomes = sync_entities(output, host, connection, names, full=full)
            show_outcomes(output, outcomes)
            skipped = names[len(outcomes) :]
            if skipped:
                output.say()
                output.say(f"Skipped (would fail with the same error): {', '.join(skipped)}.", style="yellow")
            results.append(
                connection_summary(connection)
                | {"entities": [outcome.to_dict() for outcome in outcomes], "skipped": skipped}
            )
        host.webhooks.deliver_due()
        code = worst_exit_code(outcome_exit_code(outcome) for result in results for outcome in result["entities"])
        output.write_json({"connections": results, "database": host.database.place, "exit_code": code})
        return code
