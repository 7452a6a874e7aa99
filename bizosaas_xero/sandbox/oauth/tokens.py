"""Codes, tokens, grants and connections, and their lifetimes."""

import base64
import hashlib
import hmac
import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from bizosaas_xero.sandbox.core.clock import Clock, format_utc
from bizosaas_xero.sandbox.oauth import signing
from bizosaas_xero.sandbox.oauth.apps import App, User

CODE_SECONDS = 300
ID_SECONDS = 300
ACCESS_SECONDS = 1800
REFRESH_SECONDS = 60 * 86_400
GRACE_SECONDS = 1800

ISSUER = "https://identity.xero.com"


class TokenError(Exception):
    """A refusal of the token endpoint; `error` is the OAuth error code."""

    def __init__(self, error: str, description: str = "") -> None:
        self.error = error
        self.description = description
        super().__init__(error)


@dataclass
class Connection:
    """One tenant that a user connected to an app."""

    id: str
    tenant_id: str
    tenant_type: str
    tenant_name: str
    auth_event: str
    created: float
    updated: float

    def to_json(self) -> dict[str, str]:
        """Return the connection as in `/connections`: seven fraction digits, no zone."""
        return {
            "id": self.id,
            "authEventId": self.auth_event,
            "tenantId": self.tenant_id,
            "tenantType": self.tenant_type,
            "tenantName": self.tenant_name,
            "createdDateUtc": _format_seven_digits(self.created),
            "updatedDateUtc": _format_seven_digits(self.updated),
        }


def _format_seven_digits(seconds: float) -> str:
    return f"{format_utc(seconds, '%Y-%m-%dT%H:%M:%S.%f')}0"


@dataclass
class Grant:
    """The grant of one user to one app: scopes add up over consents; it holds the connections."""

    app: App
    user: User | None
    scopes: dict[str, None] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)

    def disconnect(self, tenant_id: str) -> bool:
        """Remove the connections to a tenant, and return whether there were any."""
        kept = {guid: each for guid, each in self.connections.items() if each.tenant_id != tenant_id}
        removed = len(kept) < len(self.connections)
        self.connections = kept
        return removed


@dataclass
class AccessToken:
    """An access token, valid or expired."""

    grant: Grant
    scopes: tuple[str, ...]
    auth_event: str
    expires: float


@dataclass
class RefreshToken:
    """A refresh token. `used` is when it was first exchanged; it works for 30 more minutes."""

    grant: Grant
    auth_event: str
    expires: float
    used: float | None = None


@dataclass
class AuthorizationCode:
    """An authorization code."""

    grant: Grant
    auth_event: str
    redirect_uri: str
    challenge: str
    expires: float
    openid: bool
    used: bool = False


