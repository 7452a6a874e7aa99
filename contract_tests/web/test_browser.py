"""The guide in Chromium, from an empty folder to the first true figure, with the real command."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import subprocess

import pytest

from contract_tests.helpers.command_server import forked_command
from contract_tests.helpers.screens import Screen, needs_chromium, open_browser

MAX_STEPS = 12
OWED = "SELECT sum(amount_due) FROM invoices WHERE status = 'AUTHORISED' AND currency = 'NZD'"

pytestmark = needs_chromium


@contextlib.contextmanager
def start(*args, **environ):
    """Run a command until the block ends, and give the line that it prints when it is ready."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BIZOSAAS_", "XERO_"))}
    with subprocess.Popen(  # noqa: S603 (our own command)
        [*forked_command(), *args], env=clean | environ, stdout=subprocess.PIPE, text=True
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
        yield ready | {"environ": addresses}


INVOICE = {
    "contact": {"name": "Bluebird Roasters Limited"},
    "lines": [{"description": "Advice", "quantity": 2, "unit_amount": "150.00"}],
    "value_is": "net",
    "due_date": "2030-12-20",
    "reference": "D-1042",
    "status": "authorised",
}


def ask_for_an_invoice(home, addresses):
    """Ask as an agent does, in a process of its own."""
    words = ["run", "create_invoice", "--params", json.dumps(INVOICE), "--plan", "--as", "sales-agent", "--json"]
    done = subprocess.run(  # noqa: S603 (our own command)
        [*forked_command(), *words],
        env=os.environ | addresses | {"BIZOSAAS_HOME": str(home)},
        capture_output=True,
        check=False,
    )
    assert json.loads(done.stdout)["status"] == "planned", done.stderr


def connection_id(home) -> str:
    with contextlib.closing(sqlite3.connect(home / "bizosaas.db")) as database:
        return database.execute("SELECT id FROM host_connections").fetchone()[0]


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
        ask_for_an_invoice(tmp_path / "home", pages_command["environ"])
        screen.click("link", "Integrations")
        screen.check("home")
        page.goto(f"{pages_command['url']}/approvals")
        page.get_by_role("link", name=re.compile("345.00")).click()
        screen.check("plan")
        page.get_by_role("button", name="Approve NZD 345.00").click()
        assert "Approved until" in page.inner_text("main")
        page.goto(f"{pages_command['url']}/approvals")
        screen.check("approvals")
        page.goto(f"{pages_command['url']}/activity?verify")
        screen.check("activity")
        page.goto(f"{pages_command['url']}/connections/{connection_id(tmp_path / 'home')}/rules")
        screen.check("rules")
        page.goto(f"{pages_command['url']}/connections/{connection_id(tmp_path / 'home')}/disconnect")
        screen.check("disconnect")
        page.goto(f"{pages_command['url']}/nothing")
        screen.check("not-found")
    ours = (pages_command["url"], sandbox_command["api_url"], "data:")
    assert [url for url in screen.requests if not url.startswith(ours)] == []
    assert [each for each in screen.complaints if "400" not in each and "404" not in each] == []
