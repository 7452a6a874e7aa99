"""Each method of a connector means here what the gateway means by it."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import pytest

from bizosaas_xero.adapters.brain_gateway.work import PARAMS
from bizosaas_xero.spec import Grant, Unavailable
from contract_tests.adapters.brain_gateway import real
from contract_tests.helpers.gateway import form_of

pytestmark = pytest.mark.xero_sandbox(invoices=150, seed=9)


def grant_of(gateway):
    [connection] = gateway.host().store.connections()
    return gateway.host().store.grant("xero", connection.identity)


def edit_grant(gateway, **changes):
    """Change the kept grant as time or the provider would."""
    before = grant_of(gateway).grant
    gateway.host().store.save_grant("xero", Grant(**before.model_dump(mode="json") | changes))


def token_requests(gateway):
    return [line for line in list(gateway.box.sandbox.log) if line["path"].endswith("/connect/token")]


# ---------------------------------------------------------------- validate_credentials


def test_a_test_of_credentials_changes_nothing_that_is_live(gateway):
    gateway.connect()
    before, app = grant_of(gateway), gateway.host().store.app("xero", form_of(gateway.box)["client_id"])
    for kind, changes, valid in [
        ("web", {"client_secret": "planted-secret"}, False),
        ("web", {"client_secret": ""}, False),
        ("pkce", {}, True),
        ("web", {}, True),
    ]:
        told = gateway("POST", "/api/connectors/xero/test", json=form_of(gateway.box, kind) | changes).json()
        assert told["valid"] is valid, (kind, changes, told)
        assert "planted-secret" not in json.dumps(told)
        assert (grant_of(gateway), gateway.status()) == (before, "connected")
        assert gateway.host().store.app("xero", app.app.client_id) == app
    assert gateway.sync("accounts").json()["count"] > 0


def test_what_is_entered_waits_beside_the_working_connection_until_its_own_consent(gateway):
    gateway.connect()
    first = grant_of(gateway).grant
    assert gateway.enter(app="pkce").status_code == 200
    assert (gateway.status(), grant_of(gateway).grant) == ("connected", first)
    back = gateway.consent(gateway.authorize())
    assert grant_of(gateway).grant == first
    assert gateway.came_back(back).status_code == 200
    assert grant_of(gateway).grant.client_id == form_of(gateway.box, "pkce")["client_id"] != first.client_id


def test_the_same_values_again_keep_the_grant(gateway):
    gateway.connect()
    before = grant_of(gateway)
    gateway.box.sandbox.log.clear()
    assert gateway.enter().json()["status"] == "connected"
    assert (grant_of(gateway), token_requests(gateway)) == (before, [])


def test_a_secret_becomes_a_mark_at_once(gateway):
    entered = form_of(gateway.box)
    secret = entered["client_secret"]
    assert asyncio.run(gateway.object(entered).validate_credentials()) is True
    assert set(entered) == {"connection"}
    assert secret not in str(entered)
    wrong = form_of(gateway.box) | {"client_secret": "wrong"}
    assert asyncio.run(gateway.object(wrong).validate_credentials()) is False
    state = gateway.done.tenants.open(gateway.tenant).state
    with gateway.host().database.read_transaction() as transaction:
        kept = str(transaction.exec_driver_sql("SELECT * FROM host_notes").all())
    assert state.names("waiting:") == ["waiting:xero"]
    assert secret not in kept


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"client_id": ""}, "client_id"),
        ({"client_secret": ""}, "secret"),
        ({"client_secret": "planted-secret"}, "client id and secret"),
        ({"kind": "rocket"}, "kind"),
    ],
)
def test_what_is_entered_wrongly_is_a_400_with_words(gateway, changes, said):
    done = gateway.enter(**changes)
    assert done.status_code == 400
    assert said in done.json()["detail"]
    assert "planted-secret" not in done.text
    assert (gateway.marks(), gateway.status()) == (None, "disconnected")


def test_sign_in_that_cannot_begin_is_a_400(gateway):
    answer = gateway("GET", "/oauth/authorize/xero", params={"redirect_uri": gateway.redirect_uri})
    assert (answer.status_code, answer.json()["error"]["reason"]) == (400, "no_app")
    assert "client id and secret" in answer.json()["detail"]
    gateway.enter(redirect_uri="https://portal.example/back")
    answer = gateway("GET", "/oauth/authorize/xero", params={"redirect_uri": "https://evil.example/"})
    assert (answer.status_code, answer.json()["error"]["reason"]) == (400, "foreign_redirect_uri")


# ---------------------------------------------------------------- sync_data


def test_without_a_cursor_it_is_a_list_and_nothing_is_remembered(gateway):
    gateway.connect()
    state = gateway.done.tenants.open(gateway.tenant).state
    lists = [
        gateway.sync("invoices").json(),
        gateway.sync("invoices", tenant_id=gateway.tenant).json(),
        gateway("GET", "/api/connectors/xero/discover/invoices").json(),
        asyncio.run(gateway.object().sync_data("invoices")),
        asyncio.run(gateway.object().sync_data("invoices", {"tenant_id": "anything"})),
    ]
    assert len({json.dumps(each["keys"]) for each in lists}) == 1
    assert lists[0]["count"] == 40  # the sandbox's page
    assert state.names("cursor:") == []
    rest = gateway.sync("invoices", cursor=lists[0]["cursor"]).json()
    assert not set(rest["keys"]) & set(lists[0]["keys"])


def test_a_position_belongs_to_a_named_consumer(gateway):
    gateway.connect()
    first = gateway.sync("invoices", consumer="books").json()
    second = gateway.sync("invoices", consumer="books").json()
    assert not set(first["keys"]) & set(second["keys"])
    assert gateway.sync("invoices", consumer="books", again="1").json()["keys"] == second["keys"]
    assert gateway.sync("invoices", consumer="agents").json()["keys"] == first["keys"]
    assert gateway.sync("invoices").json()["keys"] == first["keys"]
    while gateway.sync("invoices", consumer="books").json()["has_more"]:
        pass
    assert gateway.sync("invoices", consumer="books").json()["count"] == 0
    assert gateway.sync("invoices", consumer="books", full="true").json()["keys"] == first["keys"]
    gateway("POST", "/api/connectors/xero/disconnect")
    gateway.connect()
    assert gateway.sync("invoices", consumer="books").json()["keys"] == first["keys"]  # a new consent begins anew


def test_wrong_calls_are_told_by_field(gateway):
    gateway.connect()
    for params, field in [
        ({"colour": "red"}, "params.colour"),
        ({"cursor": "{"}, "params.cursor"),
        ({"again": "1"}, "params.again"),
        ({"consumer": "a:b"}, "params.consumer"),
    ]:
        told = gateway.sync("invoices", **params)
        assert told.status_code == 400
        assert told.json()["error"]["problems"][0]["field"] == field
    assert gateway.sync("nonsense").status_code == 404
    assert gateway.sync("invoices", cursor=json.dumps({"v": 1})).status_code == 409
    assert gateway.act("nonsense")["error"]["code"] == "not_found"
    assert gateway.act("find_invoices", limit="many")["error"]["code"] == "invalid"
    assert gateway.act("find_invoices", mode="rocket")["error"]["code"] == "invalid"
    assert PARAMS == ("cursor", "consumer", "organisation_id", "full", "again", "recheck")


def test_the_set_up_workflow_fills_the_tenants_tables(gateway):
    gateway.connect()
    told = asyncio.run(gateway.object().sync_data("initial_sync"))
    assert told["status"] == "success"
    assert told["count"] == 6
    host = gateway.host()
    [connection] = host.store.connections()
    assert host.sink.count_rows(connection.organisation_id, "invoices") > 40


def test_what_may_pass_is_raised_and_what_will_not_is_returned(gateway):
    for resource in ("invoices", "initial_sync"):
        told = asyncio.run(gateway.object().sync_data(resource))
        assert (told["status"], told["error"]["reason"], told["has_more"]) == ("error", "not_connected", True)
    gateway.connect()
    assert asyncio.run(gateway.object().sync_data("nonsense"))["error"]["code"] == "not_found"
    gateway.box.sandbox.faults.add("status", status=503, match={"path": "/api.xro/"}, times=None)
    with pytest.raises(Unavailable):
        asyncio.run(gateway.object().sync_data("accounts"))
    assert gateway.sync("accounts").status_code == 503
    gateway.box.sandbox.faults.clear()


@pytest.mark.skipif(real.source() is None, reason="BRAIN_GATEWAY_SRC names no checkout")
def test_the_real_activities_retry_what_may_pass(gateway):
    from app.activities.connector import sync_connector_data, validate_connector_credentials
    from temporalio.testing import ActivityEnvironment

    def run(activity, *given):
        return asyncio.run(ActivityEnvironment().run(activity, "xero", gateway.tenant, *given))

    gateway.connect()
    before = grant_of(gateway)
    wrong = form_of(gateway.box) | {"client_secret": "wrong"}
    assert run(validate_connector_credentials, wrong)["valid"] is False
    assert run(validate_connector_credentials, form_of(gateway.box))["valid"] is True
    assert grant_of(gateway) == before
    assert run(sync_connector_data, "initial_sync")["status"] == "success"
    assert run(sync_connector_data, "invoices")["status"] == "success"
    gateway.box.sandbox.faults.add("status", status=503, match={"path": "/api.xro/"}, times=None)
    with pytest.raises(Unavailable):
        run(sync_connector_data, "accounts")
    gateway.box.sandbox.faults.clear()


# ---------------------------------------------------------------- status, errors, renewal


def test_a_limit_is_a_429_that_says_when(gateway):
    gateway.connect()
    fault = {"kind": "rate_limit", "problem": "day", "retry_after": 40000}
    httpx.post(f"{gateway.box.url}/_sandbox/faults", json=fault).raise_for_status()
    told = gateway.sync("bills")
    httpx.delete(f"{gateway.box.url}/_sandbox/faults")
    assert told.status_code == 429
    assert int(told.headers["retry-after"]) > 30000
    assert told.json()["error"]["recovery"] == "wait"


def test_an_expired_grant_is_renewed_once_and_kept(gateway):
    gateway.connect()
    for changes in ({"expires_at": datetime.now(UTC)}, {"access_token": "no longer good"}):
        edit_grant(gateway, **changes)
        before = grant_of(gateway)
        gateway.box.sandbox.log.clear()
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: gateway.act("get_organisation"), range(4)))
        assert [each["status"] for each in found] == ["success"] * 4
        assert len(token_requests(gateway)) == 1
        assert grant_of(gateway).grant.refresh_token != before.grant.refresh_token
    assert set(gateway.marks()) == {"connection"}  # nothing of ours to write back over it


def test_access_that_is_gone_is_told_without_a_secret(gateway, caplog):
    gateway.connect()
    edit_grant(gateway, access_token="planted-access", refresh_token="planted-refresh")
    told = gateway.act("get_organisation")
    assert (told["status"], told["error"]["recovery"]) == ("error", "reconnect")
    assert gateway.status() == "error"
    assert gateway("POST", "/api/connectors/xero/validate").json() == {"valid": False}
    everything = json.dumps(told) + caplog.text
    for secret in ("planted-", form_of(gateway.box)["client_secret"]):
        assert secret not in everything


def test_a_good_status_is_believed_for_five_minutes(gateway):
    gateway.connect()
    assert gateway.status() == "connected"
    gateway.box.sandbox.log.clear()
    assert gateway.status() == "connected"
    assert list(gateway.box.sandbox.log) == []


def test_what_the_gateway_itself_forgot_is_not_read(gateway):
    """Its GraphQL disconnects by deleting its own credentials only."""
    gateway.connect()
    secrets = gateway.parts.get_secret_service()
    asyncio.run(secrets.delete_connector_credentials(gateway.tenant, "xero"))
    assert gateway.sync("accounts").status_code == 404
    assert gateway.act("find_invoices")["error"]["reason"] == "not_connected"


def test_a_refresh_token_is_neither_taken_nor_given(gateway):
    gateway.connect()
    made = gateway.object({"connection": "mark"})
    assert asyncio.run(made.refresh_token("whatever the gateway holds")) == {"connection": "mark"}
    assert set(vars(made)) == {"tenant_id", "credentials", "logger"}


def test_numbers_that_are_none_are_refused(gateway):
    gateway.connect()
    headers = {"Content-Type": "application/json"}
    told = gateway(
        "POST", "/api/connectors/xero/action/find_invoices", content=b'{"limit": NaN}', headers=headers
    ).json()
    assert told["error"]["problems"][0]["field"] == "payload.limit"
