"""The routes of connectors, as the gateway's description gives them."""

# ruff: noqa: B008, FAST002, TRY301 (written as the gateway is)

from typing import Any

from app.connectors.registry import ConnectorRegistry
from app.dependencies import get_current_user, secret_service
from fastapi import APIRouter, Body, Depends, HTTPException, Request  # noqa: F401 (once a route is changed)

router = APIRouter(prefix="/api/connectors")


async def create(connector_id: str, tenant_id: str) -> Any:
    credentials = await secret_service.get_connector_credentials(tenant_id, connector_id)
    if not credentials:
        raise HTTPException(404, "Connector not connected")
    return ConnectorRegistry.create_connector(connector_id, tenant_id, credentials)


@router.get("/types")
async def list_types():
    return ConnectorRegistry.get_all_configs()


@router.post("/{connector_id}/connect")
async def connect(connector_id: str, credentials: dict[str, Any] = Body(...), user=Depends(get_current_user)):
    tenant_id = user.tenant_id
    try:
        connector = ConnectorRegistry.create_connector(connector_id, tenant_id, credentials)
        if not credentials.get("force_connect") and not await connector.validate_credentials():
            raise HTTPException(400, "Invalid credentials")
        await secret_service.store_connector_credentials(tenant_id, connector_id, credentials)
    except HTTPException:
        raise
    except Exception as error:
        raise HTTPException(500, str(error)) from error
    return {"status": "connected"}


@router.post("/{connector_id}/disconnect")
async def disconnect(connector_id: str, user=Depends(get_current_user)):
    tenant_id = user.tenant_id
    success = await secret_service.delete_connector_credentials(tenant_id, connector_id)
    return {"status": "disconnected" if success else "not_connected"}


@router.post("/{connector_id}/validate")
async def validate(connector_id: str, user=Depends(get_current_user)):
    return {"valid": await (await create(connector_id, user.tenant_id)).validate_credentials()}


@router.get("/{connector_id}/status")
async def status(connector_id: str, user=Depends(get_current_user)):
    return {"status": await (await create(connector_id, user.tenant_id)).get_status()}


@router.post("/{connector_id}/action/{action}")
async def perform_action(
    connector_id: str, action: str, payload: dict[str, Any] = Body(...), user=Depends(get_current_user)
):
    connector = await create(connector_id, user.tenant_id)
    try:
        result = await connector.perform_action(action, payload)
        if result.get("status") == "success":
            await secret_service.store_connector_credentials(user.tenant_id, connector_id, connector.credentials)
    except Exception as error:
        raise HTTPException(500, str(error)) from error
    return result


@router.get("/{connector_id}/sync/{resource}")
async def sync(connector_id: str, resource: str, user=Depends(get_current_user)):
    connector = await create(connector_id, user.tenant_id)
    try:
        result = await connector.sync_data(resource)
    except Exception as error:
        raise HTTPException(500, str(error)) from error
    return result
