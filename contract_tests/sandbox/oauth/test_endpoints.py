"""Login, tokens and connections: every row of what Xero's OAuth pages say."""

import base64
import hashlib
import json
import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from bizosaas_xero.sandbox.oauth.apps import describe_scope

REDIRECT = "http://localhost:8742/callback"


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_every_scope_has_a_description(sandbox_server):
    for app in sandbox_server.sandbox.apps.values():
        for scope in app.scopes:
            assert re.match(r"(View|View and change|Know|Stay) [a-z0-9 ',-]+$", describe_scope(scope)), scope
    assert describe_scope("accounting.reports.profitandloss.read") == "View the profit and loss report"
    assert describe_scope("made.up") == "made.up"


def test_a_person_consents_on_the_page(make_client, sandbox_server):
    client = make_client()
    url = client.authorize_url()
    page = client.http.get(url)
    assert page.status_code == 200
    assert page.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    for words in (
        "Demo Company (NZ)",
        "Thistle &amp; Oak",
        "Aroha Ngata",
        "Sam Whitfield",
        "View and change invoices, bills, credit notes and quotes",
        "accounting.invoices",
    ):
        assert words in page.text
    form = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    form |= {"user": "owner", "organisation": sandbox_server.info["organisations"][1]["id"], "allow": "yes"}
    answer = client.http.post("/identity/connect/authorize", data=form)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{REDIRECT}?code=")
    values = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert values["state"] == "s-1"
    client.token = client.redeem(values["code"]).json()
    assert [c["tenantName"] for c in client.connections()] == ["Thistle & Oak Trading Ltd"]
    cancelled = client.http.post(url, data={"allow": "no"})
    assert dict(parse_qsl(urlsplit(cancelled.headers["location"]).query)) == {
        "error": "access_denied",
        "state": "s-1",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"redirect_uri": "http://127.0.0.1:8742/callback"},
        {"redirect_uri": "http://localhost:8742/callback/"},
        {"redirect_uri": "http://localhost.evil.example/callback"},
        {"redirect_uri": "https://api.bizoholic.com/api/auth/callback/xero2"},
        {"redirect_uri": None},
    ],
)
def test_an_unknown_client_or_redirect_ends_on_an_error_page(make_client, changes):
    answer = make_client().http.get(make_client().authorize_url(**changes))
    assert answer.status_code == 400
    assert "unauthorized_client" in answer.text
    assert "location" not in answer.headers


def test_only_registered_redirects_are_allowed(make_client):
    client = make_client()
    for uri in ("https://api.bizoholic.com/api/auth/callback/xero", "http://localhost/callback", REDIRECT):
        assert client.http.get(client.authorize_url(redirect_uri=uri)).status_code == 200


@pytest.mark.parametrize(
    ("app", "scope", "error"),
    [
        ("web", "accounting.transactions offline_access", "invalid_scope"),
        ("web", "accounting.reports.read", "invalid_scope"),
        ("web", "accounting.journals.read", "invalid_scope"),
        ("legacy", "accounting.transactions accounting.reports.read", None),
        ("legacy", "accounting.invoices accounting.transactions", None),
        ("web", "app.connections accounting.contacts", "access_denied"),
        ("web", "", "invalid_scope"),
    ],
)
def test_broad_scopes_are_for_the_legacy_app_only(make_client, sandbox_server, app, scope, error):
    sandbox_server.sandbox.switches.set("refused_scope_as", "page")
    client = make_client(app)
    url = client.authorize_url(scope=scope)
    page = client.http.get(url)
    assert page.status_code == (400 if error else 200)
    if error:
        assert error in page.text
        sandbox_server.sandbox.switches.set("refused_scope_as", "redirect")
        sent = client.http.get(url)
        assert sent.status_code == 302
        assert dict(parse_qsl(urlsplit(sent.headers["location"]).query))["error"] == error


def test_a_code_works_once_and_expires_after_five_minutes(make_client, sandbox_server):
    client = make_client()
    code = client.consent()["code"]
    assert client.redeem(code).status_code == 200
    again = client.redeem(code)
    assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})
    late = client.consent()["code"]
    sandbox_server.sandbox.clock.advance(301)
    assert client.redeem(late).json() == {"error": "invalid_grant"}


