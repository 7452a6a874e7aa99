"""Forged and oversized requests to the sandbox's own pages are refused: none ends in a failure of the server."""

from __future__ import annotations

import itertools

import httpx
import pytest

PATHS = (
    *("/identity/connect/authorize", "/connect/token", "/connect/revocation", "/_sandbox/consent", "/_sandbox/faults"),
    *("/_sandbox/limits", "/_sandbox/clock", "/_sandbox/switches", "/_sandbox/webhooks", "/_sandbox/statements"),
    *("/_sandbox/data/nobody/Invoices", "/api.xro/2.0/Invoices"),
)
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
BODIES = {
    "no UTF-8": (FORM, b"\xff\xfe\x00" * 10),
    "no UTF-8 in a form": (FORM, b"client_id=%ff%fe&redirect_uri=javascript:alert(1)&allow=yes"),
    "nested deeply": (JSON, b"[" * 100_000),
    "other types": (JSON, b'{"url": 5, "kind": [], "shift": "x", "enforce": {}, "op": 1, "organisations": 7}'),
    "NUL": (JSON, b'{"url": "http://\\u0000", "kind": "\\u0000"}'),
    "no numbers": (JSON, b'{"shift": NaN, "seconds": 1e999}'),
    "a list": (JSON, b"[1]"),
}


@pytest.fixture(scope="module")
def browser(shared_sandbox_server):
    with httpx.Client(base_url=shared_sandbox_server.url, timeout=30) as client:
        yield client


@pytest.mark.parametrize("name", BODIES)
def test_a_forged_body_is_refused(browser, name):
    kind, body = BODIES[name]
    for path, method in itertools.product(PATHS, ("POST", "PUT", "PATCH", "DELETE")):
        answer = browser.request(method, path, content=body, headers={"Content-Type": kind})
        assert answer.status_code < 500, (path, method)
        assert "Traceback" not in answer.text
    assert browser.get("/_sandbox/").status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_an_oversized_body_is_refused(browser, path):
    answer = browser.post(path, content=b"a=" + b"x" * 3_600_000, headers={"Content-Type": FORM})
    assert answer.status_code in ({401} if path.startswith("/api.xro") else {413})


def test_a_body_of_unknown_size_is_refused(browser):
    answer = browser.post("/connect/token", content=iter([b"grant_type=", b"refresh_token"]))
    assert answer.status_code == 411


def test_what_a_request_says_is_text_on_the_page(browser, shared_sandbox_server):
    app = shared_sandbox_server.info["apps"]["web"]
    attack = '"><script>alert(1)</script>'
    asked = {
        "response_type": "code",
        "client_id": app["client_id"],
        "redirect_uri": "http://localhost:8742/callback",
        "scope": "accounting.contacts",
        "state": attack,
        attack: attack,
    }
    for query in (asked, asked | {"client_id": attack}, asked | {"scope": attack}, asked | {"redirect_uri": attack}):
        answer = browser.get("/identity/connect/authorize", params=query)
        assert "<script>alert" not in answer.text
        assert not answer.headers.get("location", "").startswith("javascript")
    forged = browser.post("/identity/connect/authorize", data=asked | {"allow": "yes", "organisation": "not-mine"})
    assert forged.status_code == 400
