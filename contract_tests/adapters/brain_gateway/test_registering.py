"""Every installed connector becomes one of the gateway's; the gateway's own keep working."""

# ruff: noqa: ARG002 (the methods that the gateway asks for)

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from bizosaas_xero.adapters.brain_gateway import MemoryStore, register_connectors
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.plugins.discovery import DiscoveryEntry, DiscoveryReport
from bizosaas_xero.spec import ConnectorError
from contract_tests.adapters.brain_gateway import stand_in
from contract_tests.helpers.fake_connector import Clock, Fake, batch, record
from contract_tests.helpers.gateway import REDIRECT, form_of, running, settings_of

pytestmark = pytest.mark.xero_sandbox(invoices=150, seed=9)


def classes() -> dict:
    return {
        "base_connector": stand_in.BaseConnector,
        "connector_config": stand_in.ConnectorConfig,
        "connector_type": stand_in.ConnectorType,
        "connector_status": stand_in.ConnectorStatus,
        "oauth_mixin": stand_in.OAuthMixin,
    }


class Old(stand_in.BaseConnector, stand_in.OAuthMixin):
    """A connector of the gateway's own: it knows no state, no params and no disconnecting."""

    @classmethod
    def get_config(cls):
        return stand_in.ConnectorConfig(
            id="old", name="Old", type="crm", description="", icon="", auth_schema={"key": {"label": "Key"}}
        )

    async def validate_credentials(self):
        return self.credentials.get("key") == "right"

    async def get_status(self):
        return stand_in.ConnectorStatus.CONNECTED

    async def sync_data(self, resource_type, params=None):
        return {"data": [resource_type], "count": 1}

    async def perform_action(self, action, payload):
        raise ValueError(f"unknown action {action}")

    async def get_auth_url(self, redirect_uri, state):
        return f"https://old.example/?state={state}"

    async def exchange_code(self, code, redirect_uri):
        return {"key": code}

    async def refresh_token(self, refresh_token):
        return {}


def fakes(*names):
    """Make connectors of these names, each with a record that says whose it is."""
    made = {}
    for name in names:
        clock = Clock()
        clock.moment = datetime.now(UTC)
        fake = Fake(clock, runs=[[batch(1, record(f"of {name}"))]])
        made[name] = Connector(name, fake.connector().manager, "fake-dist", "1.0", "fake_plugin")
    return made


def test_every_connector_is_registered_and_one_that_is_bad_spoils_no_other():
    registry = stand_in.new_registry()
    registry.register(Old)
    rows = [DiscoveryEntry(name, "loaded") for name in ("one", "old", "two")] + [
        DiscoveryEntry("bad", "failed", "", "", "", "why")
    ]
    report = DiscoveryReport(fakes("one", "old", "two"), rows)
    done = register_connectors(**classes(), registry=registry, store=MemoryStore(), report=report)
    assert {row.name: row.status for row in done.rows} == {
        "bad": "failed",
        "one": "loaded",
        "old": "failed",
        "two": "loaded",
    }
    assert {config.id for config in registry.get_all_configs()} == {"one", "old", "two"}
    assert registry.get_connector_class("old") is Old
    for name in ("one", "two"):
        credentials = {"client_id": "app", "kind": "custom"}
        made = registry.create_connector(name, "t", credentials)
        assert isinstance(made, (stand_in.BaseConnector, stand_in.OAuthMixin))
        assert asyncio.run(made.validate_credentials())
        assert asyncio.run(made.sync_data("things"))["keys"] == [f"of {name}"]


def test_a_registry_that_does_not_take_one_is_told():
    class Closed(stand_in.new_registry()):
        @classmethod
        def register(cls, connector):
            return connector

    report = DiscoveryReport(fakes("one"), [DiscoveryEntry("one", "loaded")])
    done = register_connectors(**classes(), registry=Closed, store=MemoryStore(), report=report)
    assert [(row.name, row.status) for row in done.rows] == [("one", "failed")]
    assert "did not take it" in done.rows[0].reason
    assert done.classes == {}


