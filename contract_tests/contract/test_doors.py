"""Three doors lead to the same clauses, and nothing is a pass that was not looked at."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

import pytest

from bizosaas_xero.contract import check
from bizosaas_xero.contract.clause_registry import list_clauses
from contract_tests.helpers.paths import ROOT
from contract_tests.selftest.test_broken import COMMAND, SHOP_FOLDER, run

NOTHING = """
from bizosaas_xero.spec import hookimpl

@hookimpl
def auth(request): return None

@hookimpl
def sync_entity(connection, entity, cursor, options): return None

@hookimpl
def list_actions(connection): return None

@hookimpl
def run_action(connection, action, params, control): return None

@hookimpl(optionalhook=True)
def describe(): return None
"""


def children():
    """Seconds that processes started by this one have worked."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture
def empty_connector(tmp_path):
    (tmp_path / "nothing.py").write_text(NOTHING)
    return tmp_path


def test_a_connector_that_gives_nothing_is_told_each_missing_promise(empty_connector):
    begun, worked = time.monotonic(), children()
    code, report = run(empty_connector, "nothing")
    # What other programs on this machine take is not counted; that it does not just wait is.
    assert children() - worked < 10
    assert time.monotonic() - begun < 60
    assert code == 5
    kept = {row["clause"] for row in report["rows"] if row["outcome"] == "passed"}
    skipped = {row["clause"] for row in report["rows"] if row["outcome"] == "skipped"}
    loaded = {identity for identity in list_clauses() if identity.startswith("discovery.")}
    undescribed = {"actions.described", "errors.settings-checked"}  # it describes nothing that could be checked
    assert kept <= loaded | undescribed | {"replay.no-stray-cassette"}
    assert {identity for identity in skipped if not identity.startswith("actions.")} == {"auth.check-app-tells"}
    assert len(report["broken"]) >= 60
    assert not [row for row in report["rows"] if row["outcome"] == "error"]


def test_a_connector_that_is_not_there_is_an_error(tmp_path):
    code, report = run(tmp_path, "no_such_connector")
    assert code == 2
    assert "no_such_connector" in report["problem"]
    assert not report["ok"]
    assert not report["rows"]


def test_a_cassette_that_is_declared_and_missing_is_an_error(tmp_path):
    (tmp_path / "contract.toml").write_text(
        '[[scenarios]]\nname = "not-there"\nhook = "sync_entity"\nentity = "invoices"\n'
    )
    report = check("xero", contract=tmp_path / "contract.toml")
    assert "not-there" in report.problem
    assert not report.ok


def test_a_contract_that_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / "contract.toml").write_text('[[scenarios]]\nname = "X"\n')
    report = check("xero", contract=tmp_path / "contract.toml")
    assert "scenarios" in report.problem


def test_settings_that_somebody_exported_for_the_connector_change_nothing(monkeypatch):
    monkeypatch.setenv("XERO_API_URL", "http://127.0.0.1:1")  # as `bizosaas-xero sandbox` tells its reader to
    report = check("xero", scenario="accounts-first-read")
    played = [row for row in report.rows if row.scenario == "accounts-first-read"]
    assert [row for row in played if row.outcome != "passed"] == []
    assert len(played) > 10


def test_nothing_collected_is_an_error():
    report = check("csvshop", contract=SHOP_FOLDER / "contract.toml", options=["-k", "no_such_test"])
    assert report.problem
    assert not report.ok


def test_the_door_of_pytest_and_junit(tmp_path):
    # As `pytest` is called by itself, which unlike `python -m pytest` does not look in this folder.
    command = [
        sys.executable,
        "-c",
        "import sys; sys.path.remove(''); import pytest; sys.exit(pytest.main())",
    ]
    command += ["--pyargs", "bizosaas_xero.contract", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(  # noqa: S603 (our own command)
        [*command, "--bizosaas-connector", "csvshop", f"--junitxml={tmp_path / 'junit.xml'}", "-W", "error"],
        cwd=SHOP_FOLDER, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    suite = ET.parse(tmp_path / "junit.xml").getroot()[0]  # noqa: S314 (our own file)
    assert int(suite.get("tests")) > 100


def test_pytest_without_a_connector_is_an_error(tmp_path):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--pyargs",
        "bizosaas_xero.contract",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 (our own command)
    assert done.returncode != 0
    assert "--bizosaas-connector" in done.stdout + done.stderr


def test_an_exemption_must_be_needed(tmp_path):
    text = (
        (SHOP_FOLDER / "contract.toml")
        .read_text()
        .replace('"csvshop_fixtures"', f'"{SHOP_FOLDER}/csvshop_fixtures.py"')
    )
    reason = 'reason = "said here for the sake of a test"\n'
    (tmp_path / "contract.toml").write_text(f'{text}\n[[exempt]]\nclause = "sync.deadline"\n{reason}')
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SHOP_FOLDER), str(ROOT)])}
    done = subprocess.run(  # noqa: S603 (our own command)
        [*COMMAND, "csvshop", "--json", "--contract", str(tmp_path / "contract.toml")],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False, env=env,
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert report["broken"] == ["sync.deadline"]
    assert "remove the exemption" in next(row["message"] for row in report["rows"] if row["outcome"] == "failed")


def shown(folder, name):
    """Run the command as a person does, and return what it shows."""
    done = subprocess.run(  # noqa: S603 (our own command)
        [*COMMAND, name], cwd=folder, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "COLUMNS": "150", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return done.stdout


@pytest.mark.slow
def test_what_a_person_sees_of_a_good_connector():
    told = shown(SHOP_FOLDER, "csvshop")
    lines = [" ".join(line.split()) for line in told.splitlines()]
    clauses = [line.split()[0] for line in lines if "." in line.split(" ")[0] and " must " in f" {line} "]
    assert clauses == [row for row in list_clauses() if row in clauses]  # in the order of the documentation
    assert "actions.done-once must skipped it offers no actions" in lines
    assert "sync.schema must passed 9 of 9" in lines
    assert lines[-1].startswith("csvshop (not installed) keeps the contract: ")


def test_what_a_person_sees_of_a_bad_one(tmp_path):
    for path in SHOP_FOLDER.glob("*.*"):
        text = path.read_text().replace('Decimal(row["price"])', 'float(row["price"])')
        (tmp_path / path.name).write_text(text)
    told = shown(tmp_path, "csvshop")
    assert told.count("price is a float: 1.5") == 1  # once, and not for each scenario
    assert "sync.decimals-exact: failed in products-once, products-full, products-resume and 6 more" in told
    assert "csvshop (not installed) does not keep the contract: " in told


def test_what_a_person_sees_without_a_contract_and_without_a_connector(empty_connector):
    assert "No scenario was played: it has no contract.toml" in shown(empty_connector, "nothing")
    told = " ".join(shown(empty_connector, "no_such_connector").split())
    assert "was not checked: The connector 'no_such_connector' does not exist" in told
    assert "does not keep" not in told
