"""Write the matrix into docs/reliability.md: ``python -m contract_tests.reliability.generate``."""

from __future__ import annotations

import re

from contract_tests.helpers.paths import ROOT
from contract_tests.reliability import matrix

PAGE = ROOT / "docs" / "reliability.md"
PART = re.compile(r"(<!-- matrix -->\n\n).*?(\n\n<!-- end of matrix -->)", re.DOTALL)


def rewritten(page: str, table: str) -> str:
    """Return the page with this table."""
    return PART.sub(lambda found: f"{found[1]}{table.strip()}{found[2]}", page)


def main() -> int:
    """Try every cell; write the table if all went well."""
    endings, good = matrix.try_all()
    if good:
        table = matrix.table(endings)
        PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8"), table), encoding="utf-8")
    return not good


if __name__ == "__main__":
    raise SystemExit(main())