@pytest.mark.parametrize("changed", [False, True])
def test_the_gateways_own_connectors_go_on_as_before(changed):
    registry = stand_in.new_registry()
    registry.register(Old)
    report = DiscoveryReport(fakes("one"), [DiscoveryEntry("one", "loaded")])
    done = register_connectors(**classes(), registry=registry, store=MemoryStore(), report=report)
    app = stand_in.create_app(registry, done, changed=changed)
    with running(app) as http:
        http.headers["Authorization"] = "Bearer t"
        given = {"tenant_id": "t", "redirect_uri": REDIRECT}
        url = http.get("/oauth/authorize/old", params=given).raise_for_status().json()["url"]
        [state] = parse_qs(urlsplit(url).query)["state"]
        back = given | {"code": "right", "state": state, "connector_id": "old"}
        assert http.post("/oauth/callback", json=back).json()["credentials"] == {"key": "right"}
        assert http.post("/api/connectors/old/connect", json={"key": "right"}).status_code == 200
        assert http.get("/api/connectors/old/sync/deals").json() == {"data": ["deals"], "count": 1}
        assert http.post("/api/connectors/old/disconnect").json() == {"status": "disconnected"}
        assert app.state.secrets.kept == {}


def test_who_signs_in_cannot_name_another_tenant(gateway, shared_sandbox_server):
    gateway("POST", "/api/connectors/xero/connect", json=form_of(shared_sandbox_server))
    gateway("POST", "/api/connectors/xero/connect", "victim", json=form_of(shared_sandbox_server))
    params = {"tenant_id": "victim", "redirect_uri": REDIRECT}
    url = gateway("GET", "/oauth/authorize/xero", params=params).json()["url"]
    [state] = parse_qs(urlsplit(url).query)["state"]
    assert state.startswith(f"{gateway.tenant}:xero:")
    came = parse_qs(urlsplit(shared_sandbox_server.sandbox.consent(url)).query)
    body = {"code": came["code"][0], "connector_id": "xero", "tenant_id": "victim", "redirect_uri": REDIRECT}
    refused = gateway("POST", "/oauth/callback", json=body | {"state": f"victim:{state.partition(':')[2]}"})
    assert refused.status_code == 400
    assert gateway("POST", "/oauth/callback", json=body | {"state": state}).status_code == 200
    assert (gateway.status(), gateway.status("victim")) == ("connected", "pending")
    assert gateway.http.post("/oauth/callback", json=body | {"state": state}).status_code == 422  # no tenant


def test_what_could_not_be_disconnected_stays_and_says_so(gateway, shared_sandbox_server):
    gateway.connect()
    shared_sandbox_server.sandbox.faults.add("status", status=503, match={"path": "/connections"}, times=None)
    refused = gateway("POST", "/api/connectors/xero/disconnect")
    shared_sandbox_server.sandbox.faults.clear()
    assert refused.status_code == 502
    assert refused.json()["detail"]["code"] == "unavailable"
    assert gateway.sync("accounts")["status"] == "success"
    assert gateway("POST", "/api/connectors/xero/disconnect").json() == {"status": "disconnected"}


def test_a_refresh_token_is_neither_taken_nor_given(gateway):
    gateway.connect()
    [credentials] = gateway.secrets.values()
    made = gateway.registry.create_connector("xero", gateway.tenant, credentials)
    assert asyncio.run(made.refresh_token("whatever the gateway holds")) == credentials
    stranger = gateway.registry.create_connector("xero", gateway.tenant, {"connection": "guessed"})
    with pytest.raises(ConnectorError) as caught:
        asyncio.run(stranger.refresh_token("whatever"))
    assert caught.value.reason == "not_connected"


def test_the_portals_form_asks_for_all_that_connecting_takes(start_gateway, shared_sandbox_server):
    """The form shows one line of text for each key: its label, a hint, and dots for a password."""
    gateway = start_gateway(settings=settings_of(shared_sandbox_server))
    [config] = gateway("GET", "/api/connectors/types").json()
    shown = {
        key: (field.get("label") or key, "password" if field.get("format") == "password" else "text")
        for key, field in config["auth_schema"].items()
    }
    assert set(shown) == set(form_of(shared_sandbox_server))
    assert all(label != key for key, (label, _) in shown.items())
    assert [key for key, (_, kind) in shown.items() if kind == "password"] == ["client_secret"]
    assert gateway("POST", "/api/connectors/xero/connect", json=form_of(shared_sandbox_server)).status_code == 200
