"""Keep access alive: one refresh at a time per grant, and the new grant is saved before it is used."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from bizosaas_xero.host import reasons
from bizosaas_xero.host.connections.addresses import is_pinned, pin_addresses, require_same_addresses
from bizosaas_xero.host.connections.refresh import GrantRefresher
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.storage.models import StoredConnection, StoredGrant
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.spec import ConnectorError, Grant, ReconnectRequired, Unavailable

T = TypeVar("T")

MAX_WAIT_SECONDS = 180.0
"""How long to wait for another process that holds the refresh lock and is still sending heartbeats."""


@dataclass(frozen=True)
class _Slot:
    """The grant of one identity in the host's store."""

    store: Store
    connector: str
    identity: str

    def read(self) -> StoredGrant:
        return self.store.grant(self.connector, self.identity)

    def edit(self, change: Callable[[StoredGrant, datetime], StoredGrant]) -> StoredGrant:
        return self.store.edit_grant(self.connector, self.identity, change)


class Grants:
    """Hands out grants that will last.

    Args:
        store: Where they are kept.
        environ: Where the connector's addresses may be set.
        now: The clock.
        sleep: Waits, in seconds.
    """

    def __init__(
        self,
        store: Store,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._store = store
        self._environ = environ
        self._now = now
        self._sleep = sleep

    def get_valid(self, connector: Connector, identity: str, refused: int | None = None) -> StoredGrant:
        """Return the identity's grant, refreshed if its end is near.

        Args:
            connector: The connector that made it.
            identity: Whose grant.
            refused: The version whose token was refused although its time is not over.

        Raises:
            ReconnectRequired: if the grant is gone.
            Unavailable: if another process refreshes, and does not finish.
            ConnectorError: any other of ``auth``.
        """
        refreshed = False

        def refresh(grant: Grant) -> Grant:
            nonlocal refreshed
            fresh = self._refresh(connector, grant)
            refreshed = True
            return fresh

        slot = _Slot(self._store, connector.name, identity)
        stored = GrantRefresher(
            slot, refresh, reasons.REFRESH_STUCK, MAX_WAIT_SECONDS, self._now, self._sleep
        ).get_valid(refused)
        if refreshed:
            self._pin_addresses(connector, stored.grant)
        return stored

    def get_access(
        self, connector: Connector, connection: StoredConnection, refused: int | None = None
    ) -> tuple[StoredGrant, dict[str, Any]]:
        """Return a grant that will last, and the ``connection`` with which hooks are called.

        Raises:
            ConnectorError: as :meth:`get_valid` does.
        """
        stored = self.get_valid(connector, connection.identity, refused)
        app = self._store.app(connection.connector, stored.grant.client_id)
        settings = app.settings | connection.settings | _override_time_zone(connector, connection)
        require_same_addresses(connector, settings, self._environ)
        return stored, {
            "id": connection.id,
            "organisation_id": connection.organisation_id,
            "access_token": stored.grant.access_token.get_secret_value(),
            "scopes": stored.grant.scopes,
            "settings": settings,
        }

    def call(self, connector: Connector, connection: StoredConnection, work: Callable[[dict[str, Any]], T]) -> T:
        """Call a hook with the ``connection``, and once more with a new token if its token is refused.

        Raises:
            ConnectorError: of the hook, or of the grant.
        """
        refused: int | None = None
        while True:
            stored, access = self.get_access(connector, connection, refused)
            try:
                return work(access)
            except ConnectorError as error:
                if error.recovery != "refresh":
                    raise
                if refused is not None:
                    raise ReconnectRequired(
                        "Access was renewed, and is still refused.", correlation_id=error.correlation_id
                    ) from None
                refused = stored.version

    def _pin_addresses(self, connector: Connector, grant: Grant) -> None:
        """Keep the addresses of an app of an earlier release: the refresh proved them right."""
        app = self._store.app(connector.name, grant.client_id)
        if not is_pinned(connector, app.settings):
            self._store.save_app(connector.name, app.app, pin_addresses(connector, app.settings, self._environ))

    def _refresh(self, connector: Connector, grant: Grant) -> Grant:
        app = self._store.app(connector.name, grant.client_id)
        require_same_addresses(connector, app.settings, self._environ)
        request = {
            "step": "refresh",
            "app": app.app.model_dump(mode="json"),
            "grant": grant.model_dump(mode="json"),
            "settings": app.settings,
        }
        fresh = connector.auth(request).grant
        if fresh is None:
            raise Unavailable("The connector renewed the access and gave no grant.")
        return fresh


def _override_time_zone(connector: Connector, connection: StoredConnection) -> dict[str, str]:
    """Return the configured time zone as a setting, where the connector has one: its days are then the host's."""
    zone, info = connection.preferences.get("timezone"), connector.describe()
    return {"timezone": zone} if zone and info and "timezone" in info.settings.get("properties", {}) else {}
