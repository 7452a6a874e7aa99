"""``events``: what happened to documents since they were first synced."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from bizosaas_xero.cli.common import find_connections, handle_errors, open_cli_host, stop_on_sigterm
from bizosaas_xero.cli.options import AsJson, Organisation
from bizosaas_xero.cli.output import OK, Output

if TYPE_CHECKING:
    from bizosaas_xero.host import Event, Host

POLL_SECONDS = 1.0
PAGE_SIZE = 500


@handle_errors
def events(
    *,
    organisation: Organisation = None,
    since: Annotated[int, typer.Option(min=0, help="Only events after this event number.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for new events until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> int:
    """Show events: invoices sent, paid, overdue, and more."""
    output = Output(as_json=as_json)
    with open_cli_host() as host, stop_on_sigterm():
        connections = find_connections(host)
        names = {connection.organisation_id: connection.organisation for connection in connections}
        only = find_connections(host, organisation)[0].organisation_id if organisation else None
        last = since
        try:
            last = _show_new(output, host, names, only, last)
            while follow:
                time.sleep(POLL_SECONDS)
                last = _show_new(output, host, names, only, last)
        except KeyboardInterrupt:
            if not follow:
                raise
        if last == since and not follow:
            start = f"event number {since}" if since else "the first sync"
            output.say(f"No events since {start}.")
    return OK


def _show_new(output: Output, host: Host, names: dict[str, str], only: str | None, last: int) -> int:
    """Print the events after a number, and return the number of the last one."""
    while page := host.events.list_since(last, only, PAGE_SIZE):
        for event in page:
            output.write_json(event.to_dict())
            output.line(_format(event, names if len(names) > 1 else {}))
        last = page[-1].id
    return last


def _format(event: Event, names: dict[str, str]) -> str:
    data = event.data
    document = data.get("number") or data.get("name") or event.key
    parts = [str(part) for part in (document, data.get("contact_name")) if part]
    if data.get("total"):
        parts.append(f"{data['total']} {data.get('currency') or ''}".strip())
    if event.deal:
        parts.append(f"deal {event.deal}")
    if event.organisation_id in names:
        parts.append(names[event.organisation_id])
    return f"{event.id:>5}  {event.day}  {event.title}: {', '.join(parts)}"
