"""Work that tests do in processes of their own, each forked from a server that has loaded everything."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import stamina

import bizosaas_xero.plugin  # noqa: F401 (loaded once, in the fork server)
from bizosaas_xero.host import Host, discover, open_host
from bizosaas_xero.host.connections import refresh
from bizosaas_xero.host.storage import ownership
from bizosaas_xero.spec import App, ConnectorError

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["contract_tests.helpers.processes"])


def opened(home: Any, environ: dict[str, str], ahead: float = 0.0, **given: Any) -> Host:
    """Open the host with the real connector; its clock is ``ahead`` by these seconds, the database's is not."""
    now = lambda: datetime.now(UTC) + timedelta(seconds=ahead)  # noqa: E731
    host = open_host(home, report=discover(["xero"]), environ=environ, now=now, **given)
    host.database.clock = None
    return host


def connect(host: Host, box: Any, **settings: Any) -> str:
    """Connect the sandbox's first organisation, and return the connection's id."""
    credentials = box.info["apps"]["web"]
    app = App(
        client_id=credentials["client_id"],
        client_secret=credentials["client_secret"],
        redirect_uri="http://localhost:8377/callback",
    )
    known = {name: box.info[name] for name in ("api_url", "identity_url", "login_url")}
    url = host.connections.begin_consent("xero", app, settings=known | {"calls_per_minute": 0} | settings)
    return host.connections.choose(host.connections.finish_consent(box.sandbox.consent(url))).id


def need_grant(
    answers: Any, home: Any, environ: dict[str, str], identity: str, ahead: float, lease: float = 90
) -> None:
    """Ask for a grant that will last, and answer with its version and token. The lease is in seconds."""
    refresh.POLL_SECONDS, ownership.LEASE_DURATION = 0.05, timedelta(seconds=lease)
    ownership.HEARTBEAT_INTERVAL = ownership.LEASE_DURATION / 4.5
    with stamina.set_testing(True, attempts=3), opened(home, environ, ahead) as host:
        try:
            held = host.grants.get_valid(host.report.connector("xero"), identity)
        except ConnectorError as error:
            answers.put(error.to_dict())
        else:
            answers.put((held.version, held.grant.access_token.get_secret_value()))


def sync(
    answers: Any, home: Any, environ: dict[str, str], connection: str, entities: list[str], patience: float
) -> None:
    """Sync entities of a connection one after the other, and answer with each outcome."""
    with opened(home, environ) as host:
        for entity in entities:
            answers.put(host.runner.sync(connection, entity, patience=patience).to_dict())


def act(
    answers: Any,
    home: Any,
    environ: dict[str, str],
    connection: str,
    params: dict[str, Any],
    given: dict[str, Any],
) -> None:
    """Create an invoice, and answer with the outcome or the error."""
    with opened(home, environ) as host:
        try:
            answers.put(host.act(connection, "create_invoice", params, requester="agent", **given).to_dict())
        except ConnectorError as error:
            answers.put(error.to_dict())


def note(answers: Any, home: Any, environ: dict[str, str], number: int, times: int) -> None:
    """Add ``times`` entries to the audit."""
    with opened(home, environ) as host:
        for turn in range(times):
            known = {"connection_id": "c", "organisation_id": "o", "action": "pay", "who": "Ann"}
            host.audit.record("read", **known, key=f"{number}-{turn}")
    answers.put("noted")


def started(work: Callable[..., None], *given: Any) -> tuple[Any, Any]:
    """Start a piece of work, and return its process and the queue of its answers."""
    answers = CONTEXT.SimpleQueue()
    process = CONTEXT.Process(target=work, args=(answers, *given))
    process.start()
    return process, answers


def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait for something to become true, and return it; on a busy machine a process takes long to begin."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen")
