"""Signing in, tokens, revocation and connections: Xero's identity side."""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from bizosaas_xero.sandbox.http.errors import token_expired, unauthorised
from bizosaas_xero.sandbox.oauth import consent_page, signing
from bizosaas_xero.sandbox.oauth.apps import App
from bizosaas_xero.sandbox.oauth.tokens import ISSUER, AccessToken, TokenError
from bizosaas_xero.sandbox.state import SandboxState

_FRAME_HEADERS = {"X-Frame-Options": "DENY", "Content-Security-Policy": "frame-ancestors 'none'"}
_NO_STORE_HEADERS = {"Cache-Control": "no-store, no-cache, max-age=0", "Pragma": "no-cache"}


class AuthorizeError(Exception):
    """A refused authorize request; `redirect` says whether the error is sent to the app."""

    def __init__(self, error: str, detail: str, *, redirect: bool = False) -> None:
        self.error, self.detail, self.redirect = error, detail, redirect
        super().__init__(error)


class IdentityApi:
    """The endpoints of the identity side.

    Args:
        state: The state of the sandbox.
    """

    def __init__(self, state: SandboxState) -> None:
        self._state = state

    async def discovery(self, request: Request) -> Response:
        """`/.well-known/openid-configuration`: the addresses are Xero's for who asked Xero's host, else ours."""
        own = str(request.base_url).rstrip("/")
        at_xero = request.url.hostname == "identity.xero.com"
        identity, login = (ISSUER, "https://login.xero.com") if at_xero else (own, own)
        return JSONResponse(
            {
                "issuer": ISSUER,
                "jwks_uri": f"{identity}/.well-known/openid-configuration/jwks",
                "authorization_endpoint": f"{login}/identity/connect/authorize",
                "token_endpoint": f"{identity}/connect/token",
                "revocation_endpoint": f"{identity}/connect/revocation",
                "scopes_supported": sorted({scope for app in self._state.apps.values() for scope in app.scopes}),
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "subject_types_supported": ["public"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def keys(self, request: Request) -> Response:
        """`/.well-known/openid-configuration/jwks`: the key that tokens are signed with."""
        del request
        return JSONResponse(signing.key_set())

    def check_authorize(self, params: Mapping[str, str]) -> tuple[App, list[str]]:
        """Check an authorize request and return its app and scopes.

        Raises:
            AuthorizeError: Xero would show an error page, or send the error to the app.
        """
        switches = self._state.switches
        app = next((a for a in self._state.apps.values() if a.client_id == params.get("client_id")), None)
        if app is None:
            raise AuthorizeError("unauthorized_client", "Unknown client or client not enabled")
        if app.kind == "custom" or not app.allows_redirect(params.get("redirect_uri", "")):
            raise AuthorizeError("unauthorized_client", "Invalid redirect_uri")
        if params.get("response_type") != "code":
            raise AuthorizeError("unauthorized_client", "Invalid response_type")
        scopes = params.get("scope", "").split()
        as_redirect = switches.refused_scope_as == "redirect"
        if "app.connections" in scopes:
            raise AuthorizeError("access_denied", "Requested wrong apps scopes", redirect=as_redirect)
        refused = [scope for scope in scopes if scope not in app.scopes]
        if refused or not scopes:
            raise AuthorizeError(
                "invalid_scope", f"Invalid scope for client: {' '.join(refused)}", redirect=as_redirect
            )
        challenge = params.get("code_challenge", "")
        if challenge and params.get("code_challenge_method") != "S256":
            raise AuthorizeError("invalid_request", "Transform algorithm not supported")
        if app.kind == "pkce" and not challenge:
            raise AuthorizeError("invalid_request", "code challenge required")
        if app.kind == "web" and challenge and switches.web_pkce == "refused":
            raise AuthorizeError("unauthorized_client", "This type of app does not use PKCE")
        return app, scopes

    def refusal_response(self, params: Mapping[str, str], error: AuthorizeError) -> Response:
        """Return the response to a refused authorize request."""
        if error.redirect:
            values = {
                "error": error.error,
                "error_description": error.detail,
                "state": params.get("state", ""),
            }
            return RedirectResponse(_add_query(params["redirect_uri"], values), 302, _FRAME_HEADERS)
        return HTMLResponse(consent_page.error_page(error.error, error.detail), 400, _FRAME_HEADERS)

    async def authorize(self, request: Request) -> Response:
        """`/identity/connect/authorize`: show the page, and handle its form."""
        pairs = parse_qsl(request.url.query, keep_blank_values=True)
        answers: list[tuple[str, str]] = []
        if request.method == "POST":
            answers = parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True)
            pairs = [*pairs, *answers]
        params = dict(pairs)
        try:
            app, scopes = self.check_authorize(params)
        except AuthorizeError as error:
            return self.refusal_response(params, error)
        if request.method != "POST":
            page = consent_page.consent_page(
                app, scopes, self._state.users, [(o.id, o.name) for o in self._state.organisations], pairs,
                several=self._state.switches.multi_select,
            )  # fmt: skip
            return HTMLResponse(page, headers=_FRAME_HEADERS)
        chosen = [value for name, value in answers if name == "organisation"]
        if params.get("allow") != "yes":
            return RedirectResponse(self.cancel_url(params), 302, _FRAME_HEADERS)
        try:
            return RedirectResponse(self.record_consent(params, chosen, params.get("user", "")), 302, _FRAME_HEADERS)
        except ValueError as error:
            return HTMLResponse(consent_page.error_page("invalid_request", str(error)), 400, _FRAME_HEADERS)

    def cancel_url(self, params: Mapping[str, str]) -> str:
        """Return the callback URL of a user who cancels."""
        values = {"error": "access_denied", "error_description": "", "state": params.get("state", "")}
        return _add_query(params["redirect_uri"], {name: value for name, value in values.items() if value})

    def record_consent(self, params: Mapping[str, str], organisations: list[str], user_key: str) -> str:
        """Record a user's consent and return the callback URL.

        Raises:
            AuthorizeError: The request is refused.
            ValueError: The user or an organisation is unknown, or there are too many organisations.
        """
        app, scopes = self.check_authorize(params)
        state = self._state
        user = next((u for u in state.users if u.key == (user_key or state.users[0].key)), None)
        if user is None:
            raise ValueError(f"Unknown user {user_key!r}")
        by_id = {o.id: o for o in state.organisations}
        unknown = [guid for guid in organisations if guid not in by_id]
        if unknown or not organisations:
            raise ValueError(f"Unknown organisation {' '.join(unknown)}".rstrip())
        if len(organisations) > 1 and not state.switches.multi_select:
            raise ValueError("One consent connects one organisation (switch multi_select allows several)")
        grant, event = state.tokens.grant(app, user), state.tokens.new_guid()
        for guid in organisations:
            state.tokens.connect(grant, guid, "ORGANISATION", by_id[guid].name, event)
        if user.practice:
            state.tokens.connect(grant, user.practice[0], "PRACTICE", user.practice[1], event)
        code = state.tokens.create_code(grant, scopes, event, params["redirect_uri"], params.get("code_challenge", ""))
        values = {"code": code, "scope": " ".join(scopes), "state": params.get("state", "")}
        return _add_query(params["redirect_uri"], {name: value for name, value in values.items() if value})

    async def issue_token(self, request: Request) -> Response:
        """`POST /connect/token`."""
        form = dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))
        try:
            answer = self._issue(request, form)
        except TokenError as error:
            status = self._state.switches.invalid_client_status if error.error == "invalid_client" else 400
            body = {"error": error.error}
            if error.description:
                body["error_description"] = error.description
            return JSONResponse(body, status, _NO_STORE_HEADERS)
        return JSONResponse(answer, headers=_NO_STORE_HEADERS)

    def _issue(self, request: Request, form: Mapping[str, str]) -> dict[str, object]:
        app, tokens = self._authenticate_app(request, form), self._state.tokens
        grant_type = form.get("grant_type", "")
        if grant_type not in {"authorization_code", "refresh_token", "client_credentials"}:
            raise TokenError("unsupported_grant_type")
        if (grant_type == "client_credentials") != (app.kind == "custom"):
            raise TokenError("unauthorized_client")
        if grant_type == "authorization_code":
            return tokens.redeem(form.get("code", ""), app, form.get("redirect_uri", ""), form.get("code_verifier", ""))
        if grant_type == "refresh_token":
            return tokens.refresh(form.get("refresh_token", ""), app)
        scopes = tuple(form.get("scope", "").split())
        if not scopes and not self._state.switches.custom_scope_required:
            scopes = tuple(sorted(app.scopes))
        if not scopes or not set(scopes) <= app.scopes:
            raise TokenError("invalid_scope", "Client credentials scope validation failed")
        grant = self._state.custom_grant(app)
        return tokens.issue(grant, tokens.new_guid(), scopes=scopes)

    def _authenticate_app(self, request: Request, form: Mapping[str, str]) -> App:
        client_id, secret = form.get("client_id", ""), form.get("client_secret")
        header = request.headers.get("authorization", "")
        if header.lower().startswith("basic "):
            try:
                client_id, _, secret = base64.b64decode(header[6:]).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                raise TokenError("invalid_client") from None
            client_id, secret = unquote(client_id), unquote(secret)
        if not client_id:
            raise TokenError("unauthorized_client")
        app = next((a for a in self._state.apps.values() if a.client_id == client_id), None)
        if app is None or (secret or None) != app.client_secret:
            raise TokenError("invalid_client")
        return app

    async def revoke(self, request: Request) -> Response:
        """`POST /connect/revocation`: 200 and empty, also for an unknown token (RFC 7009)."""
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        try:
            app = self._authenticate_app(request, form)
        except TokenError as error:
            status = self._state.switches.invalid_client_status if error.error == "invalid_client" else 400
            return JSONResponse({"error": error.error}, status)
        refresh_token = self._state.tokens.refresh_tokens.get(form.get("token", ""))
        if refresh_token is not None and refresh_token.grant.app is app:
            self._state.tokens.revoke(refresh_token.grant)
        return Response(status_code=200)

    async def connections(self, request: Request) -> Response:
        """`GET /connections` and `DELETE /connections/{id}`."""
        access = self._state.find_token(request.headers.get("authorization", ""))
        if not isinstance(access, AccessToken):
            return token_expired(access) if access is not None else unauthorised()
        headers = self._state.limits.headers(access.grant.app.client_id, None)
        self._state.limits.count_app_call(access.grant.app.client_id)
        connections = access.grant.connections
        if request.method == "DELETE":
            removed = connections.pop(request.path_params["connection_id"].lower(), None)
            return Response(status_code=204 if removed else 404, headers=headers)
        event = request.query_params.get("authEventId")
        return JSONResponse(
            [c.to_json() for c in connections.values() if event is None or c.auth_event == event],
            headers=headers,
        )


def _add_query(uri: str, values: Mapping[str, str]) -> str:
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(values)}"
