"""The gateway calls a connector connected when its own store holds credentials: a mark is kept there."""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Any

from starlette.concurrency import run_in_threadpool

from bizosaas_xero.adapters.brain_gateway.config import Person
from bizosaas_xero.adapters.brain_gateway.service import REFERENCE, ConnectorService


class Mirror:
    """Keeps the gateway's credential store in step."""

    def __init__(self, get_secret_service: Any, services: Mapping[str, ConnectorService]) -> None:
        self._get = get_secret_service
        self._services = services

    async def is_marked(self, tenant: str, name: str) -> bool:
        """Return whether the gateway calls a connector of this tenant connected."""
        return bool(await self._get().get_connector_credentials(tenant, name))

    async def update(self, person: Person) -> None:
        """Mark what is connected now, and nothing else."""
        secrets, tenant = self._get(), str(person.tenant)
        for name, service in self._services.items():
            connected = await run_in_threadpool(_is_connected, service, tenant)
            if connected == await self.is_marked(tenant, name):
                continue
            if connected:
                await secrets.store_connector_credentials(
                    tenant_id=tenant,
                    connector_id=name,
                    credentials={REFERENCE: token_urlsafe(24)},
                    metadata={"created_by": person.name, "connector_name": name},
                )
            else:
                await secrets.delete_connector_credentials(tenant, name)


def _is_connected(service: ConnectorService, tenant: str) -> bool:
    opened = service.find_tenant(tenant)
    return opened is not None and service.connection(opened) is not None
