"""Codes, tokens, consents and connections, and how long each of them lives."""

import base64
import hashlib
import hmac
import json
import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from bizosaas_xero.sandbox.core.clock import Clock, text
from bizosaas_xero.sandbox.oauth.apps import App, User

CODE_SECONDS = 300
ID_SECONDS = 300
ACCESS_SECONDS = 1800
REFRESH_SECONDS = 60 * 86_400
GRACE_SECONDS = 1800

ISSUER = "https://identity.xero.com"


class TokenError(Exception):
    """A refusal of the token endpoint; `error` is OAuth's word for it."""

    def __init__(self, error: str, description: str = "") -> None:
        self.error = error
        self.description = description
        super().__init__(error)


@dataclass
class Connection:
    """One tenant that a person connected to an app."""

    id: str
    tenant_id: str
    tenant_type: str
    tenant_name: str
    auth_event: str
    created: float
    updated: float

    def wire(self) -> dict[str, str]:
        """Return it as `/connections` does: seven digits of fractions, no zone."""
        return {
            "id": self.id,
            "authEventId": self.auth_event,
            "tenantId": self.tenant_id,
            "tenantType": self.tenant_type,
            "tenantName": self.tenant_name,
            "createdDateUtc": _seven(self.created),
            "updatedDateUtc": _seven(self.updated),
        }


def _seven(seconds: float) -> str:
    return f"{text(seconds, '%Y-%m-%dT%H:%M:%S.%f')}0"


@dataclass
class Family:
    """What one person and one app share: scopes add up over consents, connections belong to both."""

    app: App
    user: User | None
    scopes: dict[str, None] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)


@dataclass
class Access:
    """A live or dead access token."""

    family: Family
    scopes: tuple[str, ...]
    auth_event: str
    expires: float


@dataclass
class Refresh:
    """A refresh token. `used` is when it was first exchanged: it may be again for 30 minutes."""

    family: Family
    auth_event: str
    expires: float
    used: float | None = None


@dataclass
class Code:
    """An authorization code."""

    family: Family
    auth_event: str
    redirect_uri: str
    challenge: str
    expires: float
    openid: bool
    used: bool = False


