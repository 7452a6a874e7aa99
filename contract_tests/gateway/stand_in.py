"""A stand-in for the brain-gateway: the names, signatures and routes that its description gives.

It imports nothing of ours; connectors reach it through its registry alone. ``changed`` makes the few changes
that docs/brain-gateway.md asks for: both sign-in routes take the tenant from the user, the callback hands the
state over, the sync route hands its params over, and disconnecting tells the connector first.
"""

# ruff: noqa: FAST002, B008, C901, TRY301 (written as the gateway is)

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from enum import Enum
from typing import Any

from fastapi import APIRouter, Body, Depends, FastAPI, Header, HTTPException, Request
from pydantic import BaseModel

log = logging.getLogger("gateway")


class ConnectorType(str, Enum):  # noqa: UP042 (as the gateway has it)
    CRM = "crm"
    BILLING = "billing"
    OTHER = "other"


class ConnectorStatus(str, Enum):  # noqa: UP042 (as the gateway has it)
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    ERROR = "error"
    PENDING = "pending"


class ConnectorConfig(BaseModel):
    id: str
    name: str
    type: ConnectorType
    description: str
    icon: str
    version: str = "1.0.0"
    auth_schema: dict[str, Any]


class BaseConnector(ABC):
    def __init__(self, tenant_id: str, credentials: dict[str, Any]) -> None:
        self.tenant_id = tenant_id
        self.credentials = credentials
        self.logger = logging.getLogger(f"connector.{self.config.id}")

    @property
    def config(self) -> ConnectorConfig:
        return self.get_config()

    @classmethod
    @abstractmethod
    def get_config(cls) -> ConnectorConfig: ...

    @abstractmethod
    async def validate_credentials(self) -> bool: ...

    @abstractmethod
    async def get_status(self) -> ConnectorStatus: ...

    @abstractmethod
    async def sync_data(self, resource_type: str, params: dict[str, Any] | None = None) -> dict[str, Any]: ...

    @abstractmethod
    async def perform_action(self, action: str, payload: dict[str, Any]) -> dict[str, Any]: ...


class OAuthMixin(ABC):
    @abstractmethod
    async def get_auth_url(self, redirect_uri: str, state: str) -> str: ...

    @abstractmethod
    async def exchange_code(self, code: str, redirect_uri: str) -> dict[str, Any]: ...

    @abstractmethod
    async def refresh_token(self, refresh_token: str) -> dict[str, Any]: ...


def new_registry() -> type:
    """Return a registry of its own: the gateway's is one for each process."""

    class ConnectorRegistry:
        classes: dict[str, type] = {}  # noqa: RUF012 (as the gateway has it)

        @classmethod
        def register(cls, connector: type) -> type:
            try:
                cls.classes[connector.get_config().id] = connector
            except Exception:
                log.exception("not registered")
            return connector

        @classmethod
        def get_connector_class(cls, connector_id: str) -> type | None:
            return cls.classes.get(connector_id)

        @classmethod
        def get_all_configs(cls) -> list[ConnectorConfig]:
            return [each.get_config() for each in cls.classes.values()]

        @classmethod
        def create_connector(cls, connector_id: str, tenant_id: str, credentials: dict[str, Any]) -> Any:
            if connector_id not in cls.classes:
                raise ValueError(f"unknown connector {connector_id}")
            return cls.classes[connector_id](tenant_id=tenant_id, credentials=credentials)

    return ConnectorRegistry


