"""The reasons of the errors that the pages raise themselves."""

from __future__ import annotations

from bizosaas_xero.spec.errors import Invalid, Misconfigured, NotFound
from bizosaas_xero.spec.reasons import Reason

NO_SIGN_IN = Reason(
    "no_sign_in",
    Misconfigured,
    "The pages cannot be served at {host}: other machines could connect, and this command has no sign-in for them.",
    "Use --host localhost, and a tunnel such as ssh -L from elsewhere; or mount the application in a platform that "
    "signs people in (docs/web.md).",
    "is not an address of this machine",
)
BAD_ADDRESS = Reason("bad_setting", Misconfigured, "{path} {problem}.", "Correct it, and start again.")
CLIENT_ID_MISSING = Reason(
    "client_id_missing",
    Invalid,
    "The client id is missing.",
    "Copy it from your app's page, and paste it here.",
    "is missing",
)
NO_DEFAULTS = Reason("no_defaults", NotFound, "{name} proposes no defaults.", "Nothing to do: sync it from its page.")
UNKNOWN_ENTITY = Reason(
    "unknown_entity", NotFound, "The connector has no entity {name!r}.", "Go back to the connection's page."
)
