"""Two databases, from one release to the next, and what each says when it does not work."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from bizosaas_xero.host.storage import tables
from bizosaas_xero.host.storage.crypto import Keyring
from bizosaas_xero.host.storage.database import Database
from bizosaas_xero.host.storage.paths import database_url
from bizosaas_xero.host.sync.entity_tables import EntityTable
from bizosaas_xero.spec import Misconfigured, Unavailable
from contract_tests.helpers.fake_connector import SCHEMA, batch, record
from contract_tests.helpers.services import needs_postgresql, only_sqlite

RELEASES = {"0.1.0": "1", "7310f02": "2"}
"""An earlier release, and the version of its tables."""


def read_schema(release, database_kind):
    name = "schema_0_1_0.sql" if release == "0.1.0" else f"schema_7310f02_{database_kind}.sql"
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


@pytest.fixture(params=list(RELEASES))
def earlier_database(request, fake_connector, tmp_path, host_environ, database_kind):
    """A database of an earlier release with an app, a grant, a connection, a cursor and a record."""
    home = tmp_path / "home"
    database = Database(database_url(home, host_environ))
    key = Keyring.open(home, {}, create=True)
    grant = key.encrypt(fake_connector.mint().model_dump_json())
    empty = {"problem": None, "settings": "{}"}
    rows = {
        "host_meta": [
            {"name": "schema", "value": RELEASES[request.param]},
            {"name": "key_check", "value": key.encrypt("key_check")},
        ],
        "host_apps": [{"connector": "fake", "client_id": "app", "kind": "web", "settings": "{}"}],
        "host_grants": [
            {"connector": "fake", "identity": "app:user", "client_id": "app", "payload": grant, "version": 7}
        ],
        "host_connections": [
            {
                "id": "fake:org-1",
                "connector": "fake",
                "organisation_id": "org-1",
                "organisation": "Beans & Co",
                "identity": "app:user",
                "state": "active",
                "created_at": "2026-01-01T00:00:00.000Z",
                **empty,
            }
        ],
        "host_entities": [{"connection_id": "fake:org-1", "entity": "things", "cursor": '{"n": 4}'}],
    }
    with database.write_transaction() as connection:
        for line in read_schema(request.param, database_kind).splitlines()[1:]:
            connection.execute(sa.text(line))
        for table, given in rows.items():
            for row in given:
                names = ", ".join(row)
                marks = ", ".join(f":{name}" for name in row)
                connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), row)  # noqa: S608 (names of tables)
        EntityTable.for_entity("things", fake_connector.describe().entities[0]).migrate(connection)
    database.close()
    return home


def test_a_database_of_the_release_before_goes_on(earlier_database, make_host, fake_connector):
    fake_connector.runs = [[batch(5, record("a", Total=Decimal("1.50")))], [batch(6)]]
    host = make_host()
    assert host.store.grant("fake", "app:user").version == 7
    assert host.runner.sync("fake:org-1", "things").new == 1
    assert fake_connector.calls[0]["cursor"] == {"n": 4}
    kept = host.store.connection("fake:org-1")
    assert (kept.preferences, kept.resume_at, kept.timezone, kept.state_since) == ({}, None, None, None)
    assert host.store.entity_state("fake:org-1", "things").blocked_since is None
    again = make_host()  # the second opening finds nothing to do
    assert again.runner.sync("fake:org-1", "things").problem is None


def test_what_upgrading_makes_is_what_a_new_database_has(earlier_database, make_host, tmp_path):
    def shape(host):
        inspector = sa.inspect(host.database.engine)
        return {
            table.name: sorted((c["name"], c["nullable"]) for c in inspector.get_columns(table.name))
            for table in tables.metadata.sorted_tables
        }

    fresh = make_host(home=tmp_path / "new", environ={"BIZOSAAS_DATABASE_URL": f"sqlite:///{tmp_path / 'new.db'}"})
    assert shape(make_host()) == shape(fresh)


def test_an_upgrade_that_fails_leaves_the_old_database(earlier_database, make_host, monkeypatch):
    from bizosaas_xero.host.storage import migrations

    def broken(connection):
        migrations._from_2(connection)
        raise Unavailable("power cut")

    with monkeypatch.context() as patch:
        patch.setitem(migrations.STEPS, 2, broken)
        with pytest.raises(Unavailable):
            make_host()
    assert make_host().store.grant("fake", "app:user").version == 7


def test_a_newer_database_is_refused_and_left_alone(host, make_host):
    with host.database.write_transaction() as connection:
        connection.execute(sa.text("UPDATE host_meta SET value = '99' WHERE name = 'schema'"))
        connection.execute(sa.text("DROP TABLE host_events"))
    with pytest.raises(Misconfigured) as caught:
        make_host()
    assert caught.value.reason == "database_newer"
    assert "99" in caught.value.message
    assert not sa.inspect(host.database.engine).has_table("host_events")


ODD = {
    "Total": ["12,5x", True, [1], "1E+3", "NaN", None, "9" * 40, Decimal("Infinity")],
    "Date": ["2026-13-01", 7, "2026-02-03", "", {"a": 1}],
    "Open": ["yes", 1, None, True],
    "Contact": [{"Name": "a\0b"}, {"Name": 7}, "x", {"Name": ["l"]}],
}


def test_a_value_of_another_type_than_published_stops_nothing(host, connection_id):
    host.sink.prepare("things", host.report.connector("fake").entity("things"))
    kept = host.store.connection(connection_id)
    odd = [record(f"{name}{n}", **{name: value}) for name, values in ODD.items() for n, value in enumerate(values)]
    assert host.sink.write(kept, batch(1, *odd)).new == len(odd)
    with host.database.read_transaction() as connection:
        found = {row.key: row for row in connection.execute(sa.text("SELECT * FROM things"))}
    assert found["Total3"].total == 1000
    assert found["Total0"].total is None
    assert str(found["Date2"].date) == "2026-02-03"
    assert bool(found["Open3"].open) is True
    assert found["Contact0"].contact == "ab"
    assert found["Contact1"].contact == "7"
    assert host.sink.write(kept, batch(2, *odd)).same == len(odd)


@needs_postgresql
@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_postgresql_holds_exact_amounts_true_dates_and_moments(make_host, fake_connector, connection_id):
    fake_connector.columns["at"] = "At"
    SCHEMA["properties"]["At"] = {"type": "string", "format": "date-time"}
    host = make_host()
    try:
        host.sink.prepare("things", fake_connector.describe().entities[0])
    finally:
        del SCHEMA["properties"]["At"]
    things = [record(str(n), Total=Decimal("0.10"), At="2026-01-02T03:04:05.678Z") for n in range(3)]
    host.sink.write(host.store.connection(connection_id), batch(1, *things))
    with host.database.read_transaction() as connection:
        row = connection.execute(
            sa.text("SELECT sum(total) AS total, min(at) AS at, min(record::json->>'Total') AS digits FROM things")
        ).one()
    assert (row.total, row.digits) == (Decimal("0.30"), "0.10")
    assert row.at.isoformat() == "2026-01-02T03:04:05.678000+00:00"


@needs_postgresql
@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_a_connection_that_the_server_ends_is_told_and_nothing_is_lost(
    host, connection_id, fake_connector, postgresql_url, postgresql_server
):
    def end(_=None):
        name = postgresql_url.rsplit("=", 1)[1]
        postgresql_server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [name]
        )

    fake_connector.runs = [[batch(1, record("a"), more=True), batch(2, record("b"))]]
    assert host.runner.sync(connection_id, "things", on_progress=end).new == 2  # between batches it goes unnoticed

    def delete():
        with host.database.write_transaction() as connection:
            connection.execute(sa.text("DELETE FROM things"))
            end()
            connection.execute(sa.text("DELETE FROM things"))

    with pytest.raises(Unavailable) as caught:
        delete()
    assert caught.value.reason == "database_unreachable"
    assert "BIZOSAAS_DATABASE_URL" in caught.value.remedy
    assert host.sink.count_rows("org-1", "things") == 2
    assert host.store.entity_state(connection_id, "things").cursor == {"n": 2}


@needs_postgresql
@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://postgres:secret@127.0.0.1:1/test", "database_unreachable"),
        ("postgresql://postgres:secret@127.0.0.1:5432/no_such", "database_refused"),
        ("postgresql://no_such:secret@127.0.0.1:5432/test", "database_refused"),
        (
            "postgresql://postgres:secret@127.0.0.1/test?options=-cdefault_transaction_read_only%3Don",
            "database_unwritable",
        ),
        ("mysql://root:secret@127.0.0.1/test", "bad_database_url"),
    ],
)
def test_a_server_that_cannot_be_used_is_told_without_its_password(make_host, url, reason):
    with pytest.raises((Unavailable, Misconfigured)) as caught:
        make_host(environ={"BIZOSAAS_DATABASE_URL": url})
    assert caught.value.reason == reason
    assert caught.value.remedy
    assert "secret" not in str(caught.value)


@only_sqlite
def test_a_database_opened_read_only_is_named(make_host, host, connection_id):
    host.close()
    url = f"sqlite:///file:{host.home / 'bizosaas.db'}?mode=ro&uri=true"
    readable = make_host(environ={"BIZOSAAS_DATABASE_URL": url})
    assert readable.store.entity_states(connection_id) == []
    with pytest.raises(Misconfigured) as caught:
        readable.runner.sync(connection_id, "things")
    assert caught.value.reason == "database_unwritable"
