"""Access of a tenant to its organisations: apps, grants, what they reach and what was chosen."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from secrets import token_urlsafe
from typing import Any, TypeVar

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.config import REFERENCE, BridgeConfig
from bizosaas_xero.adapters.brain_gateway.stores import Key, update_value
from bizosaas_xero.adapters.brain_gateway.tenant import TenantConnection, TenantGrant
from bizosaas_xero.host.connections.refresh import GrantRefresher
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.spec import (
    App,
    AuthResult,
    ConnectorError,
    Grant,
    Organisation,
    ReconnectRequired,
    parse,
)

T = TypeVar("T")

APP_FIELDS = ("client_id", "client_secret", "redirect_uri", "kind", "scopes")


MAX_WAIT_SECONDS = 20.0
"""Seconds that a request waits for another's renewal before it says so."""


class TenantAccess:
    """Keeps the apps and grants of one connector.

    Args:
        connector: Which.
        terms: The operator's.
    """

    def __init__(self, connector: Connector, config: BridgeConfig) -> None:
        self.connector = connector
        self.config = config

    # ------------------------------------------------------------ apps

    def app_from_form(self, credentials: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the app that was entered in the portal's form; ``None`` if none was."""
        given = {name: str(credentials[name]).strip() for name in APP_FIELDS if credentials.get(name)}
        return given if given.get("client_id") else None

    def app(self, tenant: str) -> dict[str, Any]:
        """Return the platform's app, or the one that this tenant entered.

        Raises:
            Misconfigured: if there is neither.
        """
        platform = self.config.apps.get(self.connector.name)
        if platform is not None:
            return dict(platform)
        kept = self.config.store.read(self.key("app", tenant))
        if kept is None:
            raise reasons.NO_APP()
        return kept.value

    def save_app(self, tenant: str, app: Mapping[str, Any]) -> None:
        """Keep the app that a tenant entered.

        Raises:
            Invalid: if it is none.
        """
        parse(App, app, "credentials")
        update_value(self.config.store, self.key("app", tenant), lambda _: dict(app))

    # ------------------------------------------------------------ what is held

    def find(self, tenant: str) -> TenantConnection | None:
        """Return the tenant's connection; ``None`` if there is none."""
        kept = self.config.store.read(self.key("grant", tenant))
        return TenantConnection(**kept.value) if kept else None

    def find_referenced(self, tenant: str, credentials: Mapping[str, Any]) -> TenantConnection | None:
        """Return the tenant's connection if the host still holds the reference to it.

        The host's route for disconnecting only deletes its credentials. From then on nothing may be read.
        """
        held = self.find(tenant)
        given = credentials.get(REFERENCE)
        if held is None or not isinstance(given, str):
            return None
        return held if hmac.compare_digest(given.encode(), held.reference.encode()) else None

    def create_pending(self, tenant: str) -> dict[str, str]:
        """Make a connection that waits for a consent, and return the credentials for the host.

        An earlier grant is deleted: filling in the form does not prove ownership of that grant.
        """
        empty: dict[str, Any] = {"grant": None, "organisations": [], "chosen": [], "lease": None}
        reference = token_urlsafe(24)
        update_value(self.config.store, self.key("grant", tenant), lambda _: empty | {"reference": reference})
        return {REFERENCE: reference}

    def save_grant(self, tenant: str, result: AuthResult) -> dict[str, str]:
        """Keep a new grant; it replaces the one before. Returns the credentials for the host.

        A further consent of the same person adds its organisation to what was chosen, at the end.
        """
        if result.grant is None:
            raise self.connector.failure(f"{result.step} gave no grant")
        grant = result.grant.model_dump(mode="json")
        offered = _to_json(result.organisations or [])

        def edit(value: dict[str, Any] | None) -> dict[str, Any]:
            before = value or {"reference": token_urlsafe(24), "grant": None}
            same = (before["grant"] or {}).get("identity") == grant["identity"]
            known = {each["id"]: each for each in (before["organisations"] if same else [])}
            chosen = list(before["chosen"]) if same else []
            new = [each["id"] for each in offered if each["id"] not in chosen]
            if len(offered) == 1:  # several are never chosen silently
                chosen += new
            known |= {each["id"]: each for each in offered}
            found = {"organisations": list(known.values()), "chosen": chosen}
            return before | found | {"grant": grant, "lease": None}

        kept = update_value(self.config.store, self.key("grant", tenant), edit)
        return {REFERENCE: str((kept or {})["reference"])}

    def choose(self, tenant: str, offered: list[Organisation], chosen: list[str] | None) -> None:
        """Keep what the grant reaches now and, unless ``None``, what of it the person chose."""

        def edit(value: dict[str, Any] | None) -> dict[str, Any] | None:
            if value is None:
                return None
            ids = [each.id for each in offered]
            wanted = [each for each in value["chosen"] if each in ids] if chosen is None else chosen
            return value | {"organisations": _to_json(offered), "chosen": wanted}

        update_value(self.config.store, self.key("grant", tenant), edit)

    # ------------------------------------------------------------ calls with a grant that lasts

    def auth(self, tenant: str, request: Mapping[str, Any], app: Mapping[str, Any] | None = None) -> AuthResult:
        """Do a step of ``auth`` with the tenant's app."""
        known = dict(app or self.app(tenant))
        scopes = known.pop("scopes", None)
        more = {"scopes": scopes} if scopes and request["step"] in {"authorize", "client_credentials"} else {}
        settings = self.config.get_settings(self.connector.name, tenant)
        return self.connector.auth({**request, **more, "app": known, "settings": settings})

    def auth_with_grant(self, tenant: str, request: Mapping[str, Any]) -> AuthResult:
        """Do a step of ``auth`` that needs the grant."""
        return self._with_valid_token(tenant, lambda grant: self.auth(tenant, {**request, "grant": grant}))

    def organisation(self, held: TenantConnection, wanted: object = None) -> str:
        """Return the organisation that is meant: the one named, or the first that was chosen.

        Raises:
            Invalid: if none was chosen, or the named one was not.
            ReconnectRequired: if consent was not given yet.
        """
        if held.grant is None:
            raise reasons.NO_GRANT(connector=self.connector.name)
        if not held.chosen:
            raise reasons.NO_ORGANISATION_CHOSEN.field("organisation_id")
        if wanted is None:
            return held.chosen[0]
        if wanted not in held.chosen:
            raise reasons.ORGANISATION_NOT_CHOSEN(organisation=str(wanted)[:64], names=", ".join(held.chosen))
        return str(wanted)

    def call_hook(self, tenant: str, organisation_id: str, work: Callable[[dict[str, Any]], T]) -> T:
        """Call a hook with a connection; once more, with a new token, if its token is refused.

        Args:
            tenant: Whose.
            organisation_id: Which of its books.
            work: Is given the ``connection``.

        Raises:
            ConnectorError: of the hook, or of the grant.
        """
        return self._with_valid_token(tenant, lambda grant: work(self._connection(tenant, organisation_id, grant)))

    def connection(self, tenant: str, organisation_id: str, refused: str | None) -> dict[str, Any]:
        """Return a ``connection`` whose token will last, for hooks that are called elsewhere.

        Args:
            tenant: Whose.
            organisation_id: Which of its books.
            refused: The access token that was refused although its time is not over.
        """
        return self._connection(tenant, organisation_id, self.get_valid(tenant, refused))

    def get_valid(self, tenant: str, refused: str | None = None) -> dict[str, Any]:
        """Return the tenant's grant in its JSON form, renewed if its end is near.

        Args:
            tenant: Whose.
            refused: The access token that was refused although its time is not over.

        Raises:
            ReconnectRequired: if the grant is gone.
            Unavailable: if another process renews, and does not finish.
            ConnectorError: any other of ``auth``.
        """

        def refresh(grant: Grant) -> Grant:
            fresh = self.auth(tenant, {"step": "refresh", "grant": grant.model_dump(mode="json")}).grant
            if fresh is None:
                raise self.connector.failure("refresh gave no grant")
            return fresh

        config = self.config
        slot = TenantGrant(config.store, self.key("grant", tenant))
        refresher = GrantRefresher(slot, refresh, reasons.REFRESH_RUNNING, MAX_WAIT_SECONDS, config.now, config.sleep)
        return refresher.get_valid(refused).grant.model_dump(mode="json")

    def _connection(self, tenant: str, organisation_id: str, grant: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": f"{self.connector.name}:{organisation_id}",
            "organisation_id": organisation_id,
            "access_token": grant["access_token"],
            "scopes": grant["scopes"],
            "settings": self.config.get_settings(self.connector.name, tenant),
        }

    def _with_valid_token(self, tenant: str, work: Callable[[dict[str, Any]], T]) -> T:
        refused: str | None = None
        while True:
            grant = self.get_valid(tenant, refused)
            try:
                return work(grant)
            except ConnectorError as error:
                if error.recovery != "refresh":
                    raise
                if refused is not None:
                    raise ReconnectRequired(
                        "Access was renewed, and is still refused.", correlation_id=error.correlation_id
                    ) from None
                refused = grant["access_token"]

    def key(self, kind: str, tenant: str) -> Key:
        """Return under what something of a tenant is kept."""
        return (kind, tenant, self.connector.name)


def _to_json(organisations: list[Organisation]) -> list[dict[str, Any]]:
    return [each.model_dump(mode="json") for each in organisations]
