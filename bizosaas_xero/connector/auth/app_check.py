"""Check an app's client id and secret without a person: the step ``check_app``."""

from __future__ import annotations

from collections.abc import Callable

from bizosaas_xero.connector.auth import errors as auth_errors
from bizosaas_xero.connector.http.transport import XERO
from bizosaas_xero.spec.errors import ConnectorError
from bizosaas_xero.spec.models import App, AuthResult
from bizosaas_xero.toolkit.oauth import TokenClient, request_token

_INVENTED_CODE = "bizosaas-check-of-the-client-secret"
"""An authorisation code that was never issued: the request can only be refused."""

_WRONG_SECRET = "bizosaas-check-with-a-wrong-secret"  # noqa: S105 (no app's)


def check_app(app: App, client: Callable[[str | None], TokenClient], token_url: str) -> AuthResult:
    """Return whether Xero accepts a web app's client id and secret.

    Xero documents ``invalid_client`` and not whether it looks at the secret or at the code first. So a refusal of the
    code proves the secret only if the same request with a wrong secret is refused as ``invalid_client``.

    Args:
        app: With its secret.
        client: Makes a client of the token endpoint; a secret replaces the app's.
        token_url: Of the token endpoint.

    Raises:
        ConnectorError: Xero could not be reached, or a limit is used up.
    """
    refusal = _refusal(app, client(None), token_url)
    if refusal.reason == "invalid_client":
        return AuthResult(step="check_app", status="misconfigured", problem=refusal.to_dict())
    control = _refusal(app, client(_WRONG_SECRET), token_url)
    return AuthResult(step="check_app", status="ok" if control.reason == "invalid_client" else "unknown")


def _refusal(app: App, client: TokenClient, token_url: str) -> ConnectorError:
    """Return the error with which an invented code is refused."""
    try:
        request_token(
            lambda: client.fetch_token(
                token_url, grant_type="authorization_code", code=_INVENTED_CODE, redirect_uri=app.redirect_uri or ""
            ),
            XERO,
            auth_errors.code_error,
        )
    except ConnectorError as error:
        if error.recovery in {"wait", "retry"}:
            raise
        return error
    raise AssertionError("the code was invented")
