"""How fast invoices are read: on one core without limits, and under Xero's limits."""

from __future__ import annotations

import contextlib
import math
import secrets
import statistics
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from contract_tests.benchmarks import readers, tap
from contract_tests.benchmarks.report import Table
from contract_tests.benchmarks.stage import Stage, staged

TUNED = 1000
PEERS = {
    "xero-python": {},
    "xero-python, 1,000 a page": {"page_size": TUNED},
    "pyxero": {},
    "pyxero, 1,000 a page": {"page_size": TUNED},
}
SERVER = "postgresql://postgres@127.0.0.1:5432/test"


@contextlib.contextmanager
def empty_schema() -> Iterator[str]:
    """Give the URL of an empty schema of this machine's PostgreSQL."""
    import psycopg

    name = f"bench_{secrets.token_hex(6)}"
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"CREATE SCHEMA {name}")
        try:
            yield f"{SERVER}?options=-csearch_path%3D{name}"
        finally:
            server.execute(f"DROP SCHEMA {name} CASCADE")


def read(stage: Stage, label: str, **more: Any) -> dict[str, Any]:
    """Read all invoices with one reader: ours by name, a peer by its label."""
    name = label if label in readers.READERS else label.split(",", maxsplit=1)[0]
    if name == "tap-xero":
        more["python"] = tap.python()
    if name in {"sqlite", "postgresql"}:
        more |= {"info": stage.info, "environ": {}}
    if name == "postgresql":
        with empty_schema() as url:
            more["environ"] = {"BIZOSAAS_DATABASE_URL": url}
            return readers.measured(name, stage.account(), **more)
    return readers.measured(name, stage.account(), **PEERS.get(label, {}), **more)


def throughput(invoices: int = 50_000, rounds: int = 3, labels: list[str] | None = None) -> Table:
    """Read and store invoices of three lines, everybody in turn, several times."""
    chosen = labels or [
        "bound",
        "bound, collector paused",
        "hook",
        "sqlite",
        "postgresql",
        *PEERS,
        "tap-xero",
    ]
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with staged(invoices) as stage:
        read(stage, "bound")  # the sandbox keeps rows that it has written once
        for _ in range(rounds):
            for label in chosen:
                found[label].append(read(stage, label))
    table = Table("throughput", f"{invoices:,} invoices of three lines, median of {rounds} interleaved runs")
    for label, runs in found.items():
        assert all(run["rows"] == invoices for run in runs), (label, runs)
        of_bound = [a["cpu"] / b["cpu"] for a, b in zip(found["bound"], runs, strict=True)]
        of_hook = [b["cpu"] / a["cpu"] for a, b in zip(found.get("hook", runs), runs, strict=True)]
        table.add(
            label,
            per_core=round(statistics.median(invoices / run["cpu"] for run in runs)),
            per_second=round(statistics.median(invoices / run["seconds"] for run in runs)),
            of_bound=round(statistics.median(of_bound), 2),
            hook_is_times=round(statistics.median(of_hook), 2),
            peak_mb=round(max(run["peak_mb"] for run in runs)),
        )
    return table


LATENCY = {1000: 1.5, 100: 0.4}
PER_MINUTE, AT_ONCE = 60, 5


def least(invoices: int, size: int) -> float:
    """Return the seconds under which nobody can read so many invoices.

    ``AT_ONCE`` answers at a time, each after its latency; at most ``PER_MINUTE`` calls begin in a minute.
    """
    minutes, rest = divmod(math.ceil(invoices / size) - 1, PER_MINUTE)
    return minutes * 60 + math.ceil((rest + 1) / AT_ONCE) * LATENCY[size]


def first_read(invoices: int = 100_000, labels: list[str] | None = None) -> Table:
    """Read an organisation for the first time under Xero's limits and latencies."""
    table = Table("first-read", f"{invoices:,} invoices, 1.5 s a page of 1,000, 5 at once, 60 a minute")
    # At 100 a page nobody can be under 16 minutes, so only those who can ask for 1,000 are worth the wait.
    chosen = labels or ["hook", "sqlite", "xero-python, 1,000 a page", "pyxero, 1,000 a page"]
    table.add("the least, 100 a page", seconds=round(least(invoices, 100), 1), calls=math.ceil(invoices / 100))
    best = min(least(invoices, size) for size in LATENCY)
    table.add("the least", seconds=round(best, 1), of_least=1.0, calls=math.ceil(invoices / 1000))
    with staged(invoices, limits=True) as stage:
        stage.post("limits", {"enforce": False})
        read(stage, "bound")
        stage.post("limits", {"enforce": True})
        # Faults add up: every page takes the time of a small one, a large one the rest as well.
        late = {"kind": "latency", "times": None}
        stage.post("faults", {**late, "seconds": LATENCY[100], "match": {"path": "/Invoices"}})
        large = {"path": "/Invoices", "query": "pageSize=1000"}
        stage.post("faults", {**late, "seconds": LATENCY[1000] - LATENCY[100], "match": large})
        for label in chosen:
            stage.post("limits", {"reset": True})
            stage.log()
            run = read(stage, label, calls_per_minute=PER_MINUTE)
            calls = stage.log()
            table.add(
                label,
                seconds=round(run["seconds"], 1),
                of_least=round(run["seconds"] / best, 2),
                calls=len(calls),
                refused=sum(call["status"] == 429 for call in calls),
                peak_mb=round(run["peak_mb"]),
            )
    return table


def memory(sizes: tuple[int, ...] = (10_000, 100_000)) -> Table:
    """Measure the peak of memory of a process that reads so many invoices, and of one that stores them."""
    table = Table("memory", "peak of resident memory in megabytes")
    for invoices in sizes:
        with staged(invoices) as stage:
            for label in ("bound", "hook", "sqlite"):
                run = read(stage, label)
                table.add(f"{label}, {invoices:,}", peak_mb=round(run["peak_mb"]), rows=run["rows"])
    return table
