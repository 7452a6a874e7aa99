"""A stand-in for the brain-gateway: names, signatures, routes and answers of its public code, as ``real.py`` drives it.

It imports nothing of ours; connectors reach it through its registry alone. The same tests run on both.
"""

# ruff: noqa: B008, FAST002, UP042, BLE001, B904, TRY301 (written as the gateway is)

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from fastapi import Body, Depends, FastAPI, HTTPException
from pydantic import BaseModel

log = logging.getLogger("gateway")

KINDS = (
    "cms crm ecommerce analytics marketing communication billing marketplace task_management project_management "
    "domain_registrar other"
)
ConnectorType = Enum("ConnectorType", {name.upper(): name for name in KINDS.split()}, type=str)


class ConnectorStatus(str, Enum):
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
        self.logger = logging.getLogger(f"connector.{self.config.id}.{tenant_id}")

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


class ConnectorRegistry:
    _connectors: dict[str, type] = {}  # noqa: RUF012 (as the gateway has it)
    _configs: dict[str, ConnectorConfig] = {}  # noqa: RUF012 (as above)

    @classmethod
    def register(cls, connector: type) -> type:
        try:
            config = connector.get_config()
            cls._connectors[config.id] = connector
            cls._configs[config.id] = config
        except Exception:  # the gateway's registry only logs; the bridge must not rely on more
            log.exception("not registered")
        return connector

    @classmethod
    def get_connector_class(cls, connector_id: str) -> type | None:
        return cls._connectors.get(connector_id)

    @classmethod
    def get_all_configs(cls) -> list[ConnectorConfig]:
        return list(cls._configs.values())

    @classmethod
    def create_connector(cls, connector_id: str, tenant_id: str, credentials: dict[str, Any]) -> Any:
        found = cls.get_connector_class(connector_id)
        if not found:
            raise ValueError(f"Connector {connector_id} not found")
        return found(tenant_id=tenant_id, credentials=credentials)


