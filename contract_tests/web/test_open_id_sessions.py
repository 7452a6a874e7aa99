"""Sessions of people whom an issuer signed in: how they end, and how a person proves again who they are."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from bizosaas_xero.web.guard import VISIT, Visit
from contract_tests.helpers.browser import Browser
from contract_tests.helpers.open_id import ORIGIN, come_back, leave, seen_by_pages, sign_in


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