def test_a_code_of_another_app_or_redirect_is_refused(make_client):
    code = make_client().consent()["code"]
    assert make_client("legacy").redeem(code).json() == {"error": "invalid_grant"}
    wrong = make_client().exchange(grant_type="authorization_code", code=code, redirect_uri="http://localhost/callback")
    assert wrong.json() == {"error": "unauthorized_client"}


def test_clients_authenticate_with_basic_or_in_the_body(make_client, sandbox_server):
    sandbox_server.sandbox.switches.set("invalid_client_status", 400)
    client = make_client()
    code = client.consent()["code"]
    for secret in ("wrong", None, ""):
        answer = client.redeem(code, client_secret=secret)
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_client"})
    sandbox_server.sandbox.switches.set("invalid_client_status", 401)
    assert client.redeem(code, client_secret="wrong").status_code == 401
    assert client.redeem(code, client_id="").json() == {"error": "unauthorized_client"}
    assert client.exchange(grant_type="password").json() == {"error": "unsupported_grant_type"}
    assert client.exchange(grant_type="client_credentials").json() == {"error": "unauthorized_client"}
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    basic = (client.app["client_id"], client.app["client_secret"])
    assert client.http.post("/connect/token", data=form, auth=basic).status_code == 200


def pkce(verifier="v" * 43):
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return {"code_challenge": challenge, "code_challenge_method": "S256"}


def test_a_pkce_app_must_send_its_verifier(make_client, sandbox_server):
    client = make_client("pkce")
    assert client.app["client_secret"] is None
    assert client.http.get(client.authorize_url()).status_code == 400
    plain = client.authorize_url(**{**pkce(), "code_challenge_method": "plain"})
    assert client.http.get(plain).status_code == 400
    assert client.redeem(client.consent(**pkce())["code"]).json() == {"error": "invalid_grant"}
    assert client.redeem(client.consent(**pkce())["code"], code_verifier="w" * 43).json() == {"error": "invalid_grant"}
    client.token = client.redeem(client.consent(**pkce())["code"], code_verifier="v" * 43).json()
    assert client.refresh(client.token["refresh_token"]).status_code == 200
    web = make_client()
    sandbox_server.sandbox.switches.set("web_pkce", "accepted")
    assert web.redeem(web.consent(**pkce())["code"], code_verifier="v" * 43).status_code == 200
    sandbox_server.sandbox.switches.set("web_pkce", "refused")
    assert web.http.get(web.authorize_url(**pkce())).status_code == 400


def test_the_token_answer_and_its_claims_have_xeros_form(make_client, sandbox_server):
    client = make_client()
    token = client.redeem(client.consent(scope="openid email accounting.contacts")["code"]).json()
    assert "refresh_token" not in token
    assert token["expires_in"] == 1800
    assert claims(token["id_token"])["email"] == "aroha@example.com"
    token = client.redeem(client.consent()["code"]).json()
    assert token["refresh_token"]
    assert "id_token" not in token
    assert {"openid", "accounting.contacts", "accounting.invoices"} <= set(token["scope"].split()), "scopes add up"
    held = claims(token["access_token"])
    assert held["scope"] == token["scope"].split()
    assert (held["iss"], held["aud"]) == ("https://identity.xero.com", "https://identity.xero.com/resources")
    assert held["client_id"] == client.app["client_id"]
    assert {"sub", "nbf", "jti", "global_session_id", "xero_userid"} <= set(held)
    assert held["exp"] - held["nbf"] == 1800
    client.token = token
    assert [c["authEventId"] for c in client.connections()] == [held["authentication_event_id"]]


def test_a_refresh_token_rotates_and_the_old_one_works_for_thirty_minutes(client, sandbox_server):
    first = client.token["refresh_token"]
    second = client.refresh(first).json()["refresh_token"]
    assert second != first
    assert client.refresh(first).status_code == 200, "the answer may have been lost"
    sandbox_server.sandbox.clock.advance(29 * 60)
    assert client.refresh(first).status_code == 200
    sandbox_server.sandbox.clock.advance(61)
    assert client.refresh(first).json() == {"error": "invalid_grant"}
    assert client.refresh(second).status_code == 200
    unused = client.refresh(second).json()["refresh_token"]
    sandbox_server.sandbox.clock.advance(60 * 86_400 + 1)
    assert client.refresh(unused).json() == {"error": "invalid_grant"}


