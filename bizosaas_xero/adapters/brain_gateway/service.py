"""What the gateway's methods do for one connector, over the tenant's host. All of it blocks, and runs in threads."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.organisations import TenantOrganisations
from bizosaas_xero.host.connections.tenants import OpenTenant
from bizosaas_xero.spec import App, ConnectorError, parse
from bizosaas_xero.spec.errors import SUBJECT, Invalid

if TYPE_CHECKING:
    from bizosaas_xero.host import Offer, StoredConnection

Status = Literal["CONNECTED", "DISCONNECTED", "ERROR", "PENDING"]

REFERENCE = "connection"
"""The one key of the credentials that the gateway keeps: a mark that a connection is there, worth nothing by itself."""

STATUS_CACHE_TIME = timedelta(minutes=5)
"""How long a good status is believed: the portal asks for each connector's whenever its page is opened."""

PASSING = frozenset({"wait", "retry"})
"""Recoveries after which the same call may work later."""


class ConnectorService(TenantOrganisations):
    """Connects, and says how a connection is."""

    def validate(self, tenant_id: str, credentials: MutableMapping[str, Any]) -> bool:
        """Check what was entered in the form, or whether the connection still works. Nothing live changes.

        What was entered waits until its own consent is finished, and is replaced in ``credentials`` by a mark at once:
        the gateway keeps this very mapping, and its database keeps it in clear.

        Raises:
            ConnectorError: What was entered is wrong, or cannot be checked at the moment.
        """
        if REFERENCE in credentials and "client_id" not in credentials:
            tenant = self.find_tenant(tenant_id)
            connection = tenant and self.connection(tenant)
            return bool(tenant and connection and self._is_working(tenant, connection))
        app, scopes = self._app_from_form(credentials)
        tenant = self.open_tenant(tenant_id)
        if not self._is_live(tenant, app):
            self._check(tenant, app)
            tenant.state.put(self._key("waiting"), {"app": app.model_dump(mode="json"), "scopes": scopes})
        credentials.clear()
        credentials[REFERENCE] = token_urlsafe(24)
        return True

    def connect(self, tenant_id: str, credentials: MutableMapping[str, Any]) -> Status:
        """Do what the gateway's form asks for: check, and connect where that takes no consent."""
        self.validate(tenant_id, credentials)
        tenant = self.open_tenant(tenant_id)
        waiting = self._waiting(tenant)
        if waiting and waiting[0].kind == "custom":
            self._accept(tenant, tenant.host.connections.connect_custom_app(self.name, waiting[0]))
        return self.status(tenant_id)

    def begin(self, tenant_id: str, redirect_uri: str | None = None, state: str = "") -> str:
        """Return the address at the provider to which the person's browser is sent.

        Args:
            tenant_id: Whose.
            redirect_uri: Where the person comes back to, as registered at the provider; by default the gateway's route.
            state: The gateway's own, which becomes the beginning of what comes back.

        Raises:
            Invalid: The redirect address is not the one that was entered.
            Misconfigured: No app is known.
            ConnectorError: as ``auth`` does.
        """
        tenant = self.open_tenant(tenant_id)
        app, scopes = self._waiting(tenant) or self._live_app(tenant) or (self._platform_app(), None)
        if app is None:
            raise reasons.NO_APP()
        default = self.config.redirect_uri(self.name)
        if redirect_uri and app.redirect_uri not in {redirect_uri, default}:
            raise reasons.FOREIGN_REDIRECT_URI.field("redirect_uri", redirect_uri=app.redirect_uri)
        app = app.model_copy(update={"redirect_uri": redirect_uri or app.redirect_uri})
        url = tenant.host.connections.begin_consent(self.name, app, scopes)
        if not state:
            return url
        query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
        query["state"] = f"{state}:{query['state']}"
        return urlsplit(url)._replace(query=urlencode(query)).geturl()

    def finish(self, tenant_id: str, code: str, redirect_uri: str, state: str | None) -> dict[str, str]:
        """Exchange the code. Returns what the gateway keeps: a mark, and no token.

        Raises:
            Misconfigured: The gateway did not hand the state over.
            Invalid: No such consent was begun for this tenant, or it was used or is too old.
            ConnectorError: as ``auth`` does.
        """
        if not state:
            raise reasons.STATE_NOT_PASSED()
        tenant = self.open_tenant(tenant_id)
        joint = "&" if urlsplit(redirect_uri).query else "?"
        query = urlencode({"code": code, "state": state.rpartition(":")[2]})
        self._accept(tenant, tenant.host.connections.finish_consent(f"{redirect_uri}{joint}{query}"))
        return {REFERENCE: token_urlsafe(24)}

    def _accept(self, tenant: OpenTenant, offer: Offer) -> None:
        """Connect the one organisation of a consent; of several a person chooses."""
        tenant.state.take(self._key("waiting"))
        tenant.state.take(self._key("status"))
        if len(offer.organisations) == 1:
            tenant.host.connections.choose(offer)
        else:
            tenant.state.put(self._key("offer"), {"identity": offer.identity})

    def _app_from_form(self, credentials: Mapping[str, Any]) -> tuple[App, str | None]:
        given = {name: str(value).strip() for name, value in credentials.items() if value not in {None, ""}}
        if not given.get("client_id"):
            platform = self._platform_app()
            if platform is not None:
                return platform, None
            raise Invalid.field(
                "credentials.client_id", "is missing", "Enter the client id of your app.", summary=SUBJECT
            )
        kinds = self.kinds
        kind = given.get("kind") or kinds[0]
        if kind not in kinds:
            raise Invalid.field("credentials.kind", f"must be one of: {', '.join(kinds)}", summary=SUBJECT)
        values = {
            "client_id": given["client_id"],
            "client_secret": given.get("client_secret"),
            "redirect_uri": given.get("redirect_uri") or self.config.redirect_uri(self.name),
            "kind": kind,
        }
        return parse(App, values, "credentials"), given.get("scopes")

    @property
    def kinds(self) -> list[str]:
        """The kinds of app that a form can enter."""
        info = self.connector.describe()
        found = [kind for kind in (info.auth.kinds if info else ()) if kind in {"web", "pkce", "custom"}]
        return found or ["web"]

    def _platform_app(self) -> App | None:
        given = self.config.apps.get(self.name)
        if given is None:
            return None
        values = {"redirect_uri": self.config.redirect_uri(self.name), "kind": self.kinds[0], **given}
        return parse(App, {name: value for name, value in values.items() if name in App.model_fields}, "apps")

    def _check(self, tenant: OpenTenant, app: App) -> None:
        if app.kind == "web" and app.client_secret is None:
            raise Invalid.field("credentials.client_secret", "is missing", "Enter your app's secret.", summary=SUBJECT)
        checked = tenant.host.connections.check_app(self.name, app)
        if checked.status == "misconfigured":
            raise reasons.APP_REFUSED(str((checked.problem or {}).get("message", "The provider refuses this app.")))

    def _waiting(self, tenant: OpenTenant) -> tuple[App, str | None] | None:
        kept = tenant.state.get(self._key("waiting"))
        return (parse(App, kept["app"], "app"), kept["scopes"]) if kept else None

    def _live_app(self, tenant: OpenTenant) -> tuple[App, str | None] | None:
        connection = self.connection(tenant)
        return (tenant.host.connections.stored_app(connection).app, None) if connection else None

    def _is_live(self, tenant: OpenTenant, app: App) -> bool:
        """Return whether an app is the one of the working connection, with the same secret."""
        live = self._live_app(tenant)
        same = ("client_id", "kind")
        return bool(
            live
            and all(getattr(live[0], name) == getattr(app, name) for name in same)
            and _secret(live[0]) == _secret(app)
        )

    def status(self, tenant_id: str) -> Status:
        """Say how the connection is: connected only after consent and choice. Good is believed for five minutes."""
        tenant = self.find_tenant(tenant_id)
        if tenant is None:
            return "DISCONNECTED"
        connection = self.connection(tenant)
        if connection is None:
            begun = any(tenant.state.get(self._key(kind)) for kind in ("waiting", "offer"))
            return "PENDING" if begun else "DISCONNECTED"
        try:
            grant = tenant.host.store.grant(self.name, connection.identity)
            good = {"of": connection.id, "version": grant.version}
            known, now = tenant.state.get(self._key("status")), self.config.now()
            if known and known["good"] == good and datetime.fromisoformat(known["until"]) > now:
                return "CONNECTED"
            if not self._is_working(tenant, connection):
                return "ERROR"
        except ConnectorError:
            return "ERROR"  # the gateway has no status for: cannot be determined now
        good["version"] = tenant.host.store.grant(self.name, connection.identity).version
        tenant.state.put(self._key("status"), {"good": good, "until": (now + STATUS_CACHE_TIME).isoformat()})
        return "CONNECTED"

    def _is_working(self, tenant: OpenTenant, connection: StoredConnection) -> bool:
        """Ask the provider.

        Raises:
            ConnectorError: The check failed for a passing reason.
        """

        def check(given: dict[str, Any]) -> bool:
            result = tenant.host.report.connector(self.name).auth({"step": "check", "connection": given})
            if result.status == "expired":
                raise reasons.TOKEN_REFUSED()
            return result.status in {None, "ok", "missing_scope"}  # some features may be left out on purpose

        try:
            return self.call(tenant, connection, check)
        except ConnectorError as error:
            if error.recovery in PASSING:
                raise
            return False


def _secret(app: App) -> str | None:
    return app.client_secret.get_secret_value() if app.client_secret else None
