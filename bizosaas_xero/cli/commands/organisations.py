"""``organisations``: what the stored sign-ins reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bizosaas_xero.cli.common import CONNECTOR, find_connections, handle_errors, open_cli_host
from bizosaas_xero.cli.options import AsJson
from bizosaas_xero.cli.output import CONNECT_COMMAND, OK, Output, Styled

if TYPE_CHECKING:
    from bizosaas_xero.host import Host, Offer
    from bizosaas_xero.spec import ConnectorError


@handle_errors
def organisations(
    *,
    connect: Annotated[
        str | None, typer.Option(metavar="ORGANISATION", help="Also connect this one: its id or name.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """List the organisations that your sign-ins reach."""
    from bizosaas_xero.cli.choose_organisation import connect_organisation, organisation_fields

    output = Output(as_json=as_json)
    with open_cli_host() as host:
        offers, problems = _read_offers(host)
        for problem in problems:
            output.prompt(
                f"Note: the organisations of one sign-in could not be read. {problem.message} {problem.remedy}"
            )
        if connect is not None:
            offer = next((each for each in offers if _reaches(each, connect)), offers[0])
            connection = connect_organisation(output, host, offer, connect)
            output.say(Styled(f"Connected to {connection.organisation}.", "green"))
        connected = {connection.organisation_id for connection in host.store.connections()}
        offered = {each.id: each for offer in offers for each in offer.organisations}
        rows = [(each.name, each.id, "yes" if each.id in connected else "") for each in offered.values()]
        if rows:
            output.table(("Organisation", "Id", "Connected"), rows)
        else:
            output.say("Your sign-ins no longer reach an organisation. Connect again with:")
            output.command(CONNECT_COMMAND)
        output.write_json(
            {
                "organisations": [
                    organisation_fields(each) | {"connected": each.id in connected} for each in offered.values()
                ],
                "problems": [problem.to_dict() for problem in problems],
            }
        )
    return OK


def _read_offers(host: Host) -> tuple[list[Offer], list[ConnectorError]]:
    """Ask each stored sign-in; one that fails does not hide the others."""
    from bizosaas_xero.spec import ConnectorError

    identities = host.store.identities(CONNECTOR)
    if not identities:
        find_connections(host)  # raises: nothing is connected
    offers: list[Offer] = []
    problems: list[ConnectorError] = []
    for identity in identities:
        try:
            offers.append(host.connections.list_organisations(CONNECTOR, identity))
        except ConnectorError as error:
            problems.append(error)
    if not offers:
        raise problems[0]
    return offers, problems


def _reaches(offer: Offer, wanted: str) -> bool:
    return any(wanted in {each.id, each.name} for each in offer.organisations)
