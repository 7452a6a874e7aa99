"""What a power cut may not take: each transaction that cannot be repaired waits for the disk when it commits."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from bizosaas_xero.host.support.leaving import delete_records
from bizosaas_xero.spec import App
from contract_tests.helpers.ledger_connector import Payer

pytestmark = [pytest.mark.any_database, pytest.mark.connector_class(cls=Payer)]

GUARDED = {"host_grants", "host_pendings", "host_writes", "host_decisions"}
"""Tables whose changes are all durable: a rotated token, a consent that is used, a claim, a person's yes and no."""

WRITE = re.compile(r"(INSERT INTO|UPDATE|DELETE FROM) (\w+)")


@pytest.fixture
def careless_host(make_host, database_kind, host_environ):
    """A host on a server, or with a driver, that by itself waits for no disk."""
    if database_kind == "postgresql":
        url = host_environ["BIZOSAAS_DATABASE_URL"]
        host_environ["BIZOSAAS_DATABASE_URL"] = url.replace("&", "%20-csynchronous_commit%3Doff&", 1)
    return make_host()


@pytest.fixture
def written(careless_host):
    """The tables that were changed, each with whether its transaction waits for the disk."""
    seen = set()

    def watch(connection, _cursor, statement, *_):
        found = WRITE.match(statement)
        if found:
            raw = connection.connection.driver_connection.cursor()
            raw.execute("PRAGMA synchronous" if careless_host.database.path else "SHOW synchronous_commit")
            seen.add((found[2], raw.fetchone()[0] in {2, "on"}))
            raw.close()

    sa.event.listen(careless_host.database.engine, "before_cursor_execute", watch)
    return seen


def connect(host):
    app = App(client_id="app", client_secret="app-secret", redirect_uri="http://localhost/callback")
    url = host.connections.begin_consent("fake", app)
    offer = host.connections.finish_consent(f"http://localhost/callback?code=c&{url.split('?')[1]}")
    return host.connections.choose(offer).id


def test_rotated_tokens_claims_and_decisions_wait_for_the_disk(careless_host, written, fake_connector, clock):
    host, connection = careless_host, connect(careless_host)
    clock.sleep(3600)
    host.grants.get_valid(host.report.connector("fake"), "app:user")
    for number, decide in enumerate((host.approvals.approve, host.approvals.refuse)):
        asked = host.act(connection, "pay", {"to": "Bob", "amount": str(number)}, requester="agent")
        decide(asked.stored_plan, "Ann")
    done = host.act(connection, "pay", {"to": "Bob", "amount": "0"}, requester="agent")
    assert (done.status, len(fake_connector.ledger)) == ("done", 1)
    host.connections.disconnect(connection)
    durable = {table for table, is_durable in written if is_durable}
    careless = {table for table, is_durable in written if not is_durable}
    assert durable >= GUARDED
    assert not careless & GUARDED
    assert careless  # what can be repaired does not wait


def test_what_a_person_decided_and_was_told_waits_for_the_disk(careless_host, written):
    host, connection = careless_host, connect(careless_host)
    for change, table in (
        (lambda: host.configure(connection, {"policy": {"pay": {"run": "never"}}}), "host_connections"),
        (host.store.rotate_key, "host_apps"),
        (lambda: delete_records(host.database, host.report.connector("fake"), "org-1"), "host_events"),
    ):
        written.clear()
        change()
        assert (table, True) in written
        assert (table, False) not in written


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_name_of_a_new_key_file_is_on_the_disk_before_the_key_is_used(make_host, monkeypatch):
    synced, sync = [], os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda handle: (synced.append(str(Path(f"/proc/self/fd/{handle}").readlink())), sync(handle))
    )
    host = make_host()
    folder = str(host.home)
    assert folder in synced
    assert any(name.startswith(f"{folder}/.secret.key.") for name in synced[: synced.index(folder)])
