"""The reasons of the errors that the Xero connector raises; others are in :mod:`bizosaas_xero.toolkit.reasons`."""

from __future__ import annotations

from bizosaas_xero.spec.errors import (
    AuthExpired,
    Conflict,
    CursorRejected,
    Invalid,
    Misconfigured,
    MissingScope,
    NotFound,
    OrganisationUnavailable,
    RateLimited,
    ReconnectRequired,
    Unavailable,
)
from bizosaas_xero.spec.reasons import Reason

PORTAL = "developer.xero.com under My Apps"
AUTHORIZE = "Choose Authorize with Xero under Settings → Integrations → Xero"

# ---------------------------------------------------------------- access

TOKEN_EXPIRED = Reason("token_expired", AuthExpired, "The access to Xero has run out.")
TOKEN_REFUSED = Reason("token_refused", AuthExpired, "Xero did not accept the access token.")
CONSENT_CANCELLED = Reason(
    "consent_cancelled",
    ReconnectRequired,
    "Access was not allowed on Xero's page.",
    f"{AUTHORIZE} again and press Allow access.",
)
CODE_REFUSED = Reason(
    "code_refused",
    ReconnectRequired,
    "Xero no longer accepts this authorisation: it is older than 5 minutes or was used already.",
    f"{AUTHORIZE} again and finish within 5 minutes.",
)
GRANT_ENDED = Reason(
    "grant_ended",
    ReconnectRequired,
    "The access to Xero has ended: it was revoked, replaced by a newer one, or unused for 60 days.",
    f"{AUTHORIZE} again. Nothing that was synced is lost.",
)
MISSING_SCOPE = Reason(
    "missing_scope",
    MissingScope,
    "{what} needs {permission}, which was not granted.",
    "In Settings → Integrations → Xero choose Authorize with Xero again and allow everything. "
    "Apps made since 2 March 2026 need the granular scopes.",
)
OFFLINE_ACCESS_MISSING = Reason(
    "offline_access_missing",
    MissingScope,
    "The access to Xero has run out and cannot be renewed, because offline_access was not granted.",
    f"{AUTHORIZE} again with offline_access among the scopes.",
)
INVALID_CLIENT = Reason(
    "invalid_client",
    Misconfigured,
    "Xero does not accept the client id and secret (invalid_client).{detail}",
    f"Copy the client id, and a newly generated client secret, from your app at {PORTAL} → Configuration, and paste "
    "both under Settings → Integrations → Xero.",
)
UNAUTHORIZED_CLIENT = Reason(
    "unauthorized_client",
    Misconfigured,
    "Xero does not let this app connect in this way (unauthorized_client).{detail}",
    f"At {PORTAL}, check that the app's type is the one chosen here (Web app, Mobile or desktop app, or Custom "
    "Connection) and that exactly this redirect address is entered there.",
)
SIGN_IN_REFUSED = Reason(
    "sign_in_refused",
    Misconfigured,
    "Xero refused to give access ({error}).{detail}",
    f"Check the app at {PORTAL}, then {AUTHORIZE[0].lower()}{AUTHORIZE[1:]} again.",
)
SCOPES_REFUSED = Reason(
    "scopes_refused",
    Misconfigured,
    "Xero does not give this app the permissions that were asked for ({error}).",
    "Set the scopes (XERO_SCOPES) to 'granular' for an app made since 2 March 2026, or to 'legacy' for an older one "
    f"that has no granular scopes yet. A Custom Connection must have them ticked at {PORTAL}.",
)
CLIENT_SECRET_MISSING = Reason(
    "client_secret_missing",
    Misconfigured,
    "The client secret is missing.",
    f"Generate one in your app at {PORTAL} → Configuration and paste it under Settings → Integrations → Xero. Only an "
    "app of the type Mobile or desktop app (kind 'pkce') has none.",
    "is needed by this kind of app",
)
CLIENT_ID_CHANGED = Reason(
    "client_id_changed",
    Misconfigured,
    "The stored access belongs to another client id.",
    f"{AUTHORIZE} again with the new app, or put the former client id back.",
)
USER_ROLE = Reason(
    "user_role",
    Misconfigured,
    "The Xero user who connected may not read {feature}.",
    "In Xero, give that user a role that allows it (such as Standard with reports, or Adviser), or let such a user "
    "choose Authorize with Xero.",
)
ORGANISATION_NOT_CONNECTED = Reason(
    "organisation_not_connected",
    OrganisationUnavailable,
    "This Xero organisation is not connected any more, or it is not the one that was authorised.",
    "Choose the organisation again under Settings → Integrations → Xero. If it is not offered, Authorize with Xero and "
    "pick it on Xero's page. A Demo Company that was reset counts as a new one.",
)
CALLBACK_INCOMPLETE = Reason(
    "callback_incomplete",
    Invalid,
    "The address that Xero sent the person back to holds no code.",
    "Paste the complete address from the browser, starting with http.",
    "holds no code",
)
STATE_MISMATCH = Reason(
    "state_mismatch",
    Invalid,
    "This callback does not belong to the authorisation that was started here.",
    f"{AUTHORIZE} again. If you did not start one, another person may be trying to connect their books to your "
    "account: do not use the link.",
    "its state is not the one that was sent",
)
ORGANISATION_NEEDED = Reason(
    "organisation_needed",
    Invalid,
    "Several organisations are connected.",
    "Name one in request.organisation_id, or set request.revoke to end all of them.",
    "is needed: several are connected",
)

