"""Whole journeys through real processes."""

from __future__ import annotations

import re
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys

import httpx
import pytest

from contract_tests.helpers.person import COMMAND

ENTITIES = ["invoices", "bills", "contacts", "bank_transactions", "accounts", "payments"]

FIVE = {
    "create_invoice",
    "mark_invoice_paid",
    "get_aged_receivables",
    "reconcile_bank_feeds",
    "generate_pnl_report",
}


def test_demo_needs_nothing_and_can_be_run_twice(stranger):
    for _ in range(2):
        shown = stranger.json("demo", "--invoices", "50")
        assert [item["entity"] for item in shown["first"]] == ENTITIES
        assert all(item["complete"] and not item["problem"] for item in shown["first"] + shown["second"])
        assert sum(item["new"] for item in shown["first"]) > 100
        assert all(item["new"] + item["changed"] + item["deleted"] == 0 for item in shown["second"])
        assert all(item["calls"] == 1 for item in shown["second"])
        assert shown["seconds"] < 20
        acted = {item["action"]: item for item in shown["actions"]}
        assert set(acted) > FIVE
        assert {item["status"] for item in acted.values()} == {"done"}
        assert acted["create_invoice"]["data"]["subtotal"] == "1234.50"
        assert acted["mark_invoice_paid"]["data"]["status"] == "PAID"
        assert stat.S_IMODE(stranger.home.stat().st_mode) == stat.S_IMODE((stranger.home / "demo").stat().st_mode)
        assert stat.S_IMODE(stranger.home.stat().st_mode) == 0o700
    with sqlite3.connect(shown["database"]) as database:
        assert database.execute("SELECT count(*) FROM invoices").fetchone()[0] == shown["first"][0]["new"]
    database.close()


def test_what_the_demo_says_fits_the_terminal_and_its_commands_work(stranger):
    done = stranger.run("demo", "--invoices", "20")
    assert done.returncode == 0
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    commands = [line.strip() for line in lines[lines.index("Try next:") :] if line.startswith("  ")]
    assert all(len(line) <= 80 for line in lines if line.strip() not in commands and "bizosaas.db" not in line)
    assert "\x1b" not in done.stdout
    for command in [line for line in commands if not line.startswith("#")][:2]:
        runnable = command.replace("bizosaas-xero", f'"{sys.executable}" -c "{COMMAND[2]}"')
        ran = subprocess.run(runnable, shell=True, capture_output=True, text=True, check=False)  # noqa: S602 (our own line)
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout


def test_connect_sync_status_disconnect(person):
    code, connected, _ = person.connect()
    assert code == 0
    assert connected["connection"]["organisation_id"] == person.sandbox["organisations"][0]["id"]
    first = person.json("sync")["connections"][0]["entities"]
    assert [item["entity"] for item in first] == ENTITIES
    assert {item["kind"] for item in first} == {"first"}
    second = person.json("sync", "invoices", "accounts")["connections"][0]["entities"]
    assert [(item["entity"], item["new"], item["changed"]) for item in second] == [
        ("invoices", 0, 0),
        ("accounts", 0, 0),
    ]
    full = person.json("sync", "invoices", "--full")["connections"][0]["entities"][0]
    assert (full["kind"], full["new"], full["same"]) == ("reread", 0, first[0]["new"])
    told = person.json("status")["connections"][0]
    assert [item["rows"] for item in told["entities"]] == [item["new"] for item in first]
    assert told["state"] == "active"
    listed = person.json("organisations")["organisations"]
    assert [item["id"] for item in listed if item["connected"]] == [connected["connection"]["organisation_id"]]
    assert person.json("disconnect", code=2)["error"]["reason"] == "not_confirmed"
    assert len(person.json("disconnect", "--yes")["disconnected"]) == 1
    assert person.json("status", code=3)["error"]["reason"] == "not_connected"


@pytest.mark.parametrize("app", ["pkce", "custom", "legacy"])
def test_every_kind_of_app_connects(request, tmp_path, app):
    from contract_tests.helpers.person import Person

    if app == "custom":  # other tests may have disconnected its only organisation from the shared sandbox
        info = request.getfixturevalue("sandbox_server").info
    else:
        info = request.getfixturevalue("sandbox_info")
    person = Person(tmp_path / "home", info, app)
    if app == "custom":
        assert person.json("connect", "--kind", "custom")["connection"]["organisation_id"]
    else:
        args = ["--scopes", "legacy"] if app == "legacy" else ["--kind", "pkce"]
        code, told, _ = person.connect(*args)
        assert code == 0, told
    assert person.json("sync", "contacts")["connections"][0]["entities"][0]["new"] > 0


