"""Who is signed in: the gateway's own user, or a browser to which the gateway's user handed over."""

from __future__ import annotations

import json
import secrets
from http.cookies import SimpleCookie
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.routing import APIRoute

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.config import BridgeConfig, Person
from bizosaas_xero.host.connections.tenants import Tenants
from bizosaas_xero.spec import ConnectorError

COOKIE = "bizosaas_portal"
COOKIE_SECONDS = 12 * 3600
TICKET_SECONDS = 120
_FOUND = "bizosaas.user"


class People:
    """Tells who sends a request."""

    def __init__(self, app: FastAPI, get_current_user: Any, tenants: Tenants, config: BridgeConfig) -> None:
        self._tenants = tenants
        self._config = config

        def who(request: Request, user: Any = Depends(get_current_user)) -> Response:  # noqa: B008 (see above)
            request.scope[_FOUND] = user
            return Response(status_code=204)

        # Not a route: it only resolves the gateway's dependency as the gateway itself does.
        who.__annotations__ = {"request": Request, "user": Any, "return": None}
        self._who = APIRoute("/", who, dependency_overrides_provider=app, response_model=None)

    async def find_user(self, request: Request) -> Person | None:
        """Return the gateway's user; ``None``: the gateway knows none."""
        scope = dict(request.scope, path_params={}, method="GET")

        async def ignore(_message: Any) -> None:
            """Drop the answer: only who was found counts."""

        async def no_body() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        try:
            await self._who.app(scope, no_body, ignore)
        except HTTPException:
            return None
        user = scope.get(_FOUND)
        if user is None:
            return None
        name = str(getattr(user, "email", None) or getattr(user, "name", None) or getattr(user, "id", ""))
        role = self._config.role(user)
        return Person(str(getattr(user, "id", name)), name, getattr(user, "tenant_id", None), role)

    async def require(self, request: Request, *, owner: bool = False) -> Person:
        """Return the gateway's user, who must belong to a tenant.

        Raises:
            Misconfigured: No one is signed in, they have no tenant, or they only look.
        """
        person = await self.find_user(request)
        if person is None:
            raise reasons.NOT_SIGNED_IN()
        return self.checked(person, owner=owner)

    def checked(self, person: Person, *, owner: bool = False) -> Person:
        """Return the person with the tenant as it is called here."""
        if owner and person.role != "owner":
            raise reasons.NOT_ALLOWED()
        return Person(person.id, person.name, self._config.require_tenant(person.tenant), person.role)

    # ------------------------------------------------------------ browsers, which send no token

    def make_ticket(self, person: Person) -> str:
        """Return a secret with which a browser signs in once, soon."""
        ticket = secrets.token_urlsafe(24)
        self._tenants.open(str(person.tenant)).state.put(f"ticket:{ticket}", self._content(person, TICKET_SECONDS))
        return self._seal({"tenant": person.tenant, "ticket": ticket})

    def use_ticket(self, sealed: str) -> Person | None:
        """Return whose ticket it is; of two who bring it, one is let in."""
        known = self._open(sealed)
        tenant = self._tenants.find(known["tenant"]) if known and "ticket" in known else None
        content = tenant and known and tenant.state.take(f"ticket:{known['ticket']}")
        return self._person(content) if content else None

    def cookie(self, person: Person) -> str:
        """Return the ``Set-Cookie`` header that keeps a browser signed in."""
        secure = "; Secure" if self._config.public_url.startswith("https://") else ""
        value = self._seal(self._content(person, COOKIE_SECONDS))
        return f"{COOKIE}={value}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax{secure}"

    def from_cookie(self, header: str) -> Person | None:
        """Return who a browser is, by its ``Cookie`` header."""
        cookies: SimpleCookie = SimpleCookie()
        cookies.load(header)
        morsel = cookies.get(COOKIE)
        content = self._open(morsel.value) if morsel else None
        return self._person(content) if content and "ticket" not in content else None

    def _content(self, person: Person, seconds: int) -> dict[str, Any]:
        until = self._config.now().timestamp() + seconds
        return {"id": person.id, "name": person.name, "tenant": person.tenant, "role": person.role, "until": until}

    def _person(self, content: dict[str, Any]) -> Person | None:
        if content.get("until", 0) <= self._config.now().timestamp():
            return None
        return Person(content["id"], content["name"], content["tenant"], content["role"])

    def _seal(self, content: dict[str, Any]) -> str:
        return self._tenants.keyring().encrypt(json.dumps(content | {"purpose": COOKIE}))

    def _open(self, sealed: str) -> dict[str, Any] | None:
        try:
            content: dict[str, Any] = json.loads(self._tenants.keyring().decrypt(sealed))
        except (ConnectorError, ValueError):
            return None
        return content if content.get("purpose") == COOKIE else None
