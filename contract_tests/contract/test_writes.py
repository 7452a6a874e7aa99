"""Scenarios of an action that writes: recorded from the sandbox, and played to who does it well or badly."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bizosaas_xero.contract import check
from bizosaas_xero.contract.scenarios import ContractFileError, Scenario, load

HERE = Path(__file__).parent / "renumber"
CLAUSES = ["-k", "test_actions or test_replay or as_expected"]
RECORD = ["--record-mode=rewrite", "--bizosaas-world", "renumber_stage"]
SHOWN = {
    "actions.write-needs-mode",
    "actions.commit-needs-plan",
    "actions.plan-writes-nothing",
    "actions.plan-repeatable",
    "actions.commit-does-plan",
    "actions.stale-refused",
    "actions.done-once",
    "actions.bad-params-invalid",
    "actions.covered",
    "replay.only-recorded",
    "replay.all-played",
    "errors.as-expected",
}
TOO_LATE = """
        if control.mode == "run" and not ACTION.destructive:
            ACTION.destructive = True  # it looks when it has written
            body = {"ContactNumber": given.number}
            key = mark(connection.organisation_id, action, control.business_key, body)
            http.post(place, json=body, headers={"Idempotency-Key": key})
            http.get(place)
            return ActionResult(action=action, status="done", data={"number": given.number})
        before = http.get"""


@pytest.fixture(scope="module")
def recorded_folder(tmp_path_factory):
    """A folder with the connector and its cassettes, made through the kit."""
    folder = tmp_path_factory.mktemp("recorded")
    shutil.copytree(HERE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        report = check("renumber", options=[*CLAUSES, *RECORD])
    assert report.ok, (report.problem, report.rows)
    return folder


def replayed(folder, monkeypatch):
    monkeypatch.chdir(folder)
    report = check("renumber", options=CLAUSES)
    assert not report.problem
    assert not [row for row in report.rows if row.outcome == "error"]
    return report


def test_what_was_recorded_is_replayed_without_a_server(recorded_folder, monkeypatch):
    report = replayed(recorded_folder, monkeypatch)
    assert report.ok, [row for row in report.rows if row.outcome == "failed"]
    assert {row.clause for row in report.rows if row.outcome == "passed"} >= SHOWN
    text = (recorded_folder / "number-set.yaml").read_text()
    assert text.count("method: POST") == 1
    assert "idempotency-key" in text
    assert "CRM-1" in text


@pytest.mark.parametrize(
    ("clause", "old", "new"),
    [
        ("replay.only-recorded", "control.business_key, body)", "control.business_key, body, id(http))"),
        ("replay.only-recorded", "control.business_key, body)", "control.plan_hash, body)"),
        ("replay.only-recorded", 'body = {"ContactNumber": given.number}', 'body = {"AccountNumber": "7"}'),
        ("replay.only-recorded", "        before = http.get", TOO_LATE),
        ("actions.commit-needs-plan", "control.plan_hash is None:", "False:"),
        ("actions.stale-refused", "control.plan_hash != plan.hash", "False"),
        ("actions.done-once", "if before == given.number:", "if False:"),
        ("errors.as-expected", 'raise Conflict("', 'raise NotFound("'),
        ("actions.result-true", 'data={"number": given.number}', 'data={"number": 1}'),
    ],
)
def test_a_write_done_wrongly_is_told(recorded_folder, tmp_path, monkeypatch, clause, old, new):
    folder = tmp_path / "broken"
    shutil.copytree(recorded_folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    text = (folder / "renumber.py").read_text()
    assert text.count(old) == 1
    (folder / "renumber.py").write_text(text.replace(old, new))
    assert clause in replayed(folder, monkeypatch).broken


def test_a_scenario_that_expects_another_status_is_told(recorded_folder, tmp_path, monkeypatch):
    folder = tmp_path / "partial"
    shutil.copytree(recorded_folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    toml = (folder / "contract.toml").read_text()
    changed = toml.replace('script = "repeat"\n', 'script = "repeat"\nexpect = { status = "partial" }\n')
    (folder / "contract.toml").write_text(changed)
    assert replayed(folder, monkeypatch).broken == ["actions.result-true"]


@pytest.mark.parametrize(
    ("script", "steps", "said"),
    [
        ("commit", ["plan", "comit"], "comit"),
        ("stale", ["plan", "commit"], "stale"),
        ("repeat", ["run"], "run again"),
    ],
)
def test_steps_that_do_not_show_what_their_script_says_are_refused(tmp_path, script, steps, said):
    path = tmp_path / "contract.toml"
    named = '[[scenarios]]\nname = "n"\nhook = "run_action"\naction = "a"\n'
    path.write_text(f'{named}script = "{script}"\nsteps = {steps}\n')
    with pytest.raises(ContractFileError, match=said):
        load(path)


def test_no_write_is_played_at_the_real_xero():
    from bizosaas_xero.cli.recording.live_stage import can_be_played

    for script in ("plan", "commit", "stale", "repeat", "run"):
        assert not can_be_played(Scenario(name="n", hook="run_action", action="a", script=script), {})
    assert can_be_played(Scenario(name="n", hook="run_action", action="a", script="read"), {})
