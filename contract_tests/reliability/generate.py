"""Write the matrix into docs/reliability.md: ``python -m contract_tests.reliability.generate``.

With ``--kept FILE`` it keeps each ending, and continues from there when it was stopped.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from contract_tests.helpers.paths import ROOT
from contract_tests.reliability import matrix

PAGE = ROOT / "docs" / "reliability.md"
PART = re.compile(r"(<!-- matrix -->\n\n).*?(\n\n<!-- end of matrix -->)", re.DOTALL)


def rewritten(page: str, table: str) -> str:
    """Return the page with this table."""
    return PART.sub(lambda found: f"{found[1]}{table.strip()}{found[2]}", page)


def main() -> int:
    """Try every cell; write the table if all went well."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=0)
    parser.add_argument("--kept", type=Path, help="a file of endings, which an earlier run of the same code began")
    options = parser.parse_args()
    endings, good = matrix.try_all(options.processes, kept=options.kept)
    if good:
        table = matrix.table(endings)
        PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8"), table), encoding="utf-8")
    return not good


if __name__ == "__main__":
    raise SystemExit(main())
