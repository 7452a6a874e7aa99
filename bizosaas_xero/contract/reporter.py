"""Collects the outcome of each clause in the pytest process, and writes them as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bizosaas_xero.contract.clause_registry import Broken, Clause

CLAUSE = "bizosaas_clause"


class Reporter:
    """Collects one row for each clause and scenario."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[str, dict[str, Any]] = {}
        self.about: dict[str, Any] = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        """Store the outcome of one test."""
        outcome = yield
        report: pytest.TestReport = outcome.get_result()
        clause: Clause | None = getattr(getattr(item, "function", None), "__clause__", None)
        if clause is None or (report.when != "call" and report.passed):
            return
        scenario = item.callspec.id if hasattr(item, "callspec") else ""
        result, message = _classify(report, call)
        if result == "passed" and item.nodeid in self._rows:
            return
        self._rows[item.nodeid] = {
            "clause": clause.id,
            "severity": clause.severity,
            "scenario": scenario,
            "outcome": result,
            "message": message,
        }

    def pytest_sessionfinish(self) -> None:
        """Write the report."""
        self._path.write_text(json.dumps({**self.about, "rows": list(self._rows.values())}), encoding="utf-8")


def _classify(report: pytest.TestReport, call: pytest.CallInfo[None]) -> tuple[str, str]:
    reason = str(getattr(report, "wasxfail", ""))
    if reason.startswith("should: "):
        return "failed", reason.removeprefix("should: ")
    if report.skipped:
        why = str(call.excinfo.value) if call.excinfo else ""
        return ("exempt", reason) if reason else ("skipped", why)
    if report.passed:
        return "passed", ""
    if call.excinfo is None:  # a strict xfail that passed
        return "failed", "it is exempt from this clause but keeps it: remove the exemption"
    if isinstance(call.excinfo.value, Broken):
        return "failed", str(call.excinfo.value)
    return "error", f"{call.excinfo.typename}: {call.excinfo.value}"
