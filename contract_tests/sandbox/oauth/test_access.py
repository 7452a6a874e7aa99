"""Who is refused, in Xero's words, and the limits."""

import asyncio
import re

import httpx
import pytest

from bizosaas_xero.sandbox.core.clock import Clock
from bizosaas_xero.sandbox.http.rate_limits import RateLimits


def test_an_expired_token_is_a_401_that_names_the_time(client, sandbox_server):
    sandbox_server.sandbox.clock.advance(1801)
    answer = client.get("Invoices")
    assert answer.status_code == 401
    body = answer.json()
    assert re.fullmatch(r"TokenExpired: token expired at \d\d/\d\d/\d{4} \d\d:\d\d:\d\d", body.pop("Detail"))
    assert re.fullmatch(r"[0-9a-f-]{36}", body.pop("Instance"))
    assert body == {"Type": None, "Title": "Unauthorized", "Status": 401, "Extensions": {}}
    listed = client.http.get("/connections", headers=client.headers())
    assert listed.status_code == 401


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer garbage", "Basic abc", "Bearer a.b.c"])
def test_a_call_without_a_token_is_a_401(client, value):
    for path in ("/api.xro/2.0/Invoices", "/connections"):
        answer = client.http.get(path, headers={**client.headers(), "Authorization": value})
        assert answer.status_code == 401
        assert answer.json()["Detail"] == "AuthenticationUnsuccessful"


def test_an_organisation_that_is_not_connected_is_a_403(client, sandbox_server):
    for tenant in (sandbox_server.info["organisations"][1]["id"], "00000000-0000-0000-0000-000000000000", ""):
        client.tenant = tenant
        answer = client.get("Invoices")
        assert answer.status_code == 403
        assert (answer.json()["Title"], answer.json()["Detail"]) == (
            "Forbidden",
            "AuthenticationUnsuccessful",
        )


@pytest.mark.parametrize(
    ("app", "scope", "opens"),
    [
        ("web", "accounting.invoices", {"Invoices", "CreditNotes", "Items"}),
        ("web", "accounting.invoices.read", {"Invoices", "CreditNotes", "Items"}),
        ("web", "accounting.payments.read", {"Payments"}),
        ("web", "accounting.banktransactions", {"BankTransactions"}),
        ("web", "accounting.contacts.read", {"Contacts"}),
        ("web", "accounting.settings", {"Accounts", "Items", "Organisation"}),
        ("legacy", "accounting.transactions", {"Invoices", "CreditNotes", "Payments", "BankTransactions"}),
        (
            "legacy",
            "accounting.transactions.read",
            {"Invoices", "CreditNotes", "Payments", "BankTransactions"},
        ),
    ],
)
def test_each_endpoint_needs_its_scope(make_client, sandbox_server, app, scope, opens):
    sandbox_server.sandbox.switches.set("missing_scope_status", 401)
    client = make_client(app).connect(scope=scope)
    for name in ("Invoices", "CreditNotes", "Payments", "BankTransactions", "Contacts", "Accounts", "Items",
                 "Organisation"):  # fmt: skip
        answer = client.get(name)
        assert answer.status_code == (200 if name in opens else 401), name
        if name not in opens:
            assert "insufficent_scope" in answer.headers["www-authenticate"]


def test_missing_scope_may_be_a_403(make_client, sandbox_server):
    client = make_client().connect(scope="accounting.contacts")
    sandbox_server.sandbox.switches.set("missing_scope_status", 403)
    assert client.get("Invoices").status_code == 403


def test_a_reading_scope_does_not_allow_writing(make_client, sandbox_server):
    sandbox_server.sandbox.switches.set("missing_scope_status", 401)
    reader = make_client().connect(scope="accounting.contacts.read")
    assert reader.http.put("/api.xro/2.0/Contacts", headers=reader.headers()).status_code == 401
    assert reader.connect(scope="accounting.contacts") is reader
    assert reader.http.put("/api.xro/2.0/Contacts", headers=reader.headers()).status_code == 400


def left(answer):
    return {name[2:-10]: int(v) for name, v in answer.headers.items() if name.endswith("limit-remaining")}


def test_minute_and_day_limits_refuse_with_xeros_headers(client, sandbox_server):
    limits = sandbox_server.sandbox.limits
    limits.enforce = True
    assert left(client.get("Accounts")) == {"appminlimit": 9998, "minlimit": 59, "daylimit": 999}
    for _ in range(59):
        last = client.get("Currencies")
    assert left(last)["minlimit"] == 0
    over = client.get("Currencies")
    assert over.status_code == 429
    assert over.headers["x-rate-limit-problem"] == "minute"
    assert 0 < int(over.headers["retry-after"]) <= 60
    assert left(over)["daylimit"] == 940, "a refused call is not counted"
    sandbox_server.sandbox.clock.advance(int(over.headers["retry-after"]))
    assert client.get("Currencies").status_code == 200
    limits.per_day = 61
    day = client.get("Currencies")
    assert (day.status_code, day.headers["x-rate-limit-problem"]) == (429, "day")
    assert int(day.headers["retry-after"]) > 80_000
    assert left(day)["daylimit"] == 0
    limits.per_day = 5000
    limits.per_app_minute = 1
    app = client.get("Currencies")
    assert (app.status_code, app.headers["x-rate-limit-problem"]) == (429, "appminute")


def test_each_organisation_has_its_own_limits(client, sandbox_server):
    limits = sandbox_server.sandbox.limits
    limits.enforce, limits.per_minute = True, 1
    first = client.tenant
    client.connect(organisations=[sandbox_server.info["organisations"][1]["id"]])
    assert client.get("Accounts").status_code == 200
    assert client.get("Accounts").status_code == 429
    client.tenant = sandbox_server.info["organisations"][1]["id"]
    assert client.get("Accounts").status_code == 200
    assert first != client.tenant


@pytest.mark.parametrize("enforce", [True, False])
def test_a_sixth_call_at_once_is_refused(client, sandbox_server, enforce):
    sandbox_server.sandbox.limits.enforce = enforce
    sandbox_server.sandbox.faults.add("latency", seconds=0.3, times=None)

    async def together():
        async with httpx.AsyncClient(base_url=sandbox_server.url) as http:
            asked = [http.get("/api.xro/2.0/Accounts", headers=client.headers()) for _ in range(8)]
            return await asyncio.gather(*asked)

    refused = [a for a in asyncio.run(together()) if a.status_code == 429]
    assert bool(refused) is enforce
    for answer in refused:
        assert answer.headers["x-rate-limit-problem"] == "concurrent"
        assert "retry-after" not in answer.headers
    assert sandbox_server.sandbox.limits.peak == 8
    assert not sandbox_server.sandbox.limits.in_flight, "all calls have ended"
    assert max(entry["in_flight"] for entry in sandbox_server.sandbox.log) == 8


def test_limit_windows_start_with_their_first_call():
    clock = Clock(lambda: 1000.0)
    limits = RateLimits(clock)
    limits.per_minute = 2
    assert limits.take_call("a", "t") is None
    clock.advance(59)
    assert limits.take_call("a", "t") is None
    assert limits.take_call("a", "t").retry_after == 1
    clock.advance(1)
    assert limits.take_call("a", "t") is None
    assert limits.take_call("a", "t") is None
    assert limits.take_call("a", "t").problem == "minute"
