"""What each action costs in calls and time, beside how others get the same."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from contract_tests.benchmarks.report import Table
from contract_tests.benchmarks.stage import Stage, staged

TODAY = datetime.now(UTC).date()
READS: dict[str, dict[str, Any]] = {
    "get_aged_receivables": {},
    "get_aged_payables": {},
    "generate_pnl_report": {"from_date": str(TODAY - timedelta(days=30)), "to_date": str(TODAY)},
    "get_balance_sheet": {},
    "reconcile_bank_feeds": {"from_date": str(TODAY - timedelta(days=90)), "to_date": str(TODAY)},
    "get_organisation": {},
    "list_accounts": {},
    "find_contacts": {"name": "Ltd"},
    "find_invoices": {"unpaid": True},
}

RUN = {"mode": "run"}
WRITES = (
    "create_contact", "create_invoice", "email_invoice", "mark_invoice_paid", "delete_payment",
    "create_credit_note", "void_invoice",
)  # fmt: skip


def actions(invoices: int = 2_000, rounds: int = 5, *, peers: bool = True) -> Table:
    """Run each action; then ask for the same as others do."""
    from bizosaas_xero import plugin

    table = Table("actions", f"{invoices:,} invoices and bills, no latency; median of {rounds} runs")
    with staged(invoices, mixed=True) as stage:
        account = stage.account()
        connection = {
            "organisation_id": account["organisation"],
            "access_token": account["access_token"],
            "scopes": account["scope"].split(),
            "settings": {"api_url": stage.url, "calls_per_minute": 0},
        }
        for name, params in READS.items():
            _add(table, stage, name, rounds, partial(plugin.run_action, connection, name, params, RUN))
        _writes(table, stage, connection, rounds)
        if peers:
            _peers(table, stage, account, rounds)
    assert set(table.rows) >= {action.name for action in plugin.list_actions(None)}
    return table


def _writes(table: Table, stage: Stage, connection: dict[str, Any], rounds: int) -> None:
    """Let a customer come, be invoiced, written to, paid, paid back and credited, several times."""
    from bizosaas_xero import plugin

    taken: dict[str, list[tuple[int, float, float]]] = defaultdict(list)

    def do(name: str, /, **params: Any) -> dict[str, Any]:
        control = {"mode": "run", "business_key": f"{name}-{len(taken[name])}"} if name in WRITES else RUN
        stage.log()
        wall, cpu = time.perf_counter(), time.process_time()
        data = plugin.run_action(connection, name, params, control).data
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        taken[name].append((len(stage.log()), wall, cpu))
        return data

    stage.post(f"organisations/{connection['organisation_id']}", {"email_cap": rounds + 1}, "PATCH")
    line = {"description": "Work", "quantity": "1", "unit_amount": "100.00", "account": "200"}
    for number in range(rounds + 1):
        who = do("create_contact", name=f"Customer {number} Ltd", email="someone@example.com")
        sold = {
            "contact": {"id": who["contact_id"]},
            "lines": [line],
            "status": "authorised",
            "due_date": str(TODAY + timedelta(days=14)),
        }
        invoice, other = (do("create_invoice", **sold)["number"] for _ in range(2))
        do("email_invoice", invoice=invoice)
        paid = do("mark_invoice_paid", invoice=invoice, account="090")
        do("delete_payment", payment_id=paid["payment_id"])
        do("create_credit_note", invoice=invoice, status="authorised")
        do("void_invoice", invoice=other)
        owed = do("get_invoice", invoice=other)
        text = f"Invoice {other} comes to {owed['total']} {owed['currency']}."
        do("verify_figures", text=text)
    for name, runs in taken.items():
        _told(table, name, runs[1:])


def _add(table: Table, stage: Stage, label: str, rounds: int, call: Callable[[], Any]) -> None:
    """Call once to warm up, then several times."""
    call()
    taken = []
    for _ in range(rounds):
        stage.log()
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        taken.append((len(stage.log()), wall, cpu))
    _told(table, label, taken)


def _told(table: Table, label: str, taken: list[tuple[int, float, float]]) -> None:
    calls, wall, cpu = (statistics.median(figures) for figures in zip(*taken, strict=True))
    table.add(label, calls=calls, ms=round(wall * 1000), cpu_ms=round(cpu * 1000))


def _peers(table: Table, stage: Stage, account: dict[str, Any], rounds: int) -> None:
    """Ask Xero's reports as a user of its SDK does: ageing takes one call for each contact with a debt."""
    from contract_tests.benchmarks.readers import sdk

    api, tenant = sdk(account)

    def contacts() -> list[str]:
        found: list[str] = []
        page = 1
        while rows := api.get_contacts(tenant, page=page, page_size=100).contacts:
            found += [row.contact_id for row in rows]
            page += 1
        return found

    def ageing() -> None:
        for contact in contacts():
            api.get_report_aged_receivables_by_contact(tenant, contact_id=contact)

    _add(table, stage, "xero-python: ageing, a call for each contact", 1, ageing)
    _add(
        table, stage, "xero-python: profit and loss", rounds,
        lambda: api.get_report_profit_and_loss(tenant, from_date=TODAY - timedelta(days=30), to_date=TODAY),
    )  # fmt: skip
