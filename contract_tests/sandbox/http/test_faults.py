"""Each fault does what it documents, on the matching requests, as often as configured."""

import json
import time
from itertools import product

import httpx
import msgspec
import pytest

from bizosaas_xero.sandbox.http.faults import DAMAGES


def clean(client):
    assert client.get("Invoices", page=1).status_code == 200


def test_latency_delays_the_answer(client, sandbox_server):
    sandbox_server.sandbox.faults.add("latency", seconds=0.2, match={"path": "/Invoices"})
    start = time.perf_counter()
    clean(client)
    assert time.perf_counter() - start >= 0.2


def test_latency_has_struck_as_soon_as_it_delays(client, sandbox_server):
    fault = sandbox_server.sandbox.faults.add("latency", seconds=1, match={"path": "/Invoices"})
    with pytest.raises(httpx.ReadTimeout):
        client.http.get("/api.xro/2.0/Invoices", headers=client.headers(), timeout=0.3)
    assert fault.struck == 1, "before the delay ends"


def test_trickle_sends_the_first_bytes_one_by_one(client, sandbox_server):
    fault = sandbox_server.sandbox.faults.add("trickle", seconds=0.02, bytes=10, match={"path": "/Invoices"})
    start = time.perf_counter()
    clean(client)
    assert time.perf_counter() - start >= 0.2
    assert fault.struck == 1


def test_contradict_says_another_number_of_rows(client, sandbox_server):
    def count():
        return msgspec.json.decode(client.get("Invoices", page=1, pageSize=10).content)["pagination"]["itemCount"]

    rows = count()
    sandbox_server.sandbox.faults.add("contradict", by=-3)
    assert [count(), count()] == [rows - 3, rows]


def test_rate_limit_answers_429_with_the_given_headers(client, sandbox_server):
    bodies = {"json": "application/json", "text": "text/plain", "html": "text/html", "empty": ""}
    for problem, retry_after, body in product(("minute", "day", "appminute", "concurrent"), (None, 7), bodies):
        sandbox_server.sandbox.faults.add("rate_limit", problem=problem, retry_after=retry_after, body=body)
        answer = client.get("Invoices")
        assert answer.status_code == 429
        assert answer.headers["x-rate-limit-problem"] == problem
        assert answer.headers.get("retry-after") == (retry_after and str(retry_after))
        assert answer.headers.get("content-type", "").startswith(bodies[body])
        assert bool(answer.content) == (body != "empty")
    clean(client)


def test_a_refusal_of_a_limit_has_no_body_and_no_calls_left(client, sandbox_server):
    headers = {"minute": "x-minlimit-remaining", "day": "x-daylimit-remaining", "appminute": "x-appminlimit-remaining"}
    for problem in (*headers, "concurrent"):
        sandbox_server.sandbox.faults.add("rate_limit", problem=problem)
        answer = client.get("Invoices")
        assert (answer.status_code, answer.content) == (429, b"")
        left = {name: answer.headers[header] != "0" for name, header in headers.items()}
        assert left == {name: name != problem for name in headers}


def test_status_answers_with_any_status_and_body(client, sandbox_server):
    words = 'The "Organisation" is offline'
    for status, body in product((400, 403, 404, 412, 500, 501, 503), ("json", "text", "html", "empty")):
        sandbox_server.sandbox.faults.add("status", status=status, body=body, text=words, headers={"X-Shoe": "1"})
        answer = client.get("Invoices")
        assert (answer.status_code, answer.headers["x-shoe"]) == (status, "1")
        if body == "json":
            assert answer.json()["Detail"] == words
        elif body == "empty":
            assert answer.content == b""
        else:
            assert "Organisation" in answer.text
    clean(client)


def test_status_strikes_the_token_endpoint_too(client, sandbox_server):
    sandbox_server.sandbox.faults.add("status", status=503, match={"path": "/connect/token"})
    clean(client)
    assert client.refresh(client.token["refresh_token"]).status_code == 503
    assert client.refresh(client.token["refresh_token"]).status_code == 200


@pytest.mark.parametrize(("where", "error"), [("headers", httpx.TransportError), ("body", httpx.RemoteProtocolError)])
def test_cut_breaks_the_connection_before_or_in_the_answer(client, sandbox_server, where, error):
    sandbox_server.sandbox.faults.add("cut", where=where, match={"path": "/Invoices"})
    with pytest.raises(error):
        client.get("Invoices", {"Accept_Encoding": "identity"})
    clean(client)


def test_cut_loses_an_answer_without_a_body(client, sandbox_server):
    invoice = next(r for r in client.rows("Invoices", page=1) if r["Type"] == "ACCREC" and r["Status"] == "AUTHORISED")
    store = sandbox_server.sandbox.store()
    store.edit("Contacts", invoice["Contact"]["ContactID"], {"EmailAddress": "a@example.com"})
    store.email_cap = 1
    fault = sandbox_server.sandbox.faults.add("cut", where="body", match={"path": "/Email"})
    with pytest.raises(httpx.TransportError):
        client.send("POST", f"Invoices/{invoice['InvoiceID']}/Email", {})
    assert fault.struck == 1
    assert store.emailed[store.today()] == 1, "the work was done before the answer was lost"


