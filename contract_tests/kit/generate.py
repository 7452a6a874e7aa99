"""Write what two pages repeat of the code: ``python -m contract_tests.kit.generate``."""

from __future__ import annotations

import re
from pathlib import Path

from bizosaas_xero.contract.registry import table

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SHOP = ROOT / "contract_tests" / "selftest" / "csvshop"


def clauses():
    """Return the table of clauses."""
    lines = ["| Clause | Severity | The promise |", "| --- | --- | --- |"]
    lines += [f"| `{row.id}` | {row.severity} | {row.sentence} |" for row in table().values()]
    return "\n".join(lines)


def with_table(page):
    """Return the page with the table in its place."""
    begin, end = "<!-- clauses -->\n\n", "\n\n<!-- end of clauses -->"
    head, rest = page.split(begin)
    return head + begin + clauses() + end + rest.split(end)[1]


def with_files(page):
    """Return the page with each file of the CSV shop in its block."""

    def block(found):
        return f"{found[1]}{(SHOP / found[2]).read_text(encoding='utf-8')}```\n"

    return re.sub(r"(<!-- file: ([\w.]+) -->\n\n```\w+\n).*?```\n", block, page, flags=re.DOTALL)


PAGES = {"contract.md": with_table, "write-a-connector.md": with_files}


def main():
    for name, made in PAGES.items():
        path = DOCS / name
        path.write_text(made(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
