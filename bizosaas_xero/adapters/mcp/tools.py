"""Actions as MCP tools: their schemas, with the host's arguments added, and their annotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_types import Tool, ToolAnnotations

from bizosaas_xero.adapters.mcp import reasons
from bizosaas_xero.host import StoredConnection
from bizosaas_xero.host.text import make_visible
from bizosaas_xero.spec import Action

COMMIT = "commit_plan"
ORGANISATIONS = "list_organisations"

HOST_ARGUMENTS = ("organisation", "business_key", "plan_only")
"""Arguments of a tool that belong to the host, not to the action."""

STATUSES = ["done", "partial", "planned", "needs_approval"]

_TEXT: dict[str, Any] = {"type": "string"}
_OR_NULL: dict[str, Any] = {"type": ["string", "null"]}

_PLAN: dict[str, Any] = {
    "description": "What would be written. Show the person its summary, effect and warnings.",
    "type": ["object", "null"],
    "properties": {
        "hash": _TEXT | {"description": "Identifies the plan for `commit_plan`; it approves nothing."},
        "organisation": _TEXT,
        "summary": _TEXT | {"description": "Markdown."},
        "effect": {"type": "array", "items": {"type": "object"}, "description": "On the ledger."},
        "warnings": {"type": "array", "items": _TEXT},
        "acts": {"type": ["array", "null"], "items": _TEXT},
        "amount": _OR_NULL | {"description": "In base currency; null: not known in advance."},
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
    "calls": {"type": "integer", "description": "Requests that were sent to Xero."},
}

_WRITE_FIELDS: dict[str, Any] = {
    "plan": _PLAN,
    "needs_approval": {"type": "boolean"},
    "why": _OR_NULL | {"description": "The policy's reason."},
    "repeated": {"type": "boolean", "description": "An earlier call did it; nothing was written now."},
    "next": _OR_NULL | {"description": "What to do next."},
}


def list_tools(
    actions: Sequence[Action], connections: Sequence[StoredConnection], *, allow_writes: bool, chosen: bool
) -> list[Tool]:
    """Return every tool that is offered.

    Args:
        actions: The connector's actions.
        connections: The connections that are served.
        allow_writes: Whether actions that write are offered.
        chosen: Whether the organisation was chosen when the server was started.

    Raises:
        Misconfigured: an action has a parameter with the name of a host argument.
    """
    properties = {} if chosen else {"organisation": _organisation_schema(connections)}
    required = ["organisation"] if len(connections) > 1 and not chosen else []
    tools = [_organisations_tool()]
    tools += [
        _action_tool(action, properties, required) for action in actions if allow_writes or action.effect == "read"
    ]
    return [*tools, _commit_tool(properties, required)] if allow_writes else tools


def _organisation_schema(connections: Sequence[StoredConnection]) -> dict[str, Any]:
    names = "; ".join(f"{make_visible(each.organisation)} = {each.organisation_id}" for each in connections)
    several = len(connections) > 1
    hint = "Required: several are connected. Ask the person if it is not clear which." if several else ""
    return _TEXT | {"description": f"The organisation: id or name. {hint} Connected: {names or 'none'}."}


def _action_tool(action: Action, host_properties: Mapping[str, Any], host_required: Sequence[str]) -> Tool:
    writes = action.effect == "write"
    more = dict(host_properties)
    if writes:
        more["business_key"] = _TEXT | {
            "minLength": 1,
            "maxLength": 200,
            "description": "Identifies the intent, such as a deal's number. The same key is written once, ever: "
            "pass the same key when you retry, another key for another intent.",
        }
        more["plan_only"] = {
            "type": "boolean",
            "default": False,
            "description": "Only plan, even if the policy would allow the write at once.",
        }
    schema = action.params
    properties = schema.get("properties", {})
    taken = [name for name in HOST_ARGUMENTS if name in properties]
    if taken:
        raise reasons.TOOL_NAME_TAKEN(action=action.name, parameter=taken[0])
    required = [*schema.get("required", ()), *host_required, *(["business_key"] if writes else [])]
    return Tool(
        name=action.name,
        title=action.title,
        description=f"{action.description} {_WRITE_NOTE}" if writes else action.description,
        input_schema={**schema, "type": "object", "properties": properties | more, "required": required},
        output_schema=_output_schema(action.result, _WRITE_FIELDS if writes else {}),
        annotations=ToolAnnotations(
            read_only_hint=not writes,
            destructive_hint=action.destructive,
            idempotent_hint=True,  # a read changes nothing; a write is done once under its business key
            open_world_hint=True,
        ),
    )


_WRITE_NOTE = (
    "This tool plans first. If the policy allows it, it writes at once; else the status is "
    f"`needs_approval` with a plan: show it to the person, then call `{COMMIT}`."
)


def _output_schema(result: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a tool's result: the action's own result as `data`, its definitions at the root."""
    data = {key: value for key, value in result.items() if key != "$defs"}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {**_ENVELOPE, "data": {"anyOf": [data, {"type": "null"}]} if more else data, **more},
        "required": [*_ENVELOPE, "data", *more],
        "additionalProperties": False,
    }
    return schema | ({"$defs": result["$defs"]} if "$defs" in result else {})


def _commit_tool(host_properties: Mapping[str, Any], host_required: Sequence[str]) -> Tool:
    plan = _TEXT | {"minLength": 8, "description": "The plan's `hash`; its first 8 characters are enough."}
    return Tool(
        name=COMMIT,
        title="Commit Plan",
        description="Carry out a plan exactly, once a person has approved it. If it is not approved yet, the person "
        "is asked in this client if it can ask; else the result names the command for the person to run. You "
        "cannot approve a plan yourself.",
        input_schema={
            "type": "object",
            "properties": {"plan": plan, **host_properties},
            "required": ["plan", *host_required],
            "additionalProperties": False,
        },
        output_schema=_output_schema({"type": "object"}, _WRITE_FIELDS),
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True
        ),
    )


def _organisations_tool() -> Tool:
    organisation = {
        "type": "object",
        "properties": {"organisation": _TEXT, "organisation_id": _TEXT, "currency": _OR_NULL, "state": _TEXT},
        "required": ["organisation", "organisation_id", "currency", "state"],
        "additionalProperties": False,
    }
    return Tool(
        name=ORGANISATIONS,
        title="List Organisations",
        description="The connected organisations, with the ids that other tools take. Sends no request.",
        input_schema={"type": "object", "properties": {}, "additionalProperties": False},
        output_schema={
            "type": "object",
            "properties": {"organisations": {"type": "array", "items": organisation}},
            "required": ["organisations"],
            "additionalProperties": False,
        },
        annotations=ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        ),
    )
