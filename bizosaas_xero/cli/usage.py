"""The group of commands: a message about wrong usage repeats what was typed, and shows all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import typer
from typer.core import TyperGroup

from bizosaas_xero.host.text import make_visible

_USAGE_ERROR = cast("type[typer.BadParameter]", typer.BadParameter.__base__)  # newer typer brings click along itself


class CommandGroup(TyperGroup):
    """Makes invisible characters of an argument that it refuses visible."""

    def make_context(self, *args: Any, **given: Any) -> Any:
        """Read the global options."""
        with _visible_messages():
            return super().make_context(*args, **given)

    def invoke(self, ctx: Any) -> Any:
        """Read a command's options, and run it."""
        with _visible_messages():
            return super().invoke(ctx)


@contextmanager
def _visible_messages() -> Iterator[None]:
    try:
        yield
    except _USAGE_ERROR as error:
        error.message = make_visible(error.message)
        raise
