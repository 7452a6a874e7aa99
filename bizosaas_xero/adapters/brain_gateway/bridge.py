"""What the gateway's methods do, without its classes: everything here blocks, and runs in threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime, timedelta
from threading import Event
from typing import Any, Literal

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.actions import CONTROL_KEYS, GatewayActions
from bizosaas_xero.adapters.brain_gateway.config import REFERENCE, BridgeConfig, require_tenant
from bizosaas_xero.adapters.brain_gateway.consent import ConsentFlow
from bizosaas_xero.adapters.brain_gateway.grants import TenantAccess
from bizosaas_xero.adapters.brain_gateway.stores import delete_value, update_value
from bizosaas_xero.adapters.brain_gateway.sync import PageReader
from bizosaas_xero.adapters.brain_gateway.tenant import TenantConnection
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.spec import (
    AuthExpired,
    ConnectorError,
    Organisation,
    ReconnectRequired,
    parse,
)
from bizosaas_xero.spec.errors import SUBJECT, Invalid

Status = Literal["CONNECTED", "DISCONNECTED", "ERROR", "PENDING"]

STATUS_CACHE_TIME = timedelta(minutes=5)
"""How long a good status is believed: the portal asks for each connector's whenever its page is opened."""

NOT_CONNECTED_RECOVERIES = frozenset({"refresh", "reconnect", "fix", "none"})
"""Recoveries that say that a connection does not work; after any other recovery the state is unknown."""


