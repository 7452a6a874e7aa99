"""The database fails at any moment of a sync or a write: nothing is lost or done twice, and the error says why.

Full and read-only databases are made with SQLite's and PostgreSQL's own means, restarts by ending all connections of
the host, at each statement in turn. A full PostgreSQL is named in `test_databases.py`: its disk is not ours to fill.
"""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random

import pytest
import sqlalchemy as sa

from bizosaas_xero.spec import ConnectorError, Unavailable
from contract_tests.helpers.fake_connector import batch, record
from contract_tests.helpers.ledger_connector import Payer
from contract_tests.helpers.services import needs_postgresql, only_sqlite

only_postgresql = pytest.mark.parametrize("database_kind", [pytest.param("postgresql", marks=needs_postgresql)])
pytestmark = pytest.mark.connector_class(cls=Payer)

LONG = "x" * 60_000
"""A name that fills several pages of the database wherever it is stored."""


@contextmanager
def listening(host, name, listener):
    sa.event.listen(host.database.engine, name, listener)
    try:
        yield
    finally:
        sa.event.remove(host.database.engine, name, listener)


def full(connection):
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")


def enlarge(host):
    with host.database.read_transaction() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1000000")


def read_only(connection):
    sqlite = connection.dialect.name == "sqlite"
    connection.exec_driver_sql("PRAGMA query_only=ON" if sqlite else "SET TRANSACTION READ ONLY")


def writable(host):
    if host.database.dialect.name == "sqlite":
        with host.database.read_transaction() as connection:
            connection.exec_driver_sql("PRAGMA query_only=OFF")


FAILURES = {"full": (full, enlarge, "database_full"), "read-only": (read_only, writable, "database_unwritable")}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    ("database_kind", "failure"),
    [
        ("sqlite", "full"),
        ("sqlite", "read-only"),
        pytest.param("postgresql", "read-only", marks=needs_postgresql),
    ],
)
def test_a_write_whose_database_fails_is_done_once(host, connection_id, fake_connector, failure, moment):
    """Before the connector writes, or after it wrote and before the host could store that."""
    break_it, mend_it, reason = FAILURES[failure]
    params = {"to": LONG, "amount": "1.00"}
    host.configure(connection_id, {"policy": {"pay": {"run": "always"}}})

    def ask():
        return host.act(connection_id, "pay", params, requester="agent", business_key="once")

    failing = []

    def fail():
        if not failing:
            failing.append(listening(host, "begin", break_it))
            failing[0].__enter__()

    if moment == "before":
        fail()
    else:
        fake_connector.after = fail
    with pytest.raises(ConnectorError) as caught:
        ask()
    assert caught.value.reason == reason
    assert caught.value.remedy
    assert len(fake_connector.ledger) == (moment == "after")
    failing[0].__exit__(None, None, None)
    mend_it(host)
    assert ask().status == "done"
    assert ask().repeated
    assert [entry["mark"] for entry in fake_connector.ledger] == ["once"]
    assert host.audit.verify().ok


def count_statements(host, work):
    seen = []
    with listening(host, "before_cursor_execute", lambda *_: seen.append(1)):
        work()
    return len(seen)


def struck_at(host, server, schema, number, work):
    """Do something while the server ends all connections of the host before the n-th statement; return the error."""
    seen = []

    def strike(*_):
        seen.append(1)
        if len(seen) == number:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [schema]
            )

    with listening(host, "before_cursor_execute", strike):
        try:
            work()
        except ConnectorError as error:
            return error
    return None


@only_postgresql
def test_a_server_that_restarts_at_any_statement_of_a_sync_loses_nothing(
    host, connection_id, fake_connector, postgresql_server, postgresql_url
):
    schema = postgresql_url.rpartition("application_name=")[2]
    number = iter(range(1, 10_000))

    def run(rows):
        fake_connector.runs = [
            [batch(next(number), *(record(key) for key in rows[:2]), more=True), batch(next(number), record(rows[2]))]
            for _ in range(5)
        ]
        outcome = host.runner.sync(connection_id, "things")
        if outcome.problem:
            raise Unavailable(outcome.problem["message"], reason=outcome.problem["reason"])

    run(["a", "b", "c"])
    statements, reasons = count_statements(host, lambda: run(["d", "e", "f"])), set()
    assert statements > 10
    for strike in range(1, statements + 1):
        rows = [f"{strike}-{n}" for n in range(3)]
        error = struck_at(host, postgresql_server, schema, strike, lambda rows=rows: run(rows))
        if error is not None:
            reasons.add(error.reason)
        run(rows)  # at once: its own lease does not lock it out
        stored = {row["Id"] for row in host.sink.iter_records("org-1", "things")}
        assert set(rows) <= stored, strike
    assert reasons <= {"database_unreachable"}
    assert reasons, "something was struck"


