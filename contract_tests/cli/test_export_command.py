"""``export`` and ``disconnect --delete-data``: everything comes out exactly, and nothing of it is left behind."""

from __future__ import annotations

import csv
import json
import sqlite3
import stat
from decimal import Decimal

import pytest

from bizosaas_xero.host import open_host

ENTITIES = ["invoices", "bills", "contacts", "bank_transactions", "accounts", "payments"]
ATTACKS = ["=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", " =1", "\uff1d1", "a\x1b[2J\u202eb", 'quo"te,\r\nline', "plain"]


@pytest.fixture
def synced(in_process_person):
    in_process_person.json("sync")
    return in_process_person


def stored(person, entity):
    with sqlite3.connect(person.home / "bizosaas.db") as raw:
        return dict(raw.execute(f"SELECT key, record FROM {entity}"))  # noqa: S608 (names of tables)


def test_json_lines_hold_every_record_as_it_is_stored(synced, tmp_path):
    told = synced.json("export", str(tmp_path / "out"))
    for entity in ENTITIES:
        path = tmp_path / "out" / f"{entity}.jsonl"
        lines = path.read_text().splitlines()
        assert {json.loads(line)["key"]: json.dumps(json.loads(line)["record"]) for line in lines} == {
            key: json.dumps(json.loads(record)) for key, record in stored(synced, entity).items()
        }
        assert all(
            record in line
            for line, record in zip(
                lines, map(stored(synced, entity).get, [json.loads(line)["key"] for line in lines]), strict=True
            )
        )
        assert len(lines) == told["rows"][entity] > 0
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    again = synced.json("export", str(tmp_path / "out"), code=2)["error"]
    assert again["reason"] == "export_not_empty"


def test_csv_adds_up_and_no_text_of_a_contact_is_a_formula(synced, tmp_path):
    with open_host(synced.home, environ={}) as host, host.database.write_transaction() as transaction:
        for number, text in enumerate(ATTACKS):
            key = list(stored(synced, "contacts"))[number]
            record = json.loads(stored(synced, "contacts")[key]) | {"Name": text}
            transaction.exec_driver_sql("UPDATE contacts SET record = ? WHERE key = ?", (json.dumps(record), key))
    synced.json("export", str(tmp_path / "out"), "--format", "csv")
    with (tmp_path / "out" / "invoices.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    totals = [Decimal(json.loads(record)["Total"]) for record in stored(synced, "invoices").values()]
    assert sum(Decimal(row["total"]) for row in rows) == sum(totals)
    with (tmp_path / "out" / "contacts.csv").open(newline="") as file:
        names = {row["name"] for row in csv.DictReader(file)}
    assert {"plain", "'=1+1", "'+1+1", "'-1+1", "'@SUM(1)", "' =1", "'\uff1d1"} <= names
    assert not [name for name in names if name.lstrip()[:1] in {*"=+-@", "\uff1d"} or set(name) & {"\x1b", "\u202e"}]


def test_data_is_deleted_after_it_was_exported(synced, tmp_path):
    refused = synced.json("disconnect", "--delete-data", code=2)["error"]
    assert "not exported" in refused["message"]
    assert synced.json("disconnect", "--export", str(tmp_path / "x"), code=2)["error"]["code"] == "invalid"
    told = synced.json("disconnect", "--delete-data", "--export", str(tmp_path / "out"), "--yes")
    assert told["deleted"] == sum(told["rows"].values()) > 100
    with sqlite3.connect(synced.home / "bizosaas.db") as raw:
        tables = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        left = {name: raw.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}  # noqa: S608 (names of tables)
    assert {name for name, count in left.items() if count} <= {"host_meta", "host_apps", "host_leases", "host_audit"}


def test_data_of_an_organisation_that_was_disconnected_before_is_deleted_by_its_id(synced, tmp_path):
    organisation = synced.json("disconnect", "--yes")["disconnected"][0]["organisation_id"]
    assert stored(synced, "contacts")
    assert synced.json("disconnect", "--delete-data", "--organisation", "nobody", "--yes", code=3)["error"]
    assert synced.json("export", str(tmp_path / "out"), "--organisation", organisation)["rows"]["contacts"]
    told = synced.json("disconnect", "--delete-data", "--organisation", organisation, "--yes")
    assert told["disconnected"] == []
    assert not stored(synced, "contacts")


def test_nothing_is_deleted_when_xero_cannot_be_reached(synced):
    synced.fault("status", status=503, times=None, match={"path": "/connections"})
    assert synced.json("disconnect", "--delete-data", "--yes", code=4)["error"]["code"] == "unavailable"
    assert stored(synced, "contacts")
