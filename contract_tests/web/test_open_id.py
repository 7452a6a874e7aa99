"""Sign-in of teams by OpenID Connect, against an issuer in this process: what is accepted, and all that is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey

from bizosaas_xero.spec import Invalid, Misconfigured
from bizosaas_xero.web.people import OpenIdSettings
from bizosaas_xero.web.signin import Issuer
from contract_tests.helpers.browser import Browser
from contract_tests.helpers.issuer import CLIENT, ISSUER, SECRET
from contract_tests.helpers.open_id import ORIGIN, SETTINGS, come_back, leave, sign_in


def test_a_person_signs_in_and_comes_to_the_page_they_asked_for(team_visitor, fake_issuer):
    page = team_visitor.get("/approvals?x=1")
    assert (page.status, "You sign in at login.example" in page.text) == (401, True)
    assert "/sign-in?next=%2Fapprovals" in page.html
    page = sign_in(team_visitor, fake_issuer, "/sign-in?next=%2Fapprovals")
    assert (page.status, page.path) == (200, "/approvals")
    assert "ann@shop.example" in page.text


def test_the_request_carries_pkce_state_and_nonce_and_the_secret_stays_here(team_visitor):
    query = {name: each[0] for name, each in parse_qs(urlsplit(leave(team_visitor)).query).items()}
    assert query["redirect_uri"] == f"{ORIGIN}/sign-in/callback"
    assert query["scope"] == "openid profile email"
    assert min(len(query[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    assert SECRET not in str(query)


WRONG_CLAIMS = {
    "another nonce": {"nonce": "x"},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "other"},
    "no audience": {"aud": None},
    "another issuer": {"iss": "https://evil.example"},
    "expired": {"exp": 1_000_000_000},
    "no end": {"exp": None},
    "from the future": {"iat": 4_000_000_000},
    "no subject": {"sub": None},
    "made for another application": {"aud": [CLIENT, "other"], "azp": "other"},
}


@pytest.mark.parametrize("wrong", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS)
def test_a_token_with_a_wrong_claim_signs_no_person_in(team_visitor, fake_issuer, wrong):
    fake_issuer.change = wrong
    page = sign_in(team_visitor, fake_issuer)
    assert (page.status, "You were not signed in" in page.text) == (400, True)
    assert team_visitor.get("/").status == 401


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_without_a_key_pair_s_signature_signs_no_person_in(team_visitor, fake_issuer, algorithm):
    fake_issuer.algorithm = algorithm
    page = sign_in(team_visitor, fake_issuer)
    assert (page.status, "cannot be verified" in page.text) == (400, True)
    assert team_visitor.get("/").status == 401


def test_another_key_of_the_same_name_signs_no_person_in(team_visitor, fake_issuer):
    fake_issuer.key = RSAKey.generate_key(2048, {"kid": "one"})
    assert sign_in(team_visitor, fake_issuer).status == 400


def test_a_new_key_of_the_issuer_is_found_and_a_forged_one_asks_once_a_minute(team_visitor, fake_issuer, moment):
    assert sign_in(team_visitor, fake_issuer).status == 200
    fake_issuer.key = fake_issuer.published = RSAKey.generate_key(2048, {"kid": "two"})
    moment.now += timedelta(minutes=2)
    assert sign_in(team_visitor, fake_issuer).status == 200
    fake_issuer.key = RSAKey.generate_key(2048, {"kid": "forged"})
    before = fake_issuer.requests.count("/keys")
    assert [sign_in(team_visitor, fake_issuer).status for _ in range(3)] == [400, 400, 400]
    assert fake_issuer.requests.count("/keys") == before


def test_a_state_works_once_in_one_browser(make_app, fake_issuer):
    pages = make_app()
    team_visitor, thief = Browser(pages, ORIGIN), Browser(pages, ORIGIN)
    way_back = fake_issuer.authorize(leave(team_visitor))
    leave(thief)
    assert come_back(thief, way_back).status == 400
    cookies = dict(team_visitor.cookies)
    assert come_back(team_visitor, way_back).status == 200
    assert come_back(team_visitor, way_back).status == 400
    replay = Browser(pages, ORIGIN)
    replay.cookies.update(cookies)
    page = come_back(replay, way_back)
    assert (page.status, "used already" in page.text) == (400, True)


def test_a_used_state_is_refused_even_with_a_new_code(make_app, fake_issuer):
    pages = make_app()
    team_visitor, replay = Browser(pages, ORIGIN), Browser(pages, ORIGIN)
    address = leave(team_visitor)
    cookies = dict(team_visitor.cookies)
    assert come_back(team_visitor, fake_issuer.authorize(address)).status == 200
    replay.cookies.update(cookies)
    assert come_back(replay, fake_issuer.authorize(address)).status == 400


@pytest.mark.parametrize("change", ["&iss=https%3A%2F%2Fevil.example", ""])
def test_a_response_of_another_issuer_is_refused(team_visitor, fake_issuer, change):
    target = fake_issuer.authorize(leave(team_visitor)).partition("&iss=")[0] + change
    assert come_back(team_visitor, target).status == 400
    assert fake_issuer.requests.count("/token") == 0


def test_a_person_who_cancels_can_begin_again(team_visitor, fake_issuer):
    state = parse_qs(urlsplit(leave(team_visitor)).query)["state"][0]
    page = team_visitor.get(f"/sign-in/callback?error=access_denied&state={state}&iss={ISSUER}")
    assert (page.status, 'href="/sign-in"' in page.html) == (400, True)
    assert sign_in(team_visitor, fake_issuer).status == 200


def test_a_sign_in_that_took_too_long_is_refused(team_visitor, fake_issuer, moment):
    way_back = fake_issuer.authorize(leave(team_visitor))
    moment.now += timedelta(minutes=16)
    assert come_back(team_visitor, way_back).status == 400


@pytest.mark.parametrize(
    ("given", "role"),
    [(["viewer"], "viewer"), (["viewer", "owner"], "owner"), ("approver", "approver"), (["x", "approver"], "approver")],
)
def test_the_highest_known_role_counts(given, role):
    assert SETTINGS.identify({"email": "a@b.example", "roles": given}).role == role


@pytest.mark.parametrize("given", [None, [], "admin", ["Owner"], {"owner": True}, 7, [["owner"]]])
def test_without_a_known_role_no_person_is_signed_in(team_visitor, fake_issuer, given):
    fake_issuer.person["roles"] = given
    page = sign_in(team_visitor, fake_issuer)
    assert (page.status, "has no role here" in page.text) == (403, True)
    assert team_visitor.get("/").status == 401


@pytest.mark.parametrize(
    "claims",
    [{"email": None}, {"email": " "}, {"email": 'mcp: "x"'}, {"email": "a\u200b@b"}, {"email_verified": False}],
)
def test_without_a_usable_name_no_person_is_signed_in(team_visitor, fake_issuer, claims):
    fake_issuer.person |= claims
    assert sign_in(team_visitor, fake_issuer).status == 403
    assert team_visitor.get("/").status == 401


def test_roles_and_names_are_read_as_configured():
    found = OpenIdSettings.from_environ(
        {
            "BIZOSAAS_OIDC_ISSUER": ISSUER,
            "BIZOSAAS_OIDC_CLIENT_ID": "x",
            "BIZOSAAS_OIDC_NAME_CLAIM": "preferred_username",
            "BIZOSAAS_OIDC_ROLE_CLAIM": "realm_access.roles",
            "BIZOSAAS_OIDC_ROLES": "owner=finance-lead, approver=finance,approver=board",
        }
    )
    identity = found.identify({"preferred_username": "ann", "realm_access": {"roles": ["board"]}})
    assert (identity.name, identity.role, found.client_secret) == ("ann", "approver", None)
    with pytest.raises(Invalid):
        found.identify({"preferred_username": "ann", "realm_access": {"roles": ["owner"]}})


@pytest.mark.parametrize(
    "wrong",
    [
        {"ISSUER": "http://login.example"},
        {"CLIENT_ID": ""},
        {"ROLES": "admin=x"},
        {"ROLES": "owner"},
        {"ROLES": "owner=x,viewer=x"},
    ],
)
def test_a_wrong_setting_is_named(wrong):
    given = {"ISSUER": ISSUER, "CLIENT_ID": "x"} | wrong
    with pytest.raises(Misconfigured) as refused:
        OpenIdSettings.from_environ({f"BIZOSAAS_OIDC_{name}": value for name, value in given.items()})
    assert refused.value.problems[0]["field"] == f"BIZOSAAS_OIDC_{next(iter(wrong))}"


@pytest.mark.parametrize(
    ("description", "use"),
    [
        ({"issuer": f"{ISSUER}/"}, lambda issuer: issuer.authorization_url("x", "s", "n", "v")),
        ({"authorization_endpoint": None}, lambda issuer: issuer.authorization_url("x", "s", "n", "v")),
        ({"token_endpoint": "http://login.example/token"}, lambda issuer: issuer.redeem("c", "x", "n", "v")),
        ({"jwks_uri": None}, lambda issuer: issuer.verify("x", CLIENT)),
        ({"jwks_uri": f"{ISSUER}/nothing"}, lambda issuer: issuer.verify("x", CLIENT)),
    ],
)
def test_an_issuer_that_cannot_be_used_is_said(fake_issuer, description, use):
    fake_issuer.description = description
    fresh = Issuer(SETTINGS, now=lambda: datetime.now(UTC), client=fake_issuer.client)
    with pytest.raises(Misconfigured) as refused:
        use(fresh)
    assert refused.value.reason == "issuer_unusable"
