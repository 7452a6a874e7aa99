"""Every fenced block of every page is run, or it is said why not, and it is at least read.

A row is found by the first words of its block (``python:*``: all of a language). A page's blocks are run in
order on one newcomer's machine, so that a later one finds what an earlier one made.
"""

from __future__ import annotations

import re
import shlex
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bizosaas_xero.sandbox import serve
from contract_tests.docs import ways
from contract_tests.docs.blocks import PAGES, Block, Newcomer, blocks_of, check_shown, commands_of
from contract_tests.docs.pages import ROOT
from contract_tests.docs.test_hooks import EXAMPLES
from contract_tests.docs.ways import Console, Elsewhere, Python, Read, Saved, Sql, Way

HOOKS = "contract_tests/docs/test_hooks.py"
HOSTS = "contract_tests/hosts/test_hosts.py"
GATEWAY = "contract_tests/gateway/test_docs.py"
AGENTS = "contract_tests/docs/test_agents.py"
TEMPORAL = "contract_tests/adapters_temporal/test_docs.py"
ASKED = "bizosaas-xero run create_invoice --params @invoice.json --business-key D-1042 --as sales-agent"
SANDBOX = {"8900": "{port}"}

# ---------------------------------------------------------------- every block

WAYS: dict[str, dict[str, Way]] = {
    "README.md": {
        "pip install -c constraints.txt '.[all]'": Console(
            {"'.[all]'": "'bizosaas-xero[all]'"}, in_repository=True
        ),
        "pip install -c constraints.txt -e '.[test]'": Console(
            {
                "-e '.[test]'": "'bizosaas-xero[test]'",
                "loadfile": "loadfile contract_tests/test_architecture.py",
            },
            in_repository=True,
        ),
        "export XERO_CLIENT_ID=…": Console(
            {"XERO_CLIENT_ID=…": "XERO_CLIENT_ID={client_id}", "SECRET=…": "SECRET={client_secret}"}
        ),
        "bizosaas-xero contract xero": Console(),
    },
    "actions/": {"python:*": Elsewhere(f"{HOOKS}::test_every_example_runs")},
    "hooks/": {"python:*": Elsewhere(f"{HOOKS}::test_every_example_runs")},
    "write-a-host.md": {"python:*": Elsewhere(f"{HOOKS}::test_every_example_runs")},
    "agents.md": {
        '{\n  "mcpServers"': Elsewhere(f"{AGENTS}::test_the_configurations_that_are_shown_are_accepted"),
        "claude mcp add --transport stdio": Read("it needs Claude Code and an account there", ways.by_claude),
        "claude mcp add --transport http": Read("it needs Claude Code and an account there", ways.by_claude),
        "export BIZOSAAS_MCP_TOKEN": Console(
            {"My Shop Ltd": "Demo Company (NZ)", "--http": "--http --port {free}"},
            serves={"bizosaas-xero mcp": "/mcp"},
        ),
        "import os\n\ntool": Elsewhere(f"{AGENTS}::test_the_configurations_that_are_shown_are_accepted"),
        "import anyio": Elsewhere(
            "contract_tests/mcp/test_reading.py::test_the_agent_of_the_documentation_runs"
        ),
    },
    "brain-gateway.md": {
        "pip install": Console(),
        "python:*": Elsewhere(f"{GATEWAY}::test_the_lines_to_add_register_what_is_installed"),
        "diff:*": Read("the gateway's own source is not here", ways.a_change),
        "json:*": Read(
            "it is the body of a request that contract_tests/gateway/test_writes.py makes", ways.a_payload
        ),
    },
    "cassettes.md": {
        '[[scenarios]]\nname = "invoices-incremental': Read(
            "the kit's run in README.md plays it", ways.a_scenario
        ),
        '[[scenarios]]\nname = "payment-planned': Read(
            "the kit's run in README.md plays it", ways.a_scenario
        ),
        "pytest --pyargs bizosaas_xero.contract": Read(
            "it writes all cassettes anew, which takes minutes (contract_tests/kit does it for some)",
            ways.collected,
        ),
        "XERO_CLIENT_ID=… XERO_CLIENT_SECRET=…": Read(
            "it needs a real Xero account; contract_tests/kit/test_record.py runs it with the sandbox",
            lambda block: ways.accepted(block.text.split("SECRET=… ")[1]),
        ),
    },
    "contract.md": {
        "bizosaas-xero contract xero": Console({"my_package.my_module": "csvshop"}, slow=True),
        "from bizosaas_xero.contract import check": Python(slow=True),
        "[[exempt]]": Read("an example of a promise that nothing here breaks", ways.an_exemption),
    },
    "hosting.md": {
        "from bizosaas_xero.host import open_host": Elsewhere(
            "contract_tests/host/test_docs.py::test_the_embedded_example_runs"
        ),
        "[Unit]": Read("systemd is not in our test machines", ways.a_unit),
    },
    "hosts/index.md": {
        "pip install bizosaas-xero stevedore": Console(
            {"CLIENT_ID=…": "CLIENT_ID={custom_id}", "SECRET=…": "SECRET={custom_secret}"},
            files={"host.py": "hosts/synchronous.md"},
        ),
    },
    "hosts/asyncio.md": {"python:*": Elsewhere(f"{HOSTS}::test_the_asyncio_host_reads_side_by_side")},
    "hosts/processes.md": {
        "python:*": Elsewhere(f"{HOSTS}::test_a_connector_in_a_process_of_its_own_is_read_over_json_lines")
    },
    "hosts/strict.md": {
        "python:*": Elsewhere(f"{HOSTS}::test_the_strict_host_reads_what_it_allows_and_nothing_else")
    },
    "hosts/synchronous.md": {
        "python:*": Elsewhere(f"{HOSTS}::test_the_synchronous_host_reads_only_what_changed")
    },
    "performance.md": {
        "python -m contract_tests.benchmarks ": Read(
            "25 minutes", ways.understood("contract_tests.benchmarks")
        )
    },
    "reliability.md": {
        "python -m contract_tests.reliability.soak": Read(
            "10 minutes", ways.understood("contract_tests.reliability.soak")
        ),
        "HYPOTHESIS_PROFILE=search": Read("minutes; .ci/full runs it", ways.collected),
    },
    "temporal.md": {
        "from concurrent.futures": Elsewhere(f"{TEMPORAL}::test_the_worker_is_given_both_activities"),
        "from datetime": Elsewhere(f"{TEMPORAL}::test_the_workflow_is_one"),
    },
    "write-a-connector.md": {
        "python3 -m venv": Console(slow=True),
        '"""A connector for a shop': Saved("csvshop.py"),
        'transport = "none"': Saved("contract.toml"),
        '"""The shop, as the contract kit': Saved("csvshop_fixtures.py"),
        "bizosaas-xero contract csvshop": Console(),
        "[build-system]": Read(
            "building needs the network; contract_tests/selftest installs it", ways.a_distribution
        ),
    },
    "approval.md": {
        '{\n  "contact"': Saved("invoice.json"),
        "bizosaas-xero run create_invoice": Console(
            codes={"bizosaas-xero run": 3}, remember={"9f6fb60ac197": r"bizosaas-xero approve (\w{12})"}
        ),
        "bizosaas-xero approve\n": Console(answers=(("decide later]", "yes"),)),
        f"{ASKED}\n  Invoice id": Console(),
        "bizosaas-xero configure --policy": Console(),
        "bizosaas-xero audit\n": Console(),
        "bizosaas-xero audit --verify": Console(),
        "outcome = host.act": Python(
            "import json, pathlib\nfrom bizosaas_xero.host import open_host\n"
            "host = open_host().__enter__()\nconnection_id = host.store.connections()[0].id\n"
            "params = json.loads(pathlib.Path('invoice.json').read_text())\n"
        ),
    },
    "cli.md": {
        "bizosaas-xero demo": Console(),
        "export XERO_CLIENT_ID=...": Console(
            {"XERO_CLIENT_ID=...": "XERO_CLIENT_ID={client_id}"},
            answers=(("Client secret (not shown):", "{client_secret}"),),
        ),
    },
    "five-minutes.md": {
        "python3 -m venv": Console({"'.[all]'": "'bizosaas-xero[all]'", "-c ": "-c {repository}/"}),
        "export BIZOSAAS_HOME=~/bizosaas-try\n": Console(),
        "bizosaas-xero demo": Console(),
        "export BIZOSAAS_HOME=~/bizosaas-try/demo": Console(),
        "sql:*": Sql(),
        "bizosaas-xero sandbox": Console(
            {"sandbox": "sandbox --port 0"}, serves={"bizosaas-xero sandbox": "connect"}
        ),
        "export BIZOSAAS_HOME=~/bizosaas-try/by-hand": Console(
            {"export ": "export XERO_CLIENT_ID={client_id} XERO_CLIENT_SECRET={client_secret} "}
        ),
        "curl": Console(codes={"bizosaas-xero sync": 4}),
    },
    "sandbox.md": {
        "bizosaas-xero sandbox --port": Console(
            {"8900": "{free}", "--json": "--json --port 0"},
            serves={"bizosaas-xero sandbox --port": "connect", "bizosaas-xero sandbox --json": "api_url"},
        ),
        "python:*": Elsewhere(f"{HOOKS}::test_the_examples_of_the_sandbox_run"),
        "curl -s http://127.0.0.1:8900/_sandbox/consent": Console(
            {"http://127.0.0.1:8900/identity/connect/authorize?…": "{authorize}", **SANDBOX}
        ),
        "curl -s -X PATCH": Console({"{id}": "{organisation}", **SANDBOX}),
        "python -c": Console(slow=True),
        "curl -s http://127.0.0.1:8900/_sandbox/webhooks": Console(SANDBOX),
        "curl -s http://127.0.0.1:8900/_sandbox/statements": Console(SANDBOX),
        "curl -s http://127.0.0.1:8900/_sandbox/faults": Console(SANDBOX),
        "pytest -m slow": Read("it takes many minutes; .ci/full runs it", ways.collected),
    },
    "scopes.md": {
        "bizosaas-xero connect --scopes": Console(
            {"bizosaas-xero": "XERO_CLIENT_ID={client_id} XERO_CLIENT_SECRET={client_secret} bizosaas-xero"}
        ),
    },
    "start.md": {
        "export XERO_CLIENT_ID=...": Console(
            {"XERO_CLIENT_ID=...": "XERO_CLIENT_ID={client_id}", "SECRET=...": "SECRET={client_secret}"}
        ),
        "bizosaas-xero configure --interval": Console(),
        "bizosaas-xero configure --timezone": Console(),
    },
}
SYNCED = {"agents.md", "approval.md"}
"""Pages that go on from where another ended."""


