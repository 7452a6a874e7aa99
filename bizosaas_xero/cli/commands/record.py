"""``record``: record cassettes at the real Xero, and compare them with the committed ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bizosaas_xero.cli.common import handle_errors
from bizosaas_xero.cli.options import AsJson
from bizosaas_xero.cli.output import Output


@handle_errors
def record(
    *,
    kind: Annotated[str, typer.Option(help="The kind of your app: web, pkce or custom.")] = "web",
    organisation: Annotated[
        str | None, typer.Option("--organisation", "-o", help="Its id or name; default: the Demo Company.")
    ] = None,
    keep: Annotated[Path | None, typer.Option(help="Copy the scrubbed recordings to this folder.")] = None,
    scenario: Annotated[str | None, typer.Option(help="Only scenarios with this text in their names.")] = None,
    as_json: AsJson = False,
) -> int:
    """Record scenarios at the real Xero, and show differences from the cassettes."""
    from bizosaas_xero.cli.recording.record import record_at_xero

    return record_at_xero(Output(as_json=as_json), kind, organisation, keep, scenario)
