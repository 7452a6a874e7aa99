"""A server that has loaded the command once, and forks a process for each run of it.

To start an interpreter and load the command takes nearly a second of processor, in hundreds of tests. Each run is still
a process of its own, with its own arguments, environment, folder, streams and signals; the list of processes shows
`command_client.py` in its place. Where the start itself or a terminal is the proof, a test runs `COMMAND`.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import functools
import gc
import importlib
import marshal
import os
import pkgutil
import secrets
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from contract_tests.helpers.authorities import share_authorities
from contract_tests.helpers.paths import ROOT

COMMAND = [sys.executable, "-c", "from bizosaas_xero.cli import main; main()"]
"""The command in a fresh interpreter."""
CLIENT = Path(__file__).with_name("command_client.py")
LOADED = (
    "bizosaas_xero.plugin",
    "bizosaas_xero.connector.actions.registry",
    "bizosaas_xero.sandbox.server",
    "bizosaas_xero.adapters.mcp.server",
    "bizosaas_xero.web.app",
    "cryptography.fernet",
    "rich.console",
)


@functools.cache
def forked_command() -> list[str]:
    """Start the server of this test process, and return the words that run `bizosaas-xero` through it."""
    if not hasattr(os, "pidfd_open"):  # Linux alone has what it needs
        return COMMAND
    name = f"bizosaas-xero-tests-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{name}")
        listener.listen(16)
        code = f"from contract_tests.helpers.command_server import main; main({listener.fileno()})"
        server = subprocess.Popen(  # noqa: S603 (our own server)
            [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, pass_fds=[listener.fileno()]
        )
    server.outlives_a_test = True
    atexit.register(server.communicate)  # its standard input ends, and so does it
    return [sys.executable, "-I", "-S", str(CLIENT), name]


def main(listener: int) -> None:
    """Serve until standard input ends; in each forked process, run the command and return."""
    import httpx
    import typer

    from bizosaas_xero.cli import commands
    from bizosaas_xero.cli.app import app
    from bizosaas_xero.host import discover

    for module in pkgutil.iter_modules(commands.__path__, f"{commands.__name__}."):
        importlib.import_module(module.name)
    for name in LOADED:
        importlib.import_module(name)
    share_authorities()
    httpx.create_ssl_context()
    discover(["xero"])  # reads what the connector publishes
    typer.main.get_command = functools.cache(typer.main.get_command)
    typer.main.get_command(app)
    gc.freeze()
    connection = _accept(socket.socket(fileno=listener))
    if connection is not None:
        _run(connection)


def _accept(listener: socket.socket) -> socket.socket | None:
    """Return the connection of a client in a process of its own, or nothing when the tests have ended."""
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [], 1)
        if sys.stdin in ready:
            return None
        if listener in ready:
            connection, _ = listener.accept()
            if not os.fork():
                listener.close()
                return connection
            connection.close()
        while _has_children() and os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _run_command() -> int:
    from bizosaas_xero.cli import main as run_command

    try:
        run_command()
    except SystemExit as ending:
        if isinstance(ending.code, int | None):
            return ending.code or 0
        sys.stderr.write(f"{ending.code}\n")
    except BaseException:  # noqa: BLE001 (as an interpreter does, it prints whatever ends the command)
        sys.excepthook(*sys.exc_info())
    return 1


def _end(status: int) -> None:
    """End as an interpreter does, but do not take hundreds of modules apart."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BrokenPipeError):
            stream.flush()
    os._exit(status & 0xFF)


def _run(connection: socket.socket) -> None:
    """Fork the command; pass on signals to it, and how it ends to the client."""
    size, ancillary, _, _ = connection.recvmsg(8, socket.CMSG_SPACE(3 * 4))
    streams = array.array("i", ancillary[0][2])
    length = int.from_bytes(size, "big")
    arguments, environ, folder, ignored = marshal.loads(connection.recv(length, socket.MSG_WAITALL))  # noqa: S302 (our own)
    command = os.fork()
    if not command:
        connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environ)
        sys.argv[:] = ["-c", *arguments]
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
        _end(_run_command())
    for stream in (*streams, 0):
        os.close(stream)
    ended = os.pidfd_open(command)
    while ended not in select.select([ended, connection], [], [])[0]:
        number = connection.recv(1)
        os.kill(command, number[0] if number else signal.SIGKILL)  # without a client it has no reader
        if not number:
            break
    status = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
    try:
        connection.sendall(status.to_bytes(2, "big", signed=True))
    finally:
        os._exit(0)
