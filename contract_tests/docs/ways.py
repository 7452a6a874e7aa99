"""How a block of the documentation is tried: run as it stands, or, for a reason, only read."""

from __future__ import annotations

import configparser
import json
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from contract_tests.docs.blocks import Block, clean_environment, commands_of
from contract_tests.docs.pages import DOCS, ROOT


@dataclass(frozen=True)
class Console:
    """Commands to be run by a shell, each with exit code 0, printing what is shown.

    Args:
        given: What stands in the page, and what its reader puts there; ``{names}`` are the newcomer's facts.
        codes: Other exit codes, by the command's first words.
        answers: What is shown at a terminal, and what the person then types.
        serves: Commands that go on until they are stopped, by their first words, and what they say first.
        remember: What is different each time: how the page shows it, and how to find it in what was printed.
        files: What the page tells its reader to save, and the page whose program it is.
        in_repository: Run in the repository's folder.
        slow: Takes more than a few seconds.
    """

    given: dict[str, str] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    answers: tuple[tuple[str, str], ...] = ()
    serves: dict[str, str] = field(default_factory=dict)
    remember: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    in_repository: bool = False
    slow: bool = False


@dataclass(frozen=True)
class Python:
    """A program, run by an interpreter of its own.

    Args:
        before: What the text around it says is there already.
        slow: Takes more than a few seconds.
    """

    before: str = ""
    slow: bool = False


@dataclass(frozen=True)
class Saved:
    """A file that the page tells its reader to write, for the blocks after it."""

    name: str


@dataclass(frozen=True)
class Sql:
    """Statements for the database that was synced; each gives rows."""


@dataclass(frozen=True)
class Elsewhere:
    """It is run by another test, which is named with its path."""

    test: str


@dataclass(frozen=True)
class Read:
    """It is not run, for a reason; what can be checked without running it is."""

    reason: str
    check: Callable[[Block], None]


# ---------------------------------------------------------------- what is read only


def accepted(words: str) -> None:
    """Our command would take these words: the subcommand, each option, each value."""
    import typer.main

    from bizosaas_xero.cli.app import app

    group = typer.main.get_command(app)
    with group.make_context("bizosaas-xero", shlex.split(words)[1:], resilient_parsing=True) as context:
        name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        assert command, words
        try:
            command.make_context(name, list(rest), parent=context)
        except Exception as error:
            # typer brings its own copy of click's errors, or click's, as its version pleases
            if getattr(error, "exit_code", None) == 2:
                raise AssertionError(f"{words}: {error}") from error
            raise


def last_accepted(block: Block) -> None:
    """Our command would take the words of the last line, which the lines before it prepare."""
    accepted(commands_of(block.text)[-1].words)


def by_claude(block: Block) -> None:
    import typer.main

    from bizosaas_xero.cli.app import app

    defaults = {each.name: each.default for each in typer.main.get_command(app).commands["mcp"].params}
    for command in commands_of(block.text):
        assert command.words.startswith("claude mcp add --transport ")
        if " -- " in command.words:
            accepted(command.words.split(" -- ")[1])
        else:
            assert f"http://{defaults['host']}:{defaults['port']}/mcp" in command.words
            assert '"Authorization: Bearer $BIZOSAAS_MCP_TOKEN"' in command.words


