"""Connectors that know nothing of the pages: the small CSV connector, and one that is broken."""

from __future__ import annotations

import importlib.util
import sys

import pluggy
import pytest

from bizosaas_xero.host import DiscoveryEntry, DiscoveryReport, open_host
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.spec import PROJECT, hooks
from bizosaas_xero.web.app import create_app
from bizosaas_xero.web.settings import WebSettings
from contract_tests.helpers.browser import Browser
from contract_tests.helpers.paths import ROOT

ORIGIN = "http://localhost:8380"
FOLDER = ROOT / "contract_tests" / "selftest" / "csvshop"


@pytest.fixture
def csv_browser(tmp_path):
    spec = importlib.util.spec_from_file_location("csvshop", FOLDER / "csvshop.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["csvshop"] = module
    spec.loader.exec_module(module)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hooks)
    manager.register(module)
    rows = [DiscoveryEntry("csvshop", "loaded"), DiscoveryEntry("torn", "failed", "SyntaxError: it is torn")]
    report = DiscoveryReport({"csvshop": Connector("csvshop", manager, "csvshop", "1", "csvshop")}, rows)
    with (
        open_host(tmp_path / "home", report=report, environ={}) as host,
        create_app(host, WebSettings.checked(ORIGIN)) as app,
    ):
        browser = Browser(app, ORIGIN)
        browser.get(app.link.make_path())
        yield browser, host, app
    del sys.modules["csvshop"]


def test_every_connector_is_shown_and_why_one_is_not_there(csv_browser):
    browser, _, _ = csv_browser
    text = browser.get("/").text
    assert "CSV shop Products from a CSV file. Set up" in text
    assert "torn not available SyntaxError: it is torn" in text


def test_a_connector_without_setup_is_connected_and_its_problem_told(csv_browser):
    browser, host, app = csv_browser
    page = browser.submit(browser.get("/integrations/csvshop"), "/authorize", client_id="me")
    (connection,) = host.store.connections()
    assert page.path == f"/connections/{connection.id}"
    app.jobs.wait(connection.id)
    page = browser.get(page.path)
    assert "The setting file is missing." in page.text
    assert browser.get(f"/connections/{connection.id}/setup").status == 404


def test_a_connector_without_setup_syncs(csv_browser, tmp_path):
    browser, host, app = csv_browser
    browser.submit(browser.get("/integrations/csvshop"), "/authorize", client_id="me")
    (connection,) = host.store.connections()
    app.jobs.wait(connection.id)
    (tmp_path / "rows.csv").write_text("sku,price,changed\nP1,1.50,2026-01-01T00:00:00+00:00\n")
    host.store.set_configuration(connection.id, {"file": str(tmp_path / "rows.csv")}, {})
    browser.submit(browser.get(f"/connections/{connection.id}"), "/sync")
    app.jobs.wait(connection.id)
    page = browser.get(f"/connections/{connection.id}")
    assert "Products 1 complete" in page.text
    assert "All in step, last synced just now." in page.text


def test_an_unknown_connector_is_not_found(csv_browser):
    browser, _, _ = csv_browser
    assert browser.get("/integrations/nothing").status == 404
