"""Check a connector in a process of its own, and say what was found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bizosaas_xero.contract.clause_registry import AREAS

HERE = Path(__file__).parent
PLUGINS = ("pytest_recording.plugin", "bizosaas_xero.contract.plugin")
SECONDS = 600.0


@dataclass(frozen=True)
class ReportRow:
    """What became of one clause in one scenario.

    Attributes:
        outcome: ``failed`` is the connector's fault, ``error`` the kit's.
    """

    clause: str
    severity: Literal["must", "should"]
    scenario: str
    outcome: Literal["passed", "failed", "exempt", "skipped", "error"]
    message: str = ""


@dataclass(frozen=True)
class Report:
    """What the contract kit found.

    Attributes:
        connector: The name that was asked for.
        target: The module that it is.
        version: That of its distribution.
        problem: Why nothing could be said: no such connector, missing cassettes, no clause collected.
        import_ms: What importing it cost.
    """

    connector: str
    target: str = ""
    version: str = ""
    problem: str = ""
    rows: list[ReportRow] = field(default_factory=list)
    import_ms: float | None = None
    scenarios: int = 0

    @property
    def ok(self) -> bool:
        """Whether a host may load it: no promise of severity ``must`` is broken."""
        bad = any(row.outcome in {"failed", "error"} and row.severity == "must" for row in self.rows)
        return bool(self.rows) and not self.problem and not bad

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have each outcome."""
        return dict(Counter(row.outcome for row in self.rows))

    @property
    def broken(self) -> list[str]:
        """The clauses that it breaks, in order, each once."""
        return list(dict.fromkeys(row.clause for row in self.rows if row.outcome == "failed"))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "connector": self.connector, "target": self.target, "version": self.version, "ok": self.ok,
            "problem": self.problem, "import_ms": self.import_ms, "scenarios": self.scenarios,
            "counts": self.counts, "broken": self.broken, "rows": [vars(row) for row in self.rows],
        }  # fmt: skip


def check(
    name: str,
    *,
    contract: str | Path | None = None,
    junit: str | Path | None = None,
    scenario: str | None = None,
    options: Iterable[str] = (),
    timeout: float = SECONDS,
) -> Report:
    """Check a connector against every clause, in a process of its own.

    A host calls this before it loads a connector, and loads it if the report is ``ok``.

    Args:
        name: An entry point's name, or a module that is not installed as one.
        contract: Its ``contract.toml``; by default that of its package.
        junit: Where to write JUnit XML as well.
        scenario: Only scenarios with this in their names; such a report says nothing about the others.
        options: Further options of pytest.
        timeout: Seconds after which it is given up.

    Returns:
        The report. It is never ``ok`` when there is no such connector, when cassettes that it declares are
        missing, or when no clause was collected.
    """
    with tempfile.TemporaryDirectory(prefix="bizosaas-contract-") as folder:
        found = Path(folder) / "report.json"
        command = [
            sys.executable, "-m", "pytest", "--pyargs", "bizosaas_xero.contract",
            "-c", str(HERE / "pytest.ini"), "--rootdir", folder,
            "-p", "no:cacheprovider", "--import-mode=importlib", "-q", "--tb=no",
            "-W", "ignore", "--bizosaas-connector", name, "--bizosaas-report", str(found),
        ]  # fmt: skip
        for plugin in PLUGINS:
            command += ["-p", plugin]
        if contract:
            command += ["--bizosaas-contract", str(Path(contract).resolve())]
        if junit:
            command += [f"--junitxml={Path(junit).resolve()}"]
        if scenario:
            command += ["--bizosaas-scenario", scenario]
        # Plugins of other people's tests, and options meant for them, would change what is found.
        environment = {key: value for key, value in os.environ.items() if key != "PYTEST_ADDOPTS"}
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        try:
            done = subprocess.run(  # noqa: S603 (our own command)
                [*command, *options],
                capture_output=True,
                text=True,
                env=environment,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Report(name, problem=f"it did not come to an end within {timeout:.0f} seconds")
        try:
            return _report(name, json.loads(found.read_text(encoding="utf-8")), done)
        except (OSError, ValueError):
            return Report(name, problem=_said(done))


def _report(name: str, found: dict[str, Any], done: subprocess.CompletedProcess[str]) -> Report:
    rows = [ReportRow(**row) for row in found["rows"]]
    rows.sort(key=lambda row: AREAS.index(row.clause.partition(".")[0]))
    # 0: all passed, 1: some failed; everything else means that not all was looked at.
    problem = "" if rows and done.returncode in {0, 1} else _said(done)
    return Report(
        connector=name,
        target=found.get("target", ""),
        version=found.get("version", ""),
        problem=problem,
        rows=rows,
        import_ms=found.get("import_ms"),
        scenarios=found.get("scenarios", 0),
    )


def _said(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (done.stderr + "\n" + done.stdout).splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return "; ".join(errors) or (lines[-1] if lines else f"pytest ended with {done.returncode}")
