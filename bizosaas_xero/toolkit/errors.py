"""Map HTTP responses to the errors of the contract.

:func:`error_from_status` covers the statuses that mean the same everywhere; a connector passes functions for those
that mean something particular at its service.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from bizosaas_xero.spec.errors import (
    AuthExpired,
    ConnectorError,
    Invalid,
    Misconfigured,
    NotFound,
    RateLimited,
    Unavailable,
)
from bizosaas_xero.toolkit import reasons
from bizosaas_xero.toolkit.service import Service

OFFLINE_RETRY_SECONDS = 300.0
"""Seconds after which a service that is offline is tried again, if its response does not say."""

RATE_LIMIT_RETRY_SECONDS = 10.0
"""Seconds to wait after a 429 without a Retry-After."""

MAX_RETRY_AFTER_SECONDS = 86_400.0
"""The longest Retry-After that is believed: a day."""

Handler = Callable[[httpx.Response], ConnectorError]


def error_from_status(
    response: httpx.Response, service: Service, handlers: Mapping[int, Handler] | None = None
) -> ConnectorError:
    """Return the error for an error response.

    Args:
        response: The response; its status is not a success, or not an expected one.
        service: The service that was asked.
        handlers: Functions for statuses that mean something particular at this service.
    """
    handler = (handlers or {}).get(response.status_code)
    if handler:
        return handler(response)
    if response.is_redirect:
        return _redirected(response, service)
    if response.is_server_error or response.status_code in {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY}:
        return _server_error(response, service)
    return damaged_response(service, response) if response.is_success else _client_error(response, service)


def _client_error(response: httpx.Response, service: Service) -> ConnectorError:
    correlation_id, status = service.correlation_id(response), response.status_code
    make: dict[int, tuple[type[ConnectorError], str]] = {
        401: (AuthExpired, f"{service.name} did not accept the access token."),
        403: (Misconfigured, f"{service.name} does not allow this user the request."),
        404: (NotFound, f"{service.name} does not know what was asked for."),
        429: (RateLimited, f"The calls to {service.name} are used up."),
    }
    kind, message = make.get(status, (Invalid, f"{service.name} refused the request: status {status}."))
    wait = retry_after(response, RATE_LIMIT_RETRY_SECONDS) if kind is RateLimited else None
    return kind(message, retry_after=wait, correlation_id=correlation_id)


def _redirected(response: httpx.Response, service: Service) -> Unavailable:
    return reasons.REDIRECTED(correlation_id=service.correlation_id(response), service=service.name)


def _server_error(response: httpx.Response, service: Service) -> Unavailable:
    offline = response.status_code == httpx.codes.SERVICE_UNAVAILABLE
    return (reasons.OFFLINE if offline else reasons.SERVER_ERROR)(
        retry_after=retry_after(response) or (OFFLINE_RETRY_SECONDS if offline else None),
        correlation_id=service.correlation_id(response),
        service=service.name,
        cause=f"status {response.status_code}",
    )


def damaged_response(service: Service, response: httpx.Response | None = None) -> Unavailable:
    """Return the error for a successful response whose body cannot be parsed."""
    return reasons.GARBLED_ANSWER(
        correlation_id=None if response is None else service.correlation_id(response), service=service.name
    )


def intercepted_response(service: Service, response: httpx.Response) -> Unavailable:
    """Return the error for a refusal that the service itself did not write, such as a firewall's HTML page."""
    return reasons.INTERCEPTED(
        correlation_id=service.correlation_id(response), service=service.name, status=response.status_code
    )


def response_too_long(service: Service) -> Unavailable:
    """Return the error for a response longer than :data:`.http.MAX_BODY_BYTES`."""
    return reasons.ANSWER_TOO_LONG(service=service.name)


def no_response(service: Service, error: httpx.RequestError) -> Unavailable:
    """Return the error for a request without a complete response."""
    timed_out = isinstance(error, httpx.TimeoutException)
    return (reasons.TIMEOUT if timed_out else reasons.CONNECTION_FAILED)(service=service.name)


def retry_after(response: httpx.Response, default: float | None = None) -> float | None:
    """Return the seconds of a Retry-After header, at most :data:`MAX_RETRY_AFTER_SECONDS`, or the default."""
    try:
        seconds = float(response.headers.get("Retry-After") or math.nan)
    except ValueError:
        return default
    return default if math.isnan(seconds) else min(max(0.0, seconds), MAX_RETRY_AFTER_SECONDS)


def parse_json(response: httpx.Response) -> Any:
    """Return the parsed body, or ``None`` if it is not JSON or nested too deep."""
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def parse_json_object(response: httpx.Response) -> dict[str, Any]:
    """Return the parsed body, or ``{}`` if it is not a JSON object."""
    body = parse_json(response)
    return body if isinstance(body, dict) else {}


def parse_json_list(service: Service, response: httpx.Response) -> list[dict[str, Any]]:
    """Return the objects of a response that must be a JSON list.

    Raises:
        Unavailable: The body is not a JSON list.
    """
    items = parse_json(response)
    if not isinstance(items, list):
        raise damaged_response(service, response)
    return [item for item in items if isinstance(item, dict)]
