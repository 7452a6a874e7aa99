"""Which actions there are, and how one is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bizosaas_xero.connector.actions import lookups
from bizosaas_xero.connector.actions.bank import reconcile_bank_feeds
from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.contacts import create_contact, find_contacts
from bizosaas_xero.connector.actions.definition import ReadAction, WriteAction
from bizosaas_xero.connector.actions.invoices import (
    create_credit_note,
    create_invoice,
    email_invoice,
    find_invoices,
    void_invoice,
)
from bizosaas_xero.connector.actions.models import Params
from bizosaas_xero.connector.actions.payments import delete_payment, mark_invoice_paid
from bizosaas_xero.connector.actions.reports import (
    generate_pnl_report,
    get_aged,
    get_balance_sheet,
    verify_figures,
)
from bizosaas_xero.connector.actions.writes.plan import Draft, Write
from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.connector.http.client import Client
from bizosaas_xero.connector.settings import load_settings
from bizosaas_xero.spec.errors import Conflict, Invalid, NotFound
from bizosaas_xero.spec.models import Action, ActionResult, Connection, Control, Plan, parse
from bizosaas_xero.toolkit import jwt

ACTIONS: dict[str, ReadAction | WriteAction] = {
    row.name: row
    for row in (
        create_invoice.ACTION,
        mark_invoice_paid.ACTION,
        delete_payment.ACTION,
        email_invoice.ACTION,
        void_invoice.ACTION,
        create_credit_note.ACTION,
        create_contact.ACTION,
        generate_pnl_report.ACTION,
        *get_aged.ACTIONS,
        get_balance_sheet.ACTION,
        reconcile_bank_feeds.ACTION,
        *lookups.ACTIONS,
        find_contacts.ACTION,
        *find_invoices.ACTIONS,
        verify_figures.ACTION,
    )
}
"""Every action of this release by its name."""


def list_all() -> list[Action]:
    """Work out what ``list_actions()`` publishes without a connection."""
    return [
        Action(
            name=row.name,
            title=row.title,
            description=row.description,
            params=row.params.model_json_schema(mode="validation"),
            result=row.result.model_json_schema(mode="serialization"),
            effect="write" if isinstance(row, WriteAction) else "read",
            destructive=isinstance(row, WriteAction) and row.destructive,
            scopes=scopes.required_scopes(row.name),
        )
        for row in ACTIONS.values()
    ]


def run(connection: Connection, action: str, params: Mapping[str, Any] | None, control: Control) -> ActionResult:
    """Run an action, or plan a write, or do exactly what was planned.

    Raises:
        NotFound: There is no such action.
        Invalid: Wrong parameters or control, before any request; or Xero refused the write.
        Conflict: The plan is not what would be done now.
        ConnectorError: Any other that the client makes of Xero's answers.
    """
    row = ACTIONS.get(action) if isinstance(action, str) else None
    if row is None:
        raise NotFound(
            f"There is no action '{action}'.",
            remedy=f"Use one of: {', '.join(ACTIONS)}.",
            reason="unknown_action",
        )
    parsed_params = parse(row.params, params, "params")
    settings = load_settings(connection.settings)
    scopes.require_scopes(jwt.granted_scopes(connection), row.name)
    books = Books(Client(connection, settings, row.name), settings)
    with books.client.counter.attach_cost():
        if isinstance(row, WriteAction):
            write = Write.from_control(connection.organisation_id, row.name, control)
            return _write(books, row, parsed_params, control, write)
        return _read(books, row, parsed_params, control)


def _read(books: Books, row: ReadAction, parsed_params: Params, control: Control) -> ActionResult:
    if control.mode == "commit":
        problem = {"field": "control.mode", "message": "this action only reads: there is nothing to commit"}
        raise Invalid("control.mode is not valid.", problems=[problem])
    if control.mode == "plan":
        empty = Plan(hash="", organisation=_name(books), requests=[], undo="Nothing to undo: it only reads.")
        return ActionResult(action=row.name, status="planned", plan=empty, **_cost(books))
    result = row.run(books, parsed_params)
    return ActionResult(action=row.name, status="done", data=result.model_dump(), **_cost(books))


def _write(books: Books, row: WriteAction, parsed_params: Params, control: Control, write: Write) -> ActionResult:
    if control.mode == "plan":
        draft = row.plan(books, parsed_params, write)
        plan = draft.plan(write, _name(books), books.base_currency)
        return ActionResult(action=row.name, status="planned", plan=plan, warnings=plan.warnings, **_cost(books))
    ready: Draft | Row | None = row.find_existing(books, parsed_params, write)
    if ready is None:
        ready = draft = row.plan(books, parsed_params, write)
        if control.mode == "commit" and draft.hash(write) != control.plan_hash:
            # What changed the world may be this very write, done by another worker meanwhile.
            books.clear_cache()
            ready = row.find_existing(books, parsed_params, write)
        if ready is None:
            raise Conflict(
                "What this would do now is not what was planned.",
                remedy="Plan again with the same parameters and business key, and look at what is different.",
                reason="stale_plan",
            )
    done = row.commit(books, parsed_params, write, ready)
    result = row.to_result(books, parsed_params, done)
    return ActionResult(
        action=row.name,
        status="partial" if done.partial else "done",
        data=result.model_dump(),
        warnings=done.warnings,
        **_cost(books),
    )


def _name(books: Books) -> str:
    return str(books.organisation.get("Name") or "this organisation")


def _cost(books: Books) -> dict[str, int]:
    meter = books.client.counter
    return {"calls": meter.calls, "bytes": meter.bytes}
