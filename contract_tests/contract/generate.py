"""Write what three pages repeat of the code: ``python -m contract_tests.contract.generate``."""

from __future__ import annotations

import re

from bizosaas_xero.contract.clause_registry import list_clauses
from bizosaas_xero.contract.scenarios import ACTION_SCRIPTS
from contract_tests.helpers.paths import ROOT

DOCS = ROOT / "docs"
SHOP = ROOT / "contract_tests" / "selftest" / "csvshop"


def clauses():
    """Return the table of clauses."""
    lines = ["| Clause | Severity | The promise |", "| --- | --- | --- |"]
    lines += [f"| `{row.id}` | {row.severity} | {row.sentence} |" for row in list_clauses().values()]
    return "\n".join(lines)


def scripts():
    """Return the table of what a host does with an action."""
    lines = ["| `script` | What a host does |", "| --- | --- |"]
    lines += [f"| `{name}` | {', '.join(steps)} |" for name, steps in ACTION_SCRIPTS.items()]
    return "\n".join(lines)


def with_part(page, name, text):
    """Return the page with a text between its marks."""
    begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    head, rest = page.split(begin)
    return f"{head}{begin}\n{text}\n{end}{rest.split(end)[1]}"


def with_files(page):
    """Return the page with each file of the CSV shop in its block."""

    def block(found):
        return f"{found[1]}{(SHOP / found[2]).read_text(encoding='utf-8')}```\n"

    return re.sub(r"(<!-- file: ([\w.]+) -->\n\n```\w+\n).*?```\n", block, page, flags=re.DOTALL)


PAGES = {
    "contract.md": lambda page: with_part(page, "clauses", clauses()),
    "cassettes.md": lambda page: with_part(page, "scripts", scripts()),
    "write-a-connector.md": with_files,
}


def main():
    for name, made in PAGES.items():
        path = DOCS / name
        path.write_text(made(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
