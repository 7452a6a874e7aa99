"""The class that the gateway makes an object of for each request: asynchronous outside, threads inside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Any, TypeVar

from bizosaas_xero.adapters.brain_gateway import sync
from bizosaas_xero.adapters.brain_gateway.bridge import Bridge
from bizosaas_xero.spec import ConnectorError, ConnectorInfo

T = TypeVar("T")


@dataclass(frozen=True)
class Gateway:
    """The gateway's own classes, as they were handed over."""

    base: Any
    config: Any
    type: Any
    status: Any
    oauth: Any


def connector_class(  # noqa: C901 (one class of one-line methods)
    gateway: Gateway, bridge: Bridge
) -> type[Any]:
    """Make the gateway's class of one connector; its objects hold the tenant and a reference only."""

    class PluginConnector(gateway.base, gateway.oauth):  # type: ignore[misc, name-defined]
        """A connector of the entry point group ``bizosaas.connectors``."""

        @classmethod
        def get_config(cls) -> Any:
            info = bridge.connector.describe()
            return gateway.config(
                id=bridge.connector.name,
                name=info.title if info else bridge.connector.name,
                type=gateway.type.OTHER,  # the gateway has no word for accounting
                description=info.summary if info else "",
                icon=bridge.connector.name,
                version=info.version if info else bridge.connector.version,
                auth_schema={} if bridge.connector.name in bridge.config.apps else form_fields(info),
            )

        async def validate_credentials(self) -> bool:
            return await asyncio.to_thread(bridge.validate, self.tenant_id, self.credentials)

        async def get_status(self) -> Any:
            name = await asyncio.to_thread(bridge.status, self.tenant_id, self.credentials)
            return gateway.status[name]

        async def sync_data(self, resource_type: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
            try:
                return await _stoppable(
                    lambda stopped: bridge.page(self.tenant_id, self.credentials, resource_type, params, stopped)
                )
            except ConnectorError as error:
                self._warn(resource_type, error)
                return sync.failed(error)

        async def perform_action(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
            try:
                return await asyncio.to_thread(bridge.run_action, self.tenant_id, self.credentials, action, payload)
            except ConnectorError as error:
                self._warn(action, error)
                return {"status": "error", "action": action, "error": error.to_dict()}

        async def get_auth_url(self, redirect_uri: str, state: str) -> str:
            return await asyncio.to_thread(bridge.begin, self.tenant_id, redirect_uri, state)

        async def exchange_code(self, code: str, redirect_uri: str, state: str | None = None) -> dict[str, Any]:
            return await asyncio.to_thread(bridge.finish, self.tenant_id, code, redirect_uri, state)

        async def refresh_token(self, refresh_token: str) -> dict[str, Any]:  # noqa: ARG002 (the mixin's)
            # A refresh token outside the store may be used up already; the current one stays in the store.
            return await asyncio.to_thread(bridge.renew, self.tenant_id, self.credentials)

        def _warn(self, what: str, error: ConnectorError) -> None:
            self.logger.warning("%s: %s (%s)", what, error.code, error.reason)

    PluginConnector.__name__ = PluginConnector.__qualname__ = f"{bridge.connector.name.title()}Connector"
    return PluginConnector


def form_fields(info: ConnectorInfo | None) -> dict[str, dict[str, str]]:
    """Return the fields of the portal's form: a flat map, for it shows each key as one line of text."""
    fields = {
        "client_id": {"label": "Client id", "help": "Of the app that you registered."},
        "client_secret": {
            "label": "Client secret",
            "format": "password",
            "help": "Kept encrypted; leave it empty for an app without one.",
        },
        "redirect_uri": {
            "label": "Redirect address",
            "placeholder": "https://",
            "help": "To the letter as registered with the app.",
        },
    }
    kinds = info.auth.kinds if info else []
    if len(kinds) > 1:
        fields["kind"] = {
            "label": "Kind of app",
            "placeholder": kinds[0],
            "help": f"One of: {', '.join(kinds)}.",
        }
    profiles = list(info.auth.scope_profiles) if info else []
    if profiles:
        fields["scopes"] = {
            "label": "Permissions",
            "placeholder": (info.auth.default_profile if info else None) or profiles[0],
            "help": f"One of: {', '.join(profiles)}; or the scopes, with spaces between them.",
        }
    return fields


async def _stoppable(work: Callable[[Event], T]) -> T:
    """Run in a thread; set its event when the request is cancelled, so that it stores nothing."""
    stopped = Event()
    try:
        return await asyncio.to_thread(work, stopped)
    except asyncio.CancelledError:
        stopped.set()
        raise
