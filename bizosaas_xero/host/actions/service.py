"""Run an action: a read at once; a write as plan, policy or person, and then once and no more.

``host.act(...)`` is the one door, for commands, agents (MCP) and programs. The connector plans and writes;
the host decides who must say yes, and keeps one intent from being written twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

import sqlalchemy as sa

from bizosaas_xero.host.actions import policy
from bizosaas_xero.host.actions.approvals import Approvals, named
from bizosaas_xero.host.actions.audit import Audit, canonical
from bizosaas_xero.host.actions.call import Call, Caller
from bizosaas_xero.host.actions.execute import Writing
from bizosaas_xero.host.actions.idempotency import Claims
from bizosaas_xero.host.actions.outcome import Outcome
from bizosaas_xero.host.actions.plans import Asked, Plans
from bizosaas_xero.host.connections.grants import Grants
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.plugins.discovery import DiscoveryReport
from bizosaas_xero.host.storage.database import Database
from bizosaas_xero.host.storage.database_errors import is_own
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.spec import Action, Conflict, ConnectorError, Invalid, NotFound

Mode = Literal["run", "plan", "commit"]


class Acting:
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
        self._caller = Caller(store, grants)
        self.audit = Audit(database, now=now)
        self.plans = Plans(database, now=now)
        self.approvals = Approvals(database, store, self.plans, self._claims, self.audit, now=now)
        self._writing = Writing(database, self.plans, self._claims, self.approvals, self.audit, self._caller, now=now)

    def actions(self, connection_id: str) -> list[Action]:
        """List the actions of a connection's connector.

        Raises:
            NotFound: There is no such connection, or its connector is not loaded.
        """
        return self._report.connector(self._store.connection(connection_id).connector).list_actions(None)

    def act(
        self,
        connection_id: str,
        action: str,
        params: Mapping[str, Any] | None = None,
        *,
        requester: str,
        mode: Mode = "run",
        plan_hash: str | None = None,
        business_key: str | None = None,
        bound: Callable[[sa.Connection], None] = lambda _: None,
    ) -> Outcome:
        """Run an action in one organisation, or plan it, or do a plan.

        A read is run, whatever the policy. A write in mode ``plan`` is planned and kept for approval. In mode
        ``commit`` the plan of ``plan_hash`` is done if the policy lets it, or a person approved it. Mode
        ``run`` is both: it plans, and does it if that is allowed; where an earlier call with the same
        business key (or without one, the same parameters) has begun, it goes on with that.

        Args:
            connection_id: The organisation's connection.
            action: An action of its connector.
            params: Its parameters, JSON values; at ``commit`` they may be left out.
            requester: Who or what asks, for the audit, and for the approver to be somebody else.
            mode: What to do.
            plan_hash: For ``commit``: the whole hash.
            business_key: Names the intent, such as a deal's number. The same key is written once, ever; by
                default the plan's hash stands for it.
            bound: Called in the transaction that claims a write, so that what it counts cannot change before
                the claim; what it raises refuses the write.

        Returns:
            What came of it. That a person must say yes first is an outcome, not an error.

        Raises:
            Invalid: Wrong arguments, or the vendor refused the write.
            NotFound: No such connection, action or plan.
            Misconfigured: The policy forbids it (``policy_forbids``).
            Conflict: ``stale_plan``, ``plan_expired``, ``plan_refused``: plan again, or ask the person.
                ``business_key_reused``: another write has this key. ``in_progress``: another process is doing
                it; ask again after ``retry_after``.
            ConnectorError: Any other of the connector. Asking again with the same business key is safe.
        """
        kept = self._store.connection(connection_id)
        connector = self._report.connector(kept.connector)
        who = named(requester, "requester")
        key = None if business_key is None else named(business_key, "business_key")
        plan_hash = None if plan_hash is None else named(plan_hash, "plan_hash")
        if mode not in get_args(Mode):
            raise _wrong("mode", f"must be one of: {', '.join(get_args(Mode))}")
        known = _known(connector, action)
        call = Call(kept, connector, known.name, canonical(params or {}), key, who, bound)
        with self._told(call, mode, plan_hash):
            if known.effect == "read":
                return self._read(call, mode)
            rule = policy.rule_of(kept, known.name)
            if rule is not None and rule["run"] == "never":
                raise policy.refuse(known.name, policy.NEVER)
            if mode == "commit":
                asked = self._planned(call, plan_hash, given=params is not None)
                return self._writing.commit(call, asked)
            if mode == "plan":
                return self._repeated(call) or self._plan(call)
            return self._run(call)

    def _read(self, call: Call, mode: Mode) -> Outcome:
        if mode == "commit":
            raise _wrong("mode", f"cannot be commit: {call.action} only reads")
        result = self._caller.ask(call, call.params, {"mode": mode})
        told = {"params": json.loads(call.params), "calls": result.calls, "bytes": result.bytes}
        self.audit.note("read", **call.names(None), mode=mode, **told)
        return Outcome("planned" if mode == "plan" else "done", call.action, call.kept, result)

    def _run(self, call: Call) -> Outcome:
        done = self._repeated(call)
        if done is not None:
            return done
        with self._database.reading() as connection:
            begun = self._writing.begun(connection, call)
        if begun:
            try:
                return self._writing.commit(call, begun[0])
            except Conflict as error:
                if error.reason != "stale_plan":
                    raise
        outcome = self._plan(call)
        if outcome.asked is None:  # it is done already
            return outcome
        return self._writing.commit(call, outcome.asked, unless_begun=True)

    def _plan(self, call: Call) -> Outcome:
        control = {"mode": "plan", "business_key": call.business_key, "requester": call.requester}
        plan = self._caller.ask(call, call.params, control).plan
        if plan is None or not plan.hash:
            raise call.connector.failure(f"its plan of {call.action} has no hash")
        life = timedelta(hours=policy.hours(call.kept))
        with self._writing.transaction() as transaction:
            held = self._claims.held(transaction, call.key(call.business_key or plan.hash), call.params)
            if held is not None and held.state == "done":
                return self._writing.again(transaction, call, held)
            given = (call.action, call.params, call.business_key, call.requester)
            asked = self.plans.keep(transaction, call.kept.id, given, plan, life)
            verdict = self.approvals.verdict(transaction, call.kept, asked)
            self.audit.add(
                transaction,
                "plan",
                **call.names(asked.key),
                params=json.loads(call.params),
                plan=plan.model_dump(mode="json"),
                policy=vars(verdict),
                expires_at=asked.expires_at,
            )
        if verdict.run == "never":
            raise policy.refuse(call.action, verdict.why)
        return Outcome("planned", call.action, call.kept, asked=asked, verdict=verdict)

    def _planned(self, call: Call, plan_hash: str | None, *, given: bool) -> Asked:
        """Return the plan that a commit names."""
        if not plan_hash:
            raise _wrong("plan_hash", "is missing: a commit needs the hash of the plan that is to be done")
        with self._database.reading() as connection:
            asked = self.plans.get(connection, call.kept.id, plan_hash)
        if asked is None or asked.action != call.action:
            raise NotFound(
                f"{call.kept.organisation} has no plan {plan_hash[:12]!r} of {call.action}.",
                remedy="Plan it first, in this organisation.",
                reason="unknown_plan",
            )
        if given and asked.params != call.params:
            raise _wrong("params", "are not those that were planned: leave them out, or plan again")
        if call.business_key not in {None, asked.business_key}:
            raise _wrong("business_key", "is not the one that was planned: leave it out, or plan again")
        return asked

    def _repeated(self, call: Call) -> Outcome | None:
        """Return what a write of this business key came to, if it is done."""
        if call.business_key is None:
            return None
        with self._writing.transaction() as transaction:
            held = self._claims.held(transaction, call.key(call.business_key), call.params)
            done = held is not None and held.state == "done"
            return self._writing.again(transaction, call, held) if held and done else None

    @contextmanager
    def _told(self, call: Call, mode: str, plan_hash: str | None) -> Iterator[None]:
        """Tell the audit of an error that ends a call; one of the host's own database cannot be told."""
        try:
            yield
        except ConnectorError as error:
            if not is_own(error):
                names = call.names(call.business_key or plan_hash)
                told = {name: error.to_dict()[name] for name in ("code", "reason", "message", "problems")}
                asked = {"mode": mode, "plan_hash": plan_hash, "params": json.loads(call.params)}
                self.audit.note("error", **names, **asked, error=told)
            raise


def _known(connector: Connector, action: str) -> Action:
    actions = {each.name: each for each in connector.list_actions(None)}
    if action in actions:
        return actions[action]
    raise NotFound(
        f"There is no action {action!r}.",
        remedy=f"Use one of: {', '.join(actions)}.",
        reason="unknown_action",
    )


def _wrong(field: str, message: str) -> Invalid:
    return Invalid(f"{field} {message}.", problems=[{"field": field, "message": message}])
