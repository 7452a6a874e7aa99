"""The plugin that a host loads through the entry point ``xero`` of the group ``bizosaas.connectors``.

The module holds no state of a connection. Importing it uses no network, file or environment variable: each hook
imports what it needs when it is called.
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
    """Run one step of obtaining, renewing or ending access to Xero."""
    from bizosaas_xero.connector.auth import oauth

    return oauth.run_step(request)


@hookimpl
def sync_entity(
    connection: Mapping[str, Any],
    entity: str,
    cursor: Mapping[str, Any] | None,
    options: Mapping[str, Any] | None,
) -> Iterator[Batch]:
    """Yield an entity's records that are new or changed since the cursor."""
    from bizosaas_xero.connector.describe import prepare_sync

    return prepare_sync(
        parse(Connection, connection, "connection"), entity, cursor, parse(SyncOptions, options, "options")
    ).batches()


@hookimpl
def list_actions(connection: Mapping[str, Any] | None) -> list[Action]:
    """List the actions, each with the scopes that the connection's grant lacks."""
    from bizosaas_xero.connector import manifest

    return manifest.load_actions(None if connection is None else parse(Connection, connection, "connection"))


@hookimpl
def run_action(
    connection: Mapping[str, Any],
    action: str,
    params: Mapping[str, Any] | None,
    control: Mapping[str, Any] | None,
) -> ActionResult:
    """Run an action: read, or plan or commit a write."""
    from bizosaas_xero.connector.actions import registry

    return registry.run(parse(Connection, connection, "connection"), action, params, parse(Control, control, "control"))


@hookimpl(optionalhook=True)
def describe() -> ConnectorInfo:
    """Describe the connector: entities with their schemas and intervals, scopes, settings."""
    from bizosaas_xero.connector import manifest

    return manifest.load_info()
