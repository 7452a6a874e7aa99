"""What an access token says about itself. Only hints: nothing here is verified, nothing relies on it."""

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
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def scopes(access_token: str) -> list[str]:
    """Return the granted scopes that a token names (Xero writes an array), or ``[]``."""
    found = claims(access_token).get("scope", [])
    if isinstance(found, str):
        return found.split()
    return [str(scope) for scope in found] if isinstance(found, list) else []


def granted(connection: Connection) -> list[str]:
    """Return the scopes that a connection names, else those that its token names, else ``[]``."""
    return connection.scopes or scopes(connection.access_token.get_secret_value())
