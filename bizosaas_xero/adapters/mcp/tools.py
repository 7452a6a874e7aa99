"""Actions as MCP tools: schemas with what the host needs to know added, and annotations that are true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_types import Tool, ToolAnnotations

from bizosaas_xero.host import StoredConnection
from bizosaas_xero.host.actions.plan_markdown import visible
from bizosaas_xero.spec import Action, Misconfigured

COMMIT = "commit_plan"
ORGANISATIONS = "list_organisations"

HOST_ARGUMENTS = ("organisation", "business_key", "plan_only")
"""Arguments of a tool that are the host's and not the action's."""

STATUSES = ["done", "partial", "planned", "needs_approval"]

_TEXT: dict[str, Any] = {"type": "string"}
_OR_NULL: dict[str, Any] = {"type": ["string", "null"]}

_PLAN: dict[str, Any] = {
    "description": "What would be written. Show the person its summary, effect and warnings.",
    "type": ["object", "null"],
    "properties": {
        "hash": _TEXT | {"description": "Names the plan for `commit_plan`; it approves nothing."},
        "organisation": _TEXT,
        "summary": _TEXT | {"description": "Markdown."},
        "effect": {"type": "array", "items": {"type": "object"}, "description": "On the ledger."},
        "warnings": {"type": "array", "items": _TEXT},
        "acts": {"type": "array", "items": _TEXT},
        "amount": _OR_NULL | {"description": "In base currency; null: not known before."},
        "currency": _OR_NULL,
        "undo": _OR_NULL,
        "expires_at": _TEXT,
    },
    "required": ["hash", "organisation", "summary", "effect", "warnings", "acts", "expires_at"],
    "additionalProperties": False,
}

_ENVELOPE: dict[str, Any] = {
    "status": {"enum": STATUSES},
    "organisation": _TEXT,
    "organisation_id": _TEXT,
    "warnings": {"type": "array", "items": _TEXT},
    "calls": {"type": "integer", "description": "Requests that were sent to the other side."},
}

_WRITTEN: dict[str, Any] = {
    "plan": _PLAN,
    "needs_approval": {"type": "boolean"},
    "why": _OR_NULL | {"description": "What the policy says of the plan."},
    "repeated": {"type": "boolean", "description": "An earlier call had done it; nothing was written now."},
    "next": _OR_NULL | {"description": "What is to be done now."},
}


def tools(
    actions: Sequence[Action], kept: Sequence[StoredConnection], *, allow_writes: bool, chosen: bool
) -> list[Tool]:
    """Return every tool that is offered.

    Args:
        actions: The connector's.
        kept: The connections that are served.
        allow_writes: Also those that write.
        chosen: The organisation was chosen when the server was started.

    Raises:
        Misconfigured: An action has a parameter with the name of one of the host's.
    """
    where = {} if chosen else {"organisation": _organisation(kept)}
    needed = ["organisation"] if len(kept) > 1 and not chosen else []
    found = [_organisations()]
    found += [_tool(action, where, needed) for action in actions if allow_writes or action.effect == "read"]
    return [*found, _commit(where, needed)] if allow_writes else found


def _organisation(kept: Sequence[StoredConnection]) -> dict[str, Any]:
    names = "; ".join(f"{visible(each.organisation)} = {each.organisation_id}" for each in kept)
    must = "Needed: several are connected. Ask the person if it is not clear which." if len(kept) > 1 else ""
    return _TEXT | {"description": f"Whose books: id or name. {must} Connected: {names or 'none'}."}


def _tool(action: Action, where: Mapping[str, Any], needed: Sequence[str]) -> Tool:
    writes = action.effect == "write"
    more = dict(where)
    if writes:
        more["business_key"] = _TEXT | {
            "minLength": 1,
            "maxLength": 200,
            "description": "Names the intent, such as a deal's number. The same key is written once, ever: "
            "pass the same one when you try again, another one for another intent.",
        }
        more["plan_only"] = {
            "type": "boolean",
            "default": False,
            "description": "Only plan, even where the policy would let it be written at once.",
        }
    schema = action.params
    properties = schema.get("properties", {})
    taken = [name for name in HOST_ARGUMENTS if name in properties]
    if taken:
        raise Misconfigured(
            f"The action {action.name} has a parameter {taken[0]!r}, which is the host's.",
            remedy="Report it to the connector's author: another name must be found.",
            reason="tool_name_taken",
        )
    required = [*schema.get("required", ()), *needed, *(["business_key"] if writes else [])]
    return Tool(
        name=action.name,
        title=action.title,
        description=f"{action.description} {_WRITES}" if writes else action.description,
        input_schema={**schema, "type": "object", "properties": properties | more, "required": required},
        output_schema=_output(action.result, _WRITTEN if writes else {}),
        annotations=ToolAnnotations(
            read_only_hint=not writes,
            destructive_hint=action.destructive,
            idempotent_hint=True,  # a read changes nothing; a write is done once under its business key
            open_world_hint=True,
        ),
    )


_WRITES = (
    "This tool plans first. If the policy lets it, it is written at once; else the answer is "
    f"`needs_approval` with a plan: show it to the person, then call `{COMMIT}`."
)


def _output(result: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an answer: the action's own result as `data`, its definitions at the root."""
    data = {key: value for key, value in result.items() if key != "$defs"}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {**_ENVELOPE, "data": {"anyOf": [data, {"type": "null"}]} if more else data, **more},
        "required": [*_ENVELOPE, "data", *more],
        "additionalProperties": False,
    }
    return schema | ({"$defs": result["$defs"]} if "$defs" in result else {})


def _commit(where: Mapping[str, Any], needed: Sequence[str]) -> Tool:
    plan = _TEXT | {"minLength": 8, "description": "The plan's `hash`; its first 8 characters are enough."}
    return Tool(
        name=COMMIT,
        title="Do a plan",
        description="Do exactly what a plan says, once a person has approved it. If nobody has yet, they "
        "are asked in this client where it can ask; else the answer says which command the person runs. You "
        "cannot approve a plan yourself.",
        input_schema={
            "type": "object",
            "properties": {"plan": plan, **where},
            "required": ["plan", *needed],
            "additionalProperties": False,
        },
        output_schema=_output({"type": "object"}, _WRITTEN),
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True
        ),
    )


def _organisations() -> Tool:
    one = {
        "type": "object",
        "properties": {"organisation": _TEXT, "organisation_id": _TEXT, "currency": _OR_NULL, "state": _TEXT},
        "required": ["organisation", "organisation_id", "currency", "state"],
        "additionalProperties": False,
    }
    return Tool(
        name=ORGANISATIONS,
        title="List Organisations",
        description="Whose books can be read here, with the ids that other tools take. Sends no request.",
        input_schema={"type": "object", "properties": {}, "additionalProperties": False},
        output_schema={
            "type": "object",
            "properties": {"organisations": {"type": "array", "items": one}},
            "required": ["organisations"],
            "additionalProperties": False,
        },
        annotations=ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        ),
    )
