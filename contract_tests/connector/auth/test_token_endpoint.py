"""What the token endpoint answers, and which error that is: against the sandbox and scripted answers."""

from __future__ import annotations

from urllib.parse import parse_qs

import httpx
import pytest

from bizosaas_xero import plugin
from contract_tests.helpers.xero_account import Account, callback, calls, refused

pytestmark = pytest.mark.xero_sandbox(invoices=120, limits=True)


@pytest.mark.parametrize("status", [400, 401])
def test_a_wrong_secret_is_misconfigured(sandbox_server, status):
    sandbox_server.sandbox.switches.invalid_client_status = status
    account = Account(sandbox_server)
    account.app["client_secret"] = "wrong"
    sent = callback(account)
    assert refused(account.auth, "callback", **sent) == ("misconfigured", "fix", "invalid_client")


def test_a_wrong_secret_is_misconfigured_on_refresh_and_for_a_custom_connection(sandbox_server, connected_account):
    connected_account.app["client_secret"] = "wrong"
    assert refused(connected_account.refresh) == ("misconfigured", "fix", "invalid_client")
    custom = Account(sandbox_server, "custom")
    custom.app["client_secret"] = "wrong"
    assert refused(custom.connect) == ("misconfigured", "fix", "invalid_client")


@pytest.mark.parametrize(
    ("app", "wrong", "told"),
    [
        ("web", {}, ("ok", None)),
        ("web", {"client_secret": "wrong"}, ("misconfigured", "invalid_client")),
        ("custom", {}, ("ok", None)),
        ("custom", {"client_secret": "wrong"}, ("misconfigured", "invalid_client")),
        ("custom", {"client_id": "nobody"}, ("misconfigured", "invalid_client")),
        ("pkce", {}, ("unknown", None)),
    ],
)
def test_a_check_of_the_app_tells_what_is_wrong_and_raises_nothing(sandbox_server, app, wrong, told):
    account = Account(sandbox_server, app)
    account.app |= wrong
    checked = account.auth("check_app")
    assert (checked.status, (checked.problem or {}).get("reason")) == told


def test_a_check_tells_the_scopes_that_a_custom_connection_may_not_have(sandbox_server):
    account = Account(sandbox_server, "custom")
    checked = account.auth("check_app", scopes="legacy")
    assert (checked.status, checked.problem["reason"]) == ("misconfigured", "scopes_refused")


@pytest.mark.parametrize("step", ["authorize", "callback", "client_credentials", "refresh", "check_app"])
def test_a_missing_secret_is_reported_before_any_call(sandbox_server, connected_account, step):
    sent = callback(connected_account) if step == "callback" else {"grant": connected_account.grant}
    connected_account.app["client_secret"] = None
    before = len(calls(sandbox_server, "/connect/token"))
    assert refused(connected_account.auth, step, **sent)[0] == "misconfigured"
    assert len(calls(sandbox_server, "/connect/token")) == before


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ("invalid_grant", ("reconnect_required", "reconnect", "grant_ended")),
        ("invalid_client", ("misconfigured", "fix", "invalid_client")),
        ("invalid_scope", ("misconfigured", "fix", "scopes_refused")),
        ("unauthorized_client", ("misconfigured", "fix", "unauthorized_client")),
        ("something_new", ("misconfigured", "fix", "sign_in_refused")),
    ],
)
@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize("described", [True, False])
def test_each_refusal_of_a_refresh_has_its_error(answer_with, error, outcome, status, described):
    body = {"error": error} | ({"error_description": "said so"} if described else {})
    answer_with(lambda _: httpx.Response(status, json=body))
    assert refused(plugin.auth, _refresh_request()) == outcome


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, text="oops"),
        httpx.Response(503, text="offline"),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"access_token": 7}),
        httpx.Response(302, headers={"Location": "https://elsewhere.example"}),
        httpx.Response(403, text="<html>Access Denied</html>"),
        httpx.Response(403),
        httpx.Response(403, json={"Title": "Forbidden"}),
        httpx.Response(401, text="<html>"),
        httpx.Response(400, text="invalid_grant"),
        httpx.Response(400, json=["invalid_grant"]),
        httpx.Response(404, text="<html>"),
        httpx.Response(200, text="<html>invalid_grant</html>"),
        httpx.Response(400, json={"error": "temporarily_unavailable"}),
        httpx.Response(400, json={"error": "server_error"}),
    ],
)
def test_a_failing_token_endpoint_is_unavailable_and_keeps_the_grant(answer_with, answer):
    answer_with(lambda _: answer)
    assert refused(plugin.auth, _refresh_request())[:2] == ("unavailable", "retry")


def test_a_limit_at_the_token_endpoint_is_rate_limited(answer_with):
    answer_with(lambda _: httpx.Response(429, headers={"Retry-After": "30"}, text="slow down"))
    assert refused(plugin.auth, _refresh_request())[:2] == ("rate_limited", "wait")


def test_an_unreachable_token_endpoint_is_retried_with_the_same_token(answer_with):
    tokens = []

    def handler(request):
        tokens.append(parse_qs(request.content.decode())["refresh_token"])
        if len(tokens) < 3:
            raise httpx.ReadTimeout("nothing came")
        return httpx.Response(200, json={"access_token": "new", "refresh_token": "next", "expires_in": 1800})

    answer_with(handler)
    grant = plugin.auth(_refresh_request()).grant
    assert grant.refresh_token.get_secret_value() == "next"
    assert tokens == [["old-refresh"]] * 3


def _refresh_request():
    return {
        "step": "refresh",
        "app": {"client_id": "c", "client_secret": "s", "kind": "web"},
        "grant": {
            "identity": "c:u",
            "client_id": "c",
            "access_token": "old",
            "refresh_token": "old-refresh",
            "obtained_at": "2026-11-22T00:00:00Z",
            "expires_at": "2026-11-22T00:30:00Z",
            "scopes": ["offline_access"],
        },
        "settings": {"api_url": "http://localhost:1", "identity_url": "http://localhost:1"},
    }