class SecretService:
    """One plain mapping for each tenant and connector, without lock and version."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], dict[str, Any]] = {}

    async def get_connector_credentials(self, tenant_id: str, connector_id: str) -> dict[str, Any] | None:
        found = self.kept.get((tenant_id, connector_id))
        return None if found is None else dict(found)

    async def store_connector_credentials(
        self, tenant_id: str, connector_id: str, credentials: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> bool:
        assert metadata is None or isinstance(metadata, dict)
        self.kept[tenant_id, connector_id] = dict(credentials)
        return True

    async def delete_connector_credentials(self, tenant_id: str, connector_id: str) -> bool:
        return self.kept.pop((tenant_id, connector_id), None) is not None

    async def list_tenant_connectors(self, tenant_id: str) -> list[str]:
        return [connector for tenant, connector in self.kept if tenant == tenant_id]


@dataclass
class AuthenticatedUser:
    id: str
    email: str
    name: str
    roles: list[str] = field(default_factory=list)
    tenant_id: str | None = None
    impersonator_id: str | None = None


async def get_current_user() -> AuthenticatedUser:
    raise HTTPException(status_code=401, detail="Missing authentication credentials")


SECRETS = SecretService()


def get_secret_service() -> SecretService:
    return SECRETS


class OAuthCallbackParams(BaseModel):
    code: str
    state: str
    connector_id: str
    tenant_id: str
    redirect_uri: str = "http://localhost:3003/dashboard/integrations/callback"


def create_app() -> FastAPI:  # noqa: C901, PLR0915 (one function a route)
    """Make the gateway's application with its routes of connectors."""
    app = FastAPI()

    def tenant_of(user: AuthenticatedUser) -> str:
        return user.tenant_id or "default_tenant"

    async def create(connector_id: str, tenant: str) -> Any:
        credentials = await SECRETS.get_connector_credentials(tenant, connector_id)
        if not credentials:
            raise HTTPException(404, "Connector not connected")
        return ConnectorRegistry.create_connector(connector_id, tenant, credentials)

    @app.get("/api/connectors/types")
    async def list_types(user: AuthenticatedUser = Depends(get_current_user)):
        return ConnectorRegistry.get_all_configs()

    @app.get("/api/connectors")
    async def list_connectors(user: AuthenticatedUser = Depends(get_current_user)):
        known = await SECRETS.list_tenant_connectors(tenant_of(user))
        return [
            config.model_dump() | {"status": "connected" if config.id in known else "disconnected", "lastSync": None}
            for config in ConnectorRegistry.get_all_configs()
        ]

    @app.post("/api/connectors/{connector_id}/connect")
    async def connect(
        connector_id: str, credentials: dict[str, Any] = Body(...), user: AuthenticatedUser = Depends(get_current_user)
    ):
        tenant = tenant_of(user)
        try:
            connector = ConnectorRegistry.create_connector(connector_id, tenant, credentials)
            if not credentials.get("force_connect") and not await connector.validate_credentials():
                raise HTTPException(400, "Invalid credentials")
            await SECRETS.store_connector_credentials(tenant, connector_id, credentials, {"created_by": user.email})
        except HTTPException:
            raise
        except ValueError as error:
            raise HTTPException(404, str(error))
        except Exception as error:
            raise HTTPException(500, str(error))
        return {"status": "connected", "message": f"Successfully connected to {connector.config.name}"}

    @app.post("/api/connectors/{connector_id}/disconnect")
    async def disconnect(connector_id: str, user: AuthenticatedUser = Depends(get_current_user)):
        if not await SECRETS.delete_connector_credentials(tenant_of(user), connector_id):
            raise HTTPException(500, "Failed to delete credentials")
        return {"status": "disconnected"}

    @app.post("/api/connectors/{connector_id}/validate")
    async def validate(connector_id: str, user: AuthenticatedUser = Depends(get_current_user)):
        return {"valid": await (await create(connector_id, tenant_of(user))).validate_credentials()}

    @app.post("/api/connectors/{connector_id}/test")
    async def test(
        connector_id: str, credentials: dict[str, Any] = Body(...), user: AuthenticatedUser = Depends(get_current_user)
    ):
        try:
            connector = ConnectorRegistry.create_connector(connector_id, tenant_of(user), credentials)
            return {"valid": await connector.validate_credentials()}
        except ValueError as error:
            raise HTTPException(404, str(error))
        except Exception as error:
            return {"valid": False, "error": str(error)}

    @app.get("/api/connectors/{connector_id}/status")
    async def status(connector_id: str, user: AuthenticatedUser = Depends(get_current_user)):
        credentials = await SECRETS.get_connector_credentials(tenant_of(user), connector_id)
        if not credentials:
            return {"status": "disconnected"}
        try:
            connector = ConnectorRegistry.create_connector(connector_id, tenant_of(user), credentials)
            return {"status": (await connector.get_status()).value}
        except Exception:  # the gateway's own route says no more
            return {"status": "error"}

    @app.post("/api/connectors/{connector_id}/action/{action}")
    async def perform_action(
        connector_id: str,
        action: str,
        payload: dict[str, Any] = Body(...),
        user: AuthenticatedUser = Depends(get_current_user),
    ):
        connector = await create(connector_id, tenant_of(user))
        try:
            result = await connector.perform_action(action, payload)
            if result.get("status") == "success":
                await SECRETS.store_connector_credentials(tenant_of(user), connector_id, connector.credentials)
        except Exception as error:
            raise HTTPException(500, str(error))
        return result

    @app.get("/api/connectors/{connector_id}/sync/{resource}")
    @app.get("/api/connectors/{connector_id}/discover/{resource}")
    async def sync(connector_id: str, resource: str, user: AuthenticatedUser = Depends(get_current_user)):
        connector = await create(connector_id, tenant_of(user))
        try:
            return await connector.sync_data(resource)
        except Exception as error:
            raise HTTPException(500, str(error))

    @app.get("/oauth/authorize/{connector_id}")
    async def authorize(connector_id: str, tenant_id: str, redirect_uri: str):
        found = ConnectorRegistry.get_connector_class(connector_id)
        if not found:
            raise HTTPException(404, f"Connector {connector_id} not found")
        if not issubclass(found, OAuthMixin):
            raise HTTPException(400, f"Connector {connector_id} does not support OAuth")
        try:
            connector = found(tenant_id=tenant_id, credentials={})
            return {"url": await connector.get_auth_url(redirect_uri, f"{tenant_id}:{connector_id}")}
        except Exception as error:
            raise HTTPException(500, str(error))

    @app.post("/oauth/callback")
    async def callback(params: OAuthCallbackParams):
        if not params.state.startswith(f"{params.tenant_id}:{params.connector_id}"):
            raise HTTPException(400, "Invalid state parameter")
        found = ConnectorRegistry.get_connector_class(params.connector_id)
        if not found:
            raise HTTPException(404, f"Connector {params.connector_id} not found")
        try:
            connector = found(tenant_id=params.tenant_id, credentials={})
            given = await connector.exchange_code(code=params.code, redirect_uri=params.redirect_uri)
            await SECRETS.store_connector_credentials(params.tenant_id, params.connector_id, given)
        except Exception as error:
            raise HTTPException(500, f"Connection failed: {error}")
        return {"status": "success", "message": "Connected successfully"}

    return app
