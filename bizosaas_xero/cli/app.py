"""The commands and their options. What each does is imported when it runs, so that ``--help`` is quick."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from bizosaas_xero.cli import common
from bizosaas_xero.cli.options import AsJson, Invoices, Organisation, Seed

app = typer.Typer(
    name="bizosaas-xero",
    help="Connect Xero, and keep its books in a database of yours.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Kind(StrEnum):
    """The kinds of app that Xero knows."""

    WEB = "web"
    PKCE = "pkce"
    CUSTOM = "custom"


def _version(wanted: bool) -> None:
    if wanted:
        from bizosaas_xero import __version__

        typer.echo(f"bizosaas-xero {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    debug: Annotated[bool, typer.Option("--debug", help="Log to stderr; show tracebacks.")] = False,
    version: Annotated[  # noqa: ARG001 (its callback does the work)
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    common.set_debug(on=debug)


@app.command()
@common.ends_well
def demo(*, invoices: Invoices = 500, seed: Seed = 1, as_json: AsJson = False) -> int:
    """Show the whole road, without a Xero account."""
    from bizosaas_xero.cli.commands import demo as command

    return command.demo(common.open_output(as_json=as_json), invoices, seed)


@app.command()
@common.ends_well
def connectors(*, as_json: AsJson = False) -> int:
    """List the installed connectors, and why one cannot be used."""
    from bizosaas_xero.cli.commands import connectors as command

    return command.connectors(common.open_output(as_json=as_json))


@app.command()
@common.ends_well
def connect(  # noqa: PLR0913 (options)
    *,
    kind: Annotated[Kind, typer.Option(help="The kind of app that you registered with Xero.")] = Kind.WEB,
    client_id: Annotated[
        str | None, typer.Option(envvar="XERO_CLIENT_ID", help="The app's client id; asked for if absent.")
    ] = None,
    client_secret_stdin: Annotated[
        bool, typer.Option("--client-secret-stdin", help="Read the secret from the first line of stdin.")
    ] = False,
    scopes: Annotated[
        str | None,
        typer.Option(envvar="XERO_SCOPES", help="granular (default), legacy, or a list with commas."),
    ] = None,
    organisation: Organisation = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, and take the pasted answer on stdin.")
    ] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Listen on http://localhost:PORT.")] = 8377,
    redirect_uri: Annotated[
        str | None,
        typer.Option(envvar="XERO_REDIRECT_URI", help="As registered; http://localhost:PORT/callback."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Authorise with Xero, and connect an organisation."""
    from bizosaas_xero.cli.commands import connect as command

    asked = command.Request(
        kind=kind.value,
        client_id=client_id,
        scopes=scopes,
        organisation=organisation,
        redirect_uri=redirect_uri,
        port=port,
        browser=not no_browser,
        secret_on_stdin=client_secret_stdin,
    )
    return command.connect(common.open_output(as_json=as_json), asked)


@app.command()
@common.ends_well
def organisations(
    *,
    connect: Annotated[str | None, typer.Option(help="Connect this one too: its id or name.")] = None,
    as_json: AsJson = False,
) -> int:
    """List the organisations that your sign-ins reach."""
    from bizosaas_xero.cli.commands import connect as command

    return command.organisations(common.open_output(as_json=as_json), connect)


@app.command()
@common.ends_well
def sync(
    entities: Annotated[
        list[str] | None,
        typer.Argument(metavar="ENTITY", help="Such as invoices; all if none is named."),
    ] = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="Read everything again.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on: read each entity of each organisation when it is due.")
    ] = False,
    organisation: Organisation = None,
    as_json: AsJson = False,
) -> int:
    """Bring the tables up to date."""
    if watch:
        from bizosaas_xero.cli.commands.watch import watch as go_on

        return go_on(common.open_output(as_json=as_json), alone=not (entities or full or organisation))
    from bizosaas_xero.cli.commands import sync as command

    return command.sync(common.open_output(as_json=as_json), entities or [], organisation, full=full)


@app.command()
@common.ends_well
def status(*, as_json: AsJson = False) -> int:
    """Say how the tables stand, and what needs you."""
    from bizosaas_xero.cli.commands import status as command

    return command.status(common.open_output(as_json=as_json))


@app.command()
@common.ends_well
def disconnect(
    *,
    organisation: Organisation = None,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="End all that you connected with this app, not just this one.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> int:
    """End the access to an organisation. What was read stays."""
    from bizosaas_xero.cli.commands import connect as command

    return command.disconnect(common.open_output(as_json=as_json), organisation, revoke=revoke, sure=yes)


@app.command()
@common.ends_well
def sandbox(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8378,
    invoices: Invoices = 500,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> int:
    """Run a local imitation of Xero."""
    from bizosaas_xero.cli.commands import demo as command

    return command.sandbox(common.open_output(as_json=as_json), invoices, seed, port)


from bizosaas_xero.cli.commands import actions_group, admin_group, contract_group, mcp_group  # noqa: E402, F401 (register their commands)