# ---------------------------------------------------------------- requests and reads

LIMIT_MINUTE = Reason("limit_minute", RateLimited, "The minute's calls to this Xero organisation are used up.")
LIMIT_DAY = Reason("limit_day", RateLimited, "Today's calls to this Xero organisation are used up.")
LIMIT_CONCURRENT = Reason("limit_concurrent", RateLimited, "Too many calls to Xero at once.")
LIMIT_APP_MINUTE = Reason("limit_app_minute", RateLimited, "The minute's calls of this app to Xero are used up.")
BAD_SETTING = Reason(
    "bad_setting",
    Misconfigured,
    "A setting is wrong: {messages}.",
    "Correct it in the connection's settings or in the XERO_ environment variable.",
)
REFUSED_BY_XERO = Reason(
    "refused_by_xero",
    Invalid,
    "Xero refused the request: {messages}.",
    "If the message does not tell you what to change, contact support with the correlation id.",
)
HIGH_VOLUME = Reason("high_volume", Invalid, REFUSED_BY_XERO.message, REFUSED_BY_XERO.remedy)
"""Xero refuses a filter that it does not optimise, for a list of more than 100,000 rows."""

UNREADABLE_RECORD = Reason(
    "unreadable_record",
    Invalid,
    "A record of Xero cannot be read: {record}: {field} {problem}.",
    "Correct this field in Xero. If it is right there, report it with the name of the record.",
)
WRITTEN_UNREADABLE = Reason(UNREADABLE_RECORD.name, Unavailable, UNREADABLE_RECORD.message)
"""The record was written: the caller looks for it before it writes again."""

UNSTABLE_LIST = Reason(
    "unstable_list",
    Unavailable,
    "The records changed in a way that made a complete reading impossible, several times over.",
)
DAMAGED_CURSOR = Reason("damaged", CursorRejected, "The stored position of '{entity}' is damaged.")
FOREIGN_CURSOR = Reason("foreign", CursorRejected, "The stored position is not one of '{entity}' in this organisation.")
UNKNOWN_ENTITY = Reason("unknown_entity", NotFound, "Unknown entity '{entity}'.", "Use one of: {names}.")

# ---------------------------------------------------------------- actions

UNKNOWN_ACTION = Reason("unknown_action", NotFound, "This connector has no action '{name}'.", "Use one of: {names}.")
STALE_PLAN = Reason(
    "stale_plan",
    Conflict,
    "What this would do now is not what was planned.",
    "Plan again with the same parameters and business key, and look at what is different.",
)
LOCKED_PERIOD = Reason(
    "locked_period",
    Invalid,
    problem="the books are locked up to {locked}; a later date is needed",
    remedy="Choose a later date, or have an accountant move the lock date in Xero.",
)
ARCHIVED_ACCOUNT = Reason(
    "archived_account",
    Invalid,
    problem="{account} is archived in Xero",
    remedy="Restore it there, or name another.",
)

UNKNOWN_CONTACT = Reason("unknown_contact", NotFound, "No active contact has this {missed}.{found}", "{way}{or_new}.")
SEVERAL_CONTACTS = Reason(
    "several_contacts",
    Invalid,
    problem="several contacts match: {names}",
    remedy="Ask which one is meant, and pass contact.id.",
)
CONTACT_EXISTS = Reason(
    "contact_exists",
    Invalid,
    problem="the contact {name} exists already ({contact_id})",
    remedy="Use that contact, or choose another name.",
)

