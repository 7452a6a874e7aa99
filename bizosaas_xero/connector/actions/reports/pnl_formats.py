"""Format a profit and loss as a Markdown table, a CSV file or an SVG chart."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from xml.sax.saxutils import escape

from bizosaas_xero.connector.actions.escaping import escape_csv, escape_markdown
from bizosaas_xero.connector.actions.reports.pnl_models import PnlResult

_TITLES = {
    "income": "Income",
    "cost_of_sales": "Cost of sales",
    "other_income": "Other income",
    "expenses": "Expenses",
}


def to_markdown(report: PnlResult) -> str:
    """Return a table with the basis and the period in its heading."""
    text = [f"**{escape_markdown(report.organisation)}: profit and loss, {report.basis} basis**", ""]
    text += [
        f"{report.from_date} to {report.to_date}, {report.currency}",
        "",
        "| Account | Amount |",
        "| --- | ---: |",
    ]
    for section in report.sections:
        if section.accounts:
            text.append(f"| **{_TITLES[section.name]}** | |")
            text += [f"| {escape_markdown(figure.name)} | {figure.amount:,} |" for figure in section.accounts]
            text.append(f"| *Total* | *{section.total:,}* |")
    text += [f"| {escape_markdown(line.label)} | {line.amount:,} |" for line in report.other_lines]
    if report.currency_gains is None or report.currency_gains:
        gains = "unknown" if report.currency_gains is None else f"{report.currency_gains:,}"
        text.append(f"| Currency gains | {gains} |")
    text.append(f"| **Net profit** | **{report.net_profit:,}** |")
    if report.not_tied_because:
        text += ["", f"Not tied: {escape_markdown(report.not_tied_because)}"]
    return "\n".join(text) + "\n"


def to_csv(report: PnlResult) -> str:
    """Return rows of section, code, account and amount; names that a spreadsheet would run as formulas are escaped."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["section", "code", "account", f"amount_{report.currency}"])
    for section in report.sections:
        for figure in section.accounts:
            writer.writerow([section.name, escape_csv(figure.code or ""), escape_csv(figure.name), figure.amount])
    for line in report.other_lines:
        writer.writerow(["other_lines", "", escape_csv(line.label), line.amount])
    writer.writerow(["currency_gains", "", "", "" if report.currency_gains is None else report.currency_gains])
    writer.writerow(["net_profit", "", "", report.net_profit])
    return out.getvalue()


def to_svg(report: PnlResult) -> str:
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


FORMATS: dict[str, Callable[[PnlResult], str]] = {"markdown": to_markdown, "csv": to_csv, "svg": to_svg}
"""The values of `formats`."""
