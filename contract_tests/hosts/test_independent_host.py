"""A host that knows nothing of our package loads the plugin, syncs with it and reads its errors."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

from bizosaas_xero.sandbox import serve

HOST = Path(__file__).with_name("independent_host.py")
ENTITIES = ["invoices", "bills", "contacts", "bank_transactions", "accounts", "payments"]


def test_it_imports_nothing_of_ours():
    imported = {
        alias.name.split(".")[0]
        for node in ast.walk(ast.parse(HOST.read_text()))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported == {"json", "sys", "pluggy", "stevedore"}
    assert "ImportFrom" not in ast.dump(ast.parse(HOST.read_text()))


def test_it_syncs_all_entities_with_plain_dicts():
    with serve(invoices=60, seed=4) as box:
        custom = box.info["apps"]["custom"]
        told = {
            "app": {key: custom[key] for key in ("client_id", "client_secret", "kind")},
            "settings": {key: box.info[key] for key in ("api_url", "identity_url", "login_url")},
            "entities": ENTITIES,
        }
        done = subprocess.run(  # noqa: S603 (our own program)
            [sys.executable, "-W", "error", str(HOST)],
            input=json.dumps(told),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert set(said["rows"]) == set(ENTITIES)
    assert all(said["rows"].values())
    assert not any(said["again"].values())
    assert [(error["code"], error["recovery"]) for error in said["errors"]] == [
        ("auth_expired", "refresh"),
        ("not_found", "none"),
        ("not_found", "none"),
        ("invalid", "fix"),
    ]
    assert all(error["message"] and error["remedy"] for error in said["errors"])
    assert said["ours"] == []
