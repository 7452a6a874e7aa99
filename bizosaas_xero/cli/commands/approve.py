"""``approve``: show a plan to a person, and record their decision."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bizosaas_xero.cli.common import (
    current_user,
    find_connections,
    handle_errors,
    open_cli_host,
    read_answer,
    require_one,
)
from bizosaas_xero.cli.options import AsJson, Organisation, UserName
from bizosaas_xero.cli.output import OK, PERSON, Output, format_duration

if TYPE_CHECKING:
    from bizosaas_xero.host import Host, StoredPlan
    from bizosaas_xero.host.actions.policy import PolicyDecision


@handle_errors
def approve(
    plan: Annotated[
        str | None,
        typer.Argument(metavar="HASH", help="The first 8 characters are enough. Default: list plans."),
    ] = None,
    *,
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse the plan.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; only if the policy allows it.")] = False,
    organisation: Organisation = None,
    name: UserName = None,
    as_json: AsJson = False,
) -> int:
    """Show a plan, and approve or refuse it."""
    from bizosaas_xero.spec import Invalid

    if yes and refuse:
        raise Invalid.field("refuse", "excludes --yes", summary="--yes and --refuse exclude each other.")
    if plan is None and (yes or refuse):
        remedy = "Give its hash; list the waiting plans with: bizosaas-xero approve"
        raise Invalid.field("plan_hash", "names no plan", remedy, summary="The command {message}.")
    output = Output(as_json=as_json)
    with open_cli_host() as host:
        connection_id = None
        if organisation is not None:
            connection_id = require_one(find_connections(host, organisation)).id
        if plan is None:
            return _list_waiting(output, host, connection_id)
        stored = host.plans.find_by_prefix(plan, connection_id)
        return _decide(output, host, stored, current_user(name), refuse=refuse, yes=yes)


def _list_waiting(output: Output, host: Host, connection_id: str | None) -> int:
    known = {connection.id for connection in find_connections(host)}
    waiting = [each for each in host.plans.list_open(connection_id) if each.connection_id in known]
    plans = [(each, host.approvals.current_decision(each)) for each in waiting]
    output.write_json({"plans": [each.to_dict() | {"policy": vars(decision)} for each, decision in plans]})
    if not plans:
        output.say("No plan waits for approval.")
        return OK
    now = datetime.now(plans[0][0].expires_at.tzinfo)
    rows = [
        (
            each.short,
            each.plan.organisation,
            each.action,
            _amount(each),
            ", ".join(each.requesters),
            f"in {format_duration((each.expires_at - now).total_seconds())}",
            _needs(each, decision),
        )
        for each, decision in plans
    ]
    columns = ("Plan", "Organisation", "Action", "Amount", "Requested by", "Expires", "Needs")
    output.table(columns, rows, ("Amount",))
    output.say()
    output.say("Show one, and approve or refuse it:")
    output.command(f"bizosaas-xero approve {plans[0][0].short}")
    return OK


def _needs(plan: StoredPlan, decision: PolicyDecision) -> str:
    if plan.decision:
        return f"{plan.decision.decision} by {plan.decision.approver}"
    return {"ask": "approval", "auto": "nothing", "never": "refused by policy"}[decision.run]


def _decide(output: Output, host: Host, plan: StoredPlan, user: str, *, refuse: bool, yes: bool) -> int:
    from bizosaas_xero.cli.render import show_plan

    policy = host.approvals.current_decision(plan)
    show_plan(output, plan, policy)
    answer = "refuse" if refuse else "approve" if yes else _ask(output, plan, user)
    own = answer == "approve" and not yes and plan.is_requester(user)
    if own and host.approvals.may_approve_own(plan) and not _confirm_own(output, plan):
        answer = ""
    result = {"plan": plan.to_dict() | {"policy": vars(policy)}}
    output.say()
    if not answer:
        output.write_json(result | {"decision": None})
        output.say("Nothing was decided.", style="yellow")
        return PERSON
    if answer == "refuse":
        decision = host.approvals.refuse(plan, user)
    else:
        decision = host.approvals.approve(plan, user, unseen=yes, confirmed=own)
    output.write_json(result | {"decision": decision.to_dict()})
    if answer == "refuse":
        output.say(f"{decision.approver} refused it.", style="yellow")
        return OK
    own_words = " (self-approved)" if own else ""
    output.say(
        f"{decision.approver} approved it{own_words}, until {decision.expires_at:%Y-%m-%d %H:%M} UTC.", style="green"
    )
    output.say("The requester can retry, or run it now:")
    output.command(f"bizosaas-xero run {plan.action} --commit {plan.short}")
    return OK


def _ask(output: Output, plan: StoredPlan, user: str) -> str:
    """Ask the person; return ``approve``, ``refuse``, or an empty text if they did not decide."""
    value = "" if plan.plan.amount is None else f" of {_amount(plan)}"
    subject = f"{plan.action}{value} in {plan.plan.organisation}"
    answer = read_answer(output, f"{user}: approve {subject}? [yes / no / Enter: decide later]")
    return {"y": "approve", "yes": "approve", "n": "refuse", "no": "refuse"}.get(answer, "")


def _confirm_own(output: Output, plan: StoredPlan) -> bool:
    """Ask the owner a second time, for a word that is typed, because no other person looks at the plan."""
    word = _amount(plan) or plan.action
    answer = read_answer(
        output, f"You asked for this yourself, and no other person will look at it. To confirm, type {word}:"
    )
    return answer == word.lower()


def _amount(plan: StoredPlan) -> str:
    amount = plan.plan.amount
    return "" if amount is None else f"{amount} {plan.plan.currency or ''}".rstrip()
