"""What the tests of the documentation read: pages, sections, tables, and the code that they speak of."""

from __future__ import annotations

import re

from contract_tests.docs import generate

DOCS = generate.DOCS
ROOT = DOCS.parent
PACKAGE = ROOT / "bizosaas_xero"
CONNECTOR = sorted(
    [*PACKAGE.glob("*.py"), *(PACKAGE / "connector").rglob("*.py"), *(PACKAGE / "toolkit").rglob("*.py")]
)  # without spec, host, sandbox and command line


def read(page):
    return (DOCS / page).read_text(encoding="utf-8")


def rows(text):
    """Return the cells of every table row of a Markdown text."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("| ---")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def first_cells(text):
    return {cells[0].strip("`") for cells in rows(text)}


def section(text, heading, level):
    marks = "#" * level
    found = re.search(rf"^{marks} {re.escape(heading)}\n(.*?)(?=^#{{1,{level}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section '{heading}'"
    return found[1]
