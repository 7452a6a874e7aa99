"""Whatever goes wrong, wherever and whenever: nothing is lost, nothing is done twice."""

from __future__ import annotations

import itertools
import re

import pytest

from bizosaas_xero.connector.actions.writes import execute
from bizosaas_xero.sandbox.http.faults import FAULT_KINDS
from contract_tests.reliability import generate, matrix
from contract_tests.reliability.faults import FAULTS

pytestmark = pytest.mark.unstruck_faults  # the matrix counts its strikes by itself


def test_every_kind_of_the_sandbox_is_in_the_matrix():
    inside = {"lost_refresh"}  # of a refresh: in "token dies, refresh lost"; of another request: in "cut"
    assert {fault.kind for fault in FAULTS.values()} | inside == set(FAULT_KINDS)


def test_every_request_of_a_write_is_struck_even_in_the_small_form():
    for name in matrix.WRITING:
        sample = matrix.sample(name)
        assert set(sample) <= set(matrix.cells(name))
        assert [cell.request for cell in sample] == list(range(1, matrix.requests(name) + 1))
        assert len({(cell.fault, cell.moment) for cell in sample}) == len(sample)


def test_the_documented_table_has_every_row():
    page = generate.PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^\| ([^|]+?) \| (before|body|after) \| ", page, re.MULTILINE)
    assert found == [(name, moment) for name, fault in FAULTS.items() for moment in fault.moments]
    assert generate.rewritten(page, "| new |").count("| new |") == 1


@pytest.mark.parametrize("name", matrix.SUBJECTS)
def test_a_struck_call_leaves_the_books_right(name):
    assert {cell: found for cell in matrix.sample(name) if (found := matrix.try_cell(cell).wrong)} == {}


def test_the_matrix_sees_a_write_that_is_done_twice(monkeypatch):
    keys = itertools.count()
    monkeypatch.setattr(execute, "_idempotency_key", lambda *_: f"another each time {next(keys)}")
    monkeypatch.setattr(execute, "_find_made", lambda *_: None)
    cells = reversed(matrix.cells("create_contact"))  # what writes comes late in a call
    assert any(matrix.try_cell(cell).wrong for cell in cells if (cell.fault, cell.moment) == ("cut", "after"))


@pytest.mark.slow
@pytest.mark.parametrize("name", matrix.SUBJECTS)
def test_any_fault_at_any_request_leaves_the_books_right(name):
    endings, _ = matrix.try_all(names=[name])
    unstruck = {cell for cell, ending in endings.items() if not ending.struck}
    assert {cell.moment for cell in unstruck} <= {"body"}, "only an answer without a body may stay undamaged"
    assert "cut" not in {FAULTS[cell.fault].kind for cell in unstruck}, "any answer can be lost"
    assert len(endings) == len(matrix.STRIKES) * matrix.requests(name)
    assert {cell: ending.wrong for cell, ending in endings.items() if ending.wrong} == {}
