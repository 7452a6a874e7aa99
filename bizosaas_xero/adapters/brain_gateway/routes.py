"""What :func:`.mount` adds to the gateway's application: routes for our connectors, before the gateway's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Receive, Scope, Send

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.agents import AgentTools
from bizosaas_xero.adapters.brain_gateway.config import BridgeConfig, Person
from bizosaas_xero.adapters.brain_gateway.connector import stoppable
from bizosaas_xero.adapters.brain_gateway.installations import Installations
from bizosaas_xero.adapters.brain_gateway.mirror import Mirror
from bizosaas_xero.adapters.brain_gateway.pages import Pages, problem_of, status_of
from bizosaas_xero.adapters.brain_gateway.people import People
from bizosaas_xero.adapters.brain_gateway.registration import Registration
from bizosaas_xero.adapters.brain_gateway.schedules import run_beside
from bizosaas_xero.adapters.brain_gateway.service import REFERENCE, ConnectorService
from bizosaas_xero.adapters.brain_gateway.work import RESERVED, Worker
from bizosaas_xero.spec import ConnectorError
from bizosaas_xero.spec.errors import SUBJECT, Invalid

Endpoint = Callable[[Request], Awaitable[Response]]


def add_routes(app: FastAPI, done: Registration, config: BridgeConfig, *, schedules: bool) -> None:
    """Add everything; see :func:`bizosaas_xero.adapters.brain_gateway.mount`."""
    assert done.tenants is not None  # noqa: S101 (registering made it)
    assert done.gateway is not None  # noqa: S101 (as above)
    people = People(app, done.gateway.get_current_user, done.tenants, config)
    mirror = Mirror(done.gateway.get_secret_service, done.services)
    pages = Pages(people, done.tenants, config, mirror)
    installations = Installations(done.gateway.mcp_models, done.gateway.session)
    agents = AgentTools(people, installations, mirror, done.services, config)
    made = {name: ConnectorRoutes(service, people, mirror, pages) for name, service in done.services.items()}
    found: list[BaseRoute] = [route for name, each in made.items() for route in each.routes(f"/api/connectors/{name}")]
    found += [
        Callback(app, {name: each.finish for name, each in made.items()}),
        Route("/api/auth/callback/{connector}", pages.callback),
        Route(f"{config.path}/enter", pages.enter),
        Route(f"{config.path}/link", guarded(pages.link), methods=["POST"]),
        Route(f"{config.path}/agents/{{connector}}", guarded(agents.address), methods=["POST"]),
        Route(f"{config.path}/agents/{{connector}}", guarded(agents.withdraw), methods=["DELETE"]),
        Route(f"{config.path}/agents/{{connector}}/{{token}}/tools", guarded(agents.list_tools)),
        Route(f"{config.path}/agents/{{connector}}/{{token}}/tools/call", guarded(agents.call_tool), methods=["POST"]),
        Mount(config.path, pages),
    ]
    app.router.routes[:0] = found
    begin = [lambda: installations.restore(done.services)] if done.gateway.mcp_models else []
    run_beside(app, begin, done.tenants if schedules else None)


def guarded(endpoint: Endpoint) -> Endpoint:
    """Answer errors with their status and words for a person."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ConnectorError as error:
            headers = {} if error.retry_after is None else {"Retry-After": str(max(1, round(error.retry_after)))}
            return JSONResponse(problem_of(error), status_of(error), headers)

    return answer


