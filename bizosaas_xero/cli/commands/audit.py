"""``audit``: show, export or verify the audit log."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bizosaas_xero.cli.common import find_connections, handle_errors, invalid_option, open_cli_host, require_one
from bizosaas_xero.cli.options import AsJson, Organisation
from bizosaas_xero.cli.output import OK, PERSON, Output

if TYPE_CHECKING:
    from bizosaas_xero.host import Host
    from bizosaas_xero.host.actions.audit import AuditEntry

KEY_LENGTH = 24
"""Characters of a business key that the table shows."""


@handle_errors
def audit(  # noqa: PLR0913 (options)
    *,
    action: Annotated[str | None, typer.Option(help="Only entries of this action.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="A day or moment, such as 2026-01-31 or …T12:00Z; UTC.")
    ] = None,
    organisation: Organisation = None,
    key: Annotated[str | None, typer.Option(help="Only entries of this business key or plan.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Number of newest entries to show; 0 shows all.")] = 50,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all matching entries, one JSON object a line.")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Verify the hash chain.")] = False,
    head: Annotated[
        bool, typer.Option("--head", help="Print the last entry's SEQ:HASH, to keep it elsewhere.")
    ] = False,
    noted: Annotated[
        str | None, typer.Option(metavar="SEQ:HASH", help="With --verify: this entry must still exist.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Show the audit log."""
    if noted is not None and not verify:
        raise invalid_option("noted", "belongs to --verify")
    output = Output(as_json=as_json)
    with open_cli_host() as host:
        if verify:
            return _verify(output, host, noted)
        if head:
            last = host.audit.head()
            output.write_json({"seq": last.seq, "hash": last.hash, "head": str(last)})
            output.line(str(last))
            return OK
        organisation_id = None
        if organisation is not None:
            organisation_id = require_one(find_connections(host, organisation)).organisation_id
        entries = host.audit.entries(
            action=action,
            organisation_id=organisation_id,
            key=key,
            since=_parse_moment(since),
            last=None if export else limit or None,
        )
        if export:
            return _export(output, export, entries)
        _show(output, list(entries))
    return OK


def _parse_moment(text: str | None) -> datetime | None:
    """Read a day or a moment; without a time zone it is UTC.

    Raises:
        Invalid: the text is neither.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid_option("since", "must be a day or moment, such as 2026-01-31 or 2026-01-31T12:00Z") from None


def _verify(output: Output, host: Host, noted: str | None) -> int:
    from bizosaas_xero.host.actions.audit import AuditHead

    check = host.audit.verify(None if noted is None else AuditHead.parse(noted))
    output.write_json(
        {
            "ok": check.ok,
            "entries": check.entries,
            "head": str(check.head),
            "broken": check.broken,
            "why": check.why or None,
        }
    )
    if check.ok:
        output.say(f"The hash chain of {check.entries:,} entries is intact. Its head:", style="green")
        output.line(f"  {check.head}")
        if noted is None:
            output.say("Removed last entries show only against a head kept elsewhere: --noted SEQ:HASH.")
        return OK
    output.say(f"The audit log is broken at entry {check.broken}: {check.why}.", style="bold red")
    output.say(f"The {check.entries:,} entries before it are intact. Restore a backup next to it, and compare.")
    return PERSON


def _export(output: Output, path: Path, entries: Iterable[AuditEntry]) -> int:
    from bizosaas_xero.cli import reasons
    from bizosaas_xero.host.actions.audit import to_canonical_json

    count = 0
    try:
        # Readable for its owner alone, as the database is: it holds parameters and results.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            for entry in entries:
                file.write(to_canonical_json(entry.to_dict()) + "\n")
                count += 1
    except OSError as error:
        raise reasons.FILE_UNWRITABLE(path=path, cause=error.strerror) from None
    output.write_json({"export": str(path), "entries": count})
    output.say(f"{count:,} entries are in {path}.", style="green")
    return OK


def _show(output: Output, entries: list[AuditEntry]) -> None:
    output.write_json({"entries": [entry.to_dict() for entry in entries]})
    if not entries:
        output.say("No matching entries.")
        return
    rows = [
        (str(entry.seq), entry.at[:19].replace("T", " "), entry.who or "", entry.kind, entry.action, _subject(entry))
        for entry in entries
    ]
    output.table(("No.", "When (UTC)", "Who", "Kind", "Action", "Details"), rows)


def _subject(entry: AuditEntry) -> str:
    """Summarise an entry's details in a few words."""
    from bizosaas_xero.host.actions.audit import to_canonical_json

    details = entry.details
    plan = details.get("plan") or {}
    own = " (self-approved)" if details.get("self_approved") else ""
    summary = {
        "plan": f"{plan.get('amount') or 'unknown amount'} {plan.get('currency') or ''}".strip(),
        "waiting": (details.get("policy") or {}).get("why"),
        "approval": own.strip(" ()"),
        "commit": f"approved by {details.get('approver')}{own}" if details.get("approver") else "by policy",
        "result": details.get("status"),
        "error": (details.get("error") or {}).get("reason"),
        "owner": details.get("after") or "none",
        "policy": to_canonical_json(details.get("after")) if entry.kind == "policy" else "",
    }.get(entry.kind)
    return "; ".join(part for part in ((entry.key or "")[:KEY_LENGTH], summary) if part)
