"""Error responses in Xero's forms."""

import json

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from bizosaas_xero.sandbox.core.clock import format_utc
from bizosaas_xero.sandbox.core.guids import stable_guid
from bizosaas_xero.sandbox.http.rate_limits import Refusal

_INVALID_TOKEN = {"WWW-Authenticate": "Bearer error=invalid_token"}
_TITLES = {401: "Unauthorized", 403: "Forbidden"}


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Return an error in the form recorded from Xero (title case, nulls, an empty object)."""
    body: dict[str, object] = {
        "Type": None,
        "Title": _TITLES[status],
        "Status": status,
        "Detail": detail,
        "Instance": stable_guid(detail, status),
        "Extensions": {},
    }
    return Response(json.dumps(body, separators=(",", ":")), status, headers, "application/json")


def token_expired(expired: float) -> Response:
    """401: the access token has expired."""
    detail = f"TokenExpired: token expired at {format_utc(expired, '%m/%d/%Y %H:%M:%S')}"
    return problem(401, detail, _INVALID_TOKEN)


def unauthorised() -> Response:
    """401: the token is missing or was not issued here."""
    return problem(401, "AuthenticationUnsuccessful", _INVALID_TOKEN)


def not_connected() -> Response:
    """403: the token is valid, but the organisation is not connected."""
    return problem(403, "AuthenticationUnsuccessful")


def missing_scope(status: int) -> Response:
    """401 with Xero's own misspelling: a refresh does not help."""
    return problem(status, "AuthorizationUnsuccessful", {"WWW-Authenticate": "Bearer error=insufficent_scope"})


def not_found() -> Response:
    """404, which Xero answers as HTML."""
    return HTMLResponse("The resource you're looking for cannot be found", 404)


def query_error(message: str) -> Response:
    """400: a filter or an order that cannot be parsed."""
    return _exception(16, "QueryParseException", message)


def high_volume() -> Response:
    """400: more than 100,000 rows at once, or an unoptimised query over that many."""
    message = "The request is for a high volume of data. Please use paging or filter by optimised fields."
    return _exception(51, "HighVolumeException", message)


def _exception(number: int, kind: str, message: str) -> Response:
    body = {"ErrorNumber": number, "Type": kind, "Message": message}
    return Response(json.dumps(body, indent=2).replace("\n", "\r\n"), 400, media_type="application/json")


def key_reused(key: str) -> Response:
    """400: an Idempotency-Key that came with another request before."""
    return _exception(10, "ValidationException", f"Idempotency Key {key} is used with a different request.")


def key_too_long(max_chars: int) -> Response:
    """400: an Idempotency-Key that is too long."""
    return _exception(10, "ValidationException", f"Idempotency Key cannot be longer than {max_chars} characters.")


def too_large() -> Response:
    """413: the body is larger than Xero accepts."""
    return PlainTextResponse("The request body is too large", 413)


def too_many(refusal: Refusal) -> Response:
    """429: a limit refuses the call."""
    headers = {"X-Rate-Limit-Problem": refusal.problem}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    return Response(status_code=429, headers=headers)
