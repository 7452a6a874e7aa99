"""Plans that wait for a person, their history, and the rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bizosaas_xero.host import StoredConnection, StoredPlan
from bizosaas_xero.host.actions.policy import find_rule, is_undeclared, plan_lifetime_hours
from bizosaas_xero.host.connections.organisation_details import time_zone_of
from bizosaas_xero.spec import Action, NotFound
from bizosaas_xero.web import words
from bizosaas_xero.web.guard import SignInAgain, visit_of
from bizosaas_xero.web.pages.base import Page

MAX_ENTRIES = 100
"""Entries of the audit on one page, the newest."""

MAX_REASON_LENGTH = 500


@dataclass(frozen=True)
class ApprovalPages(Page):
    """What people decide, and what was decided.

    Args:
        sign_in_again: How a person confirms what they approve themselves; ``None``: these pages cannot have it.
    """

    sign_in_again: SignInAgain | None = None

    def list_plans(self, request: Request) -> HTMLResponse:
        """Show the plans that can still be decided and done."""
        connections = {each.id: each for each in self.host.store.connections()}
        plans = [
            self._card(each, connections[each.connection_id])
            for each in self.host.plans.list_open()
            if each.connection_id in connections
        ]
        waiting = [each for each in plans if each["decision"].run == "ask" and each["plan"].decision is None]
        decided = [each for each in plans if each not in waiting]
        return self.show(
            request, "approvals.html", waiting=waiting, decided=decided, connections=list(connections.values())
        )

    def show_plan(self, request: Request) -> HTMLResponse:
        """Show one plan as a person reads it before they decide."""
        plan = self._plan(request)
        connection = self.host.store.connection(plan.connection_id)
        user = visit_of(request).user
        entries = self.host.audit.entries(
            organisation_id=connection.organisation_id, action=plan.action, key=plan.key, last=MAX_ENTRIES
        )
        return self.show(
            request,
            "plan.html",
            **self._card(plan, connection),
            effect=_effect(plan),
            would=words.acts(None if is_undeclared(plan.plan) else plan.plan.acts),
            entries=list(entries),
            does=words.AUDIT,
            may_decide=user.may("approver"),
            asked_it=plan.is_requester(user.name),
            may_own=self.host.approvals.may_approve_own(plan),
            can_confirm=self.sign_in_again is not None,
            confirmed=visit_of(request).session.has_confirmed(self._path(plan), self.now()),
        )

    def confirm(self, request: Request) -> Response:
        """Have the owner sign in again, who saw a plan that only they asked for and wants to approve it."""
        self.require(request, "approver")
        plan, session = self._plan(request), visit_of(request).session
        if self.sign_in_again is None:
            return self.go(request, self._path(plan), "Nothing was decided. Approve it at a terminal.", "problem")
        session.begin_confirmation(self._path(plan), self.now())
        return self.sign_in_again(request, self._path(plan))

    def approve(self, request: Request) -> Response:
        """Keep a person's yes; to what only they asked for, only right after they signed in again."""
        user, plan = self.require(request, "approver"), self._plan(request)
        session = visit_of(request).session
        own = plan.is_requester(user.name) and self.host.approvals.may_approve_own(plan)
        if own and not session.has_confirmed(self._path(plan), self.now()):
            message = "Nothing was decided. To approve what you asked for yourself, sign in again."
            return self.go(request, self._path(plan), message, "problem")
        decision = self.host.approvals.approve(plan, user.name, confirmed=own)
        if own:
            session.confirming = None  # one sign-in confirms one plan
        zone = time_zone_of(self.host.store.connection(plan.connection_id))
        return self.go(
            request,
            self._path(plan),
            f"Approved until {words.local(decision.expires_at, zone)}. It is done when {words.join(plan.requesters)} "
            "asks again.",
        )

    def refuse(self, request: Request) -> Response:
        """Keep a person's no, with their reason."""
        user, plan = self.require(request, "approver"), self._plan(request)
        why = visit_of(request).form.get("reason", "").strip()[:MAX_REASON_LENGTH]
        self.host.approvals.refuse(plan, user.name, why)
        return self.go(request, self._path(plan), "Refused. Nothing was written.")

    def run(self, request: Request) -> Response:
        """Do an approved plan now, instead of when its requester asks again. It is done once, by the first of them."""
        user, plan = self.require(request, "approver"), self._plan(request)
        outcome = self.host.act(
            plan.connection_id, plan.action, requester=user.name, mode="commit", plan_hash=plan.plan.hash
        )
        if outcome.status == "needs_approval":
            return self.go(request, self._path(plan), "Nothing was written: it needs approval first.", "problem")
        result = outcome.result
        if outcome.status == "partial":
            notes = " ".join(result.warnings if result else [])
            return self.go(request, self._path(plan), f"Done in part. {notes}", "warning")
        return self.go(request, self._path(plan), "Done. The result is under Activity.")

    def rules(self, request: Request) -> HTMLResponse:
        """Show what may run without a person, in words."""
        connection = self.connection(request)
        actions = [each for each in self.host.action_service.actions(connection.id) if each.effect == "write"]
        return self.show(
            request,
            "rules.html",
            connection=connection,
            hours=plan_lifetime_hours(connection),
            rows=[self._rule(connection, each) for each in actions],
        )

    def set_rule(self, request: Request) -> Response:
        """Keep a rule for one action."""
        user = self.require(request, "owner")
        connection, form = self.connection(request), visit_of(request).form
        rule: dict[str, Any] | None = {"run": form.get("run", "")}
        if form.get("run") in {None, ""}:
            rule = None
        else:
            for name in ("max_amount", "daily_total"):
                if form.get(name, "").strip():
                    rule = (rule or {}) | {name: form[name].strip().replace(",", "")}
        self.host.configure(connection.id, {"policy": {form.get("action", ""): rule}}, who=user.name)
        return self.go(request, f"/connections/{connection.id}/rules", "The rule is saved.")

    # ------------------------------------------------------------ what the pages show

    def _plan(self, request: Request) -> StoredPlan:
        connection = self.connection(request)
        return self.host.plans.find_by_prefix(request.path_params["hash"], connection.id)

    def _path(self, plan: StoredPlan) -> str:
        return f"/approvals/{plan.connection_id}/{plan.plan.hash}"

    def _card(self, plan: StoredPlan, connection: StoredConnection) -> dict[str, Any]:
        return {
            "plan": plan,
            "connection": connection,
            "zone": time_zone_of(connection),
            "decision": self.host.approvals.current_decision(plan),
            "action": self._action(connection, plan.action),
            "path": self._path(plan),
            "summary": _without_warnings(plan.plan.summary, plan.plan.warnings),
        }

    def _action(self, connection: StoredConnection, name: str) -> str:
        try:
            found = {each.name: each.title for each in self.host.action_service.actions(connection.id)}
        except NotFound:  # its connector is not loaded
            found = {}
        return found.get(name, name)

    def _rule(self, connection: StoredConnection, action: Action) -> dict[str, Any]:
        rule = find_rule(connection, action.name)
        return {"action": action, "rule": rule or {}, "words": words.rule(rule, connection.currency)}


