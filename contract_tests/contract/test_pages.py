"""The pages about the kit say what the code does."""

from __future__ import annotations

import pytest

from contract_tests.contract import generate


@pytest.mark.parametrize("name", generate.PAGES)
def test_what_a_page_repeats_of_the_code_is_true(name):
    page = (generate.DOCS / name).read_text(encoding="utf-8")
    assert page == generate.PAGES[name](page), "run: python -m contract_tests.contract.generate"


def test_every_script_and_key_of_a_scenario_is_told():
    from bizosaas_xero.contract.scenarios import ACTION_SCRIPTS, SYNC_SCRIPTS, Scenario

    page = (generate.DOCS / "cassettes.md").read_text(encoding="utf-8")
    for word in (*SYNC_SCRIPTS, *ACTION_SCRIPTS):
        assert f"`{word}`" in page, word
    untold = {"name", "entity", "action", "params", "bad_params", "scopes", "callback", "spoiled"}
    for key in set(Scenario.model_fields) - untold:
        assert f"`{key}`" in page, key
