"""The command ``bizosaas-xero``: its global options and the list of its commands.

Each command is one file in :mod:`bizosaas_xero.cli.commands`: a function with its options, whose body imports what it
needs when it runs, so that ``--help`` is quick.
"""

from __future__ import annotations

from typing import Annotated

import typer

from bizosaas_xero.cli.commands.actions import actions
from bizosaas_xero.cli.commands.approve import approve
from bizosaas_xero.cli.commands.audit import audit
from bizosaas_xero.cli.commands.backup import backup, restore
from bizosaas_xero.cli.commands.configure import configure
from bizosaas_xero.cli.commands.connect import connect
from bizosaas_xero.cli.commands.connectors import connectors
from bizosaas_xero.cli.commands.contract import contract
from bizosaas_xero.cli.commands.demo import demo
from bizosaas_xero.cli.commands.disconnect import disconnect
from bizosaas_xero.cli.commands.doctor import doctor
from bizosaas_xero.cli.commands.events import events
from bizosaas_xero.cli.commands.export import export
from bizosaas_xero.cli.commands.mcp import mcp
from bizosaas_xero.cli.commands.organisations import organisations
from bizosaas_xero.cli.commands.record import record
from bizosaas_xero.cli.commands.run import run
from bizosaas_xero.cli.commands.sandbox import sandbox
from bizosaas_xero.cli.commands.status import status
from bizosaas_xero.cli.commands.sync import sync
from bizosaas_xero.cli.commands.verify import verify
from bizosaas_xero.cli.commands.web import web
from bizosaas_xero.cli.log import LogFormat, LogLevel, configure_logging
from bizosaas_xero.cli.usage import CommandGroup

COMMANDS = (
    *(demo, web, connect, organisations, configure, disconnect),
    *(sync, status, events, doctor),
    *(actions, run, approve, audit, mcp),
    *(backup, restore, export),
    *(connectors, sandbox, contract, record, verify),
)
"""Every command, in the order of ``--help``."""

app = typer.Typer(
    name="bizosaas-xero",
    cls=CommandGroup,
    help="Connect Xero, and sync its records into your own database.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from bizosaas_xero import __version__

        typer.echo(f"bizosaas-xero {__version__}")
        raise typer.Exit


@app.callback()
def _configure(
    debug: Annotated[bool, typer.Option("--debug", help="Log requests to stderr; show tracebacks.")] = False,
    log_level: Annotated[
        LogLevel | None, typer.Option(envvar="BIZOSAAS_LOG", help="Log to stderr from this level on.")
    ] = None,
    log_format: Annotated[LogFormat, typer.Option(help="How log lines are written.")] = LogFormat.TEXT,
    version: Annotated[  # noqa: ARG001 (its callback prints the version)
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    configure_logging(LogLevel.DEBUG if debug else log_level, log_format)


for command in COMMANDS:
    app.command()(command)
