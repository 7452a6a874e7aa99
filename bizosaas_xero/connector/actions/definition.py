"""What an action is: a name, two models, and a function from the books to a result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.models import Params, Result
from bizosaas_xero.connector.actions.writes.execute import CommitResult
from bizosaas_xero.connector.actions.writes.plan import Draft, Write


@dataclass(frozen=True)
class ReadAction:
    """One row of the table of actions: one that only reads.

    Args:
        name: Fixed; agents and policies refer to it. Its scopes are in ``scopes.REQUIRED_PERMISSIONS``.
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
class WriteAction:
    """One row of the table of actions: one that writes.

    Args:
        name: As above, like the four that follow.
        title: For a button.
        description: For a language model.
        params: The parameters' model.
        result: The result's model.
        plan: Works out the write as it would be done now; writes nothing.
        find_existing: Looks for what an earlier call of the same write made, by its mark.
        commit: Does the draft; or, given what was found, only what is still missing.
        to_result: Makes the result of what was done.
        destructive: It takes something away that was there.
    """

    name: str
    title: str
    description: str
    params: type[Params]
    result: type[Result]
    plan: Callable[[Books, Any, Write], Draft]
    find_existing: Callable[[Books, Any, Write], Row | None]
    commit: Callable[[Books, Any, Write, Draft | Row], CommitResult]
    to_result: Callable[[Books, Any, CommitResult], Result]
    destructive: bool = False