def row_of(block: Block) -> str:
    """Return the name of a block's row, as ``page > first words``."""
    begins = block.text.removeprefix("$ ")
    found = [
        (page, words)
        for page, rows in WAYS.items()
        if block.page == page or (page.endswith("/") and block.page.startswith(page))
        for words in rows
        if words == f"{block.language}:*" or begins.startswith(words)
    ]
    found.sort(key=lambda each: len(each[1]), reverse=True)
    assert found, f"{block}: how is this {block.language} block tried? Say so in WAYS."
    return " > ".join(found[0])


def way_of(block: Block) -> Way:
    page, words = row_of(block).split(" > ", 1)
    return WAYS[page][words]


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
RUN = (Console, Python, Saved, Sql)


def pages_to_run(*, slow: bool) -> list[str]:
    found: dict[str, bool] = {}
    for block in BLOCKS:
        try:
            way = way_of(block)
        except AssertionError:
            continue  # the first test tells
        if isinstance(way, RUN):
            found[block.page] = found.get(block.page, False) or getattr(way, "slow", False)
    return [page for page, has_slow in found.items() if has_slow or not slow]


def test_every_block_has_a_row_and_every_row_a_block():
    used = {row_of(block) for block in BLOCKS}
    assert used == {f"{page} > {words}" for page, rows in WAYS.items() for words in rows}
    assert len(BLOCKS) > 100


