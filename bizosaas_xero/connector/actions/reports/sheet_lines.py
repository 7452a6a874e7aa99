"""The lines of a balance sheet: the class of each, and Xero's own totals.

A line whose account is in the chart has the class of that account. A line without an account of the chart has the
class of its section's other accounts; in the equity section it is the earnings of the current year, which Xero
computes and gives an id that is in no chart, or none.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import product

from bizosaas_xero.connector.actions.books import Row
from bizosaas_xero.connector.actions.reports.layout import Line

ZERO = Decimal(0)
CLASSES = ("ASSET", "LIABILITY", "EQUITY")
MAX_UNKNOWN_SECTIONS = 4
"""The number of sections without a known account for which all classes are tried."""

_EARNINGS = re.compile(r"earnings|profit|surplus|net income", re.IGNORECASE)
_TOTALS = {
    "ASSET": re.compile(r"\s*total assets\s*", re.IGNORECASE),
    "LIABILITY": re.compile(r"\s*total liabilities\s*", re.IGNORECASE),
    "NET": re.compile(r"\s*(?:total )?net assets(?: \(liabilities\))?\s*", re.IGNORECASE),
    "EQUITY": re.compile(r"\s*total (?:equity|capital and reserves|shareholders'? equity)\s*", re.IGNORECASE),
}


@dataclass
class PlacedLines:
    """The lines with their classes, those of no class, and the earnings of the current year."""

    lines: list[tuple[Line, str]] = field(default_factory=list)
    unplaced: list[Line] = field(default_factory=list)
    earnings: Decimal = ZERO
    sums: dict[str, Decimal] = field(default_factory=dict)

    @property
    def balances(self) -> bool:
        """Whether assets less liabilities equal equity."""
        return self.sums["ASSET"] - self.sums["LIABILITY"] == self.sums["EQUITY"]


def place_lines(lines: Sequence[Line], accounts: Mapping[str, Row], column: int) -> PlacedLines:
    """Return the lines of a column by class.

    Where the chart does not decide, the classes are taken with which the sheet balances and equals Xero's totals.
    If several sets of classes do, the lines stay unplaced.
    """
    choices = [_place(lines, accounts, column, classes) for classes in _section_classes(lines, accounts)]
    fitting: list[PlacedLines] = []
    for placed in choices:
        fits = placed.balances and not placed.unplaced and check_totals(lines, placed.sums, column)[1] is None
        if fits and placed.sums not in [each.sums for each in fitting]:
            fitting.append(placed)
    if choices[0] in fitting or len(fitting) == 1:
        return fitting[0]
    return choices[0]


def _section_classes(lines: Sequence[Line], accounts: Mapping[str, Row]) -> Iterator[tuple[dict[int, str], bool]]:
    """Yield the possible classes of the sections, and whether a section's class overrides that of an account."""
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for line in lines:
        if line.kind != "total" or line.computed:
            name = "EQUITY" if line.computed else str(accounts.get(line.account_id or "", {}).get("Class"))
            counts[line.section].update([name] if name in CLASSES else [])
    majority = {section: count.most_common(1)[0][0] for section, count in counts.items() if count}
    known = {section: next(iter(count)) for section, count in counts.items() if len(count) == 1}
    unknown = []
    for section in (section for section, count in counts.items() if len(count) != 1):
        labels = [line.label for line in lines if line.section == section and line.kind != "total"]
        if not counts[section] and any(map(_EARNINGS.search, labels)):
            known[section] = "EQUITY"
        else:
            unknown.append(section)
    yield known, False
    yield majority, True  # an overdrawn bank account is an asset by its class and may be listed as a liability
    if len(unknown) <= MAX_UNKNOWN_SECTIONS:
        for classes in product(CLASSES, repeat=len(unknown)):
            yield known | dict(zip(unknown, classes, strict=True)), False


def _place(
    lines: Sequence[Line], accounts: Mapping[str, Row], column: int, classes: tuple[dict[int, str], bool]
) -> PlacedLines:
    of_section, override = classes
    placed = PlacedLines()
    in_equity = []
    for line in lines:
        if line.kind == "total" and not line.computed:
            continue
        name = str(accounts.get(line.account_id or "", {}).get("Class"))
        section = of_section.get(line.section)
        if line.computed or (name not in CLASSES and section == "EQUITY"):
            in_equity.append(line)
        elif name in CLASSES:
            placed.lines.append((line, section if override and section else name))
        elif section:
            placed.lines.append((line, section))
        elif line.value(column):
            placed.unplaced.append(line)
    earnings = _earnings(in_equity)
    placed.lines += [(line, "EQUITY") for line in in_equity if line not in earnings]
    placed.earnings = sum((line.value(column) for line in earnings), ZERO)
    placed.sums = {
        name: sum((line.value(column) for line, other in placed.lines if other == name), ZERO) for name in CLASSES
    }
    placed.sums["EQUITY"] += placed.earnings
    return placed


def _earnings(in_equity: list[Line]) -> list[Line]:
    """Return which of the equity lines without an account of the chart are the earnings of the current year."""
    computed = [line for line in in_equity if line.computed]
    named = [line for line in in_equity if _EARNINGS.search(line.label)]
    return computed or named or in_equity


def check_totals(
    lines: Sequence[Line], sums: Mapping[str, Decimal], column: int
) -> tuple[dict[str, Decimal], str | None]:
    """Return Xero's own totals, or ours where the report has none, and the first contradiction."""
    totals = {**sums, "NET": sums["ASSET"] - sums["LIABILITY"]}
    problem = _check_sections(lines, column)
    detailed = {line.section for line in lines if line.kind != "total"}
    for line in lines:
        if line.kind != "total" or line.computed or column >= len(line.values) or line.values[column] is None:
            continue
        for name, label in _TOTALS.items():
            if label.fullmatch(line.label) and (name == "EQUITY" or line.section not in detailed):
                if line.value(column) != totals[name]:
                    problem = (
                        f"Xero's {line.label.strip()} is {line.value(column)}, its accounts add up to {totals[name]}."
                    )
                totals[name] = line.value(column)
    return totals, problem


def _check_sections(lines: Sequence[Line], column: int) -> str | None:
    """Return the first summary row that differs from the lines of its section."""
    running: dict[int, Decimal] = defaultdict(lambda: ZERO)
    whole: dict[int, Decimal] = defaultdict(lambda: ZERO)
    detailed = {line.section for line in lines if line.kind != "total"}
    for line in lines:
        if line.kind == "total" and line.summary and line.section in detailed:
            if line.value(column) not in {running[line.section], whole[line.section]}:
                expected = running[line.section]
                return f"Xero's {line.label.strip()} is {line.value(column)}, its lines add up to {expected}."
            running[line.section] = ZERO
        elif line.kind != "total" or line.computed:
            running[line.section] += line.value(column)
            whole[line.section] += line.value(column)
    return None
