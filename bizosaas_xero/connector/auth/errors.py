"""The errors of Xero's sign-in service, in words a shop owner understands.

Xero answers with OAuth 2.0's error words, often without a description, and not always the fitting one: a
scope that an app may not have comes as ``invalid_scope``, ``unauthorized_client`` or ``access_denied``.
"""

from __future__ import annotations

import httpx

from bizosaas_xero.connector.http import errors
from bizosaas_xero.spec.errors import ConnectorError, Invalid, Misconfigured, MissingScope, ReconnectRequired
from bizosaas_xero.toolkit.errors import parse_json_object

_PORTAL = "developer.xero.com under My Apps"
_AUTHORIZE = "Choose Authorize with Xero under Settings → Integrations → Xero"

AUTHORIZE_AGAIN = f"{_AUTHORIZE} again."

OFFLINE_ACCESS_WARNING = (
    "The permission offline_access is missing: the sync will stop after 30 minutes. "
    f"{_AUTHORIZE} again with offline_access among the scopes."
)


def token_error(error: str, description: str) -> ConnectorError:
    """Return the error for a refusal that any kind of token request can meet."""
    detail = f" Xero says: {description}" if description else ""
    if error == "invalid_client":
        return Misconfigured(
            f"Xero does not accept the client id and secret (invalid_client).{detail}",
            remedy="Copy the client id, and a newly generated client secret, from your app at "
            f"{_PORTAL} → Configuration, and paste both under Settings → Integrations → Xero.",
            reason="invalid_client",
        )
    if error == "invalid_scope" or "scope" in description.lower():
        return scope_error(error, description)
    if error == "unauthorized_client":
        return Misconfigured(
            f"Xero does not let this app connect in this way (unauthorized_client).{detail}",
            remedy=f"At {_PORTAL}, check that the app's type is the one chosen here (Web app, Mobile or "
            "desktop app, or Custom Connection) and that exactly this redirect address is entered there.",
            reason="unauthorized_client",
        )
    return Misconfigured(
        f"Xero refused to give access ({error}).{detail}",
        remedy=f"Check the app at {_PORTAL}, then {_AUTHORIZE[0].lower()}{_AUTHORIZE[1:]} again.",
        reason="sign_in_refused",
    )


def scope_error(error: str, description: str) -> Misconfigured:
    """Return the error for scopes that this app may not have."""
    return Misconfigured(
        f"Xero does not give this app the permissions that were asked for ({error}: {description})."
        if description
        else f"Xero does not give this app the permissions that were asked for ({error}).",
        remedy="Set the scopes (XERO_SCOPES) to 'granular' for an app made since 2 March 2026, or to "
        "'legacy' for an older one that has no granular scopes yet. A Custom Connection must have them "
        f"ticked at {_PORTAL}.",
        reason="scopes_refused",
    )


def consent_error(error: str, description: str) -> ConnectorError:
    """Return the error for the ``error`` parameter with which Xero sent the user back."""
    if error == "access_denied" and "scope" not in description.lower():
        return ReconnectRequired(
            "Access was not allowed on Xero's page.",
            remedy=f"{_AUTHORIZE} again and press Allow access.",
            reason="consent_cancelled",
        )
    return token_error(error, description) if error != "access_denied" else scope_error(error, description)


def code_error(error: str, description: str) -> ConnectorError:
    """Return the error for a refused authorisation code."""
    if error == "invalid_grant":
        return ReconnectRequired(
            "Xero no longer accepts this authorisation: it is older than 5 minutes or was used already.",
            remedy=f"{_AUTHORIZE} again and finish within 5 minutes.",
            reason="code_refused",
        )
    return token_error(error, description)


def refresh_error(error: str, description: str) -> ConnectorError:
    """Return the error for a refused refresh token."""
    if error == "invalid_grant":
        return ReconnectRequired(
            "The access to Xero has ended: it was revoked, replaced by a newer one, or unused for 60 days.",
            remedy=f"{_AUTHORIZE} again. Nothing that was synced is lost.",
            reason="grant_ended",
        )
    return token_error(error, description)


def missing_refresh_token() -> MissingScope:
    """Return the error for a grant without a refresh token."""
    return MissingScope(
        "The access to Xero has run out and cannot be renewed, because offline_access was not granted.",
        remedy=f"{_AUTHORIZE} again with offline_access among the scopes.",
        reason="offline_access_missing",
        scopes=["offline_access"],
    )


def missing_secret() -> Misconfigured:
    """Return the error for an app that needs a client secret and has none."""
    return Misconfigured(
        "The client secret is missing.",
        remedy=f"Generate one in your app at {_PORTAL} → Configuration and paste it under Settings → "
        "Integrations → Xero. Only an app of the type Mobile or desktop app (kind 'pkce') has none.",
        reason="client_secret_missing",
        problems=[{"field": "request.app.client_secret", "message": "is needed by this kind of app"}],
    )


def foreign_grant() -> Misconfigured:
    """Return the error for a grant of another app."""
    return Misconfigured(
        "The stored access belongs to another client id.",
        remedy=f"{_AUTHORIZE} again with the new app, or put the former client id back.",
        reason="client_id_changed",
    )


def state_mismatch() -> Invalid:
    """Return the error for a callback whose state is not the one that was sent."""
    return Invalid(
        "This callback does not belong to the authorisation that was started here.",
        remedy=f"{_AUTHORIZE} again. If you did not start one, another person may be trying to connect "
        "their books to your account: do not use the link.",
        reason="state_mismatch",
        problems=[{"field": "request.callback_url", "message": "its state is not the one that was sent"}],
    )


def revocation_error(response: httpx.Response) -> ConnectorError:
    """Return the error for a refused revocation."""
    error = parse_json_object(response).get("error")
    return token_error(error, "") if isinstance(error, str) else errors.from_response(response)
