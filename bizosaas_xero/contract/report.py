"""Check a connector in a separate process, and return a report."""

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

PACKAGE_FOLDER = Path(__file__).parent
PLUGINS = ("pytest_recording.plugin", "bizosaas_xero.contract.plugin")
CHECK_SECONDS = 600.0


@dataclass(frozen=True)
class ReportRow:
    """The outcome of one clause in one scenario.

    Attributes:
        outcome: ``failed`` is a fault of the connector, ``error`` a fault of the kit.
    """

    clause: str
    severity: Literal["must", "should"]
    scenario: str
    outcome: Literal["passed", "failed", "exempt", "skipped", "error"]
    message: str = ""


@dataclass(frozen=True)
class Report:
    """The contract kit's report about a connector.

    Attributes:
        connector: The name that was given.
        target: Its module.
        version: The version of its distribution.
        problem: Why it could not be checked: unknown connector, missing cassettes, no clause collected.
        rows: The outcome of each clause in each scenario.
        import_ms: How long its import took, in milliseconds.
        scenarios: How many scenarios it has.
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
        """Whether a host may load it: no clause of severity ``must`` is broken."""
        bad = any(row.outcome in {"failed", "error"} and row.severity == "must" for row in self.rows)
        return bool(self.rows) and not self.problem and not bad

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have each outcome."""
        return dict(Counter(row.outcome for row in self.rows))

    @property
    def broken(self) -> list[str]:
        """The broken clauses, in order, each once."""
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
    timeout: float = CHECK_SECONDS,
) -> Report:
    """Check a connector against every clause, in a separate process.

    A host calls this before it loads a connector, and loads it if the report is ``ok``.

    Args:
        name: An entry point's name, or a module that is not installed as one.
        contract: Its ``contract.toml``; by default that of its package.
        junit: Where to write JUnit XML as well.
        scenario: Only scenarios with this text in their names; the report says nothing about the others.
        options: Further options of pytest.
        timeout: Seconds after which the check is stopped.

    Returns:
        The report. It is not ``ok`` if the connector does not exist, if declared cassettes are missing, or if no
        clause was collected.
    """
    with tempfile.TemporaryDirectory(prefix="bizosaas-contract-") as folder:
        report_file = Path(folder) / "report.json"
        command = [
            sys.executable, "-m", "pytest", "--pyargs", "bizosaas_xero.contract",
            "-c", str(PACKAGE_FOLDER / "pytest.ini"), "--rootdir", folder,
            "-p", "no:cacheprovider", "--import-mode=importlib", "-q", "--tb=no",
            "-W", "ignore", "--bizosaas-connector", name, "--bizosaas-report", str(report_file),
        ]  # fmt: skip
        for plugin in PLUGINS:
            command += ["-p", plugin]
        if contract:
            command += ["--bizosaas-contract", str(Path(contract).resolve())]
        if junit:
            command += [f"--junitxml={Path(junit).resolve()}"]
        if scenario:
            command += ["--bizosaas-scenario", scenario]
        # Plugins and options meant for other tests would change the outcome.
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
            return Report(name, problem=f"it did not end within {timeout:.0f} seconds")
        try:
            return _report(name, json.loads(report_file.read_text(encoding="utf-8")), done)
        except (OSError, ValueError):
            return Report(name, problem=_failure_message(done))


def _report(name: str, found: dict[str, Any], done: subprocess.CompletedProcess[str]) -> Report:
    rows = [ReportRow(**row) for row in found["rows"]]
    rows.sort(key=lambda row: AREAS.index(row.clause.partition(".")[0]))
    # 0: all passed, 1: some failed; any other code means that not every clause ran.
    problem = "" if rows and done.returncode in {0, 1} else _failure_message(done)
    return Report(
        connector=name,
        target=found.get("target", ""),
        version=found.get("version", ""),
        problem=problem,
        rows=rows,
        import_ms=found.get("import_ms"),
        scenarios=found.get("scenarios", 0),
    )


def _failure_message(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (done.stderr + "\n" + done.stdout).splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return "; ".join(errors) or (lines[-1] if lines else f"pytest ended with {done.returncode}")
