"""``sync --watch``: run what is due until somebody ends it."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bizosaas_xero.cli import common
from bizosaas_xero.cli.output import OK, Output
from bizosaas_xero.host import Host, StoredConnection, SyncOutcome
from bizosaas_xero.host.storage.database_errors import is_own
from bizosaas_xero.spec import ConnectorError, Invalid, Unavailable

DATABASE_PAUSE = 30.0
"""Seconds until a database that is away is tried again."""


def watch(output: Output, *, alone: bool, sleep: Callable[[float], None] = time.sleep) -> int:
    """Sync what is due, deliver events, sleep, and begin again; Ctrl-C and SIGTERM end it.

    Args:
        output: Where it is told.
        alone: No entity, organisation or ``--full`` was asked for beside it.
        sleep: Waits, in seconds.

    Raises:
        Invalid: if something else was asked for: what is read, and how often, says ``configure``.
    """
    if not alone:
        raise Invalid(
            "--watch takes no entity, no --full and no --organisation.",
            remedy="Say what is read, and how often, with: bizosaas-xero configure --interval NAME=SECONDS",
            reason="watch_alone",
        )
    with common.the_host() as host, stopping():
        kept = common.connections(host)
        names = ", ".join(item.organisation for item in kept)
        output.say(f"Keeping up to date: {names}. Ctrl-C stops.", "bold")
        _tell_waiting(output, host, kept)
        try:
            while True:
                sleep(_step(output, host))
        except KeyboardInterrupt:
            output.say("Stopped. What was stored stays; the next sync goes on from there.")
    return OK


def _step(output: Output, host: Host) -> float:
    """Do what is due, and return the seconds until there may be more."""
    try:
        for kept, outcome in host.schedule.step():
            _tell(output, kept, outcome)
        host.callbacks.deliver()
        return host.schedule.nap()
    except Unavailable as error:
        if not is_own(error):
            raise
        _tell_problem(output, error)
        return DATABASE_PAUSE


def _tell(output: Output, kept: StoredConnection, outcome: SyncOutcome) -> None:
    if output.as_json:
        _line(common.short(kept) | outcome.to_dict())
        return
    subject = f"{time.strftime('%H:%M:%S')} {kept.organisation}, {outcome.entity}"
    if outcome.problem:
        output.problem(outcome.problem, subject=subject)
        return
    counts = {"new": outcome.new, "changed": outcome.changed, "deleted": outcome.deleted}
    counts["rejected"] = outcome.rejected
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    if told:  # a quiet hour needs no lines
        output.say(f"{subject}: {told}")


def _tell_waiting(output: Output, host: Host, known: list[StoredConnection]) -> None:
    """Say at the start what is not kept up to date, because it waits for a person or was switched off."""
    for kept in known:
        if kept.problem is None:
            continue
        if output.as_json:
            _line(common.short(kept) | {"problem": kept.problem})
        else:
            output.problem(kept.problem, subject=kept.organisation)
    if not host.schedule.jobs() and not any(kept.problem for kept in known):
        output.say("Nothing is to be read: every interval is 0 (bizosaas-xero configure --interval).", "yellow")


def _tell_problem(output: Output, error: ConnectorError) -> None:
    if output.as_json:
        _line({"error": error.to_dict()})
    else:
        output.problem(error.to_dict(), subject=time.strftime("%H:%M:%S"))


def _line(value: Any) -> None:
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False) + "\n")
    sys.stdout.flush()


@contextmanager
def stopping() -> Iterator[None]:
    """Let SIGTERM end the program as Ctrl-C does: at once, and safely, for every batch is one transaction."""

    def stop(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: what follows tidies up
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
