"""Run an action: a read at once; a write as plan, policy or person, and then once and no more.

``host.act(...)`` is the only entry point, for commands, agents (MCP) and programs. The connector plans and writes;
the host decides who must say yes, and keeps one intent from being written twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

import sqlalchemy as sa

from bizosaas_xero.host import reasons
from bizosaas_xero.host.actions import policy
from bizosaas_xero.host.actions.approvals import Approvals
from bizosaas_xero.host.actions.audit import Audit, to_canonical_json
from bizosaas_xero.host.actions.call import ActionCall, ConnectorCaller
from bizosaas_xero.host.actions.execute import PlanExecutor
from bizosaas_xero.host.actions.idempotency import Claims
from bizosaas_xero.host.actions.names import AGENT_PREFIX, validate_name
from bizosaas_xero.host.actions.outcome import Outcome
from bizosaas_xero.host.actions.plans import Plans, StoredPlan
from bizosaas_xero.host.connections.grants import Grants
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.plugins.discovery import DiscoveryReport
from bizosaas_xero.host.storage.database import Database
from bizosaas_xero.host.storage.database_errors import is_database_error
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.spec import Action, Conflict, ConnectorError
from bizosaas_xero.spec.errors import SUBJECT, Invalid

Mode = Literal["run", "plan", "commit"]


class ActionService:
    """Runs actions; ``plans``, ``approvals`` and ``audit`` are the parts that people look into.

    Args:
        database: Where plans, claims and the audit are.
        store: Connections.
        grants: Hands out grants that will last.
        report: The connectors.
        now: The clock.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        grants: Grants,
        report: DiscoveryReport,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._store = store
        self._report = report
        self._now = now
        self._claims = Claims(database, now=now)
        self._caller = ConnectorCaller(store, grants)
        self.audit = Audit(database, now=now)
        self.requesters = self.audit.requesters
        self.plans = Plans(database, now=now)
        self.approvals = Approvals(database, store, self.plans, self._claims, self.audit, now=now)
        self._executor = PlanExecutor(
            database, self.plans, self._claims, self.approvals, self.audit, self._caller, now=now
        )

    def actions(self, connection_id: str) -> list[Action]:
        """List the actions of a connection's connector.

        Raises:
            NotFound: The connection does not exist, or its connector is not loaded.
        """
        return self._report.connector(self._store.connection(connection_id).connector).list_actions(None)

    def act(  # noqa: PLR0913 (what can be said of one call)
        self,
        connection_id: str,
        action: str,
        params: Mapping[str, Any] | None = None,
        *,
        requester: str,
        mode: Mode = "run",
        plan_hash: str | None = None,
        business_key: str | None = None,
        in_person: bool = False,
        bound: Callable[[sa.Connection], None] = lambda _: None,
    ) -> Outcome:
        """Run an action in one organisation, or plan it, or do a plan.

        A read is run, whatever the policy. A write in mode ``plan`` is planned and kept for approval. In mode
        ``commit`` the plan of ``plan_hash`` is done if the policy lets it, or a person approved it. Mode
        ``run`` is both: it plans, and does it if that is allowed; where an earlier call with the same
        business key (or without one, the same parameters) has begun, it continues that one.

        Args:
            connection_id: The organisation's connection.
            action: An action of its connector.
            params: Its parameters, JSON values; at ``commit`` they may be left out.
            requester: The person or program that asks, for the audit; the approver must be another person, but in
                owner mode.
            mode: What to do.
            plan_hash: For ``commit``: the whole hash.
            business_key: Names the intent, such as a deal's number. The same key is written once, ever; by
                default the plan's hash is the key.
            in_person: The requester is a person who asks at a terminal: only then may they approve it themselves, in
                owner mode.
            bound: Called in the transaction that claims a write, so that what it counts cannot change before
                the claim; what it raises refuses the write.

        Returns:
            The outcome. That a person must approve first is an outcome, not an error.

        Raises:
            Invalid: Wrong arguments, or the vendor refused the write.
            NotFound: No such connection, action or plan.
            Misconfigured: The policy forbids it (``policy_forbids``), or the requester was revoked
                (``requester_revoked``).
            Conflict: ``stale_plan``, ``plan_expired``, ``plan_refused``: plan again, or ask the person.
                ``business_key_reused``: another write has this key. ``in_progress``: another process is doing
                it; ask again after ``retry_after``.
            ConnectorError: Any other of the connector. Asking again with the same business key is safe.
        """
        connection = self._store.connection(connection_id)
        connector = self._report.connector(connection.connector)
        who = validate_name(requester, "requester")
        self.requesters.require_allowed(who)
        key = None if business_key is None else validate_name(business_key, "business_key")
        plan_hash = None if plan_hash is None else validate_name(plan_hash, "plan_hash")
        if mode not in get_args(Mode):
            raise Invalid.field("mode", f"must be one of: {', '.join(get_args(Mode))}", summary=SUBJECT)
        action_info = _find_action(connector, action)
        at_terminal = in_person and not who.startswith(AGENT_PREFIX)
        call = ActionCall(
            connection, connector, action_info.name, to_canonical_json(params or {}), key, who, at_terminal, bound
        )
        with self._audited(call, mode, plan_hash):
            if action_info.effect == "read":
                return self._read(call, mode)
            rule = policy.find_rule(connection, action_info.name)
            if rule is not None and rule["run"] == "never":
                raise reasons.POLICY_FORBIDS(action=action_info.name, why=policy.NEVER)
            if mode == "commit":
                stored_plan = self._find_plan(call, plan_hash, has_params=params is not None)
                return self._executor.execute(call, stored_plan)
            if mode == "plan":
                return self._find_repeated(call) or self._plan(call)
            return self._run(call)

    def _read(self, call: ActionCall, mode: Mode) -> Outcome:
        if mode == "commit":
            raise Invalid.field("mode", f"cannot be commit: {call.action} only reads", summary=SUBJECT)
        result = self._caller.run(call, call.params, {"mode": mode})
        details = {"params": json.loads(call.params), "calls": result.calls, "bytes": result.bytes}
        self.audit.record("read", **call.audit_fields(None), mode=mode, **details)
        return Outcome("planned" if mode == "plan" else "done", call.action, call.connection, result)

    def _run(self, call: ActionCall) -> Outcome:
        done = self._find_repeated(call)
        if done is not None:
            return done
        with self._database.read_transaction() as transaction:
            begun = self._executor.find_begun(transaction, call)
        if begun:
            try:
                return self._executor.execute(call, begun[0])
            except Conflict as error:
                if error.reason != "stale_plan":
                    raise
        outcome = self._plan(call)
        if outcome.stored_plan is None:  # it is done already
            return outcome
        return self._executor.execute(call, outcome.stored_plan, unless_begun=True)

    def _plan(self, call: ActionCall) -> Outcome:
        control = {"mode": "plan", "business_key": call.business_key, "requester": call.requester}
        plan = self._caller.run(call, call.params, control).plan
        if plan is None or not plan.hash:
            raise call.connector.failure(f"its plan of {call.action} has no hash")
        life = timedelta(hours=policy.plan_lifetime_hours(call.connection))
        with self._executor.transaction() as transaction:
            claim = self._claims.get(transaction, call.key(call.business_key or plan.hash), call.params)
            if claim is not None and claim.state == "done":
                return self._executor.repeat_result(transaction, call, claim)
            has_params = (call.action, call.params, call.business_key, call.requester, call.in_person)
            stored_plan = self.plans.save(transaction, call.connection.id, has_params, plan, life)
            policy_decision = self.approvals.evaluate_policy(transaction, call.connection, stored_plan)
            self.audit.add(
                transaction,
                "plan",
                **call.audit_fields(stored_plan.key),
                params=json.loads(call.params),
                plan=plan.model_dump(mode="json"),
                policy=vars(policy_decision),
                expires_at=stored_plan.expires_at,
            )
        if policy_decision.run == "never":
            raise reasons.POLICY_FORBIDS(action=call.action, why=policy_decision.why)
        return Outcome(
            "planned", call.action, call.connection, stored_plan=stored_plan, policy_decision=policy_decision
        )

    def _find_plan(self, call: ActionCall, plan_hash: str | None, *, has_params: bool) -> StoredPlan:
        """Return the plan that a commit names."""
        if not plan_hash:
            raise Invalid.field(
                "plan_hash", "is missing: a commit needs the hash of the plan that is to be done", summary=SUBJECT
            )
        with self._database.read_transaction() as transaction:
            stored_plan = self.plans.get(transaction, call.connection.id, plan_hash)
        if stored_plan is None or stored_plan.action != call.action:
            raise reasons.UNKNOWN_PLAN(
                f"{call.connection.organisation} has no plan {plan_hash[:12]!r} of {call.action}.",
                remedy="Plan it first, in this organisation.",
            )
        if has_params and stored_plan.params != call.params:
            raise Invalid.field(
                "params", "are not those that were planned: leave them out, or plan again", summary=SUBJECT
            )
        if call.business_key not in {None, stored_plan.business_key}:
            raise Invalid.field(
                "business_key", "is not the one that was planned: leave it out, or plan again", summary=SUBJECT
            )
        return stored_plan

    def _find_repeated(self, call: ActionCall) -> Outcome | None:
        """Return what a write of this business key came to, if it is done."""
        if call.business_key is None:
            return None
        with self._executor.transaction() as transaction:
            claim = self._claims.get(transaction, call.key(call.business_key), call.params)
            done = claim is not None and claim.state == "done"
            return self._executor.repeat_result(transaction, call, claim) if claim and done else None

    @contextmanager
    def _audited(self, call: ActionCall, mode: str, plan_hash: str | None) -> Iterator[None]:
        """Record an error that ends a call in the audit, unless it is an error of the host's own database."""
        try:
            yield
        except ConnectorError as error:
            if not is_database_error(error):
                names = call.audit_fields(call.business_key or plan_hash)
                details = {name: error.to_dict()[name] for name in ("code", "reason", "message", "problems")}
                stored_plan = {"mode": mode, "plan_hash": plan_hash, "params": json.loads(call.params)}
                self.audit.record("error", **names, **stored_plan, error=details)
            raise


def _find_action(connector: Connector, action: str) -> Action:
    actions = {each.name: each for each in connector.list_actions(None)}
    if action in actions:
        return actions[action]
    raise reasons.UNKNOWN_ACTION(action=action, names=", ".join(actions))
