"""Every fenced block of every page is run, or it is said why not, and it is at least read.

A page's blocks are run in order on one newcomer's machine: a later one finds what an earlier one made.
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
from contract_tests.docs.blocks import PAGES, Block, Command, Newcomer, blocks_of, check_shown, commands_of
from contract_tests.docs.every_block import HOOKS, SYNCED, WAYS
from contract_tests.docs.pages import ROOT
from contract_tests.docs.test_hooks import EXAMPLES
from contract_tests.docs.ways import Console, Elsewhere, Python, Read, Saved, Sql, Way

SOAK, BENCH = "python -m contract_tests.reliability.soak", "python -m contract_tests.benchmarks"


def row_of(block: Block) -> tuple[str, str] | None:
    """Return page and first words of a block's row; of several that fit, the one that says most."""
    begins = block.text.removeprefix("$ ")
    found = [
        (page, words)
        for page, rows in WAYS.items()
        if block.page == page or (page.endswith("/") and block.page.startswith(page))
        for words in rows
        if words == f"{block.language}:*" or begins.startswith(words)
    ]
    return max(found, key=lambda each: len(each[1]), default=None)


ROWS = {block: row_of(block) for page in PAGES for block in blocks_of(page)}
BLOCKS: dict[Block, Way] = {block: WAYS[row[0]][row[1]] for block, row in ROWS.items() if row}
RUN = (Console, Python, Saved, Sql)


def tried(*kinds: type) -> list[Block]:
    return [block for block, way in BLOCKS.items() if isinstance(way, kinds)]


def is_slow(block: Block) -> bool:
    return getattr(BLOCKS[block], "slow", False)


def test_every_block_has_a_row_and_every_row_a_block():
    assert [str(block) for block, row in ROWS.items() if row is None] == [], "say in every_block.py how it is tried"
    assert set(ROWS.values()) == {(page, words) for page, rows in WAYS.items() for words in rows}
    assert len(ROWS) > 100


def test_commands_are_told_from_what_they_print():
    first, second = commands_of("$ curl \\\n  -d '{\n}' # it's\nok\n$ true\n")
    assert (first.words, first.shown) == ("curl \\\n  -d '{\n}' # it's", ["ok"])
    assert (second.words, second.shown) == ("true", [])
    assert [command.words for command in commands_of("export A=1\ntrue\n")] == ["export A=1", "true"]


@pytest.mark.parametrize("printed", ["Done: 7 rows, 2026-01-02\nwell\n", "more\nDone:   12 rows, 2027-01-02\nwell"])
def test_numbers_and_days_may_differ_from_what_is_shown(printed):
    check_shown(Block("page", 1, "", ""), Command("x", ["Done: 5 rows, 2026-11-22", "...", "we…"]), printed)


@pytest.mark.parametrize("printed", ["", "Done: 7 lines\nwell\n", "well\nDone: 7 rows\n"])
def test_other_words_or_another_order_are_not_what_is_shown(printed):
    with pytest.raises(AssertionError, match="does not print"):
        check_shown(Block("page", 1, "", ""), Command("x", ["Done: 5 rows", "well"]), printed)


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
        for block in tried(*RUN):
            if block.page == page and (slow or not is_slow(block)):
                run_block(block, BLOCKS[block], person)


@pytest.mark.unstruck_faults  # examples add faults that they do not meet
@pytest.mark.parametrize("page", dict.fromkeys(block.page for block in tried(*RUN)))
def test_the_blocks_of_a_page_run(page, tmp_path):
    run_page(page, tmp_path, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", dict.fromkeys(block.page for block in tried(*RUN) if is_slow(block)))
def test_the_long_blocks_of_a_page_run(page, tmp_path):
    run_page(page, tmp_path, slow=True)


# ---------------------------------------------------------------- not run here


@pytest.mark.parametrize("block", tried(Elsewhere), ids=str)
def test_what_is_run_elsewhere_is_run_there(block):
    """The test exists, and its module reads that page (the pages of the hooks' test are a list)."""
    path, name = BLOCKS[block].test.split("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    assert f"\ndef {name}(" in text
    named = EXAMPLES if path == HOOKS else [*re.findall(r'"([\w-]+\.md)"', text), *re.findall(r"HOSTS = \[.*\]", text)]
    assert any(block.page in each or f'"{Path(block.page).stem}"' in each for each in named)


@pytest.mark.parametrize("block", tried(Read), ids=str)
def test_what_is_not_run_is_right_as_far_as_it_can_be_read(block):
    way = BLOCKS[block]
    assert way.reason
    way.check(block)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (lambda block: ways.accepted(block.text), "bizosaas-xero record --no-such-option"),
        (lambda block: ways.accepted(block.text), "bizosaas-xero no-such-command"),
        (lambda block: ways.accepted(block.text), "bizosaas-xero sandbox --port many"),
        (ways.by_claude, "$ claude mcp add --transport stdio xero -- bizosaas-xero mcp --no-such-option\n"),
        (ways.by_claude, "$ claude mcp add --transport http xero http://127.0.0.1:1/mcp\n"),
        (ways.collected, "$ pytest contract_tests/no_such_test.py\n"),
        (
            ways.understood("contract_tests.reliability.soak"),
            f"{SOAK} --no-such-option\n",
        ),
        (
            ways.understood("contract_tests.benchmarks"),
            f"{BENCH} no-such-benchmark\n",
        ),
        (ways.a_unit, "[Unit]\n[Service]\nExecStart=/bin/bizosaas-xero sync --no-such-option\n[Install]\n"),
        (ways.a_payload, '{"moode": "commit"}\n'),
        (ways.a_scenario, '[[scenarios]]\nname = "accounts-first-read"\nhook = "auth"\n'),
        (ways.an_exemption, '[[exempt]]\nclause = "sync.no-such-clause"\nreason = "long enough to be one"\n'),
        (ways.a_distribution, '[project]\nname = "x"\ndependencies = []\n[project.entry-points.x]\n'),
    ],
)
def test_what_reads_a_block_sees_what_is_wrong(check, text):
    with pytest.raises(AssertionError):
        check(Block("page.md", 1, "", text))