# ---------------------------------------------------------------- running


def run_console(block: Block, way: Console, person: Newcomer) -> None:
    text = person.given(block.text, way.given)
    for name, page in way.files.items():
        program = next(each.text for each in BLOCKS if each.page == page and each.language == "python")
        (person.folder / name).write_text(program, encoding="utf-8")
    mark = "\x1e"
    lines = []
    commands = commands_of(text)
    for command in commands:
        ready = [pattern for words, pattern in way.serves.items() if command.words.startswith(words)]
        lines += [served(command.words, ready[0]) if ready else command.words, f"printf '{mark}%s{mark}' $?"]
    lines.append('env -0 > "$AFTERWARDS"')
    at = ROOT if way.in_repository else None
    answers = tuple((shown, typed.format(**person.facts)) for shown, typed in way.answers)
    printed = person.run("\n".join(lines), at=at, answers=answers).split(mark)
    assert len(printed) == 2 * len(commands) + 1, f"{block} broke off: {''.join(printed)}"
    for command, said, code in zip(commands, printed[::2], printed[1::2], strict=False):
        expected = next((c for words, c in way.codes.items() if command.words.startswith(words)), 0)
        assert int(code) == expected, f"{block}: `{command.words}` ended with {code}:\n{said}"
        assert "Traceback" not in said, said
        assert '{"error"' not in said, f"{block}: {said}"
        assert "does not provide the extra" not in said, f"{block}: {said}"
        check_shown(block, command, said)
        for shown, pattern in way.remember.items():
            person.names[shown] = re.search(pattern, said)[1]
    person.carry_on()


