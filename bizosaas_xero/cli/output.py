"""What a command prints: text and tables for a person, or one JSON value for a program, and the exit code.

Every text that a person sees passes through :class:`Output`, which makes control characters visible: a customer's
name cannot move the cursor or hide a part of a line. rich is imported when a command prints, not for ``--help``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.text import Text

    from bizosaas_xero.spec import ConnectorError

OK, UNEXPECTED, USAGE, PERSON, LATER, PARTIAL, STOPPED = 0, 1, 2, 3, 4, 5, 130

EXIT_CODES = {
    OK: "success",
    UNEXPECTED: "unexpected error: a fault of this program",
    USAGE: "wrong usage: an unknown option, entity or organisation, or a wrong value",
    PERSON: "a person must act: approve, connect (again), or correct a setting",
    LATER: "not possible now: a rate limit is reached, Xero does not answer, or another process is at work "
    "(try later); or the data changed (plan again)",
    PARTIAL: "partly done: rows were rejected, or not everything could be read or written",
    STOPPED: "stopped with Ctrl-C; stored records are kept",
}
"""Meaning of each exit code (docs/cli.md shows this table)."""

_EXIT_CODE_BY_RECOVERY = {
    "reconnect": PERSON,
    "fix": PERSON,
    "wait": LATER,
    "retry": LATER,
    "refresh": LATER,
    "restart": LATER,
}

CONNECT_COMMAND = "bizosaas-xero connect"

_COMMAND_BY_RECOVERY = {
    "reconnect": CONNECT_COMMAND,
    "wait": "bizosaas-xero sync",
    "retry": "bizosaas-xero sync",
}

MANY_COLUMNS = 7
"""From this number of columns on, one space between columns keeps a table within 80 characters."""

INDENT = (0, 0, 0, 2)


class Styled(NamedTuple):
    """A text with a rich style, such as ``bold red``."""

    text: str
    style: str


def exit_code(problem: Mapping[str, Any]) -> int:
    """Return the exit code for an error's ``to_dict()``."""
    if problem["code"] in {"invalid", "not_found"}:
        return USAGE
    return _EXIT_CODE_BY_RECOVERY.get(problem["recovery"], PERSON)


