"""Sync what is due of every tenant, from one thread of the gateway's process."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from threading import Event, Thread
from typing import Any

from bizosaas_xero.adapters.brain_gateway.tenants import Tenants
from bizosaas_xero.spec import ConnectorError

PAUSE_SECONDS = 30.0
"""Between two looks at what is due."""

log = logging.getLogger(__name__)


def start_schedules(app: Any, tenants: Tenants) -> None:
    """Run from the gateway's start to its end. Several processes may: an organisation's lease lets one sync it."""
    before = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(given: Any) -> Any:
        stopping = Event()
        thread = Thread(target=_run, args=(tenants, stopping), name="bizosaas-schedules", daemon=True)
        async with before(given) as state:
            thread.start()
            try:
                yield state
            finally:
                stopping.set()

    app.router.lifespan_context = lifespan


def _run(tenants: Tenants, stopping: Event) -> None:
    while not stopping.wait(PAUSE_SECONDS):
        run_due(tenants, stopping)


def run_due(tenants: Tenants, stopping: Event) -> int:
    """Sync what is due once, tenant by tenant, and return the number of syncs."""
    done = 0
    try:
        for name in tenants.names():
            for connection, outcome in tenants.open(name).host.scheduler.run_due():
                done += 1
                if outcome.problem:
                    log.warning("%s %s: %s", connection.id, outcome.entity, outcome.problem["code"])
                if stopping.is_set():
                    return done
    except ConnectorError as error:  # the database is away, or the key is missing: the next look may heal
        log.warning("schedules: %s (%s)", error.message, error.reason)
    return done