def served(words: str, ready: str) -> str:
    """Return what starts a server, waits until it says that it is ready, and ends it with SIGTERM."""
    return (
        f"{words} > served.txt 2>&1 & server=$!\n"
        f"for _ in $(seq 300); do grep -q {shlex.quote(ready)} served.txt && break; sleep 0.1; done\n"
        f"grep -q {shlex.quote(ready)} served.txt || echo Traceback: it never was ready\n"
        "kill $server; cat served.txt; wait $server"
    )


def run_block(block: Block, way: Way, person: Newcomer) -> None:
    text = person.given(block.text, {})
    match way:
        case Console():
            run_console(block, way, person)
        case Saved(name):
            (person.folder / name).write_text(text, encoding="utf-8")
        case Python(before):
            (person.folder / "example.py").write_text(before + text, encoding="utf-8")
            said = person.run(f"{shlex.quote(sys.executable)} -W error example.py && echo done")
            assert said.endswith("done\n"), f"{block}: {said}"
        case Sql():
            database = Path(person.environ["BIZOSAAS_HOME"]) / "bizosaas.db"
            with closing(sqlite3.connect(database)) as books:
                for statement in filter(str.strip, text.split(";")):
                    assert books.execute(statement).fetchall(), f"{block}: {statement} gives nothing"


def run_page(page: str, folder: Path, *, slow: bool) -> None:
    with serve(invoices=200, seed=1, limits=False) as box:
        person = Newcomer(folder, box)
        if page in SYNCED:
            person.connect_and_sync()
        for block in (block for block in BLOCKS if block.page == page):
            way = way_of(block)
            if isinstance(way, RUN) and (slow or not getattr(way, "slow", False)):
                run_block(block, way, person)


@pytest.mark.parametrize("page", pages_to_run(slow=False))
def test_the_blocks_of_a_page_run(page, tmp_path):
    run_page(page, tmp_path, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", pages_to_run(slow=True))
def test_the_long_blocks_of_a_page_run(page, tmp_path):
    run_page(page, tmp_path, slow=True)


# ---------------------------------------------------------------- not run here


@pytest.mark.parametrize("row", sorted({row_of(b) for b in BLOCKS if isinstance(way_of(b), Elsewhere)}))
def test_what_is_run_elsewhere_is_run_there(row):
    """The test exists, and its module reads that page (the pages of the hooks' test are a list)."""
    for block in (block for block in BLOCKS if row_of(block) == row):
        path, name = way_of(block).test.split("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert f"\ndef {name}(" in text
        assert block.page in (EXAMPLES if path == HOOKS else text) or block.page.removesuffix(".md") in [
            f"hosts/{word}" for word in re.findall(r'"(\w+)"', text)
        ]


@pytest.mark.parametrize("block", [b for b in BLOCKS if isinstance(way_of(b), Read)], ids=str)
def test_what_is_not_run_is_right_as_far_as_it_can_be_read(block):
    way = way_of(block)
    assert way.reason
    way.check(block)
