"""A connector that is called with an operator's settings, for hosts that serve many people."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.spec import ActionResult, AuthResult, Batch


@dataclass(frozen=True)
class ConfiguredConnector(Connector):
    """A connector that is called with the operator's settings, which win over those of a connection."""

    operator: Callable[[], Mapping[str, Any]] = dict

    def auth(self, request: Mapping[str, Any]) -> AuthResult:
        """See :class:`~bizosaas_xero.host.plugins.connector.Connector`."""
        request = self._with(request)
        if isinstance(request.get("connection"), Mapping):
            request = {**request, "connection": self._with(request["connection"])}
        return super().auth(request)

    def sync_entity(
        self,
        connection: Mapping[str, Any],
        entity: str,
        cursor: Mapping[str, Any] | None,
        options: Mapping[str, Any] | None,
    ) -> Generator[Batch, None, None]:
        """See :class:`~bizosaas_xero.host.plugins.connector.Connector`."""
        return super().sync_entity(self._with(connection), entity, cursor, options)

    def run_action(
        self,
        connection: Mapping[str, Any],
        action: str,
        params: Mapping[str, Any] | None,
        control: Mapping[str, Any] | None,
    ) -> ActionResult:
        """See :class:`~bizosaas_xero.host.plugins.connector.Connector`."""
        return super().run_action(self._with(connection), action, params, control)

    def _with(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {**given, "settings": {**(given.get("settings") or {}), **self.operator()}}


def configured(connector: Connector, operator: Callable[[], Mapping[str, Any]]) -> Connector:
    """Return the connector, called with the settings that ``operator`` gives at the time of each call."""
    known = {part.name: getattr(connector, part.name) for part in fields(Connector)}
    return ConfiguredConnector(**known, operator=operator)
