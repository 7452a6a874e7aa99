"""``connectors``: the installed connectors, and why one cannot be used."""

from __future__ import annotations

from bizosaas_xero.cli.common import handle_errors
from bizosaas_xero.cli.options import AsJson
from bizosaas_xero.cli.output import OK, PERSON, Output, Styled

_STYLES = {"loaded": "green", "disabled": "dim"}


@handle_errors
def connectors(*, as_json: AsJson = False) -> int:
    """List installed connectors, with the reason if one cannot be used."""
    from bizosaas_xero.host import discover

    output = Output(as_json=as_json)
    report = discover()
    rows = []
    for row in report.rows:
        status = Styled(row.status, _STYLES.get(row.status, "red"))
        rows.append((row.name, status, f"{row.distribution or ''} {row.version or ''}", row.target or ""))
    output.table(("Connector", "Status", "Distribution", "Module"), rows)
    for row in report.rows:
        if row.reason:
            output.say()
            output.say(Styled(f"{row.name}: ", "bold red"), row.reason)
    offers = {}
    for name, connector in report.loaded.items():
        info = connector.describe()
        offers[name] = info and {
            "title": info.title,
            "kinds": info.auth.kinds,
            "entities": [entity.name for entity in info.entities],
        }
    output.write_json({"connectors": [vars(row) | {"offers": offers.get(row.name)} for row in report.rows]})
    return OK if all(row.status in _STYLES for row in report.rows) else PERSON
