"""What this connector offers, told by its tables, and the run behind a name.

What hosts are told when they ask is ``published.json`` (:mod:`bizosaas_xero.connector.manifest`), which is made of
:func:`info` by ``python -m contract_tests.docs.generate``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bizosaas_xero import __version__
from bizosaas_xero.connector.auth import jwt, scopes
from bizosaas_xero.connector.http.client import Client
from bizosaas_xero.connector.settings import Settings, load
from bizosaas_xero.connector.sync import cursor
from bizosaas_xero.connector.sync.entities import ENTITIES
from bizosaas_xero.connector.sync.run import Run
from bizosaas_xero.spec.errors import Invalid, NotFound
from bizosaas_xero.spec.hooks import SPEC_VERSION
from bizosaas_xero.spec.models import AuthInfo, Connection, ConnectorInfo, SyncOptions


def info() -> ConnectorInfo:
    """Work out what ``describe()`` publishes."""
    from bizosaas_xero.connector.actions import registry as actions  # a sync needs none of them

    return ConnectorInfo(
        name="xero",
        title="Xero",
        version=__version__,
        spec=SPEC_VERSION,
        summary="Invoices, bills, contacts, bank transactions, accounts and payments from Xero.",
        auth=AuthInfo(
            kinds=["web", "pkce", "custom"],
            scope_profiles=scopes.PROFILES,
            default_profile=scopes.DEFAULT_PROFILE,
        ),
        entities=[entity.info() for entity in ENTITIES.values()],
        actions=actions.list_all(),
        settings=Settings.model_json_schema(),
    )


def run_of(connection: Connection, entity: str, given_cursor: Mapping[str, Any] | None, options: SyncOptions) -> Run:
    """Check everything that can be checked without a request, and prepare the run.

    Raises:
        NotFound: No such entity.
        MissingScope: The grant does not cover it.
        CursorRejected: The cursor is damaged or foreign.
        Invalid: A wrong option.
        Misconfigured: A wrong setting.
    """
    row = ENTITIES.get(entity) if isinstance(entity, str) else None
    if row is None:
        raise NotFound(
            f"There is no entity '{entity}'.",
            remedy=f"Use one of: {', '.join(ENTITIES)}.",
            reason="unknown_entity",
        )
    if given_cursor is not None and not isinstance(given_cursor, Mapping):
        raise Invalid("cursor must be a mapping.", problems=[{"field": "cursor", "message": "must be a mapping"}])
    settings = load(connection.settings)
    scopes.require(jwt.granted(connection), row.name)
    position = cursor.load(given_cursor, row.name, connection.organisation_id)
    return Run(row, position, options, settings, Client(connection, settings, row.name, options.max_wait))
