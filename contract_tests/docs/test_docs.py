"""The documentation says what the code does: names, tables, reasons, and every example."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pluggy
import pytest

from bizosaas_xero import client, consent, plugin, scopes, sync
from bizosaas_xero.actions.catalogue import ACTIONS
from bizosaas_xero.catalogue import info
from bizosaas_xero.settings import Settings
from bizosaas_xero.spec import ERRORS, PROJECT, Recovery, hooks, models
from contract_tests.docs import generate
from contract_tests.docs.meanings import MEANINGS

DOCS = generate.DOCS
ROOT = DOCS.parent
PACKAGE = ROOT / "bizosaas_xero"
CONNECTOR = sorted(
    [*PACKAGE.glob("*.py"), *PACKAGE.glob("actions/*.py")]
)  # without spec, host, sandbox and command line


def read(page):
    return (DOCS / page).read_text(encoding="utf-8")


def rows(text):
    """Return the cells of every table row of a Markdown text."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("| ---")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def first_cells(text):
    return {cells[0].strip("`") for cells in rows(text)}


def section(text, heading, level):
    marks = "#" * level
    found = re.search(
        rf"^{marks} {re.escape(heading)}\n(.*?)(?=^#{{1,{level}}} |\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert found, f"there is no section '{heading}'"
    return found[1]


# ---------------------------------------------------------------- hooks


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


def run(blocks, names, page):
    for number, block in enumerate(blocks, start=1):
        exec(compile(block, f"{page}, example {number}", "exec"), names)  # noqa: S102 (it is our own text)


@pytest.fixture
def names():
    """What a reader has who pasted the block of the hooks' page."""
    found = {}
    run(examples("hooks/index.md"), found, "hooks/index.md")
    with found["exits"]:
        yield found


@pytest.mark.parametrize(
    "page",
    [*(f"hooks/{name}.md" for name in HOOKS), *(f"actions/{name}.md" for name in ACTIONS), "write-a-host.md"],
)
def test_every_example_runs(page, names):
    blocks = examples(page)
    assert blocks
    run(blocks, names, page)


def test_the_example_of_the_sandbox_runs():
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


def test_the_host_of_the_guide_recovers(names):
    """What the guide promises: a dead token is renewed and saved, a bad cursor is forgotten."""
    import sqlite3
    from contextlib import closing

    run(examples("write-a-host.md")[:1], names, "write-a-host.md")
    host, organisation = names["load"]("xero"), names["connection"]["organisation_id"]
    saved = []
    dead = names["grant"] | {"access_token": "dead"}
    with closing(sqlite3.connect(":memory:")) as database:
        names["prepare"](database)
        database.execute("insert into cursors values (?, 'accounts', ?)", (organisation, '{"v": 9}'))
        given = (database, names["app"], names["grant"], names["connection"], "accounts", saved.append)
        names["sync_or_recover"](host, *given)
        assert saved == []
        given = (database, names["app"], dead, names["connection"], "contacts", saved.append)
        names["sync_or_recover"](host, *given)
        assert [grant["identity"] for grant in saved] == [dead["identity"]]
        assert database.execute("select count(distinct entity) from records").fetchone() == (2,)


# ---------------------------------------------------------------- generated tables


@pytest.mark.parametrize("page", sorted(p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md")))
def test_generated_parts_are_up_to_date(page):
    """If this fails: ``python -m contract_tests.docs.generate``."""
    text = read(page)
    assert generate.rewritten(text, generate.parts()) == text


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
    for entity in info().entities:
        assert entity.name in first_cells(text)
        section_of_columns = section(section(text, "Columns", 2), entity.name, 3)
        assert first_cells(section_of_columns) - {"Column"} == set(entity.columns)


def test_every_scope_and_profile_is_documented():
    text = read("scopes.md")
    assert set(scopes.NEEDS) | set(scopes.PROFILES) <= first_cells(text)
    for needs in scopes.NEEDS.values():
        for need in needs:
            assert f"`{need.granular}`" in text
            assert f"`{need.legacy}`" in text


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


# ---------------------------------------------------------------- errors


def test_every_code_and_recovery_is_documented():
    text = read("errors.md")
    assert set(ERRORS) | set(Recovery.__args__) <= first_cells(text)
    assert {"message", "remedy", *ERRORS["invalid"]("").to_dict()} <= first_cells(text)


def reasons_in_code():
    """Return the pairs of code and reason that the connector's modules can raise.

    Errors are made by calling their class; a reason is a string, a choice between two, or a name that is
    looked up in a table of its module. Without one, the reason is the code.
    """
    found = set()
    classes = {error.__name__: error for error in ERRORS.values()}
    for path in CONNECTOR:
        module = ast.parse(path.read_text(encoding="utf-8"))
        for function in ast.walk(module):
            if not isinstance(function, ast.FunctionDef):
                continue
            for node in ast.walk(function):
                name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
                if name in classes:
                    reason = next((k.value for k in node.keywords if k.arg == "reason"), None)
                    code = classes[name].code
                    found |= {(code, word) for word in (_words(reason, module) if reason else [code])}
    return found


def _words(node, module):
    if isinstance(node, ast.Constant):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return _words(node.body, module) + _words(node.orelse, module)
    assert isinstance(node, ast.Name), "a reason that this test cannot read"
    tables = {
        part.targets[0].id: part.value
        for part in module.body
        if isinstance(part, ast.Assign) and isinstance(part.value, ast.Dict)
    }
    for look_up in ast.walk(module):
        if isinstance(look_up, ast.Subscript) and getattr(look_up.slice, "id", None) == node.id:
            return [key.value for key in tables[look_up.value.id].keys]
    raise AssertionError("a reason whose words are in no table")


def reasons_in_docs():
    text = section(read("errors.md"), "Reasons", 2)
    return {
        (code, cells[0].strip("`")): cells
        for code in ERRORS
        for cells in rows(section(text, code, 3))
        if cells[0] != "Reason"
    }


def test_every_reason_in_the_code_is_documented_and_no_other():
    in_code = reasons_in_code()
    assert len(in_code) > 30
    assert set(reasons_in_docs()) == in_code


def test_what_the_person_sees_is_what_the_code_says():
    said = [
        node.value
        for path in [*CONNECTOR, PACKAGE / "spec" / "models.py"]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    for cells in reasons_in_docs().values():
        for piece in filter(None, (piece.strip(" .") for piece in cells[1].split("…"))):
            assert any(piece in text for text in said), piece
        assert len(cells) == 3
        assert cells[2]


def test_what_the_owner_is_told_to_do_names_real_errors():
    text = section(read("start.md"), "If something does not work", 2)
    pairs = {tuple(cells[1].replace("`", "").split(" / ")) for cells in rows(text)[1:]}
    assert len(pairs) > 10
    assert pairs <= set(reasons_in_docs())
    for reason in ("invalid_client", "token_expired", "offline_access_missing", "organisation_not_connected"):
        assert reason in {pair[1] for pair in pairs}


def test_the_daily_calls_that_the_owner_is_told_are_those_of_the_intervals():
    calls = sum(86_400 / entity.interval for entity in info().entities)
    assert f"about {round(calls, -1):.0f} calls a day" in read("start.md")


def test_the_numbers_in_the_text_are_those_of_the_code():
    default = {name: field.default for name, field in Settings.model_fields.items()}
    for page, sentence, holds in (
        ("entities.md", "1,000 rows a page", default["page_size"] == 1000),
        ("entities.md", "an *overlap* of 5 minutes", default["overlap"] == 300),
        ("entities.md", "7 days after the last one", default["reread_days"] == 7),
        ("entities.md", "up to three times in one run", sync.RESTARTS == 3),
        ("hooks/auth.md", "good for 30 minutes", consent.LIFETIME.total_seconds() == 1800),
        ("start.md", "Finish within half an hour", consent.LIFETIME.total_seconds() == 1800),
        ("hooks/sync_entity.md", "waiting for limits; default 65", client.MAX_WAIT == 65),
        ("hooks/sync_entity.md", "Four tries were made", client.ATTEMPTS == 4),
        ("errors.md", "one of eleven errors", len(ERRORS) == 11),
    ):
        assert sentence in " ".join(read(page).split()), sentence
        assert holds, sentence


# ---------------------------------------------------------------- command line


def commands():
    """Return every command of the command line with its options."""
    import typer.main

    from bizosaas_xero.cli.app import app

    group = typer.main.get_command(app)
    found = {"bizosaas-xero": group, **group.commands}
    return {
        name: [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
        for name, command in found.items()
        if not command.hidden
    }


def test_every_command_and_option_is_documented():
    text = read("cli.md")
    for command, options in commands().items():
        assert re.search(rf"(`|bizosaas-xero ){command}\b", text), command
        for option in options:
            assert option in text, f"{command} {option}"


# ---------------------------------------------------------------- the whole


def test_the_documentation_builds_without_a_warning(tmp_path):
    pytest.importorskip("sphinx")
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "-q", "-E", "-d", tmp_path / "trees"]
    done = subprocess.run(  # noqa: S603 (our own interpreter)
        [*command, DOCS, tmp_path / "html"], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "html" / "hooks" / "sync_entity.html").is_file()


def test_every_proof_that_is_named_exists():
    for name in re.findall(r"`(contract_tests/[\w/.]+)`", "".join(map(read, ["proof.md", "decisions.md"]))):
        assert (ROOT / name).exists(), name


def test_every_link_of_the_readme_leads_somewhere():
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert targets
    for target in targets:
        assert (ROOT / target).exists(), target


def test_every_folder_of_proofs_is_named():
    named = read("proof.md")
    for path in (ROOT / "contract_tests").rglob("test_*.py"):
        first = path.relative_to(ROOT / "contract_tests").parts[0]
        assert f"`contract_tests/{first}" in named, path


def test_no_page_names_a_path_of_somebodys_machine():
    committed = [*DOCS.rglob("*.md"), *Path(__file__).parent.glob("*.py"), ROOT / "README.md"]
    foreign = re.compile(r"(?<![\w.])/(?:work|tmp|home|Users|root|mnt)/|[A-Z]:\\")
    for path in committed:
        if path != Path(__file__):
            assert not foreign.search(path.read_text(encoding="utf-8")), path
