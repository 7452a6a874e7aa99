"""Fresh environments to install a wheel or sdist into."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from contract_tests.helpers.paths import ROOT

CONSTRAINTS = ROOT / "constraints.txt"


def run(*command: object, cwd: Path, seconds: int = 600, codes: tuple[int, ...] = (0,)) -> str:
    """Run a program away from this checkout, and return what it printed."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYTEST", "COVERAGE"))}
    done = subprocess.run(  # noqa: S603 (our own programs)
        [str(part) for part in command],
        cwd=cwd, env=env, capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    assert done.returncode in codes, f"{command}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    return done.stdout


class Environment:
    """A fresh virtual environment, used from a folder in which nothing of ours lies."""

    def __init__(self, folder: Path, python: str | Path = sys.executable) -> None:
        run(python, "-m", "venv", folder, cwd=folder.parent)
        self.folder, self.python = folder, folder / "bin" / "python"
        self.empty = folder / "empty"
        self.empty.mkdir()

    def pip(self, *args: object) -> str:
        return run(self.python, "-m", "pip", "--disable-pip-version-check", *args, cwd=self.empty)

    def install(self, *args: object) -> None:
        self.pip("install", "--quiet", *args)
        assert "No broken requirements" in self.pip("check")

    def versions(self) -> dict[str, str]:
        listed = self.pip("list", "--format=freeze").splitlines()
        return {name.lower(): version for name, _, version in (line.partition("==") for line in listed)}

    def says(self, code: str) -> str:
        return run(self.python, "-W", "error", "-c", code, cwd=self.empty).strip()

    def broken_promises(self) -> list[tuple[str, str]]:
        """Let the installed kit check the installed connector; return clause and scenario of what failed."""
        command = (self.folder / "bin" / "bizosaas-xero", "contract", "xero", "--json")
        report = json.loads(run(*command, cwd=self.empty, codes=(0, 5)))  # 5: clauses are broken
        assert not report["problem"]
        assert report["scenarios"] >= 45
        bad = [row for row in report["rows"] if row["outcome"] in {"failed", "error"}]
        assert report["ok"] is not bool(bad)
        return [(row["clause"], row["scenario"]) for row in bad]

    def tests(self, source: Path, *paths: str) -> str:
        """Run tests of the sdist against what is installed here."""
        flags = ("-q", "-p", "no:cacheprovider", "--basetemp", self.folder / "temporary")
        return run(self.python, "-m", "pytest", *flags, *paths, cwd=source, seconds=1200)
