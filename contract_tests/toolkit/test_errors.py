"""Statuses that mean the same at every service, for a service that is not Xero."""

from __future__ import annotations

import httpx
import pytest

from bizosaas_xero.spec import Conflict
from bizosaas_xero.toolkit import errors
from bizosaas_xero.toolkit.service import Service

SHOP = Service("Toyshop", "toyshop/1", correlation_header="Request-Id", remaining_headers={"day_left": "Left"})


@pytest.mark.parametrize(
    ("status", "code", "recovery"),
    [
        (200, "unavailable", "retry"),
        (302, "unavailable", "retry"),
        (400, "invalid", "fix"),
        (401, "auth_expired", "refresh"),
        (403, "misconfigured", "fix"),
        (404, "not_found", "none"),
        (408, "unavailable", "retry"),
        (418, "invalid", "fix"),
        (425, "unavailable", "retry"),
        (429, "rate_limited", "wait"),
        (500, "unavailable", "retry"),
        (503, "unavailable", "retry"),
    ],
)
def test_each_status_has_its_error_and_names_the_service(status, code, recovery):
    error = errors.error_from_status(httpx.Response(status, headers={"Request-Id": "r-1"}), SHOP)
    assert (error.code, error.recovery, error.correlation_id) == (code, recovery, "r-1")
    assert "Toyshop" in error.message
    assert "Xero" not in str(error)


def test_a_connectors_own_handler_comes_first():
    error = errors.error_from_status(httpx.Response(409), SHOP, {409: lambda _: Conflict("taken")})
    assert error.code == "conflict"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("7.5", 7.5),
        ("-3", 0),
        ("1e9", 86_400),
        ("inf", 86_400),
        ("nan", 10),
        ("soon", 10),
        ("", 10),
        (None, 10),
    ],
)
def test_a_retry_after_is_believed_up_to_a_day(header, seconds):
    response = httpx.Response(429, headers={} if header is None else {"Retry-After": header})
    assert errors.error_from_status(response, SHOP).retry_after == seconds


@pytest.mark.parametrize(
    ("header", "left"), [("12", {"day_left": 12}), ("-1", {}), ("9" * 5000, {}), ("²", {}), ("", {})]
)
def test_a_count_of_calls_is_a_short_number(header, left):
    headers = httpx.Headers([(b"Left", header.encode())])
    assert SHOP.remaining_calls(httpx.Response(200, headers=headers)) == left


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, b"\xff", b"7"])
def test_a_body_that_is_not_an_object_is_empty(body):
    assert errors.parse_json_object(httpx.Response(200, content=body)) == {}
