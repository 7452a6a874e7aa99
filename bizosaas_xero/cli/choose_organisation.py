"""Choosing an organisation among those that a sign-in reaches (``connect`` and ``organisations``)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast

from bizosaas_xero.cli import reasons
from bizosaas_xero.cli.output import Output
from bizosaas_xero.spec import Invalid, Organisation

if TYPE_CHECKING:
    from bizosaas_xero.host import Host, Offer, StoredConnection


def connect_organisation(output: Output, host: Host, offer: Offer, wanted: str | None) -> StoredConnection:
    """Connect an organisation of an offer; ask the person if there are several.

    Args:
        output: Where the question is printed.
        host: The embedded host.
        offer: What the sign-in reaches.
        wanted: The organisation's id or name, if the person gave one.

    Raises:
        Invalid: no organisation was chosen, or the name fits several.
    """
    if wanted is None and len(offer.organisations) > 1 and sys.stdin.isatty() and not output.as_json:
        wanted = _ask_for_number(output, offer)
    try:
        return host.connections.choose(offer, _id_of(offer, wanted))
    except Invalid as error:
        raise Invalid(
            error.message,
            remedy=f"{error.remedy} Connect it with: bizosaas-xero organisations --connect ID.",
            reason=error.reason,
            problems=error.problems,
        ) from None


def _ask_for_number(output: Output, offer: Offer) -> str:
    output.say("This sign-in reaches several organisations:")
    rows = [(number, each.name, each.country or "") for number, each in enumerate(offer.organisations, 1)]
    output.table(("", "Organisation", "Country"), rows)
    output.prompt("Number of the one to connect:")
    number = sys.stdin.readline().strip()
    if number.isdecimal() and 0 < int(number) <= len(offer.organisations):
        return offer.organisations[int(number) - 1].id
    raise reasons.NO_SUCH_NUMBER(number=number)


def _id_of(offer: Offer, wanted: str | None) -> str | None:
    """Accept an organisation's name if only one organisation has that name."""
    ids = [each.id for each in offer.organisations if each.name == wanted]
    return ids[0] if len(ids) == 1 else wanted


def organisation_fields(organisation: Organisation) -> dict[str, object]:
    """Return an organisation as JSON values."""
    return cast("dict[str, object]", organisation.model_dump(mode="json"))
