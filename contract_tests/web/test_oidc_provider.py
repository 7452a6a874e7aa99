"""Sign-in against an OpenID provider of other people: npm's oidc-provider, with its own pages, keys and checks."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr

from bizosaas_xero.host import DiscoveryReport, open_host
from bizosaas_xero.web.app import create_app
from bizosaas_xero.web.people import OpenIdSettings
from bizosaas_xero.web.settings import WebSettings
from bizosaas_xero.web.signin import Issuer
from contract_tests.helpers.browser import Browser
from contract_tests.helpers.paths import ROOT
from contract_tests.web.test_open_id import seen_by_pages

ORIGIN = "http://localhost:8380"
RESOURCE = "https://books.example/mcp"
SOURCE = ROOT / "contract_tests" / "web" / "oidc_provider"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("REQUIRE_SERVICES") != "1" and not shutil.which("npm"), reason="npm is not installed"
    ),
]


@pytest.fixture(scope="module")
def provider_url(tmp_path_factory):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    folder = tmp_path_factory.mktemp("provider")
    shutil.copytree(SOURCE, folder, dirs_exist_ok=True)
    npm, node = shutil.which("npm") or "npm", shutil.which("node") or "node"
    subprocess.run([npm, "install", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True)  # noqa: S603
    environ = os.environ | {"ORIGIN": ORIGIN, "RESOURCE": RESOURCE, "PORT": str(port)}
    with subprocess.Popen(  # noqa: S603
        [node, "server.mjs"], cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield f"http://localhost:{port}"
        finally:
            process.terminate()


class PersonAtProvider:
    """Fills in the provider's own pages, and keeps its cookies."""

    def __init__(self) -> None:
        self.client = httpx.Client(follow_redirects=False)
        self.asked = 0

    def authorize(self, url: str, name: str) -> str:
        """Sign in and consent as far as the provider asks; return the address that leads back."""
        answer = self.client.get(url)
        while True:
            target = answer.headers.get("location", "")
            if target.startswith(ORIGIN):
                return target.removeprefix(ORIGIN)
            if target:
                answer = self.client.get(answer.url.join(target))
                continue
            form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', answer.text))
            action = re.search(r'action="([^"]+)"', answer.text)
            assert action, (answer.status_code, answer.text[:2000])
            if form["prompt"] == "login":
                self.asked += 1
                form |= {"login": name, "password": "any"}
            answer = self.client.post(answer.url.join(action[1]), data=form)


@pytest.fixture
def pages(tmp_path, provider_url):
    settings = OpenIdSettings(provider_url, "pages", SecretStr("client-secret"))
    with open_host(tmp_path / "home", report=DiscoveryReport({}, []), environ={}) as host:
        issuer = Issuer(settings, now=lambda: datetime.now(UTC))
        yield create_app(host, WebSettings.checked(ORIGIN), issuer=issuer)


@pytest.fixture
def person():
    found = PersonAtProvider()
    yield found
    found.client.close()


def leave(visitor, path="/sign-in"):
    return visitor.send("GET", path, follow=False).headers["location"]


def test_people_sign_in_with_their_roles(pages, person):
    seen, ann = seen_by_pages(pages), Browser(pages, ORIGIN)
    page = ann.get(person.authorize(leave(ann, "/sign-in?next=%2Factivity"), "ann"))
    assert (page.status, page.path, seen[-1].name, seen[-1].role) == (200, "/activity", "ann@shop.example", "owner")
    other, vera = PersonAtProvider(), Browser(pages, ORIGIN)
    vera.get(other.authorize(leave(vera), "vera"))
    assert (seen[-1].name, seen[-1].role) == ("vera@shop.example", "viewer")
    assert other.asked == 1
    other.client.close()


def test_the_provider_remembers_a_person_unless_they_must_prove_it_again(pages, person):
    seen, ann = seen_by_pages(pages), Browser(pages, ORIGIN)
    ann.get(person.authorize(leave(ann), "ann"))
    ann.get(person.authorize(leave(ann), "ann"))
    assert person.asked == 1
    begun = datetime.now(UTC) - timedelta(seconds=1)
    page = ann.get(person.authorize(leave(ann, "/sign-in?again"), "ann"))
    assert (page.status, person.asked) == (200, 2)
    assert seen[-1].signed_in_at >= begun.replace(microsecond=0)


def test_a_code_is_redeemed_once_and_only_with_its_verifier(pages, person):
    ann = Browser(pages, ORIGIN)
    way_back = person.authorize(leave(ann), "ann")
    session = pages.asgi._sessions.read(f"bizosaas={ann.cookies['bizosaas']}")
    session.sign_ins[0]["verifier"] = "x" * 43
    ann.cookies.set("bizosaas", pages.asgi._sessions.write(session).partition(";")[0].partition("=")[2])
    page = ann.get(way_back)
    assert (page.status, "refused the code" in page.text) == (400, True)
    assert ann.get("/").status == 401


def test_a_person_cancels_at_the_provider(pages, person):
    ann = Browser(pages, ORIGIN)
    answer = person.client.get(leave(ann))
    page = person.client.get(answer.url.join(answer.headers["location"]))
    abort = re.search(r'href="([^"]+/abort)"', page.text)[1]
    answer = person.client.get(page.url.join(abort))
    answer = person.client.get(answer.url.join(answer.headers["location"]))
    back = ann.get(answer.headers["location"].removeprefix(ORIGIN))
    assert (back.status, "refused it, or you cancelled" in back.text) == (400, True)
