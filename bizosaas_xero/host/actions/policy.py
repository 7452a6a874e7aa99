"""What may run without a person: decided by the organisation's rule for the action, and by the plan.

A rule is kept by ``configure`` as ``{"run": ..., "max_amount": ..., "daily_total": ..., "yes": ...}``;
amounts are in the organisation's base currency.

* no rule: a plan that only makes a draft, or that sends nothing but GET requests, runs; a person approves any other.
  A plan that does not say what it does (``acts`` missing, unknown, or empty with a write) is approved by a person.
* ``always``: runs; with amounts, only up to them, and beyond them a person is asked.
* ``approval``: a person is asked each time; with amounts, beyond them it is refused even so.
* ``never``: refused.

An amount that is not known before is beyond no bound, but where the rule has amounts a person is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from bizosaas_xero.host.storage.models import StoredConnection
from bizosaas_xero.spec import Plan

DEFAULT_PLAN_HOURS = 24
"""How long a plan waits for a person, where nothing else is configured."""


NEVER = "the policy of this organisation never lets it run"


@dataclass(frozen=True)
class PolicyDecision:
    """What a policy says of one plan: run it (``auto``), ask a person (``ask``), or ``never``; and why."""

    run: Literal["auto", "ask", "never"]
    why: str


def find_rule(connection: StoredConnection, action: str) -> Mapping[str, Any] | None:
    """Return the organisation's rule for an action; ``None`` if nothing was decided."""
    rule: Mapping[str, Any] | None = connection.preferences.get("policy", {}).get(action)
    return rule


def plan_lifetime_hours(connection: StoredConnection) -> int:
    """Return for how many hours a plan of this organisation can be approved and done."""
    return int(connection.preferences.get("plan_hours", DEFAULT_PLAN_HOURS))


def decide(rule: Mapping[str, Any] | None, plan: Plan, spent: Decimal | None) -> PolicyDecision:
    """Say whether a plan may run without a person.

    Args:
        rule: The organisation's for this action.
        plan: What would be done.
        spent: What writes of this action come to today; ``None``: one of them is of unknown amount.
    """
    if rule is None:
        return _decide_by_acts(plan)
    run = rule["run"]
    if run == "never":
        return PolicyDecision("never", NEVER)
    over = _exceeded_bound(rule, plan, spent)
    if run == "approval":
        if over and plan.amount is not None and spent is not None:
            return PolicyDecision("never", f"{over}, which the policy lets no one approve")
        return PolicyDecision("ask", "the policy of this organisation asks a person each time")
    return (
        PolicyDecision("ask", over) if over else PolicyDecision("auto", "the policy of this organisation lets it run")
    )


def is_undeclared(plan: Plan) -> bool:
    """Return whether a plan does not say what it does: no ``acts``, or none although it writes."""
    return plan.acts is None or (not plan.acts and any(map(_is_write, plan.requests)))


def _decide_by_acts(plan: Plan) -> PolicyDecision:
    if is_undeclared(plan):
        return PolicyDecision("ask", "the connector does not say what it would do")
    acts = plan.acts or []
    if acts and set(acts) != {"draft"}:
        return PolicyDecision("ask", f"it would {' and '.join(map(_act_words, acts))}")
    return PolicyDecision("auto", "it only makes a draft" if acts else "it changes nothing")


def _is_write(request: Mapping[str, Any]) -> bool:
    return str(request.get("method", "")).upper() != "GET"


def _exceeded_bound(rule: Mapping[str, Any], plan: Plan, spent: Decimal | None) -> str:
    """Return which bound a plan exceeds, or why that is unknown; empty: it is within them."""
    most, daily = (None if rule.get(name) is None else Decimal(rule[name]) for name in ("max_amount", "daily_total"))
    if most is None and daily is None:
        return ""
    if plan.amount is None:
        return "its amount is not known before it is done"
    amount = abs(plan.amount)
    if most is not None and amount > most:
        return f"{amount} is more than {most}, the most for one"
    if daily is not None and spent is None:
        return "the day's total is not known: a write of today is of unknown amount"
    if daily is not None and spent is not None and spent + amount > daily:
        return f"with {spent} of today it comes to {spent + amount}, and {daily} is the most for a day"
    return ""


def _act_words(act: str) -> str:
    return act.replace("_", " ")
