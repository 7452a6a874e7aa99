"""Base models of every action: exact amounts, parameters and results."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer, ValidationInfo, WithJsonSchema, field_validator

Money = Annotated[
    Decimal,
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}),
]
"""An exact amount; a string in JSON, as everywhere in the contract."""


def not_before_from_date(to_date: date | None, info: ValidationInfo) -> date | None:
    """Validate the end of a period; use it as ``field_validator("to_date")(not_before_from_date)``."""
    first = info.data.get("from_date")
    if to_date and first and to_date < first:
        raise ValueError("must not be before from_date")
    return to_date


class Params(BaseModel):
    """Base of parameters: the one source of schema, validation, tool description and docs."""

    # Any minimum length, even 0, makes pydantic refuse lone surrogates, which are not valid Unicode.
    # An account or a number in the CRM is often sent as a JSON number.
    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, defer_build=True, str_min_length=0, coerce_numbers_to_str=True
    )


class WrittenParams(Params):
    """Base of parameters whose texts and amounts are written to Xero."""

    @field_validator("*", mode="before")
    @classmethod
    def _read_float(cls, value: Any) -> Any:
        # 15 digits are exact in a float: 0.30000000000000004 is the sum 0.1 + 0.2
        return format(value, ".15g") if isinstance(value, float) else value

    @field_validator("*")
    @classmethod
    def _refuse_control_characters(cls, value: Any) -> Any:
        for text in _texts(value):
            for character in text:
                if is_control(character):
                    raise ValueError(f"must not hold the control character U+{ord(character):04X}")
        return value


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(part) for pair in value.items() for part in pair] if isinstance(value, Mapping) else []


def is_control(character: str) -> bool:
    """Return whether a character may not be in Xero's texts: controls but tab and line breaks, noncharacters."""
    code = ord(character)
    is_noncharacter = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF  # noqa: PLR2004 (Unicode's)
    return is_noncharacter or (unicodedata.category(character) == "Cc" and character not in "\t\n\r")


class Result(BaseModel):
    """Base of results: small, exact, snake_case."""

    model_config = ConfigDict(defer_build=True)