class Tokens:
    """Everything the identity side remembers.

    Args:
        clock: Measures lifetimes; a wrong server clock does not change them.
        rng: Makes codes and tokens.
    """

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._key = rng.randbytes(32)
        self._families: dict[tuple[str, str], Family] = {}
        self.access: dict[str, Access] = {}
        self.refreshes: dict[str, Refresh] = {}
        self.codes: dict[str, Code] = {}

    def guid(self) -> str:
        """Return a new id."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def family(self, app: App, user: User | None) -> Family:
        """Return what a person and an app share."""
        key = (app.client_id, user.id if user else "")
        return self._families.setdefault(key, Family(app, user))

    def families(self) -> list[Family]:
        """Return every person-and-app pair that ever consented."""
        return list(self._families.values())

    def connect(self, family: Family, tenant_id: str, kind: str, name: str, auth_event: str) -> None:
        """Connect a tenant, or renew its connection: created and updated then differ, as at Xero."""
        now = self._clock.now()
        for connection in family.connections.values():
            if connection.tenant_id == tenant_id:
                connection.auth_event, connection.updated = auth_event, now
                return
        made = Connection(self.guid(), tenant_id, kind, name, auth_event, now, now)
        family.connections[made.id] = made

    def code(self, family: Family, scopes: Iterable[str], auth_event: str, redirect_uri: str, challenge: str) -> str:
        """Record a consent and return its code (5 minutes, once). Scopes add to those given before."""
        asked = list(scopes)
        family.scopes |= dict.fromkeys(asked)
        text_ = f"{self._rng.getrandbits(256):064x}"
        self.codes[text_] = Code(
            family, auth_event, redirect_uri, challenge, self._clock.now() + CODE_SECONDS, "openid" in asked
        )
        return text_

    def redeem(self, code: str, app: App, redirect_uri: str, verifier: str) -> dict[str, object]:
        """Exchange a code.

        Raises:
            TokenError: `invalid_grant` (unknown, used, late, another app's, wrong verifier), or
                `unauthorized_client` (another redirect URI).
        """
        found = self.codes.get(code)
        if found is None or found.used or found.expires <= self._clock.now() or found.family.app is not app:
            raise TokenError("invalid_grant")
        found.used = True
        if found.redirect_uri != redirect_uri:
            raise TokenError("unauthorized_client")
        if found.challenge:
            made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
            if not hmac.compare_digest(made, found.challenge):
                raise TokenError("invalid_grant")
        return self.issue(found.family, found.auth_event, openid=found.openid)

    def refresh(self, token: str, app: App) -> dict[str, object]:
        """Rotate a refresh token; the one before may be used again for 30 minutes (lost answers).

        Raises:
            TokenError: `invalid_grant`.
        """
        found, now = self.refreshes.get(token), self._clock.now()
        if found is None or found.expires <= now or found.family.app is not app:
            raise TokenError("invalid_grant")
        if found.used is not None and now - found.used >= GRACE_SECONDS:
            raise TokenError("invalid_grant")
        found.used = now if found.used is None else found.used
        return self.issue(found.family, found.auth_event, openid="openid" in found.family.scopes)

    def issue(
        self, family: Family, auth_event: str, *, openid: bool = False, scopes: tuple[str, ...] | None = None
    ) -> dict[str, object]:
        """Return the answer of the token endpoint with new tokens."""
        now = self._clock.now()
        granted = tuple(family.scopes) if scopes is None else scopes
        subject = family.user.id if family.user else family.app.client_id
        claims: dict[str, object] = {
            "nbf": int(now),
            "exp": int(now + ACCESS_SECONDS),
            "iss": ISSUER,
            "aud": f"{ISSUER}/resources",
            "client_id": family.app.client_id,
            "sub": hashlib.md5(subject.encode(), usedforsecurity=False).hexdigest(),
            "auth_time": int(now),
            "xero_userid": family.user.id if family.user else None,
            "global_session_id": self.guid().replace("-", ""),
            "authentication_event_id": auth_event,
            "scope": list(granted),
            "jti": self.guid().replace("-", "").upper(),
        }
        token = self._jwt({name: value for name, value in claims.items() if value is not None})
        self.access[token] = Access(family, granted, auth_event, now + ACCESS_SECONDS)
        answer: dict[str, object] = {
            "access_token": token,
            "expires_in": ACCESS_SECONDS,
            "token_type": "Bearer",
            "scope": " ".join(granted),
        }
        if openid and family.user:
            answer["id_token"] = self._jwt(
                {
                    "iss": ISSUER,
                    "aud": family.app.client_id,
                    "nbf": int(now),
                    "exp": int(now + ID_SECONDS),
                    "iat": int(now),
                    "sub": claims["sub"],
                    "xero_userid": family.user.id,
                    "name": family.user.name,
                    "email": family.user.email,
                }
            )
        if "offline_access" in granted:
            refresh = f"{self._rng.getrandbits(256):064x}"
            self.refreshes[refresh] = Refresh(family, auth_event, now + REFRESH_SECONDS)
            answer["refresh_token"] = refresh
        return answer

    def revoke(self, family: Family) -> None:
        """End a person's use of an app: refresh tokens die, all connections go.

        Access tokens live on until they expire, and reach nothing.
        """
        family.connections.clear()
        family.scopes.clear()
        self.kill_refresh(family)

    def kill_refresh(self, family: Family) -> None:
        """Make every refresh token of a family invalid."""
        self.refreshes = {token: r for token, r in self.refreshes.items() if r.family is not family}
        self.codes = {code: c for code, c in self.codes.items() if c.family is not family}

    def expire(self, token: str) -> None:
        """Make an access token die now."""
        found = self.access.get(token)
        if found is not None:
            found.expires = min(found.expires, self._clock.now())

    def _jwt(self, claims: dict[str, object]) -> str:
        def part(raw: bytes) -> str:
            return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

        head = part(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "sandbox"}).encode())
        signed = f"{head}.{part(json.dumps(claims).encode())}"
        return f"{signed}.{part(hmac.digest(self._key, signed.encode(), 'sha256'))}"
