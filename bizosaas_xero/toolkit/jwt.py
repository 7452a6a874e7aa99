"""The claims of an access token. They are hints: no signature is verified, and what is allowed the service decides."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from bizosaas_xero.spec.models import Connection


def claims(access_token: str) -> dict[str, Any]:
    """Return the claims of a JWT, or ``{}`` when the token is opaque."""
    parts = access_token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 (header, claims, signature)
        return {}
    try:
        payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def scopes(access_token: str) -> list[str]:
    """Return the granted scopes that a token names (as an array or as one string), or ``[]``."""
    scope = claims(access_token).get("scope", [])
    if isinstance(scope, str):
        return scope.split()
    return [str(name) for name in scope] if isinstance(scope, list) else []


def granted_scopes(connection: Connection) -> list[str]:
    """Return the scopes that a connection names, else those that its token names, else ``[]``."""
    return connection.scopes or scopes(connection.access_token.get_secret_value())
