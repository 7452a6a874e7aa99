"""``mcp``: serve agents over the Model Context Protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bizosaas_xero.cli.common import handle_errors
from bizosaas_xero.cli.options import AsJson
from bizosaas_xero.cli.output import Output


@handle_errors
def mcp(  # noqa: PLR0913 (options)
    *,
    allow_writes: Annotated[
        bool, typer.Option("--allow-writes", help="Also offer actions that write; policy and people decide.")
    ] = False,
    organisation: Annotated[
        str | None, typer.Option("--organisation", "-o", help="Serve only this one: its id or name.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="The person at the client; on stdio, default: your user name."),
    ] = None,
    no_elicitation: Annotated[
        bool, typer.Option("--no-elicitation", help="Never ask in the client: people approve by command.")
    ] = False,
    http: Annotated[bool, typer.Option("--http", help="Serve streamable HTTP instead of stdio.")] = False,
    host: Annotated[str, typer.Option(help="With --http: the address to bind.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="With --http; 0 takes a free one.")] = 8379,
    token_file: Annotated[
        Path | None,
        typer.Option(help="With --http: the file with the token; default: BIZOSAAS_MCP_TOKEN."),
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="With --http: its address for clients; people sign in with your issuer."),
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS", help="With --public-url: the proxy that encrypts, by its IP address or network."
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="With --http: a host name, with port, that clients use."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="With --http: a web page's origin that may call.")
    ] = None,
    same_calls: Annotated[int, typer.Option(min=1, help="Limit of identical calls a minute.")] = 10,
    writes_per_hour: Annotated[
        int, typer.Option(min=0, help="Limit of writes by agents an hour, per organisation.")
    ] = 60,
    plans_waiting: Annotated[
        int, typer.Option(min=1, help="Limit of plans that wait for approval, per organisation.")
    ] = 20,
    as_json: AsJson = False,
) -> int:
    """Serve actions and synced tables to AI agents over the Model Context Protocol."""
    from bizosaas_xero.cli.mcp_http import HttpOptions
    from bizosaas_xero.cli.mcp_server import Limits, ServerOptions, serve

    options = ServerOptions(
        allow_writes=allow_writes,
        organisation=organisation,
        user_name=name,
        elicitation=not no_elicitation,
        limits=Limits(same_calls, writes_per_hour, plans_waiting),
    )
    allowed = (tuple(allow_host or ()), tuple(allow_origin or ()))
    http_options = HttpOptions(host, port, token_file, *allowed, public_url, tuple(trusted_proxy or ()))
    return serve(Output(as_json=as_json), options, http_options if http else None)
