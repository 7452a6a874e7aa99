"""Who asks for actions: when each was last seen, what they asked for, and who may ask no more.

A revoked name is refused whatever it asks, through the server for agents and everywhere else. Names are what people and
programs say they are, unless a sign-in proves them: a person who can start programs here can give one another name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from bizosaas_xero.host import reasons
from bizosaas_xero.host.actions.names import AGENT_PREFIX, normalise, validate_name
from bizosaas_xero.host.storage.database import Database, upsert, where_equals
from bizosaas_xero.host.storage.people_tables import requesters, revocations
from bizosaas_xero.host.text import make_visible

ASKING = frozenset({"read", "plan", "commit", "waiting", "repeated", "error"})
"""The kinds of entries of the audit with which a person or program asks for an action."""

_AGENT = re.compile(r'"(?P<client>.*?)(?: v?\d[^ "]*)?"(?: for (?P<person>.+))?')


@dataclass
class Requester:
    """One who asked for actions.

    Args:
        name: Theirs.
        last_at: When they last asked; ``None``: not since this is counted.
        actions: How often they asked for each action.
        refused: How often that ended in an error.
        revoked_at: Since when they may ask no more.
        revoked_by: Who decided it.
    """

    name: str
    last_at: datetime | None = None
    actions: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    revoked_at: datetime | None = None
    revoked_by: str | None = None

    @property
    def is_agent(self) -> bool:
        """Whether they ask through the server for agents."""
        return self.name.startswith(AGENT_PREFIX)


def find_person_behind(name: str) -> str | None:
    """Return the person for whom an agent of this name asks; ``None``: it names none."""
    agent = _AGENT.fullmatch(name.removeprefix(AGENT_PREFIX)) if name.startswith(AGENT_PREFIX) else None
    return agent["person"] if agent else None


def requester_keys(name: str) -> list[str]:
    """Return the keys by which a requester can be revoked: their own, and the person's for whom an agent asks.

    Names that are one have one key, and so have all versions of a client.
    """
    agent = _AGENT.fullmatch(name.removeprefix(AGENT_PREFIX)) if name.startswith(AGENT_PREFIX) else None
    if agent is None:
        return [_key(name)]
    person = agent["person"]
    own = f'{AGENT_PREFIX}"{agent["client"]}"' + (f" for {person}" if person else "")
    return [_key(own), *([_key(person)] if person else [])]


def _key(name: str) -> str:
    return hashlib.sha256(normalise(name).encode()).hexdigest()


class Requesters:
    """Counts what each asks for, and keeps who was revoked.

    Args:
        database: Where.
        now: The clock.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def count(self, transaction: sa.Connection, name: str, action: str, kind: str) -> None:
        """Count an entry of the audit."""
        now, failed, c = self._now(), int(kind == "error"), requesters.c
        values = {"times": 1, "refused": failed, "first_at": now, "last_at": now}
        changed = {"times": c.times + 1, "refused": c.refused + failed, "last_at": now}
        upsert(self._database, transaction, requesters, {"name": make_visible(name), "action": action}, values, changed)

    def list_all(self) -> list[Requester]:
        """Return all who asked for something or are revoked, the last seen first."""
        found: dict[str, Requester] = {}
        with self._database.read_transaction() as transaction:
            for row in transaction.execute(sa.select(requesters).order_by(requesters.c.last_at.desc())):
                requester = found.setdefault(row.name, Requester(row.name, row.last_at))
                requester.actions[row.action] = row.times
                requester.refused += row.refused
            revoked = {row.key: row for row in transaction.execute(sa.select(revocations))}
        for row in revoked.values():
            if not any(requester_keys(name)[0] == row.key for name in found):
                found[row.name] = Requester(row.name)
        for requester in found.values():
            for row in [revoked[key] for key in requester_keys(requester.name) if key in revoked]:
                requester.revoked_at, requester.revoked_by = row.at, row.who
        return list(found.values())

    def require_allowed(self, name: str) -> None:
        """Let a requester ask.

        Raises:
            Misconfigured: They were revoked (``requester_revoked``).
        """
        keys = requester_keys(name)
        wanted = sa.select(revocations).where(revocations.c.key.in_(keys)).limit(1)
        with self._database.read_transaction() as transaction:
            row = transaction.execute(wanted).one_or_none()
        if row is not None:
            raise reasons.REQUESTER_REVOKED(name=row.name, who=row.who)

    def revoke(self, transaction: sa.Connection, name: str, who: str) -> None:
        """Refuse what a requester asks from now on."""
        shown = validate_name(name, "requester")
        values = {"name": shown, "at": self._now(), "who": validate_name(who, "who")}
        upsert(self._database, transaction, revocations, {"key": requester_keys(shown)[0]}, values)

    def allow(self, transaction: sa.Connection, name: str) -> None:
        """Let a requester ask again."""
        key = requester_keys(validate_name(name, "requester"))[0]
        transaction.execute(where_equals(sa.delete(revocations), revocations, key=key))
