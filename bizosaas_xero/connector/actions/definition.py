"""What an action is: a class with a name, the models of its parameters and result, and its work.

A module of a family's folder that defines such a class adds the action: :mod:`.registry` finds it there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.models import Params, Result
from bizosaas_xero.connector.actions.writes.execute import CommitResult
from bizosaas_xero.connector.actions.writes.plan import Draft, Write
from bizosaas_xero.connector.auth.scopes import Permission

P = TypeVar("P", bound=Params)


class Action(ABC, Generic[P]):
    """An action, made for one call.

    Class attributes:

    * ``name``: fixed, because agents and policies refer to it.
    * ``permissions``: what it needs at Xero.
    * ``title``: for a button.
    * ``description``: for a language model: when to use it, when not, what it costs, what it changes.
    * ``position``: its place in ``list_actions()``; actions of equal position are sorted by name.
    * ``params_model`` and ``result_model``: the models of its parameters and of its result.

    Args:
        books: The organisation's books.
        params: The parameters, checked against ``params_model``.
    """

    name: ClassVar[str]
    permissions: ClassVar[tuple[Permission, ...]]
    title: ClassVar[str]
    description: ClassVar[str]
    position: ClassVar[int] = 1000
    params_model: ClassVar[type[Params]]
    result_model: ClassVar[type[Result]]

    def __init__(self, books: Books, params: P) -> None:
        self.books, self.params = books, params


class ReadAction(Action[P]):
    """An action that only reads."""

    @abstractmethod
    def run(self) -> Result:
        """Read, and return the result."""


class WriteAction(Action[P]):
    """An action that writes: planned, then done exactly once.

    The class attribute ``destructive`` says that it takes away something that was there.

    Args:
        books: The organisation's books.
        params: The parameters.
        write: The intended write: its key, its mark, who asked for it.
    """

    destructive: ClassVar[bool] = False

    def __init__(self, books: Books, params: P, write: Write) -> None:
        super().__init__(books, params)
        self.write = write

    @abstractmethod
    def plan(self) -> Draft:
        """Work out the write as it would be done now, without writing anything.

        Raises:
            Invalid: A parameter does not fit the books; the error names it and what would fit.
            NotFound: A document or contact that a parameter names does not exist.
        """

    @abstractmethod
    def find_existing(self) -> Row | None:
        """Look for what an earlier call of the same write made, by its mark."""

    @abstractmethod
    def commit(self, ready: Draft | Row) -> CommitResult:
        """Do the write.

        Args:
            ready: The draft to do, or what :meth:`find_existing` found, of which only the missing parts are done.
        """

    @abstractmethod
    def to_result(self, done: CommitResult) -> Result:
        """Return the result of what was done."""