class SecretService:
    """One plain mapping for each tenant and connector, without lock and version."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}

    async def get(self, tenant: str, connector: str) -> dict[str, Any] | None:
        found = self.kept.get(f"tenants/{tenant}/connectors/{connector}")
        return None if found is None else dict(found)

    async def put(self, tenant: str, connector: str, credentials: dict[str, Any]) -> None:
        self.kept[f"tenants/{tenant}/connectors/{connector}"] = dict(credentials)

    async def delete(self, tenant: str, connector: str) -> None:
        self.kept.pop(f"tenants/{tenant}/connectors/{connector}", None)


class CallbackParams(BaseModel):
    code: str
    state: str
    connector_id: str
    tenant_id: str
    redirect_uri: str


async def tenant_of_user(authorization: str = Header()) -> str:
    return authorization.removeprefix("Bearer ")


def create_app(registry: Any, *, changed: bool) -> FastAPI:
    """Make the gateway."""
    app = FastAPI()
    secrets = app.state.secrets = SecretService()
    app.include_router(connector_routes(registry, secrets, changed=changed))
    app.include_router(oauth_routes(registry, secrets, changed=changed))
    return app


def connector_routes(registry: Any, secrets: SecretService, *, changed: bool) -> APIRouter:
    router = APIRouter(prefix="/api/connectors")

    async def made(connector_id: str, tenant: str) -> Any:
        credentials = await secrets.get(tenant, connector_id)
        if not credentials:
            raise HTTPException(404, "Connector not connected")
        return registry.create_connector(connector_id, tenant, credentials)

    @router.get("/types")
    async def types() -> list[ConnectorConfig]:
        return registry.get_all_configs()

    @router.post("/{connector_id}/connect")
    async def connect(
        connector_id: str, credentials: dict[str, Any] = Body(...), tenant: str = Depends(tenant_of_user)
    ) -> dict[str, Any]:
        try:
            connector = registry.create_connector(connector_id, tenant, credentials)
            if not credentials.get("force_connect") and not await connector.validate_credentials():
                raise HTTPException(400, "Invalid credentials")
            await secrets.put(tenant, connector_id, credentials)
        except HTTPException:
            raise
        except Exception as error:
            raise HTTPException(500, str(error)) from error
        return {"status": "connected"}

    @router.post("/{connector_id}/disconnect")
    async def disconnect(connector_id: str, tenant: str = Depends(tenant_of_user)) -> dict[str, Any]:
        if changed:
            result = await (await made(connector_id, tenant)).perform_action("disconnect", {})
            if result["status"] == "error":
                raise HTTPException(502, result["error"])
        await secrets.delete(tenant, connector_id)
        return {"status": "disconnected"}

    @router.post("/{connector_id}/validate")
    async def validate(connector_id: str, tenant: str = Depends(tenant_of_user)) -> dict[str, Any]:
        return {"valid": await (await made(connector_id, tenant)).validate_credentials()}

    @router.get("/{connector_id}/status")
    async def status(connector_id: str, tenant: str = Depends(tenant_of_user)) -> dict[str, Any]:
        return {"status": await (await made(connector_id, tenant)).get_status()}

    @router.post("/{connector_id}/action/{action}")
    async def act(
        connector_id: str,
        action: str,
        payload: dict[str, Any] = Body(...),
        tenant: str = Depends(tenant_of_user),
    ) -> dict[str, Any]:
        connector = await made(connector_id, tenant)
        try:
            result = await connector.perform_action(action, payload)
            if result.get("status") == "success":
                await secrets.put(tenant, connector_id, connector.credentials)
        except Exception as error:
            raise HTTPException(500, str(error)) from error
        return result

    @router.get("/{connector_id}/sync/{resource}")
    async def sync(
        connector_id: str, resource: str, request: Request, tenant: str = Depends(tenant_of_user)
    ) -> dict[str, Any]:
        connector = await made(connector_id, tenant)
        try:
            if changed:
                return await connector.sync_data(resource, dict(request.query_params))
            return await connector.sync_data(resource)
        except Exception as error:
            raise HTTPException(500, str(error)) from error

    return router


def oauth_routes(registry: Any, secrets: SecretService, *, changed: bool) -> APIRouter:
    router = APIRouter(prefix="/oauth")

    @router.get("/authorize/{connector_id}")
    async def authorize(
        connector_id: str, tenant_id: str, redirect_uri: str, authorization: str = Header("")
    ) -> dict[str, Any]:
        tenant = await tenant_of_user(authorization) if changed else tenant_id
        connector = registry.get_connector_class(connector_id)(tenant_id=tenant, credentials={})
        try:
            url = await connector.get_auth_url(redirect_uri=redirect_uri, state=f"{tenant}:{connector_id}")
        except Exception as error:
            raise HTTPException(500, str(error)) from error
        return {"url": url}

    @router.post("/callback")
    async def callback(params: CallbackParams, authorization: str = Header("")) -> dict[str, Any]:
        tenant = await tenant_of_user(authorization) if changed else params.tenant_id
        if not params.state.startswith(f"{tenant}:{params.connector_id}"):
            raise HTTPException(400, "Invalid state parameter")
        connector = registry.get_connector_class(params.connector_id)(tenant_id=tenant, credentials={})
        more = {"state": params.state} if changed else {}
        try:
            told = await connector.exchange_code(code=params.code, redirect_uri=params.redirect_uri, **more)
        except Exception as error:
            raise HTTPException(500, f"Connection failed: {error}") from error
        await secrets.put(tenant, params.connector_id, told)
        return {"status": "success", "credentials": told}

    return router
