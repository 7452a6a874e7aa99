"""Refresh a grant once, however many processes need it, and store the new one before it is used.

The rule is here; where the grant is stored is behind :class:`GrantSlot`, which the embedded host and the gateway's
bridge each implement for their own store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from bizosaas_xero.host.storage import ownership
from bizosaas_xero.host.storage.heartbeat import heartbeat
from bizosaas_xero.host.storage.models import StoredGrant
from bizosaas_xero.spec import ConnectorError, Grant, Unavailable
from bizosaas_xero.spec.reasons import Reason

REFRESH_MARGIN = timedelta(minutes=5)
"""A token is renewed so long before its end; it also covers clocks that differ."""

POLL_SECONDS = 0.2

RETRY_AFTER_SECONDS = 30.0
"""Seconds after which to ask again, where another process does not finish."""


class GrantSlot(Protocol):
    """Where the grant of one identity is stored, with the lease of the one who refreshes it."""

    def read(self) -> StoredGrant:
        """Return the grant.

        Raises:
            ReconnectRequired: if there is none.
        """

    def edit(self, change: Callable[[StoredGrant, datetime], StoredGrant]) -> StoredGrant:
        """Change the grant or its lease atomically, durable before this returns, and return what is stored now.

        Args:
            change: Is given what is stored and the time by the store's clock. It returns the same object to leave it;
                a new ``grant`` gets the next version. It may be called several times.

        Raises:
            ReconnectRequired: if there is none.
        """


@dataclass(frozen=True)
class GrantRefresher:
    """Refreshes one grant.

    Args:
        slot: Where it is stored.
        refresh: Asks the connector for the next grant.
        timed_out: Why a wait for another process that does not finish ends; its ``owner`` in words is filled in.
        max_wait: Seconds to wait for another process that refreshes and is still sending heartbeats.
        now: The clock of the tokens.
        sleep: Waits, in seconds.
    """

    slot: GrantSlot
    refresh: Callable[[Grant], Grant]
    timed_out: Reason[Unavailable]
    max_wait: float
    now: Callable[[], datetime]
    sleep: Callable[[float], None]

    def get_valid(self, refused: object = None) -> StoredGrant:
        """Return the grant, refreshed if its end is near.

        One process refreshes. The others use the current token while it is valid, and otherwise wait.

        Args:
            refused: The version whose token was refused although its time is not over.

        Raises:
            ReconnectRequired: if the grant is gone.
            Unavailable: if another process refreshes, and does not finish.
            ConnectorError: any other of the refresh.
        """
        owner, waited = ownership.new_owner(), 0.0
        try:
            while True:
                stored = self.slot.read()
                usable = stored.version != refused
                if usable and not self._near_end(stored.grant):
                    return stored
                if self._acquire(stored, owner):
                    fresh = self._refresh_once(stored, owner, usable=usable)
                    if fresh is not None:
                        return fresh
                elif usable and self._is_alive(stored):
                    return stored
                elif waited >= self.max_wait:
                    owner_name = ownership.describe_owner(stored.lease_owner)
                    raise self.timed_out(owner=owner_name, retry_after=RETRY_AFTER_SECONDS)
                else:
                    self.sleep(POLL_SECONDS)
                    waited += POLL_SECONDS
        finally:
            ownership.forget_owner(owner)

    def _near_end(self, grant: Grant) -> bool:
        # A fifth of its life, where a token lives shorter than our margin would allow.
        margin = min(REFRESH_MARGIN, (grant.expires_at - grant.obtained_at) / 5)
        return self.now() >= grant.expires_at - margin

    def _is_alive(self, stored: StoredGrant) -> bool:
        return self.now() < stored.grant.expires_at

    def _acquire(self, wanted: StoredGrant, owner: str) -> bool:
        """Take the right to refresh this very version."""

        def acquire(stored: StoredGrant, now: datetime) -> StoredGrant:
            free = ownership.is_available(stored.lease_owner, stored.lease_until, now)
            if stored.version != wanted.version or not free:
                return stored
            return replace(stored, lease_owner=owner, lease_until=ownership.lease_end(now))

        return self.slot.edit(acquire).lease_owner == owner

    def _refresh_once(self, stored: StoredGrant, owner: str, *, usable: bool) -> StoredGrant | None:
        """Refresh under the lease; ``None`` if the store has a newer grant by now."""

        def extend(current: StoredGrant, now: datetime) -> StoredGrant:
            mine = current.lease_owner == owner
            return replace(current, lease_until=ownership.lease_end(now)) if mine else current

        def release(current: StoredGrant, _now: datetime) -> StoredGrant:
            mine = current.lease_owner == owner
            return replace(current, lease_owner=None, lease_until=None) if mine else current

        try:
            with heartbeat(lambda: self.slot.edit(extend), "refresh-lease"):
                grant = self.refresh(stored.grant).model_copy(update={"identity": stored.grant.identity})
        except BaseException as error:
            current = self.slot.edit(release)
            if not isinstance(error, ConnectorError):
                raise
            if current.version != stored.version:
                return None  # another process refreshed it, or the person authorised again
            if error.recovery in {"wait", "retry"} and usable and self._is_alive(stored):
                return stored  # its end is near, but not here
            raise

        saved = False

        def save(current: StoredGrant, _now: datetime) -> StoredGrant:
            nonlocal saved
            saved = current.version == stored.version
            return replace(current, grant=grant, lease_owner=None, lease_until=None) if saved else current

        current = self.slot.edit(save)
        return current if saved else None
