"""Recording from the real thing: scrubbed, and what has changed there is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from bizosaas_xero.contract.scan import scan
from bizosaas_xero.sandbox import serve

COMMAND = [sys.executable, "-c", "from bizosaas_xero.cli import main; main()", "record", "--json"]


@pytest.fixture
def box():
    with serve(invoices=12, seed=21, limits=False) as running:
        yield running


def record(box, folder, scenario):
    app = box.info["apps"]["custom"]
    env = {
        **os.environ,
        "XERO_CLIENT_ID": app["client_id"],
        "XERO_CLIENT_SECRET": app["client_secret"],
        **{f"XERO_{name.upper()}": box.info[name] for name in ("api_url", "identity_url", "login_url")},
    }
    done = subprocess.run(  # noqa: S603 (our own command)
        [*COMMAND, "--kind", "custom", "--scenario", scenario, "--keep", str(folder)],
        capture_output=True, text=True, timeout=120, check=False, env=env,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout), env


def test_an_unchanged_xero_shows_no_drift_and_what_is_recorded_is_scrubbed(box, tmp_path):
    code, told, env = record(box, tmp_path, "contacts-first-read")
    assert told["recorded"] == ["contacts-first-read"], told
    assert [row for row in told["drift"] if row["level"] == "error"] == []
    assert code == 0
    text = (tmp_path / "contacts-first-read.yaml").read_text()
    assert "https://api.xero.com/api.xro/2.0/Contacts" in text
    assert env["XERO_CLIENT_SECRET"] not in text
    assert not scan(tmp_path.glob("*.yaml"), (r"^[0-9a-f-]+$",))


def test_a_changed_field_is_an_error_and_a_new_one_is_told(box, tmp_path):
    store = box.sandbox.store()
    table = store.table("Contacts")
    for guid in [table.id(slot) for slot in table.by_id]:
        store.edit("Contacts", guid, {"IsSupplier": "yes", "Mood": "good"})
    code, told, _ = record(box, tmp_path, "contacts-first-read")
    changes = {(row["level"], row["field"].rpartition(".")[2]) for row in told["drift"]}
    assert ("error", "IsSupplier") in changes
    assert ("info", "Mood") in changes
    assert code == 5