def _effect(plan: StoredPlan) -> dict[str, Any]:
    """Return the postings with their totals by currency."""
    totals: dict[str, dict[str, Decimal]] = {}
    rows = []
    for row in plan.plan.effect:
        currency = str(row.get("currency") or plan.plan.currency or "")
        sums = totals.setdefault(currency, {"debit": Decimal(0), "credit": Decimal(0)})
        for side in sums:
            sums[side] += _amount(row.get(side))
        notes = [
            words.note(name, value)
            for name, value in row.items()
            if name not in {"account", "account_id", "currency", "debit", "credit"} and value is not None
        ]
        shown = {name: row.get(name) or "" for name in ("account", "debit", "credit")}
        rows.append(shown | {"currency": currency, "note": ", ".join(notes)})
    return {"rows": rows, "totals": totals}


def _amount(value: Any) -> Decimal:
    try:
        return Decimal(str(value or 0))
    except InvalidOperation:
        return Decimal(0)


def _without_warnings(summary: str, warnings: Iterable[str]) -> str:
    """Leave out the warnings that a summary repeats: they stand above it."""
    known = {"".join(filter(str.isalnum, each)) for each in warnings}
    lines = (
        line
        for line in summary.split("\n")
        if not line.startswith("- ") or "".join(filter(str.isalnum, line)) not in known
    )
    return "\n".join(lines).strip()
