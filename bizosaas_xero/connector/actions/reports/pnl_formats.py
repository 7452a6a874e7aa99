"""A profit and loss for a person: as a Markdown table, a CSV file, or an SVG chart."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from bizosaas_xero.connector.actions.escaping import escape_csv, escape_markdown

if TYPE_CHECKING:
    from bizosaas_xero.connector.actions.reports.generate_pnl_report import PnlResult

_TITLES = {
    "income": "Income",
    "cost_of_sales": "Cost of sales",
    "other_income": "Other income",
    "expenses": "Expenses",
}


def markdown(report: PnlResult) -> str:
    """Return a table, its basis and period in the heading."""
    out = [f"**{escape_markdown(report.organisation)}: profit and loss, {report.basis} basis**", ""]
    out += [
        f"{report.from_date} to {report.to_date}, {report.currency}",
        "",
        "| Account | Amount |",
        "| --- | ---: |",
    ]
    for section in report.sections:
        if section.accounts:
            out.append(f"| **{_TITLES[section.name]}** | |")
            out += [f"| {escape_markdown(figure.name)} | {figure.amount:,} |" for figure in section.accounts]
            out.append(f"| *Total* | *{section.total:,}* |")
    if report.unrealised_currency:
        out.append(f"| Unrealised currency gains | {report.unrealised_currency:,} |")
    out.append(f"| **Net profit** | **{report.net_profit:,}** |")
    if report.not_tied_because:
        out += ["", f"Not tied: {escape_markdown(report.not_tied_because)}"]
    return "\n".join(out) + "\n"


def as_csv(report: PnlResult) -> str:
    """Return rows of section, code, account and amount; names that a spreadsheet would run are defused."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["section", "code", "account", f"amount_{report.currency}"])
    for section in report.sections:
        for figure in section.accounts:
            writer.writerow([section.name, escape_csv(figure.code or ""), escape_csv(figure.name), figure.amount])
    writer.writerow(["unrealised_currency", "", "", report.unrealised_currency])
    writer.writerow(["net_profit", "", "", report.net_profit])
    return out.getvalue()


def svg(report: PnlResult) -> str:
    """Return a bar for each section's total and for the net profit."""
    bars = [(_TITLES[section.name], section.total) for section in report.sections if section.accounts]
    bars.append(("Net profit", report.net_profit))
    widest = max((abs(amount) for _, amount in bars), default=Decimal(0)) or Decimal(1)
    height = 34 * len(bars) + 50
    title = f"{report.organisation}, {report.from_date} to {report.to_date}, {report.currency}, {report.basis}"
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {height}">',
        "<style>text { font: 13px sans-serif }</style>",
        f"<title>{escape(title)}</title>",
        f'<text x="10" y="22" font-weight="bold">{escape(title)}</text>',
    ]
    for index, (label, amount) in enumerate(bars):
        y = 40 + 34 * index
        width = int(abs(amount) / widest * 340)
        colour = "#b3261e" if amount < 0 else "#13b5ea"
        out += [
            f'<text x="10" y="{y + 16}">{label}</text>',
            f'<rect x="130" y="{y}" width="{width}" height="22" fill="{colour}"/>',
            f'<text x="{136 + width}" y="{y + 16}">{amount:,}</text>',
        ]
    return "\n".join([*out, "</svg>"]) + "\n"


FORMATS: dict[str, Callable[[PnlResult], str]] = {"markdown": markdown, "csv": as_csv, "svg": svg}
"""What `formats` may name."""
