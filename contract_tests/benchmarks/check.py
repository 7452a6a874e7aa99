"""A small form of each benchmark against `expected.toml`: `python -m contract_tests.benchmarks --check`.

Figures are ratios of processor times, taken in interleaved runs of the same minute, so that a slow or a busy
machine moves both sides alike; of memory, bytes, or waits that the sandbox imposes; or counts of calls. One
fails when it is worse than expected by a third.
"""

from __future__ import annotations

import statistics
import tomllib
from pathlib import Path
from typing import Any

from contract_tests.benchmarks import day, doing, speed, startup
from contract_tests.benchmarks.stage import staged

EXPECTED = Path(__file__).with_name("expected.toml")
THIRD = 4 / 3
INVOICES, ROUNDS = 4_000, 3
READERS = ("bound", "hook", "sqlite", "xero-python, 1,000 a page", "pyxero, 1,000 a page")


def found() -> dict[str, float]:
    """Measure; every figure is better the smaller it is."""
    started = startup.startup(rounds=5).rows
    a_day = day.quiet_day(600, 40, peers=False).rows[day.PLUGIN]
    few, many = (day.growth((count,)).rows[str(count)] for count in (2, 12))
    done = doing.actions(400, 1, peers=False).rows
    return {
        **_read(),
        "first_read_to_least": speed.first_read(10_000, ["hook"]).rows["hook"]["of_least"],
        "import_to_pydantic": started["import bizosaas_xero.plugin"]["of_pydantic"],
        "discovery_to_pydantic": started["discovery, describe, list_actions"]["of_pydantic"],
        "help_to_pydantic": started["bizosaas-xero --help"]["of_pydantic"],
        "day_calls": a_day["calls"],
        "day_bytes_to_changed": a_day["of_changed"],
        "tenth_organisation_to_first": many["cpu_ms_each"] / few["cpu_ms_each"],
        "calls_of_all_actions": sum(row["calls"] for row in done.values()),
    }


def _read() -> dict[str, float]:
    cpu: dict[str, list[float]] = {label: [] for label in READERS}
    with staged(INVOICES) as stage:
        speed.read(stage, "bound")
        for _ in range(ROUNDS):
            for label in READERS:
                run: dict[str, Any] = speed.read(stage, label)
                assert run["rows"] == INVOICES, (label, run)
                cpu[label].append(run["cpu"])
        small = speed.read(stage, "hook")["peak_mb"]
    with staged(4 * INVOICES) as stage:
        large = speed.read(stage, "hook")["peak_mb"]

    def ratio(one: str, other: str) -> float:
        return statistics.median(a / b for a, b in zip(cpu[one], cpu[other], strict=True))

    return {
        "hook_to_bound": ratio("hook", "bound"),
        "sqlite_to_hook": ratio("sqlite", "hook"),
        "hook_to_xero_python": ratio("hook", "xero-python, 1,000 a page"),
        "hook_to_pyxero": ratio("hook", "pyxero, 1,000 a page"),
        "memory_of_four_times_as_many": large / small,
    }


def main() -> int:
    """Compare, and return how many figures have become worse."""
    expected = tomllib.loads(EXPECTED.read_text())["smaller_is_better"]
    worse = 0
    for name, value in found().items():
        most = expected[name] * THIRD
        bad = value > most
        worse += bad
        note = "  WORSE BY A THIRD" if bad else ""
        print(f"{name:28} {value:6.2f}  expected {expected[name]:6.2f}, at most {most:6.2f}{note}")  # noqa: T201
    return worse
