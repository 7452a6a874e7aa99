"""A connection: its defaults, how far each entity is synced, how often, and what was rejected."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bizosaas_xero.host import EntityState, StoredConnection
from bizosaas_xero.host.connections.complete import propose_defaults
from bizosaas_xero.host.connections.organisation_details import time_zone_of
from bizosaas_xero.host.sync.runner import interval
from bizosaas_xero.spec import ConnectorError, EntityInfo, Invalid
from bizosaas_xero.web import reasons, words
from bizosaas_xero.web.guard import Refused, visit_of
from bizosaas_xero.web.pages.home import HomePage

MAX_RUNS = 100
"""Past syncs on one page, the newest."""

MAX_EVENTS = 20
"""Events that the page shows; ``bizosaas-xero events`` shows all."""


class SyncPages(HomePage):
    """The pages of one connection."""

    def setup(self, request: Request) -> HTMLResponse:
        """Propose defaults for a new connection."""
        self.require(request, "owner")
        return self._setup(request, self.connection(request), {}, None)

    def complete(self, request: Request) -> Response:
        """Keep the defaults, and begin the first sync."""
        self.require(request, "owner")
        connection, form = self.connection(request), visit_of(request).form
        info = self.info(connection)
        given: dict[str, Any] = {}
        for default in info.setup.defaults if info and info.setup else ():
            value = form.get(default.setting, "").strip()
            is_number = default.value is not None and value.isascii() and value.isdecimal()
            given[default.setting] = (int(value) if is_number else value) or None
        try:
            self.host.configure(connection.id, {"settings": given}, who=visit_of(request).user.name)
        except Invalid as error:
            return self._setup(request, connection, form, error)
        synced = {state.entity for state in self.host.store.entity_states(connection.id) if state.last_success}
        missing = [each.name for each in self.synced_entities(connection) if each.name not in synced]
        if missing:
            self.jobs.start(connection.id, missing)
        said = "Setup is complete. The first sync has begun." if missing else "The defaults are saved."
        return self.go(request, f"/connections/{connection.id}", said)

    def show_sync(self, request: Request) -> HTMLResponse:
        """Show how far each entity is synced."""
        connection = self.connection(request)
        return self.show(request, "connection.html", **self._status(connection), **self._frame(connection))

    def progress(self, request: Request) -> HTMLResponse:
        """Show the part of the page that changes while it syncs."""
        connection = self.connection(request)
        return self.renderer.fragment(request, "progress.html", **self._status(connection))

    def sync_now(self, request: Request) -> Response:
        """Begin a sync of one entity, or of all that are synced."""
        self.require(request, "approver")
        connection, wanted = self.connection(request), visit_of(request).form.get("entity", "")
        names = [each.name for each in self.synced_entities(connection)]
        if wanted:
            self._entity(connection, wanted)
            names = [wanted]
        if not names:
            return self.go(request, f"/connections/{connection.id}", "Every interval is “never”.", "problem")
        self.jobs.start(connection.id, names)
        return self.go(request, f"/connections/{connection.id}")

    def set_intervals(self, request: Request) -> Response:
        """Keep how often each entity is synced."""
        user = self.require(request, "owner")
        connection, form = self.connection(request), visit_of(request).form
        wanted = {
            name.removeprefix("every-"): value for name, value in form.items() if name.startswith("every-") and value
        }
        if not all(value.isascii() and value.isdecimal() for value in wanted.values()):
            raise Refused(400, "Not accepted", "A frequency is a whole number of seconds. Nothing was changed.")
        changes = {name: int(value) for name, value in wanted.items()}
        self.host.configure(connection.id, {"intervals": changes}, who=user.name)
        return self.go(request, f"/connections/{connection.id}", "The frequencies are saved.")

    def history(self, request: Request) -> HTMLResponse:
        """Show past syncs, of all entities or of one."""
        connection, wanted = self.connection(request), request.query_params.get("entity") or None
        if wanted:
            self._entity(connection, wanted)
        info = self.info(connection)
        return self.show(
            request,
            "history.html",
            connection=connection,
            zone=time_zone_of(connection),
            runs=self.host.runs.list_recent(connection.id, MAX_RUNS, wanted),
            titles={each.name: each.title for each in (info.entities if info else ())},
            wanted=wanted,
            most=MAX_RUNS,
        )

    def rejected(self, request: Request) -> HTMLResponse:
        """Show the records of an entity that could not be read."""
        connection = self.connection(request)
        entity = self._entity(connection, request.path_params["entity"])
        return self.show(
            request,
            "rejected.html",
            connection=connection,
            entity=entity,
            zone=time_zone_of(connection),
            rows=self.host.reader.list_rejected(connection, entity.name),
            total=self.host.sink.count_rejected(connection.organisation_id, entity.name),
        )

    # ------------------------------------------------------------ what the pages show

    def _setup(
        self, request: Request, connection: StoredConnection, form: dict[str, str], error: ConnectorError | None
    ) -> HTMLResponse:
        info = self.info(connection)
        if info is None or info.setup is None or not info.setup.defaults:
            raise reasons.NO_DEFAULTS(name=connection.connector)
        return self.show(
            request,
            "setup.html",
            400 if error else 200,
            connection=connection,
            title=self.title(connection.connector),
            proposals=propose_defaults(info, self.host.sink, connection),
            given=form,
            problem=error.to_dict() if error else None,
            problems={each["field"]: each["message"] for each in error.problems} if error else {},
            states=self.host.store.entity_states(connection.id),
        )

    def _frame(self, connection: StoredConnection) -> dict[str, Any]:
        """Return what stays the same while the connection syncs."""
        info = self.info(connection)
        return {
            "title": self.title(connection.connector),
            "intervals": words.INTERVALS,
            "has_defaults": bool(info and info.setup and info.setup.defaults),
            "loaded": connection.connector in self.host.report.loaded,
            "events": self.host.events.list_recent(connection.id, MAX_EVENTS),
        }

    def _status(self, connection: StoredConnection) -> dict[str, Any]:
        """Return how far everything is now, without a request."""
        states = {state.entity: state for state in self.host.store.entity_states(connection.id)}
        info, job = self.info(connection), self.jobs.get(connection.id)
        return {
            "connection": connection,
            "summary": self.summarise(connection),
            "rows": [
                self._row(connection, each, states.get(each.name, EntityState(each.name)))
                for each in (info.entities if info else ())
            ],
            "job": job,
            "titles": {each.name: each.title for each in (info.entities if info else ())},
            "today": self.host.store.usage(connection.organisation_id),
            "zone": time_zone_of(connection),
            "now": self.now(),
        }

    def _row(self, connection: StoredConnection, entity: EntityInfo, state: EntityState) -> dict[str, Any]:
        outcome = state.outcome or {}
        return {
            "entity": entity,
            "state": state,
            "interval": interval(connection, entity),
            "rows": self.host.sink.count_rows(connection.organisation_id, entity.name),
            "rejected": self.host.sink.count_rejected(connection.organisation_id, entity.name),
            "outcome": outcome,
            "problem": outcome.get("problem"),
        }

    def _entity(self, connection: StoredConnection, name: str) -> EntityInfo:
        info = self.info(connection)
        found = next((each for each in (info.entities if info else ()) if each.name == name), None)
        if found is None:
            raise reasons.UNKNOWN_ENTITY(name=name)
        return found
