"""Sign-in of teams by OpenID Connect, against an issuer in this process: what is accepted, and all that is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from bizosaas_xero.host import DiscoveryReport, open_host
from bizosaas_xero.spec import Invalid, Misconfigured
from bizosaas_xero.web.app import create_app
from bizosaas_xero.web.guard import VISIT, Visit
from bizosaas_xero.web.people import OpenIdSettings
from bizosaas_xero.web.settings import WebSettings, require_safe_listening
from bizosaas_xero.web.signin import Issuer
from contract_tests.helpers.browser import Browser
from contract_tests.helpers.issuer import CLIENT, ISSUER, SECRET, FakeIssuer

ORIGIN = "https://books.example"
SETTINGS = OpenIdSettings(ISSUER, CLIENT, SecretStr(SECRET))


class Moment:
    def __init__(self):
        self.now = datetime(2026, 11, 30, 9, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def moment():
    return Moment()


@pytest.fixture
def fake_issuer(moment):
    return FakeIssuer(lambda: moment().timestamp())


@pytest.fixture
def empty_host(tmp_path, moment):
    with open_host(tmp_path / "home", report=DiscoveryReport({}, []), environ={}, now=moment) as opened:
        yield opened


@pytest.fixture
def make_app(empty_host, fake_issuer, moment):
    def make(**changed):
        settings = WebSettings.checked(ORIGIN, idle=timedelta(minutes=60), **changed)
        issuer = Issuer(SETTINGS, now=moment, client=fake_issuer.client)
        return create_app(empty_host, settings, issuer=issuer, now=moment)

    return make


@pytest.fixture
def team_visitor(make_app):
    return Browser(make_app(), ORIGIN)


def leave(team_visitor, path="/sign-in"):
    """Go to the issuer; return its address."""
    return team_visitor.send("GET", path, follow=False).headers["location"]


def come_back(team_visitor, target):
    return team_visitor.get(target.removeprefix(ORIGIN))


def sign_in(team_visitor, issuer, path="/sign-in", **given):
    return come_back(team_visitor, issuer.authorize(leave(team_visitor, path), **given))


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


# ---------------------------------------------------------------- sessions


def test_a_session_ends_when_idle_and_in_any_case(team_visitor, fake_issuer, moment):
    sign_in(team_visitor, fake_issuer)
    for _ in range(3):
        moment.now += timedelta(minutes=59)
        assert team_visitor.get("/").status == 200
    moment.now += timedelta(minutes=61)
    assert team_visitor.get("/").status == 401
    sign_in(team_visitor, fake_issuer)
    for _ in range(14):
        moment.now += timedelta(minutes=50)
        assert team_visitor.get("/").status == 200
    moment.now += timedelta(minutes=50)
    assert team_visitor.get("/").status == 401


def test_sign_out_ends_the_session_in_every_process(make_app, fake_issuer):
    here, there = make_app(), make_app()
    team_visitor, thief = Browser(here, ORIGIN), Browser(there, ORIGIN)
    page = sign_in(team_visitor, fake_issuer)
    thief.cookies.update(dict(team_visitor.cookies))
    assert thief.get("/").status == 200
    out = team_visitor.submit(page, "/sign-out")
    assert (out.status, out.path, "You are signed out here" in out.text) == (200, "/signed-out", True)
    assert (team_visitor.get("/").status, thief.get("/").status) == (401, 401)


def test_a_sign_in_begins_a_new_session_and_ends_the_one_before(make_app, fake_issuer):
    pages = make_app()
    team_visitor, planted = Browser(pages, ORIGIN), Browser(pages, ORIGIN)
    address = leave(team_visitor)
    before = dict(team_visitor.cookies)
    come_back(team_visitor, fake_issuer.authorize(address))
    planted.cookies.update(before)
    assert planted.get("/").status == 401
    signed_in = dict(team_visitor.cookies)
    fake_issuer.person["email"] = "bob@shop.example"
    assert "bob@shop.example" in sign_in(team_visitor, fake_issuer).text
    planted.cookies.update(signed_in)
    assert planted.get("/").status == 401


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/a\nb", "", "/" + "a" * 600],
)
def test_a_sign_in_leads_nowhere_else(team_visitor, fake_issuer, target):
    from urllib.parse import quote

    page = sign_in(team_visitor, fake_issuer, f"/sign-in?next={quote(target, safe='')}")
    assert (page.status, page.path) == (200, "/")


# ---------------------------------------------------------------- signing in again


def seen_by_pages(pages):
    """Note the identity of each request that reaches the pages."""
    seen, inner = [], pages.asgi._app

    async def spy(scope, receive, send):
        seen.append(scope[VISIT].identity)
        await inner(scope, receive, send)

    pages.asgi._app = spy
    return seen


def test_the_time_of_the_sign_in_is_the_issuer_s_and_unknown_where_it_says_none(make_app, fake_issuer, moment):
    pages = make_app()
    seen, team_visitor = seen_by_pages(pages), Browser(pages, ORIGIN)
    sign_in(team_visitor, fake_issuer)
    assert seen[-1].signed_in_at is None
    yesterday = moment() - timedelta(days=1)
    sign_in(team_visitor, fake_issuer, signed_in_at=yesterday.timestamp())
    assert seen[-1].signed_in_at == yesterday


def test_a_person_can_be_asked_to_prove_again_who_they_are(make_app, fake_issuer, moment):
    pages = make_app()
    seen, team_visitor = seen_by_pages(pages), Browser(pages, ORIGIN)
    sign_in(team_visitor, fake_issuer, signed_in_at=moment().timestamp())
    moment.now += timedelta(minutes=30)
    address = leave(team_visitor, "/sign-in?again&next=%2Fapprovals")
    query = parse_qs(urlsplit(address).query)
    assert (query["prompt"], query["max_age"]) == (["login"], ["0"])
    page = come_back(team_visitor, fake_issuer.authorize(address))
    assert (page.status, page.path, seen[-1].signed_in_at) == (200, "/approvals", moment())


def test_a_sign_in_again_confirms_what_the_person_saw_and_an_ordinary_one_does_not(make_app, fake_issuer, moment):
    from starlette.requests import Request

    pages = make_app()
    team_visitor, sessions = Browser(pages, ORIGIN), pages.asgi._sessions
    sign_in(team_visitor, fake_issuer)

    def session():
        return sessions.read(f"{sessions.cookie}={team_visitor.cookies[sessions.cookie]}")

    asked = session()
    asked.begin_confirmation("/approvals/x", moment())
    value = sessions.write(asked).partition(";")[0].partition("=")[2]
    team_visitor.cookies.set(sessions.cookie, value, domain="books.example")
    moment.now += timedelta(seconds=20)
    sign_in(team_visitor, fake_issuer, signed_in_at=moment().timestamp() - 600)
    assert not session().has_confirmed("/approvals/x", moment())
    visit = Visit(session(), session().identity)
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b"", VISIT: visit}
    html = pages.asgi._sign_in.sign_in_again(Request(scope), "/approvals/x").body.decode()
    assert 'content="0; url=/sign-in?again=&amp;next=%2Fapprovals%2Fx"' in html
    sign_in(team_visitor, fake_issuer, "/sign-in?again&next=%2Fapprovals%2Fx")
    assert session().has_confirmed("/approvals/x", moment())
    assert not session().has_confirmed("/approvals/y", moment())


@pytest.mark.parametrize("auth_time", [None, 1_000_000_000, "now"])
def test_an_issuer_that_did_not_ask_again_is_refused(team_visitor, fake_issuer, auth_time):
    sign_in(team_visitor, fake_issuer)
    fake_issuer.change = {"auth_time": auth_time}
    page = sign_in(team_visitor, fake_issuer, "/sign-in?again")
    assert (page.status, "prove again" in page.text) == (400, True)


# ---------------------------------------------------------------- where it may be served


@pytest.mark.parametrize(
    ("host", "url", "given", "reason"),
    [
        ("localhost", "http://localhost:8380", {}, None),
        ("0.0.0.0", "https://books.example", {}, "no_sign_in"),  # noqa: S104 (what is refused or allowed)
        ("localhost", "https://books.example", {}, "no_sign_in"),
        ("localhost", "https://books.example", {"signs_in": True}, None),
        ("0.0.0.0", "https://books.example", {"signs_in": True}, "no_https"),  # noqa: S104 (what is refused or allowed)
        ("0.0.0.0", "http://localhost:8380", {"signs_in": True, "tls": True}, "no_https"),  # noqa: S104 (what is refused or allowed)
        ("0.0.0.0", "https://books.example", {"signs_in": True, "tls": True}, None),  # noqa: S104 (what is refused or allowed)
        ("::", "https://books.example", {"signs_in": True, "proxies": ("10.0.0.0/8",)}, None),
    ],
)
def test_other_machines_need_a_sign_in_and_encryption(host, url, given, reason):
    settings = WebSettings.checked(url, proxies=given.get("proxies", ()))
    control = {"signs_in": given.get("signs_in", False), "tls": given.get("tls", False)}
    if reason is None:
        require_safe_listening(host, settings, **control)
        return
    with pytest.raises(Misconfigured) as refused:
        require_safe_listening(host, settings, **control)
    assert refused.value.reason == reason


@pytest.mark.parametrize("proxy", ["proxy.example", "10.0.0.1/8", ""])
def test_a_proxy_is_an_address(proxy):
    with pytest.raises(Misconfigured):
        WebSettings.checked(ORIGIN, proxies=(proxy,))


@pytest.mark.parametrize(
    ("sender", "headers", "status"),
    [
        ("10.0.0.7", {}, 401),
        ("10.0.0.7", {"x-forwarded-proto": "https"}, 401),
        ("10.0.0.7", {"x-forwarded-proto": "http"}, 403),
        ("10.0.0.7", {"x-forwarded-proto": "https, http"}, 403),
        ("192.168.1.5", {}, 403),
        ("127.0.0.1", {}, 401),
        ("unknown", {}, 403),
    ],
)
def test_only_the_named_proxy_passes_requests_on(make_app, sender, headers, status):
    import httpx

    pages = make_app(proxies=("10.0.0.0/24",))
    team_visitor = Browser(pages, ORIGIN)
    team_visitor._transport = httpx.ASGITransport(app=pages, client=(sender, 5000))
    assert team_visitor.get("/", headers=headers).status == status
