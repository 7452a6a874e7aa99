"""Plans: kept with what was asked for and by whom, until they are done or their time is over."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bizosaas_xero.host import reasons
from bizosaas_xero.host.actions.audit import to_canonical_json
from bizosaas_xero.host.actions.names import is_same_name
from bizosaas_xero.host.storage import action_tables as t
from bizosaas_xero.host.storage.database import Database, upsert, where_equals
from bizosaas_xero.host.storage.tables import stamp
from bizosaas_xero.spec import Conflict, Plan

MIN_HASH_PREFIX = 8
"""Characters of a hash that are enough to name a plan, if no other plan begins with them."""

SHORT_HASH_LENGTH = 12
"""Characters of a hash that are shown where a person types them."""


@dataclass(frozen=True)
class ApprovalDecision:
    """A person's yes (``approved``) or no (``refused``) to one plan, and until when it holds."""

    decision: str
    approver: str
    at: datetime
    expires_at: datetime

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return vars(self) | {"at": stamp(self.at), "expires_at": stamp(self.expires_at)}


@dataclass(frozen=True)
class StoredPlan:
    """A plan with what was asked for.

    Args:
        connection_id: Of the organisation.
        action: Its name.
        params: As asked for, as canonical JSON.
        business_key: As requested; without one the plan's hash is used.
        requesters: All who asked for exactly this.
        plan: What would be done.
        state: ``open``, ``stale`` (the world is another) or ``done``.
        created_at: When it was first planned.
        expires_at: Until when it can be approved and done.
        in_person: All who asked did so at a terminal, and through no agent.
        decision: The last one of a person, whether or not its time is over.
    """

    connection_id: str
    action: str
    params: str
    business_key: str | None
    requesters: list[str]
    plan: Plan
    state: str
    created_at: datetime
    expires_at: datetime
    in_person: bool = False
    decision: ApprovalDecision | None = None

    def is_requester(self, name: str) -> bool:
        """Return whether a name is that of one who asked."""
        return any(is_same_name(name, each) for each in self.requesters)

    @property
    def self_approved(self) -> bool:
        """Whether one who asked approved it, as owner mode allows."""
        decision = self.decision
        return decision is not None and decision.decision == "approved" and self.is_requester(decision.approver)

    @property
    def key(self) -> str:
        """What names the write, for ever."""
        return self.business_key or self.plan.hash

    @property
    def short(self) -> str:
        """The hash as a person types it."""
        return self.plan.hash[:SHORT_HASH_LENGTH]

    def to_dict(self) -> dict[str, Any]:
        """Return the plan with what was asked for, as JSON values."""
        return self.plan.model_dump(mode="json") | {
            "action": self.action,
            "connection_id": self.connection_id,
            "params": json.loads(self.params),
            "business_key": self.business_key,
            "requesters": self.requesters,
            "state": self.state,
            "created_at": stamp(self.created_at),
            "expires_at": stamp(self.expires_at),
            "decision": self.decision.to_dict() if self.decision else None,
            "self_approved": self.self_approved,
        }


