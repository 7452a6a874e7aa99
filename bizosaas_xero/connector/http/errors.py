"""What each of Xero's bad answers means, in the errors of the contract.

Bodies may be JSON in either letter case, text, HTML or empty; headers may be missing. Forms are those of
Xero's documentation and of public recordings; where they differ, both are recognised.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.spec.errors import (
    AuthExpired,
    ConnectorError,
    Invalid,
    Misconfigured,
    NotFound,
    OrganisationUnavailable,
    RateLimited,
    Unavailable,
)

MINUTE_OR_DAY = 120.0
"""An unnamed limit that ends within so many seconds is the minute's, else the day's."""

OFFLINE_PAUSE = 300.0
"""Seconds after which Xero suggests to try an organisation that is offline again."""

LONGEST_WAIT = 86_400.0
"""Seconds that any answer may make us wait: no limit of Xero's lasts longer than a day."""

_DEEPEST = 50
"""How deep in a refusal messages are looked for; Xero nests them four deep."""


def error_of(response: httpx.Response, feature: str | None = None) -> ConnectorError:
    """Return the error that a bad answer of the API or of ``/connections`` means."""
    handler = _BY_STATUS.get(response.status_code)
    if handler:
        return handler(response, feature)
    if response.is_server_error:
        return _unavailable(response, feature)
    if response.is_redirect:
        return _redirected(response)
    return garbled(response) if response.is_success else _invalid(response)


def _unauthorized(response: httpx.Response, feature: str | None) -> ConnectorError:
    if _speaks_of_scope(response):
        return _scope_refused(response, feature)
    detail = _detail(response)
    if "permitted" in detail.lower() or "role" in detail.lower():
        return not_permitted(response, feature)
    expired = "tokenexpired" in detail.lower()
    return AuthExpired(
        "The access to Xero has run out." if expired else "Xero did not accept the access token.",
        reason="token_expired" if expired else "token_refused",
        correlation_id=_correlation(response),
    )


def _forbidden(response: httpx.Response, feature: str | None) -> ConnectorError:
    if _speaks_of_scope(response):
        return _scope_refused(response, feature)
    detail = _detail(response)
    if "permitted" in detail.lower() or "role" in detail.lower():
        return not_permitted(response, feature)
    return organisation_unavailable(_correlation(response))


def organisation_unavailable(correlation_id: str | None = None) -> OrganisationUnavailable:
    """Make the error for an organisation that the grant does not reach."""
    return OrganisationUnavailable(
        "This Xero organisation is not connected any more, or it is not the one that was authorised.",
        remedy="Choose the organisation again under Settings → Integrations → Xero. If it is not offered, "
        "Authorize with Xero and pick it on Xero's page. A Demo Company that was reset counts as a new one.",
        reason="organisation_not_connected",
        correlation_id=correlation_id,
    )


def not_permitted(response: httpx.Response, feature: str | None = None) -> Misconfigured:
    """Make the error for a Xero user whose role does not allow the operation."""
    return Misconfigured(
        f"The Xero user who connected may not read {feature or 'this'}.",
        remedy="In Xero, give that user a role that allows it (such as Standard with reports, or Adviser), "
        "or let such a user choose Authorize with Xero.",
        reason="user_role",
        correlation_id=_correlation(response),
    )


def _scope_refused(response: httpx.Response, feature: str | None) -> ConnectorError:
    lacking = scopes.needed(feature)["granular"] if feature in scopes.NEEDS else []
    error = scopes.missing_scope(lacking, feature)
    error.correlation_id = _correlation(response)
    return error


def _limited(response: httpx.Response, _feature: str | None) -> RateLimited:
    problem = response.headers.get("X-Rate-Limit-Problem", "").lower()
    retry_after = _seconds(response.headers.get("Retry-After"))
    if "concurrent" in problem:
        kind, default = "concurrent", 1.0
    elif "day" in problem or (retry_after or 0) > MINUTE_OR_DAY:
        kind, default = "day", 3600.0
    else:
        kind, default = ("app_minute" if "app" in problem else "minute"), 10.0
    error = limit_reached(f"limit_{kind}", default if retry_after is None else retry_after)
    error.correlation_id = _correlation(response)
    return error


_LIMITS = {
    "limit_concurrent": "Too many calls to Xero at once.",
    "limit_day": "Today's calls to this Xero organisation are used up.",
    "limit_minute": "The minute's calls to this Xero organisation are used up.",
    "limit_app_minute": "The minute's calls of this app to Xero are used up.",
}


def limit_reached(reason: str, retry_after: float) -> RateLimited:
    """Make the error for a limit that Xero's answer, or our own count, says is used up."""
    return RateLimited(_LIMITS[reason], reason=reason, retry_after=retry_after)


def _not_found(response: httpx.Response, _feature: str | None) -> NotFound:
    return NotFound("Xero does not know what was asked for.", correlation_id=_correlation(response))


