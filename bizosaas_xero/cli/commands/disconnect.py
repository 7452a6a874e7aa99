"""``disconnect``: end the access to an organisation."""

from __future__ import annotations

from typing import Annotated

import typer

from bizosaas_xero.cli.common import (
    confirm,
    connection_summary,
    find_connections,
    handle_errors,
    open_cli_host,
    require_one,
)
from bizosaas_xero.cli.options import AsJson, Organisation, Yes
from bizosaas_xero.cli.output import OK, Output, Styled


@handle_errors
def disconnect(
    *,
    organisation: Organisation = None,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Disconnect every organisation that you connected with this app.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Disconnect an organisation. Synced records are kept."""
    output = Output(as_json=as_json)
    with open_cli_host() as host:
        connection = require_one(find_connections(host, organisation))
        if not yes:
            target = "everything you connected with this app" if revoke else connection.organisation
            question = f"Disconnect {target}? Synced records are kept. [y/N]"
            confirm(output, f"disconnect {target}", question)
        disconnected = host.connections.disconnect(connection.id, revoke=revoke)
        for each in disconnected:
            output.say(Styled(f"Disconnected from {each.organisation}.", "green"))
        output.say(f"The synced records are kept in {host.database.place}.")
        output.write_json({"disconnected": [connection_summary(each) for each in disconnected], "revoked": revoke})
    return OK
