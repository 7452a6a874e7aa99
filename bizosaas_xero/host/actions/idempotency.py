"""The claims of the embedded host: ``unique(connector, organisation, action, key)``, made before the first request.

The rules are those of :mod:`.claim`; here is where claims are stored, in the transactions that also write the audit.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from bizosaas_xero.host.actions.claim import Claim
from bizosaas_xero.host.storage import action_tables as t
from bizosaas_xero.host.storage import ownership
from bizosaas_xero.host.storage.database import Database, where_equals
from bizosaas_xero.host.storage.heartbeat import heartbeat
from bizosaas_xero.spec import ActionResult, Plan


@dataclass(frozen=True)
class ClaimKey:
    """What is claimed: one intent in one organisation."""

    connector: str
    organisation_id: str
    action: str
    key: str


class Claims:
    """Hands out claims.

    Args:
        database: Where. Leases end by its clock.
        now: The clock of the business: it says on which day a write counts.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def get(self, transaction: sa.Connection, key: ClaimKey, params: str) -> Claim | None:
        """Return the claim on this key; ``None`` if there is none.

        Args:
            transaction: A transaction, reading or writing.
            key: Of the write.
            params: What is asked for, as canonical JSON.

        Raises:
            Conflict: The key was used for something else.
        """
        claim = self._read(transaction, key)
        return claim and claim.require_params(params)

    def acquire(self, transaction: sa.Connection, key: ClaimKey, params: str, plan: Plan) -> str:
        """Claim a key, and return the claim's owner; :func:`.ownership.forget_owner` it at the end.

        Raises:
            Conflict: Another process works on it, or the key was used for something else.
        """
        before = self.get(transaction, key, params)
        owner = ownership.new_owner()
        with ExitStack() as on_failure:
            on_failure.callback(ownership.forget_owner, owner)
            claim = (before or Claim(key.action, key.key, params)).acquire(
                owner, plan.hash, self._database.now(transaction)
            )
            values = _to_row(claim) | {
                "amount": None if plan.amount is None else format(plan.amount, "f"),
                "at": self._now(),
            }
            if before is None:
                transaction.execute(sa.insert(t.writes).values(**vars(key), **values))
            else:
                transaction.execute(where_equals(sa.update(t.writes), t.writes, **vars(key)).values(values))
            on_failure.pop_all()
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
        self._edit(transaction, key, lambda claim: claim.finish(result))

    def release(self, transaction: sa.Connection, key: ClaimKey, owner: str, error: BaseException) -> None:
        """Give a claim back after a failure; who lost the claim changes nothing."""
        self._edit(transaction, key, lambda claim: claim.release(owner, error))

    def heartbeat(self, key: ClaimKey, owner: str) -> AbstractContextManager[None]:
        """Send heartbeats while the connector writes, so that no other process takes the claim over."""

        def extend() -> None:
            with self._database.write_transaction() as transaction:
                now = self._database.now(transaction)
                self._edit(transaction, key, lambda claim: claim.extend(owner, now))

        return heartbeat(extend, "write-claim")

    def _edit(self, transaction: sa.Connection, key: ClaimKey, change: Callable[[Claim], Claim | None]) -> None:
        before = self._read(transaction, key, lock=True)
        after = before and change(before)
        if before is not None and after is None:
            transaction.execute(where_equals(sa.delete(t.writes), t.writes, **vars(key)))
        elif after is not None and after is not before:
            transaction.execute(where_equals(sa.update(t.writes), t.writes, **vars(key)).values(_to_row(after)))

    def _read(self, transaction: sa.Connection, key: ClaimKey, *, lock: bool = False) -> Claim | None:
        statement = where_equals(sa.select(t.writes), t.writes, **vars(key))
        row = transaction.execute(statement.with_for_update() if lock else statement).one_or_none()
        if row is None:
            return None
        result = ActionResult.model_validate(json.loads(row.result)) if row.result else None
        return Claim(
            key.action, key.key, row.params, row.plan_hash, row.state, row.unsure, row.owner, row.until, result
        )


def _to_row(claim: Claim) -> dict[str, Any]:
    result = json.dumps(claim.result.model_dump(mode="json")) if claim.result else None
    values = {name: value for name, value in vars(claim).items() if name not in {"action", "key"}}
    return values | {"result": result}
