"""The ASGI application: its routes, and what it answers when something goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from bizosaas_xero.host import Host
from bizosaas_xero.spec import ConnectorError
from bizosaas_xero.web.guard import Guard, Identify, Refused, SignInAgain
from bizosaas_xero.web.jobs import SyncJobs
from bizosaas_xero.web.one_time_link import OneTimeLink
from bizosaas_xero.web.pages.activity import ActivityPages
from bizosaas_xero.web.pages.api import ApiPages
from bizosaas_xero.web.pages.approvals import ApprovalPages
from bizosaas_xero.web.pages.connect import ConnectPages
from bizosaas_xero.web.pages.disconnect import DisconnectPages
from bizosaas_xero.web.pages.sign_in import CALLBACK, OpenIdSignIn
from bizosaas_xero.web.pages.sync import SyncPages
from bizosaas_xero.web.render import Renderer
from bizosaas_xero.web.sessions import Sessions
from bizosaas_xero.web.settings import WebSettings
from bizosaas_xero.web.signin import Issuer

STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True)
class WebApp:
    """The pages as an ASGI application.

    Args:
        asgi: Behind the guard.
        link: Makes sign-in links for this machine's user; unused where a platform or an issuer signs people in.
        jobs: Syncs that people asked for.
    """

    asgi: Guard
    link: OneTimeLink
    jobs: SyncJobs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await self.asgi(scope, receive, send)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the syncs that people asked for; then the host may be closed."""
        self.jobs.stop()


def create_app(
    host: Host,
    settings: WebSettings,
    *,
    user: str = "owner",
    identify: Identify | None = None,
    announce: Callable[[str], None] | None = None,
    sign_in_again: SignInAgain | None = None,
    issuer: Issuer | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> WebApp:
    """Make the pages over an open host. A platform mounts them under the path of ``settings.public_url``.

    Args:
        host: Open as long as the pages are served.
        settings: Where they are.
        user: The name under which the one-time link signs in.
        identify: A platform's own sign-in: who is signed in with a request, or ``None``.
        announce: Shows the path of a new one-time link to this machine's user, outside of the browser.
        sign_in_again: A platform's way to have a person sign in again. Then ``identify`` gives ``signed_in_at``.
        issuer: An OpenID Connect issuer that signs people in, instead of the link.
        now: The clock.
    """
    renderer, jobs = Renderer(settings, now=now), SyncJobs(host)
    sessions = Sessions(host, settings, now=now, is_kept=identify is None)
    link = OneTimeLink(sessions, user, now=now, announce=announce)
    with_issuer = OpenIdSignIn(sessions, settings, issuer, renderer, now=now) if issuer and not identify else None
    again = sign_in_again if identify else (with_issuer or link).sign_in_again
    parts = (host, settings, renderer, jobs, now)
    connect, sync, approvals = ConnectPages(*parts), SyncPages(*parts), ApprovalPages(*parts, again)
    activity, leave = ActivityPages(*parts), DisconnectPages(*parts)

    def contract_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, ConnectorError)  # noqa: S101 (registered for it alone)
        return renderer.error(request, error)

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)  # noqa: S101 (registered for it alone)
        return renderer.refusal(request, error)

    def http_error(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        title = {404: "Nothing here", 405: "Not possible here"}.get(status, "Not possible")
        return renderer.refusal(request, Refused(status, title, "This page does not exist. Go back to Integrations."))

    def failed(request: Request, _error: Exception) -> Response:
        message = "The page could not be made. Nothing was changed that is not shown elsewhere; the log says more."
        return renderer.refusal(request, Refused(500, "This program failed", message))

    connection = "/connections/{connection}"
    plan = "/approvals/{connection}/{hash}"
    routes = [
        Route("/", sync.home),
        Route("/healthz", sync.health),
        *_sign_in_routes(link, with_issuer),
        Route("/integrations/{connector}", connect.guide),
        Route("/integrations/{connector}/authorize", connect.authorize, methods=["POST"]),
        Route("/api/auth/callback/{connector}", connect.callback),
        Route("/integrations/{connector}/organisations", connect.organisations),
        Route("/integrations/{connector}/organisations", connect.choose, methods=["POST"]),
        Route(connection, sync.show_sync),
        Route(f"{connection}/progress", sync.progress),
        Route(f"{connection}/setup", sync.setup),
        Route(f"{connection}/setup", sync.complete, methods=["POST"]),
        Route(f"{connection}/sync", sync.sync_now, methods=["POST"]),
        Route(f"{connection}/intervals", sync.set_intervals, methods=["POST"]),
        Route(f"{connection}/rejected/{{entity}}", sync.rejected),
        Route(f"{connection}/history", sync.history),
        Route(f"{connection}/reconnect", connect.reconnect, methods=["POST"]),
        Route(f"{connection}/records.zip", leave.download),
        Route(f"{connection}/disconnect", leave.ask),
        Route(f"{connection}/disconnect", leave.disconnect, methods=["POST"]),
        Route(f"{connection}/rules", approvals.rules),
        Route(f"{connection}/rules", approvals.set_rule, methods=["POST"]),
        Route("/approvals", approvals.list_plans),
        Route(plan, approvals.show_plan),
        Route(f"{plan}/confirm", approvals.confirm, methods=["POST"]),
        Route(f"{plan}/approve", approvals.approve, methods=["POST"]),
        Route(f"{plan}/refuse", approvals.refuse, methods=["POST"]),
        Route(f"{plan}/run", approvals.run, methods=["POST"]),
        Route("/activity", activity.activity),
        Route("/activity/revoke", activity.revoke, methods=["POST"]),
        Route("/activity/allow", activity.allow, methods=["POST"]),
        *ApiPages(*parts).routes(),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    handlers = {ConnectorError: contract_error, Refused: refused, HTTPException: http_error, 500: failed}
    starlette = Starlette(routes=routes, exception_handlers=handlers)
    starlette.router.redirect_slashes = False
    guard = Guard(starlette, settings, sessions, renderer.refusal, with_issuer or link, identify)
    return WebApp(guard, link, jobs)


def _sign_in_routes(link: OneTimeLink, with_issuer: OpenIdSignIn | None) -> list[Route]:
    if with_issuer is None:
        return [Route("/sign-in", link.sign_in), Route("/sign-out", link.sign_out, methods=["POST"])]
    return [
        Route("/sign-in", with_issuer.sign_in),
        Route(CALLBACK, with_issuer.callback),
        Route("/sign-out", with_issuer.sign_out, methods=["POST"]),
        Route("/signed-out", with_issuer.signed_out),
    ]
