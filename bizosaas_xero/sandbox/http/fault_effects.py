"""The effects of faults on a response, on tokens and on connections."""

import json
import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, NamedTuple

from starlette.datastructures import MutableHeaders

from bizosaas_xero.sandbox.http.faults import DAMAGES, Fault
from bizosaas_xero.sandbox.oauth.tokens import Grant, TokenStore

_BODY_LAYOUTS: dict[str, tuple[str, Callable[[str], str]]] = {
    "json": ("application/json", lambda message: json.dumps({"Title": message, "Detail": message})),
    "text": ("text/plain", lambda message: message),
    "html": ("text/html", lambda message: f"<html><body><h1>{escape(message)}</h1></body></html>"),
    "empty": ("", lambda _: ""),
}
_STATUS_TEXTS = {
    429: "You have exceeded the rate limit",
    500: "An error occurred in Xero. Check the API Status page",
    503: "The Organisation is offline",
}
_ANSWER_TIME = re.compile(rb'("DateTimeUTC": "\\/Date\()(\d+)')
_DAMAGED_FIELDS = ("Date", "Total", "Amount", "UpdatedDateUTC")


_ITEM_COUNT = re.compile(rb'("itemCount": )(\d+)')


class BufferedResponse(NamedTuple):
    """A response that is not sent yet."""

    status: int
    headers: MutableHeaders
    body: bytes


def change_tokens(fault: Fault, tokens: TokenStore, token: str, tenant: str) -> bool:
    """Change tokens or connections as a fault asks, and return whether anything changed."""
    access = tokens.access_tokens.get(token)
    grants: list[Grant] = [access.grant] if access else tokens.grants()
    if fault.kind == "expire_token":
        return tokens.expire(token)
    if fault.kind == "revoke_grant":
        for grant in grants:
            tokens.revoke(grant)
        return bool(grants)
    if fault.kind == "disconnect":
        organisation = str(fault.details.get("organisation") or tenant).lower()
        return sum(grant.disconnect(organisation) for grant in grants) > 0
    return False


_COUNTED = {"minute": "X-MinLimit-Remaining", "day": "X-DayLimit-Remaining", "appminute": "X-AppMinLimit-Remaining"}


def exhaust(fault: Fault, remaining: Mapping[str, str]) -> dict[str, str]:
    """Return the counts of remaining calls, with none left of those that a fault refuses."""
    name = _COUNTED.get(str(fault.details.get("problem", "minute")))
    return {header: "0" if header == name else count for header, count in remaining.items()}


def fault_response(fault: Fault) -> BufferedResponse | None:
    """Return the response that a fault gives instead of the application's, or None when it gives none."""
    details = fault.details
    if fault.kind == "rate_limit":
        answer = _plain_response(429, details.get("body", "empty"), _STATUS_TEXTS[429])
        answer.headers["X-Rate-Limit-Problem"] = str(details.get("problem", "minute"))
        if details.get("retry_after") is not None:
            answer.headers["Retry-After"] = str(details["retry_after"])
        return answer
    if fault.kind == "status":
        status = int(details.get("status", 500))
        message = details.get("text", _STATUS_TEXTS.get(status, "Something went wrong"))
        return _plain_response(status, details.get("body", "text"), message, details.get("headers"))
    if fault.kind == "redirect":
        location = details.get("location", "http://elsewhere.example/api.xro/2.0/Invoices")
        return BufferedResponse(302, MutableHeaders({"Location": location}), b"")
    return None


def _plain_response(status: int, body: str, message: str, headers: Mapping[str, str] | None = None) -> BufferedResponse:
    kind, layout = _BODY_LAYOUTS[body]
    response_headers = MutableHeaders(dict(headers or {}))
    if kind:
        response_headers["Content-Type"] = kind
    return BufferedResponse(status, response_headers, layout(message).encode())


def damage_body(fault: Fault, body: bytes) -> bytes:
    """Return the body of a response as a fault damages it; an empty one stays empty."""
    if not body:
        return body
    if fault.kind == "malformed":
        return _damage_json(str(fault.details.get("how", "syntax")), body)
    if fault.kind == "truncated":
        return body[: int(len(body) * float(fault.details.get("share", 0.5)))]
    if fault.kind == "bad_row":
        return _damage_row(fault.details, body)
    return _change_statement(fault, body)


def _change_statement(fault: Fault, body: bytes) -> bytes:
    """Return the body with another time, or another count of rows, than the answer has."""
    if fault.kind == "clock_ahead":
        ms = int(1000 * float(fault.details.get("seconds", 7200)))
        return _ANSWER_TIME.sub(lambda time: time[1] + str(int(time[2]) + ms).encode(), body, count=1)
    if fault.kind == "contradict":
        by = int(fault.details.get("by", -5))
        return _ITEM_COUNT.sub(lambda count: b"%s%d" % (count[1], max(0, int(count[2]) + by)), body)
    return body


def _damage_json(how: str, body: bytes) -> bytes:
    damage = DAMAGES[how]
    if how == "bom":
        return damage + body
    if how == "syntax":
        return body[: len(body) // 2] + damage + body[len(body) // 2 :]
    # six spaces: a field of a row; a number is replaced, a text gets the damage inside
    value = rb"(-?\d[^,\r\n]*)" if how in {"nan", "huge"} else rb'"()[^\\"]'
    pattern = rb'\r\n      "[A-Za-z]+": ' + value
    field = re.search(pattern, body)
    return body if field is None else body[: field.start(1)] + damage + body[field.end(1) :]


def _damage_row(details: Mapping[str, Any], body: bytes) -> bytes:
    # six spaces: a field of a row, not of something inside it
    for name in [str(details["field"])] if "field" in details else _DAMAGED_FIELDS:
        fields = list(re.finditer(rf'\r\n      "{name}": ([^\r\n]*?)(?=,?\r\n)'.encode(), body))
        if fields:
            field = fields[int(details.get("row", 0)) % len(fields)]
            value = details.get("value", r"\/Date(oops)\/" if "Date" in name else "12,5x")
            return body[: field.start(1)] + f'"{value}"'.encode() + body[field.end(1) :]
    return body
