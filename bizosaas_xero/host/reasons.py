"""The reasons of the errors that the embedded host raises; a connector's own come through unchanged."""

from __future__ import annotations

from bizosaas_xero.spec.errors import (
    Conflict,
    Invalid,
    Misconfigured,
    NotFound,
    OrganisationUnavailable,
    RateLimited,
    ReconnectRequired,
    Unavailable,
)
from bizosaas_xero.spec.reasons import Reason

# ---------------------------------------------------------------- connectors

UNKNOWN_CONNECTOR = Reason("unknown_connector", NotFound, "No connector {name!r} is installed.", "Installed: {names}.")
CONNECTOR_NOT_LOADED = Reason(
    "connector_not_loaded",
    NotFound,
    "The connector {name!r} cannot be used ({status}): {cause}.",
    "Install or repair its distribution, then look at the list of connectors again.",
)
CONNECTOR_FAILED = Reason(
    "connector_failed",
    Unavailable,
    "The connector {connector!r} ({distribution} {version}) failed: {what}.",
    "If this stays, report it to the connector's author. Nothing was lost.",
)
BAD_IDENTIFIER = Reason(
    "bad_name",
    Misconfigured,
    "The connector publishes the name {name!r}, which cannot be a table's or column's here.",
    "Report this to the connector's author: lower case letters, digits and _, and none of the host's own names.",
)
UNKNOWN_ENTITY = Reason("unknown_entity", NotFound, "{title} has no entity {name!r}.", "Use one of: {names}.")
UNKNOWN_ACTION = Reason("unknown_action", NotFound, "The connector has no action {action!r}.", "Use one of: {names}.")

# ---------------------------------------------------------------- connections

NO_ORGANISATION = Reason(
    "no_organisation",
    OrganisationUnavailable,
    "This sign-in reaches no organisation.",
    "Connect again, and choose an organisation on the page where access is allowed.",
)
ORGANISATION_NOT_OFFERED = Reason(
    "organisation_not_offered",
    OrganisationUnavailable,
    "This sign-in does not reach the organisation {organisation!r}.",
    "Choose one of: {names}. Or connect again and choose it there.",
)
ORGANISATION_NOT_CHOSEN = Reason(
    "organisation_not_chosen",
    Invalid,
    "Several organisations are offered, and none was chosen.",
    "Choose one of: {names}.",
    "choose one",
)
OTHER_ADDRESS = Reason(
    "other_address",
    Misconfigured,
    "{path} is {given}, but this connection was made with {pinned}.",
    "Unset {path}, or set it to {pinned}. To use the other address, disconnect and connect again.",
    "differs from the connection's {name}",
)
REFRESH_STUCK = Reason(
    "refresh_stuck",
    Unavailable,
    "Another process ({owner}) is refreshing the access token and does not finish.",
    "Try again in some minutes. If this stays, end that process.",
)
BAD_CONFIGURATION = Reason(
    "bad_configuration",
    Invalid,
    "This cannot be configured: {summary}.",
    "Nothing was changed. Correct what is named, and say it again.",
)
BAD_CALLBACK = Reason(
    "bad_callback",
    Invalid,
    "The call-back address must begin with https:// (http:// only on this machine).",
    "Give another address.",
    "must be https:// or on this machine",
)

# ---------------------------------------------------------------- actions, plans and approvals

