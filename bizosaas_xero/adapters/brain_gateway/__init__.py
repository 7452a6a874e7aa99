"""A bridge to BizOSaaS' brain-gateway: every connector that is installed becomes one of the gateway's own.

The gateway's classes are handed over and never imported; docs/brain-gateway.md has the lines to add there.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.bridge import Bridge
from bizosaas_xero.adapters.brain_gateway.config import ApprovalRequest, Approve, BridgeConfig
from bizosaas_xero.adapters.brain_gateway.connector import Gateway, connector_class
from bizosaas_xero.adapters.brain_gateway.stores import KeyValueStore, MemoryStore
from bizosaas_xero.adapters.brain_gateway.webhooks import WebhookReceiver
from bizosaas_xero.host.plugins.discovery import DiscoveryEntry, DiscoveryReport, discover

__all__ = [
    "ApprovalRequest",
    "Approve",
    "KeyValueStore",
    "MemoryStore",
    "Registration",
    "WebhookReceiver",
    "register_connectors",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Registration:
    """The classes that were registered, and a row for each connector that was found."""

    classes: dict[str, type[Any]] = field(default_factory=dict)
    rows: list[DiscoveryEntry] = field(default_factory=list)
    bridges: dict[str, Bridge] = field(default_factory=dict, repr=False)

    def connection(
        self,
        name: str,
        tenant_id: str,
        credentials: Mapping[str, Any],
        organisation_id: str | None = None,
        refused: str | None = None,
    ) -> dict[str, Any]:
        """Return a ``connection`` for a worker that calls the hooks itself, such as a Temporal activity.

        Args:
            name: The connector.
            tenant_id: Whose.
            credentials: What the gateway keeps for this tenant and connector: the reference.
            organisation_id: One of those chosen; the first by default.
            refused: The access token that was refused although its time is not over; it is renewed.

        Raises:
            NotFound: if no such connector was registered.
            ConnectorError: if the tenant is not connected, or its access is gone.
        """
        if name not in self.bridges:
            raise reasons.UNKNOWN_CONNECTOR(name=name)
        return self.bridges[name].connection(tenant_id, credentials, organisation_id, refused)


def register_connectors(  # noqa: PLR0913 (six things of the host's, by name)
    *,
    base_connector: type[Any],
    connector_config: type[Any],
    connector_type: Any,
    connector_status: Any,
    oauth_mixin: type[Any],
    registry: Any,
    store: KeyValueStore,
    apps: Mapping[str, Mapping[str, Any]] | None = None,
    settings: Mapping[str, Mapping[str, Any] | Callable[[str], Mapping[str, Any]]] | None = None,
    approve: Approve | None = None,
    names: Iterable[str] | None = None,
    report: DiscoveryReport | None = None,
) -> Registration:
    """Register a class for every connector that is installed.

    Args:
        base_connector: The gateway's ``BaseConnector``.
        connector_config: Its ``ConnectorConfig``.
        connector_type: Its ``ConnectorType``.
        connector_status: Its ``ConnectorStatus``.
        oauth_mixin: Its ``OAuthMixin``.
        registry: Its ``ConnectorRegistry``.
        store: Where grants, consents, cursors, plans and writes are kept; shared by all processes.
        apps: By connector, the app that the platform registered; else each tenant enters its own.
        settings: By connector, its settings, or a function of the tenant that gives them.
        approve: Says who approved a plan; without it writes are planned and never done.
        names: The only connectors to load; ``None``: all that are installed.
        report: Connectors that were discovered already.

    Returns:
        What was registered, and what became of each that was not. One bad connector spoils no other.

    Raises:
        Misconfigured: if ``approve`` is asynchronous.
    """
    if inspect.iscoroutinefunction(approve):
        raise reasons.APPROVE_IS_ASYNC()
    config = BridgeConfig(store=store, apps=apps or {}, settings=settings or {}, approve=approve)
    gateway = Gateway(base_connector, connector_config, connector_type, connector_status, oauth_mixin)
    found = report or discover(names)
    done = Registration(rows=[row for row in found.rows if row.name not in found.loaded])
    for row in (each for each in found.rows if each.name in found.loaded):
        bridge = Bridge(found.loaded[row.name], config)
        why = _find_conflict(bridge, registry)
        if not why:
            made = connector_class(gateway, bridge)
            registry.register(made)
            if registry.get_connector_class(row.name) is not made:  # it only logs what goes wrong
                why = "the gateway's registry did not take it; its log says why"
            else:
                done.classes[row.name], done.bridges[row.name] = made, bridge
        done.rows.append(DiscoveryEntry(**vars(row) | {"status": "failed" if why else "loaded", "reason": why}))
    for row in done.rows:
        level = logging.INFO if row.status == "loaded" else logging.WARNING
        log.log(level, "connector %s: %s %s", row.name, row.status, row.reason)
    return done


def _find_conflict(bridge: Bridge, registry: Any) -> str:
    clashes = bridge.find_name_conflicts()
    if clashes:
        return f"it uses names that are the bridge's own: {clashes}"
    if registry.get_connector_class(bridge.connector.name) is not None:
        return "the gateway has a connector of this name already"
    return ""
