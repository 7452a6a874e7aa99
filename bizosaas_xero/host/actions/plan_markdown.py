"""A plan as a person reads it before saying yes: Markdown in which no document's text can fake anything.

Whoever writes an invoice's line or a contact's name may be somebody who wants it approved. So every
character that cannot be seen or that moves the cursor is replaced, and texts are escaped for Markdown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from bizosaas_xero.host.actions.plans import Asked
from bizosaas_xero.host.actions.policy import Verdict

HIDDEN = "\N{REPLACEMENT CHARACTER}"

_SIDES = ("debit", "credit")


def visible(text: str, *, lines: bool = False) -> str:
    """Return a text in which everything can be seen: no control, direction, or zero-width characters.

    Args:
        text: Anybody's.
        lines: Line feeds may stay.
    """
    return "".join(
        each if each.isprintable() or (lines and each == "\n") else " " if _is_space(each) else HIDDEN for each in text
    )


def _is_space(character: str) -> bool:
    return character == "\t" or unicodedata.category(character) == "Zs"


def escaped(text: Any) -> str:
    """Return a text that Markdown shows as it is, in one line, also in a table's cell."""
    shown = re.sub(r"([\\`*_\[\]<>&|~!#])", r"\\\1", visible(str(text)).strip())
    # Else it is a list or a line, where it begins an item.
    return re.sub(r"^(\d*)([-+=]|[.)](?=\s|$))", r"\1\\\2", shown)


def markdown(asked: Asked, verdict: Verdict) -> str:
    """Return a plan as Markdown: whose books, what, effect, warnings, who asked, and until when."""
    plan = asked.plan
    parts = [
        f"## {escaped(asked.action)} in {escaped(plan.organisation)}",
        _quoted(_without(_safe(plan.summary), plan.warnings)),
        "### Effect on the books",
        _quoted(_effect(plan.effect, plan.currency or "")),
        "### Warnings",
        "\n".join(f"- {escaped(warning)}" for warning in plan.warnings) or "None.",
        "### About this plan",
        "\n".join(f"- **{name}:** {text}" for name, text in _about(asked, verdict)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(asked: Asked, verdict: Verdict) -> Iterable[tuple[str, str]]:
    plan = asked.plan
    yield "Organisation", f"{escaped(plan.organisation)} ({escaped(asked.connection_id)})"
    amount = "not known before it is done" if plan.amount is None else f"{plan.amount} {plan.currency or ''}"
    yield "Amount", escaped(amount.strip())
    yield (
        "It would",
        escaped(", ".join(plan.acts).replace("_", " ") or "touch neither the ledger nor anybody"),
    )
    yield "Requests", f"{len(plan.requests)}: {escaped(', '.join(map(_request, plan.requests)))}"
    yield "Undo", escaped(plan.undo or "It cannot be undone.")
    yield "Asked for by", escaped(", ".join(asked.requesters))
    if asked.business_key:
        yield "Business key", escaped(asked.business_key)
    runs = {"auto": "it may run without a person", "ask": "a person must say yes", "never": "it is refused"}
    yield "Policy", f"{runs[verdict.run]}: {escaped(verdict.why)}"
    if asked.decision:
        given = asked.decision
        yield given.decision.capitalize(), f"by {escaped(given.approver)}, {given.at:%Y-%m-%d %H:%M} UTC"
    yield "Asked for", f"{asked.created_at:%Y-%m-%d %H:%M} UTC"
    yield "Expires", f"{asked.expires_at:%Y-%m-%d %H:%M} UTC"
    yield "Plan", escaped(plan.hash)


def _request(request: Mapping[str, Any]) -> str:
    return " ".join(str(request[name]) for name in ("method", "path") if name in request) or "one request"


def _effect(rows: list[dict[str, Any]], base: str) -> str:
    """Return the postings as a table with totals, by currency."""
    if not rows:
        return "None: nothing enters the ledger."
    lines = ["| Account | Debit | Credit | In | Note |", "|---|--:|--:|---|---|"]
    totals: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        currency = str(row.get("currency") or base)
        sums = totals.setdefault(currency, dict.fromkeys(_SIDES, Decimal(0)))
        for side in _SIDES:
            sums[side] += _amount(row.get(side))
        rest = {n: v for n, v in row.items() if n not in {"account", "account_id", "currency", *_SIDES}}
        told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in rest.items() if value is not None)
        cells = (row.get("account") or "", row.get("debit") or "", row.get("credit") or "", currency, told)
        lines.append(f"| {' | '.join(map(escaped, cells))} |")
    for currency, sums in totals.items():
        lines.append(f"| **Total** | **{sums['debit']}** | **{sums['credit']}** | {escaped(currency)} | |")
    return "\n".join(lines)


def _amount(value: Any) -> Decimal:
    try:
        return Decimal(str(value or 0))
    except InvalidOperation:
        return Decimal(0)


def _safe(summary: str) -> str:
    """Return a connector's Markdown without HTML, and without entities, which may stand for line feeds."""
    text = visible(summary, lines=True).replace("&", "&amp;").replace("&amp;lt;", "&lt;")
    return text.replace("<", "&lt;").replace("![", "\\!\\[")


def _quoted(text: str) -> str:
    """Set a text apart by a bar: however long a document's text is, no line of it begins at the margin."""
    return "\n".join(f"> {line}" for line in text.split("\n"))


def _without(summary: str, warnings: Iterable[str]) -> str:
    """Leave out the warnings that a summary repeats: they have a place of their own."""
    told = {_letters(warning) for warning in warnings}
    kept = (line for line in summary.split("\n") if not line.startswith("- ") or _letters(line) not in told)
    return "\n".join(kept).strip()


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))
