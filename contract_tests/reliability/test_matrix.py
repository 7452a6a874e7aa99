"""Whatever goes wrong, wherever and whenever: nothing is lost, nothing is done twice."""

from __future__ import annotations

import re

import pytest

from bizosaas_xero.actions.catalogue import ACTIONS
from bizosaas_xero.entities import ENTITIES
from bizosaas_xero.sandbox.faults import KINDS
from contract_tests.reliability import generate, matrix
from contract_tests.reliability.faults import FAULTS

SAMPLE = matrix.sample()


def test_every_kind_of_the_sandbox_is_in_the_matrix():
    inside = {"lost_refresh"}  # of a refresh: in "token dies, refresh lost"; of another request: in "cut"
    assert {fault.kind for fault in FAULTS.values()} | inside == set(KINDS)
    assert {cell.subject for cell in SAMPLE} == {*ENTITIES, *ACTIONS}
    assert set(SAMPLE) <= set(matrix.cells())


def test_the_documented_table_has_every_row():
    page = generate.PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^\| ([^|]+?) \| (before|body|after) \| ", page, re.MULTILINE)
    assert found == [(name, moment) for name, fault in FAULTS.items() for moment in fault.moments]
    assert generate.rewritten(page, "| new |").count("| new |") == 1


def name_of(cell):
    return f"{cell.fault}, {cell.moment}, {cell.subject}"


@pytest.mark.parametrize("cell", SAMPLE, ids=name_of)
def test_a_struck_call_is_whole_in_the_end(cell):
    assert matrix.tried(cell).wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("cell", [cell for cell in matrix.cells() if cell not in SAMPLE], ids=name_of)
def test_every_struck_call_is_whole_in_the_end(cell):
    assert matrix.tried(cell).wrong == []
