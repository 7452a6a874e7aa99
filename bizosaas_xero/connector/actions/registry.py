"""Which actions there are, and how one is run.

An action is found by itself: every module of this package that defines a class of
:class:`~.definition.ReadAction` or :class:`~.definition.WriteAction` adds it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module
from inspect import isabstract
from typing import Any

from bizosaas_xero.connector import actions, reasons
from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.definition import ReadAction, WriteAction
from bizosaas_xero.connector.actions.writes.plan import Draft, Write
from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.connector.http.client import Client
from bizosaas_xero.connector.settings import load_settings
from bizosaas_xero.spec.errors import Invalid
from bizosaas_xero.spec.models import Action, ActionResult, Connection, Control, Plan, parse
from bizosaas_xero.toolkit import jwt

ActionClass = type[ReadAction[Any]] | type[WriteAction[Any]]


def _discover() -> Iterator[ActionClass]:
    for info in pkgutil.walk_packages(actions.__path__, f"{actions.__name__}."):
        if info.ispkg or info.name == __name__:
            continue
        for value in vars(import_module(info.name)).values():
            is_action = isinstance(value, type) and issubclass(value, ReadAction | WriteAction)
            if is_action and not isabstract(value) and value.__module__ == info.name and hasattr(value, "name"):
                yield value


ACTIONS: dict[str, ActionClass] = {
    action.name: action for action in sorted(_discover(), key=lambda action: (action.position, action.name))
}
"""Every action by its name, in the order in which ``list_actions()`` publishes them."""


def list_all() -> list[Action]:
    """Work out what ``list_actions()`` publishes without a connection."""
    return [
        Action(
            name=action.name,
            title=action.title,
            description=action.description,
            params=action.params_model.model_json_schema(mode="validation"),
            result=action.result_model.model_json_schema(mode="serialization"),
            effect="write" if issubclass(action, WriteAction) else "read",
            destructive=issubclass(action, WriteAction) and action.destructive,
            scopes=scopes.scopes_by_vocabulary(action.permissions),
        )
        for action in ACTIONS.values()
    ]


def run(connection: Connection, name: str, params: Mapping[str, Any] | None, control: Control) -> ActionResult:
    """Run an action, or plan a write, or do exactly what was planned.

    Raises:
        NotFound: The connector has no action of this name.
        Invalid: Wrong parameters or control, before any request; or Xero refused the write.
        Conflict: The plan is not what would be done now.
        ConnectorError: Any other error that the client makes of Xero's answers.
    """
    action = ACTIONS.get(name) if isinstance(name, str) else None
    if action is None:
        raise reasons.UNKNOWN_ACTION(name=name, names=", ".join(ACTIONS))
    checked_params = parse(action.params_model, params, "params")
    settings = load_settings(connection.settings)
    scopes.require_scopes(jwt.granted_scopes(connection), action.name)
    books = Books(Client(connection, settings, action.name), settings)
    with books.client.counter.attach_cost():
        if issubclass(action, WriteAction):
            write = Write.from_control(connection.organisation_id, action.name, control)
            return _write(action(books, checked_params, write), control)
        return _read(action(books, checked_params), control)


def _read(action: ReadAction[Any], control: Control) -> ActionResult:
    books = action.books
    if control.mode == "commit":
        complaint = "this action only reads: there is nothing to commit"
        raise Invalid.field("control.mode", complaint, summary="{path} is not valid.")
    if control.mode == "plan":
        empty = Plan(hash="", organisation=_name(books), requests=[], undo="Nothing to undo: it only reads.")
        return ActionResult(action=action.name, status="planned", plan=empty, **_cost(books))
    data = action.run().model_dump()
    return ActionResult(action=action.name, status="done", data=data, warnings=list(books.notes), **_cost(books))


def _write(action: WriteAction[Any], control: Control) -> ActionResult:
    books, write = action.books, action.write
    if control.mode == "plan":
        planned = _to_plan(action, action.plan())
        return ActionResult(
            action=action.name, status="planned", plan=planned, warnings=planned.warnings, **_cost(books)
        )
    ready: Draft | Row | None = action.find_existing()
    draft: Draft | None = None
    if ready is None:
        ready = draft = action.plan()
        if control.mode == "commit" and draft.hash(write) != control.plan_hash:
            # What changed the world may be this very write, done by another worker in the meantime.
            books.clear_cache()
            ready = action.find_existing()
        if ready is None:
            raise reasons.STALE_PLAN()
    done = action.commit(ready)
    plan: Plan | None = None
    if control.mode == "run" and draft is not None and ready is draft and not done.repeated:
        # the caller of a commit has seen the plan
        done.warnings += [text for text in draft.warnings if text not in done.warnings]
        plan = _to_plan(action, draft)
    done.warnings += [text for text in books.notes if text not in done.warnings]
    return ActionResult(
        action=action.name,
        status="partial" if done.partial else "done",
        data=action.to_result(done).model_dump(),
        plan=plan,
        warnings=done.warnings,
        **_cost(books),
    )


def _to_plan(action: WriteAction[Any], draft: Draft) -> Plan:
    """Return the plan of a draft; its hash does not cover how the books were read."""
    books = action.books
    plan = draft.to_plan(action.write, _name(books), books.base_currency)
    return plan.model_copy(update={"warnings": [*plan.warnings, *books.notes]})


def _name(books: Books) -> str:
    return str(books.organisation.get("Name") or "this organisation")


def _cost(books: Books) -> dict[str, Any]:
    return books.client.counter.cost()
