"""The reasons of the errors that the bridge to the brain-gateway raises itself."""

from __future__ import annotations

from bizosaas_xero.spec.errors import (
    AuthExpired,
    Invalid,
    Misconfigured,
    NotFound,
    OrganisationUnavailable,
    RateLimited,
    ReconnectRequired,
    Unavailable,
)
from bizosaas_xero.spec.reasons import Reason

# ---------------------------------------------------------------- set-up

UNKNOWN_CONNECTOR = Reason("unknown_connector", NotFound, "No connector {name!r} was registered.")
# ---------------------------------------------------------------- access

NO_TENANT = Reason(
    "no_tenant", Misconfigured, "The gateway named no tenant.", "Sign in as a user who belongs to a tenant."
)
NO_APP = Reason(
    "no_app",
    Misconfigured,
    "No app is known with which to sign in.",
    "Enter the app's client id and secret in the connector's form first. "
    "Or ask the operator to give the platform's app to the bridge.",
)
FOREIGN_REDIRECT_URI = Reason(
    "foreign_redirect_uri",
    Invalid,
    "{path} {problem}.",
    "Use {redirect_uri}, or set the app up with the other one.",
    "is not the one with which this app was set up",
)
STATE_NOT_PASSED = Reason(
    "state_not_passed",
    Misconfigured,
    "The gateway did not hand the state over with the code: who began this is unknown.",
    "Mount the connectors on the gateway, as docs/brain-gateway.md shows.",
)
NOT_CONNECTED = Reason("not_connected", ReconnectRequired, "This tenant is not connected to {connector}.")
NO_GRANT = Reason(
    "no_grant",
    ReconnectRequired,
    "Access to {connector} was not given yet.",
    "Open the address that the gateway's authorize route gives, and allow access.",
)
ORGANISATION_NOT_OFFERED = Reason(
    "organisation_not_offered",
    OrganisationUnavailable,
    "This sign-in does not reach the organisation {organisation!r}.",
    "Run list_organisations. Or authorise again and choose it there.",
)
NO_ORGANISATION_CHOSEN = Reason(
    "organisation_not_chosen",
    Invalid,
    "No organisation was chosen.",
    "Run the action list_organisations, then choose_organisation with its id.",
    "choose one",
)
ORGANISATION_NOT_CHOSEN = Reason(
    NO_ORGANISATION_CHOSEN.name,
    OrganisationUnavailable,
    "The organisation {organisation!r} was not chosen for this tenant.",
    "Use one of: {names}. Or run choose_organisation.",
)

# ---------------------------------------------------------------- requests

CANCELLED = Reason("cancelled", Unavailable, "The request was cancelled.")
TOKEN_REFUSED = Reason("token_refused", AuthExpired, "The access token is refused.")
INITIAL_SYNC_PAUSED = Reason(
    "initial_sync_paused",
    RateLimited,
    "The first sync was interrupted at {entity}: {cause}",
    "Ask again later: it continues where it stopped.",
)
APP_REFUSED = Reason(
    "app_refused",
    Misconfigured,
    "The provider refuses this app.",
    "Copy client id and secret from the provider's page of the app once more.",
)
NOT_SIGNED_IN = Reason(
    "not_signed_in",
    Misconfigured,
    "No one is signed in.",
    "Sign in to the platform, and open this page from there.",
)
NOT_ALLOWED = Reason(
    "not_allowed",
    Misconfigured,
    "Your role only looks.",
    "Ask a person of your organisation who may change this.",
)
AGENT_UNKNOWN = Reason(
    "agent_unknown",
    NotFound,
    "This address of an agent's tools is not known, or was withdrawn.",
    "Ask the platform for a new one.",
)
UNKNOWN_TOOL = Reason("unknown_tool", NotFound, "{name!r} is not a tool of this connector.", "List the tools.")
