"""The registry of clauses: each promise of :mod:`bizosaas_xero.spec`, with its id, sentence and test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from bizosaas_xero.contract.connector import Subject
    from bizosaas_xero.contract.scenarios import Scenario

Severity = Literal["must", "should"]
NO_SCENARIO = "no-scenario"
"""Takes the place of a scenario's name when no scenario shows a clause."""
AREAS = ("discovery", "auth", "sync", "errors", "actions", "replay")


class Broken(AssertionError):
    """A connector breaks a clause; the message says how."""


@dataclass(frozen=True)
class Clause:
    """One promise of the contract.

    Args:
        id: ``area.word``; stable.
        sentence: The promise, as the documentation and the report show it.
        severity: A broken ``must`` prevents loading, ``should`` is advice.
        shown_by: Which scenarios show it; ``None`` for a clause that needs no scenario.
        unless: Returns why a connector need not show it (it offers nothing of the kind), or an empty text.
    """

    id: str
    sentence: str
    severity: Severity = "must"
    shown_by: Callable[[Scenario], bool] | None = None
    unless: Callable[[Subject], str] = lambda _subject: ""

    @property
    def area(self) -> str:
        """The area of the contract to which it belongs."""
        return self.id.partition(".")[0]


CLAUSES: dict[str, Clause] = {}
"""Every registered clause by its id."""

F = TypeVar("F", bound=Callable[..., Any])


def clause(identity: str, sentence: str, **more: Any) -> Callable[[F], F]:
    """Register a test function as the test of a clause; see :class:`Clause` for the arguments."""
    new_clause = Clause(identity, sentence, **more)
    if new_clause.area not in AREAS:
        raise ValueError(f"{identity}: unknown area of the contract")

    def mark(function: F) -> F:
        CLAUSES[identity] = new_clause
        function.__clause__ = new_clause  # type: ignore[attr-defined]
        return function

    return mark


def require(condition: object, complaint: str) -> None:
    """Report a broken clause unless a condition holds.

    Raises:
        Broken: the condition does not hold; the message is the complaint.
    """
    if not condition:
        raise Broken(complaint)


def list_clauses() -> dict[str, Clause]:
    """Return every clause by its id, area by area; imports the modules that register them."""
    from importlib import import_module
    from pkgutil import iter_modules

    from bizosaas_xero.contract import clauses

    for module in iter_modules(clauses.__path__):
        import_module(f"{clauses.__name__}.{module.name}")
    return {identity: CLAUSES[identity] for identity in sorted(CLAUSES, key=_area_order)}


def _area_order(identity: str) -> int:
    return AREAS.index(CLAUSES[identity].area)
