"""``web``: serve the browser's pages on this machine."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import webbrowser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bizosaas_xero.cli.common import current_user, handle_errors, stop_on_sigterm
from bizosaas_xero.cli.options import AsJson, UserName
from bizosaas_xero.cli.output import OK, Output

if TYPE_CHECKING:
    from bizosaas_xero.web.app import WebApp

PORT = 8380


@handle_errors
def web(  # noqa: PLR0913 (options)
    *,
    host: Annotated[
        str, typer.Option(help="Address to listen on; one of other machines needs a sign-in and https.")
    ] = "localhost",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = PORT,
    public_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where browsers find the pages; default: this machine.")
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="The proxy that encrypts: its IP address or network; no other may call."),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="File with the certificate, to encrypt without a proxy."),
    ] = None,
    certificate_key: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="File with the private key of the certificate.")
    ] = None,
    idle_minutes: Annotated[
        int, typer.Option(min=1, max=720, help="Minutes without a request after which a person signs in again.")
    ] = 60,
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
    from bizosaas_xero.web.announce import Announcer, run_announcer
    from bizosaas_xero.web.app import create_app
    from bizosaas_xero.web.jobs import run_schedule
    from bizosaas_xero.web.people import OpenIdSettings
    from bizosaas_xero.web.settings import SESSION_LIFETIME, WebSettings, is_loopback, require_safe_listening
    from bizosaas_xero.web.signin import Issuer

    output = Output(as_json=as_json)
    open_id = OpenIdSettings.from_environ(os.environ)
    idle = timedelta(minutes=idle_minutes) if open_id else SESSION_LIFETIME
    proxies = tuple(trusted_proxy or ())
    planned = WebSettings.checked(public_url or f"http://localhost:{port}", proxies=proxies)
    tls = certificate is not None and certificate_key is not None
    require_safe_listening(host, planned, signs_in=open_id is not None, tls=tls)
    if certificate and certificate_key:
        _check_certificate(certificate, certificate_key)
    with contextlib.closing(_listen(host, port)) as listener, open_host() as opened:
        scheme = "https" if tls else "http"  # a provider may refuse 127.0.0.1
        public_url = public_url or f"{scheme}://localhost:{listener.getsockname()[1]}"
        settings = WebSettings.checked(public_url, support=support, proxies=proxies, idle=idle)

        def announce(path: str) -> None:
            output.write_json({"login_url": f"{settings.public_url}{path}"})
            output.say("To confirm what you approve yourself, open this link in that browser:")
            output.command(f"{settings.public_url}{path}")

        issuer = Issuer(open_id, now=lambda: datetime.now(UTC)) if open_id else None
        app = create_app(opened, settings, user=current_user(name), issuer=issuer, announce=announce)
        with contextlib.ExitStack() as running:
            running.enter_context(app)
            if not no_sync:
                running.enter_context(run_schedule(opened, app.jobs, lambda: datetime.now(UTC)))
            if settings.secure:
                announcer = Announcer(opened, settings, now=lambda: datetime.now(UTC))
                running.enter_context(run_announcer(announcer))
            login_url = f"{settings.public_url}{'/sign-in' if issuer else app.link.make_path()}"
            output.write_json({"url": public_url, "login_url": login_url, "webhook_url": None})
            output.say(f"The pages are at {public_url}. Ctrl-C stops.", style="bold")
            if not issuer:
                output.say("Sign in with this link; it works once, for ten minutes:")
                output.command(login_url)
            if is_loopback(host) and not (no_browser or as_json):
                webbrowser.open(login_url)
            _serve(app, listener, ssl_certfile=certificate, ssl_keyfile=certificate_key)
    return OK


def _listen(host: str, port: int) -> socket.socket:
    address = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        return socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    except OSError as error:
        from bizosaas_xero.cli import reasons

        raise reasons.PORT_TAKEN(port=port, cause=error.strerror) from None


def _check_certificate(certificate: Path, key: Path) -> None:
    """Refuse files that cannot encrypt, before anything is opened.

    Raises:
        Misconfigured: naming the option.
    """
    import ssl

    from bizosaas_xero.web.reasons import BAD_ADDRESS

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError):
        problem = "and --certificate-key must be PEM files of one certificate and of its key without a password"
        raise BAD_ADDRESS.field("--certificate", problem) from None


def _no_password() -> str:
    """Give no password where a key has one: a service has no terminal at which to ask for it."""
    return ""


def _serve(app: WebApp, listener: socket.socket, **tls: Path | None) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    import uvicorn

    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    options: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}  # a URL holds the link
    options |= tls
    config = uvicorn.Config(app, lifespan="off", ws="none", proxy_headers=False, timeout_graceful_shutdown=5, **options)
    with contextlib.suppress(KeyboardInterrupt), stop_on_sigterm():  # uvicorn raises the signal again when it ended
        uvicorn.Server(config).run([listener])
