"""Killed anywhere, and run again: the tables are those of an undisturbed run."""

# ruff: noqa: S311 (random points, not secrets)

from __future__ import annotations

import json
import random
import time
from decimal import Decimal

import pytest
import sqlalchemy as sa

from contract_tests.helpers import processes

pytestmark = pytest.mark.xero_sandbox(invoices=300, seed=5)

ENTITIES = ["invoices", "contacts", "accounts"]
KEPT = {"first_seen", "changed_at"}
"""When a row was stored: that differs, however often a sync was killed."""


def tables(host):
    """Return all rows without the times of storing, and their events."""
    found = {}
    with host.database.read_transaction() as connection:
        for entity in ENTITIES:
            rows = connection.execute(sa.text(f"SELECT * FROM {entity}")).mappings()  # noqa: S608 (names of tables)
            found[entity] = {
                row["key"]: {name: plain(row[name]) for name in row if name not in {"first_seen", "changed_at"}}
                for row in rows
            }
        told = sa.text("SELECT name, key FROM host_events ORDER BY name, key")
        found["events"] = [tuple(row) for row in connection.execute(told)]
    return found


def plain(value):
    """Return a column's value in one form: SQLite has numbers where PostgreSQL has NUMERIC and BOOLEAN."""
    if isinstance(value, bool | int | float | Decimal):
        return str(Decimal(str(int(value) if isinstance(value, bool) else value)).normalize())
    return str(value)


def whole(host, connection):
    for entity in ENTITIES:
        outcome = host.runner.sync(connection, entity)
        assert outcome.problem is None, outcome
        assert outcome.complete is not False


def change(shared_sandbox_server, number):
    """Let some invoices be paid and some contacts be archived: other ones each time."""
    store = shared_sandbox_server.sandbox.store(shared_sandbox_server.info["organisations"][0]["id"])
    invoices = [row["InvoiceID"] for row in store.rows("Invoices") if row["Type"] == "ACCREC"]
    contacts = [row["ContactID"] for row in store.rows("Contacts")]
    status = "PAID" if number % 2 else "AUTHORISED"
    for key in random.Random(number).sample(invoices, 40):
        store.edit("Invoices", key, {"Status": status, "Reference": f"round {number}"})
    store.edit("Contacts", contacts[number % len(contacts)], {"ContactStatus": "ARCHIVED"})


def killed(host_home, host_environ, connection, seconds):
    process, _ = processes.started(processes.sync, host_home, host_environ, connection, ENTITIES, 0)
    time.sleep(seconds)
    alive = process.is_alive()
    process.kill()
    process.join()
    return alive


def loop(shared_sandbox_server, tmp_path, host_environ, points):
    """Kill at random points of first and of incremental syncs, and compare with an undisturbed twin."""
    chance = random.Random(7)
    struck = 0
    with (
        processes.opened(tmp_path / "twin", {}) as twin,
        processes.opened(tmp_path / "home", host_environ) as host,
    ):
        settings = {"page_size": 10, "overlap": 86_400}
        undisturbed, connection = (processes.connect(each, shared_sandbox_server, **settings) for each in (twin, host))
        began = time.monotonic()
        whole(twin, undisturbed)
        length = time.monotonic() - began
        for number in range(points):
            struck += killed(tmp_path / "home", host_environ, connection, chance.uniform(0.02, length))
            if number % 5 == 1:  # in between, several kills strike the same read
                whole(host, connection)
                assert tables(host) == tables(twin), number
                change(shared_sandbox_server, number)
                whole(twin, undisturbed)
        whole(host, connection)
        assert tables(host) == tables(twin)
        assert json.dumps(tables(host)["events"])
        assert struck >= points / 2, "most of them were at work"
        return len(tables(host)["events"])


def test_a_sync_killed_at_five_points_loses_nothing(shared_sandbox_server, tmp_path, host_environ):
    loop(shared_sandbox_server, tmp_path, host_environ, 5)


@pytest.mark.slow
def test_a_sync_killed_at_fifty_points_loses_nothing(shared_sandbox_server, tmp_path, host_environ):
    assert loop(shared_sandbox_server, tmp_path, host_environ, 50) > 20, "events were emitted, each once"
