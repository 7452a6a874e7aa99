"""Format aged receivables or payables as a Markdown table or a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from bizosaas_xero.connector.actions.escaping import escape_csv, escape_markdown
from bizosaas_xero.connector.actions.reports.aged_models import AgedResult


def to_markdown(result: AgedResult) -> str:
    """Return a table by contact, with the documents counted and the tie-out."""
    labels = [bucket.label for bucket in result.buckets]
    width = len(labels) + 1
    rows = [(escape_markdown(each.contact), [*each.buckets, each.total]) for each in result.contacts]
    if result.others.contacts:
        label = f"{result.others.contacts} others"
        rows.append((label, [*result.others.buckets, result.others.total]))
    rows.append(("**Total**", [*(bucket.amount for bucket in result.buckets), result.total]))
    text = [
        f"**{escape_markdown(result.organisation)}: aged {result.kind} on {result.as_of}, {result.currency}**",
        "",
        f"By {result.age_by.replace('_', ' ')}. {result.counted}",
        "",
        f"| Contact | {' | '.join(labels)} | Total |",
        f"| --- |{' ---: |' * width}",
        *(f"| {name} | {' | '.join(f'{amount:,}' for amount in amounts)} |" for name, amounts in rows),
    ]
    if result.prepayments.documents:
        text += ["", f"Prepayments, not included: {result.prepayments.base:,}"]
    if result.bridge.control:
        control = result.bridge.control
        parts = f"documents {control.documents:,}, revaluation {control.revaluation:,}"
        text += ["", f"{escape_markdown(control.account)} in the trial balance: {control.balance:,} ({parts})"]
    if result.bridge.not_tied_because:
        text += ["", f"Not tied: {escape_markdown(result.bridge.not_tied_because)}"]
    return "\n".join(text) + "\n"


def to_csv(result: AgedResult) -> str:
    """Return a row for each contact; names that a spreadsheet would run as formulas are escaped."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["contact_id", "contact", *(b.label for b in result.buckets), f"total_{result.currency}"])
    for each in result.contacts:
        writer.writerow([each.contact_id, escape_csv(each.contact), *each.buckets, each.total])
    if result.others.contacts:
        writer.writerow(["", f"{result.others.contacts} others", *result.others.buckets, result.others.total])
    writer.writerow(["", "total", *(bucket.amount for bucket in result.buckets), result.total])
    return out.getvalue()


FORMATS: dict[str, Callable[[AgedResult], str]] = {"markdown": to_markdown, "csv": to_csv}
"""The values of `formats`."""
