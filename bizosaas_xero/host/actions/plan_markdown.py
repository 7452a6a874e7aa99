"""A plan as a person reads it before saying yes: Markdown in which no document's text can fake anything.

The text of an invoice line or a contact name may be written to mislead the approver. So every character that
cannot be seen or that moves the cursor is replaced, and texts are escaped for Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from bizosaas_xero.host.actions.plans import StoredPlan
from bizosaas_xero.host.actions.policy import PolicyDecision, is_undeclared
from bizosaas_xero.host.text import make_visible

_SIDES = ("debit", "credit")


def escape_markdown(text: Any) -> str:
    """Return a text that Markdown shows as it is, in one line, also in a table's cell."""
    shown = re.sub(r"([\\`*_\[\]<>&|~!#])", r"\\\1", make_visible(str(text)).strip())
    # Else it is a list or a line, where it begins an item.
    return re.sub(r"^(\d*)([-+=]|[.)](?=\s|$))", r"\1\\\2", shown)


def plan_to_markdown(stored_plan: StoredPlan, policy_decision: PolicyDecision) -> str:
    """Return a plan as Markdown: whose books, what, effect, warnings, who asked, and until when."""
    plan = stored_plan.plan
    parts = [
        f"## {escape_markdown(stored_plan.action)} in {escape_markdown(plan.organisation)}",
        _quote(_remove_warnings(_sanitise_summary(plan.summary), plan.warnings)),
        "### Effect on the books",
        _quote(_effect_table(plan.effect, plan.currency or "")),
        "### Warnings",
        "\n".join(f"- {escape_markdown(warning)}" for warning in plan.warnings) or "None.",
        "### About this plan",
        "\n".join(f"- **{name}:** {text}" for name, text in _plan_facts(stored_plan, policy_decision)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _plan_facts(stored_plan: StoredPlan, policy_decision: PolicyDecision) -> Iterable[tuple[str, str]]:
    plan = stored_plan.plan
    yield "Organisation", f"{escape_markdown(plan.organisation)} ({escape_markdown(stored_plan.connection_id)})"
    amount = "not known before it is done" if plan.amount is None else f"{plan.amount} {plan.currency or ''}"
    yield "Amount", escape_markdown(amount.strip())
    yield (
        "It would",
        escape_markdown(
            "do what the connector does not say"
            if is_undeclared(plan)
            else ", ".join(plan.acts or []).replace("_", " ") or "change nothing"
        ),
    )
    yield "Requests", f"{len(plan.requests)}: {escape_markdown(', '.join(map(_request_line, plan.requests)))}"
    yield "Undo", escape_markdown(plan.undo or "It cannot be undone.")
    yield "Asked for by", escape_markdown(", ".join(stored_plan.requesters))
    if stored_plan.business_key:
        yield "Business key", escape_markdown(stored_plan.business_key)
    runs = {"auto": "it may run without a person", "ask": "a person must say yes", "never": "it is refused"}
    yield "Policy", f"{runs[policy_decision.run]}: {escape_markdown(policy_decision.why)}"
    if stored_plan.decision:
        given = stored_plan.decision
        own = " (self-approved)" if stored_plan.self_approved else ""
        yield given.decision.capitalize(), f"by {escape_markdown(given.approver)}{own}, {given.at:%Y-%m-%d %H:%M} UTC"
    yield "Asked for", f"{stored_plan.created_at:%Y-%m-%d %H:%M} UTC"
    yield "Expires", f"{stored_plan.expires_at:%Y-%m-%d %H:%M} UTC"
    yield "Plan", escape_markdown(plan.hash)


def _request_line(request: Mapping[str, Any]) -> str:
    return " ".join(str(request[name]) for name in ("method", "path") if name in request) or "one request"


def _effect_table(rows: list[dict[str, Any]], base: str) -> str:
    """Return the postings as a table with totals, by currency."""
    if not rows:
        return "None: nothing enters the ledger."
    lines = ["| Account | Debit | Credit | In | Note |", "|---|--:|--:|---|---|"]
    totals: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        currency = str(row.get("currency") or base)
        sums = totals.setdefault(currency, dict.fromkeys(_SIDES, Decimal(0)))
        for side in _SIDES:
            sums[side] += _parse_amount(row.get(side))
        rest = {n: v for n, v in row.items() if n not in {"account", "account_id", "currency", *_SIDES}}
        known = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in rest.items() if value is not None)
        cells = (row.get("account") or "", row.get("debit") or "", row.get("credit") or "", currency, known)
        lines.append(f"| {' | '.join(map(escape_markdown, cells))} |")
    for currency, sums in totals.items():
        lines.append(f"| **Total** | **{sums['debit']}** | **{sums['credit']}** | {escape_markdown(currency)} | |")
    return "\n".join(lines)


def _parse_amount(value: Any) -> Decimal:
    try:
        return Decimal(str(value or 0))
    except InvalidOperation:
        return Decimal(0)


def _sanitise_summary(summary: str) -> str:
    """Return a connector's Markdown without HTML, and without entities, which may encode line feeds."""
    text = make_visible(summary, lines=True).replace("&", "&amp;").replace("&amp;lt;", "&lt;")
    return text.replace("<", "&lt;").replace("![", "\\!\\[")


def _quote(text: str) -> str:
    """Set a text apart by a bar: however long a document's text is, no line of it begins at the margin."""
    return "\n".join(f"> {line}" for line in text.split("\n"))


def _remove_warnings(summary: str, warnings: Iterable[str]) -> str:
    """Leave out the warnings that a summary repeats: they have a place of their own."""
    known = {_letters_of(warning) for warning in warnings}
    lines = (line for line in summary.split("\n") if not line.startswith("- ") or _letters_of(line) not in known)
    return "\n".join(lines).strip()


def _letters_of(text: str) -> str:
    return "".join(filter(str.isalnum, text))
