"""Map Xero's error responses to the errors of the contract.

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

MAX_MINUTE_LIMIT_SECONDS = 120.0
"""A 429 without a name is the minute limit if its Retry-After is at most this, else the day limit."""

OFFLINE_RETRY_SECONDS = 300.0
"""Seconds after which Xero suggests to retry an organisation that is offline."""

MAX_RETRY_AFTER_SECONDS = 86_400.0
"""The longest Retry-After that is believed: no limit of Xero lasts longer than a day."""

_MAX_DEPTH = 50
"""How deep validation messages are searched; Xero nests them four levels deep."""


def from_response(response: httpx.Response, feature: str | None = None) -> ConnectorError:
    """Return the error for an error response of the API or of ``/connections``."""
    handler = _BY_STATUS.get(response.status_code)
    if handler:
        return handler(response, feature)
    if response.is_server_error:
        return _unavailable(response, feature)
    if response.is_redirect:
        return _redirected(response)
    return damaged_response(response) if response.is_success else _refused(response)


def _unauthorized(response: httpx.Response, feature: str | None) -> ConnectorError:
    if _mentions_scope(response):
        return _missing_scope(response, feature)
    detail = _detail(response)
    if "permitted" in detail.lower() or "role" in detail.lower():
        return not_permitted(response, feature)
    expired = "tokenexpired" in detail.lower()
    return AuthExpired(
        "The access to Xero has run out." if expired else "Xero did not accept the access token.",
        reason="token_expired" if expired else "token_refused",
        correlation_id=_correlation_id(response),
    )


def _forbidden(response: httpx.Response, feature: str | None) -> ConnectorError:
    if _mentions_scope(response):
        return _missing_scope(response, feature)
    detail = _detail(response)
    if "permitted" in detail.lower() or "role" in detail.lower():
        return not_permitted(response, feature)
    return organisation_unavailable(_correlation_id(response))


def organisation_unavailable(correlation_id: str | None = None) -> OrganisationUnavailable:
    """Return the error for an organisation that the grant does not reach."""
    return OrganisationUnavailable(
        "This Xero organisation is not connected any more, or it is not the one that was authorised.",
        remedy="Choose the organisation again under Settings → Integrations → Xero. If it is not offered, "
        "Authorize with Xero and pick it on Xero's page. A Demo Company that was reset counts as a new one.",
        reason="organisation_not_connected",
        correlation_id=correlation_id,
    )


def not_permitted(response: httpx.Response, feature: str | None = None) -> Misconfigured:
    """Return the error for a Xero user whose role does not allow the operation."""
    return Misconfigured(
        f"The Xero user who connected may not read {feature or 'this'}.",
        remedy="In Xero, give that user a role that allows it (such as Standard with reports, or Adviser), "
        "or let such a user choose Authorize with Xero.",
        reason="user_role",
        correlation_id=_correlation_id(response),
    )


def _missing_scope(response: httpx.Response, feature: str | None) -> ConnectorError:
    missing = scopes.required_scopes(feature)["granular"] if feature in scopes.REQUIRED_PERMISSIONS else []
    error = scopes.missing_scope_error(missing, feature)
    error.correlation_id = _correlation_id(response)
    return error


def _rate_limited(response: httpx.Response, _feature: str | None) -> RateLimited:
    problem = response.headers.get("X-Rate-Limit-Problem", "").lower()
    retry_after = _parse_seconds(response.headers.get("Retry-After"))
    if "concurrent" in problem:
        kind, default = "concurrent", 1.0
    elif "day" in problem or (retry_after or 0) > MAX_MINUTE_LIMIT_SECONDS:
        kind, default = "day", 3600.0
    else:
        kind, default = ("app_minute" if "app" in problem else "minute"), 10.0
    error = limit_reached(f"limit_{kind}", default if retry_after is None else retry_after)
    error.correlation_id = _correlation_id(response)
    return error


_LIMITS = {
    "limit_concurrent": "Too many calls to Xero at once.",
    "limit_day": "Today's calls to this Xero organisation are used up.",
    "limit_minute": "The minute's calls to this Xero organisation are used up.",
    "limit_app_minute": "The minute's calls of this app to Xero are used up.",
}


def limit_reached(reason: str, retry_after: float) -> RateLimited:
    """Return the error for a limit that is used up, by Xero's response or our own count."""
    return RateLimited(_LIMITS[reason], reason=reason, retry_after=retry_after)


def _not_found(response: httpx.Response, _feature: str | None) -> NotFound:
    return NotFound("Xero does not know what was asked for.", correlation_id=_correlation_id(response))


