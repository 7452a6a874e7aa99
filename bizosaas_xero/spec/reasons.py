"""Reasons of errors as data: each part of the package lists its own in a module ``reasons`` and raises them from it.

The pages of errors are made of these lists, so that what a person reads there is what a person is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bizosaas_xero.spec.errors import ConnectorError

Error_co = TypeVar("Error_co", bound=ConnectorError, covariant=True)


@dataclass(frozen=True)
class Reason(Generic[Error_co]):
    """One reason of an error; calling it makes the error.

    Args:
        name: The error's ``reason``.
        error: Its class, and so its ``code`` and ``recovery``.
        message: What happened. A ``{part}`` in braces is filled in when the error is made.
        remedy: What the person should do, with parts likewise. Empty: the remedy of the class.
        problem: For an error of one field: what is wrong with it, without a final period. The message can name it as
            ``{problem}`` and the field as ``{path}``, and does so if it is empty.
    """

    name: str
    error: type[Error_co]
    message: str = ""
    remedy: str = ""
    problem: str = ""

    def __call__(
        self,
        message: str | None = None,
        *,
        remedy: str | None = None,
        retry_after: float | None = None,
        correlation_id: str | None = None,
        problems: Iterable[Mapping[str, str]] = (),
        scopes: Iterable[str] = (),
        features: Iterable[str] = (),
        **parts: Any,
    ) -> Error_co:
        """Make the error.

        ``message`` and ``remedy`` are for a place that knows them better than this row; ``parts`` are what their
        braces mean. The others are those of :class:`~bizosaas_xero.spec.errors.ConnectorError`.
        """
        return self.error(
            (self.message or "{path}: {problem}.").format(**parts) if message is None else message,
            remedy=self.remedy.format(**parts) if remedy is None else remedy,
            reason=self.name,
            retry_after=retry_after,
            correlation_id=correlation_id,
            problems=problems,
            scopes=scopes,
            features=features,
        )

    def field(self, path: str, problem: str | None = None, **parts: Any) -> Error_co:
        """Make the error for one wrong field.

        Args:
            path: The field's path, such as ``params.due_date``.
            problem: What is wrong with it, where the place that raises it knows it better.
            parts: As for a call, and what else a call takes.
        """
        text = self.problem.format(**parts) if problem is None else problem
        return self(problems=[{"field": path, "message": text}], path=path, problem=text, **parts)
