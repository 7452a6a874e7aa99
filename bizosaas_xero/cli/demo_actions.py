"""The product's five actions, as the demo shows them: three reads, and two writes that a person approves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from bizosaas_xero.cli.output import Output
from bizosaas_xero.host import Host, Outcome, StoredConnection

AGENT, APPROVER = "demo agent", "Aroha Ngata"


def run_five_actions(output: Output, host: Host, connection: StoredConnection) -> list[dict[str, Any]]:
    """Run the five actions, show each result, and return the outcomes as JSON values."""
    agent = _DemoAgent(output, host, connection)
    organisation = agent.run("get_organisation", {})
    today = date.fromisoformat(organisation["today"])
    year = {"from_date": organisation["financial_year_start"], "to_date": str(today)}
    profit = agent.run("generate_pnl_report", year)
    tie_out = "tied to the trial balance" if profit["ties"] else f"not tied: {profit['not_tied_because']}"
    agent.say("Generate P&L Report", f"{profit['from_date']} to {profit['to_date']}, {profit['basis']} basis:")
    agent.say("", f"net profit {profit['currency']} {profit['net_profit']}, {tie_out}")
    ageing = agent.run("get_aged_receivables", {"contact_limit": 3})
    agent.say("Get Aged Receivables", f"{ageing['currency']} {ageing['total']} on {ageing['as_of']}:")
    for bucket in ageing["buckets"]:
        agent.say("", f"{bucket['label']:<14}{bucket['amount']:>12}")
    unmatched = agent.run("reconcile_bank_feeds", {"limit": 5})
    count = sum(account["count"] for account in unmatched["accounts"])
    agent.say("Reconcile Bank Feeds", f"{count} entries have no matching bank line yet: to review")

    customer = agent.run("find_contacts", {"limit": 1})["contacts"][0]
    deal = {"id": "D-1042", "title": "Website redesign", "value": 1234.5, "currency": connection.currency}
    params = {
        "contact": {"id": customer["contact_id"]},
        "deal": deal,
        "value_is": "net",
        "account": "200",
        "due_date": str(today + timedelta(days=14)),
        "status": "authorised",
    }
    invoice = agent.write("create_invoice", params, "invoice for deal D-1042")
    agent.say("Create Invoice", f"{invoice['number']} for deal D-1042: {invoice['currency']} {invoice['total']}")
    payment = {"invoice": invoice["invoice_id"], "account": "090"}
    paid = agent.write("mark_invoice_paid", payment, "payment of deal D-1042")
    agent.say("Mark Invoice Paid", f"{invoice['number']} is {str(paid['status']).lower()}")
    return [outcome.to_dict() for outcome in agent.outcomes]


class _DemoAgent:
    """Runs actions as an agent does; the demo approves its plans in a person's name."""

    def __init__(self, output: Output, host: Host, connection: StoredConnection) -> None:
        self._output, self._host, self._connection = output, host, connection
        self.outcomes: list[Outcome] = []

    def say(self, title: str, text: str) -> None:
        self._output.say(f"   {title:<22}{text}")

    def run(self, action: str, params: Mapping[str, Any], business_key: str | None = None) -> dict[str, Any]:
        outcome = self._act(action, params, business_key)
        self.outcomes.append(outcome)
        return dict(outcome.result.data) if outcome.result else {}

    def write(self, action: str, params: Mapping[str, Any], business_key: str) -> dict[str, Any]:
        outcome = self._act(action, params, business_key)
        if outcome.status == "needs_approval" and outcome.stored_plan is not None:
            self._output.say()
            self._output.markdown(outcome.stored_plan.plan.summary)
            self._host.action_service.approvals.approve(outcome.stored_plan, APPROVER)
            self._output.say(f"   {AGENT} asked; the demo approves in the name of {APPROVER}.", style="dim")
        return self.run(action, params, business_key)

    def _act(self, action: str, params: Mapping[str, Any], business_key: str | None) -> Outcome:
        return self._host.action_service.act(
            self._connection.id, action, params, requester=AGENT, business_key=business_key
        )
