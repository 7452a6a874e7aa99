"""Keep access alive: one refresh at a time per grant, and the new grant is saved before it is used."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from bizosaas_xero.host import reasons
from bizosaas_xero.host.connections.addresses import is_pinned, pin_addresses, require_same_addresses
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.storage import leases
from bizosaas_xero.host.storage.heartbeat import heartbeat
from bizosaas_xero.host.storage.models import StoredConnection, StoredGrant
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.spec import ConnectorError, Grant, Unavailable

REFRESH_MARGIN = timedelta(minutes=5)
"""A token is renewed so long before its end; it also covers clocks that differ."""

LEASE_DURATION = leases.LEASE_DURATION
"""How long a refresh lock lasts without a heartbeat. A process that waits measures this with its own clock."""

HEARTBEATS_PER_LEASE = 4.5
"""Heartbeats in the time of a lease: one may be lost, such as to a database that is busy."""

MAX_WAIT = timedelta(minutes=3)
"""How long to wait for another process that holds the refresh lock and is still sending heartbeats."""

POLL_SECONDS = 0.2

log = logging.getLogger(__name__)


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
        owner = leases.new_owner()
        try:
            return self._wait_or_refresh(connector, identity, refused, owner)
        finally:
            leases.forget_owner(owner)

    def _wait_or_refresh(self, connector: Connector, identity: str, refused: int | None, owner: str) -> StoredGrant:
        waited, unchanged = timedelta(), timedelta()
        last_lease: tuple[object, object] | None = None
        while True:
            stored = self._store.grant(connector.name, identity)
            if stored.version != refused and not self._near_end(stored.grant):
                return stored
            lease = (stored.lease_owner, stored.lease_until)
            unchanged = unchanged if lease == last_lease else timedelta()
            last_lease = lease
            free = unchanged >= LEASE_DURATION or leases.is_available(
                stored.lease_owner, stored.lease_until, self._now()
            )
            if free and self._store.take_grant_lease(stored, owner, self._now() + LEASE_DURATION):
                fresh = self._refresh(connector, stored, owner, usable=stored.version != refused)
                if fresh is not None:
                    return fresh
                continue
            if waited > MAX_WAIT:
                raise reasons.REFRESH_STUCK(owner=leases.describe_owner(stored.lease_owner))
            self._sleep(POLL_SECONDS)
            waited += timedelta(seconds=POLL_SECONDS)
            unchanged += timedelta(seconds=POLL_SECONDS)

    def get_access(
        self, connector: Connector, connection: StoredConnection, refused: int | None = None
    ) -> tuple[StoredGrant, dict[str, Any]]:
        """Return a grant that will last, and the ``connection`` with which hooks are called.

        Raises:
            ConnectorError: as :meth:`fresh` does.
        """
        stored = self.get_valid(connector, connection.identity, refused)
        app = self._store.app(connection.connector, stored.grant.client_id)
        settings = app.settings | connection.settings
        require_same_addresses(connector, settings, self._environ)
        return stored, {
            "id": connection.id,
            "organisation_id": connection.organisation_id,
            "access_token": stored.grant.access_token.get_secret_value(),
            "scopes": stored.grant.scopes,
            "settings": settings,
        }

    def _near_end(self, grant: Grant) -> bool:
        # A fifth of its life, where a token lives shorter than our margin would allow.
        margin = min(REFRESH_MARGIN, (grant.expires_at - grant.obtained_at) / 5)
        return self._now() >= grant.expires_at - margin

    def _refresh(self, connector: Connector, stored: StoredGrant, owner: str, *, usable: bool) -> StoredGrant | None:
        """Refresh under the lease; ``None`` if the store has a newer grant by now."""
        app = self._store.app(connector.name, stored.grant.client_id)
        request = {
            "step": "refresh",
            "app": app.app.model_dump(mode="json"),
            "grant": stored.grant.model_dump(mode="json"),
            "settings": app.settings,
        }
        try:
            require_same_addresses(connector, app.settings, self._environ)
            with self._heartbeat(stored, owner):
                grant = connector.auth(request).grant
            if grant is None:
                raise Unavailable("The connector renewed the access and gave no grant.")
        except ConnectorError as error:
            self._store.release_grant_lease(stored, owner)
            if self._store.grant(connector.name, stored.grant.identity).version != stored.version:
                return None  # another process refreshed it, or the person authorised again
            if error.recovery in {"wait", "retry"} and usable and self._now() < stored.grant.expires_at:
                return stored  # its end is near, but not here
            raise
        if not is_pinned(connector, app.settings):  # made by an earlier release; the refresh proved the addresses right
            self._store.save_app(connector.name, app.app, pin_addresses(connector, app.settings, self._environ))
        grant = grant.model_copy(update={"identity": stored.grant.identity})
        if not self._store.replace_grant(stored, grant):
            return None
        return StoredGrant(stored.connector, grant, stored.version + 1)

    def _heartbeat(self, stored: StoredGrant, owner: str) -> AbstractContextManager[None]:
        """Send heartbeats while the connector works, so that no other process refreshes."""

        def extend() -> None:
            self._store.extend_grant_lease(stored, owner, self._now() + LEASE_DURATION)

        return heartbeat(extend, LEASE_DURATION / HEARTBEATS_PER_LEASE, "refresh-lease")
