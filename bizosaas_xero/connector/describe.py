"""Build the connector's description from its tables, and prepare the sync of an entity by name.

Hosts receive ``published.json`` (:mod:`bizosaas_xero.connector.manifest`); ``python -m contract_tests.docs.generate``
writes it from :func:`build_info`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bizosaas_xero import __version__
from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.connector.http.client import Client
from bizosaas_xero.connector.settings import Settings, load_settings
from bizosaas_xero.connector.sync import cursor
from bizosaas_xero.connector.sync.entities import ENTITIES
from bizosaas_xero.connector.sync.run import SyncRun
from bizosaas_xero.spec.errors import SUBJECT, Invalid
from bizosaas_xero.spec.hooks import SPEC_VERSION
from bizosaas_xero.spec.models import AuthInfo, Connection, ConnectorInfo, SyncOptions
from bizosaas_xero.toolkit import jwt


def build_info() -> ConnectorInfo:
    """Build what ``describe()`` publishes."""
    from bizosaas_xero.connector import setup
    from bizosaas_xero.connector.actions import registry as actions  # a sync needs none of them

    profiles = scopes.build_profiles(build_needs())
    return ConnectorInfo(
        name="xero",
        title="Xero",
        version=__version__,
        spec=SPEC_VERSION,
        summary="Invoices, bills, contacts, bank transactions, accounts and payments from Xero.",
        auth=AuthInfo(
            kinds=["web", "pkce", "custom"],
            scope_profiles=profiles,
            default_profile=scopes.DEFAULT_PROFILE,
        ),
        entities=[entity.info() for entity in ENTITIES.values()],
        actions=actions.list_all(),
        settings=Settings.model_json_schema(),
        setup=setup.build_setup(profiles),
        overview=setup.OVERVIEW,
    )


def build_needs() -> scopes.Needs:
    """Return what each entity and action needs, from their rows."""
    from bizosaas_xero.connector.actions import registry as actions

    return {each.name: each.permissions for each in (*ENTITIES.values(), *actions.ACTIONS.values())}


def prepare_sync(
    connection: Connection, entity: str, stored_cursor: Mapping[str, Any] | None, options: SyncOptions
) -> SyncRun:
    """Check everything that can be checked without a request, and prepare the sync.

    Raises:
        NotFound: The entity does not exist.
        MissingScope: The grant does not cover it.
        CursorRejected: The cursor is damaged or foreign.
        Invalid: A wrong option.
        Misconfigured: A wrong setting.
    """
    entity_row = ENTITIES.get(entity) if isinstance(entity, str) else None
    if entity_row is None:
        raise reasons.UNKNOWN_ENTITY(entity=entity, names=", ".join(ENTITIES))
    if stored_cursor is not None and not isinstance(stored_cursor, Mapping):
        raise Invalid.field("cursor", "must be a mapping", summary=SUBJECT)
    settings = load_settings(connection.settings)
    scopes.require_scopes(jwt.granted_scopes(connection), entity_row.name)
    position = cursor.load_cursor(stored_cursor, entity_row.name, connection.organisation_id)
    return SyncRun(
        entity_row, position, options, settings, Client(connection, settings, entity_row.name, options.max_wait)
    )
