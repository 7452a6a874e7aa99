"""``verify``: look at a real organisation, and say what is true of Xero there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bizosaas_xero.cli.common import handle_errors
from bizosaas_xero.cli.options import AsJson
from bizosaas_xero.cli.output import OK, Output


@handle_errors
def verify(
    *,
    organisation: Annotated[
        str | None, typer.Option("--organisation", "-o", help="Its id or name; needed when several are connected.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Also make, and delete again, a few records: a Demo Company only.")
    ] = False,
    facts: Annotated[Path | None, typer.Option(help="Write what was found to this file, for sandbox --facts.")] = None,
    record: Annotated[Path | None, typer.Option(help="Keep the answers in this folder, as scrubbed cassettes.")] = None,
    as_json: AsJson = False,
) -> int:
    """Look which assumptions about Xero are true in an organisation: 40 calls, nothing is changed."""
    from bizosaas_xero.cli.verify.command import verify_organisation

    output = Output(as_json=as_json)
    found, calls = verify_organisation(organisation, write=write, facts=facts, record=record)
    for line in found.page(calls).splitlines():
        output.say(line)
    output.write_json({**found.facts(), "strange": found.strange, "not_seen": found.unseen(), "calls": calls})
    return OK
