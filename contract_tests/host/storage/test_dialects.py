"""One home for what differs by database: nothing else in the package asks which one it is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bizosaas_xero.host.storage.database import DIALECTS
from contract_tests.helpers.paths import ROOT

PACKAGE = ROOT / "bizosaas_xero"
HOMES = {f"host/storage/{name}.py" for name in DIALECTS}
ASKING = ("dialect.name", "get_backend_name", "with_variant", "execute_if", "sqlalchemy.dialects", "pragma ", "pg_")
"""What code does that decides by the database, or speaks to one of them only."""

ALLOWED = {
    "host/storage/database.py": {"get_backend_name", "dialect.name"},  # finds the dialect
    "host/support/bundle.py": {"get_backend_name"},  # reports it
    "host/support/backup.py": {"pragma ", "pg_"},  # copies a database in a file; a server's own tools copy the others
}
TEXT_OF_ADDRESSES = {
    "host/reasons.py",  # messages and remedies
    "host/storage/paths.py",  # the address by default
    "host/support/backup.py",  # the copy that restore opens
    "cli/commands/backup.py",  # its help says of which database it is
    "cli/commands/demo.py",  # the command with which a person opens the demo's file
}


def modules():
    for folder in ("host", "cli", "adapters", "web"):
        yield from sorted((PACKAGE / folder).rglob("*.py"))


def code_of(path: Path) -> tuple[str, list[str]]:
    """Return a module without comments and docstrings, and the texts in it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(getattr(node, "body", None), list):
            plain = [each for each in node.body if not is_docstring(each)]
            node.body = plain or [ast.Pass()]
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return ast.unparse(tree).lower(), texts


def is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def test_only_a_dialect_decides_by_the_database():
    found = {}
    for path in modules():
        name = str(path.relative_to(PACKAGE))
        if name not in HOMES:
            code, texts = code_of(path)
            asked = {words for words in ASKING if words in code} - ALLOWED.get(name, set())
            if name not in TEXT_OF_ADDRESSES:
                asked |= {kind for kind in DIALECTS for text in texts if kind in text.lower()}
            if asked:
                found[name] = asked
    assert found == {}


def test_every_exception_is_still_needed():
    for name, words in ALLOWED.items():
        assert words <= {each for each in ASKING if each in code_of(PACKAGE / name)[0]}, name
    for name in TEXT_OF_ADDRESSES:
        assert any(kind in text.lower() for kind in DIALECTS for text in code_of(PACKAGE / name)[1]), name


@pytest.mark.parametrize("name", list(DIALECTS))
def test_each_dialect_is_a_file_of_its_own_and_a_row(name):
    assert type(DIALECTS[name]).__module__ == f"bizosaas_xero.host.storage.{name}"
