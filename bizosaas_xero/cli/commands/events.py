"""``events``: what happened, for a person or for a program that reads on."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

from bizosaas_xero.cli import common
from bizosaas_xero.cli.commands.watch import stopping
from bizosaas_xero.cli.output import OK, Output
from bizosaas_xero.host import Event, Host

PAUSE = 1.0
PAGE = 500


def events(
    output: Output,
    organisation: str | None,
    since: int,
    *,
    follow: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Show the events after ``since``; with ``follow`` wait for more. JSON is one event a line."""
    with common.the_host() as host, stopping():
        chosen = common.connections(host, organisation)
        only = chosen[0].organisation_id if organisation else None
        names = {kept.organisation_id: kept.organisation for kept in common.connections(host)}
        last = since
        try:
            while True:
                last = _show(output, host, names, only, last)
                if not follow:
                    break
                sleep(PAUSE)
        except KeyboardInterrupt:
            if not follow:
                raise
        if last == since and not follow:
            before = f"the event of number {since}" if since else "the books were first read"
            output.say(f"Nothing happened that is worth telling since {before}.")
    return OK


def _show(output: Output, host: Host, names: dict[str, str], only: str | None, last: int) -> int:
    while found := host.events.since(last, only, PAGE):
        for event in found:
            if output.as_json:
                sys.stdout.write(json.dumps(event.to_dict(), ensure_ascii=False) + "\n")
            else:
                output.line(_line(event, names if len(names) > 1 else {}))
        sys.stdout.flush()
        last = found[-1].id
    return last


def _line(event: Event, names: dict[str, str]) -> str:
    data = event.data
    named = data.get("number") or data.get("name") or event.key
    said = [str(part) for part in (named, data.get("contact_name")) if part]
    if data.get("total"):
        said.append(f"{data['total']} {data.get('currency') or ''}".strip())
    if event.deal:
        said.append(f"deal {event.deal}")
    if event.organisation_id in names:
        said.append(names[event.organisation_id])
    return f"{event.id:>5}  {event.day}  {event.title}: {', '.join(said)}"