class TokenStore:
    """The codes, tokens and grants of the identity side.

    Args:
        clock: Measures lifetimes; a wrong server clock does not change them.
        rng: Makes codes and tokens.
    """

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        rng.randbytes(32)  # a key was drawn here once: the ids of recorded cassettes come after it
        self._grants: dict[tuple[str, str], Grant] = {}
        self.access_tokens: dict[str, AccessToken] = {}
        self.refresh_tokens: dict[str, RefreshToken] = {}
        self.codes: dict[str, AuthorizationCode] = {}

    def new_guid(self) -> str:
        """Return a new id."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def grant(self, app: App, user: User | None) -> Grant:
        """Return the grant of a user to an app; created on first use."""
        key = (app.client_id, user.id if user else "")
        return self._grants.setdefault(key, Grant(app, user))

    def grants(self) -> list[Grant]:
        """Return every grant."""
        return list(self._grants.values())

    def connect(self, grant: Grant, tenant_id: str, kind: str, name: str, auth_event: str) -> None:
        """Connect a tenant, or renew its connection: its created and updated times then differ, as at Xero."""
        now = self._clock.now()
        for connection in grant.connections.values():
            if connection.tenant_id == tenant_id:
                connection.auth_event, connection.updated = auth_event, now
                return
        new_connection = Connection(self.new_guid(), tenant_id, kind, name, auth_event, now, now)
        grant.connections[new_connection.id] = new_connection

    def create_code(
        self, grant: Grant, scopes: Iterable[str], auth_event: str, redirect_uri: str, challenge: str
    ) -> str:
        """Record a consent and return its code (5 minutes, once). Scopes add to those given before."""
        requested = list(scopes)
        grant.scopes |= dict.fromkeys(requested)
        code = f"{self._rng.getrandbits(256):064x}"
        self.codes[code] = AuthorizationCode(
            grant, auth_event, redirect_uri, challenge, self._clock.now() + CODE_SECONDS, "openid" in requested
        )
        return code

    def redeem(self, code: str, app: App, redirect_uri: str, verifier: str) -> dict[str, object]:
        """Exchange a code.

        Raises:
            TokenError: `invalid_grant` (unknown, used, late, another app's, wrong verifier), or
                `unauthorized_client` (another redirect URI).
        """
        authorization = self.codes.get(code)
        if (
            authorization is None
            or authorization.used
            or authorization.expires <= self._clock.now()
            or authorization.grant.app is not app
        ):
            raise TokenError("invalid_grant")
        authorization.used = True
        if authorization.redirect_uri != redirect_uri:
            raise TokenError("unauthorized_client")
        if authorization.challenge:
            challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
            if not hmac.compare_digest(challenge, authorization.challenge):
                raise TokenError("invalid_grant")
        return self.issue(authorization.grant, authorization.auth_event, openid=authorization.openid)

    def refresh(self, token: str, app: App) -> dict[str, object]:
        """Rotate a refresh token; the previous one works for 30 more minutes (lost answers).

        Raises:
            TokenError: `invalid_grant`.
        """
        refresh_token, now = self.refresh_tokens.get(token), self._clock.now()
        if refresh_token is None or refresh_token.expires <= now or refresh_token.grant.app is not app:
            raise TokenError("invalid_grant")
        if refresh_token.used is not None and now - refresh_token.used >= GRACE_SECONDS:
            raise TokenError("invalid_grant")
        refresh_token.used = now if refresh_token.used is None else refresh_token.used
        return self.issue(refresh_token.grant, refresh_token.auth_event, openid="openid" in refresh_token.grant.scopes)

    def issue(
        self, grant: Grant, auth_event: str, *, openid: bool = False, scopes: tuple[str, ...] | None = None
    ) -> dict[str, object]:
        """Return the answer of the token endpoint with new tokens."""
        now = self._clock.now()
        granted = tuple(grant.scopes) if scopes is None else scopes
        subject = grant.user.id if grant.user else grant.app.client_id
        claims: dict[str, object] = {
            "nbf": int(now),
            "exp": int(now + ACCESS_SECONDS),
            "iss": ISSUER,
            "aud": f"{ISSUER}/resources",
            "client_id": grant.app.client_id,
            "sub": hashlib.md5(subject.encode(), usedforsecurity=False).hexdigest(),
            "auth_time": int(now),
            "xero_userid": grant.user.id if grant.user else None,
            "global_session_id": self.new_guid().replace("-", ""),
            "authentication_event_id": auth_event,
            "scope": list(granted),
            "jti": self.new_guid().replace("-", "").upper(),
        }
        token = signing.sign_jwt({name: value for name, value in claims.items() if value is not None})
        self.access_tokens[token] = AccessToken(grant, granted, auth_event, now + ACCESS_SECONDS)
        answer: dict[str, object] = {
            "access_token": token,
            "expires_in": ACCESS_SECONDS,
            "token_type": "Bearer",
            "scope": " ".join(granted),
        }
        if openid and grant.user:
            answer["id_token"] = signing.sign_jwt(
                {
                    "iss": ISSUER,
                    "aud": grant.app.client_id,
                    "nbf": int(now),
                    "exp": int(now + ID_SECONDS),
                    "iat": int(now),
                    "sub": claims["sub"],
                    "xero_userid": grant.user.id,
                    "name": grant.user.name,
                    "email": grant.user.email,
                }
            )
        if "offline_access" in granted:
            refresh = f"{self._rng.getrandbits(256):064x}"
            self.refresh_tokens[refresh] = RefreshToken(grant, auth_event, now + REFRESH_SECONDS)
            answer["refresh_token"] = refresh
        return answer

    def revoke(self, grant: Grant) -> None:
        """End a user's grant to an app: delete its refresh tokens and connections.

        Access tokens stay valid until they expire, without any connection.
        """
        grant.connections.clear()
        grant.scopes.clear()
        self.drop_refresh_tokens(grant)

    def drop_refresh_tokens(self, grant: Grant) -> None:
        """Delete the refresh tokens and codes of a grant."""
        self.refresh_tokens = {token: r for token, r in self.refresh_tokens.items() if r.grant is not grant}
        self.codes = {code: c for code, c in self.codes.items() if c.grant is not grant}

    def expire(self, token: str) -> bool:
        """Expire an access token now, and return whether it was valid."""
        access_token, now = self.access_tokens.get(token), self._clock.now()
        if access_token is None or access_token.expires <= now:
            return False
        access_token.expires = now
        return True
