"""Approvals: whether a plan may be done now, and a person's yes or no to it.

An approval names organisation, plan and approver, and ends. The approver is not one of those who asked, except the
owner in owner mode, for what only he asked for at a terminal. Names are what people and programs say they are: who can
open the host's database can also write into it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import Any

import sqlalchemy as sa

from bizosaas_xero.host import reasons
from bizosaas_xero.host.actions import policy
from bizosaas_xero.host.actions.audit import Audit
from bizosaas_xero.host.actions.idempotency import ClaimKey, Claims
from bizosaas_xero.host.actions.names import is_same_name, validate_name
from bizosaas_xero.host.actions.plans import ApprovalDecision, Plans, StoredPlan
from bizosaas_xero.host.actions.policy import PolicyDecision
from bizosaas_xero.host.connections.organisation_details import business_day, time_zone_of
from bizosaas_xero.host.storage.database import AUDIT_LOCK, Database
from bizosaas_xero.host.storage.models import StoredConnection
from bizosaas_xero.host.storage.store import Store


class Approvals:
    """Decides with the policy, and keeps what people decide.

    Args:
        database: Where.
        store: Connections with their policies.
        plans: What was asked for.
        claims: What was written today.
        audit: Records every decision.
        now: The clock.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        plans: Plans,
        claims: Claims,
        audit: Audit,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._store = store
        self._plans = plans
        self._claims = claims
        self._audit = audit
        self._now = now

    def evaluate_policy(
        self, transaction: sa.Connection, connection: StoredConnection, stored_plan: StoredPlan
    ) -> PolicyDecision:
        """Say what the policy says of a plan now, after what was written today."""
        zone = time_zone_of(connection)
        midnight = datetime.combine(business_day(connection, self._now()), time.min, zone).astimezone(UTC)
        key = ClaimKey(connection.connector, connection.organisation_id, stored_plan.action, stored_plan.key)
        spent = self._claims.sum_amounts(transaction, key, midnight)
        return policy.decide(policy.find_rule(connection, stored_plan.action), stored_plan.plan, spent)

    def check_allowed(
        self, transaction: sa.Connection, connection: StoredConnection, stored_plan: StoredPlan
    ) -> tuple[PolicyDecision, ApprovalDecision | None]:
        """Say whether a plan may be done now: what the policy says, and the approval if one holds."""
        approval = stored_plan.decision
        if approval is None or approval.decision != "approved" or approval.expires_at <= self._now():
            approval = None
        elif stored_plan.is_requester(approval.approver) and not _may_approve_own(connection, stored_plan):
            approval = None  # they asked for it themselves, since; or owner mode was left
        return self.evaluate_policy(transaction, connection, stored_plan), approval

    def current_decision(self, stored_plan: StoredPlan) -> PolicyDecision:
        """Say what the policy says of a plan now."""
        connection = self._store.connection(stored_plan.connection_id)
        with self._database.read_transaction() as transaction:
            return self.evaluate_policy(transaction, connection, stored_plan)

    def may_approve_own(self, stored_plan: StoredPlan) -> bool:
        """Return whether the owner may approve a plan that he asked for himself, after he confirmed it."""
        return _may_approve_own(self._store.connection(stored_plan.connection_id), stored_plan)

    def list_waiting(self, connection_id: str) -> list[StoredPlan]:
        """Return an organisation's plans that need a person, and have neither their yes nor their no."""
        return [
            stored_plan
            for stored_plan in self._plans.list_open(connection_id)
            if stored_plan.decision is None and self.current_decision(stored_plan).run == "ask"
        ]

    def approve(
        self, stored_plan: StoredPlan, approver: str, *, unseen: bool = False, confirmed: bool = False
    ) -> ApprovalDecision:
        """Keep a person's yes to a plan; it holds until the plan's time is over.

        Args:
            stored_plan: The plan, as the person saw it.
            approver: The person.
            unseen: They were not shown it and asked; only where the policy says ``yes``.
            confirmed: They confirmed a second time that they approve what they asked for themselves (owner mode).

        Raises:
            Invalid: The approver asked for it, and is not the owner in owner mode, or did not confirm.
            Conflict: The plan's time is over, it is done, or stale.
            Misconfigured: The policy forbids it, or forbids to approve unseen.
        """
        who = validate_name(approver, "approver")
        connection = self._store.connection(stored_plan.connection_id)
        with self._database.write_transaction(durable=True) as transaction:
            self._database.advisory_lock(transaction, AUDIT_LOCK)
            current = self._current_plan(transaction, stored_plan)
            own = current.is_requester(who)
            if own:
                _check_own(connection, current, who, confirmed=confirmed and not unseen)
            policy_decision = self.evaluate_policy(transaction, connection, current)
            if policy_decision.run == "never":
                raise reasons.POLICY_FORBIDS(action=stored_plan.action, why=policy_decision.why)
            if unseen and not (policy.find_rule(connection, stored_plan.action) or {}).get("yes"):
                raise reasons.YES_NOT_ALLOWED(action=stored_plan.action, plan=stored_plan.short)
            decision = ApprovalDecision("approved", who, self._now(), current.expires_at)
            self._save(transaction, connection, current, decision, unseen=unseen, self_approved=own)
        return decision

    def refuse(self, stored_plan: StoredPlan, approver: str, why: str = "") -> ApprovalDecision:
        """Save a person's refusal of a plan. A requester may refuse it, too.

        Args:
            stored_plan: The plan.
            approver: The person.
            why: Their reason, for the audit.

        Raises:
            Conflict: The plan's time is over, it is done, or stale.
        """
        who = validate_name(approver, "approver")
        connection = self._store.connection(stored_plan.connection_id)
        with self._database.write_transaction(durable=True) as transaction:
            self._database.advisory_lock(transaction, AUDIT_LOCK)
            current = self._current_plan(transaction, stored_plan)
            decision = ApprovalDecision("refused", who, self._now(), current.expires_at)
            more = {"why": why} if why else {}
            self._save(transaction, connection, current, decision, **more)
        return decision

    def _current_plan(self, transaction: sa.Connection, stored_plan: StoredPlan) -> StoredPlan:
        current = self._plans.get(transaction, stored_plan.connection_id, stored_plan.plan.hash)
        return require_open(current or stored_plan, self._now())

    def _save(
        self,
        transaction: sa.Connection,
        connection: StoredConnection,
        stored_plan: StoredPlan,
        decision: ApprovalDecision,
        **more: Any,
    ) -> None:
        self._plans.save_decision(transaction, stored_plan, decision)
        self._audit.add(
            transaction,
            "approval" if decision.decision == "approved" else "refusal",
            connection_id=connection.id,
            organisation_id=connection.organisation_id,
            action=stored_plan.action,
            key=stored_plan.key,
            who=decision.approver,
            plan_hash=stored_plan.plan.hash,
            expires_at=decision.expires_at,
            **more,
        )


