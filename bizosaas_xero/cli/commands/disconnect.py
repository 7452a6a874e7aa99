"""``disconnect``: end the access to an organisation."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bizosaas_xero.cli.common import (
    connection_summary,
    find_connections,
    handle_errors,
    open_cli_host,
    require_one,
)
from bizosaas_xero.cli.options import AsJson, Organisation
from bizosaas_xero.cli.output import OK, Output, Styled

if TYPE_CHECKING:
    from bizosaas_xero.host import StoredConnection


@handle_errors
def disconnect(
    *,
    organisation: Organisation = None,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Disconnect every organisation that you connected with this app.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    as_json: AsJson = False,
) -> int:
    """Disconnect an organisation. Synced records are kept."""
    output = Output(as_json=as_json)
    with open_cli_host() as host:
        connection = require_one(find_connections(host, organisation))
        if not yes:
            _confirm(output, connection, revoke=revoke)
        disconnected = host.connections.disconnect(connection.id, revoke=revoke)
        for each in disconnected:
            output.say(Styled(f"Disconnected from {each.organisation}.", "green"))
        output.say(f"The synced records are kept in {host.database.place}.")
        output.write_json({"disconnected": [connection_summary(each) for each in disconnected], "revoked": revoke})
    return OK


def _confirm(output: Output, connection: StoredConnection, *, revoke: bool) -> None:
    """Ask the person; any answer but yes ends the command as Ctrl-C does."""
    from bizosaas_xero.cli import reasons

    target = "everything you connected with this app" if revoke else connection.organisation
    if not sys.stdin.isatty() or output.as_json:
        raise reasons.NOT_CONFIRMED(target=target)
    output.prompt(f"Disconnect {target}? Synced records are kept. [y/N]")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise KeyboardInterrupt
