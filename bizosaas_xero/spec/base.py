"""What all models share: secrets, bounds of text, and how a hook's argument becomes a model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, SecretStr, ValidationError

from bizosaas_xero.spec.errors import Invalid

Secret = Annotated[
    SecretStr,
    PlainSerializer(lambda secret: secret.get_secret_value(), return_type=str, when_used="json-unless-none"),
]
"""A secret: hidden everywhere except in a JSON dump, without which a stored grant would be dead."""

ScopeList = Annotated[list[str], BeforeValidator(lambda value: value.split() if isinstance(value, str) else value)]
"""Scopes as a list, or as the one space-separated string in which OAuth 2.0 writes them."""


class Model(BaseModel):
    """Base of all models: unknown keys are ignored, and a validation error never prints its input."""

    # Building 25 validators at import would cost more than the rest of the plugin's import.
    # Any minimum length, even 0, makes pydantic refuse lone surrogates, which are not valid Unicode.
    model_config = ConfigDict(hide_input_in_errors=True, defer_build=True, extra="ignore", str_min_length=0)


M = TypeVar("M", bound=BaseModel)


def parse(model: type[M], value: Any, name: str) -> M:
    """Turn a hook's argument into its model.

    Args:
        model: The model of the argument.
        value: The model itself, a mapping with its keys, or ``None`` for defaults.
        name: The argument's name; it leads every field path of a complaint.

    Raises:
        Invalid: naming each wrong field; the rejected value itself is never shown.
    """
    if isinstance(value, model):
        return value
    if isinstance(value, BaseModel):  # another package's model, with the same keys
        value = value.model_dump()
    if value is not None and not isinstance(value, Mapping):
        raise Invalid.field(name, f"must be a mapping, not {type(value).__name__}")
    try:
        return model.model_validate(dict(value or {}))
    except ValidationError as error:
        raise Invalid(
            f"{name} is not valid: {_summary(error)}.",
            problems=[
                {"field": ".".join((name, *map(str, item["loc"]))), "message": _message(item["msg"])}
                for item in error.errors(include_input=False, include_url=False, include_context=False)
            ],
        ) from None


def _summary(error: ValidationError) -> str:
    items = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {_message(item['msg'])}" for item in items[:5])


def _message(message: str) -> str:
    return message.removeprefix("Value error, ")


def utc(moment: datetime) -> str:
    """Write a moment that is in UTC: ISO 8601 with ``Z`` and milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
