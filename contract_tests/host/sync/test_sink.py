"""Records in tables: nothing lost, nothing written twice, no digit changed."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bizosaas_xero.host.sync.entity_tables import sql_type
from bizosaas_xero.host.sync.sink import Counts
from bizosaas_xero.spec import Misconfigured, Record, Rejected
from contract_tests.helpers.fake_connector import batch, record


@pytest.fixture
def stored_connection(host, connection_id):
    host.sink.prepare("things", host.report.connector("fake").entity("things"))
    return host.store.connection(connection_id)


def rows(host, columns="*", table="things"):
    with host.database.read_transaction() as raw:
        found = raw.execute(sa.text(f"SELECT {columns} FROM {table} ORDER BY key")).mappings()  # noqa: S608 (names of tables)
        return [dict(row) for row in found]


def trap(host, event, table):
    """Make the database refuse an event on a table."""
    if host.database.path:
        ways = [f"CREATE TRIGGER stop BEFORE {event} ON {table} BEGIN SELECT raise(ABORT, 'stop'); END"]
    else:
        raising = "'BEGIN RAISE EXCEPTION USING ERRCODE = ''23000'', MESSAGE = ''stop''; END'"
        ways = [
            f"CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS {raising}",
            f"CREATE TRIGGER stop BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION stop()",
        ]
    with host.database.write_transaction() as connection:
        for way in ways:
            connection.execute(sa.text(way))


def test_columns_hold_what_people_query_and_the_record_is_whole(host, stored_connection):
    host.sink.write(
        stored_connection,
        batch(
            1,
            record(
                "a",
                Total=Decimal("10.10"),
                Date=date(2026, 1, 2),
                Open=True,
                Contact={"Name": "Ann"},
                More=[1],
            ),
            record("b", Total=Decimal("0.20"), Open=False),
        ),
    )
    first, second = rows(host)
    assert (str(first["date"]), first["open"], first["contact"], first["organisation_id"]) == (
        "2026-01-02",
        True,
        "Ann",
        "org-1",
    )
    assert json.loads(first["record"])["More"] == [1]
    assert second["date"] is None
    assert second["open"] == 0
    with host.database.read_transaction() as raw:
        assert float(raw.execute(sa.text("SELECT sum(total) FROM things")).scalar_one()) == pytest.approx(10.3)
    assert rows(host, "key", "things WHERE date >= '2026-01-01'") == [{"key": "a"}]


@pytest.mark.parametrize("digits", ["1234567890123456.7891", "0.10", "1E+3", "-0.0", "100", "9" * 30])
def test_no_digit_changes_and_the_json_is_the_contracts(host, stored_connection, digits):
    stamp = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    thing = record("a", Total=Decimal(digits), At=stamp, Day=date(2026, 1, 2), Odd="ü\u2028", Int=7, None_=None)
    host.sink.write(stored_connection, batch(1, thing))
    assert json.loads(rows(host)[0]["record"]) == thing.model_dump(mode="json")["data"]


def test_rows_equal_to_the_stored_ones_are_skipped(host, stored_connection, clock):
    things = [record(str(n), Total=Decimal(n)) for n in range(1200)]
    assert host.sink.write(stored_connection, batch(1, *things)) == Counts(new=1200)
    before = rows(host)
    clock.sleep(60)
    things[7] = record("7", Total=Decimal("7.5"))
    assert host.sink.write(stored_connection, batch(2, *things)) == Counts(changed=1, same=1199)
    after = {row["key"]: row for row in rows(host)}
    changed = after.pop("7")
    assert changed["first_seen"] < changed["changed_at"]
    assert [row for row in before if row["key"] != "7"] == sorted(after.values(), key=lambda row: row["key"])


def test_a_deleted_row_stays_and_can_come_back(host, stored_connection):
    host.sink.write(stored_connection, batch(1, record("a", Total=Decimal(1)), record("b")))
    assert host.sink.write(
        stored_connection, batch(2, record("a", op="delete"), record("gone", op="delete"))
    ) == Counts(deleted=1, same=1)
    assert rows(host)[0]["deleted_at"] is not None
    assert json.loads(rows(host)[0]["record"])["Total"] == "1"
    assert host.sink.count_rows("org-1", "things") == 1
    assert host.sink.write(stored_connection, batch(3, record("a", op="delete"))) == Counts(same=1)
    assert host.sink.write(stored_connection, batch(4, record("a", Total=Decimal(1)))) == Counts(changed=1)
    assert rows(host)[0]["deleted_at"] is None


def test_organisations_never_share_rows(host, stored_connection):
    from dataclasses import replace

    other = replace(stored_connection, id="fake:org-2", organisation_id="org-2")
    host.store.save_connection(other)
    host.sink.write(stored_connection, batch(1, record("a", Total=Decimal(1))))
    assert host.sink.write(other, batch(1, record("a", Total=Decimal(2)))) == Counts(new=1)
    host.sink.write(other, batch(2, record("a", op="delete")))
    assert [(row["organisation_id"], row["deleted_at"] is None) for row in rows(host)] == [
        ("org-1", True),
        ("org-2", False),
    ]


def test_rows_and_cursor_are_stored_together_or_not_at_all(host, stored_connection, connection_id):
    host.sink.write(stored_connection, batch(1, record("a", Total=Decimal(1))))
    trap(host, "UPDATE", "host_entities")
    with pytest.raises(sa.exc.IntegrityError):
        host.sink.write(stored_connection, batch(2, record("a", Total=Decimal(2)), record("b")))
    assert [json.loads(row["record"]) for row in rows(host)] == [{"Id": "a", "Total": "1"}]
    assert host.store.entity_state(connection_id, "things").cursor == {"n": 1}


def test_an_error_of_the_database_does_not_show_the_books(host, stored_connection):
    trap(host, "INSERT", "things")
    with pytest.raises(sa.exc.IntegrityError) as caught:
        host.sink.write(stored_connection, batch(2, record("a", Contact={"Name": "Ann Private"})))
    assert "Ann Private" not in str(caught.value)


def test_rejected_rows_are_kept_until_a_good_version_comes(host, stored_connection):
    bad = [Rejected(key="a", reason="no date", raw={"Id": "a"}), Rejected(reason="no key", raw=[1, 2])]
    assert host.sink.write(stored_connection, batch(1, rejected=bad)).rejected == 2
    assert host.sink.write(stored_connection, batch(2, rejected=bad)).rejected == 2
    assert host.sink.count_rejected("org-1", "things") == 2
    assert {row["raw"] for row in rows(host, table="rejected")} == {'{"Id":"a"}', "[1,2]"}
    host.sink.write(stored_connection, batch(3, record("a")))
    assert host.sink.count_rejected("org-1", "things") == 1


def test_a_new_column_is_added_and_filled(make_host, host, fake_connector, stored_connection):
    host.sink.write(stored_connection, batch(1, record("a", Total=Decimal("1.5"), Extra={"Deep": "x"}), record("b")))
    fake_connector.columns |= {"deep": "Extra.Deep"}
    newer = make_host()
    newer.sink.prepare("things", newer.report.connector("fake").entity("things"))
    assert [row["deep"] for row in rows(newer)] == ["x", None]
    fake_connector.columns = {"total": "Total"}
    older = make_host()
    older.sink.prepare("things", older.report.connector("fake").entity("things"))
    assert older.sink.write(stored_connection, batch(2, record("c"))) == Counts(new=1)


def test_a_schema_with_conditions_beside_its_fields_types_its_columns():
    amount = {"type": ["string", "null"], "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
    schema = {
        "type": "object",
        "properties": {"Total": amount, "Date": {"type": ["string", "null"], "format": "date"}},
        "anyOf": [{"required": ["ID"]}, {"required": ["OtherID"]}],
    }
    assert (sql_type(schema, "Total"), sql_type(schema, "Date")) == ("NUMERIC", "DATE")


@pytest.mark.parametrize(
    "name", ['x"; DROP TABLE things; --', "record", "deleted_at", "Total", "1a", "", "host_x", "a" * 64]
)
def test_a_connector_cannot_name_what_is_not_its_own(host, fake_connector, connection_id, name):
    fake_connector.columns = {name: "Total"}
    with pytest.raises(Misconfigured):
        host.sink.prepare("things", fake_connector.describe().entities[0])


@pytest.mark.parametrize("name", ["rejected", "host_grants", "sqlite_master", "Things", "a b", "a;b"])
def test_an_entity_cannot_be_named_as_a_table_of_ours(host, name):
    with pytest.raises(Misconfigured):
        host.sink.prepare(name, None)


changes = st.lists(
    st.lists(st.tuples(st.sampled_from("abcd"), st.one_of(st.none(), st.integers(0, 3))), min_size=0, max_size=6),
    max_size=8,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=changes)
def test_any_history_of_batches_ends_in_the_newest_state(host, stored_connection, history):
    with host.database.write_transaction() as connection:
        connection.execute(sa.text("DELETE FROM things"))
    expected: dict[str, int | None] = {}
    for number, changed in enumerate(history):
        things = [
            Record(key=key, op="delete") if value is None else record(key, Total=Decimal(value))
            for key, value in changed
        ]
        counts = host.sink.write(stored_connection, batch(number, *things))
        assert sum(vars(counts).values()) == len(things)
        for key, value in changed:
            if value is not None or key in expected:
                expected[key] = value
        assert host.store.entity_state(stored_connection.id, "things").cursor == {"n": number}
    alive = {row["key"]: row["total"] for row in rows(host) if row["deleted_at"] is None}
    assert alive == {key: value for key, value in expected.items() if value is not None}


def test_what_is_held_is_looked_up_by_its_keys_though_the_table_is_new(host, stored_connection):
    """PostgreSQL, which knows nothing of a new table, read all of it for each batch: 50 s for 50,000 rows."""
    for page in range(4):
        host.sink.write(stored_connection, batch(1, *(record(f"{page}-{n}", Total=n) for n in range(1000))))
    asked = []

    def listen(_connection, _cursor, statement, parameters, *_):
        asked.append((statement, parameters))

    sa.event.listen(host.database.engine, "before_cursor_execute", listen)
    host.sink.write(stored_connection, batch(2, *(record(f"1-{n}", Total=n) for n in range(600))))
    sa.event.remove(host.database.engine, "before_cursor_execute", listen)
    looked = [each for each in asked if "digest" in each[0] and each[0].startswith("SELECT")]
    assert len(looked) == 2
    how = "EXPLAIN QUERY PLAN" if host.database.path else "EXPLAIN"
    with host.database.read_transaction() as raw:
        for statement, parameters in looked:
            plan = "\n".join(str(row) for row in raw.exec_driver_sql(f"{how} {statement}", parameters))
            assert "organisation_id=? AND key=?" in plan or re.search(r"Index Cond: .*key", plan), plan
