"""Sign in with an OpenID Connect issuer: leave for it, come back with a code, and sign out."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bizosaas_xero.spec import Invalid
from bizosaas_xero.web import reasons
from bizosaas_xero.web.guard import Refused, visit_of
from bizosaas_xero.web.render import Renderer
from bizosaas_xero.web.sessions import SIGN_IN_LIFETIME, Sessions
from bizosaas_xero.web.settings import WebSettings, is_own_path
from bizosaas_xero.web.signin import Issuer
from bizosaas_xero.web.tokens import CLOCK_DIFFERENCE_SECONDS

CALLBACK = "/sign-in/callback"


class OpenIdSignIn:
    """The pages of the sign-in with an issuer.

    Args:
        sessions: Begin and end here.
        settings: Where the pages are.
        issuer: Who signs people in.
        renderer: Shows the page that leads there.
        now: The clock.
    """

    def __init__(
        self,
        sessions: Sessions,
        settings: WebSettings,
        issuer: Issuer,
        renderer: Renderer,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._sessions = sessions
        self._redirect_uri = f"{settings.public_url}{CALLBACK}"
        self._issuer = issuer
        self._renderer = renderer
        self._now = now

    def invite(self, path: str) -> Refused:
        """Return what a person reads who is not signed in."""
        name = urlsplit(self._issuer.settings.issuer).hostname
        target = f"/sign-in?{urlencode({'next': path})}" if is_own_path(path) and path != "/" else "/sign-in"
        return Refused(401, "Please sign in", f"You sign in at {name}.", (target, "Sign in"))

    def sign_in(self, request: Request) -> Response:
        """Lead the person to the issuer; with ``again`` they must prove there who they are, whatever it remembers."""
        session, query = visit_of(request).session, request.query_params
        wanted, again = query.get("next", "/"), "again" in query
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        more = {"prompt": "login", "max_age": "0"} if again else {}
        url = self._issuer.authorization_url(self._redirect_uri, state, nonce, verifier, **more)
        session.begin_sign_in(
            state,
            nonce=nonce,
            verifier=verifier,
            next=wanted if is_own_path(wanted) else "/",
            again=again,
            at=self._now().timestamp(),
        )
        return RedirectResponse(url, 303)

    def sign_in_again(self, request: Request, path: str) -> Response:
        """Show the page that leads to the issuer (a redirect of a form would be stopped by ``form-action``)."""
        target = f"{request.scope.get('root_path', '')}/sign-in?{urlencode({'again': '', 'next': path})}"
        title = urlsplit(self._issuer.settings.issuer).hostname
        return self._renderer.page(request, "leave.html", name=None, title=title, target=target)

    def callback(self, request: Request) -> Response:
        """Receive the person back; it works once, and only in the browser that went there."""
        visit, query = visit_of(request), request.query_params
        state = query.get("state", "")
        begun = visit.session.end_sign_in(state)
        if begun is None or begun["at"] + SIGN_IN_LIFETIME.total_seconds() <= self._now().timestamp():
            raise Refused(
                400,
                "Not accepted",
                "You came back without a sign-in that began in this browser, or it took too long.",
                ("/sign-in", "Sign in"),
            )
        if not self._sessions.use_state(state):
            raise Refused(400, "Not accepted", "This sign-in was used already.", ("/sign-in", "Sign in"))
        try:
            self._issuer.check_response_issuer(query.get("iss"))
            if "error" in query or not query.get("code"):
                raise reasons.SIGN_IN_REFUSED(cause="the sign-in service refused it, or you cancelled")
            claims = self._issuer.redeem(query["code"], self._redirect_uri, begun["nonce"], begun["verifier"])
            signed_in_at = self._moment_of(claims.get("auth_time"), begun)
            identity = replace(self._issuer.settings.identify(claims), signed_in_at=signed_in_at)
        except Invalid as error:
            status = 403 if error.reason in {"no_role", "name_missing"} else 400
            raise Refused(status, "Not signed in", f"{error.message} {error.remedy}", ("/sign-in", "Sign in")) from None
        visit.session = self._sessions.sign_in(visit.session, identity)
        return RedirectResponse(f"{request.scope.get('root_path', '')}{begun['next']}", 303)

    def sign_out(self, request: Request) -> Response:
        """End the session of this browser, in every process."""
        visit = visit_of(request)
        self._sessions.end(visit.session)
        visit.session = self._sessions.new()
        return RedirectResponse(f"{request.scope.get('root_path', '')}/signed-out", 303)

    def signed_out(self, _request: Request) -> Response:
        """Say that the person is signed out here, and where they may not be."""
        name = urlsplit(self._issuer.settings.issuer).hostname
        message = (
            f"You are signed out here. Your session at {name} may continue; end it there as well on a shared machine."
        )
        raise Refused(200, "Signed out", message, ("/sign-in", "Sign in"))

    def _moment_of(self, auth_time: Any, begun: dict[str, Any]) -> datetime | None:
        """Return when the person proved who they are, if the issuer says so: it may have remembered them.

        Raises:
            Invalid: It had to be now, and was not.
        """
        now = self._now()
        known = isinstance(auth_time, int | float) and not isinstance(auth_time, bool) and auth_time > 0
        if begun["again"] and known and auth_time >= begun["at"] - CLOCK_DIFFERENCE_SECONDS:
            return now  # by our clock: the issuer's may be behind
        if begun["again"]:
            raise reasons.SIGN_IN_REFUSED(
                cause="you had to prove again who you are, and the sign-in service did not ask"
            )
        return min(datetime.fromtimestamp(auth_time, UTC), now) if known else None
