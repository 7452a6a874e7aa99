"""Which organisations of a tenant are connected, and which of them is meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.config import BridgeConfig
from bizosaas_xero.host.connections.tenants import OpenTenant, Tenants
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.spec import Organisation
from bizosaas_xero.spec.errors import SUBJECT, Invalid

if TYPE_CHECKING:
    from bizosaas_xero.host import Offer, StoredConnection

T = TypeVar("T")


class TenantOrganisations:
    """The organisations of one connector, by tenant."""

    def __init__(self, connector: Connector, tenants: Tenants, config: BridgeConfig) -> None:
        self.connector = connector
        self.name = connector.name
        self.tenants = tenants
        self.config = config

    def find_tenant(self, tenant_id: object) -> OpenTenant | None:
        """Return the host of a tenant who ever began to connect something."""
        return self.tenants.find(self.config.require_tenant(tenant_id))

    def open_tenant(self, tenant_id: object) -> OpenTenant:
        """Return the host of a tenant; it is made if it is not there."""
        return self.tenants.open(self.config.require_tenant(tenant_id))

    def connections(self, tenant: OpenTenant) -> list[StoredConnection]:
        """Return the tenant's connections of this connector: the one that is read by default first."""
        found = [each for each in tenant.host.store.connections() if each.connector == self.name]
        chosen = (tenant.state.get(self._key("default")) or {}).get("organisation_id")
        return sorted(found, key=lambda each: each.organisation_id != chosen)

    def connection(self, tenant: OpenTenant, organisation_id: object = None) -> StoredConnection | None:
        """Return the connection that is meant; ``None``: nothing is connected.

        Raises:
            OrganisationUnavailable: The one that was named is not connected.
        """
        found = self.connections(tenant)
        if organisation_id is None:
            return found[0] if found else None
        for each in found:
            if each.organisation_id == organisation_id:
                return each
        names = ", ".join(each.organisation_id for each in found) or "none"
        raise reasons.ORGANISATION_NOT_CHOSEN(organisation=str(organisation_id)[:64], names=names)

    def require_connection(self, tenant_id: str, organisation_id: object = None) -> tuple[OpenTenant, StoredConnection]:
        """Return the connection that is meant.

        Raises:
            ReconnectRequired: Nothing is connected, or consent was not given yet.
            Invalid: No organisation was chosen yet.
        """
        tenant = self.find_tenant(tenant_id)
        connection = tenant and self.connection(tenant, organisation_id)
        if tenant and connection:
            return tenant, connection
        if tenant and tenant.state.get(self._key("offer")):
            raise reasons.NO_ORGANISATION_CHOSEN.field("organisation_id")
        if tenant and tenant.state.get(self._key("waiting")):
            raise reasons.NO_GRANT(connector=self.name)
        raise reasons.NOT_CONNECTED(connector=self.name)

    def list_organisations(self, tenant_id: str) -> dict[str, Any]:
        """Return what the newest consent reaches, and which of it is connected."""
        tenant = self._open_with_access(tenant_id)
        connected = [each.organisation_id for each in self.connections(tenant)]
        offered = self._offer(tenant).organisations
        found = [each.model_dump(mode="json") | {"chosen": each.id in connected} for each in offered]
        return {"organisations": found, "chosen": connected}

    def choose(self, tenant_id: str, wanted: object) -> dict[str, Any]:
        """Connect organisations that a consent reaches; the first is read where none is named."""
        ids = [wanted] if isinstance(wanted, str) else wanted
        if not isinstance(ids, list) or not ids or not all(isinstance(each, str) for each in ids):
            raise Invalid.field("payload.organisation_id", "must be an id, or a list of ids", summary=SUBJECT)
        tenant = self._open_with_access(tenant_id)
        offer = self._offer(tenant)
        offered: dict[str, Organisation] = {each.id: each for each in offer.organisations}
        connected = {each.organisation_id for each in self.connections(tenant)}
        for each in ids:
            if each not in offered and each not in connected:
                raise reasons.ORGANISATION_NOT_OFFERED(organisation=each[:64])
        for each in ids:
            if each in offered:
                tenant.host.connections.choose(offer, each)
        tenant.state.take(self._key("offer"))
        tenant.state.put(self._key("default"), {"organisation_id": ids[0]})
        return self.list_organisations(tenant_id)

    def disconnect(self, tenant_id: str, organisation_id: object = None, *, revoke: bool = False) -> dict[str, Any]:
        """End access, at the provider too: to one organisation, or to all. What was synced stays.

        Raises:
            ConnectorError: The provider cannot be reached; then nothing is deleted.
        """
        tenant = self.find_tenant(tenant_id)
        gone: list[str] = []
        if tenant is not None:
            named = None if organisation_id is None else self.connection(tenant, organisation_id)
            for each in [named] if named else self.connections(tenant):
                if each.organisation_id not in gone:
                    ended = tenant.host.connections.disconnect(each.id, revoke=revoke)
                    gone += [connection.organisation_id for connection in ended]
            if not self.connections(tenant):
                for kind in ("waiting", "offer", "default", "status"):
                    tenant.state.take(self._key(kind))
            for name in tenant.state.names(self._key("cursor")):
                if name.split(":")[3] in gone:
                    tenant.state.take(name)
        return {"disconnected": gone}

    def _open_with_access(self, tenant_id: str) -> OpenTenant:
        tenant = self.find_tenant(tenant_id)
        if tenant is None:
            raise reasons.NOT_CONNECTED(connector=self.name)
        return tenant

    def _offer(self, tenant: OpenTenant) -> Offer:
        kept = tenant.state.get(self._key("offer"))
        connection = self.connection(tenant)
        if kept is None and connection is None:
            raise reasons.NO_GRANT(connector=self.name)
        identity = str(kept["identity"]) if kept else connection.identity if connection else ""
        return tenant.host.connections.list_organisations(self.name, identity)

    def call(self, tenant: OpenTenant, connection: StoredConnection, work: Callable[[dict[str, Any]], T]) -> T:
        """Call a hook with access, and once more with a new token if its token is refused."""
        return tenant.host.grants.call(tenant.host.report.connector(self.name), connection, work)

    def _key(self, kind: str) -> str:
        return f"{kind}:{self.name}"
