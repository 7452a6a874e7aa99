"""What the pages share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from bizosaas_xero.host import Host, StoredConnection
from bizosaas_xero.host.sync.runner import interval
from bizosaas_xero.spec import ConnectorInfo, EntityInfo
from bizosaas_xero.web.guard import Refused, visit_of
from bizosaas_xero.web.jobs import SyncJobs
from bizosaas_xero.web.render import Renderer
from bizosaas_xero.web.settings import Identity, Role, WebSettings

_DENIED = {
    "approver": "Your role only looks. A person who may approve, or an owner, can do this.",
    "owner": "Only an owner may change this.",
    "viewer": "",
}


@dataclass(frozen=True)
class Page:
    """Base of the pages.

    Args:
        host: Does everything.
        settings: Where the pages are.
        renderer: Renders templates.
        jobs: Syncs that people asked for.
        now: The clock.
    """

    host: Host
    settings: WebSettings
    renderer: Renderer
    jobs: SyncJobs
    now: Callable[[], datetime]

    def show(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Render a page."""
        return self.renderer.page(request, template, status, **values)

    def go(self, request: Request, path: str, notice: str | None = None, kind: str = "done") -> RedirectResponse:
        """Lead the browser to another page after a form was done, with a notice."""
        if notice:
            visit_of(request).session.notice = [kind, notice]
        return RedirectResponse(f"{request.scope.get('root_path', '')}{path}", 303)

    def require(self, request: Request, role: Role) -> Identity:
        """Return the signed-in person, who must have at least this role.

        Raises:
            Refused: They have not.
        """
        user = visit_of(request).user
        if not user.may(role):
            raise Refused(403, "Not allowed", _DENIED[role])
        return user

    def connection(self, request: Request) -> StoredConnection:
        """Return the connection that the address names.

        Raises:
            NotFound: There is none.
        """
        return self.host.store.connection(request.path_params["connection"])

    def info(self, connection: StoredConnection) -> ConnectorInfo | None:
        """Return the description of a connection's connector; ``None``: it describes nothing, or is not loaded."""
        connector = self.host.report.loaded.get(connection.connector)
        return connector.describe() if connector else None

    def title(self, connector: str) -> str:
        """Return a connector's title."""
        loaded = self.host.report.loaded.get(connector)
        info = loaded.describe() if loaded else None
        return info.title if info else connector

    def synced_entities(self, connection: StoredConnection) -> list[EntityInfo]:
        """Return the entities that are synced at all."""
        info = self.info(connection)
        return [each for each in (info.entities if info else ()) if interval(connection, each)]
