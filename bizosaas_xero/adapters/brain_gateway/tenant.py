"""What the bridge keeps of one tenant and connector: its connection, and in it the grant that is refreshed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.stores import Key, KeyValueStore, update_value
from bizosaas_xero.host.storage.models import StoredGrant
from bizosaas_xero.spec import Grant, ReconnectRequired, parse


@dataclass(frozen=True)
class TenantConnection:
    """What a tenant's connection is at this moment. ``grant`` is ``None`` before the consent."""

    reference: str
    grant: dict[str, Any] | None
    organisations: list[dict[str, Any]]
    chosen: list[str]
    lease: dict[str, str] | None


@dataclass(frozen=True)
class TenantGrant:
    """The grant of a tenant as a slot of :mod:`bizosaas_xero.host.connections.refresh`; its version is its token."""

    store: KeyValueStore
    key: Key

    def read(self) -> StoredGrant:
        """See :class:`bizosaas_xero.host.connections.refresh.GrantSlot`."""
        kept = self.store.read(self.key)
        return _to_stored(kept and kept.value)

    def edit(self, change: Callable[[StoredGrant, datetime], StoredGrant]) -> StoredGrant:
        """See :class:`bizosaas_xero.host.connections.refresh.GrantSlot`."""

        def edit(value: dict[str, Any] | None) -> dict[str, Any] | None:
            before = _to_stored(value)
            after = change(before, self.store.now())
            if after is before or value is None:
                return value
            lease = after.lease_until and {"owner": after.lease_owner, "until": after.lease_until.isoformat()}
            grant = value["grant"] if after.grant is before.grant else after.grant.model_dump(mode="json")
            return value | {"lease": lease, "grant": grant}

        return _to_stored(update_value(self.store, self.key, edit))


def _to_stored(value: Mapping[str, Any] | None) -> StoredGrant:
    if value is None or value["grant"] is None:
        raise reasons.NO_GRANT("Access was never given, or was ended.", remedy=ReconnectRequired.default_remedy)
    lease = value["lease"] or {"owner": None, "until": None}
    until = lease["until"] and datetime.fromisoformat(lease["until"])
    grant = parse(Grant, value["grant"], "grant")
    return StoredGrant("", grant, value["grant"]["access_token"], lease["owner"], until)
