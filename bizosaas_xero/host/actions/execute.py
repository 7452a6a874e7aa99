"""Do a plan: if policy or a person allows it, and once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from bizosaas_xero.host.actions import policy
from bizosaas_xero.host.actions.approvals import Approvals, ready
from bizosaas_xero.host.actions.audit import Audit
from bizosaas_xero.host.actions.call import Call, Caller
from bizosaas_xero.host.actions.idempotency import Claimed, Claims, Key
from bizosaas_xero.host.actions.outcome import Outcome
from bizosaas_xero.host.actions.plans import Asked, Decision, Plans, refused
from bizosaas_xero.host.storage.database import AUDIT_LOCK, Database
from bizosaas_xero.spec import ActionResult, Conflict, ConnectorError

_WROTE_NOTHING = frozenset({"invalid", "not_found", "missing_scope", "conflict", "misconfigured"})
"""Codes with which a connector refuses a write: what the write is about was not made by that attempt."""


class Writing:
    """Does plans.

    Args:
        database: Where plans, claims and the audit are.
        plans: What was asked for.
        claims: Lets an intent be written once.
        approvals: What policy and people allow.
        audit: Told of everything.
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
        caller: Caller,
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
        """Open a write transaction in which nobody else claims, decides or tells."""
        with self._database.writing() as transaction:
            self._database.in_turn(transaction, AUDIT_LOCK)
            yield transaction

    def begun(self, transaction: sa.Connection, call: Call) -> list[Asked]:
        """Return the plans with which earlier calls of this intent have begun, if their time is not over.

        The same parameters without a business key are one intent for as long as their plan lives.
        """
        if call.business_key is not None:
            held = self._claims.held(transaction, call.key(call.business_key), call.params)
            hashes = [held.plan_hash] if held else []
        else:
            hashes = self._claims.without_key(transaction, call.key(""), call.params)
        found = (self._plans.get(transaction, call.kept.id, hashed) for hashed in hashes)
        now = self._now()
        return [asked for asked in found if asked and asked.expires_at > now and asked.state != "stale"]

    def commit(self, call: Call, asked: Asked, *, unless_begun: bool = False) -> Outcome:
        """Do a plan if it is allowed.

        Args:
            call: Who asks for it now.
            asked: The plan.
            unless_begun: Another plan of the same intent goes first, if it was begun in the meantime.

        Returns:
            What it came to, or ``needs_approval``.

        Raises:
            Conflict: The plan cannot be done any more, or another process is doing it.
            Misconfigured: The policy forbids it.
            ConnectorError: of the connector.
        """
        key = call.key(asked.key)
        call = replace(call, params=asked.params, business_key=asked.business_key)
        with self.transaction() as transaction:
            begun = self.begun(transaction, call) if unless_begun else []
            if begun and asked.plan.hash not in {each.plan.hash for each in begun}:
                asked, key = begun[0], call.key(begun[0].key)
            held = self._claims.held(transaction, key, asked.params)
            if held is not None and held.state == "done":
                return self.again(transaction, call, held)
            asked = self._plans.get(transaction, asked.connection_id, asked.plan.hash) or asked
            ready(asked, self._now())
            if asked.decision and asked.decision.decision == "refused":
                raise refused(asked)
            verdict, approval = self._approvals.allowed(transaction, call.kept, asked)
            if verdict.run == "never":
                raise policy.refuse(call.action, verdict.why)
            told: dict[str, Any] = {"plan_hash": asked.plan.hash, "policy": vars(verdict)}
            if verdict.run == "ask" and approval is None:
                self._audit.add(transaction, "waiting", **call.names(asked.key), **told)
                return Outcome("needs_approval", call.action, call.kept, asked=asked, verdict=verdict)
            call.bound(transaction)
            owner = self._claims.take(transaction, key, asked.params, asked.plan)
            approver = approval.approver if approval else None
            self._audit.add(transaction, "commit", **call.names(asked.key), **told, approver=approver)
        result = self._write(call, key, owner, asked, approval)
        status: Literal["done", "partial"] = "done" if result.status == "done" else "partial"
        return Outcome(status, call.action, call.kept, result, asked, verdict)

    def again(self, transaction: sa.Connection, call: Call, held: Claimed) -> Outcome:
        """Return what a write came to that is done, without a request."""
        names = call.names(held.key.key)
        self._audit.add(transaction, "repeated", **names, plan_hash=held.plan_hash)
        return Outcome("done", call.action, call.kept, held.result, repeated=True)

    def _write(self, call: Call, key: Key, owner: str, asked: Asked, approval: Decision | None) -> ActionResult:
        """Let the connector write, under a claim that is kept or given back whatever happens."""
        control = {
            "mode": "commit",
            "plan_hash": asked.plan.hash,
            "business_key": asked.business_key,
            "requester": asked.requesters[0],
            "approver": approval.approver if approval else None,
        }
        try:
            with self._claims.alive(key, owner):
                result = self._caller.ask(call, asked.params, control)
        except BaseException as error:
            with self.transaction() as transaction:
                refusal = isinstance(error, ConnectorError) and error.code in _WROTE_NOTHING
                self._claims.release(transaction, key, owner, wrote_nothing=refusal)
                if isinstance(error, Conflict) and error.reason == "stale_plan":
                    self._plans.set_state(transaction, asked, "stale")
            raise
        with self.transaction() as transaction:
            self._claims.finish(transaction, key, result)
            if result.status == "done":
                self._plans.set_state(transaction, asked, "done")
            self._audit.add(
                transaction,
                "result",
                **call.names(asked.key),
                plan_hash=asked.plan.hash,
                **result.model_dump(mode="json", exclude={"action", "plan"}),
            )
        return result