class Plans:
    """Keeps plans, and what people decided about them.

    Args:
        database: Where.
        now: The clock.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def save(
        self,
        transaction: sa.Connection,
        connection_id: str,
        request: tuple[str, str, str | None, str, bool],
        plan: Plan,
        life: timedelta,
    ) -> StoredPlan:
        """Keep a plan that was made now. The same plan, asked for again, lives on with its decision.

        Args:
            transaction: A writing one.
            connection_id: Of the organisation.
            request: Action, parameters as canonical JSON, business key, requester, and whether they ask in person.
            plan: As the connector made it.
            life: For how long it can be approved and done.

        Raises:
            Conflict: A person refused this plan, and its time is not over.
        """
        action, params, business_key, requester, in_person = request
        now = self._now()
        before = self.get(transaction, connection_id, plan.hash)
        alive = before is not None and before.expires_at > now
        if before and alive:
            if before.decision and before.decision.decision == "refused":
                raise plan_refused_error(before)
            requesters, in_person = before.requesters, in_person and before.in_person
            created = before.created_at
        else:
            requesters, created = [], now
            gone = where_equals(sa.delete(t.decisions), t.decisions, connection_id=connection_id, hash=plan.hash)
            transaction.execute(gone)
        values = {
            "action": action,
            "params": params,
            "business_key": business_key,
            "requesters": [*requesters, *({requester} - set(requesters))],
            "in_person": in_person,
            "plan": to_canonical_json(plan.model_dump(mode="json")),
            "state": "open",
            "created_at": created,
            "expires_at": now + life,
        }
        upsert(self._database, transaction, t.plans, {"connection_id": connection_id, "hash": plan.hash}, values)
        saved = self.get(transaction, connection_id, plan.hash)
        if saved is None:
            raise AssertionError("it was stored in this transaction")
        return saved

    def get(self, transaction: sa.Connection, connection_id: str, hashed: str) -> StoredPlan | None:
        """Return the plan of a hash; ``None`` if there is none."""
        plans = self._read(transaction, connection_id=connection_id, hash=hashed)
        return plans[0] if plans else None

    def find_by_prefix(self, prefix: str, connection_id: str | None = None) -> StoredPlan:
        """Return the plan whose hash is, or begins with, a text.

        Raises:
            Invalid: The text is too short, or several plans begin with it.
            NotFound: No plan does.
        """
        wanted = prefix.strip().lower()
        if len(wanted) < MIN_HASH_PREFIX:
            raise reasons.HASH_TOO_SHORT.field("plan_hash", least=MIN_HASH_PREFIX)
        c = t.plans.c
        with self._database.read_transaction() as transaction:
            named = sa.select(c.connection_id, c.hash).where(sa.func.substr(c.hash, 1, len(wanted)) == wanted)
            rows = transaction.execute(
                named if connection_id is None else named.where(c.connection_id == connection_id)
            ).all()
            if not rows:
                raise reasons.UNKNOWN_PLAN(plan=prefix)
            if len(rows) > 1:
                raise reasons.HASH_AMBIGUOUS.field("plan_hash")
            (plans,) = self._read(transaction, connection_id=rows[0].connection_id, hash=rows[0].hash)
        return plans

    def list_open(self, connection_id: str | None = None) -> list[StoredPlan]:
        """Return the plans that can still be approved and done, oldest first."""
        keys = {} if connection_id is None else {"connection_id": connection_id}
        with self._database.read_transaction() as transaction:
            plans = self._read(transaction, state="open", **keys)
        return [stored_plan for stored_plan in plans if stored_plan.expires_at > self._now()]

    def set_state(self, transaction: sa.Connection, stored_plan: StoredPlan, state: str) -> None:
        """Note that a plan is done, or stale."""
        change = where_equals(
            sa.update(t.plans), t.plans, connection_id=stored_plan.connection_id, hash=stored_plan.plan.hash
        )
        transaction.execute(change.values(state=state))

    def save_decision(self, transaction: sa.Connection, stored_plan: StoredPlan, decision: ApprovalDecision) -> None:
        """Keep what a person decided about a plan."""
        keys = {"connection_id": stored_plan.connection_id, "hash": stored_plan.plan.hash}
        upsert(self._database, transaction, t.decisions, keys, vars(decision))

    def _read(self, transaction: sa.Connection, **keys: Any) -> list[StoredPlan]:
        wanted = where_equals(sa.select(t.plans), t.plans, **keys).order_by(t.plans.c.created_at, t.plans.c.hash)
        plans = []
        for row in transaction.execute(wanted).mappings().all():
            values = dict(row)
            mine = {"connection_id": row["connection_id"], "hash": values.pop("hash")}
            decided = transaction.execute(where_equals(sa.select(t.decisions), t.decisions, **mine)).one_or_none()
            if decided:
                values["decision"] = ApprovalDecision(
                    decided.decision, decided.approver, decided.at, decided.expires_at
                )
            values["plan"] = Plan.model_validate(json.loads(row["plan"]))
            plans.append(StoredPlan(**values))
        return plans


def plan_refused_error(stored_plan: StoredPlan) -> Conflict:
    """Make the error that says who refused a plan."""
    name = stored_plan.decision.approver if stored_plan.decision else "A person"
    return reasons.PLAN_REFUSED(name=name, plan=stored_plan.short)
