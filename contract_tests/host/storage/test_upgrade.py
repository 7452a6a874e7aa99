"""A database that commit 7310f02 made by its own code, against its own sandbox, is upgraded whole.

It was connected, synced, configured, written to and left with a plan and an event that wait. The dumps hold what
`sqlite3`'s `.dump` and `pg_dump --inserts` wrote; `database_7310f02.json` says what its owner knew.
"""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bizosaas_xero.host import discover, open_host
from bizosaas_xero.host.storage.tables import SCHEMA_VERSION
from bizosaas_xero.spec import App

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)
"""Less than an hour after the database was made, so that its plan still waits."""

ROWS = {"accounts": 54, "contacts": 12, "invoices": 7, "bills": 0, "payments": 4, "bank_transactions": 10}

pytestmark = pytest.mark.xero_sandbox(invoices=6, seed=1, clock=NOW.timestamp)


@pytest.fixture
def facts(database_kind):
    return json.loads((HERE / "database_7310f02.json").read_text(encoding="utf-8"))[database_kind]


@pytest.fixture
def upgraded(database_kind, host_environ, host_home, facts, sandbox_server, request):
    """Load the dump, with this sandbox's address for the one of then, and open it with this release."""
    text = gzip.decompress((HERE / f"database_7310f02_{database_kind}.sql.gz").read_bytes()).decode()
    text = re.sub(r"http://127\.0\.0\.1:\d+", sandbox_server.url, text)
    host_home.mkdir(mode=0o700)
    (host_home / "secret.key").write_text(facts["key"])
    if database_kind == "sqlite":
        raw = sqlite3.connect(host_home / "bizosaas.db")
        raw.executescript(text)
        raw.close()
    else:
        schema = request.getfixturevalue("postgresql_url").rpartition("application_name=")[2]
        request.getfixturevalue("postgresql_server").execute(text.replace("r7310f02.", f"{schema}."))
    with open_host(host_home, report=discover(["xero"]), environ=host_environ, now=lambda: NOW) as host:
        yield host


def test_everything_that_was_stored_is_there(upgraded, facts):
    connection = upgraded.store.connection(facts["connection_id"])
    assert connection.preferences["policy"] == {"create_invoice": {"run": "approval"}, "void_invoice": {"run": "never"}}
    assert connection.settings["sales_account"] == "200"
    assert {name: upgraded.sink.count_rows(connection.organisation_id, name) for name in ROWS} == ROWS
    assert upgraded.store.grant("xero", connection.identity).grant.refresh_token.get_secret_value()
    assert upgraded.store.app("xero", facts["client_id"]).app.client_secret.get_secret_value()
    assert upgraded.store.decrypt(connection.preferences["callback"]["secret"]) == facts["callback_secret"]
    assert [event.name for event in upgraded.events.list_since()] == ["invoice_voided"]
    kinds = [entry.kind for entry in upgraded.audit.entries()]
    assert kinds.count("approval") == 1
    assert upgraded.audit.verify().ok
    with upgraded.database.read_transaction() as transaction:
        version = transaction.exec_driver_sql("SELECT value FROM host_meta WHERE name = 'schema'").scalar_one()
    assert version == str(SCHEMA_VERSION)


def test_what_was_written_is_not_written_again_and_what_waits_still_waits(upgraded, facts, sandbox_server):
    done = upgraded.act(
        facts["connection_id"], "create_invoice", facts["params"], requester="agent", business_key="D-1"
    )
    assert (done.status, done.repeated) == ("done", True)
    (waiting,) = upgraded.plans.list_open()
    assert (waiting.business_key, waiting.requesters, waiting.in_person) == ("D-2", ["agent"], False)
    assert upgraded.approvals.approve(waiting, "maria").decision == "approved"
    assert not sandbox_server.sandbox.log, "it needed no request"


def test_the_event_that_waited_is_delivered(upgraded):
    came = []
    upgraded.webhooks._post = lambda url, body, _headers: came.append((url, json.loads(body)["name"])) or 204
    assert upgraded.webhooks.deliver_due().done == 1
    assert came == [("https://crm.example/hook", "invoice_voided")]


def test_after_a_new_consent_the_stored_cursors_continue(upgraded, facts, sandbox_server):
    credentials = sandbox_server.info["apps"]["web"]
    assert credentials["client_id"] == facts["client_id"]
    app = App(
        **{name: credentials[name] for name in ("client_id", "client_secret")},
        redirect_uri="http://localhost:8377/callback",
    )
    addresses = {name: sandbox_server.info[name] for name in ("api_url", "identity_url", "login_url")}
    url = upgraded.connections.begin_consent("xero", app, settings=addresses)
    offer = upgraded.connections.finish_consent(sandbox_server.sandbox.consent(url))
    connection = upgraded.connections.choose(offer, facts["organisation_id"])
    assert connection.id == facts["connection_id"]
    assert connection.preferences["policy"]["void_invoice"] == {"run": "never"}
    for entity in ROWS:
        outcome = upgraded.runner.sync(connection.id, entity)
        assert (outcome.problem, outcome.rejected) == (None, 0)
        if entity != "accounts":
            assert outcome.kind == "incremental", entity
