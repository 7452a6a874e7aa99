"""The sandbox as an HTTP server on a local port."""

import contextlib
import ipaddress
import logging
import random
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bizosaas_xero.sandbox.core.clock import Clock
from bizosaas_xero.sandbox.http.accounting_api import AccountingApi
from bizosaas_xero.sandbox.http.control_api import ControlApi, give_consent
from bizosaas_xero.sandbox.http.errors import not_found
from bizosaas_xero.sandbox.http.middleware import SandboxMiddleware, TrackedProtocol
from bizosaas_xero.sandbox.oauth.endpoints import IdentityApi
from bizosaas_xero.sandbox.state import SandboxState

_START_SECONDS = 30


class Sandbox(SandboxState):
    """A local imitation of Xero; see `State` for its arguments.

    Nothing is served until `serve` or `run_forever` is called.
    """

    def application(self) -> SandboxMiddleware:
        """Return the ASGI application."""
        identity, api = IdentityApi(self), AccountingApi(self)
        verbs = ["GET", "POST", "PUT", "DELETE"]
        routes = [
            Route("/identity/connect/authorize", identity.authorize, methods=["GET", "POST"]),
            Route("/.well-known/openid-configuration", identity.discovery, methods=["GET"]),
            Route("/.well-known/openid-configuration/jwks", identity.keys, methods=["GET"]),
            Route("/connect/token", identity.issue_token, methods=["POST"]),
            Route("/connect/revocation", identity.revoke, methods=["POST"]),
            *(Route(f"/{name}", identity.connections, methods=["GET"]) for name in ("connections", "Connections")),
            *(
                Route(f"/{name}/{{connection_id}}", identity.connections, methods=["DELETE"])
                for name in ("connections", "Connections")
            ),
            Route("/api.xro/2.0/{endpoint}", api.handle, methods=verbs),
            Route("/api.xro/2.0/{endpoint}/{key}", api.handle, methods=verbs),
            Route("/api.xro/2.0/{endpoint}/{key}/{part}", api.handle, methods=verbs),
            Route("/api.xro/2.0/{endpoint}/{key}/{part}/{part_key}", api.handle, methods=verbs),
            Route("/payroll.xro/{version}/{path:path}", _payroll_missing, methods=verbs),
            *ControlApi(self, identity).routes(),
        ]
        starlette = Starlette(routes=routes, exception_handlers={404: _not_found})
        starlette.router.redirect_slashes = False  # Xero does not guess
        return SandboxMiddleware(self, starlette)

    def consent(
        self,
        authorize_url: str,
        *,
        organisations: list[str] | None = None,
        user: str | None = None,
        allow: bool = True,
    ) -> str:
        """Give or refuse consent without a browser, and return the callback URL.

        Args:
            authorize_url: The URL to which the app would send the user.
            organisations: Ids to connect; the first organisation when None.
            user: `owner` (default) or `adviser`.
            allow: False is Cancel.

        Raises:
            ValueError: The request ends on an error page.
        """
        params: Mapping[str, str] = dict(parse_qsl(urlsplit(authorize_url).query, keep_blank_values=True))
        choices = {"organisations": organisations, "user": user, "allow": allow}
        return give_consent(self, IdentityApi(self), params, choices)["callback_url"]

    @contextlib.contextmanager
    def serve(self, host: str = "127.0.0.1", port: int = 0, *, allow_remote: bool = False) -> Iterator["SandboxServer"]:
        """Serve from a background thread until the block ends.

        Args:
            host: The address to bind.
            port: 0 takes a free one.
            allow_remote: Accept other machines. The sandbox has no access control.

        Raises:
            ValueError: The address is not a loopback one and `allow_remote` is not set.
            OSError: The port is taken.
        """
        if not allow_remote and not _is_loopback(host):
            raise ValueError(
                f"{host} is not a loopback address: everyone who can reach the sandbox controls it; "
                "set allow_remote to accept that"
            )
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        bound = listener.getsockname()[1]
        name = f"[{host}]" if ":" in host else host
        config = uvicorn.Config(
            self.application(), http=TrackedProtocol, ws="none", lifespan="off", log_config=None, access_log=False,
            server_header=False, date_header=False, timeout_graceful_shutdown=1,
        )  # fmt: skip
        # cut connections are intended: uvicorn must not report them
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True, name="xero-sandbox")
        thread.start()
        try:
            pause = threading.Event()
            for _ in range(_START_SECONDS * 100):
                if server.started or not thread.is_alive():
                    break
                pause.wait(0.01)
            self.webhooks.start(f"http://{name}:{bound}")
            yield SandboxServer(f"http://{name}:{bound}", self)
        finally:
            self.webhooks.stop()
            server.should_exit = True
            thread.join(_START_SECONDS)
            listener.close()

    def run_forever(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        on_ready: Callable[[dict[str, Any]], None] | None = None,
        *,
        allow_remote: bool = False,
    ) -> None:
        """Serve until SIGTERM or Ctrl-C; call it from the main thread.

        Args:
            host: The address to bind.
            port: 0 takes a free one.
            on_ready: Called with `SandboxServer.info` once requests are answered.
            allow_remote: Accept other machines.

        Raises:
            ValueError: The address is not a loopback one and `allow_remote` is not set.
            OSError: The port is taken.
        """
        stop = threading.Event()
        signals = (signal.SIGTERM, signal.SIGINT)
        previous_handlers = {number: signal.signal(number, lambda *_: stop.set()) for number in signals}
        try:
            with self.serve(host, port, allow_remote=allow_remote) as box:
                if on_ready is not None:
                    on_ready(box.info)
                while not stop.wait(1):  # short waits: some systems deliver signals only between them
                    pass
        finally:
            for number, handler in previous_handlers.items():
                signal.signal(number, handler)


