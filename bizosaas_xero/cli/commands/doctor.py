"""``doctor``: examine everything that a sync needs. It asks Xero."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bizosaas_xero.cli.common import handle_errors, open_cli_host
from bizosaas_xero.cli.options import AsJson
from bizosaas_xero.cli.output import CONNECT_COMMAND, LATER, OK, PERSON, Output, Styled

if TYPE_CHECKING:
    from bizosaas_xero.host import Finding

_LEVELS = {
    "ok": Styled("ok", "green"),
    "warning": Styled("warning", "yellow"),
    "problem": Styled("problem", "bold red"),
    "unknown": Styled("unknown", "yellow"),
}
_LEVEL_WIDTH = 7


@handle_errors
def doctor(
    *,
    bundle: Annotated[
        Path | None, typer.Option(help="Write a file for support, without names, secrets or amounts.")
    ] = None,
    rotate_key: Annotated[
        bool, typer.Option("--rotate-key", help="Encrypt every secret again with the newest key.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Diagnose problems and suggest fixes."""
    from bizosaas_xero.host.support.bundle import write_bundle

    output = Output(as_json=as_json)
    with open_cli_host() as host:
        rotated = host.store.rotate_key() if rotate_key else None
        if rotated is not None:
            output.say(
                f"{rotated} secrets were encrypted with the newest key; older keys are no longer needed.",
                style="green",
            )
            output.say()
        findings = []
        organisation: str | None = None
        for finding in host.doctor.examine():
            findings.append(finding)
            if finding.organisation != organisation:
                organisation = finding.organisation
                output.say()
                output.say(organisation or "", style="bold")
            _show(output, finding)
        code = _exit_code(findings)
        if bundle is not None:
            parts = write_bundle(bundle, host.store, host.sink, findings, os.environ, datetime.now(UTC).isoformat())
            output.say()
            output.say(f"Written for support: {bundle} ({', '.join(parts)}).", style="green")
            output.say("It holds counts, codes and times: no name, no amount, no token, no secret.")
        output.say()
        output.say(_summary(findings, code), style="bold")
        output.write_json(
            {
                "findings": [finding.to_dict() for finding in findings],
                "rotated": rotated,
                "bundle": bundle and str(bundle),
                "exit_code": code,
            }
        )
    return code


def _exit_code(findings: list[Finding]) -> int:
    if any(finding.level == "problem" for finding in findings):
        return PERSON
    unexamined = any(finding.details.get("reason") and finding.level == "unknown" for finding in findings)
    return LATER if unexamined else OK


def _summary(findings: list[Finding], code: int) -> str:
    if code == LATER:
        return "Not everything could be examined now, see above. Try again later."
    count = sum(finding.level == "problem" for finding in findings)
    return f"{count} to fix, see above." if count else "No problems found."


def _show(output: Output, finding: Finding) -> None:
    rows: list[tuple[str | Styled, list[str | Styled]]] = [
        (_LEVELS[finding.level], [Styled(f"{finding.part}: ", "bold"), finding.message])
    ]
    if finding.remedy:
        rows.append(("", [Styled(finding.remedy, "bold" if finding.level == "problem" else "")]))
    if finding.details.get("recovery") == "reconnect" and CONNECT_COMMAND not in finding.remedy:
        rows.append(("", [Styled("Here: ", "bold"), Styled(CONNECT_COMMAND, "cyan")]))
    output.definitions(rows, _LEVEL_WIDTH)
