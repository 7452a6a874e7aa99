"""``connectors``: what is installed, and why something cannot be used."""

from __future__ import annotations

from rich.text import Text

from bizosaas_xero.cli.output import OK, PERSON, Output, table
from bizosaas_xero.host import discover

_STYLES = {"loaded": "green", "disabled": "dim"}


def connectors(output: Output) -> int:
    """Show the discovery report."""
    report = discover()
    rows = []
    for row in report.rows:
        status = Text(row.status, style=_STYLES.get(row.status, "red"))
        rows.append((row.name, status, f"{row.distribution or ''} {row.version or ''}", row.target or ""))
    output.show(table(("Connector", "Status", "Distribution", "Module"), rows))
    for row in report.rows:
        if row.reason:
            output.say()
            output.console.print(Text.assemble((f"{row.name}: ", "bold red"), row.reason))
    described = {}
    for name, connector in report.loaded.items():
        info = connector.describe()
        described[name] = info and {
            "title": info.title,
            "kinds": info.auth.kinds,
            "entities": [entity.name for entity in info.entities],
        }
    output.data({"connectors": [vars(row) | {"offers": described.get(row.name)} for row in report.rows]})
    return OK if all(row.status in _STYLES for row in report.rows) else PERSON
