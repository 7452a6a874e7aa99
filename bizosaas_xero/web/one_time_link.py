"""Sign-in of the one user of this machine, by a link that works once."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bizosaas_xero.web.guard import Refused, visit_of
from bizosaas_xero.web.sessions import Sessions
from bizosaas_xero.web.settings import Identity

LINK_LIFETIME = timedelta(minutes=10)

MAX_LINKS = 5
"""Links that work at one time; a further one replaces the oldest."""


class OneTimeLink:
    """Makes sign-in links, and signs in who opens one.

    Args:
        sessions: Begin and end here.
        user: The name of this machine's user.
        now: The clock.
        announce: Shows the path of a link to this machine's user, outside of the browser.
    """

    def __init__(
        self,
        sessions: Sessions,
        user: str,
        *,
        now: Callable[[], datetime],
        announce: Callable[[str], None] | None = None,
    ) -> None:
        self._sessions = sessions
        self._identity = Identity(user, "owner")
        self._now = now
        self._announce = announce
        self._lock = threading.Lock()
        self._tokens: dict[str, datetime] = {}

    def make_path(self) -> str:
        """Return the path of a new link; it works once, for ten minutes."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._tokens[token] = self._now() + LINK_LIFETIME
            self._tokens = dict(list(self._tokens.items())[-MAX_LINKS:])
        return f"/sign-in?token={token}"

    def invite(self, path: str) -> Refused:  # noqa: ARG002 (a link leads to the first page)
        """Return what a person reads who is not signed in."""
        return Refused(
            401,
            "Please sign in",
            "Open the sign-in link that was printed where these pages were started. It works once, for ten minutes; "
            "for a new one, start them again.",
        )

    def sign_in(self, request: Request) -> Response:
        """Sign in who holds a link."""
        given = request.query_params.get("token", "")
        root = request.scope.get("root_path", "")
        visit = visit_of(request)
        if not self._take(given):
            if visit.identity is not None:  # the link opened a second time, in the browser that is signed in
                return RedirectResponse(f"{root}/", 303)
            raise self.invite("/")
        visit.session = self._sessions.sign_in(visit.session, replace(self._identity, signed_in_at=self._now()))
        confirming = visit.session.confirming
        return RedirectResponse(f"{root}{confirming[0] if confirming else '/'}", 303)

    def sign_in_again(self, request: Request, path: str) -> Response:
        """Show the person a new link where these pages were started; the browser alone cannot read it."""
        visit = visit_of(request)
        if self._announce is None:
            visit.session.notice = ["problem", "Nothing was decided: these pages cannot show you a new sign-in link."]
        else:
            self._announce(self.make_path())
            message = (
                "Nothing was decided yet. A new sign-in link was printed where these pages were started: open it in "
                "this browser within ten minutes."
            )
            visit.session.notice = ["warning", message]
        return RedirectResponse(f"{request.scope.get('root_path', '')}{path}", 303)

    def sign_out(self, request: Request) -> Response:
        """End the session of this browser."""
        visit = visit_of(request)
        self._sessions.end(visit.session)
        visit.session = self._sessions.new()
        return RedirectResponse(f"{request.scope.get('root_path', '')}/sign-in", 303)

    def _take(self, given: str) -> bool:
        with self._lock:
            now = self._now()
            self._tokens = {token: until for token, until in self._tokens.items() if until > now}
            found = next((each for each in self._tokens if hmac.compare_digest(each.encode(), given.encode())), None)
            return found is not None and self._tokens.pop(found, None) is not None
