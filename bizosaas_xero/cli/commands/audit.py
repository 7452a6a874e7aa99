"""``audit``: who or what asked for what, and what came of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bizosaas_xero.cli import common
from bizosaas_xero.cli.output import OK, PERSON, Output, table
from bizosaas_xero.host import Host
from bizosaas_xero.host.actions.audit import Entry, Head, canonical
from bizosaas_xero.host.actions.plan_markdown import visible
from bizosaas_xero.spec import Invalid, Misconfigured


@dataclass(frozen=True)
class Request:
    """What ``audit`` was asked for."""

    action: str | None
    since: str | None
    organisation: str | None
    key: str | None
    limit: int
    export: Path | None
    noted: str | None
    verify: bool
    head: bool


def audit(output: Output, asked: Request) -> int:
    """Show, export or verify the audit."""
    if asked.noted is not None and not asked.verify:
        raise _wrong("noted", "belongs to --verify")
    with common.the_host() as host:
        if asked.verify:
            return _verify(output, host, asked.noted)
        if asked.head:
            head = host.audit.head()
            output.data({"seq": head.seq, "hash": head.hash, "head": str(head)})
            output.console.print(str(head), soft_wrap=True)
            return OK
        organisation = None
        if asked.organisation is not None:
            organisation = common.one(common.connections(host, asked.organisation)).organisation_id
        found = host.audit.entries(
            action=asked.action,
            organisation_id=organisation,
            key=asked.key,
            since=moment(asked.since),
            last=None if asked.export else asked.limit or None,
        )
        if asked.export:
            return _export(output, asked.export, found)
        _show(output, list(found))
    return OK


def moment(text: str | None) -> datetime | None:
    """Read a day or a moment; without a zone it is UTC.

    Raises:
        Invalid: It is none.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _wrong("since", "must be a day or moment, such as 2026-01-31 or 2026-01-31T12:00Z") from None


def _verify(output: Output, host: Host, noted: str | None) -> int:
    found = host.audit.verify(None if noted is None else Head.parse(noted))
    output.data(
        {
            "ok": found.ok,
            "entries": found.entries,
            "head": str(found.head),
            "broken": found.broken,
            "why": found.why or None,
        }
    )
    if found.ok:
        output.say(f"The chain of {found.entries:,} entries is whole. Its head:", "green")
        output.console.print(f"  {found.head}", soft_wrap=True)
        if noted is None:
            output.say("A cut-off end shows only against a head that was noted before: --noted SEQ:HASH.")
        return OK
    output.say(f"The audit is broken at entry {found.broken}: {found.why}.", "bold red")
    output.say(f"The {found.entries:,} entries before it are whole. Restore a backup beside it, and compare.")
    return PERSON


def _export(output: Output, path: Path, found: Iterable[Entry]) -> int:
    count = 0
    try:
        # For its owner alone, as the database is: it holds what was asked for and what came of it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            for entry in found:
                file.write(canonical(entry.to_dict()) + "\n")
                count += 1
    except OSError as error:
        raise Misconfigured(
            f"{path} cannot be written: {error.strerror}.",
            remedy="Name a file in a folder that this user may write to.",
            reason="file_unwritable",
        ) from None
    output.data({"export": str(path), "entries": count})
    output.say(f"{count:,} entries are in {path}.", "green")
    return OK


def _show(output: Output, found: list[Entry]) -> None:
    output.data({"entries": [entry.to_dict() for entry in found]})
    if not found:
        output.say("Nothing was asked for that fits.")
        return
    rows = [
        (
            str(entry.seq),
            entry.at[:19].replace("T", " "),
            visible(entry.who or ""),
            entry.kind,
            entry.action,
            visible(_told(entry)),
        )
        for entry in found
    ]
    output.show(table(("No.", "When (UTC)", "Who", "What", "Action", "About"), rows))


def _told(entry: Entry) -> str:
    """Say in few words what an entry is about."""
    details = entry.details
    plan = details.get("plan") or {}
    key = (entry.key or "")[:24]
    about = {
        "plan": f"{plan.get('amount') or 'unknown amount'} {plan.get('currency') or ''}".strip(),
        "waiting": (details.get("policy") or {}).get("why"),
        "commit": f"approved by {details.get('approver')}" if details.get("approver") else "by policy",
        "result": details.get("status"),
        "error": (details.get("error") or {}).get("reason"),
        "policy": canonical(details.get("after")) if entry.kind == "policy" else "",
    }.get(entry.kind)
    return "; ".join(part for part in (key, about) if part)


def _wrong(field: str, message: str) -> Invalid:
    return Invalid(f"--{field} {message}.", problems=[{"field": field, "message": message}])
