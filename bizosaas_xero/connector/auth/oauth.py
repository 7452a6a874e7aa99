"""The steps of ``auth``: authorise, exchange, refresh, organisations, check, disconnect.

Authlib knows the protocol; its transport is this package's own HTTP client. Which answer of Xero means which
error is told in :mod:`bizosaas_xero.connector.auth.errors`.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx
import stamina
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client
from pydantic import SecretStr

from bizosaas_xero.connector.auth import errors as auth_errors
from bizosaas_xero.connector.auth import jwt, organisations, scopes
from bizosaas_xero.connector.auth import pending as auth_pending
from bizosaas_xero.connector.http import errors, transport
from bizosaas_xero.connector.settings import Settings, load
from bizosaas_xero.spec.errors import Invalid, Misconfigured, RateLimited, Unavailable
from bizosaas_xero.spec.models import App, AuthRequest, AuthResult, Grant, parse

AUTHORIZE_PATH = "/identity/connect/authorize"
TOKEN_PATH = "/connect/token"  # noqa: S105 (a path)
REVOCATION_PATH = "/connect/revocation"

ACCESS_SECONDS = 1800
"""Life of an access token when the answer does not say (Xero's OAuth FAQ)."""

DAY = 86_400

T = TypeVar("T")


class _ClientAuth(httpx.Auth, ClientAuth):  # type: ignore[misc]  # Authlib carries no types
    """Authlib's client authentication on our transport; its own httpx integration would bring another."""

    requires_request_body = True

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        url, headers, body = self.prepare(request.method, str(request.url), request.headers, request.content.decode())
        headers["Content-Length"] = str(len(body))
        yield httpx.Request(request.method, url, headers=headers, content=body, extensions=request.extensions)


class _Protocol(OAuth2Client):  # type: ignore[misc]  # Authlib carries no types
    client_auth_class = _ClientAuth


def run(request: Any) -> AuthResult:
    """Do the step that the request names.

    Raises:
        ConnectorError: as told at the hook.
    """
    asked = parse(AuthRequest, request, "request")
    return STEPS[asked.step](asked, load(asked.settings))


# ---------------------------------------------------------------- steps


def _authorize(asked: AuthRequest, settings: Settings) -> AuthResult:
    app = _need(asked.app, "app", asked.step)
    if app.kind == "custom":
        raise Invalid(
            "A Custom Connection has no consent page.",
            remedy="Use the step client_credentials.",
            problems=[{"field": "request.app.kind", "message": "custom apps use client_credentials"}],
        )
    redirect_uri = _need(app.redirect_uri, "app.redirect_uri", asked.step)
    _require_secret(app)
    wanted = scopes.requested(asked.scopes)
    if "app.connections" in wanted:
        raise Misconfigured(
            "The scope app.connections must not be asked for on Xero's consent page.",
            remedy="Remove it from XERO_SCOPES; organisations are listed without it.",
            reason="scopes_refused",
        )
    use_pkce = app.kind == "pkce" if app.pkce is None else app.pkce
    pending = auth_pending.begin(app.client_id, redirect_uri, wanted, use_pkce=use_pkce)
    protocol = _protocol(app, settings, code_challenge_method="S256" if use_pkce else None)
    url, _ = protocol.create_authorization_url(
        settings.login_url + AUTHORIZE_PATH,
        state=pending.state,
        code_verifier=pending.verifier,
        redirect_uri=redirect_uri,
        scope=" ".join(wanted),
    )
    warnings = [] if scopes.OFFLINE in wanted else [auth_errors.NO_OFFLINE]
    return AuthResult(step=asked.step, url=url, pending=SecretStr(auth_pending.seal(pending)), warnings=warnings)


def _callback(asked: AuthRequest, settings: Settings) -> AuthResult:
    app = _need(asked.app, "app", asked.step)
    _require_secret(app)
    pending = auth_pending.open_sealed(_need(asked.pending, "pending", asked.step).get_secret_value(), app)
    url = _need(asked.callback_url, "callback_url", asked.step).get_secret_value()
    try:
        came = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    except ValueError:
        came = {}
    # Xero's refusals come without a state now and then; they give nothing away and grant nothing.
    if "error" in came and "state" not in came:
        raise auth_errors.consent_refused(came["error"], came.get("error_description", ""))
    if not hmac.compare_digest(came.get("state", "").encode(), pending.state.encode()):
        raise auth_errors.forged_state()
    if "error" in came:
        auth_pending.spend(pending)
        raise auth_errors.consent_refused(came["error"], came.get("error_description", ""))
    if "code" not in came:
        problem = {"field": "request.callback_url", "message": "holds no code"}
        raise Invalid(
            "The address that Xero sent the person back to holds no code.",
            remedy="Paste the whole address from the browser, from http to its end.",
            reason="callback_incomplete",
            problems=[problem],
        )
    protocol = _protocol(app, settings)
    more = {"code_verifier": pending.verifier} if pending.verifier else {}
    token = _exchange(
        lambda: protocol.fetch_token(
            settings.identity_url + TOKEN_PATH,
            grant_type="authorization_code",
            code=came["code"],
            redirect_uri=pending.redirect_uri,
            **more,
        ),
        auth_errors.code_refused,
    )
    auth_pending.spend(pending)
    return _granted(asked.step, _grant(app, token, pending.scopes), settings)


def _client_credentials(asked: AuthRequest, settings: Settings) -> AuthResult:
    app = _need(asked.app, "app", asked.step)
    grant = _mint(app, settings, asked.scopes)
    return _granted(asked.step, grant, settings)


def _refresh(asked: AuthRequest, settings: Settings) -> AuthResult:
    app, grant = _need(asked.app, "app", asked.step), _need(asked.grant, "grant", asked.step)
    if grant.client_id != app.client_id:
        raise auth_errors.foreign_grant()
    if grant.kind == "custom":
        # A Custom Connection has no refresh token: it is asked for again, with the scopes it had.
        fresh = _mint(app, settings, list(grant.scopes) or None)
        return AuthResult(step=asked.step, grant=fresh)
    if grant.refresh_token is None:
        raise auth_errors.no_refresh_token()
    _require_secret(app)
    protocol, stored = _protocol(app, settings), grant.refresh_token.get_secret_value()
    # A lost answer is no lost grant: Xero honours the same token for 30 minutes more, so it is sent again.
    token = _exchange(
        lambda: protocol.refresh_token(settings.identity_url + TOKEN_PATH, refresh_token=stored),
        auth_errors.refresh_refused,
    )
    fresh = _grant(app, token, grant.scopes)
    kept = {"identity": grant.identity, "user_id": fresh.user_id or grant.user_id}
    if fresh.auth_event_id is None:
        kept["auth_event_id"] = grant.auth_event_id
    return AuthResult(step=asked.step, grant=fresh.model_copy(update=kept))


def _organisations(asked: AuthRequest, settings: Settings) -> AuthResult:
    grant = _need(asked.grant, "grant", asked.step)
    return AuthResult(
        step=asked.step,
        organisations=organisations.organisations(grant.access_token.get_secret_value(), settings),
    )


def _check(asked: AuthRequest, _settings: Settings) -> AuthResult:
    return organisations.check(_need(asked.connection, "connection", asked.step))


def _disconnect(asked: AuthRequest, settings: Settings) -> AuthResult:
    app, grant = _need(asked.app, "app", asked.step), _need(asked.grant, "grant", asked.step)
    if not asked.revoke:
        organisations.disconnect(grant.access_token.get_secret_value(), asked.organisation_id, settings)
        return AuthResult(step=asked.step, status="ok")
    token = grant.refresh_token or grant.access_token
    response = _retry_network(
        lambda: _protocol(app, settings).revoke_token(
            settings.identity_url + REVOCATION_PATH, token=token.get_secret_value()
        )
    )
    if not response.is_success:
        raise auth_errors.revocation_refused(response)
    return AuthResult(step=asked.step, status="ok")


STEPS: dict[str, Callable[[AuthRequest, Settings], AuthResult]] = {
    "authorize": _authorize,
    "callback": _callback,
    "client_credentials": _client_credentials,
    "refresh": _refresh,
    "organisations": _organisations,
    "check": _check,
    "disconnect": _disconnect,
}


# ---------------------------------------------------------------- the token endpoint


def _protocol(app: App, settings: Settings, **more: Any) -> _Protocol:
    secret = app.client_secret.get_secret_value() if app.client_secret else None
    return _Protocol(transport.http(settings), app.client_id, secret, redirect_uri=app.redirect_uri, **more)


def _mint(app: App, settings: Settings, wanted: str | list[str] | None) -> Grant:
    if app.client_secret is None:
        raise auth_errors.no_secret()
    asked_for = [scope for scope in scopes.requested(wanted) if scope != scopes.OFFLINE]
    protocol = _protocol(app, settings, scope=" ".join(asked_for))
    token = _exchange(
        lambda: protocol.fetch_token(settings.identity_url + TOKEN_PATH, grant_type="client_credentials"),
        auth_errors.refresh_refused,
    )
    return _grant(app, token, asked_for)


def _exchange(ask: Callable[[], Any], refused: Callable[[str, str], Exception]) -> dict[str, Any]:
    """Ask the token endpoint; its refusals become errors by ``refused(error, description)``."""
    try:
        token = _retry_network(ask)
    except OAuth2Error as error:
        raise refused(str(error.error), str(error.description or "")) from None
    if not isinstance(token, dict) or not isinstance(token.get("access_token"), str):
        raise Unavailable("Xero's sign-in service sent no token.", reason="garbled_answer")
    return dict(token)


def _retry_network(ask: Callable[[], T]) -> T:
    for attempt in stamina.retry_context(on=Unavailable, attempts=3, timeout=None, wait_initial=0.3, wait_jitter=0.3):
        with attempt:
            try:
                return ask()
            except httpx.RequestError as error:
                raise errors.unreachable(error) from None
            except httpx.HTTPStatusError as error:
                raise errors.error_of(error.response) from None
            except OAuth2Error:
                raise
            except ValueError:  # Authlib's word for a body that is no JSON object
                raise Unavailable("Xero's sign-in service sent a damaged answer.", reason="garbled_answer") from None
    raise AssertionError("stamina either returns or raises")


# ---------------------------------------------------------------- grants


def _grant(app: App, token: dict[str, Any], asked_for: list[str]) -> Grant:
    access, now = token["access_token"], datetime.now(UTC)
    said = jwt.claims(access)
    user = said.get("xero_userid")
    granted = jwt.scopes(access) or str(token.get("scope") or "").split() or list(asked_for)
    seconds, refresh = token.get("expires_in"), token.get("refresh_token")
    lifetime = float(ACCESS_SECONDS)
    if isinstance(seconds, (int, float)) and 0 < seconds < DAY:
        lifetime = float(seconds)
    event = said.get("authentication_event_id")
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


def _granted(step: str, grant: Grant, settings: Settings) -> AuthResult:
    warnings, found = [], []
    try:
        token = grant.access_token.get_secret_value()
        found = organisations.organisations(token, settings, grant.auth_event_id)
        if not found:
            warnings.append("No organisation was connected. Authorize with Xero again and pick one.")
    except (Unavailable, RateLimited) as error:
        # The code is spent and the grant is here: an error now would lose it.
        warnings.append(f"The organisations could not be listed yet: {error.message} Ask for them later.")
    if grant.kind != "custom" and grant.refresh_token is None:
        warnings.append(auth_errors.NO_OFFLINE)
    for feature in scopes.NEEDS:
        lacking = scopes.missing(grant.scopes, feature)
        if lacking:
            warnings.append(f"'{feature}' will not work: {', '.join(lacking)} was not granted.")
    return AuthResult(step=step, grant=grant, organisations=found, warnings=warnings)


# ---------------------------------------------------------------- what a step needs


def _need(value: T | None, name: str, step: str) -> T:
    if value is None:
        raise Invalid(
            f"The step '{step}' needs request.{name}.",
            problems=[{"field": f"request.{name}", "message": f"is needed by the step '{step}'"}],
        )
    return value


def _require_secret(app: App) -> None:
    if app.kind == "web" and app.client_secret is None:
        raise auth_errors.no_secret()
