"""Actions as the gateway's MCP layer asks for them: ``GET {url}/tools`` and ``POST {url}/tools/call``, without a token.

So the address itself is the secret: it names one tenant and user, reads, plans and does what the policy lets run or a
person approved, approves nothing, and can be withdrawn.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.config import BridgeConfig, Person
from bizosaas_xero.adapters.brain_gateway.installations import Installations
from bizosaas_xero.adapters.brain_gateway.mirror import Mirror
from bizosaas_xero.adapters.brain_gateway.people import People
from bizosaas_xero.adapters.brain_gateway.service import ConnectorService
from bizosaas_xero.adapters.brain_gateway.work import Worker
from bizosaas_xero.host.actions.names import AGENT_PREFIX
from bizosaas_xero.spec import Action, ConnectorError
from bizosaas_xero.spec.errors import SUBJECT, Invalid

LIST_RECORDS = "list_records"
"""The tool that reads the tenant's synced tables; it sends no request to the provider."""

_TEXT = {"type": "string"}
_WRITE_NOTE = (
    "It plans first. Where a person must approve, the status is `needs_approval`: nothing was written; show the person "
    "the plan and `approve_url`, and after their yes call it again with the same business_key."
)


class AgentTools:
    """The tools of each connector, for the agents of one tenant."""

    def __init__(
        self,
        people: People,
        installations: Installations,
        mirror: Mirror,
        services: Mapping[str, ConnectorService],
        config: BridgeConfig,
    ) -> None:
        self._installations = installations
        self._people = people
        self._mirror = mirror
        self._services = services
        self._config = config

    # ------------------------------------------------------------ addresses

    async def address(self, request: Request) -> Response:
        """Give the gateway's user a new address for their agents; the one before ends."""
        person, service = await self._asker(request)
        url = await run_in_threadpool(self.make_address, person, service)
        await run_in_threadpool(self._installations.save, service, person.id, url)
        return JSONResponse({"url": url})

    async def withdraw(self, request: Request) -> Response:
        """End the address of the gateway's user."""
        person, service = await self._asker(request)
        tenant = service.open_tenant(person.tenant)
        await run_in_threadpool(self._installations.remove, service, person.id)
        return JSONResponse({"withdrawn": tenant.state.take(_key(service, person.id)) is not None})

    async def _asker(self, request: Request) -> tuple[Person, ConnectorService]:
        person = await self._people.require(request, owner=True)
        return person, self._service(request)

    def make_address(self, person: Person, service: ConnectorService) -> str:
        """Return a new address for the agents of a user."""
        secret = token_urlsafe(24)
        known = {"tenant": person.tenant, "user": person.id, "name": person.name, "secret": secret}
        token = service.tenants.keyring().encrypt(json.dumps(known))
        base = (self._config.internal_url or self._config.public_url).rstrip("/")
        url = f"{base}{self._config.path}/agents/{service.name}/{token}"
        service.open_tenant(person.tenant).state.put(_key(service, person.id), {"secret": secret, "url": url})
        return url

    def _find_person(self, service: ConnectorService, token: str) -> Person:
        try:
            known = json.loads(service.tenants.keyring().decrypt(token))
            tenant = service.find_tenant(known["tenant"])
            kept = tenant and tenant.state.get(_key(service, known["user"]))
            if kept and hmac.compare_digest(kept["secret"], known["secret"]):
                return Person(known["user"], known["name"], known["tenant"], "viewer")
        except (ValueError, KeyError, TypeError):
            pass
        except ConnectorError as error:
            if error.recovery in {"wait", "retry"}:
                raise
        raise reasons.AGENT_UNKNOWN()

    def _service(self, request: Request) -> ConnectorService:
        name = request.path_params["connector"]
        if name not in self._services:
            raise reasons.UNKNOWN_CONNECTOR(name=name[:64])
        return self._services[name]

    # ------------------------------------------------------------ tools

    async def list_tools(self, request: Request) -> Response:
        """Answer ``{"tools": […]}``."""
        service = self._service(request)
        await run_in_threadpool(self._find_person, service, request.path_params["token"])
        return JSONResponse({"tools": list_tools(service)})

    async def call_tool(self, request: Request) -> Response:
        """Call a tool: a read is run, a write is planned, and done once a person approved it."""
        service = self._service(request)
        person = await run_in_threadpool(self._find_person, service, request.path_params["token"])
        try:
            given = await request.json()
        except ValueError:
            given = None
        if not isinstance(given, dict) or not isinstance(given.get("arguments", {}), dict):
            raise Invalid.field("body", "must be an object with name and arguments", summary=SUBJECT)
        try:
            if not await self._mirror.is_marked(str(person.tenant), service.name):
                raise reasons.NOT_CONNECTED(connector=service.name)
            name, arguments = str(given.get("name")), given.get("arguments") or {}
            told = await run_in_threadpool(call_tool, service, person, name, arguments)
            failed = False
        except ConnectorError as error:
            told, failed = {"status": "error", "error": error.to_dict()}, True
        text = json.dumps(told, ensure_ascii=False)
        content = [{"type": "text", "text": text}]
        return JSONResponse({"content": content, "structuredContent": told, "isError": failed})


