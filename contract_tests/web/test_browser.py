"""The guide in Chromium, from an empty folder to the first true figure, with the real command."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys

import pytest

from contract_tests.helpers.screens import Screen, needs_chromium, open_browser

COMMAND = [sys.executable, "-c", "from bizosaas_xero.cli import main; main()"]
MAX_STEPS = 12
OWED = "SELECT sum(amount_due) FROM invoices WHERE status = 'AUTHORISED' AND currency = 'NZD'"

pytestmark = needs_chromium


@contextlib.contextmanager
def start(*args, **environ):
    """Run a command until the block ends, and give the line that it prints when it is ready."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BIZOSAAS_", "XERO_"))}
    with subprocess.Popen(  # noqa: S603 (our own command)
        [*COMMAND, *args], env=clean | environ, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            assert process.wait(20) == 0


@pytest.fixture
def sandbox_command():
    with start("sandbox", "--json", "--port", "0", "--invoices", "120") as info:
        yield info


@pytest.fixture
def pages_command(sandbox_command, tmp_path):
    addresses = {f"XERO_{name.upper()}": sandbox_command[name] for name in ("api_url", "identity_url", "login_url")}
    with start(
        "web", "--json", "--port", "0", "--as", "ann", BIZOSAAS_HOME=str(tmp_path / "home"), **addresses
    ) as ready:
        yield ready


def test_the_guide_from_an_empty_folder_to_the_first_true_figure(sandbox_command, pages_command, tmp_path):
    app = sandbox_command["apps"]["web"]
    with open_browser() as browser:
        screen = Screen(browser)
        page = screen.page
        page.goto(pages_command["login_url"])
        assert "token" not in page.url
        screen.check("home-empty")
        screen.click("link", "Set up Xero")
        screen.check("guide")
        screen.fill("Client id", app["client_id"])
        screen.fill("Client secret", "not-the-secret")
        page.get_by_role("button", name="Authorize with Xero").click()
        assert "Generate" in page.get_by_role("alert").first.inner_text() or page.get_by_role("alert").count()
        screen.check("guide-refused")
        screen.fill("Client secret", app["client_secret"])
        screen.click("button", "Authorize with Xero")
        page.wait_for_url(re.compile("/identity/connect/authorize"))
        screen.click("button", "Allow access")
        page.wait_for_url(re.compile("/setup$"))
        screen.check("setup")
        screen.click("button", "Complete Setup")
        page.wait_for_selector("text=/owed to you.*all in step/", timeout=90_000)
        screen.check("connection")
        with contextlib.closing(sqlite3.connect(tmp_path / "home" / "bizosaas.db")) as database:
            (owed,) = database.execute(OWED).fetchone()
        assert f"NZD {owed:,.2f}" in page.inner_text("main")
        assert len(screen.steps) <= MAX_STEPS, screen.steps
        screen.click("link", "Integrations")
        screen.check("home")
        page.goto(f"{pages_command['url']}/approvals")
        screen.check("approvals-empty")
        page.goto(f"{pages_command['url']}/activity?verify")
        screen.check("activity")
        page.goto(f"{pages_command['url']}/nothing")
        screen.check("not-found")
    ours = (pages_command["url"], sandbox_command["api_url"], "data:")
    assert [url for url in screen.requests if not url.startswith(ours)] == []
    assert [each for each in screen.complaints if "400" not in each and "404" not in each] == []
