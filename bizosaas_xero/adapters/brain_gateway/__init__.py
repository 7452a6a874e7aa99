"""A bridge to BizOSaaS' brain-gateway: every connector that is installed becomes one of the gateway's own.

:func:`mount` is the one call; docs/brain-gateway.md shows where. Nothing of ours that fails can stop the gateway.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bizosaas_xero.adapters.brain_gateway.config import BridgeConfig, Person, Role
from bizosaas_xero.adapters.brain_gateway.registration import Registration
from bizosaas_xero.adapters.brain_gateway.webhooks import WebhookReceiver

if TYPE_CHECKING:  # the gateway starts before anything of these is needed
    from bizosaas_xero.adapters.brain_gateway.connector import Gateway
    from bizosaas_xero.host.plugins.discovery import DiscoveryReport

__all__ = ["BridgeConfig", "Person", "Registration", "Role", "WebhookReceiver", "mount", "register_connectors"]

log = logging.getLogger(__name__)


def register_connectors(
    registry: Any,
    *,
    database: Any = None,
    gateway: Gateway | None = None,
    names: Iterable[str] | None = None,
    report: DiscoveryReport | None = None,
    environ: Mapping[str, str] = os.environ,
    **options: Any,
) -> Registration:
    """Register a class for every connector that is installed; for the gateway's worker, which serves no pages.

    Args:
        registry: The gateway's ``ConnectorRegistry``.
        database: Its SQLAlchemy engine, or a URL; by default the engine of its ``database`` module.
        gateway: Its classes; by default found in the package of the registry.
        names: The only connectors to load; ``None``: all that are installed.
        report: Connectors that were discovered already.
        environ: Where ``BIZOSAAS_SECRET_KEY`` is looked up, at first use.
        **options: Of :class:`.config.BridgeConfig`.

    Returns:
        What was registered, and what became of each that was not. One bad connector spoils no other, and whatever
        fails is a row or ``problem``; the gateway keeps running.
    """
    done = Registration()
    try:
        _register(done, registry, database, gateway, names, report, environ, BridgeConfig(**options))
    except Exception as error:  # noqa: BLE001 (the gateway has other connectors, which must start)
        done.problem = f"{type(error).__name__}: {error}"
        log.error("connectors were not registered: %s", done.problem)  # noqa: TRY400 (no traceback in its log)
    for row in done.rows:
        level = logging.INFO if row.status == "loaded" else logging.WARNING
        log.log(level, "connector %s: %s %s", row.name, row.status, row.reason)
    return done


def mount(app: Any, *, registry: Any, schedules: bool = True, **options: Any) -> Registration:
    """Register every connector, and add what the gateway lacks: pages, callback, tools, schedules.

    Args:
        app: The gateway's FastAPI application; its own routes stay, ours for our connectors come first.
        registry: The gateway's ``ConnectorRegistry``.
        schedules: Run due syncs in a thread of this process.
        **options: Of :func:`register_connectors`.

    Returns:
        As :func:`register_connectors`.
    """
    done = register_connectors(registry, **options)
    if done.problem:
        return done
    try:
        from bizosaas_xero.adapters.brain_gateway.routes import add_routes

        add_routes(app, done, BridgeConfig(**{k: v for k, v in options.items() if k in _CONFIG}), schedules=schedules)
    except Exception as error:  # noqa: BLE001 (as above)
        done.problem = f"{type(error).__name__}: {error}"
        log.error("the pages were not mounted: %s", done.problem)  # noqa: TRY400 (as above)
    return done


_CONFIG = frozenset(BridgeConfig.__dataclass_fields__)


def _register(
    done: Registration,
    registry: Any,
    database: Any,
    gateway: Gateway | None,
    names: Iterable[str] | None,
    report: DiscoveryReport | None,
    environ: Mapping[str, str],
    config: BridgeConfig,
) -> None:
    from bizosaas_xero.adapters.brain_gateway.connector import Gateway, connector_class
    from bizosaas_xero.adapters.brain_gateway.service import ConnectorService
    from bizosaas_xero.adapters.brain_gateway.work import find_name_conflicts
    from bizosaas_xero.host.connections.tenants import Tenants
    from bizosaas_xero.host.plugins.discovery import DiscoveryEntry, discover

    found = report or discover(names)
    done.rows = [row for row in found.rows if row.name not in found.loaded]
    gateway = done.gateway = gateway or Gateway.beside(registry, database)
    done.tenants = Tenants(database if database is not None else gateway.database, found, config.settings, environ)
    for row in (each for each in found.rows if each.name in found.loaded):
        service, why = ConnectorService(found.loaded[row.name], done.tenants, config), ""
        try:
            clashes = find_name_conflicts(service)
            if clashes:
                why = f"it uses names that are the bridge's own: {clashes}"
            elif registry.get_connector_class(row.name) is not None:
                why = "the gateway has a connector of this name already"
            else:
                made = connector_class(gateway, service)
                registry.register(made)
                if registry.get_connector_class(row.name) is made:  # it only logs what goes wrong
                    done.classes[row.name], done.services[row.name] = made, service
                else:
                    why = "the gateway's registry did not take it; its log says why"
        except Exception as error:  # noqa: BLE001 (one bad connector spoils no other)
            why = f"{type(error).__name__}: {error}"
        done.rows.append(DiscoveryEntry(**vars(row) | {"status": "failed" if why else "loaded", "reason": why}))
    missing = done.tenants.find_missing_key()
    if missing:
        done.rows.append(DiscoveryEntry("bizosaas", "failed", missing))
