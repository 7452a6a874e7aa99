"""Actions as tools, in the formats of agent frameworks.

The parameters' JSON Schema is passed on unchanged. No tool is marked ``strict``: strict tools of both providers
require every property and allow no free-form object, and our parameters have defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from bizosaas_xero.spec import Action


def to_openai(actions: Iterable[Action]) -> list[dict[str, Any]]:
    """Return ``tools`` for OpenAI's Chat Completions."""
    return [
        {"type": "function", "function": _function(action) | {"parameters": _schema(action), "strict": False}}
        for action in actions
    ]


def to_openai_responses(actions: Iterable[Action]) -> list[dict[str, Any]]:
    """Return ``tools`` for OpenAI's Responses."""
    return [
        {"type": "function"} | _function(action) | {"parameters": _schema(action), "strict": False}
        for action in actions
    ]


def to_anthropic(actions: Iterable[Action]) -> list[dict[str, Any]]:
    """Return ``tools`` for Anthropic's Messages."""
    return [_function(action) | {"input_schema": _schema(action)} for action in actions]


def to_json_schema(actions: Iterable[Action]) -> dict[str, Any]:
    """Return a map of each action's name to the JSON Schema of its parameters."""
    return {action.name: _schema(action) | {"description": action.description} for action in actions}


FORMATS: dict[str, Callable[[Iterable[Action]], Any]] = {
    "openai": to_openai,
    "openai-responses": to_openai_responses,
    "anthropic": to_anthropic,
    "json-schema": to_json_schema,
}
"""Each format by its name."""


def _function(action: Action) -> dict[str, Any]:
    return {"name": action.name, "description": action.description}


def _schema(action: Action) -> dict[str, Any]:
    """Return the parameters' schema; both providers want an object that lists its properties."""
    return {"type": "object", "properties": {}} | action.params
