"""The reasons of the errors that the command line raises itself."""

from __future__ import annotations

from bizosaas_xero.spec.errors import ConnectorError, Invalid, Misconfigured, NotFound, ReconnectRequired
from bizosaas_xero.spec.reasons import Reason

_CONSENT_PAGE_HINT = (
    "If Xero's page showed an error about redirect_uri, register exactly this redirect address with "
    "your app at developer.xero.com; if about a scope, try --scopes legacy (or granular)."
)
"""Causes of an error page at Xero: only the person sees it, for the browser is not sent back."""

UNEXPECTED = Reason(
    "unexpected",
    ConnectorError,
    "This program failed: {place}.",
    "Please report it. bizosaas-xero --debug shows more.",
)
EXTRA_MISSING = Reason(
    "extra_missing",
    Misconfigured,
    "The library {library!r} that this command needs is not installed.",
    'Install it with: pip install "bizosaas-xero[all]"',
)
NOT_CONNECTED = Reason(
    "not_connected",
    ReconnectRequired,
    "No organisation is connected.",
    "Connect one: bizosaas-xero connect. Without a Xero account, try: bizosaas-xero demo.",
)
UNKNOWN_ORGANISATION = Reason(
    "unknown_organisation", NotFound, "The organisation {organisation!r} is not connected.", "Connected: {names}."
)
ORGANISATION_NOT_CHOSEN = Reason(
    "organisation_not_chosen",
    Invalid,
    "Several organisations are connected.",
    "Name one with --organisation: {names}.",
)
NO_SUCH_NUMBER = Reason(
    ORGANISATION_NOT_CHOSEN.name,
    Invalid,
    "{number!r} is not one of the numbers.",
    "Your sign-in is stored: choose with bizosaas-xero organisations --connect ID.",
)
BAD_NAME = Reason(
    "bad_name",
    Invalid,
    "Your name is not known: {problem}.",
    "Give it with --as NAME.",
    "this system has no name for its user",
)
BAD_CONFIGURATION = Reason("bad_configuration", Invalid, "{value!r} {problem}.", "See: bizosaas-xero configure --help")
BAD_SERVER_OPTION = Reason(BAD_CONFIGURATION.name, Invalid, "--{option} {problem}.", "See: bizosaas-xero mcp --help")
NOT_CONFIRMED = Reason("not_confirmed", Invalid, "This would {what}.", "To confirm, run it again with --yes.")
WATCH_ALONE = Reason(
    "watch_alone",
    Invalid,
    "--watch takes no entity, no --full and no --organisation.",
    "Set what is synced, and how often, with: bizosaas-xero configure --interval NAME=SECONDS",
)
UNKNOWN_ACTION = Reason("unknown_action", NotFound, "The action {name!r} does not exist.", "Use one of: {names}.")
CLIENT_ID_MISSING = Reason(
    "client_id_missing",
    Misconfigured,
    "The client id of your Xero app is missing.",
    "Give it with --client-id or XERO_CLIENT_ID. You find it at developer.xero.com under My Apps, in your app, under "
    "Configuration.",
)
CLIENT_SECRET_MISSING = Reason(
    "client_secret_missing",
    Misconfigured,
    "The client secret is missing; an app of kind {kind!r} has one.",
    "Set XERO_CLIENT_SECRET, or pipe it in with --client-secret-stdin. It is never an argument, because other users of "
    "this machine can read those.",
)
NO_CLIENT_ID = Reason(
    "no_client_id", Misconfigured, "The client id is missing.", "Set XERO_CLIENT_ID and XERO_CLIENT_SECRET."
)
NO_CALLBACK = Reason(
    "no_callback",
    Invalid,
    "{what}",
    f"Run the command again and paste what the browser's address bar shows. {_CONSENT_PAGE_HINT}",
)
CONSENT_TIMEOUT = Reason(
    "consent_timeout",
    ReconnectRequired,
    "No consent was received within {minutes:.0f} minutes.",
    f"Run the command again; if no page opens here, use --no-browser. {_CONSENT_PAGE_HINT}",
)
PORT_TAKEN = Reason(
    "port_taken",
    Misconfigured,
    "The port {port} of this machine cannot be used: {cause}.",
    "Choose another with --port; 0 takes a free one.",
)
CALLBACK_PORT_TAKEN = Reason(
    PORT_TAKEN.name,
    Misconfigured,
    "The port {port} of this machine cannot be listened on: {cause}.",
    "Choose another with --port (and register its redirect address with your app), or use --no-browser and paste the "
    "address.",
)
MCP_NO_ISSUER = Reason(
    "mcp_no_issuer",
    Misconfigured,
    "With --public-url people sign in, and no issuer is configured.",
    "Set BIZOSAAS_OIDC_ISSUER (docs/web.md); or leave --public-url away, and use a token.",
)
MCP_TOKEN = Reason(
    "mcp_token",
    Misconfigured,
    "{what}",
    "Make one with {command}, and pass it in {variable} or a file (--token-file) of your own.",
)
DATABASE_UNWRITABLE = Reason(
    "database_unwritable",
    Misconfigured,
    "The database of the last demo in {home} cannot be replaced: {cause}.",
    "Set BIZOSAAS_HOME to a folder that you may write.",
)
NOT_A_DEMO_COMPANY = Reason(
    "not_a_demo_company",
    Invalid,
    "verify writes to a Demo Company only, and this organisation is not one.",
    "Run it without --write, or name a Demo Company with --organisation.",
    "is for a Demo Company only",
)
FILE_UNWRITABLE = Reason(
    "file_unwritable",
    Misconfigured,
    "{path} cannot be written: {cause}.",
    "Name a file in a folder that this user may write to.",
)