class Bridge:
    """One connector, seen from the gateway. It holds nothing of any tenant.

    Args:
        connector: Which.
        terms: The operator's.
    """

    def __init__(self, connector: Connector, config: BridgeConfig) -> None:
        self.connector = connector
        self.config = config
        self._access = TenantAccess(connector, config)
        self._consent = ConsentFlow(self._access)
        self._pages = PageReader(self._access)
        self._actions = GatewayActions(self._access)
        self.reserved: dict[str, Callable[[str, TenantConnection, Mapping[str, Any]], dict[str, Any]]] = {
            "list_actions": lambda tenant, held, _: self._actions.list_actions(tenant, held),
            "list_organisations": self._organisations,
            "choose_organisation": self._choose,
            "disconnect": self._disconnect,
        }

    def find_name_conflicts(self) -> str:
        """Say what of the connector cannot be reached through the gateway; empty: nothing."""
        actions = self._actions.actions()
        names = sorted(set(actions) & set(self.reserved))
        fields = sorted(
            {f"{name}.{key}" for name, each in actions.items() for key in each.params.get("properties", {})}
            & {f"{name}.{key}" for name in actions for key in CONTROL_KEYS}
        )
        return ", ".join(names + fields)

    # ------------------------------------------------------------ connecting

    def validate(self, tenant_id: str, credentials: MutableMapping[str, Any]) -> bool:
        """Check what was entered in the form, or whether the connection still works.

        What was entered is kept in our store, and replaced in ``credentials`` by a reference: the host keeps
        this very mapping, and its database keeps it in clear.

        Raises:
            ConnectorError: if what was entered is wrong (it names the field), or the check failed for a passing reason.
        """
        tenant = require_tenant(tenant_id)
        if REFERENCE in credentials:
            held = self._access.find_referenced(tenant, credentials)
            return held is not None and held.grant is not None and self._is_working(tenant, held)
        app = self._access.app_from_form(credentials)
        if self.connector.name in self.config.apps:
            app = self._access.app(tenant)
        if app is None:
            raise Invalid.field(
                "credentials.client_id", "is missing", "Enter the client id of your app.", summary=SUBJECT
            )
        if app.get("kind") == "custom":
            given = self._access.save_grant(tenant, self._access.auth(tenant, {"step": "client_credentials"}, app))
        else:
            self._access.auth(tenant, {"step": "authorize"}, app)  # tells what is wrong with an app
            given = self._access.create_pending(tenant)
        if self.connector.name not in self.config.apps:
            self._access.save_app(tenant, app)
        credentials.clear()
        credentials.update(given)
        return True

    def begin(self, tenant_id: str, redirect_uri: str, state: str) -> str:
        """Return the address to open (see :meth:`.consent.Consent.begin`)."""
        return self._consent.begin(require_tenant(tenant_id), redirect_uri, state)

    def finish(self, tenant_id: str, code: str, redirect_uri: str, state: str | None) -> dict[str, str]:
        """Finish a consent (see :meth:`.consent.Consent.finish`)."""
        tenant = require_tenant(tenant_id)
        given = self._consent.finish(tenant, code, redirect_uri, state)
        delete_value(self.config.store, self._access.key("status", tenant))
        return given

    def renew(self, tenant_id: str, credentials: Mapping[str, Any]) -> dict[str, str]:
        """Renew the grant if its end is near, and return the reference: tokens stay where they are."""
        held = self._require_connection(require_tenant(tenant_id), credentials)
        self._access.auth_with_grant(tenant_id, {"step": "organisations"})
        return {REFERENCE: held.reference}

    def status(self, tenant_id: str, credentials: Mapping[str, Any]) -> Status:
        """Say how the connection is. A good answer is believed for five minutes."""
        tenant = require_tenant(tenant_id)
        held = self._access.find_referenced(tenant, credentials)
        if held is None:
            return "DISCONNECTED"
        if held.grant is None or not held.chosen:
            return "PENDING"
        key, now = self._access.key("status", tenant), self.config.now()
        good = {"of": held.reference, "chosen": held.chosen}
        known = self.config.store.read(key)
        if known and known.value["good"] == good and datetime.fromisoformat(known.value["until"]) > now:
            return "CONNECTED"
        try:
            works = self._is_working(tenant, held)
        except ConnectorError:
            return "ERROR"  # the gateway has no status for: cannot be determined now
        if works:
            until = (now + STATUS_CACHE_TIME).isoformat()
            update_value(self.config.store, key, lambda _: {"good": good, "until": until})
        return "CONNECTED" if works else "ERROR"

    # ------------------------------------------------------------ work

    def page(
        self,
        tenant_id: str,
        credentials: Mapping[str, Any],
        resource: str,
        params: Mapping[str, Any] | None,
        stopped: Event,
    ) -> dict[str, Any]:
        """Read one page (see :meth:`.reading.Reading.page`)."""
        tenant = require_tenant(tenant_id)
        return self._pages.page(tenant, self._require_connection(tenant, credentials), resource, params, stopped)

    def run_action(
        self,
        tenant_id: str,
        credentials: MutableMapping[str, Any],
        name: str,
        payload: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        """Run an action of the connector, or one of the bridge's own."""
        tenant = require_tenant(tenant_id)
        held = self._require_connection(tenant, credentials)
        own = self.reserved.get(name)
        if own is None:
            return self._actions.run(tenant, held, name, payload or {})
        result = own(tenant, held, payload or {})
        if self._access.find_referenced(tenant, credentials) is None:
            credentials.clear()  # the host writes them back after a success
        return {"status": "success", "action": name, **result}

    def connection(
        self,
        tenant_id: str,
        credentials: Mapping[str, Any],
        organisation_id: str | None,
        refused: str | None,
    ) -> dict[str, Any]:
        """Return a ``connection`` with a token that will last, for a worker that calls the hooks itself."""
        tenant = require_tenant(tenant_id)
        organisation = self._access.organisation(self._require_connection(tenant, credentials), organisation_id)
        return self._access.connection(tenant, organisation, refused)

    def _organisations(self, tenant: str, held: TenantConnection, _payload: Mapping[str, Any]) -> dict[str, Any]:
        self._require_grant(held)
        offered = self._list_reachable(tenant)
        self._access.choose(tenant, offered, None)
        return self._organisations_payload(tenant)

    def _choose(self, tenant: str, held: TenantConnection, payload: Mapping[str, Any]) -> dict[str, Any]:
        self._require_grant(held)
        wanted = payload.get("organisation_ids", payload.get("organisation_id"))
        ids = [wanted] if isinstance(wanted, str) else wanted
        if not isinstance(ids, list) or not ids or not all(isinstance(each, str) for each in ids):
            raise Invalid.field(
                "payload.organisation_id",
                "must be the id of an organisation (or organisation_ids a list of them)",
                "Run list_organisations.",
                summary=SUBJECT,
            )
        offered = self._list_reachable(tenant)
        foreign = sorted(set(ids) - {each.id for each in offered})
        if foreign:
            raise reasons.ORGANISATION_NOT_OFFERED(organisation=foreign[0][:64])
        self._access.choose(tenant, offered, list(dict.fromkeys(ids)))
        return self._organisations_payload(tenant)

    def _disconnect(self, tenant: str, held: TenantConnection, payload: Mapping[str, Any]) -> dict[str, Any]:
        """End access at the vendor, then forget it: to the named organisation, or to all chosen.

        With ``revoke`` to everything that this person granted the app.
        """
        named = payload.get("organisation_id")
        gone = [self._access.organisation(held, named)] if named is not None else held.chosen
        revoke = payload.get("revoke") is True
        if held.grant is not None:
            for organisation in gone[:1] if revoke else gone:
                self._disconnect_organisation(tenant, organisation, revoke=revoke)
        left = [] if revoke or named is None else [each for each in held.chosen if each != named]
        self._pages.delete_cursors(tenant, gone)
        delete_value(self.config.store, self._access.key("status", tenant))
        if left:
            kept = [parse(Organisation, each, "organisation") for each in held.organisations]
            self._access.choose(tenant, [each for each in kept if each.id not in gone], left)
        else:
            for kind in ("grant", "app", "consent"):
                delete_value(self.config.store, self._access.key(kind, tenant))
        return {"disconnected": gone, "left": left}

    def _disconnect_organisation(self, tenant: str, organisation_id: str, *, revoke: bool) -> None:
        request = {"step": "disconnect", "organisation_id": organisation_id, "revoke": revoke}
        try:
            self._access.auth_with_grant(tenant, request)
        except ConnectorError as error:
            if error.recovery != "reconnect":
                raise
            # Access is gone already: what the person wants is true.

    # ------------------------------------------------------------ shared

    def _is_working(self, tenant: str, held: TenantConnection) -> bool:
        """Ask the vendor for each chosen organisation.

        Raises:
            ConnectorError: if the check failed for a passing reason.
        """
        try:
            for organisation in held.chosen:
                self._access.call_hook(tenant, organisation, self._check)
        except ConnectorError as error:
            if error.recovery in NOT_CONNECTED_RECOVERIES:
                return False
            raise
        return True

    def _check(self, connection: dict[str, Any]) -> None:
        result = self.connector.auth({"step": "check", "connection": connection})
        if result.status == "expired":
            raise AuthExpired("The access token is refused.")
        if result.status not in {"ok", "missing_scope"}:  # some features may be left out on purpose
            raise ReconnectRequired(str((result.problem or {}).get("message", result.status)))

    def _list_reachable(self, tenant: str) -> list[Organisation]:
        return self._access.auth_with_grant(tenant, {"step": "organisations"}).organisations or []

    def _organisations_payload(self, tenant: str) -> dict[str, Any]:
        held = self._access.find(tenant)
        chosen = held.chosen if held else []
        found = held.organisations if held else []
        return {
            "organisations": [each | {"chosen": each["id"] in chosen} for each in found],
            "chosen": chosen,
        }

    def _require_connection(self, tenant: str, credentials: Mapping[str, Any]) -> TenantConnection:
        held = self._access.find_referenced(tenant, credentials)
        if held is None:
            raise reasons.NOT_CONNECTED(connector=self.connector.name)
        return held

    def _require_grant(self, held: TenantConnection) -> None:
        if held.grant is None:
            raise reasons.NO_GRANT("Access was not given yet.", remedy=ReconnectRequired.default_remedy)
