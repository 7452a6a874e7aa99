"""``web``: serve the browser's pages on this machine."""

from __future__ import annotations

import contextlib
import logging
import socket
import webbrowser
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bizosaas_xero.cli.common import current_user, handle_errors, stop_on_sigterm
from bizosaas_xero.cli.options import AsJson, UserName
from bizosaas_xero.cli.output import OK, Output

if TYPE_CHECKING:
    from bizosaas_xero.web.app import WebApp

PORT = 8380


@handle_errors
def web(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on; only one of this machine.")] = "localhost",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = PORT,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address, and open no browser.")] = False,
    no_sync: Annotated[
        bool, typer.Option("--no-sync", help="Do not sync on schedule; another process does, such as sync --watch.")
    ] = False,
    support: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="mailto: or https: address shown with each problem.")
    ] = None,
    name: UserName = None,
    as_json: AsJson = False,
) -> int:
    """Open Settings → Integrations in the browser: set up, sync, approve."""
    from bizosaas_xero.host import open_host
    from bizosaas_xero.web.app import create_app
    from bizosaas_xero.web.jobs import run_schedule
    from bizosaas_xero.web.settings import WebSettings, require_loopback

    output = Output(as_json=as_json)
    require_loopback(host)
    with contextlib.closing(_listen(host, port)) as listener, open_host() as opened:
        public_url = f"http://localhost:{listener.getsockname()[1]}"  # a provider may refuse 127.0.0.1
        settings = WebSettings.checked(public_url, support=support)

        def announce(path: str) -> None:
            output.write_json({"login_url": f"{public_url}{path}"})
            output.say("To confirm what you approve yourself, open this link in that browser:")
            output.command(f"{public_url}{path}")

        app = create_app(opened, settings, user=current_user(name), announce=announce)
        with contextlib.ExitStack() as running:
            running.enter_context(app)
            if not no_sync:
                running.enter_context(run_schedule(opened, app.jobs, lambda: datetime.now(UTC)))
            login_url = f"{public_url}{app.link.make_path()}"
            output.write_json({"url": public_url, "login_url": login_url, "webhook_url": None})
            output.say(f"The pages are at {public_url}. Ctrl-C stops.", style="bold")
            output.say("Sign in with this link; it works once, for ten minutes:")
            output.command(login_url)
            if not (no_browser or as_json):
                webbrowser.open(login_url)
            _serve(app, listener)
    return OK


def _listen(host: str, port: int) -> socket.socket:
    address = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        return socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    except OSError as error:
        from bizosaas_xero.cli import reasons

        raise reasons.PORT_TAKEN(port=port, cause=error.strerror) from None


def _serve(app: WebApp, listener: socket.socket) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    import uvicorn

    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    options: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}  # a URL holds the link
    config = uvicorn.Config(app, lifespan="off", ws="none", proxy_headers=False, timeout_graceful_shutdown=5, **options)
    with contextlib.suppress(KeyboardInterrupt), stop_on_sigterm():  # uvicorn raises the signal again when it ended
        uvicorn.Server(config).run([listener])
