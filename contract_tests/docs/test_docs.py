"""The documentation as a whole: it builds, its links and proofs exist, and every command is in it."""

from __future__ import annotations

import html
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contract_tests.docs import drawings
from contract_tests.docs.blocks import PAGES
from contract_tests.docs.pages import DOCS, PACKAGE, ROOT, read
from contract_tests.docs.ways import accepted


def commands():
    """Return every command of the command line with its options."""
    import typer.main

    from bizosaas_xero.cli.app import app

    group = typer.main.get_command(app)
    found = {"bizosaas-xero": group, **group.commands}
    return {
        name: [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
        for name, command in found.items()
        if not command.hidden
    }


def test_every_command_and_option_is_documented():
    text = read("cli.md")
    for command, options in commands().items():
        assert re.search(rf"(`|bizosaas-xero ){command}\b", text), command
        for option in options:
            assert option in text, f"{command} {option}"


# ---------------------------------------------------------------- the whole


def test_the_documentation_builds_without_a_warning(tmp_path):
    pytest.importorskip("sphinx")
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "-q", "-E", "-d", tmp_path / "trees"]
    done = subprocess.run(  # noqa: S603 (our own interpreter)
        [*command, DOCS, tmp_path / "html"], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "html" / "hooks" / "sync_entity.html").is_file()


def test_every_proof_that_is_named_exists():
    for name in re.findall(r"`(contract_tests/[\w/.]+)`", "".join(map(read, ["proof.md", "decisions.md"]))):
        assert (ROOT / name).exists(), name


def test_every_test_that_is_named_exists():
    named = re.findall(r"`(contract_tests/[\w/]+\.py)::(\w+)`", read("security.md") + read("reliability.md"))
    assert len(named) > 30
    for path, test in named:
        assert f"\ndef {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{test}"


def test_every_threat_names_what_stops_it_and_its_proof():
    for line in (line for line in read("security.md").splitlines() if line.startswith("| ")):
        threat, stopped, proof = (cell.strip() for cell in line.strip("|").split(" | "))
        assert threat
        assert stopped
        assert proof in {"Proof", "---"} or proof.startswith("`contract_tests/"), line


def test_every_link_of_the_readme_leads_somewhere():
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert targets
    for target in targets:
        assert (ROOT / target).exists(), target


def test_every_folder_of_proofs_is_named():
    named = read("proof.md")
    for path in (ROOT / "contract_tests").rglob("test_*.py"):
        first = path.relative_to(ROOT / "contract_tests").parts[0]
        assert f"`contract_tests/{first}" in named, path


@pytest.mark.parametrize("name", drawings.PICTURES)
def test_each_drawing_is_as_it_is_drawn(name):
    """If this fails: ``python -m contract_tests.docs.drawings``."""
    assert read(f"pictures/{name}.svg") == drawings.drawn(name)
    assert any(f"pictures/{name}.svg" in page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))


def test_the_picture_of_the_demo_shows_its_steps():
    """If this fails: ``python -m contract_tests.docs.picture``."""
    shown = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", read("pictures/demo.svg"))).split())
    source = (PACKAGE / "cli" / "commands" / "demo.py").read_text(encoding="utf-8")
    steps = re.findall(r'_step\(output, (\d), "(.+?)"\)', source)
    assert [number for number, _ in steps] == ["1", "2", "3", "4", "5"]
    for number, text in steps:
        assert f"{number}. {text}" in shown


def test_no_page_names_a_path_of_somebodys_machine():
    committed = [*DOCS.rglob("*.md"), *Path(__file__).parent.glob("*.py"), ROOT / "README.md"]
    foreign = re.compile(r"(?<![\w.])/(?:work|tmp|home|Users|root|mnt)/|[A-Z]:\\")
    for path in committed:
        if path != Path(__file__):
            assert not foreign.search(path.read_text(encoding="utf-8")), path


def inline(program):
    """Return every command between single marks, with its page."""
    return [
        (page.name, " ".join(words.split()))
        for page in PAGES
        for words in re.findall(rf"(?<!`)`({program}\s+[^`-][^`]*)`", page.read_text(encoding="utf-8"))
    ]


def test_every_command_in_a_sentence_would_be_taken():
    found = inline("bizosaas-xero")
    assert len(found) > 10
    for page, words in found:
        if len(words.split()) == 2:
            assert words.split()[1] in commands(), page
        else:
            accepted(words)


def test_every_module_in_a_sentence_is_there():
    found = inline(r"python\s+-m")
    assert len(found) > 5
    for page, words in found:
        assert importlib.util.find_spec(words.split()[2]), page
