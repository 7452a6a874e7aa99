"""The tables and numbers that pages repeat of the code are those of the code."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from bizosaas_xero.connector.actions.registry import ACTIONS
from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.connector.http import client
from bizosaas_xero.connector.settings import Settings
from bizosaas_xero.connector.sync import run
from bizosaas_xero.spec import ERRORS, models
from bizosaas_xero.toolkit import pending
from contract_tests.docs import fields, generate, parameters
from contract_tests.docs.fields import build_info
from contract_tests.docs.meanings import MEANINGS
from contract_tests.docs.pages import DOCS, PACKAGE, ROOT, first_cells, read, rows, section


@pytest.mark.parametrize("page", sorted(p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md")))
def test_generated_parts_are_up_to_date(page):
    """If this fails: ``python -m contract_tests.docs.generate``."""
    text = read(page)
    assert generate.rewritten(text, generate.parts()) == text


def test_what_hosts_are_told_is_up_to_date():
    assert generate.PUBLISHED.read_text(encoding="utf-8") == generate.published(), (
        "published.json is stale; to renew it: python -m contract_tests.docs.generate"
    )


def test_every_generated_part_is_somewhere():
    text = "".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))
    for name in generate.parts():
        assert f"<!-- generated: {name} -->" in text


def test_every_model_and_field_of_the_contract_is_documented():
    found = {
        name: model
        for name, model in vars(models).items()
        if isinstance(model, type) and issubclass(model, models.Model) and model is not models.Model
    }
    assert set(generate.INPUTS + generate.OUTPUTS) == set(found)
    text = read("models.md")
    for name, model in found.items():
        assert first_cells(section(text, name, 3)) - {"Key"} == set(model.model_fields)


def test_no_meaning_is_kept_twice_or_for_nothing():
    bare = {
        f"{name}.{field}"
        for name in generate.INPUTS + generate.OUTPUTS
        for field, about in getattr(models, name).model_fields.items()
        if not about.description
    }
    assert set(MEANINGS) == bare


def test_every_entity_and_column_is_documented():
    text = read("entities.md")
    for entity in build_info().entities:
        assert entity.name in first_cells(text)
        section_of_columns = section(section(text, "Columns", 2), entity.name, 3)
        assert first_cells(section_of_columns) - {"Column"} == set(entity.columns)


def test_every_field_of_every_entity_is_documented_with_its_meaning():
    text, told, used = read("fields.md"), fields.meanings(), set()
    for entity in build_info().entities:
        assert f"| `{entity.name}` | [{entity.json_schema['title']}](#" in text
        for name, schema in entity.json_schema["$defs"].items():
            rows_of = {cells[0].strip("`"): cells for cells in rows(section(text, name, 2))[1:]}
            assert set(rows_of) == set(schema["properties"])
            for key, cells in rows_of.items():
                assert len(cells) == 3
                assert cells[2], f"{name}.{key}"
                used.add((name if key in told[name] else "every", key))
    said = {(name, key) for name, keys in told.items() if name != "about" for key in keys}
    assert said - used == set(), "told for nothing"


def test_no_words_for_a_parameter_are_kept_for_nothing():
    used = set()

    def walk(action, schema, model, before=""):
        for name, about in model.get("properties", {}).items():
            if not about.get("description"):
                used.add(parameters.bare_words(action, before + name))
            for inner in re.findall(r"#/\$defs/(\w+)", json.dumps(about)):
                many = "array" in json.dumps(about)
                walk(action, schema, schema["$defs"][inner], f"{before}{name}{'[]' if many else ''}.")

    for name, row in ACTIONS.items():
        walk(name, row.params_model.model_json_schema(), row.params_model.model_json_schema())
    assert used == set(parameters.PARAMETERS)


def test_every_scope_and_profile_is_documented():
    text = read("scopes.md")
    assert set(scopes.load_needs()) | set(build_info().auth.scope_profiles) <= first_cells(text)
    for needs in scopes.load_needs().values():
        for need in needs:
            assert f"`{need.granular}`" in text
            assert f"`{need.legacy}`" in text


def test_the_scopes_that_the_owner_reads_are_those_that_are_asked_for():
    told = [cells for cells in rows(section(read("start.md"), "2. The scopes", 2)) if cells[0].startswith("`")]
    for column, vocabulary in enumerate(("granular", "legacy")):
        assert {cells[column].strip("`") for cells in told} == set(build_info().auth.scope_profiles[vocabulary])


# ---------------------------------------------------------------- settings


def test_every_setting_is_documented():
    assert set(Settings.model_fields) <= first_cells(read("settings.md"))


def test_every_environment_variable_is_documented():
    fixed = {"XERO_CLIENT_ID", "XERO_CLIENT_SECRET", "XERO_REDIRECT_URI", "XERO_SCOPES"}
    fixed |= {"XERO_API_URL", "XERO_IDENTITY_URL", "XERO_LOGIN_URL"}
    fixed |= {"BIZOSAAS_HOME", "BIZOSAAS_DATABASE_URL", "BIZOSAAS_SECRET_KEY"}
    named = set()
    for path in PACKAGE.rglob("*.py"):
        named |= set(re.findall(r"\b(?:XERO|BIZOSAAS)_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8")))
    text = read("settings.md")
    for name in sorted(fixed | named):
        assert f"`{name}`" in text, name


def test_every_extra_is_documented():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras) <= first_cells(read("versioning.md"))


# ---------------------------------------------------------------- numbers


def test_the_daily_calls_that_the_owner_is_told_are_those_of_the_intervals():
    calls = sum(86_400 / entity.interval for entity in build_info().entities)
    assert f"about {round(calls, -1):.0f} calls a day" in read("start.md")


def test_the_numbers_in_the_text_are_those_of_the_code():
    default = {name: field.default for name, field in Settings.model_fields.items()}
    for page, sentence, holds in (
        ("entities.md", "1,000 rows a page", default["page_size"] == 1000),
        ("entities.md", "an *overlap* of 5 minutes", default["overlap"] == 300),
        ("entities.md", "7 days after the last one", default["reread_days"] == 7),
        ("entities.md", "up to three times in one run", run.MAX_RESTARTS == 3),
        ("hooks/auth.md", "good for 30 minutes", pending.MAX_AGE.total_seconds() == 1800),
        ("start.md", "Finish within half an hour", pending.MAX_AGE.total_seconds() == 1800),
        ("hooks/sync_entity.md", "waiting for limits; default 65", client.DEFAULT_MAX_WAIT == 65),
        ("hooks/sync_entity.md", "Four tries were made", client.MAX_ATTEMPTS == 4),
        ("errors.md", "one of eleven errors", len(ERRORS) == 11),
    ):
        assert sentence in " ".join(read(page).split()), sentence
        assert holds, sentence
