"""Read the layout of Xero's reports by account id and row type, never by position or English label.

Titles and order follow the organisation's own layout (Xero's report pages). Totals carry no account id. Figures
that Xero computes carry an id that is in no chart, or none; currency rows carry FXGROUPID, or no id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any, Literal

from bizosaas_xero.connector.actions.typed_rows import UnreadableRecord

COMPUTED_IDS = {"00000000-0000-0000-0000-000000000000", "abababab-abab-abab-abab-abababababab"}
"""Ids of computed rows such as *Current Year Earnings*: in Xero's examples, and in a recording of 2020."""

_ACCOUNT_IDS = ("account", "accountid")
_CURRENCY_GROUP = "fxgroupid"

Kind = Literal["account", "currency", "figure", "total"]


@dataclass(frozen=True)
class Line:
    """One line of figures.

    Args:
        kind: ``account``; ``currency`` for the row that groups currency gains; ``figure`` for a row of a section
            without an account id; ``total`` for summary rows and for rows in a section of their own.
        account_id: In lower case; only for ``account``, and it may be in no chart.
        section: The number of its section; lines of one section have the same number.
        label: The label in Xero.
        values: The figures after the label; ``None`` for a blank cell and for a percentage.
        summary: Whether it is a summary row of its section.
        computed: Whether it carries the id that Xero gives to computed rows.
    """

    kind: Kind
    account_id: str | None
    section: int
    label: str
    values: tuple[Decimal | None, ...]
    summary: bool = False
    computed: bool = False

    def value(self, column: int = 0) -> Decimal:
        """Return the figure of a column, zero for a blank cell."""
        return (self.values[column] if column < len(self.values) else None) or Decimal(0)


def lines(report: dict[str, Any], name: str = "report") -> list[Line]:
    """Return every line of a report, in its order, with sections flattened.

    Args:
        report: The report.
        name: Its name, for errors.

    Raises:
        UnreadableRecord: A cell is not a figure; the report and the cell are named.
    """
    return list(_walk(report.get("Rows") or [], count(1), 0, name))


def _walk(rows: list[dict[str, Any]], numbers: count[int], section: int, name: str) -> Iterator[Line]:
    grouped = any(row.get("RowType") == "SummaryRow" for row in rows)
    for row in rows:
        if row.get("RowType") in {"Row", "SummaryRow"} and row.get("Cells"):
            yield _line(row, section, name, grouped=grouped)
        if row.get("Rows"):
            yield from _walk(row["Rows"], numbers, next(numbers), name)


def _line(row: dict[str, Any], section: int, name: str, *, grouped: bool) -> Line:
    cells = row["Cells"]
    label = str(cells[0].get("Value") or "")
    values = tuple(amount(cell.get("Value"), label, name) for cell in cells[1:])
    marks = attributes(cells)
    account = next((marks[key] for key in _ACCOUNT_IDS if marks.get(key)), None)
    summary = row.get("RowType") == "SummaryRow"
    kind: Kind = "total"
    if _CURRENCY_GROUP in marks or _CURRENCY_GROUP in marks.values():
        kind = "currency"
    elif account and account not in COMPUTED_IDS and not summary:
        kind = "account"
    elif grouped and not summary:
        kind = "figure"
    known = account if kind == "account" else None
    return Line(kind, known, section, label, values, summary, computed=account in COMPUTED_IDS)


def attributes(cells: list[dict[str, Any]]) -> dict[str, str]:
    """Return the attributes of a row's cells; Xero's spelling of their names varies."""
    return {
        str(mark.get("Id", "")).lower(): str(mark.get("Value", "")).lower()
        for cell in cells
        for mark in cell.get("Attributes") or ()
    }


# ---------------------------------------------------------------- cells

_BLANK = {"", "-", "\u2013", "\u2014", "\u2212"}
_SIGNED = re.compile(r"(?P<minus>-)?(?:[A-Z]{0,3}[$€£¥₹]|[A-Z]{3})?(?P<inner>-)?(?P<digits>[\d.,]+)(?P<behind>-)?")
_POINT = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+")
_COMMA = re.compile(r"(?:\d{1,3}(?:\.\d{3})+|\d+),\d{1,2}")


def amount(value: Any, label: str, name: str = "report") -> Decimal | None:
    """Read one figure of a report; ``None`` for a blank cell, a dash or a percentage.

    Brackets, a minus at either end, currency signs and separators of thousands are read.

    Raises:
        UnreadableRecord: The cell is not a figure; the report and the cell are named.
    """
    if value is None:
        return None
    text = re.sub(r"[\s\u00a0\u202f'\u2019]", "", str(value)).replace("\u2212", "-").replace("\u2013", "-")
    if text in _BLANK or text.endswith("%") or text.rstrip(")").endswith("%"):
        return None
    bracketed = text.startswith("(") and text.endswith(")")
    match = _SIGNED.fullmatch(text[1:-1] if bracketed else text)
    doubled = match is not None and match["minus"] and match["inner"]
    number = _number(match["digits"]) if match and not doubled else None
    if match is None or number is None:
        raise UnreadableRecord(f"report {name}", f"cell {label!r}", value)
    negative = bracketed + bool(match["minus"] or match["inner"]) + bool(match["behind"])
    return -number if negative % 2 else number


def _number(digits: str) -> Decimal | None:
    if _POINT.fullmatch(digits):
        return Decimal(digits.replace(",", ""))
    if _COMMA.fullmatch(digits):
        return Decimal(digits.replace(".", "").replace(",", "."))
    return None


# ---------------------------------------------------------------- dates

_MONTH = r"(?P<month>[A-Za-z]{3,9})\.?"
_YEAR = r"'?(?P<year>\d{4}|\d{2})"
_DATE_FORMS = (
    re.compile(r"(?P<year>\d{4})-(?P<number>\d{2})-(?P<day>\d{2})(?:[T ].*)?"),
    re.compile(rf"(?:.*\s)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[\s.-]+{_MONTH},?[\s-]+{_YEAR}"),
    re.compile(rf"(?:.*\s)?{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+{_YEAR}"),
)
_NUMERIC = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4}|\d{2})")
_CENTURY = 2000


def parse_date(text: str, expected: date | None = None) -> date | None:
    """Read a date of a report's header or title, such as ``30 Jun 26`` or ``As at Jun 30, 2026``.

    Args:
        text: The header.
        expected: The date that was asked for, which decides whether ``06/07/2026`` begins with the day.

    Returns:
        The date; ``None`` if the text has none, or if it is ambiguous.
    """
    text = " ".join(text.split())
    for form in _DATE_FORMS:
        match = form.fullmatch(text)
        if match:
            parts = match.groupdict()
            month = int(parts["number"]) if parts.get("number") else _month_number(str(parts.get("month")))
            return _make_date(_full_year(parts["year"]), month, int(parts["day"]))
    match = _NUMERIC.fullmatch(text)
    if match is None:
        return None
    first, second, year = int(match[1]), int(match[2]), _full_year(match[3])
    readings = {_make_date(year, second, first), _make_date(year, first, second)} - {None}
    if len(readings) > 1 and expected:
        readings = {day for day in readings if day and (day.year, day.month) == (expected.year, expected.month)}
    return readings.pop() if len(readings) == 1 else None


def _month_number(name: str) -> int:
    names = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
             "november", "december")  # fmt: skip
    name = name.lower()
    return next((number for number, full in enumerate(names, 1) if full.startswith(name) or name == f"{full[:3]}t"), 0)


def _full_year(text: str) -> int:
    return int(text) + (_CENTURY if len(text) == 2 else 0)  # noqa: PLR2004 (two digits)


def _make_date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
