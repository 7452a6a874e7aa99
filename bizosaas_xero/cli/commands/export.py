"""``export``: write an organisation's records to files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bizosaas_xero.cli.common import CONNECTOR, find_connections, handle_errors, open_cli_host, require_one
from bizosaas_xero.cli.options import AsJson, Organisation
from bizosaas_xero.cli.output import OK, Output

if TYPE_CHECKING:
    from bizosaas_xero.host import Host


class FileFormat(StrEnum):
    """The files of an export."""

    JSONL = "jsonl"
    CSV = "csv"


@handle_errors
def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new or empty folder.")],
    *,
    file_format: Annotated[
        FileFormat, typer.Option("--format", help="jsonl: records exactly as stored; csv: their main columns.")
    ] = FileFormat.JSONL,
    organisation: Organisation = None,
    as_json: AsJson = False,
) -> int:
    """Export an organisation's records to files."""
    output = Output(as_json=as_json)
    with open_cli_host() as host:
        organisation_id = find_stored_organisation(host, organisation)
        rows = export_to(output, host, organisation_id, folder, file_format)
        output.write_json({"export": str(folder), "organisation_id": organisation_id, "rows": rows})
    return OK


def export_to(
    output: Output, host: Host, organisation_id: str, folder: Path, file_format: FileFormat
) -> dict[str, int]:
    """Export an organisation, and print how many records each file has."""
    from bizosaas_xero.host.support.leaving import export_records

    connector = host.report.connector(CONNECTOR)
    rows = export_records(host.database, connector, organisation_id, folder, file_format.value)
    output.table(("Entity", "Records"), [(name, f"{count:,}") for name, count in rows.items()], ("Records",))
    output.say(f"Exported to {folder}.", style="green")
    return rows


def find_stored_organisation(host: Host, organisation: str | None) -> str:
    """Return the id of a connected organisation, or of a disconnected one whose records are stored.

    Raises:
        ReconnectRequired: No organisation is connected.
        NotFound: This organisation is not connected and has no records.
    """
    from bizosaas_xero.host.support.leaving import count_records
    from bizosaas_xero.spec import NotFound, ReconnectRequired

    try:
        return require_one(find_connections(host, organisation)).organisation_id
    except (NotFound, ReconnectRequired):
        connector = host.report.connector(CONNECTOR)
        if organisation and count_records(host.database, connector, organisation):
            return organisation
        raise
