"""The control interface over HTTP, and starting and stopping."""

import json
import os
import signal
import subprocess
import sys

import httpx
import pytest

from bizosaas_xero.sandbox import Clock, Sandbox, serve


@pytest.fixture
def control(sandbox_server):
    with httpx.Client(base_url=f"{sandbox_server.url}/_sandbox") as http:
        yield http


def test_info_lists_addresses_organisations_and_apps(sandbox_server, control):
    info = control.get("/").json()
    assert info.pop("faults") == []
    assert info == sandbox_server.info
    assert list(info) == [
        "api_url",
        "identity_url",
        "login_url",
        "organisations",
        "apps",
        "control_url",
        "seed",
    ]
    assert len(info["organisations"]) >= 2
    assert set(info["apps"]) == {"web", "pkce", "custom", "legacy_custom", "legacy"}
    assert info["apps"]["pkce"]["client_secret"] is None
    assert json.loads(json.dumps(info)) == info


def test_the_log_holds_no_secret(client, sandbox_server, control):
    client.refresh(client.token["refresh_token"])
    client.http.get(client.authorize_url())
    client.get("Invoices", {"If_Modified_Since": "2026-01-01T00:00:00", "User_Agent": "me/1"}, page=1)
    text = control.get("/log").text
    for secret in (
        client.token["access_token"],
        client.token["refresh_token"],
        client.app["client_secret"],
        "s-1",
    ):
        assert secret not in text
    last = json.loads(text)["requests"][-1]
    assert (last["method"], last["path"], last["query"]) == ("GET", "/api.xro/2.0/Invoices", "page=1")
    assert (last["status"], last["tenant"], last["app"]) == (200, client.tenant, "web")
    assert (last["if_modified_since"], last["user_agent"]) == ("2026-01-01T00:00:00", "me/1")
    assert last["bytes"] > 0
    assert last["ms"] > 0
    assert control.delete("/log").status_code == 204
    assert control.get("/log").json()["requests"] == []


def test_faults_are_added_listed_and_removed(client, control):
    made = control.post("/faults", json={"kind": "status", "status": 503, "match": {"path": "/Invoices"}, "times": 2})
    assert made.status_code == 201
    assert client.get("Invoices").status_code == 503
    assert control.get("/faults").json()[0]["struck"] == 1
    assert control.delete("/faults").status_code == 204
    assert client.get("Invoices").status_code == 200
    assert control.post("/faults", json={"kind": "shoe"}).status_code == 400
    assert control.post("/faults", content="shoe").status_code == 400
    assert control.post("/faults", json=[]).status_code == 400


def test_switches_are_read_and_set(control):
    assert control.patch("/switches", json={"ims_inclusive": False}).json()["ims_inclusive"] is False
    for bad in (
        {"shoe": 1},
        {"invalid_client_status": 402},
        {"ims_inclusive": 1},
        {"refused_scope_as": "shoe"},
    ):
        assert control.patch("/switches", json=bad).status_code == 400


def test_the_clock_can_be_moved(client, control):
    control.post("/clock", json={"advance": 1801})
    assert client.get("Invoices").status_code == 401
    assert control.post("/clock", json={"shift": -60}).json()["shift"] == -60
    assert control.post("/clock", json={"leap": 1}).status_code == 400


def test_limits_can_be_set_and_reset(client, control):
    control.post("/limits", json={"enforce": True, "per_minute": 0})
    assert client.get("Accounts").status_code == 429
    control.post("/limits", json={"enforce": False, "reset": True})
    assert client.get("Accounts").status_code == 200
    assert control.post("/limits", json={"shoe": 1}).status_code == 400


def test_consent_can_be_given_without_a_browser(make_client, sandbox_server, control):
    client = make_client()
    url = f"{sandbox_server.url}{client.authorize_url()}"
    second = sandbox_server.info["organisations"][1]["id"]
    done = control.post("/consent", json={"url": url, "organisations": [second], "user": "adviser"}).json()
    assert done["callback_url"].startswith("http://localhost:8742/callback?code=")
    no = control.post("/consent", json={"url": url, "allow": False}).json()
    assert no["callback_url"] == "http://localhost:8742/callback?error=access_denied&state=s-1"
    for bad in (
        {"url": url.replace("client_id", "x")},
        {"url": url, "organisations": ["x"]},
        {"url": url, "user": "x"},
    ):
        answer = control.post("/consent", json=bad)
        assert answer.status_code == 400
        assert answer.json()["error"]
    control.patch("/switches", json={"refused_scope_as": "redirect"})
    refused = control.post("/consent", json={"url": url.replace("accounting.contacts", "shoe")}).json()
    assert "error=invalid_scope" in refused["callback_url"]


