"""Run the due syncs of every tenant, from one thread of the gateway's process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from threading import Event, Thread
from typing import Any

from bizosaas_xero.host.connections.tenants import Tenants
from bizosaas_xero.spec import ConnectorError

PAUSE_SECONDS = 30.0
"""Seconds between two looks for due syncs."""

log = logging.getLogger(__name__)


def run_beside(app: Any, begin: Sequence[Callable[[], None]], tenants: Tenants | None) -> None:
    """Work from the gateway's start to its end, in a thread of its own.

    Args:
        app: The gateway's application.
        begin: Done once, after the gateway's own start.
        tenants: Whose due syncs are run; several processes may, for an organisation's lease lets one sync it.
    """
    before = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(given: Any) -> Any:
        stopping = Event()
        thread = Thread(target=_run, args=(begin, tenants, stopping), name="bizosaas", daemon=True)
        async with before(given) as state:
            thread.start()
            try:
                yield state
            finally:
                stopping.set()

    app.router.lifespan_context = lifespan


def _run(begin: Sequence[Callable[[], None]], tenants: Tenants | None, stopping: Event) -> None:
    for each in begin:
        try:
            each()
        except ConnectorError as error:  # the database is away, or the key is missing
            log.warning("%s (%s)", error.message, error.reason)
    while tenants is not None and not stopping.wait(PAUSE_SECONDS):
        run_due(tenants, stopping)


def run_due(tenants: Tenants, stopping: Event) -> int:
    """Run the due syncs once, tenant by tenant, and return their number."""
    try:
        names = tenants.names()
    except ConnectorError as error:  # the database is away, or the key is missing: the next look may heal
        log.warning("schedules: %s (%s)", error.message, error.reason)
        return 0
    done = 0
    for name in names:
        try:
            for connection, outcome in tenants.open(name).host.scheduler.run_due():
                done += 1
                if outcome.problem:
                    log.warning("%s %s: %s", connection.id, outcome.entity, outcome.problem["code"])
                if stopping.is_set():
                    return done
        except ConnectorError as error:  # this tenant's own; the other tenants are synced
            log.warning("schedules of a tenant: %s (%s)", error.message, error.reason)
    return done