@pytest.mark.unstruck_faults
def test_a_fault_that_changes_nothing_has_not_struck(client, sandbox_server):
    sandbox_server.sandbox.log.clear()
    faults = sandbox_server.sandbox.faults
    faults.add("bad_row", field="Shoe", match={"path": "/Invoices"})
    faults.add("disconnect", organisation="elsewhere", match={"path": "/Accounts"})
    faults.add("mutate", entity="Contacts", op="edit", count=0, match={"path": "/Contacts"})
    for name in ("Invoices", "Accounts", "Contacts"):
        assert client.get(name, page=1).status_code == 200
    assert [fault["struck"] for fault in faults.unstruck()] == [0, 0, 0]
    assert faults.pending() == []
    assert [entry["faults"] for entry in sandbox_server.sandbox.log] == [[], [], []]
    shown = client.http.get("/_sandbox/").json()["faults"]
    assert [(fault["kind"], fault["struck"]) for fault in shown] == [("bad_row", 0), ("disconnect", 0), ("mutate", 0)]


def test_cut_knows_only_two_places(sandbox_server):
    with pytest.raises(ValueError, match="where is one of body, headers"):
        sandbox_server.sandbox.faults.add("cut", where="before")


def test_an_answered_request_is_in_the_log_already(client, sandbox_server):
    sandbox_server.sandbox.log.clear()
    for count in range(1, 101):
        client.get("Currencies")
        assert len(sandbox_server.sandbox.log) == count
        assert sandbox_server.sandbox.log[-1]["in_flight"] == 1


@pytest.mark.parametrize("kind", ["malformed", "truncated"])
def test_malformed_and_truncated_answers_are_not_json(client, sandbox_server, kind):
    sandbox_server.sandbox.faults.add(kind, match={"path": "/Invoices"})
    answer = client.get("Invoices", page=1)
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    clean(client)


@pytest.mark.parametrize("how", ["surrogate", "utf8", "control", "bom", "nan", "huge"])
def test_malformed_damages_a_page_in_other_ways(client, sandbox_server, how):
    good = client.get("Invoices", {"Accept_Encoding": "identity"}, page=1).content
    sandbox_server.sandbox.faults.add("malformed", how=how)
    bad = client.get("Invoices", {"Accept_Encoding": "identity"}, page=1).content
    assert bad != good
    assert DAMAGES[how] in bad
    with pytest.raises((ValueError, msgspec.DecodeError)):
        msgspec.json.decode(bad, type=dict[str, object])
    clean(client)


def test_malformed_refuses_unknown_damages(sandbox_server):
    with pytest.raises(ValueError, match="how is one of syntax, surrogate"):
        sandbox_server.sandbox.faults.add("malformed", how="upside down")


@pytest.mark.parametrize("name", ["Invoices", "Contacts", "BankTransactions", "Accounts", "Payments"])
def test_bad_row_damages_exactly_one_row(client, sandbox_server, name):
    good = client.rows(name, page=1)
    sandbox_server.sandbox.faults.add("bad_row", row=2)
    bad = client.rows(name, page=1)
    assert [k for k, (a, b) in enumerate(zip(good, bad, strict=True)) if a != b] == [2]
    assert "/Date(oops)/" in bad[2].values()
    assert client.rows(name, page=1) == good


def test_bad_row_damages_a_named_field(client, sandbox_server):
    sandbox_server.sandbox.faults.add("bad_row", field="Total", row=-1)
    assert client.rows("Invoices", page=1)[-1]["Total"] == "12,5x"


def test_expire_token_ends_the_access_token(client, sandbox_server):
    sandbox_server.sandbox.faults.add("expire_token", after=1)
    clean(client)
    answer = client.get("Invoices")
    assert answer.status_code == 401
    assert "TokenExpired" in answer.json()["Detail"]
    assert client.get("Invoices").status_code == 401, "it stays dead"
    client.token = client.refresh(client.token["refresh_token"]).json()
    clean(client)


def test_revoke_grant_ends_refresh_and_connections(client, sandbox_server):
    sandbox_server.sandbox.faults.add("revoke_grant", match={"path": "/connect/token"})
    clean(client)
    assert client.refresh(client.token["refresh_token"]).json() == {"error": "invalid_grant"}
    assert client.get("Invoices").status_code == 403


def test_disconnect_removes_one_organisation(client, sandbox_server):
    sandbox_server.sandbox.faults.add("disconnect", match={"path": "/Invoices"})
    assert client.get("Accounts").status_code == 200
    assert client.get("Invoices").status_code == 403
    assert client.connections() == []
    assert client.refresh(client.token["refresh_token"]).status_code == 200


