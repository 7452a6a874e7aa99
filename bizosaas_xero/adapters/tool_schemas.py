"""Actions as the tools that agent frameworks take.

The parameters' JSON Schema goes through as it is. None is marked ``strict``: strict tools of both vendors
need every property to be required and no free-form object, and our parameters have defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from bizosaas_xero.spec import Action


def openai(actions: Iterable[Action]) -> list[dict[str, Any]]:
    """Return ``tools`` for OpenAI's Chat Completions."""
    return [
        {"type": "function", "function": _function(action) | {"parameters": _schema(action), "strict": False}}
        for action in actions
    ]


def openai_responses(actions: Iterable[Action]) -> list[dict[str, Any]]:
    """Return ``tools`` for OpenAI's Responses."""
    return [
        {"type": "function"} | _function(action) | {"parameters": _schema(action), "strict": False}
        for action in actions
    ]


def anthropic(actions: Iterable[Action]) -> list[dict[str, Any]]:
    """Return ``tools`` for Anthropic's Messages."""
    return [_function(action) | {"input_schema": _schema(action)} for action in actions]


def json_schema(actions: Iterable[Action]) -> dict[str, Any]:
    """Return the parameters' JSON Schema of each action by its name."""
    return {action.name: _schema(action) | {"description": action.description} for action in actions}


FORMATS: dict[str, Callable[[Iterable[Action]], Any]] = {
    "openai": openai,
    "openai-responses": openai_responses,
    "anthropic": anthropic,
    "json-schema": json_schema,
}
"""Each form by its name."""


def _function(action: Action) -> dict[str, Any]:
    return {"name": action.name, "description": action.description}


def _schema(action: Action) -> dict[str, Any]:
    """Return the parameters' schema; both vendors want an object that lists its properties."""
    return {"type": "object", "properties": {}} | action.params
