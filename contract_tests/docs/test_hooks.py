"""The pages of the hooks: their signatures, arguments and errors; and every example of every page runs."""

from __future__ import annotations

import ast
import re
import sys

import pluggy
import pytest

from bizosaas_xero import plugin
from bizosaas_xero.connector.actions.registry import ACTIONS
from bizosaas_xero.spec import ERRORS, PROJECT, hooks, models
from contract_tests.docs.pages import first_cells, read, section


def hook_manager():
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hooks)
    manager.register(plugin)
    return manager


HOOKS = {name: caller.spec for name, caller in vars(hook_manager().hook).items()}


def test_the_contract_has_five_hooks():
    assert set(HOOKS) == {"auth", "sync_entity", "list_actions", "run_action", "describe"}


@pytest.mark.parametrize("name", HOOKS)
def test_each_hook_has_a_page_under_its_exact_signature(name):
    signature = f"{name}({', '.join(HOOKS[name].argnames)})"
    assert read(f"hooks/{name}.md").startswith(f"# `{signature}`\n")
    assert f"[`{signature}`]({name}.md)" in read("hooks/index.md")


@pytest.mark.parametrize("name", HOOKS)
def test_each_argument_and_error_of_a_hook_is_told(name):
    page = read(f"hooks/{name}.md")
    for argument in HOOKS[name].argnames:
        assert f"`{argument}`" in page
    errors = first_cells(section(page, "Errors", 2)) - {"Code", "any other"}
    assert {code.strip("`") for cell in errors for code in cell.split(", ")} <= set(ERRORS)
    told = re.search(r"ConnectorError:(.*)", HOOKS[name].function.__doc__ or "", re.DOTALL)
    for code in re.findall(r"``(\w+)``", told[1]) if told else ():
        assert f"`{code}`" in section(page, "Errors", 2)


@pytest.mark.parametrize(
    ("page", "model"),
    [
        ("hooks/auth.md", models.AuthRequest),
        ("hooks/sync_entity.md", models.SyncOptions),
        ("hooks/sync_entity.md", models.Connection),
        ("hooks/run_action.md", models.Control),
    ],
)
def test_each_key_of_each_input_is_told_where_it_is_passed(page, model):
    for key in model.model_fields:
        assert f"`{key}`" in read(page)


def test_each_step_of_auth_is_told():
    steps = models.AuthRequest.model_json_schema()["properties"]["step"]["enum"]
    page = read("hooks/auth.md")
    assert set(steps) <= first_cells(page)
    told = " ".join(line for line in page.splitlines() if line.startswith("## "))
    assert all(step in told for step in steps)


# ---------------------------------------------------------------- examples


def examples(page):
    return re.findall(r"^```python\n(.*?)^```", read(page), re.MULTILINE | re.DOTALL)


def run(blocks, example_names, page):
    for number, block in enumerate(blocks, start=1):
        exec(compile(block, f"{page}, example {number}", "exec"), example_names)  # noqa: S102 (it is our own text)


@pytest.fixture
def example_names():
    """What a reader has who pasted the block of the hooks' page."""
    found = {}
    run(examples("hooks/index.md"), found, "hooks/index.md")
    with found["exits"]:
        yield found


GO_ON = [
    *(f"hooks/{name}.md" for name in HOOKS),
    *(f"actions/{name}.md" for name in ACTIONS),
    "write-a-host.md",
]
EXAMPLES = ["hooks/index.md", *GO_ON, "sandbox.md"]
"""Pages all of whose Python runs here; ``GO_ON``: from the block of the hooks' page."""


@pytest.mark.parametrize("page", GO_ON)
def test_every_example_of_a_hooks_page_runs(page, example_names):
    blocks = examples(page)
    assert blocks
    run(blocks, example_names, page)


@pytest.mark.unstruck_faults  # an example adds a fault that it does not meet
def test_the_examples_of_the_sandbox_run():
    run(examples("sandbox.md"), {}, "sandbox.md")


def test_the_host_of_the_guide_imports_nothing_of_ours():
    block = examples("write-a-host.md")[0]
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
    }
    assert imported - sys.stdlib_module_names == {"pluggy", "stevedore"}


def test_the_host_of_the_guide_recovers(example_names):
    """What the guide promises: a dead token is renewed and saved, a bad cursor is forgotten."""
    import sqlite3
    from contextlib import closing

    run(examples("write-a-host.md")[:1], example_names, "write-a-host.md")
    host, organisation = example_names["load"]("xero"), example_names["connection"]["organisation_id"]
    saved = []
    dead = example_names["grant"] | {"access_token": "dead"}
    with closing(sqlite3.connect(":memory:")) as database:
        example_names["prepare"](database)
        database.execute("insert into cursors values (?, 'accounts', ?)", (organisation, '{"v": 9}'))
        given = (
            database,
            example_names["app"],
            example_names["grant"],
            example_names["connection"],
            "accounts",
            saved.append,
        )
        example_names["sync_or_recover"](host, *given)
        assert saved == []
        given = (database, example_names["app"], dead, example_names["connection"], "contacts", saved.append)
        example_names["sync_or_recover"](host, *given)
        assert [grant["identity"] for grant in saved] == [dead["identity"]]
        assert database.execute("select count(distinct entity) from records").fetchone() == (2,)
