"""The stand-in gateway over HTTP, with the bridge in it and the sandbox behind it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import uvicorn

from bizosaas_xero.adapters.brain_gateway import register_connectors
from bizosaas_xero.host.plugins.discovery import DiscoveryEntry, DiscoveryReport
from contract_tests.adapters.brain_gateway import stand_in

REDIRECT = "http://localhost:8377/callback"


def settings_of(box, **more) -> dict[str, Any]:
    bases = {key: box.info[key] for key in ("api_url", "identity_url", "login_url")}
    return {**bases, "calls_per_minute": 0, "page_size": 40, **more}


def form_of(box, kind="web") -> dict[str, str]:
    known = box.info["apps"][kind]
    return {
        "client_id": known["client_id"],
        "client_secret": known["client_secret"] or "",
        "kind": known["kind"],
        "redirect_uri": REDIRECT,
        "scopes": "",
    }


@dataclass
class Gateway:
    """A running gateway, as a browser of one tenant sees it."""

    box: Any
    http: httpx.Client
    secret_service: Any
    store: Any
    registry: Any
    registration: Any
    tenant: str = "tenant-1"

    @property
    def secrets(self) -> dict[str, Any]:
        """What the gateway keeps."""
        return self.secret_service.kept

    def __call__(self, method: str, path: str, tenant: str | None = None, **given: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {tenant or self.tenant}"}
        return self.http.request(method, path, headers=headers, **given)

    def connect(self, tenant: str | None = None, **consent: Any) -> dict[str, Any]:
        """Enter an app, sign in at the sandbox, and come back."""
        done = self("POST", "/api/connectors/xero/connect", tenant, json=form_of(self.box))
        assert done.status_code == 200, done.text
        return self.callback(self.authorize(tenant), tenant, **consent)

    def authorize(self, tenant: str | None = None) -> str:
        params = {"tenant_id": tenant or self.tenant, "redirect_uri": REDIRECT}
        return self("GET", "/oauth/authorize/xero", tenant, params=params).raise_for_status().json()["url"]

    def callback(self, url: str, tenant: str | None = None, **consent: Any) -> dict[str, Any]:
        return self.came_back(self.box.sandbox.consent(url, **consent), tenant).json()

    def came_back(self, url: str, tenant: str | None = None) -> httpx.Response:
        query = {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}
        body = {
            "code": query["code"],
            "state": query["state"],
            "connector_id": "xero",
            "tenant_id": tenant or self.tenant,
            "redirect_uri": REDIRECT,
        }
        return self("POST", "/oauth/callback", tenant, json=body)

    def sync(self, resource: str, tenant: str | None = None, **params: Any) -> dict[str, Any]:
        path = f"/api/connectors/xero/sync/{resource}"
        return self("GET", path, tenant, params=params).raise_for_status().json()

    def pages(self, resource: str) -> list[dict[str, Any]]:
        found = [self.sync(resource)]
        while found[-1]["has_more"]:
            assert found[-1]["status"] == "success", found[-1]
            found.append(self.sync(resource))
        return found

    def act(self, action: str, **payload: Any) -> dict[str, Any]:
        path = f"/api/connectors/xero/action/{action}"
        return self("POST", path, json=payload).raise_for_status().json()

    def status(self, tenant: str | None = None) -> str:
        return self("GET", "/api/connectors/xero/status", tenant).raise_for_status().json()["status"]


OF_THE_GATEWAY = {
    "base_connector": stand_in.BaseConnector,
    "connector_config": stand_in.ConnectorConfig,
    "connector_type": stand_in.ConnectorType,
    "connector_status": stand_in.ConnectorStatus,
    "oauth_mixin": stand_in.OAuthMixin,
}
"""What the gateway has and the bridge is given; each gateway has a registry of its own."""


def of_fake(fake, store, **given):
    """Register a scripted connector, and connect it."""
    registry = stand_in.new_registry()
    report = DiscoveryReport({"fake": fake.connector()}, [DiscoveryEntry("fake", "loaded")])
    done = register_connectors(
        **OF_THE_GATEWAY,
        registry=registry,
        store=store,
        report=report,
        **given,
    )
    credentials = {"client_id": "app", "kind": "custom"}
    made = registry.create_connector("fake", "t", credentials)
    assert asyncio.run(made.validate_credentials())
    return registry, credentials, done


@contextlib.contextmanager
def running(app):
    """Serve an application from a thread."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
        yield http
    server.should_exit = True
    thread.join(10)
