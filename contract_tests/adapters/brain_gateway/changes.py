"""The changes of docs/brain-gateway.md, applied to the stand-in exactly as the page shows them."""

from __future__ import annotations

import re
from pathlib import Path

from contract_tests.helpers.paths import ROOT

HERE = Path(__file__).parent
PAGE = ROOT / "docs" / "brain-gateway.md"
BLOCK = re.compile(r"`(app/[\w/]+\.py)`(?:(?!```).)*?^```diff\n(.*?)^```", re.MULTILINE | re.DOTALL)


def changes() -> list[tuple[str, str]]:
    """Return file and diff of each change. A diff belongs to the file that was named last before it."""
    found = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(found) == PAGE.read_text(encoding="utf-8").count("```diff")
    return found


def source_of(file: str, *, changed: bool) -> str:
    """Return a source of the stand-in, as it is or with all changes that the page asks for."""
    source = (HERE / file).read_text(encoding="utf-8")
    for of, diff in changes() if changed else []:
        if of == file:
            source = applied(source, diff)
    return source


def applied(source: str, diff: str) -> str:
    """Make a change: its parts, between which lines are left out, are parted by empty lines.

    The old text must occur once in the source. A part that only adds lines adds imports.
    """
    lines = source.splitlines()
    for part in re.split(r"\n\n+", diff.strip("\n")):
        rows = part.splitlines()
        assert all(row[:1] in {" ", "+", "-"} for row in rows), part
        old = [row[1:] for row in rows if row[0] != "+"]
        new = [row[1:] for row in rows if row[0] != "-"]
        if old:
            places = [at for at in range(len(lines)) if lines[at : at + len(old)] == old]
        else:
            places = [at for at, line in enumerate(lines) if line.startswith(("import ", "from "))][:1]
        assert len(places) == 1, f"it occurs {len(places)} times:\n{part}"
        lines[places[0] : places[0] + len(old)] = new
    return "\n".join(lines) + "\n"
