"""``backup`` and ``restore`` as a person runs them."""

from __future__ import annotations

import pytest

from contract_tests.benchmarks.speed import empty_schema
from contract_tests.helpers.services import needs_postgresql


def test_a_backup_is_restored_after_more_happened(in_process_person, tmp_path):
    in_process_person.json("sync", "accounts")
    file = tmp_path / "copy.db"
    done = in_process_person.run("backup", str(file))
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "It does not hold the key: keep a copy of" in said
    assert str(in_process_person.home / "secret.key") in done.stdout.replace("\n", "")
    in_process_person.json("sync", "contacts")
    refused = in_process_person.json("restore", str(file), code=2)["error"]
    assert refused["reason"] == "not_confirmed"
    restored = in_process_person.json("restore", str(file), "--yes")
    assert restored["organisations"] == ["Demo Company (NZ)"]
    assert in_process_person.json("doctor")["exit_code"] == 0
    entities = in_process_person.json("status")["connections"][0]["entities"]
    assert {entity["entity"] for entity in entities if entity["rows"]} == {"accounts"}
    in_process_person.json("sync", "contacts", "accounts")
    assert (
        "this file is enough to use"
        in in_process_person.run("backup", str(tmp_path / "second.db"), "--with-key").stdout
    )


def test_a_restored_sign_in_that_was_used_since_is_told_rightly(in_process_person, tmp_path):
    """Xero takes a refresh token once (and for 30 minutes again): then only a person can connect."""
    file = tmp_path / "copy.db"
    in_process_person.json("backup", str(file))
    in_process_person.fault("revoke_grant")
    in_process_person.json("restore", str(file), "--yes")
    told = in_process_person.json("doctor", code=3)
    wrong = {finding["part"]: finding for finding in told["findings"] if finding["level"] == "problem"}
    assert wrong["sign-in"]["details"]["recovery"] == "reconnect"


@needs_postgresql
@pytest.mark.parametrize("command", [("backup", "x.db"), ("restore", "x.db", "--yes")])
def test_a_server_is_backed_up_with_its_own_tools(stranger, tmp_path, command):
    with empty_schema() as server:
        told = stranger.json(*command, code=3, BIZOSAAS_DATABASE_URL=server)
    words = told["commands"][0] if command[0] == "backup" else told["error"]["remedy"]
    assert "pg_dump --format=custom" in words
    assert not (tmp_path / "x.db").exists()
