"""The pages for developers name files that exist, and the quickest way to each command."""

from __future__ import annotations

import re
import subprocess

import pytest

from contract_tests.docs.pages import DOCS, read
from contract_tests.helpers.paths import ROOT

PATH = re.compile(r"`((?:[\w-]+/)*[\w-]+(?:\.py|/))`")
PLACES = (ROOT, ROOT / "bizosaas_xero", ROOT / "bizosaas_xero" / "connector" / "actions")


@pytest.mark.parametrize("page", ["architecture.md", "contributing.md"])
def test_every_path_that_the_page_names_exists(page):
    folders = {path.parent for path in (ROOT / "bizosaas_xero").rglob("*.py")}
    paths = set(PATH.findall(read(page))) - {"NAME.md"}
    assert paths
    for path in paths:
        assert any((place / path).exists() for place in (*PLACES, *folders)), path


def test_every_folder_of_the_package_has_its_row():
    page = read("architecture.md")
    top = [path for path in (ROOT / "bizosaas_xero").iterdir() if path.is_dir() and (path / "__init__.py").exists()]
    inner = [
        path
        for name in ("connector", "host")
        for path in (ROOT / "bizosaas_xero" / name).iterdir()
        if path.is_dir() and (path / "__init__.py").exists()
    ]
    names = [path.relative_to(ROOT / "bizosaas_xero").as_posix() + "/" for path in (*top, *inner)]
    assert [name for name in names if f"`{name}`" not in page and f"{name}" not in page] == []


def test_the_recipes_of_just_are_those_that_the_page_names():
    done = subprocess.run(["just", "--summary"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607 (from the environment)
    recipes = done.stdout.split()
    named = set(re.findall(r"\bjust ([a-z][a-z-]+)", read("contributing.md")))
    assert named <= set(recipes)
    assert {"setup", "test", "test-one", "quick", "lint", "types", "docs", "record"} <= set(recipes)


def test_contributors_find_the_page():
    for path in (ROOT / "README.md", ROOT / ".github" / "CONTRIBUTING.md", DOCS / "index.md"):
        assert "contributing" in path.read_text(encoding="utf-8")
