"""A small form of each benchmark against `expected.toml`: `python -m contract_tests.benchmarks --check`.

Every figure is a ratio of processor times, or a count, taken in interleaved runs of the same minute, so that
a slow or a busy machine moves both sides alike. A ratio fails when it is worse than expected by a third;
between runs beside other work they moved by less than a seventh. A count fails when it is more by two.
"""

from __future__ import annotations

import statistics
import tomllib
from pathlib import Path
from typing import Any

from contract_tests.benchmarks import speed, startup
from contract_tests.benchmarks.stage import staged

EXPECTED = Path(__file__).with_name("expected.toml")
THIRD = 4 / 3
INVOICES, ROUNDS = 4_000, 3
READERS = ("bound", "hook", "sqlite", "xero-python, 1,000 a page", "pyxero, 1,000 a page")


def found() -> dict[str, float]:
    """Measure; every figure is better the smaller it is."""
    cpu: dict[str, list[float]] = {label: [] for label in READERS}
    calls = 0
    with staged(INVOICES) as stage:
        speed.read(stage, "bound")
        for _ in range(ROUNDS):
            for label in READERS:
                stage.log()
                run: dict[str, Any] = speed.read(stage, label)
                assert run["rows"] == INVOICES, (label, run)
                cpu[label].append(run["cpu"])
                calls = len(stage.log()) if label == "hook" else calls

    def ratio(one: str, other: str) -> float:
        return statistics.median(a / b for a, b in zip(cpu[one], cpu[other], strict=True))

    started = startup.startup(rounds=5).rows
    return {
        "hook_to_bound": ratio("hook", "bound"),
        "sqlite_to_hook": ratio("sqlite", "hook"),
        "hook_to_xero_python": ratio("hook", "xero-python, 1,000 a page"),
        "hook_to_pyxero": ratio("hook", "pyxero, 1,000 a page"),
        "import_to_pydantic": started["import bizosaas_xero.plugin"]["of_pydantic"],
        "discovery_to_pydantic": started["discovery, describe, list_actions"]["of_pydantic"],
        "help_to_pydantic": started["bizosaas-xero --help"]["of_pydantic"],
        "first_read_calls": calls,
    }


def main() -> int:
    """Compare, and return how many figures have become worse."""
    expected = tomllib.loads(EXPECTED.read_text())["smaller_is_better"]
    worse = 0
    for name, value in found().items():
        most = expected[name] + 1 if name.endswith("calls") else expected[name] * THIRD
        bad = value > most
        worse += bad
        note = "  WORSE BY A THIRD" if bad else ""
        print(f"{name:24} {value:6.2f}  expected {expected[name]:6.2f}, at most {most:6.2f}{note}")  # noqa: T201
    return worse
