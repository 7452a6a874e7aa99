"""In Chromium: past syncs, agents, and the pages of a sign-in with an issuer; axe-core, two widths, both themes."""

from __future__ import annotations

import contextlib
import socket
import threading
from datetime import UTC, datetime

import pytest
import uvicorn
from pydantic import SecretStr

from bizosaas_xero.spec import Unavailable
from bizosaas_xero.web.app import create_app
from bizosaas_xero.web.people import OpenIdSettings
from bizosaas_xero.web.settings import WebSettings
from bizosaas_xero.web.signin import Issuer
from contract_tests.helpers.fake_connector import batch, record
from contract_tests.helpers.issuer import CLIENT, ISSUER, SECRET, FakeIssuer
from contract_tests.helpers.ledger_connector import Payer
from contract_tests.helpers.screens import Screen, needs_chromium, open_browser

AGENT = 'mcp: "Kit <script>alert(1)</script> 2.0" for bob@shop.example'

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
    pytest.mark.any_database,
    pytest.mark.connector_class(cls=Payer),
]


@contextlib.contextmanager
def serve(make):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://localhost:{listener.getsockname()[1]}"
        pages = make(WebSettings.checked(url))
        server = uvicorn.Server(uvicorn.Config(pages, lifespan="off", log_level="critical"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            with pages:
                yield url, pages
        finally:
            server.should_exit = True
            thread.join()


def test_agents_and_past_syncs(host, connection_id, sync_things, fake_connector, clock):
    fake_connector.runs = [[batch(1, record("a"))], [Unavailable("It is away.", retry_after=600)]]
    sync_things()
    sync_things()
    for requester in (AGENT, "ann@shop.example"):
        host.act(connection_id, "pay", {"to": "<img src=x>", "amount": "1.00"}, requester=requester, mode="plan")
    host.revoke_requester(AGENT, "olaf")
    with serve(lambda settings: create_app(host, settings, user="olaf", now=clock.now)) as (url, pages):
        with open_browser() as browser:
            screen = Screen(browser)
            screen.page.goto(f"{url}{pages.link.make_path()}")
            screen.page.goto(f"{url}/activity?verify")
            screen.check("agents")
            screen.click("button", f"Allow again {AGENT}")
            assert "may ask again" in screen.page.inner_text("main")
            screen.page.goto(f"{url}/connections/{connection_id}")
            screen.click("link", "Past syncs")
            assert "It is away." in screen.page.inner_text("main")
            screen.check("past-syncs")
        assert screen.complaints == []
        assert [each for each in screen.requests if not each.startswith(url)] == []


def test_the_pages_of_a_sign_in(host, clock):
    def make(settings):
        issuer = Issuer(
            OpenIdSettings(ISSUER, CLIENT, SecretStr(SECRET)),
            now=lambda: datetime.now(UTC),
            client=FakeIssuer().client,
        )
        return create_app(host, settings, issuer=issuer, now=clock.now)

    with serve(make) as (url, _), open_browser() as browser:
        screen = Screen(browser)
        for name, path in (
            ("sign-in", "/approvals"),
            ("signed-out", "/signed-out"),
            ("sign-in-refused", "/sign-in/callback?state=x"),
        ):
            screen.page.goto(f"{url}{path}")
            screen.check(name)
        screen.page.goto(f"{url}/approvals")
        assert screen.page.get_by_role("link", name="Sign in").get_attribute("href") == "/sign-in?next=%2Fapprovals"
