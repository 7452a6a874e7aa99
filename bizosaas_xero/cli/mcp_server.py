"""``mcp``: serve agents over stdio or HTTP; a stop waits for a write that has begun."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio
import uvicorn
from mcp.server import Server
from mcp.server.stdio import stdio_server

from bizosaas_xero import __version__
from bizosaas_xero.adapters.mcp.elicitation import Elicitor
from bizosaas_xero.adapters.mcp.server import AgentServer, Options
from bizosaas_xero.cli import reasons
from bizosaas_xero.cli.common import CONNECTOR, current_user, find_connections, open_cli_host, require_one
from bizosaas_xero.cli.mcp_http import PATH, HttpOptions, find_issuer, make_app, read_token
from bizosaas_xero.cli.output import OK, Output
from bizosaas_xero.host import Host
from bizosaas_xero.host.actions.agent_limits import AgentLimits
from bizosaas_xero.host.actions.names import AGENT_PREFIX
from bizosaas_xero.spec import Invalid
from bizosaas_xero.web.settings import is_loopback

if TYPE_CHECKING:
    from bizosaas_xero.web.signin import Issuer

STOP_SECONDS = 60.0
"""How long a stop waits for a write that has begun."""


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


def serve(output: Output, options: ServerOptions, http: HttpOptions | None) -> int:
    """Serve until the client leaves, or until SIGTERM or Ctrl-C.

    Raises:
        Invalid: the options contradict each other.
        Misconfigured: the HTTP transport has no usable token, or its port is taken.
    """
    if http is None and output.as_json:
        raise _invalid("json", "goes with --http: on stdio, standard output carries only the protocol")
    access = None
    if http is not None:
        access = find_issuer(http) if http.public_url else read_token(http.token_file, os.environ)
    if http and not http.public_url and not http.allowed_hosts and not is_loopback(http.host):
        raise _invalid("allow_host", "is needed with --host: name how clients reach this server, with its port")
    with open_cli_host() as host:
        if options.organisation is not None:
            require_one(find_connections(host, options.organisation))
        # Over HTTP the caller is not this system's user.
        signs_in = http is not None and http.public_url is not None
        name = options.user_name if http else current_user(options.user_name)
        agents = _agent_server(host, options, None if signs_in else name, signs_in=signs_in)
        server = agents.server(__version__)
        if http is not None and access is not None:
            _serve_http(output, server, agents, http, access, allow_writes=options.allow_writes)
        else:
            anyio.run(_serve_stdio, server, agents, host.close)
    return OK


def _agent_server(host: Host, options: ServerOptions, user_name: str | None, *, signs_in: bool) -> AgentServer:
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
    # Over HTTP a program could answer the question in a person's place: with a sign-in, people decide on the pages.
    ask = options.elicitation and not signs_in
    server_options = Options(CONNECTOR, options.organisation, options.allow_writes, ask, signs_in)
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


def _serve_http(
    output: Output,
    server: Server[Any],
    agents: AgentServer,
    http: HttpOptions,
    access: str | Issuer,
    *,
    allow_writes: bool,
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
    config = uvicorn.Config(
        make_app(server, http, access, port),
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=3,
    )
    web = _HttpServer(config)
    url = http.public_url or f"http://{host_in_url}:{port}{PATH}"
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


def _invalid(option: str, message: str) -> Invalid:
    return reasons.BAD_SERVER_OPTION.field(option, message, option=option.replace("_", "-"))
