"""What the commands share: the host, its connections, and how a command ends."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ParamSpec

import typer

if TYPE_CHECKING:
    from bizosaas_xero.cli.output import Output
    from bizosaas_xero.host import Host, StoredConnection

NAME = "xero"
P = ParamSpec("P")

debug = False
"""Set by ``--debug``: show the traceback of an unexpected error."""


def ends_well(command: Callable[P, int]) -> Callable[P, None]:
    """Turn what a command returns or raises into words and an exit code; a person sees no traceback."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        from bizosaas_xero.cli.output import STOPPED, UNEXPECTED, Output
        from bizosaas_xero.spec import ConnectorError, Misconfigured

        output = Output(as_json=bool(kwargs.get("as_json")))
        try:
            code = command(*args, **kwargs)
        except ConnectorError as error:
            code = output.error(error)
        except (KeyboardInterrupt, EOFError):
            output.ask("Stopped. What was stored stays; the next sync goes on from there.")
            code = STOPPED
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("bizosaas_xero"):
                raise
            code = output.error(
                Misconfigured(
                    f"The library {error.name!r} that this command needs is not installed.",
                    remedy='Install it with: pip install "bizosaas-xero[all]"',
                    reason="extra_missing",
                )
            )
        except BrokenPipeError:
            raise  # the reader (such as head) has seen enough: typer ends quietly
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if debug:
                raise
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} in {PurePath(place.filename).name}:{place.lineno}"
            code = UNEXPECTED
            output.error(
                ConnectorError(
                    f"This program failed: {where}.",
                    remedy="Please report it. bizosaas-xero --debug shows more.",
                    reason="unexpected",
                )
            )
        raise typer.Exit(code)

    return wrapped


def set_debug(*, on: bool) -> None:
    """Show tracebacks, and log what the host does, on standard error."""
    global debug  # noqa: PLW0603 (one switch for the whole command)
    debug = on
    if not on:  # else Python prints a library's warnings, such as each repeated request
        logging.getLogger().addHandler(logging.NullHandler())
    else:
        logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
        logging.getLogger("bizosaas_xero").setLevel(logging.DEBUG)


@contextlib.contextmanager
def the_host(home: Path | None = None, environ: Mapping[str, str] = os.environ) -> Iterator[Host]:
    """Open the embedded host with the Xero connector alone."""
    from bizosaas_xero.host import discover, open_host

    with open_host(home, report=discover([NAME]), environ=environ) as host:
        yield host


def connections(host: Host, organisation: str | None = None) -> list[StoredConnection]:
    """Return the connections, or those of one organisation, named by its id or its name.

    Raises:
        ReconnectRequired: if nothing is connected.
        NotFound: if this organisation is not.
    """
    from bizosaas_xero.spec import NotFound, ReconnectRequired

    found = [kept for kept in host.store.connections() if kept.connector == NAME]
    if not found:
        raise ReconnectRequired(
            "No organisation is connected.",
            remedy="Connect one: bizosaas-xero connect. Without a Xero account, try: bizosaas-xero demo.",
            reason="not_connected",
        )
    if organisation is None:
        return found
    chosen = [kept for kept in found if organisation in {kept.organisation_id, kept.id, kept.organisation}]
    if not chosen:
        names = ", ".join(f"{kept.organisation} ({kept.organisation_id})" for kept in found)
        raise NotFound(
            f"The organisation {organisation!r} is not connected.",
            remedy=f"Connected: {names}.",
            reason="unknown_organisation",
        )
    return chosen


def one(found: list[StoredConnection]) -> StoredConnection:
    """Return the only one of the connections: none is taken silently.

    Raises:
        Invalid: if there are several.
    """
    from bizosaas_xero.spec import Invalid

    if len(found) > 1:
        names = ", ".join(f"{kept.organisation} ({kept.organisation_id})" for kept in found)
        raise Invalid(
            "Several organisations are connected.",
            remedy=f"Name one with --organisation: {names}.",
            reason="organisation_not_chosen",
        )
    return found[0]


def short(kept: StoredConnection) -> dict[str, Any]:
    """Return what identifies a connection, as JSON values."""
    return {
        "id": kept.id,
        "connector": kept.connector,
        "organisation_id": kept.organisation_id,
        "organisation": kept.organisation,
        "currency": kept.currency,
    }


def open_output(*, as_json: bool) -> Output:
    """Make the output of a command."""
    from bizosaas_xero.cli.output import Output

    return Output(as_json=as_json)
