"""The reasons of errors, as the package registers them, for the pages of errors."""

from __future__ import annotations

import importlib
from pathlib import Path
from string import Formatter

from bizosaas_xero.spec import ERRORS
from bizosaas_xero.spec.reasons import Reason
from contract_tests.docs.markdown import table
from contract_tests.helpers.paths import ROOT

PACKAGE = ROOT / "bizosaas_xero"
CONNECTOR = {"toolkit": "bizosaas_xero.toolkit.reasons", "connector": "bizosaas_xero.connector.reasons"}
AROUND = {
    "The embedded host": ("host", "bizosaas_xero.host.reasons"),
    "The pages in the browser": ("web", "bizosaas_xero.web.reasons"),
    "The command line": ("cli", "bizosaas_xero.cli.reasons"),
    "Agents (MCP)": ("adapters/mcp", "bizosaas_xero.adapters.mcp.reasons"),
    "The brain-gateway": ("adapters/brain_gateway", "bizosaas_xero.adapters.brain_gateway.reasons"),
    "Temporal": ("adapters/temporal.py", "bizosaas_xero.adapters.temporal"),
}
"""By heading: the place that raises them, and the module that registers them."""

REGISTRIES = CONNECTOR | dict(AROUND.values())
"""The module that registers a place's reasons."""

SERVICE = {"service": "Xero"}
"""What the braces stand for that are the same in every message."""


def registered(place: str) -> dict[str, Reason]:
    """Return the reasons of a place by the names of their constants."""
    module = importlib.import_module(REGISTRIES[place])
    return {name: row for name, row in vars(module).items() if isinstance(row, Reason) and name.isupper()}


def modules(place: str) -> list[Path]:
    """Return the modules of a place."""
    path = PACKAGE / place
    return [path] if path.suffix else sorted(path.rglob("*.py"))


def connector_errors() -> str:
    """Return the tables of what the connector raises, by code."""
    rows = [row for place in CONNECTOR for row in registered(place).values()]
    sections = []
    for code, error in ERRORS.items():
        cells = [[f"`{row.name}`", *_cells(row)] for row in _sorted(rows) if row.error is error]
        sections.append(f"### {code}\n\n{table(['Reason', 'What the person sees', 'What to do'], cells)}\n")
    return "\n".join(sections)


def errors_around() -> str:
    """Return the tables of what host, command line and adapters raise, by place."""
    sections = []
    for heading, (place, _) in AROUND.items():
        cells = [[f"`{row.error.code}`", f"`{row.name}`", *_cells(row)] for row in _sorted(registered(place).values())]
        sections.append(f"## {heading}\n\n{table(['Code', 'Reason', 'What the person sees', 'What to do'], cells)}\n")
    return "\n".join(sections)


def _sorted(rows):
    return sorted(rows, key=lambda row: (row.error.code, row.name, row.message))


def _cells(row: Reason) -> list[str]:
    parts = SERVICE | {"problem": row.problem or "…"}
    seen = visible(row.message or row.problem, parts)
    return [_cell(visible(seen, SERVICE)), _cell(visible(row.remedy or row.error.default_remedy, SERVICE))]


def visible(template: str, parts: dict[str, str]) -> str:
    """Return a template as a page shows it: what is only known when it happens is ``…``."""
    found = Formatter().parse(template)
    return "".join(text + ("" if name is None else parts.get(name, "…")) for text, name, _, _ in found)


def _cell(text: str) -> str:
    plain = " ".join(text.split()).replace("<", "&lt;").replace("*", "\\*")
    return plain if plain.strip("… .") else "(said with the error)"
