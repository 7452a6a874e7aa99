"""What an action is: a name, two models, and a function from the books to a result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

from bizosaas_xero.actions.books import Books, Row
from bizosaas_xero.actions.writes.commit import Done
from bizosaas_xero.actions.writes.writing import Draft, Write

Money = Annotated[
    Decimal,
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}),
]
"""An exact amount; a string in JSON, as everywhere in the contract."""


class Params(BaseModel):
    """Base of parameters. The model is the one source of schema, validation, tool description and docs."""

    # A least length, even of none, makes pydantic refuse text that is no Unicode (lone surrogates).
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, defer_build=True, str_min_length=0)


class Result(BaseModel):
    """Base of results: small, exact, snake_case."""

    model_config = ConfigDict(defer_build=True)


@dataclass(frozen=True)
class ActionRow:
    """One row of the table of actions: one that only reads.

    Args:
        name: Fixed; agents and policies refer to it. Its scopes are in ``scopes.NEEDS``.
        title: For a button.
        description: For a language model: when to use it, when not, what it costs, what it changes.
        params: The parameters' model.
        result: The result's model.
        run: The work.
    """

    name: str
    title: str
    description: str
    params: type[Params]
    result: type[Result]
    run: Callable[[Books, Any], Result]


@dataclass(frozen=True)
class WriteRow:
    """One row of the table of actions: one that writes.

    Args:
        name: As above, like the four that follow.
        title: For a button.
        description: For a language model.
        params: The parameters' model.
        returns: The result's model.
        draft: Works out the write as it would be done now; writes nothing.
        found: Looks for what an earlier call of the same write made, by its mark.
        commit: Does the draft; or, given what was found, only what is still missing.
        result: Makes the result of what was done.
        destructive: It takes something away that was there.
    """

    name: str
    title: str
    description: str
    params: type[Params]
    returns: type[Result]
    draft: Callable[[Books, Any, Write], Draft]
    found: Callable[[Books, Any, Write], Row | None]
    commit: Callable[[Books, Any, Write, Draft | Row], Done]
    result: Callable[[Books, Any, Done], Result]
    destructive: bool = False
