"""What a refusal by Xero's sign-in service means, in words a shop owner understands.

Xero answers with OAuth 2.0's error words, often without a description, and not always the fitting one: a
scope that an app may not have comes as ``invalid_scope``, ``unauthorized_client`` or ``access_denied``.
"""

from __future__ import annotations

import httpx

from bizosaas_xero.connector.http import errors
from bizosaas_xero.spec.errors import ConnectorError, Invalid, Misconfigured, MissingScope, ReconnectRequired

_PORTAL = "developer.xero.com under My Apps"
_AUTHORIZE = "Choose Authorize with Xero under Settings → Integrations → Xero"

NO_OFFLINE = (
    "The permission offline_access is missing: the sync will stop after 30 minutes. "
    f"{_AUTHORIZE} again with offline_access among the scopes."
)


def token_refused(error: str, description: str) -> ConnectorError:
    """Return the meaning of a refusal that is not particular to one way of asking for a token."""
    said = f" Xero says: {description}" if description else ""
    if error == "invalid_client":
        return Misconfigured(
            f"Xero does not accept the client id and secret (invalid_client).{said}",
            remedy="Copy the client id, and a newly generated client secret, from your app at "
            f"{_PORTAL} → Configuration, and paste both under Settings → Integrations → Xero.",
            reason="invalid_client",
        )
    if error == "invalid_scope" or "scope" in description.lower():
        return scopes_refused(error, description)
    if error == "unauthorized_client":
        return Misconfigured(
            f"Xero does not let this app connect in this way (unauthorized_client).{said}",
            remedy=f"At {_PORTAL}, check that the app's type is the one chosen here (Web app, Mobile or "
            "desktop app, or Custom Connection) and that the redirect address is entered there to the "
            "letter.",
            reason="unauthorized_client",
        )
    return Misconfigured(
        f"Xero refused to give access ({error}).{said}",
        remedy=f"Check the app at {_PORTAL}, then {_AUTHORIZE[0].lower()}{_AUTHORIZE[1:]} again.",
        reason="sign_in_refused",
    )


def scopes_refused(error: str, description: str) -> Misconfigured:
    """Make the error for scopes that this app may not have."""
    return Misconfigured(
        f"Xero does not give this app the permissions that were asked for ({error}: {description})."
        if description
        else f"Xero does not give this app the permissions that were asked for ({error}).",
        remedy="Set the scopes (XERO_SCOPES) to 'granular' for an app made since 2 March 2026, or to "
        "'legacy' for an older one that has no granular scopes yet. A Custom Connection must have them "
        f"ticked at {_PORTAL}.",
        reason="scopes_refused",
    )


def consent_refused(error: str, description: str) -> ConnectorError:
    """Return the meaning of an ``error`` with which Xero sent the person back."""
    if error == "access_denied" and "scope" not in description.lower():
        return ReconnectRequired(
            "Access was not allowed on Xero's page.",
            remedy=f"{_AUTHORIZE} again and press Allow access.",
            reason="consent_cancelled",
        )
    return token_refused(error, description) if error != "access_denied" else scopes_refused(error, description)


def code_refused(error: str, description: str) -> ConnectorError:
    """Return the meaning of a refused authorisation code."""
    if error == "invalid_grant":
        return ReconnectRequired(
            "Xero no longer accepts this authorisation: it is older than 5 minutes or was used already.",
            remedy=f"{_AUTHORIZE} again and finish within 5 minutes.",
            reason="code_refused",
        )
    return token_refused(error, description)


def refresh_refused(error: str, description: str) -> ConnectorError:
    """Return the meaning of a refused refresh token."""
    if error == "invalid_grant":
        return ReconnectRequired(
            "The access to Xero has ended: it was revoked, replaced by a newer one, or unused for 60 days.",
            remedy=f"{_AUTHORIZE} again. Nothing that was synced is lost.",
            reason="grant_ended",
        )
    return token_refused(error, description)


def no_refresh_token() -> MissingScope:
    """Make the error for a grant that cannot be renewed."""
    return MissingScope(
        "The access to Xero has run out and cannot be renewed, because offline_access was not granted.",
        remedy=f"{_AUTHORIZE} again with offline_access among the scopes.",
        reason="offline_access_missing",
        scopes=["offline_access"],
    )


def no_secret() -> Misconfigured:
    """Make the error for an app whose kind has a secret, and none is given."""
    return Misconfigured(
        "The client secret is missing.",
        remedy=f"Generate one in your app at {_PORTAL} → Configuration and paste it under Settings → "
        "Integrations → Xero. Only an app of the type Mobile or desktop app (kind 'pkce') has none.",
        reason="client_secret_missing",
        problems=[{"field": "request.app.client_secret", "message": "is needed by this kind of app"}],
    )


def foreign_grant() -> Misconfigured:
    """Make the error for a grant that another app obtained."""
    return Misconfigured(
        "The stored access belongs to another client id.",
        remedy=f"{_AUTHORIZE} again with the new app, or put the former client id back.",
        reason="client_id_changed",
    )


def forged_state() -> Invalid:
    """Make the error for a callback that does not belong to the consent that was begun."""
    return Invalid(
        "This answer does not belong to the authorisation that was begun here.",
        remedy=f"{_AUTHORIZE} again. If you did not begin one yourself, somebody may be trying to connect "
        "their books to your account: do not use the link.",
        reason="state_mismatch",
        problems=[{"field": "request.callback_url", "message": "its state is not the one that was sent"}],
    )


def consent_spent(why: str) -> ReconnectRequired:
    """Make the error for a pending consent that can no longer be finished."""
    return ReconnectRequired(
        f"This authorisation can no longer be finished: {why}.",
        remedy=f"{_AUTHORIZE} again.",
        reason="consent_spent",
    )


def revocation_refused(response: httpx.Response) -> ConnectorError:
    """Return the meaning of a refused revocation."""
    try:
        error = str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return errors.error_of(response)
    return token_refused(error, "")