UNKNOWN_DOCUMENT = Reason(
    "unknown_document",
    NotFound,
    "No {kind} has the id or number {key!r}.",
    "Look with find_invoices.",
    "no {kind} has this id or number",
)
SEVERAL_DOCUMENTS = Reason(
    "several_documents",
    Invalid,
    problem="{kind} number {key} is ambiguous: {names}",
    remedy="Ask which one is meant, and pass its id.",
)
NOT_SENDABLE = Reason(
    "not_sendable", Invalid, problem="{number} is {status}: Xero e-mails what is submitted, approved or paid"
)
NO_EMAIL_ADDRESS = Reason(
    "no_email_address",
    Invalid,
    problem="{name}, the customer of {number}, has no e-mail address",
    remedy="Add one to the contact in Xero.",
)
EMAIL_REFUSED = Reason(
    "email_refused",
    Invalid,
    "Xero did not send the e-mail: {messages}.",
    "A Demo Company sends none, a trial 20 a day, other organisations 1,000, each counting what people send in Xero. "
    "Correct what Xero names, then call again, with the same business key if you like.",
)
INSTEAD_OF_VOIDING = "Use create_credit_note: it corrects it with a date of today"
INVOICE_SETTLED = Reason(
    "invoice_settled",
    Invalid,
    problem="{number} is paid or credited{details}",
    remedy="Delete the payments with delete_payment, and remove credits in Xero, first. "
    "Or leave it and use create_credit_note.",
)
SENT_ALREADY = Reason(
    "sent_already",
    Invalid,
    problem="{number} was sent to {name}",
    remedy=f"{INSTEAD_OF_VOIDING}, and the customer gets a document that says so. "
    "To void it all the same, pass even_if_sent = true.",
)
NOT_CREDITABLE = Reason(
    "not_creditable",
    Invalid,
    problem="{number} is only {status}: there is nothing to credit",
    remedy="void_invoice deletes it.",
)
CREDITED_ALREADY = Reason(
    "credited_already",
    Invalid,
    problem="{currency} {total} is more than the {left} that is left to credit of {number} (total {invoice_total}; "
    "credited before: {credited})",
    remedy="Credit less, or void the other credit note in Xero first.",
)

NOT_PAYABLE = Reason("not_payable", Invalid, problem="{number} cannot be paid: {why}", remedy="Look at it in Xero.")
OVERPAID = Reason(
    "overpaid",
    Invalid,
    problem="{number} has {due} due, and {amount} is {surplus} more",
    remedy="Correct the amount, or pass on_surplus = `overpayment` if that much was really paid.",
)
WRONG_CURRENCY = Reason(
    "wrong_currency",
    Invalid,
    problem="{account} is in {account_currency}, and the {kind} in {currency}",
    remedy="Name an account in {currencies}.",
)
UNKNOWN_PAYMENT = Reason(
    "unknown_payment",
    NotFound,
    "No payment has the id {payment_id!r}.",
    "Look at the invoice with get_invoice: it names its payments.",
    "no payment has this id",
)
NO_PAYMENT = Reason(
    UNKNOWN_PAYMENT.name,
    NotFound,
    "{number} has no payment.",
    "Credit notes and overpayments that settle it are removed in Xero.",
    "has no payment",
)
SEVERAL_PAYMENTS = Reason(
    "several_payments",
    Invalid,
    problem="{number} has several payments: {names}",
    remedy="Ask which one is meant, and pass payment_id.",
)
RECONCILED = Reason(
    "reconciled",
    Invalid,
    problem="it is reconciled with a bank line",
    remedy="Unreconcile it in Xero first; the bank says that this money has moved.",
)
IN_BATCH = Reason(
    "in_batch",
    Invalid,
    problem="it is part of a batch, which reached the bank as one sum",
    remedy="Delete the whole batch payment in Xero.",
)
NOT_A_PAYMENT = Reason(
    "not_a_payment",
    Invalid,
    problem="it is a refund or does not pay an invoice or bill",
    remedy="Delete it in Xero.",
)
PAYMENT_DELETED = Reason(
    "payment_deleted",
    Conflict,
    "This payment of {number} was recorded before, and was deleted since.",
    "To record it again, use a new business key.",
)

MISSING_RECONCILE = Reason(
    "missing_extra",
    Misconfigured,
    "Reading a bank statement needs an extra that is not installed.",
    "Install bizosaas-xero[reconcile].",
)
UNKNOWN_CITATION = Reason("unknown_citation", Invalid, remedy="Cite one of: {forms}.")
UNKNOWN_FIGURE = Reason("unknown_figure", NotFound)
