"""What docs/temporal.md shows runs."""

from __future__ import annotations

import re

from contract_tests.helpers.paths import ROOT

TEXT = (ROOT / "docs" / "temporal.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_the_worker_is_given_both_activities(monkeypatch):
    import temporalio.worker

    given = {}
    monkeypatch.setattr(temporalio.worker, "Worker", lambda _, **more: given.update(more))
    known: dict = {}
    exec(SNIPPETS[0], known)  # noqa: S102 (our own documentation)
    known["worker"](None, None)
    given["activity_executor"].shutdown()
    assert [each.__name__ for each in given["activities"]] == ["sync_entity", "run_action"]


def test_the_documented_workflow_runs(tmp_path, monkeypatch):
    (tmp_path / "documented_workflow.py").write_text(SNIPPETS[1])
    monkeypatch.syspath_prepend(tmp_path)
    import documented_workflow

    assert documented_workflow.Sync.run
