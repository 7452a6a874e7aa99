"""The pages of ``web/`` on the gateway: each tenant sees its own host, signed in as the gateway's user."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Message, Receive, Scope, Send

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.config import BridgeConfig, Person
from bizosaas_xero.adapters.brain_gateway.mirror import Mirror
from bizosaas_xero.adapters.brain_gateway.people import COOKIE, People
from bizosaas_xero.host.connections.tenants import OpenTenant, Tenants
from bizosaas_xero.spec import ConnectorError

if TYPE_CHECKING:  # the gateway starts before a person opens a page
    from bizosaas_xero.web.app import WebApp

IDENTITY = "bizosaas.identity"
"""The key of the signed-in person in the ASGI scope."""


class Pages:
    """An ASGI application, mounted under the configured path."""

    def __init__(self, people: People, tenants: Tenants, config: BridgeConfig, mirror: Mirror) -> None:
        self._people = people
        self._tenants = tenants
        self._config = config
        self._mirror = mirror
        self._apps: dict[str, tuple[OpenTenant, WebApp]] = {}
        self._lock = Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of a signed-in person of a tenant."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            person = await self._find_person(request)
            app, scope[IDENTITY] = await run_in_threadpool(self._open, person)
        except ConnectorError as error:
            await _refuse(request, error)(scope, receive, send)
            return
        await app(scope, receive, self._watched(request, person, send))

    async def _find_person(self, request: Request) -> Person:
        person = await self._people.find_user(request)  # first: another person may have signed in since
        if person is None:
            person = await run_in_threadpool(self._people.from_cookie, request.headers.get("cookie", ""))
        if person is None:
            raise reasons.NOT_SIGNED_IN()
        return self._people.checked(person)

    def _watched(self, request: Request, person: Person, send: Send) -> Send:
        """Tell the gateway what became connected before the browser sees the next page."""
        changes = request.method == "POST" or "/api/auth/callback/" in request.url.path

        async def watched(message: Message) -> None:
            if changes and message["type"] == "http.response.start":
                await self._mirror.update(person)
                if request.url.path.endswith("/sign-out"):
                    MutableHeaders(scope=message).append("Set-Cookie", f"{COOKIE}=; Path=/; Max-Age=0; HttpOnly")
            await send(message)

        return watched

    def _open(self, person: Person) -> tuple[WebApp, Any]:
        from bizosaas_xero.web.settings import Identity

        return self._app(str(person.tenant)), Identity(person.name, person.role)

    def _settings(self) -> Any:
        from bizosaas_xero.web.settings import WebSettings

        return WebSettings.checked(self._config.pages_url, self._config.redirect_uri("{connector}"))

    def _app(self, tenant: str) -> WebApp:
        from bizosaas_xero.web.app import create_app

        opened = self._tenants.open(tenant)
        with self._lock:
            known = self._apps.get(tenant)
            if known is None or known[0] is not opened:
                made = create_app(opened.host, self._settings(), identify=lambda request: request.scope.get(IDENTITY))
                known = self._apps[tenant] = (opened, made)
            return known[1]

    def begun(self, person: Person, url: str) -> list[str]:
        """Return the cookies with which the browser that began a consent may finish it in the pages."""
        from bizosaas_xero.web.sessions import Sessions
        from bizosaas_xero.web.settings import Identity

        opened = self._tenants.open(str(person.tenant))
        sessions = Sessions(opened.host, self._settings(), now=self._config.now)
        session = sessions.new(Identity(person.name, person.role))
        session.begin_consent(next(iter(parse_qs(urlsplit(url).query).get("state", [])), ""))
        return [self._people.cookie(person), sessions.write(session)]

    async def callback(self, request: Request) -> Response:
        """Lead a browser that comes back from a provider to the pages, where its cookie is valid."""
        name = request.path_params["connector"]
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"{self._config.pages_url}/api/auth/callback/{name}{query}", 303)

    async def enter(self, request: Request) -> Response:
        """Let a browser in that brings a ticket."""
        person = await run_in_threadpool(self._people.use_ticket, request.query_params.get("ticket", ""))
        if person is None:
            return PlainTextResponse("This link was used, or is too old. Open the page from the platform again.", 401)
        answer = RedirectResponse(f"{self._config.pages_url}/", 303)
        answer.headers.append("Set-Cookie", await run_in_threadpool(self._people.cookie, person))
        answer.headers["Cache-Control"] = "no-store"
        return answer

    async def link(self, request: Request) -> Response:
        """Give the gateway's user an address that signs their browser in, once and soon."""
        person = await self._people.require(request)
        ticket = await run_in_threadpool(self._people.make_ticket, person)
        return JSONResponse({"url": f"{self._config.pages_url}/enter?ticket={ticket}"})


def _refuse(request: Request, error: ConnectorError) -> Response:
    status = status_of(error)
    if "text/html" in request.headers.get("accept", ""):
        return PlainTextResponse(f"{error.message}\n\n{error.remedy or ''}\n", status)
    return JSONResponse(problem_of(error), status)


_STATUS = {
    "invalid": 400,
    "misconfigured": 400,
    "not_found": 404,
    "conflict": 409,
    "rate_limited": 429,
    "unavailable": 503,
}
_BY_REASON = {
    "not_signed_in": 401,
    "not_allowed": 403,
    "no_tenant": 403,
    "not_connected": 404,
    "secret_key_needed": 503,
}


def status_of(error: ConnectorError) -> int:
    """Return the HTTP status that says what an error is."""
    return _BY_REASON.get(error.reason or "") or _STATUS.get(error.code, 409)


def problem_of(error: ConnectorError) -> dict[str, Any]:
    """Return an error as the gateway's clients read it: ``detail`` in words for a person."""
    told = error.to_dict()
    detail = " ".join(part for part in (told["message"], told.get("remedy")) if part)
    return {"status": "error", "detail": detail, "error": told}
