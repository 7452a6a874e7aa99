"""Layouts of reports that differ between recordings of Xero, applied to a report in the classic layout."""

import re

from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.switches import Switches

_AMOUNT = re.compile(r"-?\d+\.\d\d")
_DAY = re.compile(r"(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}|\d{2})")


def apply_dialect(report: Row, switches: Switches) -> None:
    """Change a report to the dialect that the switches ask for."""
    if switches.report_dialect == "2026":
        _use_2026_layout(report)
    elif switches.report_dialect == "statutory" and report["ReportType"] == "BalanceSheet":
        report["Rows"] = [row for row in report["Rows"] if _label(row) not in {"Total Assets", "Total Liabilities"}]
    for row in _iter_rows(report["Rows"]):
        for place, cell in enumerate(row.get("Cells", ())):
            if row["RowType"] == "Header":
                cell["Value"] = _DAY.sub(lambda match: _title(match, switches.report_dates), cell["Value"])
            elif place and switches.report_amounts == "brackets" and _AMOUNT.fullmatch(cell["Value"]):
                cell["Value"] = _in_brackets(cell["Value"])


def _use_2026_layout(report: Row) -> None:
    if report["ReportType"] == "ProfitAndLoss":
        report["ReportName"] = report["ReportTitles"][0] = "Income Statement"
    if report["ReportType"] != "BalanceSheet":
        return
    rows = []
    for row in report["Rows"]:
        if row.get("Title") == "Liabilities" and not row["Rows"]:
            rows.append({"RowType": "Section", "Title": "Liabilities and Equity", "Rows": []})
        if _label(row) != "Net Assets":
            rows.append(row)
    report["Rows"] = rows


def _label(row: Row) -> str:
    """Return the label of a section that has no title and one row."""
    if row.get("Title") or len(row.get("Rows", ())) != 1:
        return ""
    return str(row["Rows"][0]["Cells"][0]["Value"])


def _iter_rows(rows: list[Row]) -> list[Row]:
    return [inner for row in rows for inner in (row, *row.get("Rows", ()))]


def _title(match: re.Match[str], layout: str) -> str:
    day, month, year = match.groups()
    if layout == "month_first":
        return f"{month} {day}, {year if len(year) == 4 else f'20{year}'}"  # noqa: PLR2004 - digits of a year
    if layout == "sept" and month == "Sep":
        return f"{day} Sept {year}"
    return match[0]


def _in_brackets(amount: str) -> str:
    if amount.strip("-") == "0.00":
        return "-"
    return f"({amount[1:]})" if amount.startswith("-") else amount
