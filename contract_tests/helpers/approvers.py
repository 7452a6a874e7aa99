"""Who asks and who approves in the tests of acting, and what is looked up."""

from __future__ import annotations

AGENT, PERSON = "agent", "Ann"


def told(host):
    return [entry.kind for entry in host.audit.entries()]


def approved(host, outcome, by=PERSON):
    host.approvals.approve(outcome.stored_plan, by)
    return outcome.stored_plan.plan.hash