def _redirected(response: httpx.Response) -> Unavailable:
    return Unavailable(
        "Xero's address answered with a redirect, which was not followed.",
        remedy="Check that no proxy or sign-in page stands between this machine and Xero.",
        reason="redirected",
        correlation_id=_correlation_id(response),
    )


def _unavailable(response: httpx.Response, _feature: str | None) -> Unavailable:
    offline = response.status_code == httpx.codes.SERVICE_UNAVAILABLE
    return Unavailable(
        "Xero, or this organisation in it, is offline for maintenance."
        if offline
        else f"Xero had an internal problem (status {response.status_code}).",
        reason="offline" if offline else "server_error",
        retry_after=_parse_seconds(response.headers.get("Retry-After")) or (OFFLINE_RETRY_SECONDS if offline else None),
        correlation_id=_correlation_id(response),
    )


def _refused(response: httpx.Response) -> Invalid:
    body = _json_object(response)
    problems = list({(item["field"], item["message"]): item for item in validation_messages(body)}.values())
    messages = dict.fromkeys(item["message"] for item in problems)
    kind = body.get("Type") or f"status {response.status_code}"
    return Invalid(
        f"Xero refused the request: {'; '.join(messages) or kind}.".replace("..", "."),
        remedy="If the message does not tell you what to change, contact support with the correlation id.",
        reason="refused_by_xero",
        correlation_id=_correlation_id(response),
        problems=problems,
    )


def damaged_response(response: httpx.Response) -> Unavailable:
    """Return the error for a response with status 200 whose body cannot be parsed."""
    return Unavailable(
        "Xero's answer was damaged on its way.",
        reason="garbled_answer",
        correlation_id=_correlation_id(response),
    )


def response_too_long() -> Unavailable:
    """Return the error for a response longer than :data:`.transport.MAX_BODY_BYTES`."""
    return Unavailable(
        "An answer was longer than any that Xero gives, and was not read.",
        remedy="If it lasts, set page_size lower, and check that no proxy stands between this machine and Xero.",
        reason="answer_too_long",
    )


def no_response(error: httpx.RequestError) -> Unavailable:
    """Return the error for a request without a complete response."""
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
    429: _rate_limited,
}


def parse_json_list(response: httpx.Response) -> list[dict[str, Any]]:
    """Return the objects of a response that must be a JSON list.

    Raises:
        Unavailable: The body is not a JSON list.
    """
    items = _parse_json(response)
    if not isinstance(items, list):
        raise damaged_response(response)
    return [item for item in items if isinstance(item, dict)]


def validation_messages(value: Any, path: tuple[str, ...] = ()) -> Iterator[dict[str, str]]:
    """Yield every validation message at any depth, with the path of the element it is about.

    The path uses Xero's names, starting at the written element: `LineItems.0`; empty for the element itself.
    """
    if len(path) > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        elements, errors = value.get("Elements"), value.get("ValidationErrors")
        field = ".".join(path[2:] if path[:1] == ("Elements",) else path)
        for error in errors if isinstance(errors, list) else ():
            if isinstance(error, dict):
                text = error.get("Message") or error.get("Description") or error
                yield {"field": field, "message": str(text)}
        for name, inner in value.items():
            yield from validation_messages(inner, (*path, str(name)))
        if not elements and (value.get("Message") or value.get("Detail")) and "Type" in value:
            yield {"field": field, "message": str(value.get("Message") or value.get("Detail"))}
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from validation_messages(inner, (*path, str(number)))


def _json_object(response: httpx.Response) -> dict[str, Any]:
    body = _parse_json(response)
    return body if isinstance(body, dict) else {}


def _parse_json(response: httpx.Response) -> Any:
    """Return the parsed body, or ``None`` if it is not JSON or nested too deep."""
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def _detail(response: httpx.Response) -> str:
    body = {str(name).lower(): value for name, value in _json_object(response).items()}
    return str(body.get("detail") or body.get("message") or "")


def _mentions_scope(response: httpx.Response) -> bool:
    # Xero misspells the standard's insufficient_scope; both spellings are accepted.
    challenge = response.headers.get("WWW-Authenticate", "").lower()
    in_challenge = "insufficent_scope" in challenge or "insufficient_scope" in challenge
    return in_challenge or "scope" in _detail(response).lower()


def _correlation_id(response: httpx.Response) -> str | None:
    return response.headers.get("Xero-Correlation-Id") or None


def _parse_seconds(value: str | None) -> float | None:
    try:
        seconds = float(value) if value else math.nan
    except ValueError:
        return None
    return None if math.isnan(seconds) else min(max(0.0, seconds), MAX_RETRY_AFTER_SECONDS)
