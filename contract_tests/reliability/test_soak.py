"""Twenty organisations in trouble end with whole tables, working grants and every write done once."""

from __future__ import annotations

import pytest

from contract_tests.reliability import soak


def whole(report):
    assert report.wrong == []
    assert report.organisations == 20
    assert report.keys == 80
    assert report.syncs + report.acts > 0


def test_a_moment_of_trouble(tmp_path):
    whole(soak.Soak(tmp_path / "home", seed=3).run(minutes=0.15))


@pytest.mark.slow
def test_ten_minutes_of_trouble(tmp_path):
    report = soak.Soak(tmp_path / "home", seed=4).run(minutes=10)
    whole(report)
    assert report.kills > 10
    assert report.faults > 1000