def _redirected(response: httpx.Response) -> Unavailable:
    return Unavailable(
        "Xero's address answered with a redirect, which was not followed.",
        remedy="Check that no proxy or sign-in page stands between this machine and Xero.",
        reason="redirected",
        correlation_id=_correlation(response),
    )


def _unavailable(response: httpx.Response, _feature: str | None) -> Unavailable:
    offline = response.status_code == httpx.codes.SERVICE_UNAVAILABLE
    return Unavailable(
        "Xero, or this organisation in it, is offline for maintenance."
        if offline
        else f"Xero had an internal problem (status {response.status_code}).",
        reason="offline" if offline else "server_error",
        retry_after=_seconds(response.headers.get("Retry-After")) or (OFFLINE_PAUSE if offline else None),
        correlation_id=_correlation(response),
    )


def _invalid(response: httpx.Response) -> Invalid:
    body = _json(response)
    problems = list({(told["field"], told["message"]): told for told in complaints(body)}.values())
    messages = dict.fromkeys(told["message"] for told in problems)
    kind = body.get("Type") or f"status {response.status_code}"
    return Invalid(
        f"Xero refused the request: {'; '.join(messages) or kind}.".replace("..", "."),
        remedy="If the message does not tell you what to change, contact support with the correlation id.",
        reason="refused_by_xero",
        correlation_id=_correlation(response),
        problems=problems,
    )


def garbled(response: httpx.Response) -> Unavailable:
    """Make the error for an answer that says it is good but cannot be read."""
    return Unavailable(
        "Xero's answer was damaged on its way.",
        reason="garbled_answer",
        correlation_id=_correlation(response),
    )


def too_long() -> Unavailable:
    """Make the error for an answer that is longer than any of Xero's."""
    return Unavailable(
        "An answer was longer than any that Xero gives, and was not read.",
        remedy="If it lasts, set page_size lower, and check that no proxy stands between this machine and Xero.",
        reason="answer_too_long",
    )


def unreachable(error: httpx.RequestError) -> Unavailable:
    """Make the error for a request that got no whole answer."""
    timed_out = isinstance(error, httpx.TimeoutException)
    return Unavailable(
        "Xero did not answer in time." if timed_out else "The connection to Xero failed.",
        remedy="Nothing to do: the platform tries again later. If it lasts, check this machine's network.",
        reason="timeout" if timed_out else "connection_failed",
    )


_BY_STATUS: dict[int, Callable[[httpx.Response, str | None], ConnectorError]] = {
    401: _unauthorized,
    403: _forbidden,
    404: _not_found,
    408: _unavailable,
    425: _unavailable,
    429: _limited,
}


def json_list(response: httpx.Response) -> list[dict[str, Any]]:
    """Return the objects of an answer that must be a JSON list.

    Raises:
        Unavailable: It is not.
    """
    found = _parsed(response)
    if not isinstance(found, list):
        raise garbled(response)
    return [item for item in found if isinstance(item, dict)]


def complaints(value: Any, path: tuple[str, ...] = ()) -> Iterator[dict[str, str]]:
    """Yield every validation message, however deep Xero nested it, with the path of what it is about.

    The path is in Xero's names, from the element that was written: `LineItems.0`; empty for itself.
    """
    if len(path) > _DEEPEST:
        return
    if isinstance(value, dict):
        elements, errors = value.get("Elements"), value.get("ValidationErrors")
        field = ".".join(path[2:] if path[:1] == ("Elements",) else path)
        for error in errors if isinstance(errors, list) else ():
            if isinstance(error, dict):
                told = error.get("Message") or error.get("Description") or error
                yield {"field": field, "message": str(told)}
        for name, inner in value.items():
            yield from complaints(inner, (*path, str(name)))
        if not elements and (value.get("Message") or value.get("Detail")) and "Type" in value:
            yield {"field": field, "message": str(value.get("Message") or value.get("Detail"))}
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from complaints(inner, (*path, str(number)))


def _json(response: httpx.Response) -> dict[str, Any]:
    found = _parsed(response)
    return found if isinstance(found, dict) else {}


def _parsed(response: httpx.Response) -> Any:
    """Return what a body says, or ``None``: it may be no JSON, or too deep for a parser."""
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def _detail(response: httpx.Response) -> str:
    body = {str(name).lower(): value for name, value in _json(response).items()}
    return str(body.get("detail") or body.get("message") or "")


def _speaks_of_scope(response: httpx.Response) -> bool:
    # Xero misspells the standard's insufficient_scope; both spellings are recognised.
    challenge = response.headers.get("WWW-Authenticate", "").lower()
    said = "insufficent_scope" in challenge or "insufficient_scope" in challenge
    return said or "scope" in _detail(response).lower()


def _correlation(response: httpx.Response) -> str | None:
    return response.headers.get("Xero-Correlation-Id") or None


def _seconds(value: str | None) -> float | None:
    try:
        seconds = float(value) if value else math.nan
    except ValueError:
        return None
    return None if math.isnan(seconds) else min(max(0.0, seconds), LONGEST_WAIT)
