"""``mcp``: serve agents over stdio or HTTP, and stop without leaving a write half told."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import signal
import socket
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import uvicorn
from mcp.server import Server
from mcp.server.stdio import stdio_server

from bizosaas_xero import __version__
from bizosaas_xero.adapters.mcp.elicitation import Person
from bizosaas_xero.adapters.mcp.http import SHORTEST, Door, local_names
from bizosaas_xero.adapters.mcp.server import AGENT, Agents, Options
from bizosaas_xero.cli import common
from bizosaas_xero.cli.commands.actions import me
from bizosaas_xero.cli.output import OK, Output
from bizosaas_xero.host import Host
from bizosaas_xero.host.actions.agent_limits import Guard
from bizosaas_xero.spec import Invalid, Misconfigured

TOKEN = "BIZOSAAS_MCP_TOKEN"  # noqa: S105 (the variable's name)
PATH = "/mcp"
PATIENCE = 60.0
"""Seconds for which a stop waits for a write that has begun."""

_NEW_TOKEN = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'  # noqa: S105 (how to make one)


@dataclass(frozen=True)
class Request:
    """What ``mcp`` was asked for."""

    allow_writes: bool
    organisation: str | None
    name: str | None
    ask: bool
    http: bool
    host: str
    port: int
    token_file: Path | None
    hosts: tuple[str, ...]
    origins: tuple[str, ...]
    same_calls: int
    writes: int
    waiting: int


def mcp(output: Output, asked: Request) -> int:
    """Serve until the client leaves, or SIGTERM or Ctrl-C."""
    if not asked.http and output.as_json:
        raise _wrong("json", "goes with --http: on stdio, standard output carries the protocol alone")
    token = read_token(asked.token_file, os.environ) if asked.http else ""
    if asked.http and not asked.hosts and not _is_loopback(asked.host):
        raise _wrong("allow_host", "is needed with --host: name how clients reach this server, with its port")
    with common.the_host() as host:
        if asked.organisation is not None:
            common.one(common.connections(host, asked.organisation))
        agents = _agents(host, asked)
        server = agents.server(__version__)
        if asked.http:
            _serve_http(output, server, agents, asked, token)
        else:
            anyio.run(_serve_stdio, server, agents, host.close)
    return OK


def _agents(host: Host, asked: Request) -> Agents:
    def now() -> datetime:
        return datetime.now(UTC)

    person = asked.name if asked.http else me(asked.name)  # who calls over HTTP is not this system's user
    options = Options(common.NAME, asked.organisation, asked.allow_writes, asked.ask)
    guard = Guard(
        host.database,
        host.audit,
        host.plans,
        now=now,
        prefix=AGENT,
        same_calls=asked.same_calls,
        writes=asked.writes,
        waiting=asked.waiting,
    )
    return Agents(host, options, guard, Person(person, now))


# ---------------------------------------------------------------- stdio


async def _serve_stdio(server: Server[Any], agents: Agents, close: Callable[[], None]) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(_stop_stdio, agents, close)
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())
        await anyio.to_thread.run_sync(agents.turns.wait, PATIENCE)
        group.cancel_scope.cancel()


async def _stop_stdio(agents: Agents, close: Callable[[], None]) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            await anyio.to_thread.run_sync(agents.turns.wait, PATIENCE)
            close()
            sys.stderr.flush()
            # A thread waits in a read of stdin, which nothing but the client can end.
            os._exit(OK)


# ---------------------------------------------------------------- HTTP


def read_token(file: Path | None, environ: Mapping[str, str]) -> str:
    """Return the token that clients must send.

    Raises:
        Misconfigured: There is none, it is too short, or others can read its file.
    """
    if file is None:
        token = environ.get(TOKEN, "").strip()
    else:
        try:
            mode = file.stat().st_mode
            token = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise _bad_token(f"The token's file {file} cannot be read: {why}.") from None
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise _bad_token(f"Others can read the token's file {file}.", f"Run: chmod 600 {file}")
    if not token:
        raise _bad_token("HTTP needs a token, and there is none.")
    if len(token) < SHORTEST or not token.isascii():
        raise _bad_token(f"The token must have at least {SHORTEST} ASCII characters.")
    return token


def _bad_token(message: str, remedy: str = "") -> Misconfigured:
    making = f"Make one with {_NEW_TOKEN}, and pass it in {TOKEN} or a file (--token-file) of your own."
    return Misconfigured(message, remedy=remedy or making, reason="mcp_token")


def _serve_http(output: Output, server: Server[Any], agents: Agents, asked: Request, token: str) -> None:
    family = socket.AF_INET6 if ":" in asked.host else socket.AF_INET
    try:
        listener = socket.create_server((asked.host, asked.port), family=family)
    except OSError as error:
        raise Misconfigured(
            f"The address {asked.host}, port {asked.port}, cannot be used: {error.strerror}.",
            remedy="Choose another with --port; 0 takes a free one.",
            reason="port_taken",
        ) from None
    port = listener.getsockname()[1]
    named = f"[{asked.host}]" if ":" in asked.host else asked.host
    app = server.streamable_http_app(streamable_http_path=PATH, host="")  # Host and Origin are the door's
    config = uvicorn.Config(
        Door(app, token, [*local_names(port), *asked.hosts], asked.origins),
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=3,
    )
    web = _Web(config)
    url = f"http://{named}:{port}{PATH}"
    output.data({"url": url, "allow_writes": asked.allow_writes})
    output.say(f"Agents are served at {url}. Ctrl-C stops it.", "bold")
    logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())
    with listener:
        web.run([listener])
    agents.turns.wait(PATIENCE)


class _Web(uvicorn.Server):
    """Ends by a signal as a command that was told to stop: quietly."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        def stop(*_: object) -> None:
            self.should_exit = True

        numbers = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, stop) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _wrong(field: str, message: str) -> Invalid:
    return Invalid(
        f"--{field.replace('_', '-')} {message}.",
        remedy="Look at: bizosaas-xero mcp --help",
        reason="bad_configuration",
        problems=[{"field": field, "message": message}],
    )
