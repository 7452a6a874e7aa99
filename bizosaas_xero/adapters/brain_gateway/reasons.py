"""The reasons of the errors that the bridge to the brain-gateway raises itself."""

from __future__ import annotations

from bizosaas_xero.spec.errors import (
    Conflict,
    Invalid,
    Misconfigured,
    NotFound,
    OrganisationUnavailable,
    ReconnectRequired,
    Unavailable,
)
from bizosaas_xero.spec.reasons import Reason

# ---------------------------------------------------------------- set-up

UNKNOWN_CONNECTOR = Reason("unknown_connector", NotFound, "No connector {name!r} was registered.")
APPROVE_IS_ASYNC = Reason(
    "approve_is_async",
    Misconfigured,
    "`approve` is asynchronous, and hooks run in threads.",
    "Give a plain function; it may block.",
)
NO_FILE_LOCKS = Reason(
    "no_file_locks",
    Misconfigured,
    "This system has no file locks that hold across processes.",
    "Use the store on SQLAlchemy.",
)
SECRET_KEY_MISSING = Reason(
    "secret_key_missing",
    Misconfigured,
    "{variable} is not set, and grants are not kept unencrypted.",
    "Set it to what this prints: "
    'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"',
)
STORE_UNAVAILABLE = Reason(
    "store_unavailable",
    Unavailable,
    "The gateway's store {folder} cannot be used: {cause}.",
    "Make the folder and its files writable for this user, with space on the disk.",
)
DATABASE_UNAVAILABLE = Reason(
    STORE_UNAVAILABLE.name,
    Unavailable,
    "The gateway's database does not work ({cause}).",
    "See whether the database is there, and may be written.",
)
STORE_BUSY = Reason("store_busy", Unavailable, "The gateway's store is changed by others all the time.")

# ---------------------------------------------------------------- access

NO_TENANT = Reason(
    "no_tenant", Misconfigured, "The gateway named no tenant.", "Sign in as a user who belongs to a tenant."
)
NO_APP = Reason(
    "no_app",
    Misconfigured,
    "No app is known with which to sign in.",
    "Enter the app's client id and secret in the connector's form, and connect without force_connect. "
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
    "Change two lines of the gateway's callback route, as docs/brain-gateway.md shows.",
)
UNKNOWN_STATE = Reason(
    "unknown_state",
    Invalid,
    "{path} {problem}.",
    "Begin again, and finish within 30 minutes, signed in as the same tenant.",
    "belongs to no sign-in that was begun for this tenant, or it was used or is too old",
)
NOT_CONNECTED = Reason("not_connected", ReconnectRequired, "This tenant is not connected to {connector}.")
NO_GRANT = Reason(
    "no_grant",
    ReconnectRequired,
    "Access to {connector} was not given yet.",
    "Open the address that the gateway's authorize route gives, and allow access.",
)
REFRESH_RUNNING = Reason(
    "refresh_running",
    Unavailable,
    "Another process is renewing the access and has not finished.",
    "Try again in some minutes.",
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
UNKNOWN_ACTION = Reason("unknown_action", NotFound, "{connector} has no action {name!r}.", "Run list_actions.")
MODE_NOT_ALLOWED = Reason(
    "mode_not_allowed",
    Invalid,
    "{path} {problem}.",
    "Plan first, look at the plan, then commit it with its plan_hash and business_key.",
    "must be plan or commit",
)
COMMIT_NOT_ALLOWED = Reason(
    "commit_not_allowed",
    Misconfigured,
    "This gateway only plans writes: it has no way to approve one.",
    "The operator gives the bridge an `approve` function, as docs/brain-gateway.md shows.",
)
NOT_APPROVED = Reason(
    "not_approved",
    Misconfigured,
    "This {action} is not approved yet. Nothing was written.",
    "Have the plan approved where the gateway asks a person, then commit it again.",
)
PLAN_UNKNOWN = Reason("plan_unknown", Conflict, "No such plan was made here, or it is too old.")
OTHER_PLAN = Reason("other_plan", Conflict, "The plan is of another action, organisation, business key or parameters.")
