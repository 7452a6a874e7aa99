"""Claims: one intent is written exactly once, even if requested again or from another process.

``unique(connector, organisation, action, key)`` is claimed before the first request that writes. The
process that works on a claim sends heartbeats; when they stop, another process takes it over, and the
connector, which looks before it creates, finds what was made. A finished write returns its stored result for
ever.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from bizosaas_xero.host import reasons
from bizosaas_xero.host.storage import action_tables as t
from bizosaas_xero.host.storage import leases
from bizosaas_xero.host.storage.database import Database, where_equals
from bizosaas_xero.host.storage.heartbeat import heartbeat
from bizosaas_xero.spec import ActionResult, Conflict, Plan

LEASE_DURATION = leases.LEASE_DURATION
"""How long a claim lasts without a heartbeat."""

HEARTBEATS_PER_LEASE = 4.5
"""Heartbeats in the time of a lease: one may be lost."""

RETRY_AFTER_SECONDS = 5.0
"""Seconds after which to ask again, while another process writes."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClaimKey:
    """What is claimed: one intent in one organisation."""

    connector: str
    organisation_id: str
    action: str
    key: str


@dataclass(frozen=True)
class StoredClaim:
    """A claim as it is kept. ``state`` is ``begun``, ``partial`` or ``done``; the last two have a result."""

    key: ClaimKey
    params: str
    plan_hash: str
    state: str
    unsure: bool
    owner: str | None
    until: datetime | None
    result: ActionResult | None


class Claims:
    """Hands out claims.

    Args:
        database: Where.
        now: The clock.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def get(self, transaction: sa.Connection, key: ClaimKey, params: str) -> StoredClaim | None:
        """Return the claim on this key; ``None`` if there is none.

        Args:
            transaction: A transaction, reading or writing.
            key: Of the write.
            params: What is asked for, as canonical JSON.

        Raises:
            Conflict: The key was used for something else.
        """
        row = transaction.execute(where_equals(sa.select(t.writes), t.writes, **vars(key))).one_or_none()
        if row is None:
            return None
        if row.params != params:
            raise reasons.BUSINESS_KEY_REUSED(key=key.key, action=key.action)
        result = ActionResult.model_validate(json.loads(row.result)) if row.result else None
        return StoredClaim(key, row.params, row.plan_hash, row.state, row.unsure, row.owner, row.until, result)

    def acquire(self, transaction: sa.Connection, key: ClaimKey, params: str, plan: Plan) -> str:
        """Claim a key, and return the claim's owner. Call it after :meth:`held`, in the same transaction.

        Raises:
            Conflict: Another process works on it.
        """
        claim, now = self.get(transaction, key, params), self._now()
        if claim is not None and not leases.is_available(claim.owner, claim.until, now):
            raise _in_progress_error(claim)
        owner = leases.new_owner()
        values = {
            "plan_hash": plan.hash,
            "amount": None if plan.amount is None else format(plan.amount, "f"),
            "owner": owner,
            "until": now + LEASE_DURATION,
            "at": now,
        }
        if claim is None:
            first = sa.insert(t.writes).values(**vars(key), params=params, state="begun", unsure=False, **values)
            transaction.execute(first)
            return owner
        # An owner that died may have written.
        unsure = claim.unsure or claim.owner is not None
        change = sa.update(t.writes).values(unsure=unsure, **values)
        transaction.execute(where_equals(change, t.writes, **vars(key)))
        return owner

    def list_keyless_plans(self, transaction: sa.Connection, like: ClaimKey, params: str) -> list[str]:
        """Return the plans of the writes of these parameters that have no business key, newest first.

        ``like`` names connector, organisation and action.
        """
        c = t.writes.c
        names = {name: value for name, value in vars(like).items() if name != "key"}
        wanted = where_equals(sa.select(c.plan_hash), t.writes, **names, params=params)
        return list(transaction.execute(wanted.where(c.key == c.plan_hash).order_by(c.at.desc())).scalars())

    def sum_amounts(self, transaction: sa.Connection, key: ClaimKey, since: datetime) -> Decimal | None:
        """Return what the other writes of an action come to since a moment, those under way included.

        Returns:
            The sum in base currency; ``None`` if one of them is of unknown amount.
        """
        c = t.writes.c
        wanted = where_equals(
            sa.select(c.amount),
            t.writes,
            connector=key.connector,
            organisation_id=key.organisation_id,
            action=key.action,
        ).where(c.at >= since, c.key != key.key)
        amounts = transaction.execute(wanted).scalars().all()
        if None in amounts:
            return None
        return sum((abs(Decimal(amount)) for amount in amounts if amount), Decimal(0))

    def store_result(self, transaction: sa.Connection, key: ClaimKey, result: ActionResult) -> None:
        """Keep the result. One that says ``done`` is never replaced."""
        values: dict[str, Any] = {
            "state": "done" if result.status == "done" else "partial",
            "owner": None,
            "until": None,
            "result": json.dumps(result.model_dump(mode="json")),
        }
        change = where_equals(sa.update(t.writes), t.writes, **vars(key)).where(t.writes.c.state != "done")
        transaction.execute(change.values(values))

    def release(self, transaction: sa.Connection, key: ClaimKey, owner: str, *, wrote_nothing: bool) -> None:
        """Give a claim back after a failure.

        Args:
            transaction: Which writes.
            key: Of the write.
            owner: As :meth:`take` gave it; who lost the claim changes nothing.
            wrote_nothing: It is sure that this attempt wrote nothing. If no other did, the key is free again.
        """
        c = t.writes.c
        mine = (c.owner == owner, c.state != "done")
        if wrote_nothing:
            gone = where_equals(sa.delete(t.writes), t.writes, **vars(key))
            transaction.execute(gone.where(*mine, c.unsure.is_(False), c.state == "begun"))
            values: dict[str, Any] = {"owner": None, "until": None}
        else:
            values = {"owner": None, "until": None, "unsure": True}
        transaction.execute(where_equals(sa.update(t.writes), t.writes, **vars(key)).where(*mine).values(values))

    def heartbeat(self, key: ClaimKey, owner: str) -> AbstractContextManager[None]:
        """Send heartbeats while the connector writes, so that no other process takes the claim over."""

        def extend() -> None:
            change = where_equals(sa.update(t.writes), t.writes, **vars(key), owner=owner)
            with self._database.write_transaction() as transaction:
                transaction.execute(change.values(until=self._now() + LEASE_DURATION))

        return heartbeat(extend, LEASE_DURATION / HEARTBEATS_PER_LEASE, "write-claim")


def _in_progress_error(claim: StoredClaim) -> Conflict:
    return reasons.IN_PROGRESS(
        retry_after=RETRY_AFTER_SECONDS, owner=leases.describe_owner(claim.owner).capitalize(), action=claim.key.action
    )