def list_tools(service: ConnectorService) -> list[dict[str, Any]]:
    """Return a connector's tools, in the form of the Model Context Protocol."""
    info = service.connector.describe()
    tools = [_action_tool(each) for each in service.connector.list_actions(None)]
    if info and info.entities:
        tools.append(
            {
                "name": LIST_RECORDS,
                "title": "List records",
                "description": "Rows that were synced, page by page, in the order of their keys. Sends no request. An "
                "amount is text with all its digits. `next_after` begins the next page.",
                "inputSchema": {
                    "type": "object",
                    "properties": {
                        "entity": {"enum": [each.name for each in info.entities]},
                        "columns": {"type": "array", "items": _TEXT},
                        "limit": {"type": "integer", "minimum": 1, "maximum": 500, "default": 50},
                        "after": _TEXT,
                        "organisation_id": _TEXT,
                    },
                    "required": ["entity"],
                },
                "annotations": {"readOnlyHint": True, "destructiveHint": False, "openWorldHint": False},
            }
        )
    return tools


def _action_tool(action: Action) -> dict[str, Any]:
    writes = action.effect == "write"
    own: dict[str, Any] = {"organisation_id": _TEXT | {"description": "Needed only if several are connected."}}
    if writes:
        own["business_key"] = _TEXT | {
            "description": "Names the intent, such as a deal's number. The same key is written once, ever."
        }
    schema = {"type": "object"} | action.params
    return {
        "name": action.name,
        "title": action.title,
        "description": f"{action.description} {_WRITE_NOTE}" if writes else action.description,
        "inputSchema": schema
        | {
            "properties": schema.get("properties", {}) | own,
            "required": [*schema.get("required", ()), *(["business_key"] if writes else [])],
        },
        "annotations": {"readOnlyHint": not writes, "destructiveHint": action.destructive, "openWorldHint": True},
    }


def call_tool(service: ConnectorService, person: Person, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Call one tool for a person's agent.

    Raises:
        NotFound: The connector has no such tool.
        ConnectorError: of the connector, the grant, or the arguments.
    """
    if name == LIST_RECORDS:
        given = {key: value for key, value in arguments.items() if value is not None}
        tenant, connection = service.require_connection(str(person.tenant), given.pop("organisation_id", None))
        entity, plugin = str(given.pop("entity", "")), tenant.host.report.connector(service.name)
        unknown = sorted(set(given) - {"columns", "limit", "after"})
        if unknown:
            raise Invalid.field(f"arguments.{unknown[0]}", "is not known", summary=SUBJECT)
        page = tenant.host.reader.read_page(
            connection, plugin, entity, given.get("columns", ()), given.get("limit", 50), given.get("after", "")
        )
        seen = tenant.host.store.entity_state(connection.id, entity).last_success
        return {"status": "success", "as_of": seen and seen.isoformat(), **page.to_dict()}
    writes = {each.name: each.effect == "write" for each in service.connector.list_actions(None)}
    if name not in writes:
        raise reasons.UNKNOWN_TOOL(name=name[:64])
    if writes[name] and not arguments.get("business_key"):
        raise Invalid.field("arguments.business_key", "is missing", "Name the intent.", summary=SUBJECT)
    arguments = {key: value for key, value in arguments.items() if key not in {"mode", "plan_hash"}}
    return Worker(service).act(str(person.tenant), name, arguments, f"{AGENT_PREFIX}{person.name}")


def _key(service: ConnectorService, user: str) -> str:
    return f"agent:{service.name}:{user}"
