"""``connect``: a person's consent, and the first organisation."""

from __future__ import annotations

import getpass
import os
import sys
import webbrowser
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs, urlsplit

import typer

from bizosaas_xero.cli.common import CONNECTOR, connection_summary, handle_errors, open_cli_host
from bizosaas_xero.cli.options import AsJson, Organisation
from bizosaas_xero.cli.output import OK, Output, Styled

if TYPE_CHECKING:
    from bizosaas_xero.spec import App


class Kind(StrEnum):
    """The kinds of app that Xero knows."""

    WEB = "web"
    PKCE = "pkce"
    CUSTOM = "custom"


@handle_errors
def connect(  # noqa: PLR0913 (options)
    *,
    kind: Annotated[Kind, typer.Option(help="The kind of app that you registered with Xero.")] = Kind.WEB,
    client_id: Annotated[
        str | None, typer.Option(envvar="XERO_CLIENT_ID", help="The app's client id; asked for if missing.")
    ] = None,
    client_secret_stdin: Annotated[
        bool, typer.Option("--client-secret-stdin", help="Read the secret from the first line of stdin.")
    ] = False,
    scopes: Annotated[
        str | None,
        typer.Option(envvar="XERO_SCOPES", help="granular (default), legacy, or a list with commas."),
    ] = None,
    organisation: Organisation = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, and read the pasted callback from stdin.")
    ] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Listen on http://localhost:PORT.")] = 8377,
    redirect_uri: Annotated[
        str | None,
        typer.Option(envvar="XERO_REDIRECT_URI", help="As registered; default: http://localhost:PORT/callback."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Authorise with Xero, and connect an organisation."""
    from bizosaas_xero.cli.choose_organisation import connect_organisation, organisation_fields

    output = Output(as_json=as_json)
    # Before anything else, so that missing credentials cost nothing.
    app = _read_app(
        output,
        kind,
        client_id,
        redirect_uri or f"http://localhost:{port}/callback",
        secret_on_stdin=client_secret_stdin,
    )
    with open_cli_host() as host:
        if kind is Kind.CUSTOM:
            offer = host.connections.connect_custom_app(CONNECTOR, app)
        else:
            url = host.connections.begin_consent(CONNECTOR, app, _split_scopes(scopes))
            callback_url = _get_consent(output, url, app.redirect_uri or "", browser=not no_browser)
            offer = host.connections.finish_consent(callback_url)
        for warning in offer.warnings:
            output.prompt(f"Note: {warning}")
        connection = connect_organisation(output, host, offer, organisation)
        output.say(Styled(f"Connected to {connection.organisation}.", "green"))
        output.say("Sync its records with:")
        output.command("bizosaas-xero sync")
        organisations = [organisation_fields(each) for each in offer.organisations]
        output.write_json(
            {
                "connection": connection_summary(connection),
                "organisations": organisations,
                "warnings": offer.warnings,
            }
        )
    return OK


def _read_app(output: Output, kind: Kind, client_id: str | None, redirect_uri: str, *, secret_on_stdin: bool) -> App:
    """Return the app, with what is missing asked for at a terminal.

    Raises:
        Misconfigured: the client id or the secret is missing, and no terminal can ask for it.
    """
    from bizosaas_xero.cli import reasons
    from bizosaas_xero.spec import App

    if not client_id:
        if not sys.stdin.isatty():
            raise reasons.CLIENT_ID_MISSING()
        output.prompt("Client id of your app (developer.xero.com, My Apps, Configuration):")
        client_id = sys.stdin.readline().strip()
    secret = os.environ.get("XERO_CLIENT_SECRET") or None
    if secret_on_stdin:
        secret = sys.stdin.readline().strip() or None
    elif secret is None and kind is not Kind.PKCE and sys.stdin.isatty():
        secret = getpass.getpass("Client secret (not shown): ", stream=sys.stderr).strip() or None
    if secret is None and kind is not Kind.PKCE:
        raise reasons.CLIENT_SECRET_MISSING(kind=kind.value)
    redirect = None if kind is Kind.CUSTOM else redirect_uri
    return App.model_validate(
        {"client_id": client_id, "client_secret": secret, "redirect_uri": redirect, "kind": kind.value}
    )


def _split_scopes(text: str | None) -> str | list[str] | None:
    """Read ``granular``, ``legacy``, or a list with spaces or commas."""
    names = (text or "").replace(",", " ").split()
    return names if len(names) > 1 else (names[0] if names else None)


def _get_consent(output: Output, url: str, redirect_uri: str, *, browser: bool) -> str:
    """Let the person consent, and return the address to which the browser was sent back."""
    from bizosaas_xero.cli.oauth_callback import LOOPBACK_HOSTS, Listener, read_pasted_callback

    if not browser or urlsplit(redirect_uri).hostname not in LOOPBACK_HOSTS:
        return read_pasted_callback(output, url, redirect_uri)
    listener = Listener(redirect_uri, parse_qs(urlsplit(url).query)["state"][0])
    opened = webbrowser.open(url)
    output.prompt(
        "Your browser opens Xero's page. If it does not, open this address yourself:"
        if opened
        else "Open this address in your browser:"
    )
    output.prompt()
    output.prompt(url)
    output.prompt()
    output.prompt(f"Waiting at {redirect_uri} ... (Ctrl-C stops)")
    return listener.wait()
