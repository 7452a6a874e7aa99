"""``sync --watch``: sync each entity when it is due, until the process is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable

from bizosaas_xero.cli import reasons
from bizosaas_xero.cli.common import (
    STOPPED_MESSAGE,
    connection_summary,
    find_connections,
    open_cli_host,
    stop_on_sigterm,
)
from bizosaas_xero.cli.output import OK, Output
from bizosaas_xero.host import Host, StoredConnection, SyncOutcome
from bizosaas_xero.host.storage.database_errors import is_database_error
from bizosaas_xero.spec import Unavailable

DATABASE_RETRY_SECONDS = 30.0
"""Pause before a database that does not answer is tried again."""


def watch_schedule(
    output: Output, *, workers: int, other_options: bool, sleep: Callable[[float], None] = time.sleep
) -> int:
    """Sync due entities, deliver events, and sleep, in a loop that Ctrl-C or SIGTERM ends.

    Args:
        output: Where outcomes are printed.
        workers: Organisations that are synced at once.
        other_options: Whether an entity, an organisation or ``--full`` was given as well.
        sleep: Waits, in seconds.

    Raises:
        Invalid: other options were given; ``configure`` decides what is synced, and how often.
    """
    if other_options:
        raise reasons.WATCH_ALONE()
    with open_cli_host() as host, stop_on_sigterm():
        connections = find_connections(host)
        names = ", ".join(connection.organisation for connection in connections)
        output.say(f"Keeping up to date: {names}. Ctrl-C stops.", style="bold")
        _show_inactive(output, host, connections)
        try:
            with host.webhooks.deliver_in_background():
                while True:
                    sleep(_run_due(output, host, workers))
        except KeyboardInterrupt:
            output.say(STOPPED_MESSAGE)
        finally:
            host.scheduler.stop()
    return OK


def _run_due(output: Output, host: Host, workers: int) -> float:
    """Run the due syncs, and return the seconds until the next one can be due."""
    try:
        for connection, outcome in host.scheduler.run_due(workers):
            _show_outcome(output, connection, outcome)
        return host.scheduler.seconds_until_due()
    except Unavailable as error:
        if not is_database_error(error):
            raise
        output.write_json({"error": error.to_dict()})
        output.show_problem(error.to_dict(), subject=time.strftime("%H:%M:%S"))
        return DATABASE_RETRY_SECONDS


def _show_outcome(output: Output, connection: StoredConnection, outcome: SyncOutcome) -> None:
    output.write_json(connection_summary(connection) | outcome.to_dict())
    subject = f"{time.strftime('%H:%M:%S')} {connection.organisation}, {outcome.entity}"
    if outcome.problem:
        output.show_problem(outcome.problem, subject=subject)
        return
    counts = {
        "new": outcome.new,
        "changed": outcome.changed,
        "deleted": outcome.deleted,
        "rejected": outcome.rejected,
    }
    changes = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    if changes:  # a sync without changes prints nothing
        output.say(f"{subject}: {changes}")


def _show_inactive(output: Output, host: Host, connections: list[StoredConnection]) -> None:
    """Show, at the start, the connections that wait for a person, or that nothing is due because of settings."""
    for connection in connections:
        if connection.problem is not None:
            output.write_json(connection_summary(connection) | {"problem": connection.problem})
            output.show_problem(connection.problem, subject=connection.organisation)
    if not host.scheduler.list_jobs() and not any(connection.problem for connection in connections):
        output.say("Nothing to sync: every interval is 0 (bizosaas-xero configure --interval).", style="yellow")
