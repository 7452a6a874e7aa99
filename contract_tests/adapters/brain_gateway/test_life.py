"""The whole life of a connection in the stand-in gateway, over HTTP, with the sandbox behind it."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import httpx
import pytest

from bizosaas_xero.host.plugins.discovery import discover
from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers.gateway import REDIRECT, form_of, settings_of

pytestmark = pytest.mark.xero_sandbox(invoices=150, seed=9)

ENTITIES = ["invoices", "bills", "contacts", "bank_transactions", "accounts", "payments"]


def test_the_stand_in_imports_nothing_of_ours():
    here = Path(__file__).parent
    imported = {
        name
        for path in (here / "stand_in.py", *(here / "app").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
        if name
    }
    assert {"app.connectors.registry", "fastapi"} <= imported
    assert not [name for name in imported if "bizosaas" in name]


def test_an_organisation_is_connected_synced_and_disconnected(gateway, shared_sandbox_server):
    [config] = gateway("GET", "/api/connectors/types").json()
    assert (config["id"], config["name"], config["type"]) == ("xero", "Xero", "other")
    for name, field in config["auth_schema"].items():
        assert set(field) <= {"label", "placeholder", "help", "format"}, name
        assert all(isinstance(text, str) for text in field.values())
    assert config["auth_schema"]["client_secret"]["format"] == "password"

    assert gateway("POST", "/api/connectors/xero/connect", json=form_of(shared_sandbox_server)).status_code == 200
    assert gateway.status() == "pending"
    told = gateway.callback(gateway.authorize())
    assert told["status"] == "success"
    assert set(told["credentials"]) == {"connection"}
    assert gateway.status() == "connected"
    assert gateway("POST", "/api/connectors/xero/validate").json() == {"valid": True}

    for entity in ENTITIES:
        pages = gateway.pages(entity)
        keys = [key for page in pages for key in page["keys"]]
        assert len(set(keys)) == len(keys) > 0
        assert pages[-1]["stats"]["complete"] is not False
        assert all(page["count"] == len(page["data"]) for page in pages)
        assert not any(page["rejected"] for page in pages)
        again = gateway.pages(entity)  # the cursor was kept, although the routes pass none
        assert sum(page["count"] for page in again) == 0, entity

    first = gateway.sync("invoices:full")
    assert first["count"] == 40 and first["has_more"]  # noqa: PT018
    assert isinstance(first["data"][0]["Total"], str)

    found = gateway.act("find_invoices", limit=2)
    assert found["status"] == "success" and found["outcome"] == "done"  # noqa: PT018
    assert {action["name"] for action in gateway.act("list_actions")["actions"]} >= {"create_invoice"}

    assert gateway("POST", "/api/connectors/xero/disconnect").json() == {"status": "disconnected"}
    assert gateway("GET", "/api/connectors/xero/sync/invoices").status_code == 404
    assert gateway.secrets == {}


def test_the_second_sync_gives_what_changed(gateway, shared_sandbox_server):
    gateway.connect()
    before = {key for page in gateway.pages("contacts") for key in page["keys"]}
    [organisation] = gateway.act("list_organisations")["chosen"]
    changed = sorted(before)[5]
    edit = {"op": "edit", "id": changed, "changes": {"EmailAddress": "new@example.com"}}
    httpx.post(f"{shared_sandbox_server.url}/_sandbox/data/{organisation}/Contacts", json=edit).raise_for_status()
    after = gateway.pages("contacts")
    assert [key for page in after for key in page["keys"]] == [changed]
    assert after[0]["data"][0]["EmailAddress"] == "new@example.com"


def test_several_organisations_are_never_chosen_silently(gateway, shared_sandbox_server):
    ids = [each["id"] for each in shared_sandbox_server.info["organisations"]][:2]
    shared_sandbox_server.sandbox.switches.multi_select = True
    try:
        gateway.connect(organisations=ids)
    finally:
        shared_sandbox_server.sandbox.switches.multi_select = False
    assert gateway.status() == "pending"
    refused = gateway.sync("contacts")
    assert (refused["status"], refused["error"]["reason"]) == ("error", "organisation_not_chosen")
    assert refused["has_more"] is True
    listed = gateway.act("list_organisations")
    assert {each["id"] for each in listed["organisations"]} == set(ids)
    assert listed["chosen"] == []
    assert gateway.act("choose_organisation", organisation_id="nonsense")["error"]["code"] == (
        "organisation_unavailable"
    )
    assert gateway.act("choose_organisation", organisation_id=3)["error"]["code"] == "invalid"
    assert gateway.act("choose_organisation", organisation_ids=ids[::-1])["chosen"] == ids[::-1]
    assert gateway.status() == "connected"
    of = {gateway.sync("accounts", organisation_id=one)["organisation_id"] for one in ids}
    assert of == set(ids)
    assert gateway.sync("accounts")["organisation_id"] == ids[1]
    gone = gateway.act("disconnect", organisation_id=ids[1])
    assert (gone["disconnected"], gone["left"]) == ([ids[1]], [ids[0]])
    assert gateway.sync("accounts")["organisation_id"] == ids[0]
    assert gateway.sync("accounts", organisation_id=ids[1])["error"]["code"] == "organisation_unavailable"
    assert gateway.act("disconnect")["left"] == []
    assert gateway("GET", "/api/connectors/xero/status").status_code == 404


def test_a_further_consent_adds_its_organisation(gateway, shared_sandbox_server):
    ids = [each["id"] for each in shared_sandbox_server.info["organisations"]][:2]
    gateway.connect(organisations=ids[:1])
    gateway.callback(gateway.authorize(), organisations=ids[1:])
    assert gateway.act("list_organisations")["chosen"] == ids
    gateway.callback(gateway.authorize(), organisations=ids[:1], user="adviser")
    assert gateway.act("list_organisations")["chosen"] == ids[:1]  # another person's grant


def test_a_custom_connection_needs_no_browser(gateway, shared_sandbox_server):
    assert (
        gateway("POST", "/api/connectors/xero/connect", json=form_of(shared_sandbox_server, "custom")).status_code
        == 200
    )
    assert gateway.status() == "connected"
    assert gateway.sync("accounts")["count"] > 0
    assert set(next(iter(gateway.secrets.values()))) == {"connection"}


def test_with_the_platforms_app_nobody_enters_one(start_gateway, shared_sandbox_server):
    app = {key: value for key, value in form_of(shared_sandbox_server).items() if value}
    gateway = start_gateway(apps={"xero": app})
    assert gateway("GET", "/api/connectors/types").json()[0]["auth_schema"] == {}
    assert gateway("POST", "/api/connectors/xero/connect", json={}).status_code == 200
    gateway.callback(gateway.authorize())
    assert gateway.sync("accounts")["count"] > 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"client_id": ""}, "client_id"),
        ({"client_secret": ""}, "secret"),
        ({"kind": "rocket"}, "kind"),
        ({"redirect_uri": ""}, "redirect_uri"),
    ],
)
def test_what_is_entered_wrongly_is_named(gateway, shared_sandbox_server, changes, said):
    done = gateway("POST", "/api/connectors/xero/connect", json=form_of(shared_sandbox_server) | changes)
    assert done.status_code == 500
    assert said in done.json()["detail"]
    assert gateway.secrets == {}


def test_a_wrong_secret_of_a_custom_connection_is_told_without_it(gateway, shared_sandbox_server):
    form = form_of(shared_sandbox_server, "custom") | {"client_secret": "planted-secret"}
    done = gateway("POST", "/api/connectors/xero/connect", json=form)
    assert done.status_code == 500
    assert "planted-secret" not in done.text


def test_wrong_calls_are_told_by_field(gateway):
    gateway.connect()
    for resource, params, field in [
        ("invoices", {"colour": "red"}, "params.colour"),
        ("invoices:often", {}, "resource"),
        ("invoices", {"cursor": "{"}, "params.cursor"),
    ]:
        told = gateway.sync(resource, **params)
        assert told["error"]["problems"][0]["field"] == field
        assert told["error"]["remedy"]
    assert gateway.sync("nonsense")["error"]["code"] == "not_found"
    assert gateway.sync("invoices", cursor=json.dumps({"v": 1}))["error"]["code"] == "cursor_rejected"
    assert gateway.act("nonsense")["error"]["code"] == "not_found"
    assert gateway.act("find_invoices", limit="many")["error"]["code"] == "invalid"


def test_what_failed_begins_anew_where_the_cursor_is_no_good(gateway):
    gateway.connect()
    [chosen] = gateway.act("list_organisations")["chosen"]
    key = ("cursor", gateway.tenant, "xero", chosen, "accounts")
    gateway.store.write(key, {"cursor": {"broken": 1}, "previous": None}, None)
    assert gateway.sync("accounts")["count"] > 0


def test_another_redirect_address_is_refused(gateway, shared_sandbox_server):
    gateway("POST", "/api/connectors/xero/connect", json=form_of(shared_sandbox_server))
    params = {"tenant_id": gateway.tenant, "redirect_uri": "https://evil.example/"}
    done = gateway("GET", "/oauth/authorize/xero", params=params)
    assert done.status_code == 500
    assert REDIRECT in done.json()["detail"]


def test_a_worker_gets_access_from_the_same_store(gateway):
    gateway.connect()
    [credentials] = gateway.secrets.values()
    given = gateway.registration.connection("xero", gateway.tenant, credentials)
    xero = discover(["xero"]).connector("xero")
    assert xero.run_action(given, "get_organisation", {}, {}).status == "done"
    renewed = gateway.registration.connection("xero", gateway.tenant, credentials, refused=given["access_token"])
    assert renewed["access_token"] != given["access_token"]
    for name, tenant, reference, code in [
        ("xero", gateway.tenant, {}, "reconnect_required"),
        ("xero", "another", credentials, "reconnect_required"),
        ("xero", "", credentials, "misconfigured"),
        ("nonsense", gateway.tenant, credentials, "not_found"),
    ]:
        with pytest.raises(ConnectorError) as caught:
            gateway.registration.connection(name, tenant, reference)
        assert caught.value.code == code


def test_settings_may_depend_on_the_tenant(shared_sandbox_server, start_gateway):
    asked = []

    def of(tenant):
        asked.append(tenant)
        return settings_of(shared_sandbox_server)

    gateway = start_gateway(settings=of)
    gateway.connect("tenant-7")
    assert set(asked) == {"tenant-7"}
