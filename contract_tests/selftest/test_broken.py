"""The kit catches bad connectors: each breakage dies by its own clause, and each clause kills one."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bizosaas_xero.contract.clause_registry import list_clauses
from contract_tests.helpers.paths import ROOT
from contract_tests.selftest import broken_xeros
from contract_tests.selftest.broken_toys import TOYS
from contract_tests.selftest.broken_xeros import LEFT_OUT, MODULES, PATCHES, find_target

TOY = Path(__file__).parent / "toy"
TOY_MODULES = ("toyshop.py", "toyshop_auth.py", "toyshop_errors.py")
SHOP_FOLDER = Path(__file__).parent / "csvshop"
CASSETTES = ROOT / "cassettes" / "xero"
COMMAND = [sys.executable, "-c", "from bizosaas_xero.cli import main; main()", "contract"]
AT_ONCE = 2
ENVIRONMENT = dict(os.environ)  # a copy: threads that start processes must not read one that changes
QUICK_TIER = 23
"""Every 23rd breakage is tried at every change; all of them in the long tier, which takes minutes."""

HOOKS = f"from {MODULES['plugin']} import auth, describe, list_actions, run_action, sync_entity\n"

PATCHED = """
import broken_xeros

broken_xeros.break_connector({name!r})
"""


def without_scenario(contract, name):
    head = f'[[scenarios]]\nname = "{name}"\n'
    assert head in contract, f"the contract has no scenario {name}"
    begin = contract.index(head)
    return contract[:begin] + contract[contract.index("\n\n", begin) + 2 :]


def build_toy(folder, edits):
    shutil.copytree(TOY, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for old, new in edits:
        path = next((path for path in map(folder.joinpath, TOY_MODULES) if old in path.read_text()), None)
        assert path, f"the breakage no longer fits: {old}"
        path.write_text(path.read_text().replace(old, new))
    return "toyshop"


def build_patched_xero(folder, patch):
    """Write a connector that is the Xero connector after a patch."""
    find_target(patch.address)  # here as well: what cannot even be loaded breaks every clause
    folder.mkdir()
    shutil.copy(broken_xeros.__file__, folder)
    write_xero(folder, PATCHED.format(name=patch.make.__name__) + HOOKS, read_contract())
    return "broken_xero"


def build_xero_without_scenarios(folder, left_out):
    """Write a connector that is the Xero connector, and a contract that lacks some scenarios."""
    folder.mkdir()
    write_xero(folder, HOOKS, functools.reduce(without_scenario, left_out, read_contract()))
    return "broken_xero"


def read_contract():
    return (CASSETTES / "contract.toml").read_text(encoding="utf-8")


def write_xero(folder, source, contract):
    contract = contract.replace("frozen =", f'cassettes = "{CASSETTES}"\nfrozen =', 1)
    (folder / "contract.toml").write_text(contract, encoding="utf-8")
    (folder / "broken_xero.py").write_text(source, encoding="utf-8")


def run(folder, name):
    """Run the real command, and return its exit code and report."""
    done = subprocess.run(  # noqa: S603 (our own command)
        [*COMMAND, name, "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=ENVIRONMENT,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


BROKEN = [
    *(("toy", build_toy, *row) for row in TOYS),
    *(("xero", build_patched_xero, patch.clause, patch.wrong, patch) for patch in PATCHES),
    *(("xero", build_xero_without_scenarios, *row) for row in LEFT_OUT),
]
IDS = [re.sub(r"[^a-z0-9.]+", "-", f"{kind} {clause} {wrong}".lower()) for kind, _, clause, wrong, _ in BROKEN]


def chosen(session):
    """Return which breakages this run tries; other modules have parameters of the same name."""
    mine = [item for item in session.items if item.function is test_a_broken_connector_dies_by_its_own_clause]
    return [item.callspec.params["number"] for item in mine]


def test_every_breakage_fits_what_it_breaks(tmp_path):
    """Most are tried in the long tier only; one whose source has moved on is found at once."""
    for number, (_, build, _, _, edits) in enumerate(BROKEN):
        build(tmp_path / str(number), edits)


@pytest.fixture(scope="module")
def broken_reports(tmp_path_factory, request):
    """Every report, made side by side; each test waits for its own."""
    base = tmp_path_factory.mktemp("broken")

    def make(number):
        _, build, _, _, edits = BROKEN[number]
        folder = base / str(number)
        return run(folder, build(folder, edits))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = {number: pool.submit(make, number) for number in chosen(request.session)}
        yield made
        for future in made.values():
            future.cancel()


@pytest.fixture(scope="module")
def caught_breakages(request):
    """Count what was caught, and print the figure."""
    found = []
    yield found
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled():
        tried = len(chosen(request.session))
        terminal.write_line(
            f"\n{tried} of {len(BROKEN)} broken connectors tried, {len(found)} caught by their own clause"
        )


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(number, marks=[pytest.mark.slow] if number % QUICK_TIER else [], id=name)
        for number, name in enumerate(IDS)
    ],
)
def test_a_broken_connector_dies_by_its_own_clause(number, broken_reports, caught_breakages):
    _, _, clause, wrong, _ = BROKEN[number]
    code, report = broken_reports[number].result()
    errors = [row for row in report["rows"] if row["outcome"] == "error"]
    assert not report["problem"], report["problem"]
    assert not errors, "the kit itself failed: an accident, and no verdict"
    assert clause in report["broken"], f"{wrong}: broke only {report['broken']}"
    severity = list_clauses()[clause].severity
    assert report["ok"] == (code == 0)
    assert not report["ok"] or severity == "should"
    caught_breakages.append(clause)


def test_every_clause_kills_at_least_one():
    killed = {clause for _, _, clause, _, _ in BROKEN}
    assert killed == set(list_clauses())
    assert len(BROKEN) >= 40


def test_the_honest_toy_passes():
    code, report = run(TOY, "toyshop")
    assert code == 0, [row for row in report["rows"] if row["outcome"] not in {"passed", "skipped"}]
    assert report["ok"]
    assert set(report["counts"]) <= {"passed", "skipped"}
    assert {row["clause"] for row in report["rows"]} == set(list_clauses())


def test_xero_passes_every_clause(tmp_path):
    code, report = run(tmp_path, "xero")
    assert code == 0, [row for row in report["rows"] if row["outcome"] not in {"passed", "skipped"}]
    assert report["scenarios"] >= 45


NEIGHBOUR = """
import pytest


@pytest.mark.parametrize("number", ["one", "two"])
def test_a_stranger_with_a_parameter_of_the_same_name(number):
    assert number


def test_a_stranger_with_a_fixture_of_the_same_name(reports, caught):
    assert (reports, caught) == ("mine", "mine")


@pytest.fixture
def reports():
    return "mine"


@pytest.fixture
def caught():
    return "mine"
"""


def test_only_its_own_tests_are_taken_for_breakages_whatever_runs_beside_it(tmp_path):
    """Other modules may name their parameters and fixtures alike; they ran as breakages once."""
    (tmp_path / "test_neighbour.py").write_text(NEIGHBOUR)
    mine = f"{__file__}::test_a_broken_connector_dies_by_its_own_clause"
    one = f"{mine}[{IDS[0]}]"
    done = subprocess.run(  # noqa: S603 (our own tests)
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path), one],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert f"1 of {len(BROKEN)} broken connectors tried, 1 caught" in done.stdout
    assert "4 passed" in done.stdout
