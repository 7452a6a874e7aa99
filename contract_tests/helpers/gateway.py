"""The brain-gateway over HTTP, with the connectors mounted on it and the sandbox behind it: real code or stand-in."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
import types
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import uvicorn
from fastapi import FastAPI, HTTPException, Request

from bizosaas_xero.adapters.brain_gateway.connector import Gateway as Classes
from contract_tests.adapters.brain_gateway import real, stand_in


def settings_of(box, **more) -> dict[str, Any]:
    bases = {key: box.info[key] for key in ("api_url", "identity_url", "login_url")}
    return {**bases, "calls_per_minute": 0, "page_size": 40, **more}


def form_of(box, kind="web") -> dict[str, str]:
    """Return what a person enters: two fields, and the kind where it is not the first."""
    known = box.info["apps"][kind]
    more = {} if kind == "web" else {"kind": known["kind"]}
    return {"client_id": known["client_id"], "client_secret": known["client_secret"] or "", **more}


def subject(database) -> types.SimpleNamespace:
    """Return the gateway under test, with a sign-in that believes its token: ``TENANT/NAME:ROLE``."""
    if real.source() is not None:
        found = real.load()
        found.classes = None
    else:
        found = types.SimpleNamespace(
            app=stand_in.create_app(),
            registry=stand_in.ConnectorRegistry,
            get_current_user=stand_in.get_current_user,
            get_secret_service=stand_in.get_secret_service,
            database=database,
            user=stand_in.AuthenticatedUser,
            classes=Classes(
                stand_in.BaseConnector,
                stand_in.ConnectorConfig,
                stand_in.ConnectorType,
                stand_in.ConnectorStatus,
                stand_in.OAuthMixin,
                stand_in.get_current_user,
                stand_in.get_secret_service,
                database,
            ),
        )
    found.routes = list(found.app.router.routes)
    found.lifespan = found.app.router.lifespan_context
    found.names = set(found.registry._connectors)

    def who(request: Request):
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not token:
            raise HTTPException(401, "Missing authentication credentials")
        tenant, _, name = token.partition("/")
        name, _, role = name.partition(":")
        more = {"impersonator_id": "support"} if role == "impersonated" else {"roles": [role or "user"]}
        return found.user(id=token, email=f"{name or 'ann'}@{tenant}.test", name=name, tenant_id=tenant or None, **more)

    who.__annotations__["request"] = Request
    found.app.dependency_overrides[found.get_current_user] = who
    return found


@dataclass
class Gateway:
    """A running gateway, as the browser and the portal of one tenant see it."""

    box: Any
    http: httpx.Client
    parts: Any
    done: Any
    tenant: str = field(default_factory=lambda: f"tenant-{uuid.uuid4().hex[:8]}")

    @property
    def registry(self) -> Any:
        return self.parts.registry

    @property
    def redirect_uri(self) -> str:
        return f"{str(self.http.base_url).rstrip('/')}/api/auth/callback/xero"

    @property
    def service(self) -> Any:
        return self.done.services["xero"]

    def host(self, tenant: str | None = None) -> Any:
        return self.done.tenants.open(tenant or self.tenant).host

    def marks(self, tenant: str | None = None) -> dict[str, Any] | None:
        """Return what the gateway's own store keeps for us."""
        secrets = self.parts.get_secret_service()
        return asyncio.run(secrets.get_connector_credentials(tenant or self.tenant, "xero"))

    def __call__(self, method: str, path: str, user: str | None = None, **given: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {user or self.tenant}"} | given.pop("headers", {})
        return self.http.request(method, path, headers=headers, **given)

    def enter(self, user: str | None = None, app: str = "web", **changes: str) -> httpx.Response:
        return self("POST", "/api/connectors/xero/connect", user, json=form_of(self.box, app) | changes)

    def connect(self, user: str | None = None, **consent: Any) -> None:
        """Enter an app, sign in at the sandbox, and come back to the portal's page, which posts JSON."""
        done = self.enter(user)
        assert done.status_code == 200, done.text
        finished = self.came_back(self.consent(self.authorize(user), **consent), user)
        assert finished.status_code == 200, finished.text

    def authorize(self, user: str | None = None) -> str:
        params = {"tenant_id": (user or self.tenant).partition("/")[0], "redirect_uri": self.redirect_uri}
        done = self("GET", "/oauth/authorize/xero", user, params=params)
        assert done.status_code == 200, done.text
        return str(done.json()["url"])

    def consent(self, url: str, **choices: Any) -> str:
        return str(self.box.sandbox.consent(url, **choices))

    def came_back(self, url: str, user: str | None = None) -> httpx.Response:
        query = {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}
        body = {
            "code": query.get("code"),
            "state": query.get("state"),
            "connector_id": "xero",
            "tenant_id": (user or self.tenant).partition("/")[0],
            "redirect_uri": self.redirect_uri,
        }
        return self("POST", "/oauth/callback", user, json=body)

    def sync(self, resource: str, user: str | None = None, **params: Any) -> httpx.Response:
        return self("GET", f"/api/connectors/xero/sync/{resource}", user, params=params)

    def act(self, action: str, user: str | None = None, **payload: Any) -> dict[str, Any]:
        return self("POST", f"/api/connectors/xero/action/{action}", user, json=payload).json()

    def status(self, user: str | None = None) -> str:
        return self("GET", "/api/connectors/xero/status", user).raise_for_status().json()["status"]

    def listed(self) -> str:
        """Return what the portal's list of all connectors says."""
        [found] = [each for each in self("GET", "/api/connectors").json() if each["id"] == "xero"]
        return str(found["status"])

    def object(self, credentials: dict[str, Any] | None = None) -> Any:
        """Make an object as the gateway's own code does, such as its activities."""
        return self.registry.create_connector("xero", self.tenant, credentials or {})


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def running(app: FastAPI, port: int = 0):
    """Serve an application from a thread."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://localhost:{port}", timeout=60) as http:
        yield http
    server.should_exit = True
    thread.join(10)
