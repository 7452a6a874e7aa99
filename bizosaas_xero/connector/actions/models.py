"""Base models of every action: exact amounts, parameters and results."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

Money = Annotated[
    Decimal,
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}),
]
"""An exact amount; a string in JSON, as everywhere in the contract."""


class Params(BaseModel):
    """Base of parameters: the one source of schema, validation, tool description and docs."""

    # Any minimum length, even 0, makes pydantic refuse lone surrogates, which are not valid Unicode.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, defer_build=True, str_min_length=0)


class Result(BaseModel):
    """Base of results: small, exact, snake_case."""

    model_config = ConfigDict(defer_build=True)
