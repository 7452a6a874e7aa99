"""What the host knows of an organisation apart from its records: its time zone and base currency."""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from bizosaas_xero.host.connections.grants import Grants
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.storage.models import StoredConnection
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.spec import AuthResult, ConnectorError

CHECK_INTERVAL = timedelta(days=7)
"""How often an organisation's time zone and currency are read again; a failed read is repeated after a day."""

RETRY_INTERVAL = timedelta(days=1)

log = logging.getLogger(__name__)


def time_zone_of(connection: StoredConnection) -> ZoneInfo:
    """Return the zone of business dates: as configured, else the organisation's own, else UTC if it is not known."""
    return ZoneInfo(connection.preferences.get("timezone") or connection.timezone or "UTC")


def business_day(connection: StoredConnection, now: datetime) -> date:
    """Return the day that the organisation writes at a moment."""
    return now.astimezone(time_zone_of(connection)).date()


def refresh_details(
    store: Store, grants: Grants, connector: Connector, connection: StoredConnection, now: datetime
) -> StoredConnection:
    """Read the organisation's details if they are older than :data:`CHECK_INTERVAL`, and return the connection.

    A failure changes nothing: the details known before are used, and the sync that follows says what is wrong.
    """
    if connection.checked_at is not None and now - connection.checked_at < CHECK_INTERVAL:
        return connection
    try:
        result = connector.auth({"step": "check", "connection": grants.get_access(connector, connection)[1]})
    except ConnectorError as error:
        log.debug("details of %s are not known: %s (%s)", connection.id, error.code, error.reason)
        result = AuthResult(step="check")
    return save_details(store, connection, result, now)


def save_details(store: Store, connection: StoredConnection, result: AuthResult, now: datetime) -> StoredConnection:
    """Store what a ``check`` said of the organisation and its cost, and return the connection."""
    if result.cost:
        store.add_cost(connection.organisation_id, result.cost)
    organisation = result.organisation
    zone = _valid_zone(organisation.timezone) if organisation else None
    known = zone is not None or (organisation is not None and organisation.currency is not None)
    store.set_details(
        connection.id,
        timezone=zone or connection.timezone,
        currency=(organisation.currency if organisation else None) or connection.currency,
        checked_at=now if known else now - CHECK_INTERVAL + RETRY_INTERVAL,
    )
    return store.connection(connection.id)


def _valid_zone(name: str | None) -> str | None:
    try:
        return ZoneInfo(name).key if name else None
    except (LookupError, ValueError, OSError):
        return None
