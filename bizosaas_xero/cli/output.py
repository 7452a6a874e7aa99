"""What a person or a program sees: tables and words, or one JSON value, and the exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from bizosaas_xero.spec import ConnectorError

OK, UNEXPECTED, USAGE, PERSON, LATER, PARTIAL, STOPPED = 0, 1, 2, 3, 4, 5, 130

EXIT_CODES = {
    OK: "done",
    UNEXPECTED: "an unexpected error: a fault of this program",
    USAGE: "wrong usage: an unknown option, entity or organisation, or a wrong value",
    PERSON: "a person must act: approve, connect (again), or correct a setting",
    LATER: "not possible now: a limit is used up, the other side does not answer, or another process is at "
    "work (try later); or the world changed (plan again)",
    PARTIAL: "done, but not all: rows were rejected, or not everything could be read or written",
    STOPPED: "stopped with Ctrl-C; what was stored stays",
}
"""The one table of exit codes (docs/cli.md shows it)."""

_BY_RECOVERY = {
    "reconnect": PERSON,
    "fix": PERSON,
    "wait": LATER,
    "retry": LATER,
    "refresh": LATER,
    "restart": LATER,
}


def exit_code(problem: dict[str, Any]) -> int:
    """Return the exit code for an error's ``to_dict()``."""
    if problem["code"] in {"invalid", "not_found"}:
        return USAGE
    return _BY_RECOVERY.get(problem["recovery"], PERSON)


class Output:
    """Prints for a person on a terminal or into a pipe, or with ``as_json`` one value for a program."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        # Names of customers may look like markup or emoji codes: nothing is interpreted.
        self.console = Console(markup=False, emoji=False, highlight=False, quiet=as_json)
        self.errors = Console(stderr=True, markup=False, emoji=False, highlight=False)

    def say(self, text: str = "", style: str = "") -> None:
        """Print a line for a person."""
        self.console.print(Text(text, style=style))

    def show(self, renderable: RenderableType) -> None:
        """Print a table or another block for a person, indented by two."""
        self.console.print(Padding(renderable, (0, 0, 0, 2), expand=False))

    def command(self, text: str) -> None:
        """Print a command that can be copied: never broken into lines."""
        self.console.print(Text(f"  {text}", style="cyan"), soft_wrap=True)

    def line(self, text: str) -> None:
        """Print one line that stays one, however narrow the terminal is: an address in it can be copied."""
        self.console.print(Text(text), soft_wrap=True)

    def data(self, value: Any) -> None:
        """Print the result for a program."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False) + "\n")
            sys.stdout.flush()

    def ask(self, text: str) -> None:
        """Print what a person must see even if standard output is read by a program."""
        self.errors.print(Text(text), soft_wrap=True)

    def error(self, error: ConnectorError) -> int:
        """Print an error, and return its exit code."""
        problem = error.to_dict()
        self.data({"error": problem})
        if not self.as_json:
            self.problem(problem, self.errors)
        return exit_code(problem)

    def problem(self, problem: dict[str, Any], console: Console | None = None, subject: str = "") -> None:
        """Print what is wrong and what to do, for a person."""
        console = console or self.console
        heading = Text.assemble((f"{subject}: " if subject else "Error: ", "bold red"), problem["message"])
        console.print(heading)
        for part in problem["problems"] if len(problem["problems"]) > 1 else ():
            if part["message"] not in problem["message"]:
                line = Text.assemble((f"{part['field']}: ", "bold"), part["message"])
                console.print(Padding(line, (0, 0, 0, 2), expand=False))
        passive = problem["remedy"].startswith("Nothing to do")
        console.print(Text.assemble(("" if passive else "What to do: ", "bold"), problem["remedy"]))
        command = _COMMANDS.get(problem["recovery"])
        if command and command not in problem["remedy"]:
            when = f" in {duration(problem['retry_after'])}" if problem["retry_after"] else ""
            console.print(Text.assemble((f"Here{when}: ", "bold"), (command, "cyan")))


CONNECT = "bizosaas-xero connect"

_COMMANDS = {
    "reconnect": CONNECT,
    "wait": "bizosaas-xero sync",
    "retry": "bizosaas-xero sync",
}


def plural(count: int, word: str) -> str:
    """Write a number of things for a person."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """Write a time span for a person, in its largest unit."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            return plural(int(seconds // length), unit)
    return f"{max(1, int(seconds))} s"


_MANY = 7  # columns; from here on a gap of one keeps a table within 80


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Sequence[str] = ()) -> Table:
    """Make a table; ``numbers`` names the columns that are right-aligned."""
    made = Table(box=None, pad_edge=False, padding=(0, 2 if len(columns) < _MANY else 1, 0, 0), header_style="bold")
    for column in columns:
        right = column in numbers
        made.add_column(column, justify="right" if right else "left", no_wrap=right or not made.columns)
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    return made


def size(count: int) -> str:
    """Write bytes for a person."""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:  # noqa: PLR2004 (SI prefixes)
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
