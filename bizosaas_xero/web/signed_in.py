"""Who is signed in, in the store: a session ends in every process, when it is idle, and when its time is over."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from bizosaas_xero.host.storage.database import Database, upsert
from bizosaas_xero.host.storage.people_tables import sessions

SEEN_PRECISION = timedelta(minutes=1)
"""How exactly the time of the last request is kept."""


class SignedIn:
    """Sessions of signed-in people, by the hash of their ids.

    Args:
        database: Where.
        now: The clock.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def begin(self, session_id: str, name: str, until: datetime) -> None:
        """Keep a session, and forget those whose time is over."""
        values = {"name": name, "seen_at": self._now(), "until": until}
        with self._database.write_transaction() as transaction:
            transaction.execute(sa.delete(sessions).where(sessions.c.until <= self._now()))
            upsert(self._database, transaction, sessions, {"id": _hash(session_id)}, values)

    def see(self, session_id: str, idle: timedelta) -> bool:
        """Return whether a session has not ended, and note that it is used."""
        mine, now = sessions.c.id == _hash(session_id), self._now()
        with self._database.read_transaction() as transaction:
            row = transaction.execute(sa.select(sessions).where(mine)).one_or_none()
        if row is None or row.until <= now or row.seen_at + idle <= now:
            return False
        if row.seen_at + SEEN_PRECISION <= now:
            with self._database.write_transaction() as transaction:
                transaction.execute(sa.update(sessions).where(mine).values(seen_at=now))
        return True

    def end(self, session_id: str) -> None:
        """End a session."""
        with self._database.write_transaction(durable=True) as transaction:
            transaction.execute(sa.delete(sessions).where(sessions.c.id == _hash(session_id)))

    def use_once(self, state: str, until: datetime) -> bool:
        """Return whether a text is used for the first time; it is remembered until a moment."""
        values = {"id": _hash(f"state {state}"), "name": "", "seen_at": self._now(), "until": until}
        try:
            with self._database.write_transaction() as transaction:
                transaction.execute(sa.delete(sessions).where(sessions.c.until <= self._now()))
                transaction.execute(sa.insert(sessions).values(**values))
        except sa.exc.IntegrityError:
            return False
        return True


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
