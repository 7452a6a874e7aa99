"""A million invoices pass through one process without being held in it."""

from __future__ import annotations

import os

import pytest

from bizosaas_xero.sandbox import serve
from contract_tests.benchmarks.readers import peak_kb
from contract_tests.helpers import processes

INVOICES = int(os.environ.get("SCALE_INVOICES", "1000000"))
PEAK = 160_000
"""Kilobytes."""


def read_all(answers, host_home, connection):
    """Sync invoices and bills, and answer with what came and the peak of memory."""
    with processes.opened(host_home, {}) as host:
        found = [host.runner.sync(connection, entity).to_dict() for entity in ("invoices", "bills")]
    answers.put((found, peak_kb()))


@pytest.mark.slow
def test_many_invoices_stream_through_hook_and_sink(tmp_path):
    with serve(invoices=INVOICES, limits=False) as box, processes.opened(tmp_path, {}) as host:
        connection = processes.connect(host, box)
        process, answers = processes.started(read_all, tmp_path, connection)
        found, peak = answers.get()
        process.join()
        assert [outcome["problem"] for outcome in found] == [None, None]
        assert sum(outcome["new"] for outcome in found) == INVOICES
        assert all(outcome["complete"] for outcome in found)
        assert peak < PEAK
        print(f"{INVOICES:,} documents, peak {peak / 1000:.0f} MB, {[o['seconds'] for o in found]} s")  # noqa: T201
