"""Make what a new action or entity needs: ``python -m contract_tests.new action FAMILY NAME [read|write]``,
``python -m contract_tests.new entity NAME PATH SHAPE KEY``. What a person has to fill in says FILL."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from bizosaas_xero import __version__
from contract_tests.helpers.paths import ROOT

HERE = Path(__file__).parent
ACTIONS = Path("bizosaas_xero/connector/actions")
ENTITIES = Path("bizosaas_xero/connector/sync/entities.py")
SCENARIOS = Path("cassettes/xero/contract.toml")
ORIGINS = "\n[provenance]\n"
TABLE_END = "\n)\n\nENTITIES: "


def fill(template: str, **names: str) -> str:
    """Return a template with its names, which are in double square brackets."""
    text = (HERE / template).read_text(encoding="utf-8")
    for name, value in names.items():
        text = text.replace(f"[[{name}]]", value)
    return text


def new_action(root: Path, family: str, name: str, effect: str = "read") -> list[Path]:
    """Write an action's file, page, scenarios and test; return what was written."""
    folder = root / ACTIONS / family
    if not (folder / "__init__.py").exists() or effect not in {"read", "write"} or not name.isidentifier():
        families = sorted(path.parent.name for path in (root / ACTIONS).glob("*/__init__.py"))
        raise SystemExit(f"new-action FAMILY NAME [read|write]; families: {', '.join(families)}")
    words = {"name": name, "class": name.title().replace("_", ""), "title": name.replace("_", " ").title()}
    words |= {"family": family, "dashed": name.replace("_", "-")}
    written = {
        ACTIONS / family / f"{name}.py": fill(f"{effect}_action.txt", **words),
        Path(f"docs/actions/{name}.md"): fill("action_page.txt", **words),
        Path(f"contract_tests/connector/actions/{family}/test_{name}.py"): fill(f"test_{effect}_action.txt", **words),
    }
    return _write(root, written, fill(f"{effect}_scenarios.txt", **words))


def new_entity(root: Path, name: str, path: str, shape: str, key: str) -> list[Path]:
    """Write an entity's row, scenarios and test; return what was written."""
    words = {"name": name, "dashed": name.replace("_", "-"), "path": path, "shape": shape, "key": key}
    words["title"] = name.replace("_", " ").capitalize()
    table = (root / ENTITIES).read_text(encoding="utf-8")
    if f'        name="{name}",' in table:
        raise SystemExit(f"There is an entity {name} already.")
    head, tail = table.split(TABLE_END)
    written = {Path(f"contract_tests/connector/sync/test_{name}.py"): fill("test_entity.txt", **words)}
    done = _write(root, written, fill("entity_scenarios.txt", **words))
    row = fill("entity.txt", **words).rstrip()
    (root / ENTITIES).write_text(f"{head}\n{row}{TABLE_END}{tail}", encoding="utf-8")
    return [ENTITIES, *done]


def _write(root: Path, written: dict[Path, str], scenarios: str) -> list[Path]:
    there = [path for path in written if (root / path).exists()]
    if there:
        raise SystemExit(f"{there[0]} is there already.")
    for path, text in written.items():
        (root / path).write_text(text, encoding="utf-8")
    scenarios_of, origins = (root / SCENARIOS).read_text(encoding="utf-8").split(ORIGINS)
    names = re.findall(r'^name = "(.*)"$', scenarios, re.MULTILINE)
    source = f"bizosaas-xero sandbox {__version__}"
    origin = f'{{ kind = "synthetic", source = "{source}", date = "{datetime.now(UTC).date()}" }}'
    added = "".join(f"{name} = {origin}\n" for name in names)
    text = f"{scenarios_of.rstrip()}\n\n{scenarios}{ORIGINS}{origins.rstrip()}\n{added}"
    (root / SCENARIOS).write_text(text, encoding="utf-8")
    return [*written, SCENARIOS]


if __name__ == "__main__":
    make = {"action": new_action, "entity": new_entity}.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if make is None:
        raise SystemExit(__doc__)
    try:
        done = make(ROOT, *sys.argv[2:])
    except TypeError:
        raise SystemExit(__doc__) from None
    sys.stdout.write("".join(f"{path}\n" for path in done) + "Fill in what says FILL; the new test lists it.\n")
