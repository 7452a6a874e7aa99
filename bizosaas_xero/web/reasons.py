"""The reasons of the errors that the pages raise themselves."""

from __future__ import annotations

from bizosaas_xero.spec.errors import Invalid, Misconfigured, NotFound
from bizosaas_xero.spec.reasons import Reason

NO_SIGN_IN = Reason(
    "no_sign_in",
    Misconfigured,
    "The pages cannot be served at {host}: other machines could connect, and no sign-in for them is configured.",
    "Set BIZOSAAS_OIDC_ISSUER and BIZOSAAS_OIDC_CLIENT_ID; or use --host localhost, and a tunnel such as ssh -L from "
    "elsewhere; or mount the application in a platform that signs people in (docs/web.md).",
    "is not an address of this machine",
)
NO_HTTPS = Reason(
    "no_https",
    Misconfigured,
    "The pages cannot be served at {host}: others could read what is sent.",
    "Give --public-url with https://, and either --certificate with --certificate-key, or the address of the proxy "
    "that encrypts: --trusted-proxy.",
    "is not encrypted",
)
ISSUER_UNUSABLE = Reason(
    "issuer_unusable",
    Misconfigured,
    "No person can sign in with {issuer}: {cause}.",
    "The person who runs these pages corrects BIZOSAAS_OIDC_ISSUER, or the sign-in service.",
)
SIGN_IN_REFUSED = Reason(
    "sign_in_refused",
    Invalid,
    "You were not signed in: {cause}.",
    "Sign in again. If it stays so, tell the person who runs these pages.",
)
NAME_MISSING = Reason(
    "name_missing",
    Invalid,
    "You were not signed in: your name cannot be read from the claim {claim}: {cause}.",
    "The person who runs these pages sets BIZOSAAS_OIDC_NAME_CLAIM to a claim that names each person.",
)
NO_ROLE = Reason(
    "no_role",
    Invalid,
    "{name} has no role here.",
    "The person who runs the sign-in service gives you one in the claim {claim}: viewer, approver or owner.",
)
BAD_ADDRESS = Reason("bad_setting", Misconfigured, "{path} {problem}.", "Correct it, and start again.")
CLIENT_ID_MISSING = Reason(
    "client_id_missing",
    Invalid,
    "The client id is missing.",
    "Copy it from your app's page, and paste it here.",
    "is missing",
)
BAD_NOTIFICATION = Reason(
    "bad_notification",
    Invalid,
    "A notification address is not one that Apprise knows.",
    "Write one address a line, such as mailtos://… or slack://… (https://github.com/caronc/apprise/wiki).",
    "is not an address that Apprise knows",
)
NO_APPRISE = Reason(
    "extra_missing",
    Misconfigured,
    "Messages need the package apprise, which is not installed.",
    "Run: pip install 'bizosaas-xero[notify]'",
)
NO_DEFAULTS = Reason("no_defaults", NotFound, "{name} proposes no defaults.", "Nothing to do: sync it from its page.")
UNKNOWN_ENTITY = Reason(
    "unknown_entity", NotFound, "The connector has no entity {name!r}.", "Go back to the connection's page."
)
