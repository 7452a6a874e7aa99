"""The description of the JSON API (OpenAPI 3.1); its routes are made of the same list."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from bizosaas_xero import __version__

ROOT = "/api/v1"
PATH = f"{ROOT}/openapi.json"
"""Where the description is."""

_TEXT: dict[str, Any] = {"type": "string"}
_LIMIT: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 500, "default": 100}


@dataclass(frozen=True)
class Endpoint:
    """One way to call the API.

    Args:
        method: Of HTTP.
        path: With its parameters.
        name: Of the function that answers.
        summary: What it does.
        answer: The names that the answer has at least, with their JSON types.
        query: Parameters by name.
        form: Fields of the form, without the token.
        role: Which role it needs.
        status: Of the answer.
    """

    method: Literal["GET", "POST"]
    path: str
    name: str
    summary: str
    answer: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    form: dict[str, Any] = field(default_factory=dict)
    role: str = "viewer"
    status: int = 200


_ARRAY, _OBJECT = {"type": "array", "items": {"type": "object"}}, {"type": "object"}
_CONNECTION, _PLAN = f"{ROOT}/connections/{{connection}}", f"{ROOT}/plans/{{connection}}/{{hash}}"
_DECISION = {"decision": _TEXT, "approver": _TEXT, "at": _TEXT, "expires_at": _TEXT}

ENDPOINTS = (
    Endpoint(
        "GET",
        f"{ROOT}/session",
        "session",
        "Who is signed in, and the token that each change repeats.",
        {"name": _TEXT, "role": {"enum": ["viewer", "approver", "owner"]}, "csrf": _TEXT},
    ),
    Endpoint("GET", f"{ROOT}/connections", "connections", "All connections.", {"connections": _ARRAY}),
    Endpoint(
        "GET",
        _CONNECTION,
        "connection_status",
        "How far each entity of a connection is synced, its problem, and the calls of the day.",
        {"id": _TEXT, "organisation": _TEXT, "state": _TEXT, "entities": _ARRAY, "usage": _OBJECT},
    ),
    Endpoint(
        "GET",
        f"{_CONNECTION}/runs",
        "runs",
        "Past syncs, the newest first.",
        {"runs": _ARRAY},
        query={"entity": _TEXT, "limit": _LIMIT},
    ),
    Endpoint(
        "GET",
        f"{_CONNECTION}/rejected/{{entity}}",
        "rejected_records",
        "Records that could not be read, with the reason.",
        {"total": {"type": "integer"}, "rejected": _ARRAY},
    ),
    Endpoint(
        "POST",
        f"{_CONNECTION}/sync",
        "sync",
        "Begin a sync of one entity, or of all.",
        {"entities": {"type": "array", "items": _TEXT}},
        form={"entity": _TEXT},
        role="approver",
        status=202,
    ),
    Endpoint("GET", f"{ROOT}/plans", "plans", "Plans that can still be decided and done.", {"plans": _ARRAY}),
    Endpoint("GET", _PLAN, "plan", "One plan.", {"hash": _TEXT, "policy": _OBJECT}),
    Endpoint(
        "POST", f"{_PLAN}/approve", "approve", "Approve a plan that another asked for.", _DECISION, role="approver"
    ),
    Endpoint("POST", f"{_PLAN}/refuse", "refuse", "Refuse a plan.", _DECISION, form={"reason": _TEXT}, role="approver"),
    Endpoint(
        "GET",
        f"{ROOT}/requesters",
        "requesters",
        "Who asked for what, and who may ask no more.",
        {"requesters": _ARRAY},
    ),
    Endpoint(
        "GET",
        f"{ROOT}/audit",
        "audit",
        "The newest entries of the audit, oldest first.",
        {"head": _TEXT, "entries": _ARRAY},
        query={"limit": _LIMIT},
    ),
)

_ERRORS = {
    "400": "The request is wrong.",
    "401": "No person is signed in.",
    "403": "The role, the token of the form or its origin is not right.",
    "404": "It does not exist.",
    "409": "It is not possible any more, such as a plan whose time is over.",
    "413": "The form is too long.",
    "415": "Another body than a form.",
    "503": "A limit is used up, or the database is away.",
}


def describe(server: str) -> dict[str, Any]:
    """Return the description.

    Args:
        server: Where the API is.
    """
    paths: dict[str, dict[str, Any]] = {}
    for each in ENDPOINTS:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "BizOSaaS integrations",
            "version": __version__,
            "description": "What the pages show and do, for the person who is signed in there with the same cookie.",
        },
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": {
                "Error": {
                    "type": "object",
                    "properties": {
                        "error": {"type": "object", "properties": {"message": _TEXT}, "required": ["message"]}
                    },
                    "required": ["error"],
                }
            },
            "responses": {
                status: {
                    "description": text,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
                }
                for status, text in _ERRORS.items()
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    names = [part[1:-1] for part in endpoint.path.split("/") if part.startswith("{")]
    parameters = [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names]
    parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in endpoint.query.items()]
    answer = {"type": "object", "properties": endpoint.answer, "required": list(endpoint.answer)}
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "description": f"Needs the role {endpoint.role}.",
        "parameters": parameters,
        "responses": {
            str(endpoint.status): {"description": "Done.", "content": {"application/json": {"schema": answer}}},
            **{status: {"$ref": f"#/components/responses/{status}"} for status in _ERRORS},
        },
    }
    if endpoint.method == "POST":
        form = {"type": "object", "properties": endpoint.form | {"csrf": _TEXT}, "required": ["csrf"]}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/x-www-form-urlencoded": {"schema": form}},
        }
    return operation
