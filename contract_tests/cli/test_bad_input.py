"""What a person can get wrong: a clear message, a remedy, the right exit code, and no traceback."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import time

import httpx
import pytest
from cryptography.fernet import Fernet

from contract_tests.helpers.person import COMMAND


def refused(code, told, *, exit_code, error, words=""):
    problem = told["error"]
    assert (code, problem["code"]) == (exit_code, error), problem
    assert problem["message"].endswith(".")
    assert problem["remedy"]
    assert words.lower() in (problem["message"] + " " + problem["remedy"]).lower()
    return problem


def test_a_wrong_client_secret_is_refused_and_not_repeated(person):
    person.environ["XERO_CLIENT_SECRET"] = "a-wrong-secret"
    code, told, _ = person.connect()
    problem = refused(code, told, exit_code=3, error="misconfigured", words="client secret")
    assert problem["reason"] == "invalid_client"
    assert "a-wrong-secret" not in str(told)


def test_a_redirect_address_that_is_not_registered_is_named(person):
    person.environ["XERO_REDIRECT_URI"] = "http://localhost:8377/elsewhere"
    code, told, said = person.connect()
    assert "http://localhost:8377/elsewhere (registered with your app)" in said
    refused(code, told, exit_code=2, error="invalid", words="redirect address")
    code, told, _ = person.connect(pasted="http://localhost:8377/elsewhere?error=unauthorized_client")
    refused(code, told, exit_code=2, error="invalid", words="begin again")


@pytest.mark.parametrize("scopes", ["offline_access accounting.unheard_of", "legacy"])
def test_a_refused_scope_leads_to_the_legacy_scopes(person, scopes):
    code, told, _ = person.connect("--scopes", scopes)
    refused(code, told, exit_code=2, error="invalid", words="--scopes legacy")
    httpx.patch(f"{person.sandbox['api_url']}/_sandbox/switches", json={"refused_scope_as": "redirect"})
    try:
        code, told, _ = person.connect("--scopes", scopes)
    finally:
        httpx.patch(f"{person.sandbox['api_url']}/_sandbox/switches", json={"refused_scope_as": "page"})
    refused(code, told, exit_code=3, error="misconfigured", words="scopes")


def test_a_cancelled_consent_connects_nothing(person):
    code, told, _ = person.connect(allow=False)
    refused(code, told, exit_code=3, error="reconnect_required", words="not allowed")


def test_a_forged_or_replayed_callback_is_refused(person):
    code, told, _ = person.connect(pasted="http://localhost:8377/callback?code=abc&state=forged")
    refused(code, told, exit_code=2, error="invalid", words="begin again")
    used = []
    walk = person.consent
    person.consent = lambda url, **given: used.append(walk(url, **given)) or used[-1]
    assert person.connect()[0] == 0
    code, told, _ = person.connect(pasted=used[0])
    refused(code, told, exit_code=2, error="invalid", words="was used")
    assert person.run("sync", "accounts").returncode == 0


def test_pasting_nothing_asks_for_the_address_again(person):
    code, told, _ = person.connect(pasted=" ")
    refused(code, told, exit_code=2, error="invalid", words="paste")


@pytest.mark.parametrize(
    ("missing", "words"), [("XERO_CLIENT_ID", "--client-id"), ("XERO_CLIENT_SECRET", "client-secret-stdin")]
)
def test_missing_credentials_name_the_option_that_gives_them(person, missing, words):
    del person.environ[missing]
    told = person.json("connect", "--no-browser", code=3)
    refused(3, told, exit_code=3, error="misconfigured", words=words)


def test_the_secret_may_come_on_stdin(person):
    secret = person.environ.pop("XERO_CLIENT_SECRET")
    process = person.start("connect", "--no-browser", "--json", "--client-secret-stdin")
    process.stdin.write(secret + "\n")
    process.stdin.flush()
    url = next(line for line in process.stderr if "/connect/authorize" in line)
    out, _ = process.communicate(person.consent(url.strip()) + "\n", timeout=60)
    assert process.returncode == 0, out


def test_commands_before_connecting_lead_to_connect_and_the_demo(stranger):
    for command in ("sync", "status", "organisations"):
        told = stranger.json(command, code=3)
        assert refused(3, told, exit_code=3, error="reconnect_required", words="demo")["reason"] == "not_connected"
    stranger.json("disconnect", "--yes", code=3)
    shown = stranger.run("sync")
    assert shown.stdout == ""
    assert shown.stderr.startswith("Error: No organisation is connected.")
    assert "What to do: " in shown.stderr


def test_an_unknown_name_is_answered_with_the_known_ones(consented_person):
    told = consented_person.json("sync", "invoces", code=2)
    refused(2, told, exit_code=2, error="not_found", words="invoices, bills")
    told = consented_person.json("sync", "-o", "No Such Company Ltd", code=2)
    refused(2, told, exit_code=2, error="not_found", words="Demo Company")
    told = consented_person.json("organisations", "--connect", "nobody", code=3)
    refused(3, told, exit_code=3, error="organisation_unavailable", words="Demo Company")
    assert consented_person.run("sync", "--no-such-option").returncode == 2
    assert consented_person.run("no-such-command").returncode == 2


def test_an_organisation_not_offered(person):
    code, told, _ = person.connect("--organisation", "00000000-0000-0000-0000-000000000000")
    refused(code, told, exit_code=3, error="organisation_unavailable", words="does not reach")


def test_a_wrong_secret_key_is_told_from_a_malformed_one(consented_person):
    told = consented_person.json("sync", code=3, BIZOSAAS_SECRET_KEY=Fernet.generate_key().decode())
    refused(3, told, exit_code=3, error="misconfigured", words="not the key")
    told = consented_person.json("status", code=3, BIZOSAAS_SECRET_KEY="hello")
    refused(3, told, exit_code=3, error="misconfigured", words="32 bytes")


def test_a_damaged_database_is_named_by_every_command(consented_person):
    path = consented_person.home / "bizosaas.db"
    path.write_bytes(os.urandom(8192))
    for command in ("sync", "status", "organisations", "disconnect"):
        told = consented_person.json(command, code=3)
        refused(3, told, exit_code=3, error="misconfigured", words="damaged")


def test_damaged_cursor_heals_itself(consented_person):
    first = consented_person.json("sync", "contacts")["connections"][0]["entities"][0]
    with sqlite3.connect(consented_person.home / "bizosaas.db") as database:
        database.execute("""UPDATE host_entities SET cursor = '{"v": 77}'""")
    database.close()
    again = consented_person.json("sync", "contacts")["connections"][0]["entities"][0]
    assert (again["problem"], again["new"], again["same"]) == (None, 0, first["new"])


def test_a_home_that_cannot_be_used(person, tmp_path):
    (tmp_path / "file").write_text("")
    told = person.json("status", code=3, BIZOSAAS_HOME=str(tmp_path / "file"))
    refused(3, told, exit_code=3, error="misconfigured", words="BIZOSAAS_HOME")


def test_an_address_other_than_the_stored_one_is_refused(consented_person):
    told = consented_person.json("connect", "--no-browser", code=3, XERO_API_URL="http://example.com")
    refused(3, told, exit_code=3, error="misconfigured", words="must be an https:// address")
    told = consented_person.json("sync", "accounts", code=3, XERO_API_URL="http://example.com")
    problem = told["connections"][0]["entities"][0]["problem"]
    assert (problem["code"], problem["reason"]) == ("misconfigured", "other_address")
    assert "XERO_API_URL is http://example.com" in problem["message"]
    assert consented_person.sandbox["api_url"] in problem["message"]
    assert "Unset XERO_API_URL" in problem["remedy"]
    assert consented_person.json("sync", "accounts")["exit_code"] == 0, "the connection keeps its own address"


def test_a_revoked_grant_is_said_once_and_mended_by_connecting(consented_person):
    consented_person.json("sync", "accounts")
    consented_person.fault("revoke_grant")
    shown = consented_person.run("sync")
    assert shown.returncode == 3
    assert shown.stdout.count("What to do:") == 1
    assert "bizosaas-xero connect" in shown.stdout
    told = consented_person.json("status", code=3)["connections"][0]
    assert told["state"] == "reconnect"
    assert "must be connected again" in consented_person.run("status").stdout
    assert consented_person.connect()[0] == 0
    assert consented_person.json("sync", "invoices")["connections"][0]["entities"][0]["problem"] is None
    assert consented_person.json("status")["connections"][0]["state"] == "active"


def test_a_used_up_day_is_for_later(consented_person):
    consented_person.fault("rate_limit", problem="day", times=None)
    told = consented_person.json("sync", "accounts", code=4)
    problem = told["connections"][0]["entities"][0]["problem"]
    assert (problem["code"], problem["recovery"]) == ("rate_limited", "wait")


def test_a_row_that_cannot_be_read_is_told_and_kept(consented_person):
    # Rows that cannot be read are read again, so this one stays damaged.
    consented_person.fault("bad_row", match={"path": "/Invoices"}, field="Date", value="/Date(oops)/", times=None)
    told = consented_person.json("sync", "invoices", code=5)["connections"][0]["entities"][0]
    assert (told["rejected"], told["problem"]) == (1, None)
    assert "the table 'rejected'" in consented_person.run("sync", "invoices", "--full").stdout


@pytest.mark.parametrize("command", [["connect", "--port", "0"], ["connect", "--no-browser"], ["sync", "accounts"]])
def test_ctrl_c_ends_quietly(consented_person, command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
    consented_person.fault("latency", seconds=30, match={"path": "/api.xro/"})
    consented_person.command = COMMAND
    process = consented_person.start(*[port if word == "0" else word for word in command])
    if command[0] == "connect":
        assert next(line for line in process.stderr if "/connect/authorize" in line)
    else:
        assert "Demo Company" in process.stdout.readline()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "Stopped." in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("library", "words"), [("starlette", "bizosaas-xero[all]"), ("typer", "bizosaas-xero[all]")])
def test_a_missing_extra_is_named(stranger, tmp_path, library, words):
    (tmp_path / f"{library}.py").write_text(f"raise ModuleNotFoundError('gone', name='{library}')")
    done = stranger.run("demo", PYTHONPATH=str(tmp_path))
    assert done.returncode in {1, 3}
    assert words in done.stderr
    assert library in done.stderr


def test_a_dead_sign_in_does_not_hide_the_others(consented_person):
    second = dict(consented_person.environ)
    credentials = consented_person.sandbox["apps"]["legacy"]
    consented_person.environ |= {
        "XERO_CLIENT_ID": credentials["client_id"],
        "XERO_CLIENT_SECRET": credentials["client_secret"],
    }
    other = consented_person.sandbox["organisations"][1]["id"]
    assert consented_person.connect("--scopes", "legacy", organisations=[other])[0] == 0
    consented_person.environ = second
    for kind in ("revoke_grant", "expire_token"):
        consented_person.fault(kind, match={"path": "/connections"})
    told = consented_person.json("organisations")
    assert len(told["organisations"]) == 1
    assert [problem["recovery"] for problem in told["problems"]] == ["reconnect"]