class Output:
    """Prints for a person on a terminal or into a pipe, or with ``as_json`` one value for a program."""

    def __init__(self, *, as_json: bool) -> None:
        from rich.console import Console

        self.as_json = as_json
        # A customer's name may look like markup or an emoji code: rich interprets neither.
        self.console = Console(markup=False, emoji=False, highlight=False, quiet=as_json)
        self.errors = Console(stderr=True, markup=False, emoji=False, highlight=False)

    def say(self, *parts: str | Styled, style: str = "") -> None:
        """Print a line for a person; it wraps at the width of the terminal."""
        self.console.print(_assemble(*parts, style=style))

    def line(self, text: str) -> None:
        """Print a line that is not wrapped, so that an address in it can be copied."""
        self.console.print(_assemble(text), soft_wrap=True)

    def command(self, text: str) -> None:
        """Print a command, not wrapped, so that it can be copied."""
        self.console.print(_assemble(f"  {text}", style="cyan"), soft_wrap=True)

    def indented(self, *parts: str | Styled) -> None:
        """Print a text whose wrapped lines are indented by two."""
        from rich.padding import Padding

        self.console.print(Padding(_assemble(*parts), INDENT, expand=False))

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[str | Styled | int]], numbers: Sequence[str] = ()
    ) -> None:
        """Print a table, indented by two; ``numbers`` names the columns to align right."""
        from rich.padding import Padding
        from rich.table import Table

        gap = 2 if len(columns) < MANY_COLUMNS else 1
        table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
        for column in columns:
            right = column in numbers
            table.add_column(
                _assemble(column), justify="right" if right else "left", no_wrap=right or not table.columns
            )
        for row in rows:
            table.add_row(*(_assemble(cell if isinstance(cell, Styled) else str(cell)) for cell in row))
        self.console.print(Padding(table, INDENT, expand=False))

    def definitions(self, rows: Iterable[tuple[str | Styled, Sequence[str | Styled]]], width: int) -> None:
        """Print a short word at the left of each text, indented by two."""
        from rich.padding import Padding
        from rich.table import Table

        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(width=width)
        for word, parts in rows:
            grid.add_row(_assemble(word), _assemble(*parts))
        self.console.print(Padding(grid, INDENT, expand=False))

    def markdown(self, text: str, *, rendered: bool = True) -> None:
        """Print Markdown, rendered or as it is written."""
        from rich.markdown import Markdown
        from rich.text import Text

        from bizosaas_xero.host.text import make_visible

        safe = make_visible(text, lines=True)
        if rendered:
            self.console.print(Markdown(safe, hyperlinks=False))
        else:
            self.console.print(Text(safe), soft_wrap=True)

    def progress(self) -> Progress:
        """Return a progress display; it shows nothing in a pipe and with ``--json``."""
        from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<18}", markup=False),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=self.console,
            transient=True,
            disable=self.as_json or not self.console.is_terminal,
        )

    def write_json(self, value: Any) -> None:
        """Print a value for a program, as one line of JSON; without ``--json`` print nothing."""
        if self.as_json:
            from bizosaas_xero.host.text import write_visible_json

            sys.stdout.write(write_visible_json(value) + "\n")
            sys.stdout.flush()

    def prompt(self, *parts: str | Styled) -> None:
        """Print to standard error what a person must see even if a program reads standard output."""
        self.errors.print(_assemble(*parts), soft_wrap=True)

    def report_error(self, error: ConnectorError) -> int:
        """Print an error, and return its exit code."""
        problem = error.to_dict()
        self.write_json({"error": problem})
        if not self.as_json:
            self.show_problem(problem, console=self.errors)
        return exit_code(problem)

    def show_problem(self, problem: Mapping[str, Any], subject: str = "", console: Console | None = None) -> None:
        """Print what is wrong and what to do, for a person.

        Args:
            problem: An error's ``to_dict()``.
            subject: What the problem is about, such as an organisation.
            console: Where to print; standard output by default.
        """
        from rich.padding import Padding

        console = console or self.console
        console.print(_assemble(Styled(f"{subject}: " if subject else "Error: ", "bold red"), problem["message"]))
        for part in problem["problems"] if len(problem["problems"]) > 1 else ():
            if part["message"] not in problem["message"]:
                text = _assemble(Styled(f"{part['field']}: ", "bold"), part["message"])
                console.print(Padding(text, INDENT, expand=False))
        passive = problem["remedy"].startswith("Nothing to do")
        console.print(_assemble(Styled("" if passive else "What to do: ", "bold"), problem["remedy"]))
        command = _COMMAND_BY_RECOVERY.get(problem["recovery"])
        if command and command not in problem["remedy"]:
            when = f" in {format_duration(problem['retry_after'])}" if problem["retry_after"] else ""
            console.print(_assemble(Styled(f"Here{when}: ", "bold"), Styled(command, "cyan")))


def _assemble(*parts: str | Styled, style: str = "") -> Text:
    """Return a text for rich, in one line, with control and other invisible characters made visible."""
    from rich.text import Text

    from bizosaas_xero.host.text import make_visible

    text = Text(style=style)
    for part in parts:
        raw, own_style = part if isinstance(part, Styled) else (part, "")
        text.append(make_visible(raw.replace("\n", " ")), own_style)
    return text


def format_count(count: int, noun: str) -> str:
    """Write a number of things, such as ``1 call`` or ``1,200 calls``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def format_duration(seconds: float) -> str:
    """Write a time span in its largest unit, such as ``3 hours``."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            return format_count(int(seconds // length), unit)
    return f"{max(1, int(seconds))} s"


def format_bytes(count: int) -> str:
    """Write a number of bytes, such as ``1.2 MB``."""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:  # noqa: PLR2004 (SI prefixes)
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
