"""Read the layout of Xero's reports by account id and row type, never by position or English label.

Xero's report pages show that titles and order follow the organisation's own layout, that totals carry no
account id, that figures computed by Xero carry an all-zero one, and that currency rows carry FXGROUPID in
place of an account.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import count
from typing import Any, Literal

from bizosaas_xero.spec.errors import Unavailable

_NO_ID = "00000000-0000-0000-0000-000000000000"
_ACCOUNT_IDS = {"account", "accountid"}


@dataclass(frozen=True)
class Line:
    """One line of figures.

    Args:
        kind: ``account``; ``currency`` for revaluation, which belongs to no account; ``total`` for the rest.
        account_id: In lower case; only for ``account``.
        section: Which section of the report holds it; lines of one section have the same number.
        label: As Xero words it.
        values: The figures after the label; ``None`` for a blank cell.
        computed: The account is Xero's all-zero one, such as *Current Year Earnings*.
    """

    kind: Literal["account", "currency", "total"]
    account_id: str | None
    section: int
    label: str
    values: tuple[Decimal | None, ...]
    computed: bool = False


def lines(report: dict[str, Any]) -> list[Line]:
    """Return every line of a report, in its order, with sections flattened.

    Raises:
        Unavailable: A figure is not a number.
    """
    return list(_walk(report.get("Rows") or [], count(1), 0))


def _walk(rows: list[dict[str, Any]], numbers: count[int], section: int) -> Iterator[Line]:
    for row in rows:
        if row.get("RowType") in {"Row", "SummaryRow"} and row.get("Cells"):
            yield _line(row, section)
        if row.get("Rows"):
            yield from _walk(row["Rows"], numbers, next(numbers))


def _line(row: dict[str, Any], section: int) -> Line:
    cells = row["Cells"]
    marks = {
        str(mark.get("Id", "")).lower(): str(mark.get("Value", "")).lower()
        for cell in cells
        for mark in cell.get("Attributes") or ()
    }
    account = next((marks[name] for name in _ACCOUNT_IDS if name in marks), None)
    kind: Literal["account", "currency", "total"] = "total"
    if "fxgroupid" in marks or "fxgroupid" in marks.values():
        kind = "currency"
    elif account and account != _NO_ID and row.get("RowType") == "Row":
        kind = "account"
    label = str(cells[0].get("Value") or "")
    values = tuple(amount(cell.get("Value"), label) for cell in cells[1:])
    known = account if kind == "account" else None
    return Line(kind, known, section, label, values, computed=account == _NO_ID)


def amount(text: Any, label: str) -> Decimal | None:
    """Read one figure of a report; a blank cell is ``None``.

    Raises:
        Unavailable: The cell is not a number.
    """
    if text is None or text == "":
        return None
    try:
        return Decimal(str(text).replace(",", ""))
    except InvalidOperation:
        raise Unavailable(
            f"A figure of Xero's report cannot be read: {text!r} in {label!r}.", reason="unreadable_record"
        ) from None
