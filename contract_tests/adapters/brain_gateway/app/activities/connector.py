"""The activity that reads a resource, as the gateway's description gives it; without Temporal's decorator."""

from typing import Any

from app.connectors.registry import ConnectorRegistry
from app.dependencies import secret_service  # noqa: F401 (used once the activity is changed)


async def sync_connector_data(connector_id: str, tenant_id: str, resource_type: str) -> dict[str, Any]:
    credentials = {}
    connector = ConnectorRegistry.create_connector(connector_id, tenant_id, credentials)
    return await connector.sync_data(resource_type)
