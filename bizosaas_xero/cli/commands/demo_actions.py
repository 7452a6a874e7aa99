"""The five actions of the product, as the demo shows them: three that read, two that a person approves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from rich.markdown import Markdown

from bizosaas_xero.cli.output import Output
from bizosaas_xero.host import Host, Outcome, StoredConnection
from bizosaas_xero.host.actions.plan_markdown import visible

AGENT, PERSON = "demo agent", "Aroha Ngata"


def five(output: Output, host: Host, kept: StoredConnection) -> list[dict[str, Any]]:
    """Run the five actions, say what came of each, and return their outcomes as JSON values."""
    shown = _Shown(output, host, kept)
    organisation = shown.act("get_organisation", {})
    today = date.fromisoformat(organisation["today"])
    year = {"from_date": organisation["financial_year_start"], "to_date": str(today)}
    profit = shown.act("generate_pnl_report", year)
    tied = "tied to the trial balance" if profit["ties"] else f"not tied: {profit['not_tied_because']}"
    shown.say("Generate P&L Report", f"{profit['from_date']} to {profit['to_date']}, {profit['basis']} basis:")
    shown.say("", f"net profit {profit['currency']} {profit['net_profit']}, {tied}")
    owed = shown.act("get_aged_receivables", {"contact_limit": 3})
    shown.say("Get Aged Receivables", f"{owed['currency']} {owed['total']} on {owed['as_of']}:")
    for bucket in owed["buckets"]:
        shown.say("", f"{bucket['label']:<14}{bucket['amount']:>12}")
    unmatched = shown.act("reconcile_bank_feeds", {"limit": 5})
    counted = sum(account["count"] for account in unmatched["accounts"])
    shown.say("Reconcile Bank Feeds", f"{counted} entries are matched by no bank line yet: for review")

    customer = shown.act("find_contacts", {"limit": 1})["contacts"][0]
    deal = {"id": "D-1042", "title": "Website redesign", "value": 1234.5, "currency": kept.currency}
    invoice = {
        "contact": {"id": customer["contact_id"]},
        "deal": deal,
        "value_is": "net",
        "account": "200",
        "due_date": str(today + timedelta(days=14)),
        "status": "authorised",
    }
    made = shown.write("create_invoice", invoice, "invoice for deal D-1042")
    shown.say("Create Invoice", f"{made['number']} for deal D-1042: {made['currency']} {made['total']}")
    paid = shown.write("mark_invoice_paid", {"invoice": made["invoice_id"], "account": "090"}, "payment of deal D-1042")
    shown.say("Mark Invoice Paid", f"{made['number']} is {str(paid['status']).lower()}")
    return [outcome.to_dict() for outcome in shown.outcomes]


class _Shown:
    """Runs actions as an agent does, and lets a person approve what they must."""

    def __init__(self, output: Output, host: Host, kept: StoredConnection) -> None:
        self._output, self._host, self._kept = output, host, kept
        self.outcomes: list[Outcome] = []

    def say(self, title: str, text: str) -> None:
        self._output.say(f"   {title:<22}{visible(text)}")

    def act(self, action: str, params: Mapping[str, Any], key: str | None = None) -> dict[str, Any]:
        outcome = self._ask(action, params, key)
        self.outcomes.append(outcome)
        return dict(outcome.result.data) if outcome.result else {}

    def write(self, action: str, params: Mapping[str, Any], key: str) -> dict[str, Any]:
        outcome = self._ask(action, params, key)
        if outcome.status == "needs_approval" and outcome.asked is not None:
            self._output.say()
            self._output.console.print(Markdown(visible(outcome.asked.plan.summary, lines=True)))
            self._host.acting.approvals.approve(outcome.asked, PERSON)
            self._output.say(f"   {AGENT} asked; the demo says yes in the name of {PERSON}.", "dim")
        return self.act(action, params, key)

    def _ask(self, action: str, params: Mapping[str, Any], key: str | None) -> Outcome:
        return self._host.acting.act(self._kept.id, action, params, requester=AGENT, business_key=key)
