"""The clauses: each promise of :mod:`bizosaas_xero.spec`, with its id, its sentence and its test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from bizosaas_xero.contract.connector import Subject
    from bizosaas_xero.contract.scenarios import Scenario

Severity = Literal["must", "should"]
NO_SCENARIO = "no-scenario"
"""Stands where a clause is shown by none."""
AREAS = ("discovery", "auth", "sync", "errors", "actions", "replay")


class Broken(AssertionError):
    """A connector does not keep a promise; the message says in which way."""


@dataclass(frozen=True)
class Clause:
    """One promise.

    Args:
        id: ``area.word``; stable.
        sentence: The promise, as the documentation and the report tell it.
        severity: ``must`` decides whether a connector may be loaded, ``should`` is advice.
        shown_by: Which scenarios show it; ``None`` for a clause that needs no scenario.
        unless: Why a connector need not show it (it offers nothing of the kind), or an empty text.
    """

    id: str
    sentence: str
    severity: Severity = "must"
    shown_by: Callable[[Scenario], bool] | None = None
    unless: Callable[[Subject], str] = lambda _subject: ""

    @property
    def area(self) -> str:
        """The part of the contract that it belongs to."""
        return self.id.partition(".")[0]


CLAUSES: dict[str, Clause] = {}
"""Every clause by its id, in the order of the table."""

F = TypeVar("F", bound=Callable[..., Any])


def clause(identity: str, sentence: str, **more: Any) -> Callable[[F], F]:
    """Mark a test function as the test of a clause; see :class:`Clause` for the arguments."""
    made = Clause(identity, sentence, **more)
    if made.area not in AREAS:
        raise ValueError(f"{identity}: no area of the contract")

    def mark(function: F) -> F:
        CLAUSES[identity] = made
        function.__clause__ = made  # type: ignore[attr-defined]
        return function

    return mark


def require(kept: object, complaint: str) -> None:
    """Complain unless a promise is kept.

    Raises:
        Broken: with the complaint.
    """
    if not kept:
        raise Broken(complaint)


def table() -> dict[str, Clause]:
    """Return every clause; the modules that hold them are loaded first."""
    from importlib import import_module
    from pkgutil import iter_modules

    from bizosaas_xero.contract import clauses

    for module in iter_modules(clauses.__path__):
        import_module(f"{clauses.__name__}.{module.name}")
    return {identity: CLAUSES[identity] for identity in sorted(CLAUSES, key=_place)}


def _place(identity: str) -> int:
    return AREAS.index(CLAUSES[identity].area)
