"""``sync --watch``, ``configure``, ``events`` and ``doctor``, as a person or a service manager runs them."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from bizosaas_xero.host import open_host

ENTITIES = ["invoices", "bills", "contacts", "bank_transactions", "accounts", "payments"]


def until(condition, seconds=40):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen")


class Watcher:
    """A running ``sync --watch --json``, and what it said."""

    def __init__(self, person):
        self.process = person.start("sync", "--watch", "--json")
        self.lines: list[dict] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def end(self, number):
        began = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(30)
        self._reader.join()
        said = self.process.stderr.read()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        assert said == ""
        return code, time.monotonic() - began


def edit(person, entity, key, **changes):
    organisation = person.sandbox["organisations"][0]["id"]
    url = f"{person.sandbox['api_url']}/_sandbox/data/{organisation}/{entity}"
    httpx.post(url, json={"op": "edit", "id": key, "changes": changes}).raise_for_status()


def open_invoices(person):
    organisation = person.sandbox["organisations"][0]["id"]
    rows = httpx.get(f"{person.sandbox['api_url']}/_sandbox/data/{organisation}/Invoices").json()["rows"]
    return [row for row in rows if row["Type"] == "ACCREC" and row["Status"] == "AUTHORISED"]


def test_two_watch_beside_each_other_and_stop_when_told(in_process_person):
    person = in_process_person
    watchers = [Watcher(person), Watcher(person)]
    done = lambda: [line for watcher in watchers for line in watcher.lines]  # noqa: E731
    until(lambda: len({line["entity"] for line in done() if not line.get("problem")}) == len(ENTITIES))
    time.sleep(1)
    for watcher, number in zip(watchers, (signal.SIGTERM, signal.SIGINT), strict=True):
        code, seconds = watcher.end(number)
        assert code == 0
        assert seconds < 5
    assert sorted(line["entity"] for line in done()) == sorted(ENTITIES), "each was read once, by one of them"
    told = person.json("status")["connections"][0]
    assert all(item["next_due"] > item["last_success"] for item in told["entities"])
    assert told["today"]["calls"] == 1 + sum(line["calls"] for line in done())  # one when it was connected
    log = httpx.get(f"{person.sandbox['api_url']}/_sandbox/log").json()
    assert log["peak_in_flight"] <= 5


def test_stopped_in_the_middle_of_a_batch_nothing_is_lost(in_process_person):
    person = in_process_person
    person.environ["XERO_PAGE_SIZE"] = "20"
    person.fault("latency", seconds=1, times=None, match={"path": "/Invoices"}, after=1)
    watcher = Watcher(person)
    log = f"{person.sandbox['api_url']}/_sandbox/log"
    until(lambda: any("/Invoices" in call["path"] for call in httpx.get(log).json()["requests"]))
    code, seconds = watcher.end(signal.SIGTERM)
    assert (code, watcher.lines) == (0, [])
    assert seconds < 10
    httpx.delete(f"{person.sandbox['api_url']}/_sandbox/faults").raise_for_status()
    again = person.json("sync", "invoices")["connections"][0]["entities"][0]
    assert again["problem"] is None, "and no lease is left behind"
    fresh = person.json("sync", "invoices", "--full")["connections"][0]["entities"][0]
    assert (fresh["new"], fresh["changed"]) == (0, 0)


def test_watch_stands_alone(in_process_person):
    refused = in_process_person.json("sync", "invoices", "--watch", code=2)["error"]
    assert refused["reason"] == "watch_alone"
    assert "configure --interval" in refused["remedy"]


@contextmanager
def crm() -> Iterator[tuple[str, list[tuple[dict, bytes]]]]:
    came: list[tuple[dict, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            came.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_decide_then_a_deal_is_paid_and_the_crm_hears_of_it(in_process_person):
    person = in_process_person
    with crm() as (url, came):
        person.json("sync", "accounts", "invoices")
        decided = person.json("configure", "--sales-account", "200", "--interval", "invoices=600", "--callback", url)
        assert decided["callback_secret"]
        assert decided["connections"][0]["settings"] == {"sales_account": "200"}
        told = person.json("status")["connections"][0]["configured"]
        assert (told["intervals"]["invoices"], told["callback"]) == (600, url)
        invoice = open_invoices(person)[0]
        edit(
            person,
            "Invoices",
            invoice["InvoiceID"],
            Status="PAID",
            AmountDue=0,
            Url="https://crm.example/d/7",
        )
        assert person.run("sync", "invoices").returncode == 0
        lines = person.run("events", "--json").stdout.splitlines()
        event = json.loads(lines[-1])
        assert (event["name"], event["deal"]) == ("invoice_paid", "https://crm.example/d/7")
        assert [json.loads(body)["id"] for _, body in came] == [event["id"]]
        assert came[0][0]["webhook-signature"].startswith("v1,")
        shown = person.run("events")
        assert f"Invoice paid: {invoice['InvoiceNumber']}" in shown.stdout
        assert person.run("events", "--since", str(event["id"]), "--json").stdout == ""
    wrong = person.json("configure", "--sales-account", "no such", "--interval", "x=1", code=2)["error"]
    assert {problem["field"] for problem in wrong["problems"]} == {"sales_account", "intervals.x"}
    assert person.json("configure")["connections"][0]["settings"] == {"sales_account": "200"}


def test_events_are_followed_as_they_come(in_process_person):
    person = in_process_person
    person.json("sync", "invoices")
    process = person.start("events", "--follow", "--json")
    edit(person, "Invoices", open_invoices(person)[1]["InvoiceID"], Status="VOIDED")
    person.json("sync", "invoices")
    assert json.loads(process.stdout.readline())["name"] == "invoice_voided"
    process.terminate()
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert all(json.loads(line) for line in out.splitlines())


def findings(told):
    return {(item["part"], item["level"]) for item in told["findings"]}


def test_doctor_finds_nothing_wrong_where_all_is_well(in_process_person):
    in_process_person.json("sync", "accounts")
    told = in_process_person.json("doctor")
    assert {level for _, level in findings(told)} <= {"ok", "warning"}
    parts = {part for part, _ in findings(told)}
    assert parts == {
        *("database", "key", "connector", "credentials", "sign-in", "clock", "permissions"),
        *("organisation", "limits"),
    }
    shown = in_process_person.run("doctor")
    assert shown.returncode == 0
    assert all(len(line) <= 80 for line in shown.stdout.splitlines() if str(in_process_person.home) not in line)


def test_doctor_says_what_is_wrong_and_what_to_do(in_process_person):
    person = in_process_person
    (person.home / "secret.key").chmod(0o644)
    person.fault("disconnect")
    told = person.json("doctor", code=3)
    wrong = {item["part"]: item for item in told["findings"] if item["level"] == "problem"}
    assert wrong["key file"]["remedy"] == f"Run: chmod 600 {person.home / 'secret.key'}"
    (person.home / "secret.key").chmod(0o600)
    person.fault("revoke_grant")
    person.run("sync", "accounts")
    with open_host(person.home, environ={}) as host:
        kept = host.store.connections()[0]
        held = host.store.grant("xero", kept.identity)
        ended = held.grant.model_copy(update={"expires_at": held.grant.obtained_at})
        host.store.edit_grant("xero", kept.identity, lambda stored, _now: replace(stored, grant=ended))
    told = person.json("doctor", code=3)
    wrong = {item["part"]: item for item in told["findings"] if item["level"] == "problem"}
    assert "sign-in" in wrong or "organisation" in wrong
    assert all(item["remedy"] for item in wrong.values())


@pytest.mark.parametrize(("shift", "word"), [(-90, "ahead"), (90, "behind"), (30, "right")])
def test_doctor_compares_the_clocks_now(in_process_person, shift, word):
    url = f"{in_process_person.sandbox['api_url']}/_sandbox/clock"
    httpx.post(url, json={"shift": shift}).raise_for_status()
    try:
        told = in_process_person.json("doctor")
    finally:
        httpx.post(url, json={"shift": 0}).raise_for_status()
    clock = next(item for item in told["findings"] if item["part"] == "clock")
    assert word in clock["message"]
    assert clock["level"] == ("ok" if word == "right" else "warning")
    assert abs(clock["details"]["ahead_seconds"] + shift) <= 5
    assert ("timedatectl" in clock["remedy"]) == (word != "right")


def test_the_key_is_changed(in_process_person):
    from cryptography.fernet import Fernet

    new = Fernet.generate_key().decode()
    old = (in_process_person.home / "secret.key").read_text()
    in_process_person.environ["BIZOSAAS_SECRET_KEY"] = f"{new},{old}"
    assert in_process_person.json("doctor", "--rotate-key")["rotated"] == 3
    in_process_person.environ["BIZOSAAS_SECRET_KEY"] = new
    assert in_process_person.json("sync", "accounts")["exit_code"] == 0
    del in_process_person.environ["BIZOSAAS_SECRET_KEY"]
    assert in_process_person.json("status", code=3)["error"]["reason"] == "wrong_secret_key"


PLANTED = "Plantagenet-7-secret"


def test_the_bundle_holds_nothing_that_is_anybodys_business(in_process_person, tmp_path):
    person = in_process_person
    person.json("sync", "accounts", "contacts")
    with open_host(person.home, environ={}) as host:
        kept = host.store.connections()[0]
        grant = host.store.grant("xero", kept.identity).grant.model_dump(mode="json")
        secrets = {grant["access_token"], grant["refresh_token"], person.environ["XERO_CLIENT_SECRET"]}
        problem = {"code": PLANTED + " x@y.example", "reason": "no", "message": PLANTED, "remedy": PLANTED}
        host.store.set_state(kept.id, "fix", problem | {"recovery": "fix"})
        host.store.set_configuration(
            kept.id, {"api_url": kept.settings.get("api_url"), "x": PLANTED}, {"callback": None}
        )
        outcome = {"problem": problem | {"recovery": "retry"}, "kind": PLANTED + "!", "calls": 3}
        host.store.update_entity(kept.id, "contacts", outcome=outcome, cursor={"secret": PLANTED})
    target = tmp_path / "bundle.zip"
    person.run("doctor", "--bundle", str(target))
    assert target.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == ["about.json", "findings.json", "connections.json"]
        text = "".join(archive.read(name).decode() for name in archive.namelist())
    assert '"rows": ' in text
    with sqlite3.connect(person.home / "bizosaas.db") as raw:
        names = [row[0] for row in raw.execute("SELECT name FROM contacts UNION SELECT email FROM contacts")]
        names += [row[0] for row in raw.execute("SELECT organisation FROM host_connections")]
    raw.close()
    key = (person.home / "secret.key").read_text()
    forbidden = {
        *secrets,
        key,
        PLANTED,
        kept.organisation_id,
        person.environ["XERO_CLIENT_ID"],
        str(person.home),
    }
    for word in forbidden | {name for name in names if name}:
        assert word not in text, word
    assert not re.search(r"[\w.]+@[\w.]+", text)
    again = person.json("doctor", "--bundle", str(target), code=3)["error"]
    assert again["reason"] == "bundle_unwritable"
