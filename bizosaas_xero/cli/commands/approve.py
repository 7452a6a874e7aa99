"""``approve``: a plan as a person reads it, and their yes or no."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bizosaas_xero.cli import common, render
from bizosaas_xero.cli.commands.actions import me
from bizosaas_xero.cli.output import OK, PERSON, Output, duration, table
from bizosaas_xero.host import Asked, Host
from bizosaas_xero.host.actions.plan_markdown import visible
from bizosaas_xero.host.actions.policy import Verdict
from bizosaas_xero.spec import Invalid


@dataclass(frozen=True)
class Request:
    """What ``approve`` was asked for."""

    plan: str | None
    organisation: str | None
    name: str | None
    refuse: bool = False
    yes: bool = False


def approve(output: Output, asked: Request) -> int:
    """Show what waits, or one plan, and keep what the person says."""
    if asked.yes and asked.refuse:
        raise Invalid(
            "--yes and --refuse exclude each other.",
            problems=[{"field": "refuse", "message": "excludes --yes"}],
        )
    with common.the_host() as host:
        connection_id = None
        if asked.organisation is not None:
            connection_id = common.one(common.connections(host, asked.organisation)).id
        if asked.plan is None:
            return _waiting(output, host, connection_id, asked)
        plan = host.plans.find(asked.plan, connection_id)
        return _decide(output, host, plan, asked)


def _waiting(output: Output, host: Host, connection_id: str | None, asked: Request) -> int:
    if asked.yes or asked.refuse:
        message = "names no plan"
        raise Invalid(
            f"The command {message}.",
            remedy="Give its hash; see those that wait: bizosaas-xero approve",
            problems=[{"field": "plan_hash", "message": message}],
        )
    common.connections(host)
    found = [(plan, host.approvals.look(plan)) for plan in _connected(host, connection_id)]
    output.data({"plans": [plan.to_dict() | {"policy": vars(verdict)} for plan, verdict in found]})
    if not found:
        output.say("Nothing waits for a person.")
        return OK
    now = datetime.now(found[0][0].expires_at.tzinfo)
    rows = [
        (
            plan.short,
            visible(plan.plan.organisation),
            plan.action,
            "" if plan.plan.amount is None else f"{plan.plan.amount} {plan.plan.currency or ''}",
            visible(", ".join(plan.requesters)),
            f"in {duration((plan.expires_at - now).total_seconds())}",
            _stands(plan, verdict),
        )
        for plan, verdict in found
    ]
    columns = ("Plan", "Organisation", "Action", "Amount", "Asked by", "Expires", "Needs")
    output.show(table(columns, rows, ("Amount",)))
    output.say()
    output.say("Look at one, and say yes or no:")
    output.command(f"bizosaas-xero approve {found[0][0].short}")
    return OK


def _connected(host: Host, connection_id: str | None) -> list[Asked]:
    known = {kept.id for kept in host.store.connections()}
    return [plan for plan in host.plans.waiting(connection_id) if plan.connection_id in known]


def _stands(plan: Asked, verdict: Verdict) -> str:
    if plan.decision:
        return visible(f"{plan.decision.decision} by {plan.decision.approver}")
    return {"ask": "a person", "auto": "nobody", "never": "refused by policy"}[verdict.run]


def _decide(output: Output, host: Host, plan: Asked, asked: Request) -> int:
    verdict = host.approvals.look(plan)
    render.plan(output, plan, verdict)
    who = me(asked.name)
    word = "refuse" if asked.refuse else "approve" if asked.yes else _asked(output, plan, who)
    if not word:
        output.data({"plan": plan.to_dict() | {"policy": vars(verdict)}, "decision": None})
        output.say()
        output.say("Nothing was decided.", "yellow")
        return PERSON
    if word == "refuse":
        decision = host.approvals.refuse(plan, who)
    else:
        decision = host.approvals.approve(plan, who, unseen=asked.yes)
    output.data({"plan": plan.to_dict() | {"policy": vars(verdict)}, "decision": decision.to_dict()})
    output.say()
    if word == "refuse":
        output.say(f"{decision.approver} refused it.", "yellow")
        return OK
    output.say(f"{decision.approver} approved it, until {decision.expires_at:%Y-%m-%d %H:%M} UTC.", "green")
    output.say("Whoever asked for it asks again, or do it now:")
    output.command(f"bizosaas-xero run {plan.action} --commit {plan.short}")
    return OK


def _asked(output: Output, plan: Asked, who: str) -> str:
    """Ask the person; an empty answer decides nothing."""
    amount = plan.plan.amount
    much = "" if amount is None else f" of {amount} {plan.plan.currency or ''}".rstrip()
    told = f"{plan.action}{much} in {visible(plan.plan.organisation)}"
    said = render.answer(output, f"{who}: approve {told}? [yes / no / Enter: decide later]")
    return {"y": "approve", "yes": "approve", "n": "refuse", "no": "refuse"}.get(said, "")
