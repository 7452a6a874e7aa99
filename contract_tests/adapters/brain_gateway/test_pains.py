"""What hurts in the gateway, and the answer to each: one test (or more) for each of the eleven pains."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from bizosaas_xero.adapters.brain_gateway import MemoryStore, WebhookReceiver
from bizosaas_xero.connector.http import client
from bizosaas_xero.spec import RateLimited
from contract_tests.adapters.brain_gateway import stand_in
from contract_tests.helpers.fake_connector import Clock, Fake, batch, record
from contract_tests.helpers.gateway import form_of, of_fake, running, settings_of

pytestmark = pytest.mark.xero_sandbox(invoices=150, seed=9)


def edit_grant(gateway, **changes):
    """Change the kept grant as time or the vendor would."""
    key = ("grant", gateway.tenant, "xero")
    kept = gateway.store.read(key)
    value = kept.value | {"grant": kept.value["grant"] | changes}
    assert gateway.store.write(key, value, kept.version)


def kept_grant(gateway):
    return gateway.store.read(("grant", gateway.tenant, "xero")).value["grant"]


def renewals(gateway, shared_sandbox_server):
    return sum(line["path"].endswith("/connect/token") for line in list(shared_sandbox_server.sandbox.log))


# ---------------------------------------------------------------- 1


def test_pain_1_a_renewed_token_is_not_lost_by_a_sync(gateway, shared_sandbox_server):
    gateway.connect()
    for changes in ({"expires_at": datetime.now(UTC).isoformat()}, {"access_token": "no longer good"}):
        edit_grant(gateway, **changes)
        before = kept_grant(gateway)
        assert gateway.sync("accounts:full")["status"] == "success"
        after = kept_grant(gateway)
        assert after["refresh_token"] != before["refresh_token"]  # rotated, and kept
        assert gateway.sync("accounts:full")["status"] == "success"
        assert kept_grant(gateway) == after
    assert set(next(iter(gateway.secrets.values()))) == {"connection"}  # nothing to write back over it


def test_pain_1_parallel_requests_renew_once(gateway, shared_sandbox_server):
    gateway.connect()
    edit_grant(gateway, expires_at=datetime.now(UTC).isoformat())
    before = renewals(gateway, shared_sandbox_server)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: gateway.act("get_organisation"), range(8)))
    assert [each["status"] for each in found] == ["success"] * 8
    assert renewals(gateway, shared_sandbox_server) == before + 1


def test_pain_1_what_renews_and_dies_blocks_nobody(gateway):
    gateway.connect()
    key = ("grant", gateway.tenant, "xero")
    soon = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
    edit_grant(gateway, expires_at=soon, obtained_at="2026-01-01T00:00:00+00:00")
    kept = gateway.store.read(key)
    lease = {"owner": "killed", "until": (datetime.now(UTC) + timedelta(minutes=4)).isoformat()}
    gateway.store.write(key, kept.value | {"lease": lease}, kept.version)
    assert gateway.sync("accounts:full")["status"] == "success"  # the token is good for a minute more
    kept = gateway.store.read(key)
    over = {"owner": "killed", "until": (datetime.now(UTC) - timedelta(seconds=1)).isoformat()}
    gateway.store.write(key, kept.value | {"lease": over}, kept.version)
    assert gateway.sync("accounts:full")["status"] == "success"
    assert gateway.store.read(key).value["lease"] is None
    assert kept_grant(gateway)["expires_at"] > soon


# ---------------------------------------------------------------- 2


def test_pain_2_a_gateway_that_hands_no_state_over_is_refused(start_gateway, shared_sandbox_server):
    gateway = start_gateway(changed=False)
    gateway("POST", "/api/connectors/xero/connect", json=form_of(shared_sandbox_server))
    done = gateway.came_back(shared_sandbox_server.sandbox.consent(gateway.authorize()))
    assert done.status_code == 500
    assert "did not hand the state over" in done.json()["detail"]
    assert "docs/brain-gateway.md" in done.json()["detail"]
    assert gateway.status() == "pending"


def test_pain_2_a_sign_in_belongs_to_the_tenant_that_began_it_and_is_good_once(gateway, shared_sandbox_server):
    for tenant in ("tenant-1", "tenant-2"):
        gateway("POST", "/api/connectors/xero/connect", tenant, json=form_of(shared_sandbox_server))
    # A stranger's own consent, sent to a user of tenant-2: the state names tenant-2, the nonce does not.
    mine = shared_sandbox_server.sandbox.consent(gateway.authorize("tenant-1"))
    forged = mine.replace("tenant-1%3Axero", "tenant-2%3Axero")
    assert forged != mine
    done = gateway.came_back(forged, "tenant-2")
    assert done.status_code == 500
    assert "begun for this tenant" in done.json()["detail"]
    assert gateway.status("tenant-2") == "pending"
    assert gateway.came_back(mine).status_code == 200
    assert "begun for this tenant" in gateway.came_back(mine).json()["detail"]
    assert gateway.status() == "connected"


def test_pain_2_of_two_who_bring_the_same_state_one_is_let_in(gateway, shared_sandbox_server):
    gateway("POST", "/api/connectors/xero/connect", json=form_of(shared_sandbox_server))
    url = shared_sandbox_server.sandbox.consent(gateway.authorize())
    with ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(lambda _: gateway.came_back(url).status_code, range(6)))
    assert sorted(codes) == [200, 500, 500, 500, 500, 500]


def test_pain_2_the_proof_key_outlives_the_object_that_began(gateway, shared_sandbox_server):
    gateway("POST", "/api/connectors/xero/connect", json=form_of(shared_sandbox_server, "pkce"))
    url = gateway.authorize()
    assert parse_qs(urlsplit(url).query)["code_challenge_method"] == ["S256"]
    gateway.callback(url)
    assert gateway.sync("accounts")["count"] > 0


def test_pain_2_the_oldest_of_many_consents_under_way_is_forgotten(gateway, shared_sandbox_server):
    gateway("POST", "/api/connectors/xero/connect", json=form_of(shared_sandbox_server))
    urls = [gateway.authorize() for _ in range(10)]
    assert len(gateway.store.read(("consent", gateway.tenant, "xero")).value) == 8
    assert gateway.came_back(shared_sandbox_server.sandbox.consent(urls[0])).status_code == 500
    assert gateway.came_back(shared_sandbox_server.sandbox.consent(urls[9])).status_code == 200


# ---------------------------------------------------------------- 3


def test_pain_3_nothing_of_value_lives_in_an_object(gateway):
    gateway.connect()
    made = gateway.registry.create_connector("xero", gateway.tenant, {"connection": "x"})
    asyncio.run(made.sync_data("accounts"))
    assert set(vars(made)) == {"tenant_id", "credentials", "logger"}


def test_pain_3_another_process_goes_on_where_the_first_stopped(start_gateway, gateway):
    gateway.connect()
    first = gateway.sync("invoices")
    other = start_gateway(store=gateway.store)
    other.secrets.update(gateway.secrets)
    second = other.sync("invoices")
    assert first["has_more"]
    assert not set(first["keys"]) & set(second["keys"])


def test_pain_3_all_objects_count_their_calls_together(start_gateway, shared_sandbox_server, monkeypatch):
    """With a ``limiter_url`` so do all processes (``contract_tests/connector/http/test_client.py``)."""
    monkeypatch.setattr(client, "DEFAULT_MAX_WAIT", 0)
    gateway = start_gateway(settings=settings_of(shared_sandbox_server, calls_per_minute=4))
    gateway.connect()
    shared_sandbox_server.sandbox.log.clear()
    told = [gateway.act("get_organisation") for _ in range(6)]  # a new object each time
    sent = [line for line in list(shared_sandbox_server.sandbox.log) if line["path"].startswith("/api.xro/")]
    assert {each["status"] for each in told} == {"success", "error"}
    assert told[-1]["error"]["code"] == "rate_limited"
    assert told[-1]["error"]["recovery"] == "wait"
    assert 0 < len(sent) <= 4


# ---------------------------------------------------------------- 4


def test_pain_4_the_cursor_is_kept_and_a_page_that_was_lost_comes_again(start_gateway):
    gateway = start_gateway(changed=False)
    secrets = _connected_behind_its_back(gateway)
    gateway.secrets.update(secrets)
    first, second = gateway.sync("invoices"), gateway.sync("invoices")
    assert not set(first["keys"]) & set(second["keys"])
    assert gateway.sync("invoices:again")["keys"] == second["keys"]
    assert gateway.sync("invoices:again")["keys"] == second["keys"]
    rest = gateway.pages("invoices")
    assert sum(page["count"] for page in rest) > 0
    assert gateway.sync("invoices:full")["keys"] == first["keys"]


def _connected_behind_its_back(gateway):
    """Sign in as a gateway would that hands the state over; the unchanged one cannot."""
    made = gateway.registry.create_connector("xero", gateway.tenant, form_of(gateway.box, "custom"))
    assert asyncio.run(made.validate_credentials())
    return {f"tenants/{gateway.tenant}/connectors/xero": made.credentials}


def test_pain_4_a_host_that_stores_says_what_it_has_stored(gateway):
    gateway.connect()
    first = gateway.sync("invoices")
    lost = gateway.sync("invoices", cursor=first["cursor"])
    again = gateway.sync("invoices", cursor=first["cursor"])
    assert lost["keys"] == again["keys"]
    assert gateway.sync("invoices", cursor="")["keys"] == first["keys"]


# ---------------------------------------------------------------- 5


def test_pain_5_one_grant_reaches_several_organisations(gateway, shared_sandbox_server):
    ids = [each["id"] for each in shared_sandbox_server.info["organisations"]][:2]
    gateway.connect(organisations=ids[:1])
    gateway.callback(gateway.authorize(), organisations=ids[1:])
    found = [gateway.act("get_organisation", organisation_id=one)["data"] for one in ids]
    assert found[0] != found[1]
    assert len(gateway.secrets) == 1


# ---------------------------------------------------------------- 6


@pytest.fixture
def slow_connector():
    """A connector whose sync waits for an event."""
    fake = Fake(Clock())
    fake.clock.moment = datetime.now(UTC)
    gate, there = threading.Event(), threading.Event()
    plain = fake.sync_entity

    def sync_entity(connection, entity, cursor, options):
        there.set()
        assert gate.wait(20)
        yield from plain(connection, entity, cursor, options)

    fake.sync_entity = sync_entity
    fake.gate, fake.there = gate, there
    yield fake
    gate.set()


def test_pain_6_a_slow_hook_does_not_hold_up_the_others(slow_connector):
    registry, credentials, done = of_fake(slow_connector, MemoryStore())
    slow_connector.runs = [[batch(1, record("a"))]]
    app = stand_in.create_app(registry, done, changed=True)
    app.state.secrets.kept["tenants/t/connectors/fake"] = credentials
    with running(app) as http, ThreadPoolExecutor(1) as pool:
        given = {"headers": {"Authorization": "Bearer t"}}
        page = pool.submit(http.get, "/api/connectors/fake/sync/things", **given)
        assert slow_connector.there.wait(10)
        assert http.get("/api/connectors/types", timeout=5).status_code == 200
        assert not page.done()
        slow_connector.gate.set()
        assert page.result().json()["keys"] == ["a"]


def test_pain_6_nobody_waits_longer_than_the_gateways_agents_do(slow_connector):
    registry, credentials, _ = of_fake(slow_connector, MemoryStore())
    slow_connector.runs = [[RateLimited("used up", retry_after=50)], [batch(1, record("a"))]]
    slow_connector.gate.set()
    made = registry.create_connector("fake", "t", credentials)
    told = asyncio.run(made.sync_data("things"))
    assert slow_connector.calls[0]["max_wait"] < 30
    assert (told["error"]["code"], told["error"]["retry_after"], told["has_more"]) == (
        "rate_limited",
        50,
        True,
    )
    assert asyncio.run(made.sync_data("things"))["keys"] == ["a"]


def test_pain_6_a_cancelled_request_ends_the_iterator_and_moves_no_cursor(slow_connector):
    store = MemoryStore()
    registry, credentials, _ = of_fake(slow_connector, store)
    slow_connector.runs = [[batch(1, record("a"), more=True), batch(2)], [batch(1, record("a"))]]

    async def cancelled():
        made = registry.create_connector("fake", "t", credentials)
        task = asyncio.create_task(made.sync_data("things"))
        await asyncio.to_thread(slow_connector.there.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        slow_connector.gate.set()

    asyncio.run(cancelled())  # its end waits for the thread
    assert slow_connector.closed == 1
    assert store.read(("cursor", "t", "fake", "org-1", "things")) is None
    made = registry.create_connector("fake", "t", credentials)
    assert asyncio.run(made.sync_data("things"))["keys"] == ["a"]


# ---------------------------------------------------------------- 7


def test_pain_7_errors_are_told_as_such_and_hold_no_secret(gateway, shared_sandbox_server, caplog):
    gateway.connect()
    grant = kept_grant(gateway)
    fault = {"kind": "rate_limit", "problem": "day", "retry_after": 40000}
    httpx.post(f"{shared_sandbox_server.url}/_sandbox/faults", json=fault).raise_for_status()
    try:
        told = gateway.sync("bills:full")
    finally:
        httpx.delete(f"{shared_sandbox_server.url}/_sandbox/faults")
    assert told["status"] == "error"
    assert (told["error"]["code"], told["error"]["recovery"]) == ("rate_limited", "wait")
    assert told["error"]["retry_after"] > 30000
    assert told["has_more"] is True  # an error is not the end
    edit_grant(gateway, access_token="planted-access", refresh_token="planted-refresh")
    told = gateway.act("get_organisation")
    assert (told["status"], told["error"]["recovery"]) == ("error", "reconnect")
    assert gateway.status() == "error"
    everything = json.dumps(told) + caplog.text
    for secret in ("planted-", grant["access_token"], form_of(shared_sandbox_server)["client_secret"]):
        assert secret not in everything


# ---------------------------------------------------------------- 8


def test_pain_8_webhooks_are_verified_over_the_raw_body():
    received = []

    def receive(content):
        if content.get("fail"):
            raise RuntimeError("the database is away")
        received.append(content)

    app = FastAPI()
    app.mount("/webhooks/xero", WebhookReceiver("the-key", receive))

    def signed(body, key=b"the-key"):
        return {"x-xero-signature": base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()}

    body = b'{"events": [ ], "entropy": "\\u00e4"}'
    with running(app) as http:

        def post(content, headers):
            return http.post("/webhooks/xero/", content=content, headers=headers)

        right = post(body, signed(body))
        assert (right.status_code, right.content) == (200, b"")
        assert post(body, signed(body, b"another")).status_code == 401
        assert post(body + b" ", signed(body)).status_code == 401
        assert post(body, {}).status_code == 401
        assert post(b"{", signed(b"{")).status_code == 400
        big = b" " * 1_000_001
        assert post(big, signed(big)).status_code == 413
        assert http.get("/webhooks/xero/").status_code == 405
        failed = b'{"fail": 1}'
        assert post(failed, signed(failed)).status_code == 500  # it comes again
    assert received == [{"events": [], "entropy": "ä"}]
    with pytest.raises(ValueError, match="key"):
        WebhookReceiver("", received.append)


# ---------------------------------------------------------------- 9


def test_pain_9_floats_of_the_hosts_models_become_exact_decimals(gateway):
    gateway.connect()
    deal = {"id": "D-1", "title": "Beans", "value": 1234.1, "currency": "NZD"}
    known = gateway.act("find_contacts", limit=1)["data"]["contacts"][0]
    more = {
        "value_is": "net",
        "contact": {"id": known["contact_id"]},
        "account": "200",
        "business_key": "d-1",
    }
    told = gateway.act("create_invoice", deal=deal, **more)
    assert told["status"] == "success", told
    assert '1234.1"' in json.dumps(told["plan"]["requests"]) or "1234.10" in json.dumps(told["plan"])
    assert "1234.0999" not in json.dumps(told["plan"])
    bad = b'{"limit": NaN}'
    headers = {"Authorization": f"Bearer {gateway.tenant}", "Content-Type": "application/json"}
    told = gateway.http.post("/api/connectors/xero/action/find_invoices", content=bad, headers=headers).json()
    assert told["error"]["problems"][0]["field"] == "payload.limit"


# ---------------------------------------------------------------- 11 (10: contract_tests/distribution)


def test_pain_11_the_hosts_count_of_rows_is_there(gateway):
    gateway.connect()
    for told in (gateway.sync("accounts"), gateway.sync("nonsense")):
        assert told["count"] == len(told["data"])
