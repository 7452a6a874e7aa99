"""One renewal of a grant at a time, across processes, and the new grant is saved before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.config import BridgeConfig, new_owner
from bizosaas_xero.adapters.brain_gateway.stores import LEASE_DURATION, Key, heartbeat_of, update_value
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.spec import AuthResult, ConnectorError, Grant, ReconnectRequired, parse

REFRESH_MARGIN = timedelta(minutes=5)
"""A token is renewed so long before its end, or a fifth of its life before."""

MAX_WAIT_SECONDS = 20.0
"""Seconds that a request waits for another's renewal before it says so."""

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class TenantConnection:
    """What a tenant's connection is at this moment. ``grant`` is ``None`` before the consent."""

    reference: str
    grant: dict[str, Any] | None
    organisations: list[dict[str, Any]]
    chosen: list[str]
    lease: dict[str, str] | None


class GrantHolder(Protocol):
    """What a refresh needs of the holder of the tenants' grants."""

    config: BridgeConfig
    connector: Connector

    def find(self, tenant: str) -> TenantConnection | None:
        """Return the tenant's connection as it is stored."""

    def key(self, kind: str, tenant: str) -> Key:
        """Return the key of a tenant's value in the store."""

    def auth(self, tenant: str, request: Mapping[str, Any]) -> AuthResult:
        """Call the hook ``auth`` with the tenant's app."""


class GrantRefresher:
    """Renews the grants of one connector.

    Args:
        access: Holds the grants.
    """

    def __init__(self, access: GrantHolder) -> None:
        self._access = access

    def get_valid(self, tenant: str, refused: str | None = None) -> dict[str, Any]:
        """Return the tenant's grant, renewed if its end is near.

        One process refreshes and sends heartbeats meanwhile. The others use the current token while it is
        valid, and otherwise wait.

        Args:
            tenant: Whose.
            refused: The access token that was refused although its time is not over.

        Raises:
            ReconnectRequired: if the grant is gone.
            Unavailable: if another process renews, and does not finish.
            ConnectorError: any other of ``auth``.
        """
        owner, waited = new_owner(), 0.0
        while True:
            held, now = self._access.find(tenant), self._access.config.now()
            if held is None or held.grant is None:
                raise reasons.NO_GRANT("Access was never given, or was ended.", remedy=ReconnectRequired.default_remedy)
            grant = held.grant
            usable = grant["access_token"] != refused and now < _parse_time(grant["expires_at"])
            if usable and not _near_end(grant, now):
                return grant
            if held.lease is None or _parse_time(held.lease["until"]) < now:
                if self._lease(tenant, held, owner):
                    fresh = self._renew(tenant, grant, owner, usable=usable)
                    if fresh is not None:
                        return fresh
            elif usable:
                return grant
            elif waited >= MAX_WAIT_SECONDS:
                raise reasons.REFRESH_RUNNING(retry_after=30)
            else:
                self._access.config.sleep(POLL_SECONDS)
                waited += POLL_SECONDS

    def _lease(self, tenant: str, held: TenantConnection, owner: str) -> bool:
        """Take the right to renew this very grant."""
        lease = self._new_lease(owner)

        def edit(value: dict[str, Any] | None) -> dict[str, Any] | None:
            same = value is not None and (value["grant"], value["lease"]) == (held.grant, held.lease)
            return value | {"lease": lease} if same and value is not None else None

        kept = update_value(self._access.config.store, self._access.key("grant", tenant), edit)
        return kept is not None and kept["lease"] == lease

    def _renew(self, tenant: str, grant: dict[str, Any], owner: str, *, usable: bool) -> dict[str, Any] | None:
        """Renew under the lease, and save before use; ``None`` if the store has another grant by now."""
        try:
            with heartbeat_of(
                self._access.config.store,
                self._access.key("grant", tenant),
                lambda value: self._extend(value, owner),
            ):
                fresh = self._refresh(tenant, grant)
        except BaseException as error:
            kept = self._finish_refresh(tenant, grant, owner, None)
            if not isinstance(error, ConnectorError) or (kept and kept["grant"] == grant):
                if usable and isinstance(error, ConnectorError) and error.recovery in {"wait", "retry"}:
                    return grant  # its end is near, but not here
                raise
            return None  # another process refreshed it, or the person authorised again
        new = fresh.model_dump(mode="json") | {"identity": grant["identity"]}
        kept = self._finish_refresh(tenant, grant, owner, new)
        return new if kept and kept["grant"] == new else None

    def _new_lease(self, owner: str) -> dict[str, str]:
        return {"owner": owner, "until": (self._access.config.now() + LEASE_DURATION).isoformat()}

    def _extend(self, value: dict[str, Any] | None, owner: str) -> dict[str, Any] | None:
        mine = value is not None and value["lease"] is not None and value["lease"]["owner"] == owner
        return value | {"lease": self._new_lease(owner)} if mine and value is not None else None

    def _refresh(self, tenant: str, grant: dict[str, Any]) -> Grant:
        fresh = self._access.auth(tenant, {"step": "refresh", "grant": grant}).grant
        if fresh is None:
            raise self._access.connector.failure("refresh gave no grant")
        return fresh

    def _finish_refresh(
        self, tenant: str, grant: dict[str, Any], owner: str, new: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        """Give the lease back, and keep the new grant unless the old one was replaced meanwhile."""

        def edit(value: dict[str, Any] | None) -> dict[str, Any] | None:
            if value is None or value["grant"] != grant:
                return None
            mine = value["lease"] is not None and value["lease"]["owner"] == owner
            changed = {"lease": None} if mine else {}
            return value | changed | ({"grant": new, "lease": None} if new else {})

        return update_value(self._access.config.store, self._access.key("grant", tenant), edit)


def _parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _near_end(grant: dict[str, Any], now: datetime) -> bool:
    held = parse(Grant, grant, "grant")
    return now >= held.expires_at - min(REFRESH_MARGIN, (held.expires_at - held.obtained_at) / 5)
