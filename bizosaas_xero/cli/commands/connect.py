"""``connect``, ``organisations``, ``disconnect``: get access, choose the books, end access."""

from __future__ import annotations

import getpass
import os
import sys
import webbrowser
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import parse_qs, urlsplit

from bizosaas_xero.cli import common
from bizosaas_xero.cli.oauth_callback import LOOPBACK, Listener, pasted
from bizosaas_xero.cli.output import CONNECT, OK, Output, table
from bizosaas_xero.host import Host, Offer, StoredConnection
from bizosaas_xero.spec import App, ConnectorError, Invalid, Misconfigured, Organisation

Kind = Literal["web", "pkce", "custom"]


@dataclass(frozen=True)
class Request:
    """What ``connect`` was asked for."""

    kind: Kind
    client_id: str | None
    scopes: str | None
    organisation: str | None
    redirect_uri: str | None
    port: int
    browser: bool
    secret_on_stdin: bool


def connect(output: Output, asked: Request) -> int:
    """Walk a person through the consent, and connect an organisation."""
    # Asked for before anything else happens, so that a wrong start costs nothing.
    app = _app(output, asked)
    with common.the_host() as host:
        if asked.kind == "custom":
            offer = host.connecting.client_credentials(common.NAME, app)
        else:
            url = host.connecting.begin(common.NAME, app, _scopes(asked.scopes))
            offer = host.connecting.finish(_consent(output, url, app.redirect_uri or "", asked))
        for warning in offer.warnings:
            output.ask(f"Note: {warning}")
        kept = _choose(output, host, offer, asked.organisation)
        output.say(f"Connected to {kept.organisation}.", "green")
        output.say("Read its books with:")
        output.command("bizosaas-xero sync")
        offered = [_public(item) for item in offer.organisations]
        output.data({"connection": common.short(kept), "organisations": offered, "warnings": offer.warnings})
    return OK


def _app(output: Output, asked: Request) -> App:
    client_id = asked.client_id
    if not client_id:
        if not sys.stdin.isatty():
            raise Misconfigured(
                "The client id of your Xero app is missing.",
                remedy="Give it with --client-id or XERO_CLIENT_ID. You find it at developer.xero.com under "
                "My Apps, in your app, under Configuration.",
                reason="client_id_missing",
            )
        output.ask("Client id of your app (developer.xero.com, My Apps, Configuration):")
        client_id = sys.stdin.readline().strip()
    secret = os.environ.get("XERO_CLIENT_SECRET") or None
    if asked.secret_on_stdin:
        secret = sys.stdin.readline().strip() or None
    elif secret is None and asked.kind != "pkce" and sys.stdin.isatty():
        secret = getpass.getpass("Client secret (not shown): ", stream=sys.stderr).strip() or None
    if secret is None and asked.kind != "pkce":
        raise Misconfigured(
            f"The client secret is missing; an app of kind {asked.kind!r} has one.",
            remedy="Set XERO_CLIENT_SECRET, or pipe it in with --client-secret-stdin. It is never an "
            "argument, because other users of this machine can read those.",
            reason="client_secret_missing",
        )
    redirect = None if asked.kind == "custom" else asked.redirect_uri or f"http://localhost:{asked.port}/callback"
    return App.model_validate(
        {"client_id": client_id, "client_secret": secret, "redirect_uri": redirect, "kind": asked.kind}
    )


def _scopes(given: str | None) -> str | list[str] | None:
    """Read ``granular``, ``legacy``, or a list with spaces or commas."""
    names = (given or "").replace(",", " ").split()
    return names if len(names) > 1 else (names[0] if names else None)


def _consent(output: Output, url: str, redirect_uri: str, asked: Request) -> str:
    """Let the person consent, and return the address to which the browser came back."""
    listens = asked.browser and urlsplit(redirect_uri).hostname in LOOPBACK
    if listens:
        listener = Listener(redirect_uri, parse_qs(urlsplit(url).query)["state"][0])
        opened = webbrowser.open(url)
        output.ask(
            "Your browser opens Xero's page. If it does not, open this address yourself:"
            if opened
            else "Open this address in your browser:"
        )
        output.ask(f"\n{url}\n")
        output.ask(f"Waiting at {redirect_uri} ... (Ctrl-C stops)")
        return listener.wait()
    return pasted(output, url, redirect_uri)


