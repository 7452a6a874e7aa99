"""Approvals: whether a plan may be done now, and a person's yes or no to it.

An approval names organisation, plan and approver, and ends. The approver is not one of those who asked. Names
are what people and programs say they are: who can open the host's database can also write into it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from bizosaas_xero.host.actions import policy
from bizosaas_xero.host.actions.audit import Audit
from bizosaas_xero.host.actions.idempotency import Claims, Key
from bizosaas_xero.host.actions.plans import Asked, Decision, Plans
from bizosaas_xero.host.actions.policy import Verdict
from bizosaas_xero.host.storage.database import AUDIT_LOCK, Database
from bizosaas_xero.host.storage.models import StoredConnection
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.host.sync.events import business_day
from bizosaas_xero.spec import Conflict, Invalid, Misconfigured

LONGEST = 200
"""Characters of a name."""


def named(name: str, field: str) -> str:
    """Return a name as it is kept: without spaces at its ends.

    Raises:
        Invalid: It is empty, too long, or holds what cannot be seen.
    """
    kept = name.strip()
    hidden = any(unicodedata.category(each)[0] == "C" or each in "\u2028\u2029" for each in kept)
    if kept and len(kept) <= LONGEST and not hidden:
        return kept
    complaint = f"must be 1 to {LONGEST} characters that can be seen"
    raise Invalid(f"{field} {complaint}.", reason="bad_name", problems=[{"field": field, "message": complaint}])


def same(one: str, other: str) -> bool:
    """Tell whether two names are one: in whatever letters, width and spacing."""
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


class Approvals:
    """Decides with the policy, and keeps what people decide.

    Args:
        database: Where.
        store: Connections with their policies.
        plans: What was asked for.
        claims: What was written today.
        audit: Told of every decision.
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

    def verdict(self, transaction: sa.Connection, kept: StoredConnection, asked: Asked) -> Verdict:
        """Say what the policy says of a plan now, after what was written today."""
        zone = ZoneInfo(kept.preferences.get("timezone") or "UTC")
        midnight = datetime.combine(business_day(kept, self._now()), time.min, zone).astimezone(UTC)
        key = Key(kept.connector, kept.organisation_id, asked.action, asked.key)
        spent = self._claims.spent(transaction, key, midnight)
        return policy.decide(policy.rule_of(kept, asked.action), asked.plan, spent)

    def allowed(
        self, transaction: sa.Connection, kept: StoredConnection, asked: Asked
    ) -> tuple[Verdict, Decision | None]:
        """Say whether a plan may be done now: what the policy says, and the approval if one holds."""
        given = asked.decision
        if given is None or given.decision != "approved" or given.expires_at <= self._now():
            given = None
        elif any(same(given.approver, name) for name in asked.requesters):
            given = None  # they asked for it themselves, since
        return self.verdict(transaction, kept, asked), given

    def look(self, asked: Asked) -> Verdict:
        """Say what the policy says of a plan now."""
        kept = self._store.connection(asked.connection_id)
        with self._database.reading() as connection:
            return self.verdict(connection, kept, asked)

    def waiting(self, connection_id: str) -> list[Asked]:
        """Return an organisation's plans that need a person, and have neither their yes nor their no."""
        return [
            asked
            for asked in self._plans.waiting(connection_id)
            if asked.decision is None and self.look(asked).run == "ask"
        ]

    def approve(self, asked: Asked, approver: str, *, unseen: bool = False) -> Decision:
        """Keep a person's yes to a plan; it holds until the plan's time is over.

        Args:
            asked: The plan, as the person saw it.
            approver: The person.
            unseen: They were not shown it and asked; only where the policy says ``yes``.

        Raises:
            Invalid: The approver asked for it.
            Conflict: The plan's time is over, it is done, or stale.
            Misconfigured: The policy forbids it, or forbids to approve unseen.
        """
        who = named(approver, "approver")
        kept = self._store.connection(asked.connection_id)
        with self._database.writing() as transaction:
            self._database.in_turn(transaction, AUDIT_LOCK)
            current = self._current(transaction, asked)
            if any(same(who, name) for name in current.requesters):
                raise Invalid(
                    f"{who} asked for this, and cannot approve it.",
                    remedy="Another person must: bizosaas-xero approve "
                    f"{asked.short} --as NAME. A program that asks should say its own name: run --as NAME.",
                    reason="approver_is_requester",
                    problems=[{"field": "approver", "message": "is the one who asked"}],
                )
            verdict = self.verdict(transaction, kept, current)
            if verdict.run == "never":
                raise policy.refuse(asked.action, verdict.why)
            if unseen and not (policy.rule_of(kept, asked.action) or {}).get("yes"):
                raise Misconfigured(
                    f"The policy does not let {asked.action} be approved without looking at it.",
                    remedy=f"Look at it and answer: bizosaas-xero approve {asked.short}. Or let the policy "
                    f"allow --yes: bizosaas-xero configure --policy {asked.action}=approval,,,yes",
                    reason="yes_not_allowed",
                )
            decision = Decision("approved", who, self._now(), current.expires_at)
            self._keep(transaction, kept, current, decision, unseen=unseen)
        return decision

    def refuse(self, asked: Asked, approver: str) -> Decision:
        """Keep a person's no to a plan. Whoever asked for it may say it, too.

        Raises:
            Conflict: The plan's time is over, it is done, or stale.
        """
        who = named(approver, "approver")
        kept = self._store.connection(asked.connection_id)
        with self._database.writing() as transaction:
            self._database.in_turn(transaction, AUDIT_LOCK)
            current = self._current(transaction, asked)
            decision = Decision("refused", who, self._now(), current.expires_at)
            self._keep(transaction, kept, current, decision)
        return decision

    def _current(self, transaction: sa.Connection, asked: Asked) -> Asked:
        current = self._plans.get(transaction, asked.connection_id, asked.plan.hash)
        return ready(current or asked, self._now())

    def _keep(
        self,
        transaction: sa.Connection,
        kept: StoredConnection,
        asked: Asked,
        decision: Decision,
        **more: Any,
    ) -> None:
        self._plans.decide(transaction, asked, decision)
        self._audit.add(
            transaction,
            "approval" if decision.decision == "approved" else "refusal",
            connection_id=kept.id,
            organisation_id=kept.organisation_id,
            action=asked.action,
            key=asked.key,
            who=decision.approver,
            plan_hash=asked.plan.hash,
            expires_at=decision.expires_at,
            **more,
        )


def ready(asked: Asked, now: datetime) -> Asked:
    """Return a plan that can still be approved and done.

    Raises:
        Conflict: Its time is over, it is done, or stale.
    """
    if asked.state == "done":
        raise Conflict(
            "This plan is done already.",
            remedy="Nothing to do. To do it once more, plan it with another business key.",
            reason="plan_done",
        )
    if asked.state == "stale":
        raise stale()
    if asked.expires_at <= now:
        raise Conflict(
            f"The time of this plan was over at {asked.expires_at:%Y-%m-%d %H:%M} UTC.",
            remedy="Plan again with the same parameters and business key.",
            reason="plan_expired",
        )
    return asked


def stale() -> Conflict:
    """Make the error that says that the world is no longer as the plan assumed."""
    return Conflict(
        "What this would do now is not what was planned.",
        remedy="Plan again with the same parameters and business key, and look at what is different.",
        reason="stale_plan",
    )
