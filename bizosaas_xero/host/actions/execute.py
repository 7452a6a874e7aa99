"""Do a plan: if policy or a person allows it, and once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from bizosaas_xero.host import reasons
from bizosaas_xero.host.actions.approvals import Approvals, require_open
from bizosaas_xero.host.actions.audit import Audit
from bizosaas_xero.host.actions.call import ActionCall, ConnectorCaller
from bizosaas_xero.host.actions.claim import Claim
from bizosaas_xero.host.actions.idempotency import ClaimKey, Claims
from bizosaas_xero.host.actions.outcome import Outcome
from bizosaas_xero.host.actions.plans import ApprovalDecision, Plans, StoredPlan, plan_refused_error
from bizosaas_xero.host.storage import ownership
from bizosaas_xero.host.storage.database import AUDIT_LOCK, Database
from bizosaas_xero.spec import ActionResult, Conflict


class PlanExecutor:
    """Does plans.

    Args:
        database: Where plans, claims and the audit are.
        plans: What was asked for.
        claims: Lets an intent be written once.
        approvals: What policy and people allow.
        audit: Records every step.
        caller: Asks connectors.
        now: The clock.
    """

    def __init__(
        self,
        database: Database,
        plans: Plans,
        claims: Claims,
        approvals: Approvals,
        audit: Audit,
        caller: ConnectorCaller,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._plans = plans
        self._claims = claims
        self._approvals = approvals
        self._audit = audit
        self._caller = caller
        self._now = now

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Open a write transaction that holds the lock of claims, decisions and the audit."""
        with self._database.write_transaction(durable=True) as transaction:
            self._database.advisory_lock(transaction, AUDIT_LOCK)
            yield transaction

    def find_begun(self, transaction: sa.Connection, call: ActionCall) -> list[StoredPlan]:
        """Return the plans with which earlier calls of this intent have begun, if their time is not over.

        The same parameters without a business key are one intent for as long as their plan lives.
        """
        if call.business_key is not None:
            claim = self._claims.get(transaction, call.key(call.business_key), call.params)
            hashes = [claim.plan_hash] if claim else []
        else:
            hashes = self._claims.list_keyless_plans(transaction, call.key(""), call.params)
        found = (self._plans.get(transaction, call.connection.id, hashed) for hashed in hashes)
        now = self._now()
        return [
            stored_plan
            for stored_plan in found
            if stored_plan and stored_plan.expires_at > now and stored_plan.state != "stale"
        ]

    def execute(self, call: ActionCall, stored_plan: StoredPlan, *, unless_begun: bool = False) -> Outcome:
        """Do a plan if it is allowed.

        Args:
            call: Who asks for it now.
            stored_plan: The plan.
            unless_begun: Another plan of the same intent goes first, if it was begun in the meantime.

        Returns:
            What it came to, or ``needs_approval``.

        Raises:
            Conflict: The plan cannot be done any more, or another process is doing it.
            Misconfigured: The policy forbids it.
            ConnectorError: of the connector.
        """
        key = call.key(stored_plan.key)
        call = replace(call, params=stored_plan.params, business_key=stored_plan.business_key)
        with self.transaction() as transaction:
            begun = self.find_begun(transaction, call) if unless_begun else []
            if begun and stored_plan.plan.hash not in {each.plan.hash for each in begun}:
                stored_plan, key = begun[0], call.key(begun[0].key)
            claim = self._claims.get(transaction, key, stored_plan.params)
            if claim is not None and claim.state == "done":
                return self.repeat_result(transaction, call, claim)
            stored_plan = self._plans.get(transaction, stored_plan.connection_id, stored_plan.plan.hash) or stored_plan
            require_open(stored_plan, self._now())
            if stored_plan.decision and stored_plan.decision.decision == "refused":
                raise plan_refused_error(stored_plan)
            policy_decision, approval = self._approvals.check_allowed(transaction, call.connection, stored_plan)
            if policy_decision.run == "never":
                raise reasons.POLICY_FORBIDS(action=call.action, why=policy_decision.why)
            details: dict[str, Any] = {"plan_hash": stored_plan.plan.hash, "policy": vars(policy_decision)}
            if policy_decision.run == "ask" and approval is None:
                self._audit.add(transaction, "waiting", **call.audit_fields(stored_plan.key), **details)
                return Outcome(
                    "needs_approval",
                    call.action,
                    call.connection,
                    stored_plan=stored_plan,
                    policy_decision=policy_decision,
                )
            call.bound(transaction)
            owner = self._claims.acquire(transaction, key, stored_plan.params, stored_plan.plan)
            if approval is not None:
                details |= {"approver": approval.approver, "self_approved": stored_plan.self_approved}
            self._audit.add(transaction, "commit", **{"approver": None} | call.audit_fields(stored_plan.key) | details)
        try:
            result = self._run_commit(call, key, owner, stored_plan, approval)
        finally:
            ownership.forget_owner(owner)
        status: Literal["done", "partial"] = "done" if result.status == "done" else "partial"
        return Outcome(status, call.action, call.connection, result, stored_plan, policy_decision)

    def repeat_result(self, transaction: sa.Connection, call: ActionCall, claim: Claim) -> Outcome:
        """Return what a write came to that is done, without a request."""
        names = call.audit_fields(claim.key)
        self._audit.add(transaction, "repeated", **names, plan_hash=claim.plan_hash)
        return Outcome("done", call.action, call.connection, claim.result, repeated=True)

    def _run_commit(
        self, call: ActionCall, key: ClaimKey, owner: str, stored_plan: StoredPlan, approval: ApprovalDecision | None
    ) -> ActionResult:
        """Let the connector write, under a claim that is kept or given back whatever happens."""
        control = {
            "mode": "commit",
            "plan_hash": stored_plan.plan.hash,
            "business_key": stored_plan.business_key,
            "requester": stored_plan.requesters[0],
            "approver": approval.approver if approval else None,
        }
        try:
            with self._claims.heartbeat(key, owner):
                result = self._caller.run(call, stored_plan.params, control)
        except BaseException as error:
            with self.transaction() as transaction:
                self._claims.release(transaction, key, owner, error)
                if isinstance(error, Conflict) and error.reason == "stale_plan":
                    self._plans.set_state(transaction, stored_plan, "stale")
            raise
        with self.transaction() as transaction:
            self._claims.store_result(transaction, key, result)
            if result.status == "done":
                self._plans.set_state(transaction, stored_plan, "done")
            self._audit.add(
                transaction,
                "result",
                **call.audit_fields(stored_plan.key),
                plan_hash=stored_plan.plan.hash,
                **result.model_dump(mode="json", exclude={"action", "plan"}),
            )
        return result