def _choose(output: Output, host: Host, offer: Offer, wanted: str | None) -> StoredConnection:
    if wanted is None and len(offer.organisations) > 1 and sys.stdin.isatty() and not output.as_json:
        output.say("This sign-in reaches several organisations:")
        rows = [(n, item.name, item.country or "") for n, item in enumerate(offer.organisations, 1)]
        output.show(table(("", "Organisation", "Country"), rows))
        output.ask("Number of the one to connect:")
        number = sys.stdin.readline().strip()
        if number.isdecimal() and 0 < int(number) <= len(offer.organisations):
            wanted = offer.organisations[int(number) - 1].id
        else:
            raise Invalid(
                f"{number!r} is not one of the numbers.",
                remedy="Nothing is lost: choose with bizosaas-xero organisations --connect ID.",
                reason="organisation_not_chosen",
            )
    try:
        return host.connecting.choose(offer, _id_of(offer, wanted))
    except Invalid as error:
        raise Invalid(
            error.message,
            remedy=f"{error.remedy} Do so with: bizosaas-xero organisations --connect ID.",
            reason=error.reason,
            problems=error.problems,
        ) from None


def _id_of(offer: Offer, wanted: str | None) -> str | None:
    """Accept an organisation's name where it is the only one of that name."""
    named = [item.id for item in offer.organisations if item.name == wanted]
    return named[0] if len(named) == 1 else wanted


def _public(item: Organisation) -> dict[str, object]:
    return cast("dict[str, object]", item.model_dump(mode="json"))


def organisations(output: Output, wanted: str | None) -> int:
    """List what the stored sign-ins reach; connect one of them if asked."""
    with common.the_host() as host:
        identities = host.store.identities(common.NAME)
        if not identities:
            common.connections(host)  # raises: nothing is connected
        offers, problems = [], []
        for identity in identities:
            try:
                offers.append(host.connecting.offer(common.NAME, identity))
            except ConnectorError as error:  # one dead sign-in must not hide the others
                problems.append(error)
        if not offers:
            raise problems[0]
        for problem in problems:
            output.ask(f"Note: one sign-in cannot be asked. {problem.message} {problem.remedy}")
        if wanted is not None:
            offer = next((item for item in offers if _reaches(item, wanted)), offers[0])
            kept = _choose(output, host, offer, wanted)
            output.say(f"Connected to {kept.organisation}.", "green")
        connected = {kept.organisation_id for kept in host.store.connections()}
        offered = {item.id: item for offer in offers for item in offer.organisations}
        rows = [(item.name, item.id, "yes" if item.id in connected else "") for item in offered.values()]
        if rows:
            output.show(table(("Organisation", "Id", "Connected"), rows))
        else:
            output.say("Your sign-ins reach no organisation any more. Connect again with:")
            output.command(CONNECT)
        output.data(
            {
                "organisations": [_public(item) | {"connected": item.id in connected} for item in offered.values()],
                "problems": [problem.to_dict() for problem in problems],
            }
        )
    return OK


def _reaches(offer: Offer, wanted: str) -> bool:
    return any(wanted in {item.id, item.name} for item in offer.organisations)


def disconnect(output: Output, organisation: str | None, *, revoke: bool, sure: bool) -> int:
    """End access to one organisation, or everything the person granted."""
    with common.the_host() as host:
        kept = common.one(common.connections(host, organisation))
        if not sure:
            _confirm(output, kept, revoke=revoke)
        gone = host.connecting.disconnect(kept.id, revoke=revoke)
        for item in gone:
            output.say(f"Disconnected from {item.organisation}.", "green")
        output.say(f"The records that were read stay in {host.database.place}.")
        output.data({"disconnected": [common.short(item) for item in gone], "revoked": revoke})
    return OK


def _confirm(output: Output, kept: StoredConnection, *, revoke: bool) -> None:
    what = "everything you connected with this app" if revoke else kept.organisation
    if not sys.stdin.isatty() or output.as_json:
        raise Invalid(
            f"This would disconnect {what}.",
            remedy="If that is meant, run it again with --yes.",
            reason="not_confirmed",
        )
    output.ask(f"Disconnect {what}? The records that were read stay. [y/N]")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise KeyboardInterrupt