def collected(block: Block) -> None:
    """pytest finds tests under these words, none of which is run."""
    for command in commands_of(block.text):
        words = command.words.split("#")[0].replace("\\\n", " ")
        done = subprocess.run(  # noqa: S602 (our own documentation)
            f"{words} --collect-only -q -p no:cacheprovider", shell=True, cwd=ROOT, capture_output=True,
            text=True, check=False, env=clean_environment(),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def understood(module: str) -> Callable[[Block], None]:
    """Make a check that a module of ours would take the words behind it: its parser is run, nothing else."""

    def check(block: Block) -> None:
        for command in commands_of(block.text):
            words = shlex.split(command.words, comments=True)
            assert words[:3] == ["python", "-m", module]
            program = (
                "import argparse, runpy, sys\n"
                "taken = argparse.ArgumentParser.parse_args\n"
                "def stop(*given, **more):\n    taken(*given, **more)\n    sys.exit(42)\n"
                "argparse.ArgumentParser.parse_args = stop\n"
                f"sys.argv = {words[2:]!r}\nrunpy.run_module({module!r}, run_name='__main__')\n"
            )
            done = subprocess.run(  # noqa: S603 (our own interpreter)
                [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert done.returncode == 42, f"{command.words}: {done.stderr}"

    return check


def a_unit(block: Block) -> None:
    """A systemd unit whose command is one of ours and whose environment file sets what we read."""
    unit = configparser.ConfigParser(strict=True)
    unit.optionxform = str
    unit.read_string(block.text)
    assert {"Unit", "Service", "Install"} == set(unit.sections())
    program, *words = unit["Service"]["ExecStart"].split()
    assert Path(program).name == "bizosaas-xero"
    accepted(shlex.join(["bizosaas-xero", *words]))
    assert unit["Service"]["EnvironmentFile"] in (DOCS / block.page).read_text(encoding="utf-8").replace(block.text, "")


def is_installed_by_the_readme(block: Block) -> None:
    """The commands that set up a checkout are those of the README, in an environment of their own."""
    words = [command.words for command in commands_of(block.text)]
    assert words[0] == "python3 -m venv .venv && . .venv/bin/activate"
    assert all(word in (ROOT / "README.md").read_text(encoding="utf-8") for word in words[1:])


def logged_commands(block: Block) -> None:
    """Our command would take what follows the environment and precedes the comment."""
    for command in commands_of(block.text):
        words = command.words.split("#")[0].removeprefix("BIZOSAAS_LOG=info ")
        accepted(words)


def recipes_exist(block: Block) -> None:
    """``just`` takes each command, and the tests that it names exist."""
    for command in commands_of(block.text):
        for words in (shlex.split(part, comments=True) for part in command.words.split("&&")):
            dry = subprocess.run(  # noqa: S603 (our own documentation)
                ["just", "--dry-run", *words[1:]],  # noqa: S607 (from the environment)
                cwd=ROOT, capture_output=True, text=True, check=False, env=clean_environment(),
            )  # fmt: skip
            assert dry.returncode == 0, dry.stderr
            assert all((ROOT / word).exists() for word in words if word.startswith("contract_tests/"))


def parts_of_ci_exist(block: Block) -> None:
    """``.ci/full`` has each part that it is given."""
    given = [shlex.split(command.words, comments=True) for command in commands_of(block.text)]
    listed = subprocess.run(["bash", ".ci/full", "--list"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607 (found by its name)
    known = {line.split()[0] for line in listed.stdout.splitlines()} | {"--list"}
    parts = [part for words in given if words[0] == ".ci/full" for part in words[1:]]
    assert parts
    assert set(parts) <= known


def a_payload(block: Block) -> None:
    from bizosaas_xero.adapters.brain_gateway.work import CONTROL_KEYS

    assert set(json.loads(block.text)) <= set(CONTROL_KEYS)


def a_scenario(block: Block) -> None:
    """It stands in the connector's own contract."""
    (told,) = tomllib.loads(block.text)["scenarios"]
    real = tomllib.loads((ROOT / "cassettes/xero/contract.toml").read_text(encoding="utf-8"))["scenarios"]
    (found,) = [each for each in real if each["name"] == told["name"]]
    assert {key: found.get(key) for key in told} == told


def an_exemption(block: Block) -> None:
    from bizosaas_xero.contract.scenarios import Exemption

    text = (DOCS / "contract.md").read_text(encoding="utf-8")
    for each in tomllib.loads(block.text)["exempt"]:
        assert f"| `{Exemption.model_validate(each).clause}` |" in text  # a generated table


def a_distribution(block: Block) -> None:
    """The project's file offers the connector of the page under the group that hosts look into."""
    project = tomllib.loads(block.text)["project"]
    assert project["entry-points"] == {"bizosaas.connectors": {project["name"]: "csvshop"}}
    assert project["dependencies"] == ["bizosaas-xero"]


Way = Console | Python | Saved | Sql | Elsewhere | Read