def test_rows_can_be_read_and_changed(client, sandbox_server, control):
    path = f"/data/{client.tenant}"
    raw = control.get(f"{path}/Invoices").json()
    assert raw["count"] == 60
    sandbox_server.sandbox.switches.set("sparse", False)
    listed = client.rows("Invoices", page=1, pageSize=1000, order="InvoiceID ASC")
    assert raw["rows"] == listed
    assert control.get(f"{path}/Invoices", params={"offset": 58}).json()["rows"] == listed[58:]
    guid = listed[0]["InvoiceID"]
    edited = control.post(f"{path}/bank_transactions", json={"op": "insert", "changes": {"Total": 3.1}}).json()
    assert client.rows(f"BankTransactions/{edited['id']}")[0]["Total"] == 3.1
    control.post(f"{path}/Invoices", json={"op": "edit", "id": guid, "changes": {"Reference": "y"}, "at": 1000})
    row = client.rows(f"Invoices/{guid}")[0]
    assert (row["Reference"], row["UpdatedDateUTC"]) == ("y", "/Date(1000+0000)/")
    contact = client.rows("Contacts", page=1)[0]["ContactID"]
    archived = control.post(f"{path}/Contacts", json={"op": "archive", "id": contact}).json()
    assert archived["row"]["ContactStatus"] == "ARCHIVED"
    control.post(f"{path}/Invoices", json={"op": "delete", "id": guid})
    assert client.get(f"Invoices/{guid}").status_code == 404
    new = {
        "InvoiceID": "abcdef00-0000-4000-8000-000000000000",
        "Type": "ACCREC",
        "Status": "DRAFT",
        "Total": 5,
    }
    control.post(f"{path}/Invoices", json={"op": "put", "row": new})
    assert client.rows(f"Invoices/{new['InvoiceID']}")[0]["Total"] == 5
    assert control.post(f"{path}/Invoices", json={"op": "edit", "id": guid}).status_code == 404
    assert control.post(f"{path}/Shoes", json={"op": "edit", "id": guid}).status_code == 404
    assert control.get("/data/nobody/Invoices").status_code == 404
    assert control.post(f"{path}/Invoices", json={"op": "burn"}).status_code == 400


def test_only_loopback_addresses_are_bound_by_default():
    for host in ("0.0.0.0", "192.0.2.1", "example.com", ""):  # noqa: S104 (what must be refused)
        with pytest.raises(ValueError, match="loopback"), serve(invoices=1, host=host):
            pass
    with serve(invoices=1, host="0.0.0.0", allow_remote=True) as box:  # noqa: S104 (what is asked for)
        assert httpx.get(f"http://127.0.0.1:{box.url.rpartition(':')[2]}/_sandbox/").status_code == 200


def test_a_taken_port_is_an_oserror(sandbox_server):
    with pytest.raises(OSError, match="in use"), serve(invoices=1, port=int(sandbox_server.url.rpartition(":")[2])):
        pass


def test_the_same_seed_gives_the_same_sandbox():
    def made(seed):
        sandbox = Sandbox(40, seed, clock=lambda: 1.79e9)
        rows = {name: list(sandbox.store().rows(name)) for name in sandbox.store().tables}
        return sandbox.describe("x"), rows

    assert made(3) == made(3)
    assert made(3)[0]["apps"] != made(4)[0]["apps"]
    assert made(3)[1] != made(4)[1]


def test_tokens_do_not_repeat_with_the_seed(make_client, client):
    clock = Clock(lambda: 1.79e9)
    tokens = Sandbox(1, 7, clock=clock).tokens
    assert tokens.new_guid() != Sandbox(1, 7, clock=clock).tokens.new_guid()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_forever_stops_cleanly(number):
    code = (
        "import json, sys\nfrom bizosaas_xero.sandbox import Sandbox\n"
        "Sandbox(5).run_forever(on_ready=lambda info: print(json.dumps(info), flush=True))\nprint('stopped')"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own code
        info = json.loads(process.stdout.readline())
        answer = httpx.get(info["control_url"]).json()
        os.kill(process.pid, number)  # before anything is asserted: a process that is not stopped is waited for
        assert answer == {**info, "faults": []}
        assert process.stdout.read() == "stopped\n"
        assert process.wait(10) == 0


def test_an_unknown_address_of_the_control_interface_is_named(sandbox_server):
    answer = httpx.get(f"{sandbox_server.url}/_sandbox/nothing")
    assert (answer.status_code, answer.json()) == (404, {"error": "there is no /_sandbox/nothing"})
    assert httpx.get(f"{sandbox_server.url}/nothing").headers["content-type"].startswith("text/html")