async def read_object(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request.

    Raises:
        Invalid: It is none.
    """
    try:
        content = await request.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Invalid.field("body", "must be a JSON object", summary=SUBJECT)
    return content


class ConnectorRoutes:
    """The gateway's routes of one connector."""

    def __init__(self, service: ConnectorService, people: People, mirror: Mirror, pages: Pages) -> None:
        self._service, self._people, self._mirror, self._pages = service, people, mirror, pages
        self._worker = Worker(service)
        self._name = service.name

    def routes(self, base: str) -> list[BaseRoute]:
        """Return them."""
        made: list[tuple[str, str, Endpoint]] = [
            ("POST", f"{base}/connect", self.connect),
            ("POST", f"{base}/test", self.test),
            ("POST", f"{base}/validate", self.validate),
            ("POST", f"{base}/disconnect", self.disconnect),
            ("GET", f"{base}/status", self.status),
            ("POST", f"{base}/action/{{action}}", self.act),
            ("GET", f"{base}/sync/{{resource}}", self.sync),
            ("GET", f"{base}/discover/{{resource}}", self.sync),
            ("GET", f"/oauth/authorize/{self._name}", self.authorize),
        ]
        return [Route(path, guarded(endpoint), methods=[method]) for method, path, endpoint in made]

    async def connect(self, request: Request) -> Response:
        """Check what was entered, and connect what takes no consent."""
        person = await self._people.require(request, owner=True)
        credentials = await read_object(request)
        status = await run_in_threadpool(self._service.connect, str(person.tenant), credentials)
        await self._mirror.update(person)
        title = self._service.connector.describe()
        message = f"Successfully connected to {title.title if title else self._name}"
        if status == "PENDING":
            message = "Accepted. Now open the address of the authorize route, and allow access."
        return JSONResponse({"status": status.lower(), "message": message})

    async def test(self, request: Request) -> Response:
        """Check what was entered."""
        person = await self._people.require(request)
        credentials = await read_object(request)
        try:
            return JSONResponse(
                {"valid": await run_in_threadpool(self._service.validate, str(person.tenant), credentials)}
            )
        except ConnectorError as error:
            return JSONResponse({"valid": False, **problem_of(error), "error": problem_of(error)["detail"]})

    async def validate(self, request: Request) -> Response:
        """Check the connection."""
        person = await self._people.require(request)
        tenant = await self._require_mark(person)
        valid = await run_in_threadpool(self._service.validate, tenant, {REFERENCE: ""})
        return JSONResponse({"valid": valid})

    async def disconnect(self, request: Request) -> Response:
        """End access, at the provider too."""
        person = await self._people.require(request, owner=True)
        await run_in_threadpool(self._service.disconnect, str(person.tenant))
        await self._mirror.update(person)
        return JSONResponse({"status": "disconnected"})

    async def status(self, request: Request) -> Response:
        """Say how the connection is."""
        person = await self._people.require(request)
        return JSONResponse({"status": (await run_in_threadpool(self._service.status, str(person.tenant))).lower()})

    async def act(self, request: Request) -> Response:
        """Run an action."""
        person = await self._people.require(request)
        action, payload = request.path_params["action"], await read_object(request)
        changes = action in {"disconnect", "choose_organisation"}
        if changes:
            self._people.checked(person, owner=True)
        if action not in RESERVED:
            await self._require_mark(person)
        result = await run_in_threadpool(self._worker.act, str(person.tenant), action, payload, person.name)
        if changes:
            await self._mirror.update(person)
        return JSONResponse(result)

    async def sync(self, request: Request) -> Response:
        """Read a page."""
        person = await self._people.require(request)
        tenant = await self._require_mark(person)
        resource, params = request.path_params["resource"], dict(request.query_params)
        return JSONResponse(await stoppable(lambda stopped: self._worker.sync(tenant, resource, params, stopped)))

    async def authorize(self, request: Request) -> Response:
        """Begin a consent; the browser that asked may finish it in the pages, the portal through its callback."""
        person = await self._people.require(request, owner=True)
        redirect_uri = request.query_params.get("redirect_uri")
        url = await run_in_threadpool(self._service.begin, str(person.tenant), redirect_uri)
        answer = JSONResponse({"url": url})
        for cookie in await run_in_threadpool(self._pages.begun, person, url):
            answer.headers.append("Set-Cookie", cookie)
        return answer

    async def finish(self, request: Request, given: dict[str, Any]) -> Response:
        """Finish a consent for the portal's callback page, which sends JSON."""
        person = await self._people.require(request, owner=True)
        fields = {name: str(given.get(name) or "") for name in ("code", "redirect_uri", "state")}
        await run_in_threadpool(self._service.finish, str(person.tenant), *fields.values())
        await self._mirror.update(person)
        return JSONResponse({"status": "success", "message": "Connected successfully"})

    async def _require_mark(self, person: Person) -> str:
        """Return the tenant, which the gateway must call connected: its own disconnect only deletes the mark."""
        tenant = str(person.tenant)
        if not await self._mirror.is_marked(tenant, self._name):
            await run_in_threadpool(self._service.require_connection, tenant)
            raise reasons.NOT_CONNECTED(connector=self._name)
        return tenant


class Callback(Route):
    """``POST /oauth/callback`` for our connectors; those of others reach the gateway's own route."""

    def __init__(self, app: FastAPI, finishers: dict[str, Callable[[Request, dict[str, Any]], Any]]) -> None:
        super().__init__("/oauth/callback", self._unused, methods=["POST"])
        self._gateway = app
        self._finishers = finishers

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the gateway answer."""
        request = Request(scope, receive)
        body = await request.body()

        async def again() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        try:
            given = await read_object(request)
        except Invalid:
            given = {}
        finish = self._finishers.get(str(given.get("connector_id")))
        if finish is not None:
            answer = await guarded(lambda request: finish(request, given))(request)
            await answer(scope, again, send)
            return
        for route in self._gateway.router.routes:
            match, more = route.matches(scope)
            if route is not self and match is Match.FULL:
                scope.update(more)
                await route.handle(scope, again, send)
                return
        await JSONResponse({"detail": "Not Found"}, 404)(scope, again, send)

    async def _unused(self, _request: Request) -> Response:
        raise reasons.CANCELLED()