UNKNOWN_PLAN = Reason(
    "unknown_plan", NotFound, "No plan {plan!r} was found.", "List open plans: bizosaas-xero approve. Or plan it."
)
HASH_TOO_SHORT = Reason(
    "hash_too_short", Invalid, "The plan's hash {problem}.", problem="must have at least {least} characters"
)
HASH_AMBIGUOUS = Reason(
    "hash_ambiguous", Invalid, "The plan's hash {problem}.", problem="is the beginning of several: give more of it"
)
PLAN_DONE = Reason(
    "plan_done",
    Conflict,
    "This plan is done already.",
    "Nothing to do. To do it once more, plan it with another business key.",
)
PLAN_EXPIRED = Reason(
    "plan_expired",
    Conflict,
    "The time of this plan was over at {expires_at:%Y-%m-%d %H:%M} UTC.",
    "Plan again with the same parameters and business key.",
)
PLAN_REFUSED = Reason(
    "plan_refused",
    Conflict,
    "{name} refused this plan.",
    "Ask them why. They can still allow it: bizosaas-xero approve {plan}",
)
STALE_PLAN = Reason(
    "stale_plan",
    Conflict,
    "What this would do now is not what was planned.",
    "Plan again with the same parameters and business key, and look at what is different.",
)
BUSINESS_KEY_REUSED = Reason(
    "business_key_reused",
    Conflict,
    "The business key {key!r} was used for another {action} before.",
    "If this is another write, give it a business key of its own. If it is the same one, ask with the same parameters.",
)
IN_PROGRESS = Reason(
    "in_progress",
    Conflict,
    "{owner} is doing this {action} already.",
    "Ask again in some seconds, with the same business key: it is done once.",
)
POLICY_FORBIDS = Reason(
    "policy_forbids",
    Misconfigured,
    "{action} was not run: {why}.",
    "Nothing was written. Who decides about this organisation can change the policy: "
    "bizosaas-xero configure --policy {action}=RULE",
)
REQUESTER_REVOKED = Reason(
    "requester_revoked",
    Misconfigured,
    "{name} may ask for nothing any more: {who} decided it.",
    "Nothing was sent. An owner can allow it again on the page Activity.",
)
APPROVER_IS_REQUESTER = Reason(
    "approver_is_requester",
    Invalid,
    "{name} asked for this, and cannot approve it.",
    "Another person must: bizosaas-xero approve {plan} --as NAME. A program that asks should say its own name: "
    "run --as NAME. Who works alone can choose owner mode (bizosaas-xero configure --owner NAME), for what they ask "
    "for at a terminal.",
    "is the one who asked",
)
NOT_CONFIRMED = Reason(
    "not_confirmed",
    Invalid,
    "{name} asked for this, and must confirm that they approve it themselves.",
    "Look at it and answer at a terminal: bizosaas-xero approve {plan}",
    "is the one who asked: the second confirmation is missing",
)
YES_NOT_ALLOWED = Reason(
    "yes_not_allowed",
    Misconfigured,
    "The policy does not let {action} be approved without looking at it.",
    "Look at it and answer: bizosaas-xero approve {plan}. Or let the policy allow --yes: "
    "bizosaas-xero configure --policy {action}=approval,,,yes",
)
BAD_NAME = Reason(
    "bad_name", Invalid, "{path} {problem}.", problem="must be 1 to {longest} characters that can be seen"
)
BAD_HEAD = Reason(
    "bad_head",
    Invalid,
    "{text!r} is not the head of an audit.",
    "Give it as `audit --head` prints it: SEQ:HASH.",
    "must look like SEQ:HASH",
)
SAME_CALL_REPEATED = Reason(
    "same_call_repeated",
    RateLimited,
    "This very call was made {number} times within a minute.",
    "Do not call it again: its answer will not be another one. Tell the person what you lack.",
)
TOO_MANY_PLANS = Reason(
    "too_many_plans",
    RateLimited,
    "{number} plans of {organisation} wait for a person already.",
    "Ask the person to decide about them first: bizosaas-xero approve",
)
TOO_MANY_WRITES = Reason(
    "too_many_writes",
    RateLimited,
    "Agents wrote {number} times to {organisation} within an hour.",
    "Stop, and tell the person. Who runs this server can raise the bound: bizosaas-xero mcp --writes-per-hour",
)
BUNDLE_UNWRITABLE = Reason(
    "bundle_unwritable", Misconfigured, "The bundle {target} cannot be written: {why}.", "Name another file."
)

NOT_SQLITE = Reason(
    "not_sqlite",
    Misconfigured,
    "Only a database in a SQLite file is backed up and restored by this command.",
    "For PostgreSQL: {backup}, and to restore: {restore}. Stop syncs first.",
)
BAD_BACKUP = Reason("bad_backup", Invalid, "{problem}.", "Name another file.")
BACKUP_UNWRITABLE = Reason(
    "file_unwritable",
    Misconfigured,
    "{path} cannot be written: {cause}.",
    "Name a file in a folder that this user may write to, with space enough.",
)

EXPORT_NOT_EMPTY = Reason(
    "export_not_empty", Invalid, "The folder {folder} is not empty.", "Name a new or empty folder.", "is not empty"
)

# ---------------------------------------------------------------- storage

