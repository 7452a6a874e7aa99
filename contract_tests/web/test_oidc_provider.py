"""Sign-in against an OpenID provider of other people: npm's oidc-provider, with its own pages, keys and checks."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from bizosaas_xero.host import DiscoveryReport, open_host
from bizosaas_xero.web.app import create_app
from bizosaas_xero.web.people import OpenIdSettings
from bizosaas_xero.web.settings import WebSettings
from bizosaas_xero.web.signin import Issuer
from contract_tests.helpers.browser import Browser
from contract_tests.helpers.oidc_provider import ORIGIN, PersonAtProvider, needs_npm, run_provider
from contract_tests.helpers.open_id import seen_by_pages

pytestmark = [pytest.mark.slow, needs_npm]


@pytest.fixture(scope="module")
def provider_url(tmp_path_factory):
    with run_provider(tmp_path_factory.mktemp("provider")) as url:
        yield url


@pytest.fixture
def provider_pages(tmp_path, provider_url):
    settings = OpenIdSettings(provider_url, "pages", SecretStr("client-secret"))
    with open_host(tmp_path / "home", report=DiscoveryReport({}, []), environ={}) as host:
        issuer = Issuer(settings, now=lambda: datetime.now(UTC))
        yield create_app(host, WebSettings.checked(ORIGIN), issuer=issuer)


@pytest.fixture
def person_at_provider():
    found = PersonAtProvider()
    yield found
    found.client.close()


def leave(visitor, path="/sign-in"):
    return visitor.send("GET", path, follow=False).headers["location"]


def test_people_sign_in_with_their_roles(provider_pages, person_at_provider):
    seen, ann = seen_by_pages(provider_pages), Browser(provider_pages, ORIGIN)
    page = ann.get(person_at_provider.authorize(leave(ann, "/sign-in?next=%2Factivity"), "ann"))
    assert (page.status, page.path, seen[-1].name, seen[-1].role) == (200, "/activity", "ann@shop.example", "owner")
    other, vera = PersonAtProvider(), Browser(provider_pages, ORIGIN)
    vera.get(other.authorize(leave(vera), "vera"))
    assert (seen[-1].name, seen[-1].role) == ("vera@shop.example", "viewer")
    assert other.asked == 1
    other.client.close()


def test_the_provider_remembers_a_person_unless_they_must_prove_it_again(provider_pages, person_at_provider):
    seen, ann = seen_by_pages(provider_pages), Browser(provider_pages, ORIGIN)
    ann.get(person_at_provider.authorize(leave(ann), "ann"))
    ann.get(person_at_provider.authorize(leave(ann), "ann"))
    assert person_at_provider.asked == 1
    begun = datetime.now(UTC) - timedelta(seconds=1)
    page = ann.get(person_at_provider.authorize(leave(ann, "/sign-in?again"), "ann"))
    assert (page.status, person_at_provider.asked) == (200, 2)
    assert seen[-1].signed_in_at >= begun.replace(microsecond=0)


def test_a_code_is_redeemed_once_and_only_with_its_verifier(provider_pages, person_at_provider):
    ann = Browser(provider_pages, ORIGIN)
    way_back = person_at_provider.authorize(leave(ann), "ann")
    session = provider_pages.asgi._sessions.read(f"bizosaas={ann.cookies['bizosaas']}")
    session.sign_ins[0]["verifier"] = "x" * 43
    ann.cookies.set("bizosaas", provider_pages.asgi._sessions.write(session).partition(";")[0].partition("=")[2])
    page = ann.get(way_back)
    assert (page.status, "refused the code" in page.text) == (400, True)
    assert ann.get("/").status == 401


def test_a_person_cancels_at_the_provider(provider_pages, person_at_provider):
    ann = Browser(provider_pages, ORIGIN)
    answer = person_at_provider.client.get(leave(ann))
    page = person_at_provider.client.get(answer.url.join(answer.headers["location"]))
    abort = re.search(r'href="([^"]+/abort)"', page.text)[1]
    answer = person_at_provider.client.get(page.url.join(abort))
    answer = person_at_provider.client.get(answer.url.join(answer.headers["location"]))
    back = ann.get(answer.headers["location"].removeprefix(ORIGIN))
    assert (back.status, "refused it, or you cancelled" in back.text) == (400, True)
