"""Signing a person in: the address to open, and what came back.

The host's ``state`` is known to everybody (tenant and connector), so a nonce of the connector's own is
appended to it. It is kept with the tenant, is good once, and must come back: a host that does not hand it
over is refused, because an attacker could then tie a foreign login to a tenant.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.grants import TenantAccess
from bizosaas_xero.adapters.brain_gateway.stores import Key, update_value
from bizosaas_xero.spec.errors import SUBJECT, Invalid

CONSENT_LIFETIME = timedelta(minutes=30)
"""How long a person may take."""

MAX_PENDING_CONSENTS = 8
"""Consents of one tenant and connector that may be under way; the oldest goes first."""


class ConsentFlow:
    """Begins and finishes consents of one connector.

    Args:
        access: Where the grant goes.
    """

    def __init__(self, access: TenantAccess) -> None:
        self._access = access
        self._config = access.config

    def begin(self, tenant: str, redirect_uri: str, state: str) -> str:
        """Return the address to which the person's browser is sent.

        Args:
            tenant: Whose.
            redirect_uri: Where the person comes back to; must be registered at the vendor to the letter.
            state: The host's own; it stays the beginning of what comes back.

        Raises:
            Invalid: if the redirect address is not the app's.
            ConnectorError: of ``auth``.
        """
        app = self._access.app(tenant)
        if app.get("redirect_uri", redirect_uri) != redirect_uri:
            raise reasons.FOREIGN_REDIRECT_URI.field("redirect_uri", redirect_uri=app["redirect_uri"])
        result = self._access.auth(tenant, {"step": "authorize"}, app | {"redirect_uri": redirect_uri})
        query = dict(parse_qsl(urlsplit(result.url or "").query, keep_blank_values=True))
        if not result.url or not query.get("state") or result.pending is None:
            raise self._access.connector.failure("authorize gave no address with a state, or nothing to keep")
        nonce, pending, now = query["state"], result.pending.get_secret_value(), self._config.now()
        kept = {
            "pending": pending,
            "redirect_uri": redirect_uri,
            "expires_at": (now + CONSENT_LIFETIME).isoformat(),
        }

        def edit(value: dict[str, Any] | None) -> dict[str, Any]:
            waiting = {name: each for name, each in (value or {}).items() if _parse_time(each["expires_at"]) > now}
            newest = sorted(waiting.items(), key=lambda item: str(item[1]["expires_at"]))[1 - MAX_PENDING_CONSENTS :]
            return {**dict(newest), _hash(nonce): kept}

        update_value(self._config.store, self._key(tenant), edit)
        told = query | {"state": f"{state}:{nonce}"}
        return urlsplit(result.url)._replace(query=urlencode(told)).geturl()

    def finish(self, tenant: str, code: str, redirect_uri: str, state: str | None) -> dict[str, str]:
        """Exchange the code, and return the credentials that the host keeps: a reference, and no token.

        Raises:
            Misconfigured: if the host does not hand the state over.
            Invalid: if no such consent was begun for this tenant, or it was used or is too old.
            ConnectorError: of ``auth``.
        """
        if not state:
            raise reasons.STATE_NOT_PASSED()
        nonce = state.rpartition(":")[2]
        pending = self._take(tenant, nonce, redirect_uri)
        query = urlencode({"code": code, "state": nonce})
        joint = "&" if urlsplit(redirect_uri).query else "?"
        request = {
            "step": "callback",
            "pending": pending,
            "callback_url": f"{redirect_uri}{joint}{query}",
        }
        app = self._access.app(tenant) | {"redirect_uri": redirect_uri}
        return self._access.save_grant(tenant, self._access.auth(tenant, request, app))

    def _take(self, tenant: str, nonce: str, redirect_uri: str) -> str:
        """Return the secret of a consent and forget it; of two who ask at once, one gets it."""
        found: dict[str, Any] = {}

        def take(value: dict[str, Any] | None) -> dict[str, Any]:
            rest = dict(value or {})
            found.clear()
            found.update(rest.pop(_hash(nonce), {}))
            if not found or _parse_time(found["expires_at"]) <= self._config.now():
                raise _unknown_state_error()
            return rest

        update_value(self._config.store, self._key(tenant), take)
        if found["redirect_uri"] != redirect_uri:
            raise Invalid.field("redirect_uri", "is not the one with which this sign-in was begun", summary=SUBJECT)
        return str(found["pending"])

    def _key(self, tenant: str) -> Key:
        return ("consent", tenant, self._access.connector.name)


def _unknown_state_error() -> Invalid:
    return reasons.UNKNOWN_STATE.field("state")


def _hash(nonce: str) -> str:
    return hashlib.sha256(nonce.encode()).hexdigest()


def _parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text)
