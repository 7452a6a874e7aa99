"""Signing in, tokens, revocation and connections: Xero's identity side."""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from bizosaas_xero.sandbox.http.errors import token_expired, unauthorised
from bizosaas_xero.sandbox.oauth import consent_page
from bizosaas_xero.sandbox.oauth.apps import App
from bizosaas_xero.sandbox.oauth.tokens import Access, TokenError
from bizosaas_xero.sandbox.state import State

_FRAMELESS = {"X-Frame-Options": "DENY", "Content-Security-Policy": "frame-ancestors 'none'"}
_NO_STORE = {"Cache-Control": "no-store, no-cache, max-age=0", "Pragma": "no-cache"}


class RefusedError(Exception):
    """An authorize request that is refused; `redirect` tells whether the app hears of it."""

    def __init__(self, error: str, detail: str, *, redirect: bool = False) -> None:
        self.error, self.detail, self.redirect = error, detail, redirect
        super().__init__(error)


class Identity:
    """The endpoints of the identity side.

    Args:
        state: What the sandbox remembers.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def check(self, asked: Mapping[str, str]) -> tuple[App, list[str]]:
        """Check an authorize request and return its app and scopes.

        Raises:
            RefusedError: Xero would show an error page, or send the error to the app.
        """
        switches = self._state.switches
        app = next((a for a in self._state.apps.values() if a.client_id == asked.get("client_id")), None)
        if app is None:
            raise RefusedError("unauthorized_client", "Unknown client or client not enabled")
        if app.kind == "custom" or not app.allows_redirect(asked.get("redirect_uri", "")):
            raise RefusedError("unauthorized_client", "Invalid redirect_uri")
        if asked.get("response_type") != "code":
            raise RefusedError("unauthorized_client", "Invalid response_type")
        scopes = asked.get("scope", "").split()
        as_redirect = switches.refused_scope_as == "redirect"
        if "app.connections" in scopes:
            raise RefusedError("access_denied", "Requested wrong apps scopes", redirect=as_redirect)
        refused = [scope for scope in scopes if scope not in app.scopes]
        if refused or not scopes:
            raise RefusedError("invalid_scope", f"Invalid scope for client: {' '.join(refused)}", redirect=as_redirect)
        challenge = asked.get("code_challenge", "")
        if challenge and asked.get("code_challenge_method") != "S256":
            raise RefusedError("invalid_request", "Transform algorithm not supported")
        if app.kind == "pkce" and not challenge:
            raise RefusedError("invalid_request", "code challenge required")
        if app.kind == "web" and challenge and switches.web_pkce == "refused":
            raise RefusedError("unauthorized_client", "This type of app does not use PKCE")
        return app, scopes

    def refusal(self, asked: Mapping[str, str], error: RefusedError) -> Response:
        """Return where a refused authorize request ends."""
        if error.redirect:
            values = {
                "error": error.error,
                "error_description": error.detail,
                "state": asked.get("state", ""),
            }
            return RedirectResponse(_with(asked["redirect_uri"], values), 302, _FRAMELESS)
        return HTMLResponse(consent_page.error_page(error.error, error.detail), 400, _FRAMELESS)

    async def authorize(self, request: Request) -> Response:
        """`/identity/connect/authorize`: the page, and what becomes of its form."""
        pairs = parse_qsl(request.url.query, keep_blank_values=True)
        answers: list[tuple[str, str]] = []
        if request.method == "POST":
            answers = parse_qsl((await request.body()).decode(), keep_blank_values=True)
            pairs = [*pairs, *answers]
        asked = dict(pairs)
        try:
            app, scopes = self.check(asked)
        except RefusedError as error:
            return self.refusal(asked, error)
        if request.method != "POST":
            page = consent_page.consent_page(
                app, scopes, self._state.users, [(o.id, o.name) for o in self._state.organisations], pairs,
                several=self._state.switches.multi_select,
            )  # fmt: skip
            return HTMLResponse(page, headers=_FRAMELESS)
        chosen = [value for name, value in answers if name == "organisation"]
        if asked.get("allow") != "yes":
            return RedirectResponse(self.cancelled(asked), 302, _FRAMELESS)
        try:
            return RedirectResponse(self.consent(asked, chosen, asked.get("user", "")), 302, _FRAMELESS)
        except ValueError as error:
            return HTMLResponse(consent_page.error_page("invalid_request", str(error)), 400, _FRAMELESS)

    def cancelled(self, asked: Mapping[str, str]) -> str:
        """Return where a person who cancels is sent."""
        values = {"error": "access_denied", "error_description": "", "state": asked.get("state", "")}
        return _with(asked["redirect_uri"], {name: value for name, value in values.items() if value})

    def consent(self, asked: Mapping[str, str], organisations: list[str], user_key: str) -> str:
        """Record that a person allowed an app in, and return where he is sent.

        Raises:
            RefusedError: The request is refused.
            ValueError: No such person or organisation, or too many of them.
        """
        app, scopes = self.check(asked)
        state = self._state
        user = next((u for u in state.users if u.key == (user_key or state.users[0].key)), None)
        if user is None:
            raise ValueError(f"There is no user {user_key!r}")
        known = {o.id: o for o in state.organisations}
        unknown = [guid for guid in organisations if guid not in known]
        if unknown or not organisations:
            raise ValueError(f"There is no organisation {' '.join(unknown)}".rstrip())
        if len(organisations) > 1 and not state.switches.multi_select:
            raise ValueError("One consent connects one organisation (switch multi_select allows several)")
        family, event = state.tokens.family(app, user), state.tokens.guid()
        for guid in organisations:
            state.tokens.connect(family, guid, "ORGANISATION", known[guid].name, event)
        if user.practice:
            state.tokens.connect(family, user.practice[0], "PRACTICE", user.practice[1], event)
        code = state.tokens.code(family, scopes, event, asked["redirect_uri"], asked.get("code_challenge", ""))
        values = {"code": code, "scope": " ".join(scopes), "state": asked.get("state", "")}
        return _with(asked["redirect_uri"], {name: value for name, value in values.items() if value})

    async def token(self, request: Request) -> Response:
        """`POST /connect/token`."""
        form = dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))
        try:
            answer = self._token(request, form)
        except TokenError as error:
            status = self._state.switches.invalid_client_status if error.error == "invalid_client" else 400
            body = {"error": error.error}
            if error.description:
                body["error_description"] = error.description
            return JSONResponse(body, status, _NO_STORE)
        return JSONResponse(answer, headers=_NO_STORE)

    def _token(self, request: Request, form: Mapping[str, str]) -> dict[str, object]:
        app, tokens = self._client(request, form), self._state.tokens
        grant = form.get("grant_type", "")
        if grant not in {"authorization_code", "refresh_token", "client_credentials"}:
            raise TokenError("unsupported_grant_type")
        if (grant == "client_credentials") != (app.kind == "custom"):
            raise TokenError("unauthorized_client")
        if grant == "authorization_code":
            return tokens.redeem(form.get("code", ""), app, form.get("redirect_uri", ""), form.get("code_verifier", ""))
        if grant == "refresh_token":
            return tokens.refresh(form.get("refresh_token", ""), app)
        scopes = tuple(form.get("scope", "").split())
        if not scopes and not self._state.switches.custom_scope_required:
            scopes = tuple(sorted(app.scopes))
        if not scopes or not set(scopes) <= app.scopes:
            raise TokenError("invalid_scope", "Client credentials scope validation failed")
        family = self._state.custom_family(app)
        return tokens.issue(family, tokens.guid(), scopes=scopes)

    def _client(self, request: Request, form: Mapping[str, str]) -> App:
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
        """`POST /connect/revocation`: 200 and empty, also for a token nobody knows (RFC 7009)."""
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        try:
            app = self._client(request, form)
        except TokenError as error:
            status = self._state.switches.invalid_client_status if error.error == "invalid_client" else 400
            return JSONResponse({"error": error.error}, status)
        found = self._state.tokens.refreshes.get(form.get("token", ""))
        if found is not None and found.family.app is app:
            self._state.tokens.revoke(found.family)
        return Response(status_code=200)

    async def connections(self, request: Request) -> Response:
        """`GET /connections` and `DELETE /connections/{id}`."""
        access = self._state.access(request.headers.get("authorization", ""))
        if not isinstance(access, Access):
            return token_expired(access) if access is not None else unauthorised()
        headers = self._state.limits.headers(access.family.app.client_id, None)
        self._state.limits.use_app(access.family.app.client_id)
        connections = access.family.connections
        if request.method == "DELETE":
            gone = connections.pop(request.path_params["connection_id"].lower(), None)
            return Response(status_code=204 if gone else 404, headers=headers)
        event = request.query_params.get("authEventId")
        return JSONResponse(
            [c.wire() for c in connections.values() if event is None or c.auth_event == event],
            headers=headers,
        )


def _with(uri: str, values: Mapping[str, str]) -> str:
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(values)}"