def test_another_app_cannot_refresh(client, make_client):
    assert make_client("legacy").refresh(client.token["refresh_token"]).json() == {"error": "invalid_grant"}


def test_a_new_consent_leaves_the_old_tokens_alone(client, sandbox_server):
    old = client.token["refresh_token"]
    client.connect(organisations=[sandbox_server.info["organisations"][1]["id"]])
    assert len(client.connections()) == 2
    event = claims(client.token["access_token"])["authentication_event_id"]
    assert [c["tenantName"] for c in client.connections(authEventId=event)] == ["Thistle & Oak Trading Ltd"]
    assert client.refresh(old).status_code == 200


def test_revocation_removes_every_connection(client):
    refresh = client.token["refresh_token"]
    form = {
        "token": refresh,
        "client_id": client.app["client_id"],
        "client_secret": client.app["client_secret"],
    }
    wrong = client.http.post("/connect/revocation", data={**form, "client_secret": "no"})
    assert wrong.json() == {"error": "invalid_client"}
    answer = client.http.post("/connect/revocation", data=form)
    assert (answer.status_code, answer.content) == (200, b"")
    assert client.refresh(refresh).json() == {"error": "invalid_grant"}
    assert client.connections() == []
    assert client.get("Accounts").status_code == 403


def test_connections_are_listed_filtered_and_deleted(make_client, sandbox_server):
    client = make_client()
    client.connect(user="adviser")
    found = client.connections()
    assert [c["tenantType"] for c in found] == ["ORGANISATION", "PRACTICE"]
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}"
    assert re.fullmatch(stamp, found[0]["createdDateUtc"])
    capital = client.http.get("/Connections", headers=client.headers())
    assert capital.json() == found
    assert "x-minlimit-remaining" not in capital.headers
    assert "x-appminlimit-remaining" in capital.headers
    sandbox_server.sandbox.clock.advance(60)
    client.connect(user="adviser")
    again = client.connections()[0]
    assert again["id"] == found[0]["id"]
    assert again["updatedDateUtc"] > again["createdDateUtc"], "it was connected again"
    tenant_id = client.http.delete(f"/connections/{again['tenantId']}", headers=client.headers())
    assert tenant_id.status_code == 404, "the id is the connection's, not the tenant's"
    gone = client.http.delete(f"/connections/{again['id']}", headers=client.headers())
    assert (gone.status_code, gone.content) == (204, b"")
    client.tenant = again["tenantId"]
    assert client.get("Accounts").status_code == 403
    client.tenant = found[1]["tenantId"]
    assert client.get("Accounts").status_code == 403, "a practice has no Accounting API"


def test_a_custom_connection_uses_client_credentials(make_client, sandbox_server):
    sandbox_server.sandbox.switches.set("custom_scope_required", True)
    client = make_client("custom")
    refused = client.exchange(grant_type="client_credentials", scope="accounting.transactions")
    assert refused.json() == {
        "error": "invalid_scope", "error_description": "Client credentials scope validation failed",
    }  # fmt: skip
    assert client.exchange(grant_type="client_credentials").json()["error"] == "invalid_scope"
    client.token = client.exchange(grant_type="client_credentials", scope="accounting.settings").json()
    assert "refresh_token" not in client.token
    assert [c["tenantId"] for c in client.connections()] == [sandbox_server.info["organisations"][0]["id"]]
    assert client.get("Accounts").status_code == 200, "the tenant may be left out"
    assert client.http.get(client.authorize_url()).status_code == 400
    sandbox_server.sandbox.switches.set("custom_scope_required", False)
    assert client.exchange(grant_type="client_credentials").status_code == 200


def test_one_consent_connects_one_organisation(make_client, sandbox_server):
    sandbox_server.sandbox.switches.set("multi_select", False)
    both = [o["id"] for o in sandbox_server.info["organisations"]]
    with pytest.raises(ValueError, match="one organisation"):
        make_client().consent(organisations=both)
    sandbox_server.sandbox.switches.set("multi_select", True)
    assert len(make_client().connect(organisations=both).connections()) == len(both)