def test_lost_refresh_rotates_the_token_and_loses_the_answer(client, sandbox_server):
    token = client.token["refresh_token"]
    sandbox_server.sandbox.faults.add("lost_refresh")
    with pytest.raises(httpx.TransportError):
        client.refresh(token)
    assert client.refresh(token).status_code == 200, "within the grace time"
    sandbox_server.sandbox.clock.advance(31 * 60)
    assert client.refresh(token).json() == {"error": "invalid_grant"}, "it was done, only the answer was lost"


def test_redirect_answers_302(client, sandbox_server):
    sandbox_server.sandbox.faults.add("redirect", location="http://elsewhere.example/x")
    answer = client.get("Invoices")
    assert (answer.status_code, answer.headers["location"]) == (302, "http://elsewhere.example/x")


def test_mutate_changes_rows_after_the_answer(client, sandbox_server):
    query = {"order": "InvoiceID ASC", "pageSize": 20}
    before = {row["InvoiceID"]: row for row in client.rows("Invoices", page=1, pageSize=1000)}
    faults = sandbox_server.sandbox.faults
    faults.add("mutate", entity="invoices", op="edit", count=3, changes={"Reference": "x"}, match={"page": 1})
    faults.add("mutate", entity="Invoices", op="insert", count=2, match={"page": 2})
    faults.add("mutate", entity="Invoices", op="delete", which="last", match={"page": 2})
    one = client.rows("Invoices", page=1, **query)
    assert one == [before[row["InvoiceID"]] for row in one], "it strikes after the page was read"
    after = {row["InvoiceID"]: row for row in client.rows("Invoices", page=1, pageSize=1000)}
    changed = [guid for guid in before if before[guid] != after[guid]]
    assert sorted(changed) == sorted(row["InvoiceID"] for row in one[:3])
    assert all(after[guid]["Reference"] == "x" for guid in changed)
    assert all(after[guid]["UpdatedDateUTC"] > before[guid]["UpdatedDateUTC"] for guid in changed)
    client.get("Invoices", page=2, **query)
    end = {row["InvoiceID"] for row in client.rows("Invoices", page=1, pageSize=1000)}
    assert len(end - set(before)) == 2
    assert len(set(before) - end) == 1


def test_mutate_can_archive_contacts(client, sandbox_server):
    count = len(client.rows("Contacts", page=1))
    sandbox_server.sandbox.faults.add(
        "mutate", entity="Contacts", op="archive", which="spread", count=2, match={"page": 1}
    )
    assert len(client.rows("Contacts", page=1)) == count
    assert len(client.rows("Contacts", page=1)) < count


def test_a_blind_edit_keeps_the_timestamp(client, sandbox_server):
    sandbox_server.sandbox.faults.add(
        "mutate", entity="Invoices", op="edit", changes={"SentToContact": True, "Url": "u"}, blind=True
    )
    stamps = {r["InvoiceID"]: r["UpdatedDateUTC"] for r in client.rows("Invoices", page=1)}
    after = client.rows("Invoices", page=1)
    assert sum("Url" in row for row in after) == 1
    assert {r["InvoiceID"]: r["UpdatedDateUTC"] for r in after} == stamps


def test_clock_shift_makes_the_server_clock_wrong(client, sandbox_server):
    sandbox_server.sandbox.faults.add("clock_shift", seconds=-7200)
    answer = client.get("Invoices")
    stamp = int(answer.json()["DateTimeUTC"][6:-2]) / 1000
    assert abs(sandbox_server.sandbox.clock.now() - 7200 - stamp) < 30
    sandbox_server.sandbox.faults.clear()
    assert int(client.get("Invoices").json()["DateTimeUTC"][6:-2]) / 1000 > stamp + 7000


@pytest.mark.unstruck_faults
def test_a_fault_strikes_where_and_as_often_as_asked(client, sandbox_server):
    faults = sandbox_server.sandbox.faults
    faults.add("status", status=500, match={"path": "/accounts", "method": "GET", "query": "a=1"}, after=1, times=2)
    codes = [client.get("Accounts", a=1).status_code for _ in range(5)]
    assert codes == [200, 500, 500, 200, 200]
    faults.add("status", status=500, match={"tenant": "elsewhere"}, times=None)
    clean(client)
    faults.add("status", status=500, match={"path": "/Invoices"}, times=None)
    assert [client.get("Invoices").status_code for _ in range(3)] == [500] * 3
    assert [f["struck"] for f in faults.pending()] == [0, 3]
    faults.clear()
    clean(client)


def test_unknown_faults_are_refused(sandbox_server):
    wrong = (
        ("shoe", {}),
        ("latency", {"second": 1}),
        ("mutate", {"op": "burn", "entity": "Invoices"}),
        ("status", {"match": {"pth": "x"}}),
        ("status", {"body": "shoe"}),
    )
    for kind, details in wrong:
        with pytest.raises(ValueError, match=r"knows|no fault|needs|one of"):
            sandbox_server.sandbox.faults.add(kind, **details)
