"""What each action costs in calls and time, beside how others get the same."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
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


def actions(invoices: int = 2_000, rounds: int = 5) -> Table:
    """Run each action that reads, and what writes an invoice; then ask for the same as others do."""
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
            run = partial(plugin.run_action, connection, name, params, {"mode": "run"})
            _add(table, stage, name, rounds, run)
        account_id = stage.control.get(
            f"/_sandbox/data/{account['organisation']}/Contacts", params={"limit": 1}
        ).json()["rows"][0]["ContactID"]
        keys = count()

        def create() -> None:
            line = {"description": "Work", "quantity": "1", "unit_amount": "100.00", "account": "200"}
            params = {"contact": {"id": account_id}, "lines": [line]}
            control = {"mode": "run", "business_key": f"deal-{next(keys)}"}
            plugin.run_action(connection, "create_invoice", params, control)

        _add(table, stage, "create_invoice", rounds, create)
        _peers(table, stage, account, rounds)
    return table


def _add(table: Table, stage: Stage, label: str, rounds: int, call: Callable[[], Any]) -> None:
    """Call once to warm up, then several times."""
    call()
    stage.log()
    taken = []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        taken.append((time.perf_counter() - wall, time.process_time() - cpu))
    calls = len(stage.log()) / rounds
    table.add(
        label,
        calls=calls,
        ms=round(statistics.median(wall for wall, _ in taken) * 1000),
        cpu_ms=round(statistics.median(cpu for _, cpu in taken) * 1000),
    )


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
