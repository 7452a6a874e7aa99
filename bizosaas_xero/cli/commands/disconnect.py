"""``disconnect``: end the access to an organisation, and delete its records if wanted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bizosaas_xero.cli.commands.export import FileFormat, export_to, find_stored_organisation
from bizosaas_xero.cli.common import (
    CONNECTOR,
    confirm,
    connection_summary,
    find_connections,
    handle_errors,
    invalid_option,
    open_cli_host,
    require_one,
)
from bizosaas_xero.cli.options import AsJson, Organisation, Yes
from bizosaas_xero.cli.output import OK, Output, Styled

if TYPE_CHECKING:
    from bizosaas_xero.host import Host, StoredConnection


@handle_errors
def disconnect(
    *,
    organisation: Organisation = None,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Disconnect every organisation that you connected with this app.")
    ] = False,
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Also delete its stored records. Export them first.")
    ] = False,
    export: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="With --delete-data: export the records to here first.")
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Disconnect an organisation. Synced records are kept, unless you delete them."""
    if export is not None and (not delete_data or revoke):
        raise invalid_option("export", "goes with --delete-data, and without --revoke")
    output = Output(as_json=as_json)
    with open_cli_host() as host:
        connection, organisation_id = _find(host, organisation, delete_data=delete_data)
        if not yes:
            _confirm(output, connection, organisation_id, revoke=revoke, lost=delete_data and export is None)
        result: dict[str, Any] = {}
        if export is not None:
            result["rows"] = export_to(output, host, organisation_id, export, FileFormat.JSONL)
        disconnected = host.connections.disconnect(connection.id, revoke=revoke) if connection else []
        for each in disconnected:
            output.say(Styled(f"Disconnected from {each.organisation}.", "green"))
        if delete_data:
            result["deleted"] = _delete(host, {organisation_id, *(each.organisation_id for each in disconnected)})
            output.say(f"Deleted {result['deleted']:,} records. The audit log and what was written are kept.")
        else:
            output.say(f"The synced records are kept in {host.database.place}.")
        summaries = [connection_summary(each) for each in disconnected]
        output.write_json({"disconnected": summaries, "revoked": revoke} | result)
    return OK


def _find(host: Host, organisation: str | None, *, delete_data: bool) -> tuple[StoredConnection | None, str]:
    """Return the connection, and the organisation's id; of one that was disconnected before only its id."""
    if delete_data:
        organisation_id = find_stored_organisation(host, organisation)
        found = [each for each in host.store.connections() if each.organisation_id == organisation_id]
        return (found[0] if found else None), organisation_id
    connection = require_one(find_connections(host, organisation))
    return connection, connection.organisation_id


def _delete(host: Host, organisation_ids: set[str]) -> int:
    """Delete what is stored of organisations; a sync that another process still runs ends first."""
    from bizosaas_xero.host.storage.leases import LEASE_WAIT_SECONDS
    from bizosaas_xero.host.support.leaving import delete_records

    deleted = 0
    for organisation_id in organisation_ids:
        with host.leases.hold(f"sync:{CONNECTOR}:{organisation_id}", organisation_id, LEASE_WAIT_SECONDS):
            deleted += delete_records(host.database, host.report.connector(CONNECTOR), organisation_id)
    return deleted


def _confirm(
    output: Output, connection: StoredConnection | None, organisation_id: str, *, revoke: bool, lost: bool
) -> None:
    target = connection.organisation if connection else organisation_id
    target = "everything you connected with this app" if revoke else target
    what = f"disconnect {target}" + (" and delete its records, which are not exported" if lost else "")
    question = f"Disconnect {target}? Synced records are kept. [y/N]"
    if lost:
        question = f"Disconnect {target}, and delete its records? They are not exported (--export FOLDER). [y/N]"
    confirm(output, what, question)
