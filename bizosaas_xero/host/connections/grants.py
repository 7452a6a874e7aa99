"""Keep access alive: one refresh at a time per grant, and the new grant is saved before it is used."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.storage import leases
from bizosaas_xero.host.storage.heartbeat import beating
from bizosaas_xero.host.storage.models import StoredConnection, StoredGrant
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.spec import ConnectorError, Grant, Unavailable

MARGIN = timedelta(minutes=5)
"""A token is renewed so long before its end; it also covers clocks that differ."""

LEASE = timedelta(seconds=90)
"""How long one who renews may give no sign of life. Whoever waits measures it by his own waiting, whatever
the clocks say."""

BEATS = 3
"""Signs of life in the time of a lease: one may be lost, such as to a database that is busy."""

PATIENCE = timedelta(minutes=3)
"""How long the others wait for one who goes on giving signs of life."""

PAUSE = 0.2

log = logging.getLogger(__name__)


class Grants:
    """Hands out grants that will last.

    Args:
        store: Where they are kept.
        now: The clock.
        sleep: Waits, in seconds.
    """

    def __init__(self, store: Store, *, now: Callable[[], datetime], sleep: Callable[[float], None]) -> None:
        self._store = store
        self._now = now
        self._sleep = sleep

    def fresh(self, connector: Connector, identity: str, refused: int | None = None) -> StoredGrant:
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
        waited, stood = timedelta(), timedelta()
        seen: tuple[object, object] | None = None
        while True:
            held = self._store.grant(connector.name, identity)
            if held.version != refused and not self._near_end(held.grant):
                return held
            lease = (held.lease_owner, held.lease_until)
            stood = stood if lease == seen else timedelta()
            seen = lease
            free = stood >= LEASE or leases.is_free(held.lease_owner, held.lease_until, self._now())
            if free and self._store.lease_grant(held, owner, self._now() + LEASE):
                fresh = self._refresh(connector, held, owner, usable=held.version != refused)
                if fresh is not None:
                    return fresh
                continue
            if waited > PATIENCE:
                raise Unavailable(
                    f"Another process ({leases.process(held.lease_owner)}) is renewing the access and does not finish.",
                    remedy="Try again in some minutes. If this stays, end that process.",
                    reason="refresh_stuck",
                )
            self._sleep(PAUSE)
            waited += timedelta(seconds=PAUSE)
            stood += timedelta(seconds=PAUSE)

    def access(
        self, connector: Connector, kept: StoredConnection, refused: int | None = None
    ) -> tuple[StoredGrant, dict[str, Any]]:
        """Return a grant that will last, and the ``connection`` with which hooks are called.

        Raises:
            ConnectorError: as :meth:`fresh` does.
        """
        held = self.fresh(connector, kept.identity, refused)
        app = self._store.app(kept.connector, held.grant.client_id)
        return held, {
            "id": kept.id,
            "organisation_id": kept.organisation_id,
            "access_token": held.grant.access_token.get_secret_value(),
            "scopes": held.grant.scopes,
            "settings": app.settings | kept.settings,
        }

    def _near_end(self, grant: Grant) -> bool:
        # A fifth of its life, where a token lives shorter than our margin would allow.
        margin = min(MARGIN, (grant.expires_at - grant.obtained_at) / 5)
        return self._now() >= grant.expires_at - margin

    def _refresh(self, connector: Connector, held: StoredGrant, owner: str, *, usable: bool) -> StoredGrant | None:
        """Refresh under the lease; ``None`` if the store has a newer grant by now."""
        kept = self._store.app(connector.name, held.grant.client_id)
        request = {
            "step": "refresh",
            "app": kept.app.model_dump(mode="json"),
            "grant": held.grant.model_dump(mode="json"),
            "settings": kept.settings,
        }
        try:
            with self._alive(held, owner):
                grant = connector.auth(request).grant
            if grant is None:
                raise Unavailable("The connector renewed the access and gave no grant.")
        except ConnectorError as error:
            self._store.release_grant(held, owner)
            if self._store.grant(connector.name, held.grant.identity).version != held.version:
                return None  # somebody else rotated it, or the person authorised again
            if error.recovery in {"wait", "retry"} and usable and self._now() < held.grant.expires_at:
                return held  # its end is near, but not here
            raise
        grant = grant.model_copy(update={"identity": held.grant.identity})
        if not self._store.replace_grant(held, grant):
            return None
        return StoredGrant(held.connector, grant, held.version + 1)

    def _alive(self, held: StoredGrant, owner: str) -> AbstractContextManager[None]:
        """Give signs of life while the connector works: however long it takes, nobody else refreshes."""

        def sign() -> None:
            self._store.extend_grant(held, owner, self._now() + LEASE)

        return beating(sign, LEASE / BEATS, "refresh-lease")
