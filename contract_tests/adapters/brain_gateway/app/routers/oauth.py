"""The sign-in routes, as the gateway's description gives them."""

from app.connectors.registry import ConnectorRegistry
from app.dependencies import secret_service  # noqa: F401 (used once the route is changed)
from fastapi import APIRouter, Depends, HTTPException  # noqa: F401 (as above)
from pydantic import BaseModel

router = APIRouter(prefix="/oauth")


class OAuthCallbackParams(BaseModel):
    code: str
    state: str
    connector_id: str
    tenant_id: str
    redirect_uri: str


@router.get("/authorize/{connector_id}")
async def authorize_connector(connector_id: str, tenant_id: str, redirect_uri: str):
    connector = ConnectorRegistry.get_connector_class(connector_id)(tenant_id=tenant_id, credentials={})
    try:
        url = await connector.get_auth_url(redirect_uri=redirect_uri, state=f"{tenant_id}:{connector_id}")
    except Exception as error:
        raise HTTPException(500, str(error)) from error
    return {"url": url}


@router.post("/callback")
async def oauth_callback(params: OAuthCallbackParams):
    if not params.state.startswith(f"{params.tenant_id}:{params.connector_id}"):
        raise HTTPException(400, "Invalid state parameter")
    connector = ConnectorRegistry.get_connector_class(params.connector_id)(tenant_id=params.tenant_id, credentials={})
    try:
        token_data = await connector.exchange_code(code=params.code, redirect_uri=params.redirect_uri)
    except Exception as error:
        raise HTTPException(500, f"Connection failed: {error}") from error
    return {"status": "success", "credentials": token_data}
