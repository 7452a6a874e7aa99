"""Connect and disconnect organisations: the steps through which a command line or a web page leads."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bizosaas_xero.host import reasons
from bizosaas_xero.host.connections.addresses import pin_addresses, require_same_addresses
from bizosaas_xero.host.connections.grants import Grants
from bizosaas_xero.host.connections.organisation_details import refresh_details
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.plugins.discovery import DiscoveryReport
from bizosaas_xero.host.storage.models import StoredApp, StoredConnection
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.spec import App, AuthResult, ConnectorError, Organisation, parse

_WITH_APP = "with app:"
"""Before a consent's secret that is kept together with its app."""

CONSENT_LIFETIME = timedelta(minutes=30)
"""How long a person may take between ``begin_consent`` and ``finish_consent``."""


@dataclass(frozen=True)
class Offer:
    """What a consent reaches: the organisations of which the person chooses."""

    connector: str
    identity: str
    organisations: list[Organisation]
    warnings: list[str]


@dataclass(frozen=True)
class ConnectionService:
    """The steps: ``begin_consent``, the person consents, ``finish_consent``, ``choose``; later ``disconnect``.

    Args:
        store: Where apps, grants and connections are kept.
        grants: Hands out grants that will last.
        report: The connectors.
        environ: Where the connector's addresses may be set.
        now: The clock.
    """

    store: Store
    grants: Grants
    report: DiscoveryReport
    environ: Mapping[str, str]
    now: Callable[[], datetime]

    def check_app(self, connector: str, app: App, settings: Mapping[str, Any] | None = None) -> AuthResult:
        """Ask whether the provider accepts an app's credentials, before a person is sent there. Nothing is kept.

        Returns:
            ``status``: ``ok``, ``misconfigured`` (with ``problem``) or ``unknown``, also for a connector that
            cannot ask.

        Raises:
            ConnectorError: as ``auth`` does, such as ``unavailable``.
        """
        plugin = self.report.connector(connector)
        pinned = pin_addresses(plugin, settings or {}, self.environ)
        try:
            return self._auth(plugin, StoredApp(connector, app, pinned), {"step": "check_app"})
        except ConnectorError as error:
            if error.code == "misconfigured":
                return AuthResult(step="check_app", status="misconfigured", problem=error.to_dict())
            if error.code != "invalid":
                raise
            return AuthResult(step="check_app", status="unknown")  # a connector of an earlier contract

    def stored_app(self, connection: StoredConnection) -> StoredApp:
        """Return the app with which a connection was made, to authorise it again.

        Raises:
            NotFound: It is not kept.
            ReconnectRequired: The grant is gone.
        """
        grant = self.store.grant(connection.connector, connection.identity).grant
        return self.store.app(connection.connector, grant.client_id)

    def begin_consent(
        self,
        connector: str,
        app: App,
        scopes: str | list[str] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> str:
        """Begin a consent.

        Args:
            connector: The connector's name.
            app: The person's app; it waits, encrypted, until the consent is finished.
            scopes: A profile's name or a list; ``None`` for the connector's default.
            settings: The connector's settings under which this app is used.

        Returns:
            The address to open in the person's browser.

        Raises:
            ConnectorError: as ``auth`` does.
        """
        plugin = self.report.connector(connector)
        pinned = pin_addresses(plugin, settings or {}, self.environ)
        request = {"step": "authorize", "app": app.model_dump(mode="json"), "settings": pinned}
        result = plugin.auth(request | ({"scopes": scopes} if scopes else {}))
        state = result.url and _state_of_url(result.url)
        if not result.url or not state or result.pending is None:
            raise plugin.failure("authorize gave no address with a state, or nothing to keep")
        # Until the person comes back, connections of the same app keep the secret and the settings they were made with.
        waiting = {"pending": result.pending.get_secret_value(), "app": app.model_dump(mode="json")}
        secret = f"{_WITH_APP}{json.dumps(waiting)}"
        self.store.save_pending(connector, app.client_id, state, secret, CONSENT_LIFETIME, pinned)
        return result.url

    def finish_consent(self, callback_url: str) -> Offer:
        """Finish a consent with the whole address to which the person came back. It works once.

        Raises:
            Invalid: if the address belongs to no consent begun here.
            ConnectorError: as ``auth`` does, if the person refused, or the code is not accepted.
        """
        connector, client_id, pending, settings = self.store.take_pending(_state_of_url(callback_url) or "")
        if pending.startswith(_WITH_APP):
            waiting = json.loads(pending.removeprefix(_WITH_APP))
            pending = waiting["pending"]
            stored_app = StoredApp(connector, parse(App, waiting["app"], "app"), settings or {})
        else:  # begun under an earlier release
            stored_app = self.store.app(connector, client_id)
            stored_app = stored_app if settings is None else replace(stored_app, settings=settings)
        request = {"step": "callback", "pending": pending, "callback_url": callback_url}
        plugin = self.report.connector(connector)
        result = self._auth(plugin, stored_app, request)
        self.store.save_app(connector, stored_app.app, stored_app.settings)
        return self._save_offer(plugin, result)

    def connect_custom_app(self, connector: str, app: App, settings: Mapping[str, Any] | None = None) -> Offer:
        """Connect an app of kind ``custom``, to which its one organisation is already tied.

        Raises:
            ConnectorError: as ``auth`` does.
        """
        plugin = self.report.connector(connector)
        stored_app = StoredApp(connector, app, pin_addresses(plugin, settings or {}, self.environ))
        result = self._auth(plugin, stored_app, {"step": "client_credentials"})
        self.store.save_app(connector, app, stored_app.settings)
        return self._save_offer(plugin, result)

    def list_organisations(self, connector: str, identity: str) -> Offer:
        """Ask again what a grant reaches.

        Raises:
            ConnectorError: as ``auth`` does.
        """
        plugin = self.report.connector(connector)
        result = self._auth_with_grant(plugin, identity, {"step": "organisations"})
        return Offer(connector, identity, result.organisations or [], result.warnings)

    def choose(
        self, offer: Offer, organisation_id: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> StoredConnection:
        """Connect one of the offered organisations.

        Args:
            offer: From ``finish_consent``, ``connect_custom_app`` or ``list_organisations``.
            organisation_id: May be left out only where exactly one is offered.
            settings: The connector's settings for this organisation.

        Raises:
            OrganisationUnavailable: if nothing, or not this organisation, is offered.
            Invalid: if several are offered and none is named; one is never taken silently.
        """
        offered = {organisation.id: organisation for organisation in offer.organisations}
        if not offered:
            raise reasons.NO_ORGANISATION()
        names = ", ".join(f"{item.name} ({item.id})" for item in offer.organisations)
        if organisation_id is None and len(offered) > 1:
            raise reasons.ORGANISATION_NOT_CHOSEN.field("organisation_id", names=names)
        chosen = offered.get(organisation_id or next(iter(offered)))
        if chosen is None:
            raise reasons.ORGANISATION_NOT_OFFERED(organisation=organisation_id, names=names)
        plugin = self.report.connector(offer.connector)
        connection = StoredConnection(
            id=f"{offer.connector}:{chosen.id}",
            connector=offer.connector,
            organisation_id=chosen.id,
            organisation=chosen.name,
            currency=chosen.currency,
            identity=offer.identity,
            settings=dict(settings or {}),
            state="active",
            problem=None,
            created_at=self.now(),
            timezone=chosen.timezone,
        )
        for known in self.store.connections():
            if known.id == connection.id:  # mended: what was configured stays
                connection = replace(
                    connection,
                    settings=known.settings if settings is None else connection.settings,
                    preferences=known.preferences,
                    timezone=connection.timezone or known.timezone,
                    currency=connection.currency or known.currency,
                    created_at=known.created_at,
                )
        self.store.save_connection(connection)
        self._clear_problems(connection)
        return refresh_details(self.store, self.grants, plugin, connection, self.now())

    def _clear_problems(self, connection: StoredConnection) -> None:
        """What waited for this person is due now; whether it is mended the next run tells."""
        for state in self.store.entity_states(connection.id):
            problem = (state.outcome or {}).get("problem")
            if problem and problem["recovery"] in {"reconnect", "fix"}:
                self.store.update_entity(
                    connection.id, state.entity, outcome=None, next_due=self.now(), failures=0, blocked_since=None
                )

    def disconnect(self, connection_id: str, *, revoke: bool = False) -> list[StoredConnection]:
        """End access to an organisation, or with ``revoke`` everything this person granted the app.

        The records that were synced stay. If access had already ended, only our own memory is cleared.

        Returns:
            The connections that are gone.

        Raises:
            ConnectorError: if the provider cannot be reached; then nothing is deleted.
        """
        connection = self.store.connection(connection_id)
        plugin = self.report.connector(connection.connector)
        siblings = [
            item for item in self.store.connections(connection.identity) if item.connector == connection.connector
        ]
        gone = siblings if revoke else [connection]
        self._end_access(plugin, connection, revoke=revoke)
        for item in gone:
            self.store.delete_connection(item.id)
        if len(gone) == len(siblings):
            self.store.delete_grant(connection.connector, connection.identity)
        return gone

    def _end_access(self, plugin: Connector, connection: StoredConnection, *, revoke: bool) -> None:
        try:
            request = {"step": "disconnect", "organisation_id": connection.organisation_id, "revoke": revoke}
            self._auth_with_grant(plugin, connection.identity, request)
        except ConnectorError as error:
            if error.recovery != "reconnect":
                raise
            # Access is gone already: what the person wants is true.

    def _auth_with_grant(self, plugin: Connector, identity: str, request: dict[str, Any]) -> AuthResult:
        """Do a step that needs a grant; a token refused before its end is renewed, once."""
        stored_grant = self.grants.get_valid(plugin, identity)
        stored_app = self.store.app(plugin.name, stored_grant.grant.client_id)
        try:
            return self._auth(plugin, stored_app, request | {"grant": stored_grant.grant.model_dump(mode="json")})
        except ConnectorError as error:
            if error.recovery != "refresh":
                raise
        stored_grant = self.grants.get_valid(plugin, identity, refused=stored_grant.version)
        return self._auth(plugin, stored_app, request | {"grant": stored_grant.grant.model_dump(mode="json")})

    def _save_offer(self, plugin: Connector, result: AuthResult) -> Offer:
        if result.grant is None:
            raise plugin.failure(f"{result.step} gave no grant")
        self.store.save_grant(plugin.name, result.grant)
        return Offer(plugin.name, result.grant.identity, result.organisations or [], result.warnings)

    def _auth(self, plugin: Connector, stored_app: StoredApp, request: dict[str, Any]) -> AuthResult:
        require_same_addresses(plugin, stored_app.settings, self.environ)
        return plugin.auth(request | {"app": stored_app.app.model_dump(mode="json"), "settings": stored_app.settings})


def _state_of_url(url: str) -> str | None:
    return next(iter(parse_qs(urlsplit(url).query).get("state", [])), None)
