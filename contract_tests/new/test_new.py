"""What ``just new-action`` and ``just new-entity`` write passes the lint and is loaded."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tomllib

import pytest

from contract_tests.helpers.paths import ROOT
from contract_tests.new.__main__ import ACTIONS, ENTITIES, SCENARIOS, new_action, new_entity


def checkout(tmp_path):
    """The parts of a checkout that are written to."""
    for place in ("bizosaas_xero/connector", "cassettes/xero/contract.toml", "pyproject.toml"):
        target = tmp_path / place
        target.parent.mkdir(parents=True, exist_ok=True)
        ignored = shutil.ignore_patterns("__pycache__", "*.json")
        shutil.copytree(ROOT / place, target, ignore=ignored) if (ROOT / place).is_dir() else shutil.copy(
            ROOT / place, target
        )
    for folder in ("docs/actions", "contract_tests/connector/sync", "contract_tests/connector/actions/contacts"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def lint(root, paths):
    python = [str(path) for path in paths if path.suffix == ".py"]
    ours = 'lint.isort.known-first-party=["bizosaas_xero", "contract_tests"]'  # only parts of them are here
    for check in (["check", "--config", ours], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *check, "--no-cache", *python]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 (our own command)
        assert done.returncode == 0, done.stdout


def scenarios(root):
    contract = tomllib.loads((root / SCENARIOS).read_text(encoding="utf-8"))
    assert contract["scenarios"][-1]["name"] in contract["provenance"]
    return contract["scenarios"]


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[path.stem]
    return module


@pytest.mark.parametrize(("effect", "made"), [("read", 1), ("write", 4)])
def test_a_new_action_passes_the_lint_and_is_loaded(tmp_path, effect, made):
    root = checkout(tmp_path)
    before = len(scenarios(root))
    written = new_action(root, "contacts", "merge_contacts", effect)
    lint(root, written)
    assert len(scenarios(root)) == before + made
    action = loaded(root / ACTIONS / "contacts" / "merge_contacts.py").MergeContacts
    assert (action.name, action.title) == ("merge_contacts", "Merge Contacts")
    assert not action.__abstractmethods__
    hand_touched = [path for path in written if path.parts[0] != "contract_tests"]
    assert len(hand_touched) == 3
    with pytest.raises(SystemExit, match="is there already"):
        new_action(root, "contacts", "merge_contacts", effect)


def test_a_new_entity_passes_the_lint_and_is_loaded(tmp_path):
    root = checkout(tmp_path)
    before = len(scenarios(root))
    written = new_entity(root, "credit_notes", "CreditNotes", "CreditNote", "CreditNoteID")
    lint(root, written)
    assert len(scenarios(root)) == before + 3
    rows = loaded(root / ENTITIES).ENTITIES
    assert list(rows)[-1] == "credit_notes"
    assert rows["credit_notes"].info().json_schema["properties"]["CreditNoteID"]
    assert len([path for path in written if path.parts[0] != "contract_tests"]) == 2
    with pytest.raises(SystemExit, match="already"):
        new_entity(root, "credit_notes", "CreditNotes", "CreditNote", "CreditNoteID")


def test_an_unknown_family_is_answered_with_the_families(tmp_path):
    with pytest.raises(SystemExit, match=r"families: bank, contacts"):
        new_action(checkout(tmp_path), "nothing", "merge_contacts")
