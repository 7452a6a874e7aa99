"""The errors of Xero's sign-in service, in words a shop owner understands.

Xero answers with OAuth 2.0's error words, often without a description, and not always the fitting one: a
scope that an app may not have comes as ``invalid_scope``, ``unauthorized_client`` or ``access_denied``.
"""

from __future__ import annotations

import httpx

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.http import errors
from bizosaas_xero.spec.errors import ConnectorError
from bizosaas_xero.toolkit.errors import parse_json_object

AUTHORIZE_AGAIN = f"{reasons.AUTHORIZE} again."

OFFLINE_ACCESS_WARNING = (
    "The permission offline_access is missing: the sync will stop after 30 minutes. "
    f"{reasons.AUTHORIZE} again with offline_access among the scopes."
)


def token_error(error: str, description: str) -> ConnectorError:
    """Return the error for a refusal that any kind of token request can meet."""
    detail = f" Xero says: {description}" if description else ""
    if error == "invalid_client":
        return reasons.INVALID_CLIENT(detail=detail)
    if error == "invalid_scope" or "scope" in description.lower():
        return _scope_error(error, description)
    if error == "unauthorized_client":
        return reasons.UNAUTHORIZED_CLIENT(detail=detail)
    return reasons.SIGN_IN_REFUSED(error=error, detail=detail)


def _scope_error(error: str, description: str) -> ConnectorError:
    return reasons.SCOPES_REFUSED(error=f"{error}: {description}" if description else error)


def consent_error(error: str, description: str) -> ConnectorError:
    """Return the error for the ``error`` parameter with which Xero sent the user back."""
    if error == "access_denied" and "scope" not in description.lower():
        return reasons.CONSENT_CANCELLED()
    return token_error(error, description) if error != "access_denied" else _scope_error(error, description)


def code_error(error: str, description: str) -> ConnectorError:
    """Return the error for a refused authorisation code."""
    return reasons.CODE_REFUSED() if error == "invalid_grant" else token_error(error, description)


def refresh_error(error: str, description: str) -> ConnectorError:
    """Return the error for a refused refresh token."""
    return reasons.GRANT_ENDED() if error == "invalid_grant" else token_error(error, description)


def revocation_error(response: httpx.Response) -> ConnectorError:
    """Return the error for a refused revocation."""
    error = parse_json_object(response).get("error")
    return token_error(error, "") if isinstance(error, str) else errors.from_response(response)
