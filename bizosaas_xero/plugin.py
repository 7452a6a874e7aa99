"""The door: what a host loads through the entry point ``xero`` of the group ``bizosaas.connectors``.

The module keeps no state of any connection, and importing it touches neither network, files nor environment:
what a hook needs is imported when the hook is called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bizosaas_xero.spec import (
    Action,
    ActionResult,
    AuthResult,
    Batch,
    Connection,
    ConnectorInfo,
    Control,
    SyncOptions,
    hookimpl,
    parse,
)


@hookimpl
def auth(request: Mapping[str, Any]) -> AuthResult:
    """Do one step of getting, keeping or ending access to Xero."""
    from bizosaas_xero.connector.auth import oauth

    return oauth.run(request)


@hookimpl
def sync_entity(
    connection: Mapping[str, Any],
    entity: str,
    cursor: Mapping[str, Any] | None,
    options: Mapping[str, Any] | None,
) -> Iterator[Batch]:
    """Read an entity's records that are new or changed since the cursor."""
    from bizosaas_xero.connector import describe as registry

    return registry.run_of(
        parse(Connection, connection, "connection"), entity, cursor, parse(SyncOptions, options, "options")
    ).batches()


@hookimpl
def list_actions(connection: Mapping[str, Any] | None) -> list[Action]:
    """List the actions, with what the connection's grant lacks for each."""
    from bizosaas_xero.connector import manifest

    return manifest.actions(None if connection is None else parse(Connection, connection, "connection"))


@hookimpl
def run_action(
    connection: Mapping[str, Any],
    action: str,
    params: Mapping[str, Any] | None,
    control: Mapping[str, Any] | None,
) -> ActionResult:
    """Read with an action, or plan or do what it writes."""
    from bizosaas_xero.connector.actions import registry

    return registry.run(parse(Connection, connection, "connection"), action, params, parse(Control, control, "control"))


@hookimpl(optionalhook=True)
def describe() -> ConnectorInfo:
    """Describe the connector: entities with their schemas and intervals, scopes, settings."""
    from bizosaas_xero.connector import manifest

    return manifest.info()