UNKNOWN_CONNECTION = Reason("unknown_connection", NotFound, "No connection {id!r} exists.")
NO_GRANT = Reason("no_grant", ReconnectRequired, "Access was never given, or was ended.")
UNKNOWN_STATE = Reason(
    "unknown_state",
    Invalid,
    "This address belongs to no sign-in that was begun here, or it was used or is too old.",
    "Begin again with connect, and use the address of that sign-in, once.",
    "unknown state",
)
SYNC_RUNNING = Reason(
    "sync_running",
    Unavailable,
    "{what} is being synced by {who}.",
    "Nothing to do: wait until it is done. If you want to read now, stop that process first.",
)
SYNC_TAKEN_OVER = Reason(
    "sync_taken_over",
    Unavailable,
    "Lost the sync lock (lease expired); another process continued.",
    "Nothing to do: stored records stay, and the other process continues.",
)
HOME_UNUSABLE = Reason(
    "home_unusable",
    Misconfigured,
    "The folder {folder} cannot be created: {cause}.",
    "Set BIZOSAAS_HOME to a folder that you may write.",
)
BAD_SECRET_KEY = Reason(
    "bad_secret_key",
    Misconfigured,
    "The secret key in {source} is not a key: it must be 32 bytes in URL-safe base64.",
    'Make one with: python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"',
)
SECRET_KEY_MISSING = Reason(
    "secret_key_missing",
    Misconfigured,
    "The database is encrypted, and its key file {path} is missing.",
    "Put the file back, or set BIZOSAAS_SECRET_KEY to the key. If the key is lost, move the database away and connect "
    "again.",
)
SECRET_KEY_UNREADABLE = Reason(
    "secret_key_unreadable",
    Misconfigured,
    "The key file {path} cannot be read or written ({cause}).",
    "Make it readable for this user alone, or set BIZOSAAS_SECRET_KEY.",
)
WRONG_SECRET_KEY = Reason(
    "wrong_secret_key",
    Misconfigured,
    "The secret key in {source} is not the key with which this database was encrypted.",
    "Set BIZOSAAS_SECRET_KEY to the right key (older keys may follow, after commas), or move the database away and "
    "connect again.",
)
BAD_DATABASE_URL = Reason(
    "bad_database_url",
    Misconfigured,
    "The database address cannot be used ({cause}).",
    "Set BIZOSAAS_DATABASE_URL to an address like sqlite:////path/to/file.db or postgresql://user@host/name; the "
    "latter needs bizosaas-xero[postgresql].",
)
DATABASE_NEWER = Reason(
    "database_newer",
    Misconfigured,
    "The database {place} was written by a newer release of this program (its tables are version {version}, this "
    "release knows {known}).",
    "Update bizosaas-xero, or use another database (BIZOSAAS_HOME, BIZOSAAS_DATABASE_URL).",
)
DATABASE_DAMAGED = Reason(
    "database_damaged",
    Misconfigured,
    "Database {place} is corrupt or not a SQLite file.",
    "Restore a backup, or move the file away and connect again: records will be synced again.",
)
DATABASE_LOCKED = Reason(
    "database_locked",
    Unavailable,
    "The database {place} is locked by another program for more than {seconds:.0f} seconds.",
    "Close the program that holds it (such as a database browser) and try again.",
)
DATABASE_UNWRITABLE = Reason(
    "database_unwritable",
    Misconfigured,
    "The database {place} cannot be opened for writing: {cause}.",
    "Make the file and its folder writable for this user, or set another BIZOSAAS_HOME.",
)
DATABASE_FULL = Reason(
    "database_full",
    Unavailable,
    "The database {place} cannot be written: the disk is full or failing.",
    "Free some space and try again. Nothing that was stored is lost.",
)
DATABASE_READ_ONLY = Reason(
    DATABASE_UNWRITABLE.name,
    Misconfigured,
    "The database {place} cannot be opened for writing.",
    "Make the file and its folder writable for this user, or set BIZOSAAS_HOME to another.",
)
SERVER_UNREACHABLE = Reason(
    "database_unreachable",
    Unavailable,
    "The database server cannot be reached or ended the connection ({place}).",
    "Check that it runs and that BIZOSAAS_DATABASE_URL is right, then try again. Nothing stored is lost.",
)
SERVER_FULL = Reason(
    DATABASE_FULL.name,
    Unavailable,
    "The database server cannot store more ({place}): its disk or its memory is full.",
    "Free some space there and try again. Nothing that was stored is lost.",
)
SERVER_LOCKED = Reason(
    DATABASE_LOCKED.name,
    Unavailable,
    "Another program holds a lock in the database for too long ({place}).",
    "End it, then try again. Nothing that was stored is lost.",
)
SERVER_REFUSED = Reason(
    "database_refused",
    Misconfigured,
    "The database server refuses this user or does not have this database ({place}).",
    "Correct user, password and name in BIZOSAAS_DATABASE_URL, or create the database.",
)
SERVER_UNWRITABLE = Reason(
    DATABASE_UNWRITABLE.name,
    Misconfigured,
    "The database may be read but not written by this user ({place}).",
    "Name the writable server in BIZOSAAS_DATABASE_URL, or let this user create and write tables.",
)
SECRET_KEY_NEEDED = Reason(
    "secret_key_needed",
    Misconfigured,
    "{variable} is not set, and this platform's machines must share one key.",
    "Set it to what this prints: "
    'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"',
)
