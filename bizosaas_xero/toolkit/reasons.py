"""The reasons of errors that any connector over HTTP raises; ``{service}`` is the service's name."""

from __future__ import annotations

from bizosaas_xero.spec.errors import Invalid, Misconfigured, ReconnectRequired, Unavailable
from bizosaas_xero.spec.reasons import Reason

_LATER = "Nothing to do: the platform tries again later. If it lasts, check "

CONSENT_SPENT = Reason("consent_spent", ReconnectRequired, "This authorisation can no longer be finished: {cause}.")

BAD_LIMITER_URL = Reason(
    "bad_setting",
    Misconfigured,
    "The setting limiter_url is not a Redis address.",
    "Use redis://HOST:PORT/DB, or leave it unset to count within one process.",
    "must begin with redis:// or rediss://",
)
LIMITER_REFUSED = Reason(
    "limiter_refused",
    Misconfigured,
    "The limiter at limiter_url cannot be used ({cause}).",
    "Correct limiter_url, its user and password, or unset it.",
)
MISSING_REDIS = Reason(
    "missing_extra",
    Misconfigured,
    "The setting limiter_url names Redis, but its client is not installed.",
    "Install bizosaas-xero[redis].",
)

OFFLINE = Reason("offline", Unavailable, "{service}, or this organisation in it, is offline for maintenance.")
SERVER_ERROR = Reason("server_error", Unavailable, "{service} had an internal problem ({cause}).")
TIMEOUT = Reason("timeout", Unavailable, "{service} did not answer in time.", f"{_LATER}this machine's network.")
CONNECTION_FAILED = Reason(
    "connection_failed", Unavailable, "The connection to {service} failed.", f"{_LATER}this machine's network."
)
GARBLED_ANSWER = Reason("garbled_answer", Unavailable, "{service}'s answer was damaged on its way.")
ANSWER_TOO_LONG = Reason(
    "answer_too_long",
    Unavailable,
    "An answer was longer than any that {service} gives, and was not read.",
    "If it lasts, set page_size lower, and check that no proxy intercepts requests from this machine to {service}.",
)
REDIRECTED = Reason(
    "redirected",
    Unavailable,
    "{service}'s address answered with a redirect, which was not followed.",
    "Check that no proxy or sign-in page intercepts requests from this machine to {service}.",
)
INTERCEPTED = Reason(
    "intercepted",
    Unavailable,
    "The request was stopped on its way to {service} (status {status}, in a form that {service} does not use).",
    f"{_LATER}that no proxy or firewall blocks this machine.",
)
LIMITER_UNREACHABLE = Reason(
    "limiter_unreachable",
    Unavailable,
    "The limiter at limiter_url does not answer ({cause}).",
    "Start Redis, or correct or unset limiter_url. Nothing was sent; work continues when Redis is back.",
)

PENDING_DAMAGED = Reason("pending_damaged", Invalid, "request.pending {problem}.", "Authorise again.")
UNSENDABLE = Reason(
    "unsendable",
    Invalid,
    "A request to {service} would hold characters that cannot be sent.",
    "Look for line breaks and stray characters in the access token, the organisation id and the addresses among the "
    "settings.",
)
