"""The options of ``mcp``; what it does is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bizosaas_xero.cli import common
from bizosaas_xero.cli.app import app
from bizosaas_xero.cli.options import AsJson


@app.command()
@common.ends_well
def mcp(  # noqa: PLR0913 (options)
    *,
    allow_writes: Annotated[
        bool, typer.Option("--allow-writes", help="Offer actions that write, too; policy and people decide.")
    ] = False,
    organisation: Annotated[
        str | None, typer.Option("--organisation", "-o", help="Only this one: its id or name.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Who sits at the client; on stdio else your user name."),
    ] = None,
    no_elicitation: Annotated[
        bool, typer.Option("--no-elicitation", help="Never ask in the client: people approve by command.")
    ] = False,
    http: Annotated[bool, typer.Option("--http", help="Serve streamable HTTP instead of stdio.")] = False,
    host: Annotated[str, typer.Option(help="With --http: the address to bind.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="With --http; 0 takes a free one.")] = 8379,
    token_file: Annotated[
        Path | None,
        typer.Option(help="With --http: the file that holds the token; else BIZOSAAS_MCP_TOKEN does."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="With --http: a name by which it is reached, with its port."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="With --http: a web page's origin that may call.")
    ] = None,
    same_calls: Annotated[int, typer.Option(min=1, help="How often a minute the same call may be made.")] = 10,
    writes_per_hour: Annotated[
        int, typer.Option(min=0, help="How many writes of agents an organisation gets an hour.")
    ] = 60,
    plans_waiting: Annotated[
        int, typer.Option(min=1, help="How many plans of an organisation may wait for a person.")
    ] = 20,
    as_json: AsJson = False,
) -> int:
    """Serve actions and tables to AI agents over the Model Context Protocol."""
    from bizosaas_xero.cli import mcp_server

    asked = mcp_server.Request(
        allow_writes=allow_writes,
        organisation=organisation,
        name=name,
        ask=not no_elicitation,
        http=http,
        host=host,
        port=port,
        token_file=token_file,
        hosts=tuple(allow_host or ()),
        origins=tuple(allow_origin or ()),
        same_calls=same_calls,
        writes=writes_per_hour,
        waiting=plans_waiting,
    )
    return mcp_server.mcp(common.open_output(as_json=as_json), asked)