@only_postgresql
def test_a_server_that_restarts_at_any_statement_of_a_write_lets_nothing_happen_twice(
    host, connection_id, fake_connector, postgresql_server, postgresql_url
):
    schema = postgresql_url.rpartition("application_name=")[2]
    host.configure(connection_id, {"policy": {"pay": {"run": "always"}}})

    def ask(key):
        return host.act(connection_id, "pay", {"to": key, "amount": "1.00"}, requester="agent", business_key=key)

    statements, struck = count_statements(host, lambda: ask("first")), 0
    for strike in range(1, statements + 1):
        key = f"key-{strike}"
        error = struck_at(host, postgresql_server, schema, strike, lambda key=key: ask(key))
        struck += error is not None
        assert error is None or error.reason == "database_unreachable", strike
        assert ask(key).status == "done"
    assert struck > statements // 2
    marks = [entry["mark"] for entry in fake_connector.ledger]
    assert len(marks) == len(set(marks)) == statements + 1
    assert host.audit.verify().ok


ROWS = 12


class Flaky(Payer):
    """A connector of which every third call fails on its way, before or after it wrote."""

    def __init__(self, clock):
        super().__init__(clock)
        self.draw, self.lock, self.share = Random(7), threading.Lock(), 1 / 3  # noqa: S311 (which calls fail)
        self.before = self.after = self.fail

    def fail(self):
        with self.lock:
            failed = self.draw.random() < self.share
        if failed:
            raise Unavailable("no answer")

    def sync_entity(self, _connection, _entity, cursor, _options):
        done = (cursor or {"n": 0})["n"]
        yield batch(done, more=done < ROWS)
        for n in range(done, ROWS):
            self.fail()
            yield batch(n + 1, record(f"row-{n}", Total=str(n)), more=n + 1 < ROWS)


def pay_until_done(host, connection_id, key):
    for _ in range(100):
        try:
            outcome = host.act(connection_id, "pay", {"to": key, "amount": "1.00"}, requester="agent", business_key=key)
        except ConnectorError as error:
            if error.reason not in {"unavailable", "in_progress"}:
                raise
        else:
            return outcome
    raise AssertionError(f"{key} is not done")


@pytest.mark.connector_class(cls=Flaky)
def test_two_hosts_on_one_database_under_faults(make_host, host, connection_id, fake_connector):
    """Both sync and write the same at the same time."""
    host.configure(connection_id, {"policy": {"pay": {"run": "always"}}})
    keys = [f"key-{n}" for n in range(6)]

    def work(each):
        for key in keys:
            each.runner.sync(connection_id, "things", patience=0)
            assert pay_until_done(each, connection_id, key).status == "done"

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(work, each) for each in (host, make_host())]:
            future.result(200)
    assert sorted(entry["mark"] for entry in fake_connector.ledger) == sorted(keys)
    fake_connector.share = 0
    assert host.runner.sync(connection_id, "things").problem is None
    assert len(list(host.sink.iter_records("org-1", "things"))) == ROWS
    assert host.audit.verify().ok


@only_sqlite
@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_file_is_named_and_never_believed(make_host, host, connection_id, fake_connector, share):
    rows = [record(f"{n}", Total="1.00", Name="x" * 500) for n in range(400)]
    fake_connector.runs = [[batch(1, *rows)]]
    assert host.runner.sync(connection_id, "things").new == 400
    host.close()
    path = host.home / "bizosaas.db"
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    for leftover in (".db-wal", ".db-shm"):
        path.with_suffix(leftover).unlink(missing_ok=True)
    reasons, counts = [], []
    for look in (
        lambda each: counts.append(len(list(each.sink.iter_records("org-1", "things")))),
        lambda each: counts.append(400 if each.runner.sync(connection_id, "things") else 0),
    ):
        fake_connector.runs = [[batch(2, *rows)]]
        try:
            with make_host() as each:
                look(each)
        except ConnectorError as error:
            reasons.append(error.reason if str(path) in error.message else error.message)
    assert set(reasons) == {"database_damaged"}
    assert set(counts) <= {400}
