"""A stand-in for the brain-gateway: the names, signatures and routes that its description gives.

It imports nothing of ours; connectors reach it through its registry alone. Its routes are in ``app``. With
``changed`` they are changed exactly as docs/brain-gateway.md shows.
"""

from __future__ import annotations

import logging
import sys
import types
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import Any
from unittest import mock

from fastapi import FastAPI, Header
from pydantic import BaseModel

from contract_tests.adapters.brain_gateway.changes import HERE, source_of

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
            except Exception:  # the gateway's registry only logs; the bridge must not rely on more
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

    async def get_connector_credentials(self, tenant_id: str, connector_id: str) -> dict[str, Any] | None:
        found = self.kept.get(f"tenants/{tenant_id}/connectors/{connector_id}")
        return None if found is None else dict(found)

    async def store_connector_credentials(self, tenant_id: str, connector_id: str, credentials: dict[str, Any]) -> None:
        self.kept[f"tenants/{tenant_id}/connectors/{connector_id}"] = dict(credentials)

    async def delete_connector_credentials(self, tenant_id: str, connector_id: str) -> bool:
        return self.kept.pop(f"tenants/{tenant_id}/connectors/{connector_id}", None) is not None


@dataclass(frozen=True)
class User:
    tenant_id: str


async def get_current_user(authorization: str = Header()) -> User:
    return User(authorization.removeprefix("Bearer "))


def load(file: str, registry: Any, done: Any, secrets: SecretService, *, changed: bool) -> types.ModuleType:
    """Load a source of ``app``; what it imports from the gateway is given here."""
    given = {
        "app": {},
        "app.connectors": {"done": done},
        "app.connectors.registry": {"ConnectorRegistry": registry},
        "app.dependencies": {"get_current_user": get_current_user, "secret_service": secrets},
    }
    modules = {name: types.ModuleType(name) for name in given}
    for name, content in given.items():
        vars(modules[name]).update(content)
    made = types.ModuleType(file.removesuffix(".py").replace("/", "."))
    code = compile(source_of(file, changed=changed), str(HERE / file), "exec", dont_inherit=True)
    with mock.patch.dict(sys.modules, modules):
        exec(code, vars(made))  # noqa: S102 (our own source, and our own documentation)
    return made


def create_app(registry: Any, done: Any, *, changed: bool) -> FastAPI:
    """Make the gateway; ``done`` is what registering the connectors returned."""
    app = FastAPI()
    app.state.secrets = SecretService()
    for file in ("app/api/connectors.py", "app/routers/oauth.py"):
        app.include_router(load(file, registry, done, app.state.secrets, changed=changed).router)
    return app
