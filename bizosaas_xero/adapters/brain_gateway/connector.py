"""The class that the gateway makes an object of for each request: asynchronous outside, threads inside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from threading import Event
from typing import Any, TypeVar

from bizosaas_xero.adapters.brain_gateway.service import PASSING, REFERENCE, ConnectorService
from bizosaas_xero.adapters.brain_gateway.work import Worker
from bizosaas_xero.spec import ConnectorError

T = TypeVar("T")

RAISED = PASSING | {"refresh"}
"""Recoveries for which a caller such as a Temporal activity should try again: errors with them are raised."""


@dataclass(frozen=True)
class Gateway:
    """The gateway's own classes and functions."""

    base: Any
    config: Any
    type: Any
    status: Any
    oauth: Any
    get_current_user: Any = None
    get_secret_service: Any = None
    database: Any = None
    session: Any = None
    mcp_models: Any = None

    @classmethod
    def beside(cls, registry: Any, database: Any = None) -> Gateway:
        """Find them in the package in which the registry's module is, as the gateway has them."""
        connectors = registry.__module__.rpartition(".")[0]
        package = connectors.rpartition(".")[0]
        base = import_module(f"{connectors}.base")
        depends = import_module(f"{package}.dependencies")
        return cls(
            base=base.BaseConnector,
            config=base.ConnectorConfig,
            type=base.ConnectorType,
            status=base.ConnectorStatus,
            oauth=import_module(f"{connectors}.oauth_mixin").OAuthMixin,
            get_current_user=depends.get_current_user,
            get_secret_service=depends.get_secret_service,
            database=database if database is not None else import_module(f"{package}.database").engine,
            session=getattr(import_module(f"{package}.database"), "SessionLocal", None),
            mcp_models=_optional(f"{package}.models.mcp"),
        )


def _optional(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None


def connector_class(  # noqa: C901 (one class of one-line methods)
    gateway: Gateway, service: ConnectorService
) -> type[Any]:
    """Make the gateway's class of one connector; its objects hold the tenant and a mark only."""
    worker, name = Worker(service), service.name

    class PluginConnector(gateway.base, gateway.oauth):  # type: ignore[misc, name-defined]
        """A connector of the entry point group ``bizosaas.connectors``."""

        @classmethod
        def get_config(cls) -> Any:
            info = service.connector.describe()
            return gateway.config(
                id=name,
                name=info.title if info else name,
                type=gateway.type.OTHER,  # the gateway has no word for accounting
                description=info.summary if info else "",
                icon=name,
                version=info.version if info else service.connector.version,
                auth_schema={} if name in service.config.apps else form_fields(service),
            )

        async def validate_credentials(self) -> bool:
            try:
                return await asyncio.to_thread(service.validate, self.tenant_id, self.credentials)
            except ConnectorError as error:
                self._warn("validate_credentials", error)
                if error.recovery in RAISED:
                    raise
                return False

        async def get_status(self) -> Any:
            return gateway.status[await asyncio.to_thread(service.status, self.tenant_id)]

        async def sync_data(self, resource_type: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
            try:
                return await stoppable(lambda stopped: worker.sync(self.tenant_id, resource_type, params, stopped))
            except ConnectorError as error:
                self._warn(resource_type, error)
                if error.recovery in RAISED:
                    raise
                return failed_page(error)

        async def perform_action(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
            try:
                return await asyncio.to_thread(worker.act, self.tenant_id, action, payload)
            except ConnectorError as error:
                self._warn(action, error)
                return {"status": "error", "action": action, "error": error.to_dict()}

        async def get_auth_url(self, redirect_uri: str, state: str) -> str:
            return await asyncio.to_thread(service.begin, self.tenant_id, redirect_uri, state)

        async def exchange_code(self, code: str, redirect_uri: str, state: str | None = None) -> dict[str, Any]:
            return await asyncio.to_thread(service.finish, self.tenant_id, code, redirect_uri, state)

        async def refresh_token(self, refresh_token: str) -> dict[str, Any]:  # noqa: ARG002 (the mixin's)
            # A refresh token elsewhere may be used up already; the current one stays with the host.
            await asyncio.to_thread(service.list_organisations, self.tenant_id)
            return {REFERENCE: self.credentials.get(REFERENCE)}

        def _warn(self, what: str, error: ConnectorError) -> None:
            self.logger.warning("%s: %s (%s)", what, error.code, error.reason)

    PluginConnector.__name__ = PluginConnector.__qualname__ = f"{name.title()}Connector"
    return PluginConnector


def failed_page(error: ConnectorError) -> dict[str, Any]:
    """Say that a page could not be read. ``has_more`` is true: an error must not look like the end."""
    empty: dict[str, Any] = {"data": [], "keys": [], "deleted": [], "count": 0, "cursor": None}
    return {"status": "error", "error": error.to_dict(), **empty, "has_more": True}


def form_fields(service: ConnectorService) -> dict[str, dict[str, Any]]:
    """Return the fields of the portal's form; client id and secret are enough, for the others have defaults."""
    info, kinds = service.connector.describe(), service.kinds
    redirect_uri = service.config.redirect_uri(service.name)
    names = info.setup.kinds if info and info.setup else {}
    fields: dict[str, dict[str, Any]] = {
        "client_id": {
            "type": "string",
            "label": "Client id",
            "required": True,
            "help": f"Of the app that you registered with the redirect address {redirect_uri}",
        },
        "client_secret": {
            "type": "string",
            "label": "Client secret",
            "format": "password",
            "required": kinds == ["web"],
            "help": "Kept encrypted; leave it empty for an app without one.",
        },
    }
    if len(kinds) > 1:
        fields["kind"] = _select("Kind of app", {kind: names.get(kind, kind) for kind in kinds}, kinds[0])
    profiles = list(info.auth.scope_profiles) if info else []
    if len(profiles) > 1:
        default = (info.auth.default_profile if info else None) or profiles[0]
        fields["scopes"] = _select("Permissions", {each: each for each in profiles}, default)
    return fields


def _select(label: str, options: dict[str, str], default: str) -> dict[str, Any]:
    choices = [{"value": value, "label": text} for value, text in options.items()]
    return {"type": "select", "label": label, "required": False, "default": default, "options": choices}


async def stoppable(work: Callable[[Event], T]) -> T:
    """Run in a thread; set its event when the request is cancelled, so that it stores nothing."""
    stopped = Event()
    try:
        return await asyncio.to_thread(work, stopped)
    except asyncio.CancelledError:
        stopped.set()
        raise
