"""What a benchmark found, as a table for people and as JSON."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass
class Table:
    """One benchmark's figures: a row for each who was measured."""

    name: str
    title: str
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, label: str, **figures: Any) -> None:
        """Add a row."""
        self.rows[label] = figures

    def text(self) -> str:
        """Return the table in Markdown."""
        names = list(dict.fromkeys(name for row in self.rows.values() for name in row))
        lines = [["", *(name.replace("_", " ") for name in names)]]
        lines += [[label, *(_shown(row.get(name)) for name in names)] for label, row in self.rows.items()]
        widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
        written = ["| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines]
        rule = "| " + " | ".join("-" * w for w in widths) + " |"
        return "\n".join([f"## {self.name}: {self.title}", "", written[0], rule, *written[1:]])


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else str(value)


def machine() -> dict[str, Any]:
    """Say where and when the figures were taken."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 (whichever git there is)
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "system": platform.platform(),
        "commit": commit.stdout.strip(),
    }


def save(tables: list[Table], path: Path) -> None:
    """Write figures as JSON; those of other benchmarks that the file holds already are kept."""
    held = json.loads(path.read_text()) if path.exists() else {}
    here = machine()
    for table in tables:
        held[table.name] = {"title": table.title, "machine": here, "rows": table.rows}
    path.write_text(json.dumps(held, indent=1) + "\n")
