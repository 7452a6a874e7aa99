"""Rows of the gateway's own tables that say whose agents have which tools.

The gateway fills its registry again at each start and deletes other rows; so ours are made again after its start.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bizosaas_xero.adapters.brain_gateway.service import ConnectorService
from bizosaas_xero.spec import ConnectorError

log = logging.getLogger(__name__)

CATEGORY = {"name": "Accounting", "slug": "accounting"}
"""Of the registry; made if it is not there."""


@dataclass(frozen=True)
class Installations:
    """Keeps the gateway's rows in step with the addresses that were given out."""

    models: Any
    session: Any

    def save(self, service: ConnectorService, user: str, url: str) -> None:
        """Say that a user's agents have a connector's tools at this address."""
        if self.models is None:
            return
        with self.session() as session:
            row = self._find_row(session, service)
            installed = self._find(session, row, user)
            if installed is None:
                installed = self.models.UserMcpInstallation(user_id=user, mcp=row)
                session.add(installed)
            installed.status, installed.config = "active", {"url": url}
            session.commit()

    def remove(self, service: ConnectorService, user: str) -> None:
        """Say that a user's agents have no tools of a connector."""
        if self.models is None:
            return
        with self.session() as session:
            installed = self._find(session, self._find_row(session, service), user)
            if installed is not None:
                session.delete(installed)
            session.commit()

    def restore(self, services: Mapping[str, ConnectorService]) -> None:
        """Make the rows again of every address that was given out and not withdrawn."""
        for service in services.values():
            prefix = f"agent:{service.name}:"
            for tenant_name in service.tenants.names():
                try:
                    tenant = service.tenants.open(tenant_name)
                    for name in tenant.state.names(prefix):
                        kept = tenant.state.get(name)
                        if kept:
                            self.save(service, name.removeprefix(prefix), kept["url"])
                except ConnectorError as error:  # this tenant's own; the next address that is asked for makes its row
                    log.warning("agents' tools of a tenant: %s (%s)", error.message, error.reason)

    def _find_row(self, session: Any, service: ConnectorService) -> Any:
        registry, categories = self.models.McpRegistry, self.models.McpCategory
        row = session.query(registry).filter(registry.slug == service.name).first()
        if row is None:
            category = session.query(categories).filter(categories.slug == CATEGORY["slug"]).first()
            info = service.connector.describe()
            row = registry(
                name=info.title if info else service.name,
                slug=service.name,
                description=info.summary if info else "",
                category=category or categories(**CATEGORY),
                capabilities=[action.name for action in service.connector.list_actions(None)],
                mcp_config={"type": "rest"},
            )
            session.add(row)
            session.flush()
        return row

    def _find(self, session: Any, row: Any, user: str) -> Any:
        installed = self.models.UserMcpInstallation
        return session.query(installed).filter(installed.user_id == user, installed.mcp_id == row.id).first()
