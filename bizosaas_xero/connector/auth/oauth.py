"""The steps of ``auth``, from consent to disconnecting.

Authlib implements the client over this package's own HTTP client. :mod:`bizosaas_xero.connector.auth.errors` maps
Xero's refusals to errors.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.auth import errors as auth_errors
from bizosaas_xero.connector.auth import organisations, scopes
from bizosaas_xero.connector.auth.app_check import check_app
from bizosaas_xero.connector.http import transport
from bizosaas_xero.connector.http.transport import XERO
from bizosaas_xero.connector.settings import Settings, load_settings
from bizosaas_xero.spec.errors import Invalid, Misconfigured, RateLimited, Unavailable
from bizosaas_xero.spec.models import App, AuthRequest, AuthResult, Grant, Organisation, parse
from bizosaas_xero.toolkit import jwt
from bizosaas_xero.toolkit import pending as pending_consents
from bizosaas_xero.toolkit.oauth import TokenClient, request_token, send_with_retries, token_client

AUTHORIZE_PATH = "/identity/connect/authorize"
TOKEN_PATH = "/connect/token"  # noqa: S105 (a path)
REVOCATION_PATH = "/connect/revocation"

DEFAULT_TOKEN_SECONDS = 1800
"""Lifetime of an access token when the response does not state it (Xero's OAuth FAQ)."""

DAY_SECONDS = 86_400

logger = logging.getLogger("bizosaas_xero.auth")

T = TypeVar("T")


def run_step(request: Any) -> AuthResult:
    """Run the step that the request names.

    Raises:
        ConnectorError: as documented at the hook ``auth``.
    """
    auth_request = parse(AuthRequest, request, "request")
    logger.debug("step=%s", auth_request.step, extra={"step": auth_request.step})
    return STEPS[auth_request.step](auth_request, load_settings(auth_request.settings))


# ---------------------------------------------------------------- steps


def _authorize(request: AuthRequest, settings: Settings) -> AuthResult:
    app = _require(request.app, "app", request.step)
    if app.kind == "custom":
        raise Invalid.field(
            "request.app.kind",
            "custom apps use client_credentials",
            "Use the step client_credentials.",
            summary="A Custom Connection has no consent page.",
        )
    redirect_uri = _require(app.redirect_uri, "app.redirect_uri", request.step)
    _require_secret(app)
    requested = scopes.requested_scopes(request.scopes)
    if "app.connections" in requested:
        raise reasons.SCOPES_REFUSED(
            "The scope app.connections must not be asked for on Xero's consent page.",
            remedy="Remove it from XERO_SCOPES; organisations are listed without it.",
        )
    use_pkce = app.kind == "pkce" if app.pkce is None else app.pkce
    pending = pending_consents.new_pending(app.client_id, redirect_uri, requested, use_pkce=use_pkce)
    client = _token_client(app, settings, code_challenge_method="S256" if use_pkce else None)
    url, _ = client.create_authorization_url(
        settings.login_url + AUTHORIZE_PATH,
        state=pending.state,
        code_verifier=pending.verifier,
        redirect_uri=redirect_uri,
        scope=" ".join(requested),
    )
    warnings = [] if scopes.OFFLINE in requested else [auth_errors.OFFLINE_ACCESS_WARNING]
    return AuthResult(
        step=request.step, url=url, pending=SecretStr(pending_consents.encode_pending(pending)), warnings=warnings
    )


def _callback(request: AuthRequest, settings: Settings) -> AuthResult:
    app = _require(request.app, "app", request.step)
    _require_secret(app)
    pending = pending_consents.decode_pending(
        _require(request.pending, "pending", request.step).get_secret_value(),
        app.client_id,
        auth_errors.AUTHORIZE_AGAIN,
    )
    url = _require(request.callback_url, "callback_url", request.step).get_secret_value()
    try:
        params = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    except ValueError:
        params = {}
    # Xero sometimes sends a refusal without a state; a refusal reveals and grants nothing.
    if "error" in params and "state" not in params:
        raise auth_errors.consent_error(params["error"], params.get("error_description", ""))
    if not hmac.compare_digest(params.get("state", "").encode(), pending.state.encode()):
        raise reasons.STATE_MISMATCH.field("request.callback_url")
    if "error" in params:
        pending_consents.mark_used(pending)
        raise auth_errors.consent_error(params["error"], params.get("error_description", ""))
    if "code" not in params:
        raise reasons.CALLBACK_INCOMPLETE.field("request.callback_url")
    client = _token_client(app, settings)
    more = {"code_verifier": pending.verifier} if pending.verifier else {}
    token = request_token(
        lambda: client.fetch_token(
            settings.identity_url + TOKEN_PATH,
            grant_type="authorization_code",
            code=params["code"],
            redirect_uri=pending.redirect_uri,
            **more,
        ),
        XERO,
        auth_errors.code_error,
    )
    pending_consents.mark_used(pending)
    return _grant_result(request.step, _build_grant(app, token, pending.scopes), settings)


def _client_credentials(request: AuthRequest, settings: Settings) -> AuthResult:
    app = _require(request.app, "app", request.step)
    grant = _request_client_credentials(app, settings, request.scopes)
    return _grant_result(request.step, grant, settings)


def _refresh(request: AuthRequest, settings: Settings) -> AuthResult:
    app, grant = _require(request.app, "app", request.step), _require(request.grant, "grant", request.step)
    if grant.client_id != app.client_id:
        raise reasons.CLIENT_ID_CHANGED()
    if grant.kind == "custom":
        # A Custom Connection has no refresh token: a new token is requested with the same scopes.
        fresh = _request_client_credentials(app, settings, list(grant.scopes) or None)
        return AuthResult(step=request.step, grant=fresh)
    stored = grant.refresh_token.get_secret_value() if grant.refresh_token else ""
    if not stored:
        raise reasons.OFFLINE_ACCESS_MISSING(scopes=["offline_access"])
    _require_secret(app)
    client = _token_client(app, settings)
    # A lost response does not lose the grant: Xero accepts the same token for 30 more minutes, so it is sent again.
    token = request_token(
        lambda: client.refresh_token(settings.identity_url + TOKEN_PATH, refresh_token=stored),
        XERO,
        auth_errors.refresh_error,
    )
    fresh = _build_grant(app, token, grant.scopes)
    unchanged = {"identity": grant.identity, "user_id": fresh.user_id or grant.user_id}
    if fresh.auth_event_id is None:
        unchanged["auth_event_id"] = grant.auth_event_id
    return AuthResult(step=request.step, grant=fresh.model_copy(update=unchanged))


def _organisations(request: AuthRequest, settings: Settings) -> AuthResult:
    grant = _require(request.grant, "grant", request.step)
    return AuthResult(
        step=request.step,
        organisations=organisations.list_organisations(grant.access_token.get_secret_value(), settings),
    )


def _check(request: AuthRequest, _settings: Settings) -> AuthResult:
    return organisations.check_connection(_require(request.connection, "connection", request.step))


def _check_app(request: AuthRequest, settings: Settings) -> AuthResult:
    app = _require(request.app, "app", request.step)
    if app.kind == "pkce":  # it has no secret, and Xero tells an unknown client id on its consent page only
        return AuthResult(step=request.step, status="unknown")
    _require_secret(app)
    if app.kind == "custom" and app.client_secret is not None:
        try:
            _request_client_credentials(app, settings, request.scopes)
        except Misconfigured as error:
            return AuthResult(step=request.step, status="misconfigured", problem=error.to_dict())
        return AuthResult(step=request.step, status="ok")
    return check_app(app, lambda secret: _token_client(app, settings, secret), settings.identity_url + TOKEN_PATH)


def _disconnect(request: AuthRequest, settings: Settings) -> AuthResult:
    app, grant = _require(request.app, "app", request.step), _require(request.grant, "grant", request.step)
    if not request.revoke:
        organisations.disconnect_organisation(grant.access_token.get_secret_value(), request.organisation_id, settings)
        return AuthResult(step=request.step, status="ok")
    token = grant.refresh_token or grant.access_token
    client = _token_client(app, settings)
    response = send_with_retries(
        lambda: client.revoke_token(settings.identity_url + REVOCATION_PATH, token=token.get_secret_value()), XERO
    )
    if not response.is_success:
        raise auth_errors.revocation_error(response)
    return AuthResult(step=request.step, status="ok")


STEPS: dict[str, Callable[[AuthRequest, Settings], AuthResult]] = {
    "authorize": _authorize,
    "callback": _callback,
    "client_credentials": _client_credentials,
    "refresh": _refresh,
    "organisations": _organisations,
    "check": _check,
    "check_app": _check_app,
    "disconnect": _disconnect,
}


# ---------------------------------------------------------------- the token endpoint


def _token_client(app: App, settings: Settings, secret: str | None = None, **options: Any) -> TokenClient:
    secret = secret or (app.client_secret.get_secret_value() if app.client_secret else None)
    session = transport.http_client(settings)
    return token_client(session, XERO, app.client_id, secret, redirect_uri=app.redirect_uri, **options)


def _request_client_credentials(app: App, settings: Settings, requested_scopes: str | list[str] | None) -> Grant:
    if app.client_secret is None:
        raise reasons.CLIENT_SECRET_MISSING.field("request.app.client_secret")
    requested = [scope for scope in scopes.requested_scopes(requested_scopes) if scope != scopes.OFFLINE]
    client = _token_client(app, settings, scope=" ".join(requested))
    token = request_token(
        lambda: client.fetch_token(settings.identity_url + TOKEN_PATH, grant_type="client_credentials"),
        XERO,
        auth_errors.refresh_error,
    )
    return _build_grant(app, token, requested)


# ---------------------------------------------------------------- grants


def _build_grant(app: App, token: dict[str, Any], requested: list[str]) -> Grant:
    access, now = token["access_token"], datetime.now(UTC)
    claims = jwt.claims(access)
    user = claims.get("xero_userid")
    granted = jwt.scopes(access) or str(token.get("scope") or "").split() or list(requested)
    seconds, refresh = token.get("expires_in"), token.get("refresh_token")
    lifetime = float(DEFAULT_TOKEN_SECONDS)
    if isinstance(seconds, (int, float)) and 0 < seconds < DAY_SECONDS:
        lifetime = float(seconds)
    event = claims.get("authentication_event_id")
    return Grant(
        identity=f"{app.client_id}:{user or app.kind}",
        client_id=app.client_id,
        kind=app.kind,
        user_id=user if isinstance(user, str) else None,
        access_token=SecretStr(access),
        refresh_token=SecretStr(refresh) if isinstance(refresh, str) and refresh else None,
        obtained_at=now,
        expires_at=now + timedelta(seconds=lifetime),
        scopes=granted,
        auth_event_id=event if isinstance(event, str) else None,
    )


def _grant_result(step: str, grant: Grant, settings: Settings) -> AuthResult:
    warnings: list[str] = []
    connected: list[Organisation] = []
    try:
        token = grant.access_token.get_secret_value()
        connected = organisations.list_organisations(token, settings, grant.auth_event_id)
        if not connected:
            warnings.append("No organisation was connected. Authorize with Xero again and pick one.")
    except (Unavailable, RateLimited) as error:
        # The code is used and the grant was issued: an error here would lose it.
        warnings.append(f"The organisations could not be listed yet: {error.message} Ask for them later.")
    if grant.kind != "custom" and grant.refresh_token is None:
        warnings.append(auth_errors.OFFLINE_ACCESS_WARNING)
    for feature in scopes.load_needs():
        lacking = scopes.missing_scopes(grant.scopes, feature)
        if lacking:
            warnings.append(f"'{feature}' will not work: {', '.join(lacking)} was not granted.")
    return AuthResult(step=step, grant=grant, organisations=connected, warnings=warnings)


# ---------------------------------------------------------------- what a step needs


def _require(value: T | None, name: str, step: str) -> T:
    if value is None:
        raise Invalid.field(
            f"request.{name}", f"is needed by the step '{step}'", summary=f"The step '{step}' needs {{path}}."
        )
    return value


def _require_secret(app: App) -> None:
    if app.kind == "web" and app.client_secret is None:
        raise reasons.CLIENT_SECRET_MISSING.field("request.app.client_secret")
