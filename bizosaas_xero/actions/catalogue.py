"""Which actions there are, and how one is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bizosaas_xero import scopes, tokens
from bizosaas_xero.actions import aged, balance_sheet, ledger_reads, pnl, reconcile
from bizosaas_xero.actions.base import ActionRow
from bizosaas_xero.actions.books import Books
from bizosaas_xero.client import Client
from bizosaas_xero.settings import load
from bizosaas_xero.spec.errors import Invalid, NotFound
from bizosaas_xero.spec.models import Action, ActionResult, Connection, Control, Plan, parse

ACTIONS: dict[str, ActionRow] = {
    row.name: row
    for row in (
        pnl.ACTION,
        *aged.ACTIONS,
        balance_sheet.ACTION,
        reconcile.ACTION,
        *ledger_reads.ACTIONS,
    )
}
"""Every action of this release by its name."""


def listed(connection: Connection | None) -> list[Action]:
    """Return the actions with their schemas, and what the connection's grant lacks for each."""
    granted = _granted(connection) if connection else None
    return [
        Action(
            name=row.name,
            title=row.title,
            description=row.description,
            params=row.params.model_json_schema(),
            result=row.result.model_json_schema(mode="serialization"),
            effect="read",
            scopes=scopes.needed(row.name),
            missing_scopes=scopes.missing(granted, row.name) if granted else [],
        )
        for row in ACTIONS.values()
    ]


def run(
    connection: Connection, action: str, params: Mapping[str, Any] | None, control: Control
) -> ActionResult:
    """Run an action. All of this release only read, so a plan of one has nothing to show.

    Raises:
        NotFound: There is no such action.
        Invalid: Wrong parameters, before any request; or a commit of what writes nothing.
        ConnectorError: Any other that the client makes of Xero's answers.
    """
    row = ACTIONS.get(action) if isinstance(action, str) else None
    if row is None:
        raise NotFound(
            f"There is no action '{action}'.",
            remedy=f"Use one of: {', '.join(ACTIONS)}.",
            reason="unknown_action",
        )
    asked = parse(row.params, params, "params")
    settings = load(connection.settings)
    scopes.require(_granted(connection), row.name)
    books = Books(Client(connection, settings, row.name), settings)
    if control.mode == "commit":
        problem = {"field": "control.mode", "message": "this action only reads: there is nothing to commit"}
        raise Invalid("control.mode is not valid.", problems=[problem])
    if control.mode == "plan":
        name = str(books.organisation.get("Name") or connection.organisation_id)
        empty = Plan(hash="", organisation=name, requests=[], undo="Nothing to undo: it only reads.")
        return ActionResult(action=row.name, status="planned", plan=empty, **_cost(books))
    result = row.run(books, asked)
    return ActionResult(action=row.name, status="done", data=result.model_dump(), **_cost(books))


def _granted(connection: Connection) -> list[str]:
    return connection.scopes or tokens.scopes(connection.access_token.get_secret_value())


def _cost(books: Books) -> dict[str, int]:
    meter = books.client.meter
    return {"calls": meter.calls, "bytes": meter.bytes}