def test_the_browser_comes_back_to_this_machine(tmp_path, person):
    browser = tmp_path / "browser"
    browser.write_text(
        f"#!{sys.executable}\n"
        "import httpx, sys\n"
        f"answer = httpx.post('{person.sandbox['login_url']}/_sandbox/consent', "
        "json={'url': sys.argv[1]})\n"
        "callback = answer.json()['callback_url']\n"
        "base = callback.split('/callback')[0]\n"
        "assert httpx.get(base + '/favicon.ico').status_code == 404\n"
        "assert httpx.get(base + '/callback?code=x&state=forged').status_code == 400\n"
        "page = httpx.get(callback)\n"
        "assert page.status_code == 200 and 'Thank you' in page.text, page.text\n"
    )
    browser.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = person.run("connect", "--port", str(port))
        assert refused.returncode == 3
        assert f"port {port}" in refused.stderr
    done = person.run("connect", "--port", str(port), BROWSER=f"{browser} %s")
    assert done.returncode == 0, done.stderr
    assert "Connected to" in done.stdout
    assert "browser" in done.stderr


def test_several_organisations_are_offered_and_none_is_taken(person):
    both = [item["id"] for item in person.sandbox["organisations"]][:2]
    url = f"{person.sandbox['api_url']}/_sandbox/switches"
    httpx.patch(url, json={"multi_select": True}).raise_for_status()
    try:
        code, told, _ = person.connect(organisations=both)
    finally:
        httpx.patch(url, json={"multi_select": False}).raise_for_status()
    assert code == 2
    assert told["error"]["reason"] == "organisation_not_chosen"
    assert all(item["name"] in told["error"]["remedy"] for item in person.sandbox["organisations"][:2])
    assert person.json("status", code=3)["error"]["code"] == "reconnect_required"
    person.json("organisations", "--connect", both[1])
    assert person.json("status")["connections"][0]["organisation_id"] == both[1]
    person.json("organisations", "--connect", both[0])
    assert len(person.json("sync", "accounts")["connections"]) == 2
    assert person.json("disconnect", "--yes", code=2)["error"]["reason"] == "organisation_not_chosen"
    assert len(person.json("disconnect", "--yes", "-o", both[0], "--revoke")["disconnected"]) == 2


def test_a_person_can_use_a_terminal(consented_person):
    done = consented_person.run("sync", "invoices")
    assert done.returncode == 0
    assert re.search(r"invoices +\d+ +0 +0 +0 +1 +[\d.]+ kB +yes", done.stdout)
    assert "\x1b" not in done.stdout + done.stderr
    told = consented_person.run("status")
    assert "connected" in told.stdout
    assert "just now" in told.stdout


def test_a_reader_that_stops_reading_is_no_error(stranger):
    if not shutil.which("head"):
        pytest.skip("no head")
    command = f'"{sys.executable}" -c "{COMMAND[2]}" connectors | head -n 0'
    ran = subprocess.run(["sh", "-c", command], env=stranger.environ, capture_output=True, check=False)  # noqa: S603, S607 (our own command)
    assert ran.stderr == b""


def test_connectors_are_listed(stranger):
    row = stranger.json("connectors")["connectors"][0]
    assert (row["name"], row["status"], row["target"]) == ("xero", "loaded", "bizosaas_xero.plugin")
    assert row["offers"]["entities"] == ENTITIES
    assert "bizosaas_xero.plugin" in stranger.run("connectors").stdout


def test_help_is_quick_and_complete():
    program = (
        "import sys; from bizosaas_xero.cli.app import app\n"
        "heavy = {'httpx', 'sqlalchemy', 'pydantic', 'authlib', 'starlette', 'bizosaas_xero.plugin'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603 (our own command)
    shown = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True).stdout  # noqa: S603 (our own command)
    for name in ("demo", "connectors", "connect", "organisations", "sync", "status", "disconnect", "sandbox"):
        assert f"  {name} " in shown
