"""One trickling and one limited organisation among twenty: the others are synced when they are due."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from bizosaas_xero.connector.sync.entities import ENTITIES
from bizosaas_xero.host import discover, open_host
from bizosaas_xero.sandbox import serve
from bizosaas_xero.spec import App

INTERVAL = 60
"""The shortest that can be configured, in seconds."""

ROUNDS = 5
MAX_LAG = 1.1
SANDBOXES, EACH = 4, 5


def connect(host, box):
    """Connect five organisations of a sandbox, of which one entity is synced each minute."""
    organisations = [each["id"] for each in box.info["organisations"][:EACH]]
    known = box.info["apps"]["web"]
    secrets = {name: known[name] for name in ("client_id", "client_secret")}
    settings = {name: box.info[name] for name in ("api_url", "identity_url", "login_url")} | {"timeout": 5}
    app = App(**secrets, redirect_uri="http://localhost:8377/callback")
    url = host.connections.begin_consent("xero", app, settings=settings)
    offer = host.connections.finish_consent(box.sandbox.consent(url, organisations=organisations))
    for organisation in organisations:
        connection = host.connections.choose(offer, organisation, settings).id
        host.configure(connection, {"intervals": dict.fromkeys(ENTITIES, 0) | {"contacts": INTERVAL}})
        yield connection


def watch(host, stopped):
    """Do what ``sync --watch`` does."""
    while not stopped.is_set():
        for _ in host.scheduler.run_due(workers=4):
            pass
        stopped.wait(host.scheduler.seconds_until_due())


@pytest.mark.slow
@pytest.mark.attempts(3)
def test_a_trickling_and_a_limited_organisation_delay_no_other(tmp_path):
    with ExitStack() as stack:
        boxes = [stack.enter_context(serve(invoices=30, seed=number, limits=False)) for number in range(SANDBOXES)]
        for box in boxes:
            box.sandbox.switches.multi_select = True
        host = stack.enter_context(open_host(tmp_path, report=discover(["xero"]), environ={}))
        connections = [each for box in boxes for each in connect(host, box)]
        trickling, limited = connections[0], connections[EACH]
        for box, strange, kind, details in (
            (boxes[0], trickling, "trickle", {"seconds": 60}),
            (boxes[1], limited, "rate_limit", {"problem": "minute", "retry_after": 30}),
        ):
            match = {"path": "/api.xro/2.0/", "tenant": strange.partition(":")[2]}
            box.sandbox.faults.add(kind, match=match, times=None, **details)
        stopped = threading.Event()
        thread = threading.Thread(target=watch, args=(host, stopped))
        thread.start()
        stack.callback(lambda: (stopped.set(), thread.join(), host.scheduler.stop()))
        time.sleep(INTERVAL * ROUNDS)
        lags = {}
        for connection in connections:
            runs = host.runs.list_recent(connection, 100, "contacts")
            moments = [datetime.now(UTC), *(run.at for run in runs)]
            lags[connection] = max((later - earlier).total_seconds() for later, earlier in pairwise(moments))
            if connection in {trickling, limited}:
                assert runs[0].outcome["problem"], connection
            else:
                assert len(runs) >= ROUNDS - 1
                assert runs[0].outcome["problem"] is None
    worst = max(lag for connection, lag in lags.items() if connection not in {trickling, limited})
    assert worst <= MAX_LAG * INTERVAL, lags
