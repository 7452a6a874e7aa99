"""Sessions of browsers: one encrypted cookie each, so that any process that has the host's key can read it.

Who is signed in is kept in the store as well: a session that ended has ended in every process.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any

from bizosaas_xero.host import Host
from bizosaas_xero.spec import ConnectorError
from bizosaas_xero.web.settings import Identity, WebSettings
from bizosaas_xero.web.signed_in import SignedIn

SIGN_IN_LIFETIME = timedelta(minutes=15)
"""How long a person may take to sign in at the issuer."""

CONFIRMATION_LIFETIME = timedelta(minutes=10)
"""How long a sign-in confirms what its person asked to confirm before it."""

MAX_CONSENTS = 5
"""Consents under way in one browser; a further one replaces the oldest."""

MAX_SIGN_INS = 3
"""Sign-ins under way in one browser; a further one replaces the oldest."""

_PURPOSE = "web session"


@dataclass
class Session:
    """What the cookie of one browser holds.

    Args:
        id: Names the session.
        user: Who is signed in; ``None``: no one is.
        role: Theirs.
        csrf: Every form repeats it.
        until: End, in seconds since 1970.
        consents: Hashes of the states of consents that this browser began.
        offer: Connector and identity of a consent whose organisation is not chosen yet.
        notice: Shown once on the next page: kind and text.
        signed_in_at: When the person last signed in, in seconds since 1970.
        confirming: What they saw and want to confirm by signing in again: its path, and when they said so.
        sign_ins: Sign-ins that this browser began at the issuer.
    """

    id: str
    user: str | None
    role: str | None
    csrf: str
    until: float
    consents: list[str] = field(default_factory=list)
    offer: list[str] | None = None
    notice: list[str] | None = None
    signed_in_at: float = 0.0
    confirming: list[Any] | None = None
    sign_ins: list[dict[str, Any]] = field(default_factory=list)

    @property
    def identity(self) -> Identity | None:
        """The signed-in person."""
        if not self.user or not self.role:
            return None
        moment = datetime.fromtimestamp(self.signed_in_at, UTC) if self.signed_in_at else None
        return Identity(self.user, self.role, moment)  # type: ignore[arg-type]

    def begin_sign_in(self, state: str, **kept: Any) -> None:
        """Remember a sign-in that this browser began, with what is needed at its end."""
        self.sign_ins = [*self.sign_ins, {"state": _hash(state), **kept}][-MAX_SIGN_INS:]

    def end_sign_in(self, state: str) -> dict[str, Any] | None:
        """Return what was kept of a sign-in, and forget it; ``None``: this browser began none of this state."""
        found = next((each for each in self.sign_ins if each["state"] == _hash(state)), None)
        self.sign_ins = [each for each in self.sign_ins if each is not found]
        return found

    def begin_consent(self, state: str) -> None:
        """Remember that this browser began a consent."""
        self.consents = [*self.consents, _hash(state)][-MAX_CONSENTS:]

    def end_consent(self, state: str) -> bool:
        """Return whether this browser began the consent, and forget it."""
        known = _hash(state) in self.consents
        self.consents = [each for each in self.consents if each != _hash(state)]
        return known

    def begin_confirmation(self, path: str, now: datetime) -> None:
        """Remember what the person saw and wants to confirm by signing in again."""
        self.confirming = [path, now.timestamp()]

    def has_confirmed(self, path: str, now: datetime) -> bool:
        """Return whether the person signed in again after they saw this page, within the last minutes."""
        if self.confirming is None or self.confirming[0] != path:
            return False
        return signed_in_again_since(self, datetime.fromtimestamp(self.confirming[1], UTC), now)

    def take_notice(self) -> list[str] | None:
        """Return the notice, and forget it."""
        notice, self.notice = self.notice, None
        return notice

    def is_token(self, given: str) -> bool:
        """Return whether a form's token is this session's."""
        return hmac.compare_digest(given.encode(), self.csrf.encode())


class Sessions:
    """Reads and writes the cookie; who is signed in is also kept in the store, so that a session ends everywhere.

    Args:
        host: Its key encrypts the cookie.
        settings: Where the cookie is valid, and for how long.
        now: The clock.
        is_kept: Whether sessions are kept in the store; a platform's own sign-in keeps its own.
    """

    def __init__(self, host: Host, settings: WebSettings, *, now: Callable[[], datetime], is_kept: bool = True) -> None:
        self._store = host.store
        self._settings = settings
        self._now = now
        self._people = SignedIn(host.database, now=now)
        self._is_kept = is_kept
        self.cookie = "__Secure-bizosaas" if settings.secure else "bizosaas"

    def sign_in(self, before: Session, identity: Identity) -> Session:
        """Begin the session of a person who just signed in; what the same person wanted to confirm stays.

        ``identity.signed_in_at`` is when they proved who they are; if it is not known, it never counts as recent.
        """
        self.end(before)
        session = self.new(identity)
        session.signed_in_at = identity.signed_in_at.timestamp() if identity.signed_in_at else 0.0
        if before.user == identity.name:
            session.confirming = before.confirming
        return session

    def new(self, identity: Identity | None = None) -> Session:
        """Begin a session; a sign-in always begins one, so that no earlier cookie becomes a signed-in one."""
        now = self._now()
        session = Session(
            id=secrets.token_urlsafe(16),
            user=identity.name if identity else None,
            role=identity.role if identity else None,
            csrf=secrets.token_urlsafe(32),
            until=(now + self._settings.lifetime).timestamp(),
        )
        if identity and self._is_kept:
            self._people.begin(session.id, identity.name, now + self._settings.lifetime)
        return session

    def read(self, header: str) -> Session | None:
        """Return the session of a ``Cookie`` header; ``None`` if there is none that is valid."""
        cookie: SimpleCookie = SimpleCookie()
        cookie.load(header)
        morsel = cookie.get(self.cookie)
        if morsel is None:
            return None
        try:
            values: dict[str, Any] = json.loads(self._store.decrypt(morsel.value))
            if values.pop("purpose") != _PURPOSE:
                return None
            session = Session(**values)
        except (ConnectorError, ValueError, TypeError, KeyError, AttributeError):
            return None
        if session.until <= self._now().timestamp():
            return None
        if session.user and self._is_kept and not self._people.see(session.id, self._settings.idle):
            return None
        return session

    def end(self, session: Session) -> None:
        """Refuse this session's cookie from now on, in every process."""
        self._people.end(session.id)

    def use_state(self, state: str) -> bool:
        """Return whether the state of a sign-in is used for the first time, in any process."""
        return self._people.use_once(state, self._now() + SIGN_IN_LIFETIME)

    def write(self, session: Session) -> str:
        """Return the ``Set-Cookie`` header of a session."""
        value = self._store.encrypt(json.dumps(asdict(session) | {"purpose": _PURPOSE}))
        seconds = max(0, int(session.until - self._now().timestamp()))
        secure = "; Secure" if self._settings.secure else ""
        path = self._settings.path or "/"
        return f"{self.cookie}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"


def signed_in_again_since(session: Session, when: datetime, now: datetime) -> bool:
    """Return whether the person of a session signed in after a moment, and not long ago."""
    recent = session.signed_in_at > (now - CONFIRMATION_LIFETIME).timestamp()
    return recent and session.signed_in_at > when.timestamp()


def copy_of(session: Session) -> Session:
    """Return a copy, to see later whether the session changed."""
    return replace(session, consents=list(session.consents), sign_ins=list(session.sign_ins))


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()[:32]
