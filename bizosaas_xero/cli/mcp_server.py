"""``mcp``: serve agents over stdio or HTTP; a stop waits for a write that has begun."""

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
from bizosaas_xero.adapters.mcp.elicitation import Elicitor
from bizosaas_xero.adapters.mcp.http import MIN_TOKEN_LENGTH, BearerAuthMiddleware, local_host_names
from bizosaas_xero.adapters.mcp.server import AgentServer, Options
from bizosaas_xero.cli import reasons
from bizosaas_xero.cli.common import CONNECTOR, current_user, find_connections, open_cli_host, require_one
from bizosaas_xero.cli.output import OK, Output
from bizosaas_xero.host import Host
from bizosaas_xero.host.actions.agent_limits import AgentLimits
from bizosaas_xero.host.actions.names import AGENT_PREFIX
from bizosaas_xero.spec import Invalid, Misconfigured

TOKEN_VARIABLE = "BIZOSAAS_MCP_TOKEN"  # noqa: S105 (the variable's name)
PATH = "/mcp"
STOP_SECONDS = 60.0
"""How long a stop waits for a write that has begun."""

_NEW_TOKEN_COMMAND = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'  # noqa: S105 (makes one)


@dataclass(frozen=True)
class Limits:
    """Limits of agents: identical calls a minute, writes an hour, and plans that wait for approval."""

    same_calls: int
    writes_per_hour: int
    plans_waiting: int


@dataclass(frozen=True)
class ServerOptions:
    """What agents are offered.

    Attributes:
        allow_writes: Also offer actions that write.
        organisation: Serve only this organisation, by its id or name.
        user_name: The person at the client, who may approve there.
        elicitation: Whether to ask that person in the client.
        limits: What an agent may do.
    """

    allow_writes: bool
    organisation: str | None
    user_name: str | None
    elicitation: bool
    limits: Limits


@dataclass(frozen=True)
class HttpOptions:
    """Where the HTTP transport listens, and who may call it."""

    host: str
    port: int
    token_file: Path | None
    allowed_hosts: tuple[str, ...]
    allowed_origins: tuple[str, ...]


def serve(output: Output, options: ServerOptions, http: HttpOptions | None) -> int:
    """Serve until the client leaves, or until SIGTERM or Ctrl-C.

    Raises:
        Invalid: the options contradict each other.
        Misconfigured: the HTTP transport has no usable token, or its port is taken.
    """
    if http is None and output.as_json:
        raise _invalid("json", "goes with --http: on stdio, standard output carries only the protocol")
    token = read_token(http.token_file, os.environ) if http else ""
    if http and not http.allowed_hosts and not _is_loopback(http.host):
        raise _invalid("allow_host", "is needed with --host: name how clients reach this server, with its port")
    with open_cli_host() as host:
        if options.organisation is not None:
            require_one(find_connections(host, options.organisation))
        # Over HTTP the caller is not this system's user.
        agents = _agent_server(host, options, options.user_name if http else current_user(options.user_name))
        server = agents.server(__version__)
        if http:
            _serve_http(output, server, agents, http, token, allow_writes=options.allow_writes)
        else:
            anyio.run(_serve_stdio, server, agents, host.close)
    return OK


def _agent_server(host: Host, options: ServerOptions, user_name: str | None) -> AgentServer:
    def now() -> datetime:
        return datetime.now(UTC)

    guard = AgentLimits(
        host.database,
        host.audit,
        host.plans,
        now=now,
        prefix=AGENT_PREFIX,
        same_calls=options.limits.same_calls,
        writes=options.limits.writes_per_hour,
        waiting=options.limits.plans_waiting,
    )
    server_options = Options(CONNECTOR, options.organisation, options.allow_writes, options.elicitation)
    return AgentServer(host, server_options, guard, Elicitor(user_name, now))


# ---------------------------------------------------------------- stdio


async def _serve_stdio(server: Server[Any], agents: AgentServer, close: Callable[[], None]) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(_stop_stdio, agents, close)
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())
        await anyio.to_thread.run_sync(agents.locks.wait_for_writes, STOP_SECONDS)
        group.cancel_scope.cancel()


async def _stop_stdio(agents: AgentServer, close: Callable[[], None]) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            await anyio.to_thread.run_sync(agents.locks.wait_for_writes, STOP_SECONDS)
            close()
            sys.stderr.flush()
            # A thread is blocked in a read of stdin, which only the client can end.
            os._exit(OK)


# ---------------------------------------------------------------- HTTP


def read_token(file: Path | None, environ: Mapping[str, str]) -> str:
    """Return the token that clients must send.

    Raises:
        Misconfigured: it is missing or too short, or other users can read its file.
    """
    if file is None:
        token = environ.get(TOKEN_VARIABLE, "").strip()
    else:
        try:
            mode = file.stat().st_mode
            token = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not a text file"
            raise _token_error(f"The token's file {file} cannot be read: {reason}.") from None
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise _token_error(f"Others can read the token's file {file}.", f"Run: chmod 600 {file}")
    if not token:
        raise _token_error("HTTP needs a token, and none was given.")
    if len(token) < MIN_TOKEN_LENGTH or not token.isascii():
        raise _token_error(f"The token must have at least {MIN_TOKEN_LENGTH} ASCII characters.")
    return token


def _token_error(message: str, remedy: str | None = None) -> Misconfigured:
    return reasons.MCP_TOKEN(message, remedy=remedy, command=_NEW_TOKEN_COMMAND, variable=TOKEN_VARIABLE)


def _serve_http(
    output: Output, server: Server[Any], agents: AgentServer, http: HttpOptions, token: str, *, allow_writes: bool
) -> None:
    family = socket.AF_INET6 if ":" in http.host else socket.AF_INET
    try:
        listener = socket.create_server((http.host, http.port), family=family)
    except OSError as error:
        raise reasons.PORT_TAKEN(
            f"The address {http.host}, port {http.port}, cannot be used: {error.strerror}."
        ) from None
    port = listener.getsockname()[1]
    host_in_url = f"[{http.host}]" if ":" in http.host else http.host
    app = server.streamable_http_app(streamable_http_path=PATH, host="")  # the middleware checks Host and Origin
    config = uvicorn.Config(
        BearerAuthMiddleware(app, token, [*local_host_names(port), *http.allowed_hosts], http.allowed_origins),
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=3,
    )
    web = _HttpServer(config)
    url = f"http://{host_in_url}:{port}{PATH}"
    output.write_json({"url": url, "allow_writes": allow_writes})
    output.say(f"Agents are served at {url}. Ctrl-C stops it.", style="bold")
    logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())
    with listener:
        web.run([listener])
    agents.locks.wait_for_writes(STOP_SECONDS)


class _HttpServer(uvicorn.Server):
    """Ends on SIGTERM and Ctrl-C without raising the signal again."""

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


def _invalid(option: str, message: str) -> Invalid:
    return reasons.BAD_SERVER_OPTION.field(option, message, option=option.replace("_", "-"))
