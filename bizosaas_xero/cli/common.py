"""What the commands share: opening the host, choosing connections, and how a command ends."""

from __future__ import annotations

import contextlib
import functools
import getpass
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ParamSpec

import typer

from bizosaas_xero.cli.output import STOPPED, UNEXPECTED, Output

if TYPE_CHECKING:
    from bizosaas_xero.host import Host, StoredConnection
    from bizosaas_xero.spec import Invalid

CONNECTOR = "xero"
STOPPED_MESSAGE = "Stopped. Stored records are kept; the next sync continues from there."

P = ParamSpec("P")


def handle_errors(command: Callable[P, int]) -> Callable[P, None]:
    """Turn what a command returns or raises into messages and an exit code, without a traceback."""

    @functools.wraps(command)
    def run_command(*args: P.args, **kwargs: P.kwargs) -> None:
        from bizosaas_xero.cli import reasons
        from bizosaas_xero.spec import ConnectorError

        output = Output(as_json=bool(kwargs.get("as_json")))
        try:
            code = command(*args, **kwargs)
        except ConnectorError as error:
            code = output.report_error(error)
        except (KeyboardInterrupt, EOFError):
            output.prompt(STOPPED_MESSAGE)
            code = STOPPED
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("bizosaas_xero"):
                raise
            code = output.report_error(reasons.EXTRA_MISSING(library=error.name))
        except BrokenPipeError:
            raise  # the reader (such as head) has read enough: typer ends quietly
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if logging.getLogger("bizosaas_xero").isEnabledFor(logging.DEBUG):
                raise
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{type(error).__name__} in {PurePath(frame.filename).name}:{frame.lineno}"
            code = UNEXPECTED
            output.report_error(reasons.UNEXPECTED(place=place))
        raise typer.Exit(code)

    return run_command


@contextlib.contextmanager
def open_cli_host(home: Path | None = None, environ: Mapping[str, str] = os.environ) -> Iterator[Host]:
    """Open the embedded host with the Xero connector alone."""
    from bizosaas_xero.host import discover, open_host

    with open_host(home, report=discover([CONNECTOR]), environ=environ) as host:
        yield host


def find_connections(host: Host, organisation: str | None = None) -> list[StoredConnection]:
    """Return all connections, or those of one organisation, given by its id or its name.

    Raises:
        ReconnectRequired: nothing is connected.
        NotFound: this organisation is not connected.
    """
    from bizosaas_xero.cli import reasons

    connections = [each for each in host.store.connections() if each.connector == CONNECTOR]
    if not connections:
        raise reasons.NOT_CONNECTED()
    if organisation is None:
        return connections
    matches = [each for each in connections if organisation in {each.organisation_id, each.id, each.organisation}]
    if not matches:
        raise reasons.UNKNOWN_ORGANISATION(organisation=organisation, names=_list_names(connections))
    return matches


def require_one(connections: list[StoredConnection]) -> StoredConnection:
    """Return the only connection of a list; with several, the person must name one.

    Raises:
        Invalid: there are several.
    """
    from bizosaas_xero.cli import reasons

    if len(connections) > 1:
        raise reasons.ORGANISATION_NOT_CHOSEN(names=_list_names(connections))
    return connections[0]


def _list_names(connections: list[StoredConnection]) -> str:
    return ", ".join(f"{each.organisation} ({each.organisation_id})" for each in connections)


def connection_summary(connection: StoredConnection) -> dict[str, Any]:
    """Return what identifies a connection, as JSON values."""
    return {
        "id": connection.id,
        "connector": connection.connector,
        "organisation_id": connection.organisation_id,
        "organisation": connection.organisation,
        "currency": connection.currency,
    }


def current_user(name: str | None = None) -> str:
    """Return the name that a person gave with ``--as``, else the name of this system's user.

    Raises:
        Invalid: the system has no name for its user.
    """
    from bizosaas_xero.cli import reasons

    if name is not None:
        return name
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        raise reasons.BAD_NAME.field("as") from None


def invalid_option(option: str, message: str) -> Invalid:
    """Return the error for an option's value, such as ``--since`` with a text that is not a date."""
    from bizosaas_xero.spec import Invalid

    return Invalid.field(option, message, summary=f"--{option.replace('_', '-')} {{message}}.")


def read_answer(output: Output, question: str) -> str:
    """Ask a person at a terminal; return an empty text without a terminal."""
    if output.as_json or not sys.stdin.isatty():
        return ""
    output.prompt(question)
    with contextlib.suppress(ImportError):  # Windows has no termios: there, text typed ahead counts
        import termios

        termios.tcflush(sys.stdin, termios.TCIFLUSH)  # text typed before the question cannot answer it
    return sys.stdin.readline().strip().lower()


def confirm(output: Output, what: str, question: str) -> None:
    """Ask a person; any answer but yes ends the command as Ctrl-C does.

    Raises:
        Invalid: Standard input is not a terminal.
    """
    from bizosaas_xero.cli import reasons

    if not sys.stdin.isatty() or output.as_json:
        raise reasons.NOT_CONFIRMED(what=what)
    output.prompt(question)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise KeyboardInterrupt


@contextlib.contextmanager
def stop_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the program as Ctrl-C does: at once, and safely, for every batch is one transaction."""

    def stop(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second signal must not interrupt the clean-up
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
