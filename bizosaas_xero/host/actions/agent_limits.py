"""Rate limits agent calls: loops, runaway writes, floods of plans.

Identical calls, writes and open plans are counted and refused beyond a limit. Writes and plans are counted in
the database, so that a new process does not start at zero.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from bizosaas_xero.host import reasons
from bizosaas_xero.host.actions.audit import Audit
from bizosaas_xero.host.actions.names import is_same_name
from bizosaas_xero.host.actions.plans import Plans
from bizosaas_xero.host.actions.requesters import find_person_behind
from bizosaas_xero.host.storage.database import Database
from bizosaas_xero.host.storage.models import StoredConnection

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class AgentLimits:
    """Counts what agents ask for, and refuses too much of it.

    Args:
        database: Where that is.
        audit: What was written.
        plans: The plans that wait for approval.
        now: The clock.
        prefix: How the names of agents begin; what others write is not counted.
        same_calls: How often one call may be made a minute with the same arguments.
        writes: How many writes of agents one organisation gets an hour.
        waiting: How many plans of one organisation may wait for a person.
    """

    def __init__(
        self,
        database: Database,
        audit: Audit,
        plans: Plans,
        *,
        now: Callable[[], datetime],
        prefix: str,
        same_calls: int = 10,
        writes: int = 60,
        waiting: int = 20,
    ) -> None:
        self._database = database
        self._audit = audit
        self._plans = plans
        self._now = now
        self._prefix = prefix
        self._same_calls = same_calls
        self._writes = writes
        self._waiting = waiting
        self._calls: dict[str, deque[datetime]] = {}
        self._lock = threading.Lock()

    def check_call(self, key: str) -> None:
        """Count a call.

        Args:
            key: The same for the same caller, tool and arguments.

        Raises:
            RateLimited: ``same_call_repeated``.
        """
        now = self._now()
        with self._lock:
            for name in [name for name, made in self._calls.items() if made[-1] <= now - MINUTE]:
                del self._calls[name]
            made = self._calls.setdefault(key, deque())
            while made and made[0] <= now - MINUTE:
                made.popleft()
            if len(made) < self._same_calls:
                made.append(now)
                return
            wait = (made[0] + MINUTE - now).total_seconds()
        raise reasons.SAME_CALL_REPEATED(retry_after=wait, number=self._same_calls)

    def check_plan(self, connection: StoredConnection, person: str | None = None) -> None:
        """Let another plan be made.

        Args:
            connection: In whose books.
            person: Count only what agents asked for this signed-in person.

        Raises:
            RateLimited: ``too_many_plans``.
        """
        plans = self._plans.list_open(connection.id)
        waiting = sum(any(_is_for(each, person) for each in plan.requesters) for plan in plans)
        if waiting >= self._waiting:
            raise reasons.TOO_MANY_PLANS(number=waiting, organisation=connection.organisation)

    def check_write(
        self, kept: StoredConnection, transaction: sa.Connection | None = None, *, person: str | None = None
    ) -> None:
        """Let something be written.

        Args:
            kept: In whose books.
            transaction: The one in which the write is claimed. Counted there, no other process can claim
                one in between; counted before, a looping agent does not even plan.
            person: Count only what agents wrote for this signed-in person.

        Raises:
            RateLimited: ``too_many_writes``.
        """
        now = self._now()
        if transaction is None:
            with self._database.read_transaction() as connection:
                begun = self._audit.commits_since(connection, kept.organisation_id, now - HOUR)
        else:
            begun = self._audit.commits_since(transaction, kept.organisation_id, now - HOUR)
        written = [
            entry for entry in begun if (entry.who or "").startswith(self._prefix) and _is_for(entry.who or "", person)
        ]
        if len(written) >= self._writes:
            wait = datetime.fromisoformat(written[-self._writes].at) + HOUR - now if self._writes else HOUR
            raise reasons.TOO_MANY_WRITES(
                retry_after=max(0.0, wait.total_seconds()), number=len(written), organisation=kept.organisation
            )


def _is_for(requester: str, person: str | None) -> bool:
    """Return whether an agent asked for a person; without one, every requester counts."""
    return person is None or is_same_name(find_person_behind(requester) or "", person)
