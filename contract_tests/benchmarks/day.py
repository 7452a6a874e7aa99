"""What a day costs in calls and bytes, and what each further organisation costs."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from bizosaas_xero.connector.sync import run as sync_run
from contract_tests.benchmarks import hosting, readers, tap
from contract_tests.benchmarks.report import Table
from contract_tests.benchmarks.stage import Stage, staged

STARTER = 1000
"""Calls a day and organisation on Xero's Starter tier."""
PLUGIN = "the plugin, default schedule"
STREAMS = ["invoices", "contacts", "bank_transactions", "accounts", "payments"]


def _edit(stage: Stage, organisation: str, ids: list[str], number: int) -> int:
    """Change an invoice or bill, and return the size of its row as it is sent, compressed alone."""
    chosen = ids[number * 7919 % len(ids)]
    given = {"op": "edit", "id": chosen, "changes": {"Reference": f"changed {number}"}}
    row = stage.post(f"data/{organisation}/Invoices", given)["row"]
    return len(gzip.compress(json.dumps(row, indent=2).encode(), 6))


def _ids(stage: Stage, organisation: str) -> list[str]:
    rows = stage.control.get(f"/_sandbox/data/{organisation}/Invoices", params={"limit": 1000}).json()["rows"]
    return [row["InvoiceID"] for row in rows]


def _told(table: Table, label: str, calls: list[dict[str, Any]], own: int, empty: int) -> None:
    documents = [call for call in calls if call["path"].endswith("/Invoices")]
    size = sum(call["bytes"] for call in documents)
    table.add(
        label,
        calls=len(calls),
        of_starter=f"{len(calls) / STARTER:.0%}",
        kilobytes=round(sum(call["bytes"] for call in calls) / 1000),
        of_documents_kb=round(size / 1000),
        changed_rows_kb=round(own / 1000),
        of_changed=round((size - empty * len(documents)) / own, 2),
    )


def quiet_day(invoices: int = 10_000, changes: int = 200, *, peers: bool = True) -> Table:
    """Let a day pass over an organisation whose documents change now and then, on the default schedule."""
    table = Table("day", f"{invoices:,} invoices and bills, {changes} changes in a day; time is simulated")
    with staged(invoices, mixed=True) as stage, tempfile.TemporaryDirectory() as home:
        stage.post("limits", {"enforce": False})
        organisation = stage.info["organisations"][0]["id"]
        ids, passed = _ids(stage, organisation), timedelta()

        class MachineClock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return datetime.now(tz) + passed

        # The connector bounds what Xero's clock says by this machine's, so that one has to move as well.
        moving = mock.patch.object(sync_run, "datetime", MachineClock)
        chance = random.Random(1).random  # noqa: S311 (chance, not secrets)
        with moving, hosting.opened(Path(home), {}, now=lambda: hosting.now() + passed, chance=chance) as host:

            def advance(seconds: float) -> None:
                nonlocal passed
                stage.post("clock", {"advance": seconds})
                passed += timedelta(seconds=seconds)

            hosting.connected(host, stage.info)
            list(host.scheduler.run_due())
            first = stage.log()
            table.add("first read", calls=len(first), kilobytes=round(sum(c["bytes"] for c in first) / 1000))
            advance(3600)
            list(host.scheduler.run_due())
            quiet = [c["bytes"] for c in stage.log() if c["path"].endswith("/Invoices")]
            empty, own = min(quiet), 0
            end, number = host.scheduler._now() + timedelta(days=1), 0
            begun = end - timedelta(days=1)
            problems: Counter[str] = Counter()
            by_entity: Counter[str] = Counter()
            while (due := host.scheduler.list_jobs()[0].due) < end:
                while number < changes and begun + timedelta(days=1) * (number + 1) / changes < due:
                    advance(
                        max(
                            0.0,
                            (
                                begun + timedelta(days=1) * (number + 1) / changes - hosting.now() - passed
                            ).total_seconds(),
                        )
                    )
                    own += _edit(stage, organisation, ids, number)
                    number += 1
                advance(max(0.0, (due - hosting.now() - passed).total_seconds()) + 0.01)
                for _, outcome in host.scheduler.run_due():
                    problems.update([str(outcome.problem)] if outcome.problem else [])
                    by_entity[outcome.entity] += outcome.calls
            assert not problems, problems
            _told(table, PLUGIN, stage.log(), own, empty)
            advance(7 * 86_400)
            list(host.scheduler.run_due())  # only now does Xero's time tell that a week has passed
            stage.log()
            advance(86_400)
            list(host.scheduler.run_due())
            again = stage.log()
            table.add("weekly re-read", calls=len(again), kilobytes=round(sum(c["bytes"] for c in again) / 1000))
        if peers:
            _peer_day(stage, table, organisation, ids, changes, empty)
    return table


def _peer_day(stage: Stage, table: Table, organisation: str, ids: list[str], changes: int, empty: int) -> None:
    """Run tap-xero each hour, with the state of its last run, as its users do; a library has no schedule."""
    account = stage.account() | {"streams": STREAMS}
    run = readers.measured("tap-xero", account, python=tap.python())
    stage.log()
    own = 0
    for hour in range(24):
        for number in range(changes * hour // 24, changes * (hour + 1) // 24):
            own += _edit(stage, organisation, ids, 10_000 + number)
        stage.post("clock", {"advance": 3600})
        account |= {"state": run["state"], "refresh_token": run["refresh_token"]}
        run = readers.measured("tap-xero", account, python=tap.python())
    calls = [call for call in stage.log() if call["status"] == 200]
    _told(table, "tap-xero, hourly (the plugin: invoices each 15 minutes)", calls, own, empty)


def growth(counts: tuple[int, ...] = (1, 10, 100)) -> Table:
    """Sync so many organisations in one process, each with its own connection and books."""
    table = Table("growth", "organisations of 40 documents each, all entities read and stored by one process")
    for count in counts:
        done = subprocess.run(  # noqa: S603 (our own words)
            [sys.executable, "-m", __name__, str(count)],
            capture_output=True, text=True, check=True, cwd=readers.HERE,
        )  # fmt: skip
        table.add(str(count), **json.loads(done.stdout.splitlines()[-1]))
    return table


def _grow(count: int) -> dict[str, Any]:
    with (
        staged(400, mixed=True, organisations=count + 3) as stage,
        tempfile.TemporaryDirectory() as home,
        hosting.opened(Path(home), {}) as host,
    ):
        chosen = [organisation["id"] for organisation in stage.info["organisations"][2 : count + 3]]
        first, *others = [hosting.connected(host, stage.info, each) for each in chosen]
        entities = [entity.name for entity in host.report.connector("xero").describe().entities]
        for entity in entities:
            host.runner.sync(first, entity)  # everything is imported, nothing is new any more
        stage.log()
        base = readers.peak_kb()
        wall, cpu = time.perf_counter(), time.process_time()
        for connection in others:
            for entity in entities:
                outcome = host.runner.sync(connection, entity)
                assert outcome.problem is None, outcome.problem
        cpu = time.process_time() - cpu
        peak = readers.peak_kb()
        return {
            "cpu_ms_each": round(cpu * 1000 / count, 1),
            "wall_ms_each": round((time.perf_counter() - wall) * 1000 / count, 1),
            "calls_each": len(stage.log()) / count,
            "peak_mb": round(peak / 1000),
            "kb_more_each": round((peak - base) / count),
        }


if __name__ == "__main__":
    print(json.dumps(_grow(int(sys.argv[1]))))  # noqa: T201