@dataclass(frozen=True)
class SandboxServer:
    """A running sandbox server.

    Attributes:
        url: The base URL.
        sandbox: Direct access to its state.
    """

    url: str
    sandbox: Sandbox

    @property
    def info(self) -> dict[str, Any]:
        """The data that a client needs: addresses, organisations, apps (`bizosaas-xero sandbox --json`)."""
        return self.sandbox.describe(self.url)


@contextlib.contextmanager
def serve(  # noqa: PLR0913 - each has a default, most callers give one
    invoices: int = 500,
    seed: int = 1,
    port: int = 0,
    host: str = "127.0.0.1",
    *,
    limits: bool = True,
    per_day: int = 1000,
    clock: Clock | Callable[[], float] | None = None,
    rng: random.Random | None = None,
    books: str = "plain",
    allow_remote: bool = False,
) -> Iterator[SandboxServer]:
    """Serve a new sandbox from a background thread until the block ends.

    Args:
        invoices: Invoices and bills of the first organisation.
        seed: The same seed gives the same books and credentials.
        port: 0 takes a free one.
        host: The address to bind.
        limits: Refuse calls over Xero's limits.
        per_day: Calls a day for each organisation.
        clock: The time: a `Clock`, or a function that gives seconds since the epoch.
        rng: Makes codes and tokens.
        books: `plain` or `wild`: see `SandboxState`.
        allow_remote: Accept other machines.

    Raises:
        ValueError: The address is not a loopback one and `allow_remote` is not set.
        OSError: The port is taken.
    """
    sandbox = Sandbox(invoices, seed, limits=limits, per_day=per_day, clock=clock, rng=rng, books=books)
    with sandbox.serve(host, port, allow_remote=allow_remote) as box:
        yield box


async def _payroll_missing(_: Request) -> Response:
    return Response(status_code=403)  # payroll that is not set up: a 403 with an empty body


async def _not_found(request: Request, error: Exception) -> Response:
    del error
    if request.url.path.startswith("/_sandbox"):
        return JSONResponse({"error": f"there is no {request.url.path}"}, 404)
    return not_found()  # the same for every address, as at Xero


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
