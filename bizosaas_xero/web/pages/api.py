"""The JSON API behind the pages: the same session, the same roles, and errors of the contract as JSON."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bizosaas_xero.host import EntityState, StoredConnection, StoredPlan
from bizosaas_xero.host.storage.tables import stamp
from bizosaas_xero.web import openapi
from bizosaas_xero.web.guard import Refused, visit_of
from bizosaas_xero.web.pages.approvals import MAX_REASON_LENGTH
from bizosaas_xero.web.pages.sync import SyncPages


class ApiPages(SyncPages):
    """Reads what the pages show, and does what their forms do."""

    def routes(self) -> list[Route]:
        """Return the routes: those that the description lists, and the description."""
        described = [
            Route(each.path, getattr(self, each.name), methods=[each.method], name=f"api_{each.name}")
            for each in openapi.ENDPOINTS
        ]
        return [*described, Route(openapi.PATH, self.describe)]

    def describe(self, _request: Request) -> Response:
        """Return the description of the API (OpenAPI)."""
        return _answer(openapi.describe(self.settings.public_url))

    def session(self, request: Request) -> Response:
        """Return who is signed in, and the token that each change repeats."""
        visit = visit_of(request)
        return _answer({"name": visit.user.name, "role": visit.user.role, "csrf": visit.session.csrf})

    def connections(self, _request: Request) -> Response:
        """Return all connections."""
        return _answer({"connections": [_connection(each) for each in self.host.store.connections()]})

    def connection_status(self, request: Request) -> Response:
        """Return how far each entity of a connection is synced."""
        connection = self.connection(request)
        states = {state.entity: state for state in self.host.store.entity_states(connection.id)}
        info = self.info(connection)
        entities = [
            _entity(self._row(connection, each, states.get(each.name, EntityState(each.name))))
            for each in (info.entities if info else ())
        ]
        usage = self.host.store.usage(connection.organisation_id)
        return _answer(_connection(connection) | {"entities": entities, "usage": usage})

    def runs(self, request: Request) -> Response:
        """Return past syncs, the newest first."""
        connection, wanted = self.connection(request), request.query_params.get("entity") or None
        if wanted:
            self._entity(connection, wanted)
        found = self.host.runs.list_recent(connection.id, _number(request, 100, 500), wanted)
        return _answer({"runs": [vars(each) for each in found]})

    def rejected_records(self, request: Request) -> Response:
        """Return the records of an entity that could not be read."""
        connection = self.connection(request)
        entity = self._entity(connection, request.path_params["entity"])
        total = self.host.sink.count_rejected(connection.organisation_id, entity.name)
        rows = self.host.reader.list_rejected(connection, entity.name)
        names = ("key", "reason", "raw", "rejected_at")
        return _answer({"total": total, "rejected": [{name: row[name] for name in names} for row in rows]})

    def sync(self, request: Request) -> Response:
        """Begin a sync of one entity, or of all."""
        self.require(request, "approver")
        connection, wanted = self.connection(request), visit_of(request).form.get("entity", "")
        names = [self._entity(connection, wanted).name] if wanted else []
        names = names or [each.name for each in self.synced_entities(connection)]
        if names:
            self.jobs.start(connection.id, names)
        return _answer({"entities": names}, 202)

    def plans(self, _request: Request) -> Response:
        """Return the plans that can still be decided and done."""
        return _answer({"plans": [self._plan(each) for each in self.host.plans.list_open()]})

    def plan(self, request: Request) -> Response:
        """Return one plan."""
        return _answer(self._plan(self._find_plan(request)))

    def approve(self, request: Request) -> Response:
        """Keep a person's yes. What they asked for themselves is approved on the page only, after signing in again."""
        user, plan = self.require(request, "approver"), self._find_plan(request)
        return _answer(self.host.approvals.approve(plan, user.name).to_dict())

    def refuse(self, request: Request) -> Response:
        """Keep a person's no, with their reason."""
        user, plan = self.require(request, "approver"), self._find_plan(request)
        why = visit_of(request).form.get("reason", "").strip()[:MAX_REASON_LENGTH]
        return _answer(self.host.approvals.refuse(plan, user.name, why).to_dict())

    def requesters(self, _request: Request) -> Response:
        """Return who asked for what, and who may ask no more."""
        return _answer({"requesters": [vars(each) for each in self.host.requesters.list_all()]})

    def audit(self, request: Request) -> Response:
        """Return the newest entries of the audit, oldest first."""
        entries = self.host.audit.entries(last=_number(request, 100, 500))
        return _answer({"head": str(self.host.audit.head()), "entries": [each.to_dict() for each in entries]})

    def _find_plan(self, request: Request) -> StoredPlan:
        connection = self.connection(request)
        return self.host.plans.find_by_prefix(request.path_params["hash"], connection.id)

    def _plan(self, plan: StoredPlan) -> dict[str, Any]:
        decision = self.host.approvals.current_decision(plan)
        return plan.to_dict() | {"policy": vars(decision)}


def _connection(connection: StoredConnection) -> dict[str, Any]:
    names = ("id", "connector", "organisation_id", "organisation", "currency", "state", "problem", "resume_at")
    return {name: getattr(connection, name) for name in names}


def _entity(row: dict[str, Any]) -> dict[str, Any]:
    state: EntityState = row["state"]
    moments = {name: getattr(state, name) for name in ("last_run", "last_success", "next_due")}
    shown = {name: row[name] for name in ("interval", "rows", "rejected", "problem")}
    return {"name": row["entity"].name, "title": row["entity"].title} | moments | shown


def _number(request: Request, default: int, most: int) -> int:
    """Return how many rows are asked for."""
    text = request.query_params.get("limit", str(default))
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(most)) else 0
    if not 1 <= number <= most:
        raise Refused(400, "Not accepted", f"limit must be a whole number from 1 to {most}.")
    return number


def _answer(value: Any, status: int = 200) -> Response:
    return JSONResponse(json.loads(json.dumps(value, default=_encode)), status)


def _encode(value: Any) -> str:
    return stamp(value) if isinstance(value, datetime) else str(value)
