"""``doctor``: how everything is, and what to do about it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table
from rich.text import Text

from bizosaas_xero.cli import common
from bizosaas_xero.cli.output import CONNECT, LATER, OK, PERSON, Output
from bizosaas_xero.host import Finding
from bizosaas_xero.host.support.bundle import write

_WORDS = {
    "ok": ("ok", "green"),
    "warning": ("mind", "yellow"),
    "problem": ("wrong", "bold red"),
    "unknown": ("unknown", "yellow"),
}


def doctor(output: Output, bundle: Path | None, *, rotate_key: bool) -> int:
    """Examine, and write the bundle if one is asked for."""
    with common.the_host() as host:
        rotated = host.store.rotate() if rotate_key else None
        if rotated is not None:
            output.say(f"{rotated} secrets were encrypted anew; the older keys are needed no more.", "green")
            output.say()
        findings = []
        organisation: str | None = None
        for found in host.doctor.examine():
            findings.append(found)
            if found.organisation != organisation:
                organisation = found.organisation
                output.say()
                output.say(organisation or "", "bold")
            _show(output, found)
        levels = {found.level for found in findings}
        code = PERSON if "problem" in levels else OK
        if code == OK and any(found.details.get("reason") and found.level == "unknown" for found in findings):
            code = LATER
        if bundle is not None:
            parts = write(bundle, host.store, host.sink, findings, os.environ, datetime.now(UTC).isoformat())
            output.say()
            output.say(f"Written for support: {bundle} ({', '.join(parts)}).", "green")
            output.say("It holds counts, codes and times: no name, no amount, no token, no secret.")
        output.say()
        wrong = sum(found.level == "problem" for found in findings)
        said = f"{wrong} to put right, see above." if wrong else "All is well."
        if code == LATER:
            said = "Not everything could be examined now, see above. Try again later."
        output.say(said, "bold")
        output.data(
            {
                "findings": [found.to_dict() for found in findings],
                "rotated": rotated,
                "bundle": bundle and str(bundle),
                "exit_code": code,
            }
        )
    return code


def _show(output: Output, found: Finding) -> None:
    word, style = _WORDS[found.level]
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_column(width=7)
    row.add_row(Text(word, style=style), Text.assemble((f"{found.part}: ", "bold"), found.message))
    if found.remedy:
        row.add_row("", Text(found.remedy, style="bold" if found.level == "problem" else ""))
    if found.details.get("recovery") == "reconnect" and CONNECT not in found.remedy:
        row.add_row("", Text.assemble(("Here: ", "bold"), (CONNECT, "cyan")))
    output.show(row)
