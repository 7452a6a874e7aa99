"""Map Xero's error responses to the errors of the contract.

Bodies may be JSON in either letter case, text, HTML or empty; headers may be missing. Forms are those of
Xero's documentation and of public recordings; where they differ, both are recognised. A refusal that is not Xero's
JSON was written by a firewall or proxy before Xero (public reports of both): it passes, and says nothing about
rights, roles or organisations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.connector.http.transport import XERO
from bizosaas_xero.spec.errors import (
    ConnectorError,
    Invalid,
    Misconfigured,
    OrganisationUnavailable,
    RateLimited,
)
from bizosaas_xero.spec.reasons import Reason
from bizosaas_xero.toolkit import errors

MAX_MINUTE_LIMIT_SECONDS = 120.0
"""A 429 without a name is the minute limit if its Retry-After is at most this, else the day limit."""

_MAX_DEPTH = 50
"""How deep validation messages are searched; Xero nests them four levels deep."""


def from_response(response: httpx.Response, feature: str | None = None) -> ConnectorError:
    """Return the error for an error response of the API or of ``/connections``."""

    def for_feature(
        make: Callable[[httpx.Response, str | None], ConnectorError],
    ) -> Callable[[httpx.Response], ConnectorError]:
        return lambda response: make(response, feature)

    handlers = {401: for_feature(_unauthorized), 403: for_feature(_forbidden), 429: _rate_limited}
    known = response.status_code in handlers or response.status_code in {404, 408, 425}
    if response.is_client_error and not known:
        return _refused(response)
    return errors.error_from_status(response, XERO, handlers)


def _unauthorized(response: httpx.Response, feature: str | None) -> ConnectorError:
    if _mentions_scope(response):
        return _missing_scope(response, feature)
    challenged = "bearer" in response.headers.get("WWW-Authenticate", "").lower()
    if response.content and not challenged and not errors.parse_json_object(response):
        return errors.intercepted_response(XERO, response)
    detail = _detail(response)
    if _mentions_role(detail):
        return not_permitted(response, feature)
    if feature and "authorizationunsuccessful" in detail.lower():
        # The token is good, but not for this: the caller looks whether the organisation is still connected.
        return organisation_unavailable(XERO.correlation_id(response))
    expired = "tokenexpired" in detail.lower()
    reason = reasons.TOKEN_EXPIRED if expired else reasons.TOKEN_REFUSED
    return reason(correlation_id=XERO.correlation_id(response))


def _forbidden(response: httpx.Response, feature: str | None) -> ConnectorError:
    if _mentions_scope(response):
        return _missing_scope(response, feature)
    if not errors.parse_json_object(response):
        return errors.intercepted_response(XERO, response)
    if _mentions_role(_detail(response)):
        return not_permitted(response, feature)
    return organisation_unavailable(XERO.correlation_id(response))


def _mentions_role(detail: str) -> bool:
    return "permitted" in detail.lower() or "role" in detail.lower()


def organisation_unavailable(correlation_id: str | None = None) -> OrganisationUnavailable:
    """Return the error for an organisation that the grant does not reach."""
    return reasons.ORGANISATION_NOT_CONNECTED(correlation_id=correlation_id)


def not_permitted(response: httpx.Response, feature: str | None = None) -> Misconfigured:
    """Return the error for a Xero user whose role does not allow the operation."""
    return reasons.USER_ROLE(
        correlation_id=XERO.correlation_id(response), features=[feature] if feature else (), feature=feature or "this"
    )


def _missing_scope(response: httpx.Response, feature: str | None) -> ConnectorError:
    missing = scopes.required_scopes(feature)["granular"]
    error = scopes.missing_scope_error(missing, feature)
    error.correlation_id = XERO.correlation_id(response)
    return error


def _rate_limited(response: httpx.Response) -> RateLimited:
    problem = response.headers.get("X-Rate-Limit-Problem", "").lower()
    retry_after = errors.retry_after(response)
    if "concurrent" in problem:
        reason, default = reasons.LIMIT_CONCURRENT, 1.0
    elif "day" in problem or (retry_after or 0) > MAX_MINUTE_LIMIT_SECONDS:
        reason, default = reasons.LIMIT_DAY, 3600.0
    else:
        reason = reasons.LIMIT_APP_MINUTE if "app" in problem else reasons.LIMIT_MINUTE
        default = errors.RATE_LIMIT_RETRY_SECONDS
    error = limit_reached(reason, default if retry_after is None else retry_after)
    error.correlation_id = XERO.correlation_id(response)
    return error


def limit_reached(reason: Reason[RateLimited], retry_after: float) -> RateLimited:
    """Return the error for a limit that is used up, by Xero's response or our own count."""
    return reason(retry_after=retry_after)


def _refused(response: httpx.Response) -> Invalid:
    body = errors.parse_json_object(response)
    problems = list({(item["field"], item["message"]): item for item in validation_messages(body)}.values())
    messages = dict.fromkeys(item["message"] for item in problems)
    kind = body.get("Type") or f"status {response.status_code}"
    reason = reasons.HIGH_VOLUME if kind == "HighVolumeException" else reasons.REFUSED_BY_XERO
    return reason(
        correlation_id=XERO.correlation_id(response),
        problems=problems,
        messages="; ".join(messages).replace("..", ".").removesuffix(".") or kind,
    )


def validation_messages(value: Any, path: tuple[str, ...] = ()) -> Iterator[dict[str, str]]:
    """Yield every validation message at any depth, with the path of the element it is about.

    The path uses Xero's names, starting at the written element: `LineItems.0`; empty for the element itself.
    """
    if len(path) > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        elements, refusals = value.get("Elements"), value.get("ValidationErrors")
        field = ".".join(path[2:] if path[:1] == ("Elements",) else path)
        for error in refusals if isinstance(refusals, list) else ():
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


def _detail(response: httpx.Response) -> str:
    body = {str(name).lower(): value for name, value in errors.parse_json_object(response).items()}
    return str(body.get("detail") or body.get("message") or "")


def _mentions_scope(response: httpx.Response) -> bool:
    # Xero misspells the standard's insufficient_scope; both spellings are accepted.
    challenge = response.headers.get("WWW-Authenticate", "").lower()
    in_challenge = "insufficent_scope" in challenge or "insufficient_scope" in challenge
    return in_challenge or "scope" in _detail(response).lower()