def _may_approve_own(connection: StoredConnection, stored_plan: StoredPlan) -> bool:
    """Return whether the owner may approve a plan that he asked for: in owner mode, and only he, at a terminal."""
    owner = connection.preferences.get("owner")
    return (
        owner is not None
        and stored_plan.in_person
        and all(is_same_name(owner, name) for name in stored_plan.requesters)
    )


def _check_own(connection: StoredConnection, stored_plan: StoredPlan, who: str, *, confirmed: bool) -> None:
    """Refuse that a requester approves, unless owner mode allows it and they confirmed it."""
    if not _may_approve_own(connection, stored_plan):
        raise reasons.APPROVER_IS_REQUESTER.field("approver", name=who, plan=stored_plan.short)
    if not confirmed:
        raise reasons.NOT_CONFIRMED.field("approver", name=who, plan=stored_plan.short)


def require_open(stored_plan: StoredPlan, now: datetime) -> StoredPlan:
    """Return a plan that can still be approved and done.

    Raises:
        Conflict: Its time is over, it is done, or stale.
    """
    if stored_plan.state == "done":
        raise reasons.PLAN_DONE()
    if stored_plan.state == "stale":
        raise reasons.STALE_PLAN()
    if stored_plan.expires_at <= now:
        raise reasons.PLAN_EXPIRED(expires_at=stored_plan.expires_at)
    return stored_plan
