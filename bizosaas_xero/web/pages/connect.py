"""Set up a connector: its guide, the app's credentials, consent, and the choice of the organisation."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bizosaas_xero.host import Connector, Offer, StoredConnection
from bizosaas_xero.host.connections.complete import referenced_entities
from bizosaas_xero.spec import App, ConnectorError, ConnectorInfo, parse
from bizosaas_xero.web import reasons
from bizosaas_xero.web.guard import Refused, visit_of
from bizosaas_xero.web.pages.base import Page
from bizosaas_xero.web.settings import is_safe_origin

KINDS = ("web", "pkce", "custom")
"""The kinds of app that a person can enter here."""


class ConnectPages(Page):
    """From the guide to a chosen organisation."""

    def guide(self, request: Request) -> HTMLResponse:
        """Show what to do at the provider, and the form for the app."""
        return self._guide(request, self._connector(request))

    def authorize(self, request: Request) -> Response:
        """Check the app, and lead the person to the provider's consent page."""
        self.require(request, "owner")
        connector, form = self._connector(request), visit_of(request).form
        kind = form.get("kind") if form.get("kind") in KINDS else _kinds(connector.describe())[0]
        values = {
            "client_id": form.get("client_id", "").strip(),
            "client_secret": form.get("client_secret", "").strip() or None,
            "redirect_uri": self.settings.redirect_uri(connector.name),
            "kind": kind,
        }
        shown = {"client_id": values["client_id"], "kind": kind, "scopes": form.get("scopes", "")}
        if not values["client_id"]:
            problem = reasons.CLIENT_ID_MISSING.field("client_id").to_dict()
            return self._guide(request, connector, problem, shown, 400)
        try:
            app = parse(App, values, "app")
            checked = self.host.connections.check_app(connector.name, app)
            if checked.status == "misconfigured" and checked.problem:
                return self._guide(request, connector, checked.problem, shown, 400)
            if kind == "custom":
                return self._choose(request, self.host.connections.connect_custom_app(connector.name, app))
            return self._leave(request, connector, app, form.get("scopes") or None)
        except ConnectorError as error:
            return self._guide(request, connector, error.to_dict(), shown, 400)

    def reconnect(self, request: Request) -> Response:
        """Lead the person to the consent page again, with the app that is stored."""
        self.require(request, "owner")
        connection = self.connection(request)
        connector = self.host.report.connector(connection.connector)
        stored = self.host.connections.stored_app(connection)
        if stored.app.kind == "custom":
            offer = self.host.connections.connect_custom_app(connector.name, stored.app, stored.settings)
            self.host.connections.choose(offer, connection.organisation_id)
            return self.go(request, f"/connections/{connection.id}", f"{connection.organisation} is connected again.")
        app = stored.app.model_copy(update={"redirect_uri": self.settings.redirect_uri(connector.name)})
        return self._leave(request, connector, app, None, stored.settings)

    def callback(self, request: Request) -> Response:
        """Receive the person back from the provider; it works once, and only in the browser that went there."""
        self.require(request, "owner")
        connector, session = self._connector(request), visit_of(request).session
        query = request.url.query
        state = next(iter(parse_qs(query).get("state", [])), "")
        if not session.end_consent(state):
            raise Refused(
                400,
                "Not accepted",
                f"{self.title(connector.name)} sent you back without a consent that began in this browser. "
                "Nothing was changed. Begin again from the page of the integration.",
            )
        try:
            offer = self.host.connections.finish_consent(f"{self.settings.redirect_uri(connector.name)}?{query}")
        except ConnectorError as error:
            return self._guide(request, connector, error.to_dict(), {}, 400)
        if offer.warnings:
            session.notice = ["warning", " ".join(offer.warnings)]
        return self._choose(request, offer)

    def organisations(self, request: Request) -> HTMLResponse:
        """Let the person choose one of several organisations."""
        offer = self._offer(request)
        connected = {
            each.organisation_id for each in self.host.store.connections() if each.connector == offer.connector
        }
        return self.show(
            request,
            "organisations.html",
            name=offer.connector,
            title=self.title(offer.connector),
            organisations=offer.organisations,
            connected=connected,
        )

    def choose(self, request: Request) -> Response:
        """Connect the organisation that was chosen."""
        self.require(request, "owner")
        offer = self._offer(request)
        chosen = visit_of(request).form.get("organisation", "")
        if not chosen:
            return self.go(request, f"/integrations/{offer.connector}/organisations", "Choose one.", "problem")
        return self._connect(request, offer, chosen)

    # ------------------------------------------------------------ steps

    def _connector(self, request: Request) -> Connector:
        return self.host.report.connector(request.path_params["connector"])

    def _guide(
        self,
        request: Request,
        connector: Connector,
        problem: dict[str, Any] | None = None,
        shown: dict[str, Any] | None = None,
        status: int = 200,
    ) -> HTMLResponse:
        info = connector.describe()
        redirect_uri = self.settings.redirect_uri(connector.name)
        connections = [each for each in self.host.store.connections() if each.connector == connector.name]
        return self.show(
            request,
            "guide.html",
            status,
            name=connector.name,
            title=info.title if info else connector.name,
            info=info,
            setup=info.setup if info else None,
            kinds=_kinds(info),
            profiles=list(info.auth.scope_profiles) if info else [],
            redirect_uri=redirect_uri,
            connections=connections,
            problem=problem,
            shown={"client_id": "", "kind": _kinds(info)[0], "scopes": ""} | (shown or {}),
        )

    def _leave(
        self,
        request: Request,
        connector: Connector,
        app: App,
        scopes: str | None,
        settings: dict[str, Any] | None = None,
    ) -> Response:
        """Show the page that leads to the provider (a redirect of a form would be stopped by ``form-action``)."""
        url = self.host.connections.begin_consent(connector.name, app, scopes, settings)
        parts = urlsplit(url)
        if not is_safe_origin(f"{parts.scheme}://{parts.netloc}"):
            raise connector.failure("its consent page has no https address")
        session = visit_of(request).session
        session.begin_consent(next(iter(parse_qs(parts.query).get("state", [])), ""))
        return self.show(request, "leave.html", name=connector.name, title=self.title(connector.name), target=url)

    def _offer(self, request: Request) -> Offer:
        found = visit_of(request).session.offer
        if not found or found[0] != request.path_params["connector"]:
            raise Refused(400, "Nothing to choose", "Authorise first, and then choose the organisation.")
        return self.host.connections.list_organisations(found[0], found[1])

    def _choose(self, request: Request, offer: Offer) -> Response:
        if len(offer.organisations) > 1:
            visit_of(request).session.offer = [offer.connector, offer.identity]
            return self.go(request, f"/integrations/{offer.connector}/organisations")
        return self._connect(request, offer, None)

    def _connect(self, request: Request, offer: Offer, chosen: str | None) -> Response:
        known = {each.id for each in self.host.store.connections()}
        connection = self.host.connections.choose(offer, chosen)
        visit_of(request).session.offer = None
        if connection.id in known:
            self._sync_all(connection)
            return self.go(request, f"/connections/{connection.id}", f"{connection.organisation} is connected again.")
        info = self.info(connection)
        for entity in referenced_entities(info):  # the choices of the next page
            self.host.runner.sync(connection.id, entity)
        if info is None or info.setup is None or not info.setup.defaults:
            self._sync_all(connection)
            return self.go(request, f"/connections/{connection.id}")
        return self.go(request, f"/connections/{connection.id}/setup")

    def _sync_all(self, connection: StoredConnection) -> None:
        self.jobs.start(connection.id, [each.name for each in self.synced_entities(connection)])


def _kinds(info: ConnectorInfo | None) -> list[str]:
    offered = info.auth.kinds if info else []
    return [kind for kind in offered if kind in KINDS] or ["web"]
