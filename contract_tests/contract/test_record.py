"""Recording from the real Xero: signed in, scrubbed, and with a report of what changed there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import httpx
import pytest

from bizosaas_xero.contract.secret_scan import scan

pytestmark = pytest.mark.xero_sandbox(invoices=12, seed=21)

COMMAND = [sys.executable, "-c", "from bizosaas_xero.cli import main; main()", "record"]
CONTACTS = ("--scenario", "contacts-first-read")


def environment(sandbox_server, kind):
    app = sandbox_server.info["apps"][kind]
    return {
        **os.environ,
        "XERO_CLIENT_ID": app["client_id"],
        "XERO_CLIENT_SECRET": app["client_secret"],
        "COLUMNS": "200",
        **{f"XERO_{name.upper()}": sandbox_server.info[name] for name in ("api_url", "identity_url", "login_url")},
    }


def record(sandbox_server, *options):
    """Run the command with a Custom Connection, and return its exit code and what it printed."""
    done = subprocess.run(  # noqa: S603 (our own command)
        [*COMMAND, "--kind", "custom", *CONTACTS, *options],
        capture_output=True, text=True, timeout=120, check=False, env=environment(sandbox_server, "custom"),
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, done.stdout


def change_contacts(sandbox_server, change):
    """Let every contact be another from now on, as if Xero had changed its API."""
    table = sandbox_server.sandbox.store().table("Contacts")
    for slot in list(table.by_id):
        row = table.row(slot)
        change(row)
        table.put(row)


# ---------------------------------------------------------------- drift


def test_an_unchanged_xero_shows_no_drift_and_what_is_recorded_is_scrubbed(sandbox_server, tmp_path):
    code, told = record(sandbox_server, "--json", "--keep", str(tmp_path))
    told = json.loads(told)
    assert told["recorded"] == ["contacts-first-read"], told
    assert [row for row in told["drift"] if row["level"] == "error"] == []
    assert code == 0
    text = (tmp_path / "contacts-first-read.yaml").read_text()
    assert "https://api.xero.com/api.xro/2.0/Contacts" in text
    assert environment(sandbox_server, "custom")["XERO_CLIENT_SECRET"] not in text
    assert not scan(tmp_path.glob("*.yaml"), (r"^[0-9a-f-]+$",))


def test_a_field_of_another_type_or_that_is_gone_is_an_error_and_a_new_one_information(sandbox_server):
    change_contacts(sandbox_server, lambda row: row.update(IsSupplier="yes", Mood="good") or row.pop("IsCustomer"))
    code, told = record(sandbox_server, "--json")
    found = {(row["level"], row["endpoint"], row["field"], row["what"]) for row in json.loads(told)["drift"]}
    where = "GET /api.xro/2.0/Contacts"
    assert {row for row in found if row[0] == "error"} == {
        ("error", where, "Contacts[].IsSupplier", "was flag, is text"),
        ("error", where, "Contacts[].IsCustomer", "is gone"),
    }
    assert ("info", where, "Contacts[].Mood", "is new") in found
    assert code == 5


@pytest.mark.slow
def test_a_new_field_alone_is_no_error(sandbox_server):
    change_contacts(sandbox_server, lambda row: row.update(Mood="good"))
    code, told = record(sandbox_server, "--json")
    assert ("info", "Contacts[].Mood") in [(row["level"], row["field"]) for row in json.loads(told)["drift"]]
    assert code == 0


@pytest.mark.slow
def test_a_person_reads_the_drift_in_a_table(sandbox_server):
    change_contacts(sandbox_server, lambda row: row.update(Mood="good") or row.pop("IsSupplier"))
    code, told = record(sandbox_server)
    lines = [line.split() for line in told.splitlines()]
    assert ["error", "GET", "/api.xro/2.0/Contacts", "Contacts[].IsSupplier", "is", "gone"] in lines
    assert ["info", "GET", "/api.xro/2.0/Contacts", "Contacts[].Mood", "is", "new"] in lines
    assert "Scenarios recorded: 1. Fields removed or of another type: 1. New fields: 1." in told
    assert code == 5


# ---------------------------------------------------------------- signing in


def sign_in(sandbox_server, answer, *options):
    """Run the command with a Web app, and paste what ``answer`` makes of the address that it prints."""
    process = subprocess.Popen(  # noqa: S603 (our own command)
        [*COMMAND, "--json", *CONTACTS, *options], env=environment(sandbox_server, "web"), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    guard = threading.Timer(120, process.kill)
    guard.start()
    try:
        asked = []
        for line in process.stderr:
            asked.append(line)
            if line.startswith("http"):
                break
        assert asked, process.stdout.read()
        told, more = process.communicate(answer(asked[-1].strip()) + "\n")
    finally:
        guard.cancel()
        process.kill()
    return process.returncode, told, "".join(asked) + more


def consent(sandbox_server, **more):
    """Do in the sandbox what a person does, and return the address to be pasted."""

    def answer(url):
        came = httpx.post(f"{sandbox_server.url}/_sandbox/consent", json={"url": url, **more})
        return came.raise_for_status().json()["callback_url"]

    return answer


def test_a_person_signs_in_by_pasting_the_address(sandbox_server, tmp_path):
    pasted = []
    code, told, asked = sign_in(
        sandbox_server, lambda url: pasted.append(consent(sandbox_server)(url)) or pasted[0], "--keep", str(tmp_path)
    )
    assert code == 0, asked
    assert json.loads(told)["recorded"] == ["contacts-first-read"]
    assert "Demo Company" in asked
    assert "code=" in pasted[0]
    text = (tmp_path / "contacts-first-read.yaml").read_text()
    assert not any(token in told + asked + text for token in sandbox_server.sandbox.tokens.access_tokens)


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (lambda box: consent(box, allow=False), "reconnect_required", "consent"),
        pytest.param(lambda _: lambda _url: "", "invalid", "No address was pasted.", marks=pytest.mark.slow),
        pytest.param(
            lambda _: lambda _url: "http://localhost:8377/callback",
            "invalid",
            "not the full address",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            lambda _: lambda _url: "http://localhost:8377/callback?code=x&state=y",
            "invalid",
            "callback_url",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["refused", "nothing pasted", "half of it pasted", "an address of something else"],
)
def test_a_sign_in_that_fails_says_why_and_records_nothing(sandbox_server, tmp_path, answer, code, said):
    ended, told, asked = sign_in(sandbox_server, answer(sandbox_server), "--keep", str(tmp_path / "kept"))
    error = json.loads(told)["error"]
    assert error["code"] == code
    assert said in json.dumps(error)
    assert ended not in {0, 5}
    assert "Traceback" not in asked
    assert not (tmp_path / "kept").exists()


def test_an_organisation_that_was_not_allowed_is_an_error(sandbox_server):
    code, told, _ = sign_in(sandbox_server, consent(sandbox_server), "--organisation", "No Such Company")
    error = json.loads(told)["error"]
    assert error["code"] == "organisation_unavailable"
    assert "Demo Company (NZ)" in error["message"]
    assert code


def test_a_scenario_that_cannot_be_recorded_is_an_error_and_nobody_has_to_sign_in(sandbox_server):
    for name in ("no-such-scenario", "token-expired-mid-sync"):
        code, told = record(sandbox_server, "--json", "--scenario", name)
        assert json.loads(told)["error"]["problems"][0]["field"] == "scenario"
        assert code == 2
    assert not [entry for entry in sandbox_server.sandbox.log if "/connect/token" in str(entry)]
