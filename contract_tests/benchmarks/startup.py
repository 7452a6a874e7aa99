"""What it costs to start: processor time of fresh processes, beside a bare interpreter's."""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from contract_tests.benchmarks.report import Table

BARE = "pass"
COMMAND = "command"
PROGRAMS = {
    "bare interpreter": BARE,
    "pluggy and pydantic": "import pluggy; from pydantic import BaseModel, Field, SecretStr",
    "the same, a model, a look for plugins": (
        "import pluggy; from pydantic import BaseModel, Field, SecretStr\n"
        "from importlib.metadata import entry_points\n"
        "from stevedore.named import NamedExtensionManager\n"
        "class One(BaseModel): number: int\n"
        "entry_points(group='bizosaas.connectors')"
    ),
    "import bizosaas_xero.plugin": "import bizosaas_xero.plugin",
    "discovery, describe, list_actions": (
        "from bizosaas_xero.host.plugins.discovery import discover\n"
        "connector = discover(['xero']).connector('xero')\n"
        "assert connector.describe().entities and connector.list_actions(None)"
    ),
    "bizosaas-xero --help": COMMAND,
    "import xero_python.accounting": "import xero_python.accounting",
    "import xero (pyxero)": "import xero",
}


def seconds(program: str) -> float:
    """Run a program in a fresh interpreter, and return its processor seconds."""
    command = [sys.executable, "-c", program]
    if program == COMMAND:
        beside = Path(sys.executable).parent / "bizosaas-xero"
        command = [str(beside if beside.exists() else shutil.which("bizosaas-xero")), "--help"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 (our own words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def startup(rounds: int = 15) -> Table:
    """Start each program in turn, several times."""
    found: dict[str, list[float]] = {label: [] for label in PROGRAMS}
    for program in PROGRAMS.values():
        seconds(program)  # compiled once, files in the cache
    for _ in range(rounds):
        for label, program in PROGRAMS.items():
            found[label].append(seconds(program))
    table = Table("startup", f"processor time of a fresh process, median of {rounds} interleaved runs")
    median = {label: statistics.median(taken) for label, taken in found.items()}
    for label, taken in median.items():
        table.add(
            label,
            ms=round(taken * 1000),
            over_pluggy_and_pydantic_ms=round((taken - median["pluggy and pydantic"]) * 1000),
            of_bare=round(taken / median["bare interpreter"], 1),
            of_pydantic=round(taken / median["pluggy and pydantic"], 2),
        )
    return table
