"""Over HTTP with a sign-in: each call is a person's, whom an access token of the issuer names."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from anyio import to_thread
from mcp.server import ServerRequestContext
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken, TokenVerifier

from bizosaas_xero.host.actions.names import AGENT_PREFIX
from bizosaas_xero.host.text import make_visible
from bizosaas_xero.spec import ConnectorError
from bizosaas_xero.web.people import OpenIdSettings
from bizosaas_xero.web.settings import Identity

MAX_NAME = 60
"""Characters that are shown of a name which the client chose."""

_NAME, _ROLE = "bizosaas_name", "bizosaas_role"

logger = logging.getLogger("bizosaas_xero.auth")


class TokenIssuer(Protocol):
    """Who makes access tokens, such as :class:`bizosaas_xero.web.signin.Issuer`."""

    @property
    def settings(self) -> OpenIdSettings:
        """What its claims mean here."""

    def verify(self, token: str, audience: str) -> Mapping[str, Any]:
        """Return the claims of a valid token for an audience."""


@dataclass(frozen=True)
class PersonVerifier(TokenVerifier):
    """Accepts access tokens that the issuer made for this server, and that name a person with a role.

    Args:
        issuer: Who makes them.
        resource: The address of this server, which they must name as their audience.
    """

    issuer: TokenIssuer
    resource: str

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return what a token says; ``None``: it is not accepted."""
        try:
            claims = await to_thread.run_sync(self.issuer.verify, token, self.resource)
            identity = self.issuer.settings.identify(claims)
        except ConnectorError as error:
            logger.warning("access token refused: %s", error.message)
            return None
        scope = claims.get("scope")
        return AccessToken(
            token=token,
            client_id=str(claims.get("client_id") or claims.get("azp") or ""),
            scopes=scope.split() if isinstance(scope, str) else [],
            expires_at=int(claims["exp"]),
            resource=self.resource,
            subject=str(claims["sub"]),
            claims={"iss": claims["iss"], _NAME: identity.name, _ROLE: identity.role},
        )


def find_person(context: ServerRequestContext[Any, Any]) -> Identity | None:
    """Return the person whose access token came with a call; ``None`` where no person signs in."""
    user = getattr(context.request, "scope", {}).get("user")
    if not isinstance(user, AuthenticatedUser):
        return None
    claims = user.access_token.claims or {}
    return Identity(claims[_NAME], claims[_ROLE])


def name_requester(context: ServerRequestContext[Any, Any], person: str | None) -> str:
    """Return who asks: the client as it names itself, and the person for whom it asks, if one is known."""
    params = context.session.client_params
    client = "a client without a name"
    if params is not None:
        parts = (params.client_info.name, params.client_info.version)
        client = " ".join(make_visible(part)[:MAX_NAME].replace('"', "'") for part in parts).strip() or client
    return f'{AGENT_PREFIX}"{client}"' + (f" for {person}" if person else "")
