"""Many organisations in trouble end with whole tables, working grants and every write done once."""

from __future__ import annotations

import json

import pytest

from contract_tests.reliability import soak


def whole(report, keys, organisations=20):
    assert report.wrong == []  # also when too few calls succeeded
    assert report.organisations == organisations
    assert report.keys == keys
    assert {kind.partition(" ")[0] for kind in report.calls} == {"sync", *soak.ACTIONS}


@pytest.mark.unstruck_faults  # as many faults wait as the noise may meet; the report counts their strikes
def test_a_short_soak_leaves_the_books_right(tmp_path):
    report = soak.Soak(tmp_path / "home", seed=3, sandboxes=1).run(minutes=0.15)
    whole(report, keys=20, organisations=5)
    assert sum(report.struck.values()) > 1  # on a machine that has much else to do; else some twenty


@pytest.mark.parametrize(("good", "wrong"), [(6, []), (5, ["only 56% of the calls succeeded"])])
def test_a_soak_that_does_too_little_work_fails(tmp_path, good, wrong):
    ends = [""] * good + ["offline"] * 4 + ["sync_running"] * 50
    lines = [json.dumps({"did": "sync bills", "told": told, "wrong": ""}) for told in ends]
    (tmp_path / "diary-1").write_text("\n".join(lines) + '\n{"did": "sy', encoding="utf-8")
    report = soak.Report()
    soak.tell(report, tmp_path)
    assert report.calls == {"sync bills": {"succeeded": good, "failed": 4, "busy": 50}}
    assert report.wrong == wrong


@pytest.mark.slow
@pytest.mark.unstruck_faults  # the report counts their strikes
def test_a_soak_of_ten_minutes_leaves_the_books_right(tmp_path):
    report = soak.Soak(tmp_path / "home", seed=4).run(minutes=10)
    whole(report, keys=280)
    assert report.kills > 30
    assert min(report.struck.values()) >= 10
    assert min(ended["succeeded"] for ended in report.calls.values()) >= 5
