"""The guide's way, line by line, over HTTP: on the stand-in, or on the real gateway that BRAIN_GATEWAY_SRC names."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from contract_tests.helpers.gateway import form_of

pytestmark = pytest.mark.xero_sandbox(invoices=150, seed=9)

ENTITIES = ["invoices", "bills", "contacts", "bank_transactions", "accounts", "payments"]


@pytest.fixture
def browser_of(gateway):
    """Open a browser to which the portal handed its user over; it sends no token."""
    opened = []

    def open_browser(user=None):
        link = gateway("POST", "/bizosaas/link", user).raise_for_status().json()["url"]
        opened.append(httpx.Client(base_url=gateway.http.base_url, timeout=60, headers={"Accept": "text/html"}))
        entered = opened[-1].get(link, follow_redirects=True)
        assert entered.status_code == 200, entered.text
        assert opened[-1].get(link).status_code == 401  # it is good once
        return opened[-1]

    yield open_browser
    for each in opened:
        each.close()


def send_form(http, page, action, **fields):
    """Send a form of a page as its button does."""
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert token, page.text[:500]
    return http.post(action, data={"csrf": html.unescape(token[1]), **fields}, follow_redirects=True)


def test_card_and_form_ask_for_id_and_secret_only(gateway):
    [card] = [each for each in gateway("GET", "/api/connectors/types").json() if each["id"] == "xero"]
    assert (card["name"], card["type"]) == ("Xero", "other")
    form = card["auth_schema"]
    assert all({"type", "label", "required"} <= set(field) for field in form.values())
    assert all(field["options"] and field["default"] for field in form.values() if field["type"] == "select")
    assert gateway.redirect_uri in form["client_id"]["help"]
    needed = [name for name, field in form.items() if field["type"] != "select"]
    assert needed == ["client_id", "client_secret"]


def test_from_the_form_to_synced_rows_in_the_browser(gateway):
    assert gateway.enter().json()["status"] == "pending"
    assert (gateway.status(), gateway.listed()) == ("pending", "disconnected")  # no consent yet
    answer = gateway("GET", "/oauth/authorize/xero", params={"redirect_uri": gateway.redirect_uri})
    back = gateway.consent(answer.json()["url"])
    assert back.startswith(gateway.redirect_uri)
    assert httpx.get(back, follow_redirects=True).status_code == 401  # another browser
    page = gateway.http.get(back, follow_redirects=True)  # no token: the cookie of the browser that began
    assert page.status_code == 200, page.text
    assert "Complete Setup" in page.text
    assert (gateway.status(), gateway.listed()) == ("connected", "connected")
    assert set(gateway.marks()) == {"connection"}
    done = send_form(gateway.http, page, page.url)
    assert done.status_code == 200, done.text
    assert gateway("POST", "/api/connectors/xero/validate").json() == {"valid": True}
    for entity in ENTITIES:
        told = gateway.sync(entity).json()
        assert told["count"] == len(told["data"]) > 0, entity


def test_the_pages_set_up_without_the_portals_form(gateway, browser_of):
    browser = browser_of()
    guide = browser.get("/bizosaas/integrations/xero")
    assert html.escape(gateway.redirect_uri) in guide.text
    entered = form_of(gateway.box)
    leaving = send_form(browser, guide, "/bizosaas/integrations/xero/authorize", **entered)
    [url] = {html.unescape(each) for each in re.findall(r'href="(http[^"]+authorize[^"]+)"', leaving.text)}
    page = browser.get(gateway.consent(url), follow_redirects=True)
    assert "Complete Setup" in page.text
    assert (gateway.status(), gateway.listed()) == ("connected", "connected")


def test_a_refusal_at_the_provider_is_told(gateway):
    gateway.enter()
    state = parse_qs(urlsplit(gateway.authorize()).query)["state"][0]
    denied = gateway.http.get(
        "/api/auth/callback/xero", params={"error": "access_denied", "state": state}, follow_redirects=True
    )
    assert denied.status_code == 400
    assert "not" in denied.text
    assert gateway.status() == "pending"
    gateway.connect()
    assert gateway.status() == "connected"


def test_a_consent_is_good_once_and_for_the_tenant_that_began_it(gateway):
    for user in (gateway.tenant, "victim"):
        gateway.enter(user)
    mine = gateway.consent(gateway.authorize())
    refused = gateway.came_back(mine, "victim")
    assert (refused.status_code, refused.json()["error"]["reason"]) == (400, "unknown_state")
    assert gateway.status("victim") == "pending"
    assert gateway.came_back(mine).status_code == 200
    assert gateway.came_back(mine).status_code == 400
    no_state = gateway.came_back(f"{gateway.redirect_uri}?code=x")
    assert no_state.json()["error"]["reason"] == "state_not_passed"


def test_the_five_actions_of_the_guide(gateway, browser_of):
    gateway.connect()
    months = {"from_date": "2026-01-01", "to_date": "2026-10-31"}
    for read, params in {
        "get_aged_receivables": {},
        "generate_pnl_report": months,
        "reconcile_bank_feeds": {},
    }.items():
        told = gateway.act(read, **params)
        assert (told["status"], told.get("outcome")) == ("success", "done"), (read, told)
    known = gateway.act("find_contacts", limit=1)["data"]["contacts"][0]
    deal = {"id": "D-1", "title": "Beans", "value": 1234.1, "currency": "NZD"}
    asked = {
        "deal": deal,
        "status": "authorised",
        "value_is": "net",
        "contact": {"id": known["contact_id"]},
        "account": "200",
    }
    planned = gateway.act("create_invoice", **asked, business_key="d-1")
    assert planned["status"] == planned["outcome"] == "needs_approval"
    assert planned["data"] is None
    assert "1234.0999" not in str(planned["plan"])
    # Another person of the tenant approves on the page that the answer names; then the same call does it, once.
    browser = browser_of(f"{gateway.tenant}/bob")

    def approve(answer):
        page = browser.get(answer["approve_url"])
        assert page.status_code == 200, page.text
        approved = send_form(browser, page, f"{urlsplit(answer['approve_url']).path}/approve")
        assert approved.status_code == 200, approved.text

    approve(planned)
    done = gateway.act("create_invoice", **asked, business_key="d-1")
    assert (done["status"], done["outcome"], done["repeated"]) == ("success", "done", False), done
    again = gateway.act("create_invoice", **asked, business_key="d-1")
    assert (again["status"], again["repeated"]) == ("success", True)
    assert again["data"] == done["data"]

    payment = {"invoice": done["data"]["number"], "account": "090"}
    waiting = gateway.act("mark_invoice_paid", **payment, business_key="p-1")
    assert waiting["status"] == "needs_approval", waiting
    approve(waiting)
    paid = gateway.act("mark_invoice_paid", **payment, business_key="p-1")
    assert (paid["status"], paid["outcome"]) == ("success", "done"), paid
    found = gateway.act("get_invoice", invoice=done["data"]["number"])["data"]
    assert (found["status"], found["amount_due"]) == ("PAID", "0.00")


def test_who_asked_does_not_approve_and_who_looks_does_not_change(gateway, browser_of):
    gateway.connect()
    planned = gateway.act("create_contact", name="Neu GmbH", business_key="c-1")
    browser = browser_of()  # the same person
    page = browser.get(planned["approve_url"])
    path = urlsplit(planned["approve_url"]).path
    send_form(browser, page, f"{path}/approve")
    assert gateway.act("create_contact", name="Neu GmbH", business_key="c-1")["status"] == "needs_approval"
    for user in (f"{gateway.tenant}/eve:viewer", f"{gateway.tenant}/sup:impersonated"):
        looking = browser_of(user)
        page = looking.get("/bizosaas/")
        assert send_form(looking, page, f"{path}/approve").status_code == 403
        for path_of in ("/api/connectors/xero/disconnect", "/api/connectors/xero/connect", "/bizosaas/agents/xero"):
            assert gateway("POST", path_of, user, json={}).status_code == 403, path_of
    assert gateway.status() == "connected"


def test_signing_out_of_the_pages_ends_what_the_link_gave(gateway, browser_of):
    browser = browser_of()
    page = browser.get("/bizosaas/")
    token = html.unescape(re.search(r'name="csrf" value="([^"]+)"', page.text)[1]) if "csrf" in page.text else ""
    browser.post("/bizosaas/sign-out", data={"csrf": token})
    assert browser.get("/bizosaas/").status_code == 401


def test_tenants_are_apart_and_no_person_without_one_is_served(gateway, browser_of):
    gateway.connect()
    [organisation] = gateway.act("list_organisations")["chosen"]
    planned = gateway.act("create_contact", name="Neu GmbH", business_key="c-1")
    other = "tenant-other"
    assert (gateway.status(other), gateway.sync("accounts", other).status_code) == ("disconnected", 404)
    browser = browser_of(other)
    assert browser.get(planned["approve_url"]).status_code == 404
    assert organisation not in browser.get("/bizosaas/").text
    for nobody in ("/ann", "default_tenant"):
        for method, path in [
            ("GET", "/api/connectors/xero/status"),
            ("GET", "/api/connectors/xero/sync/accounts"),
            ("POST", "/api/connectors/xero/connect"),
            ("POST", "/api/connectors/xero/action/find_invoices"),
            ("GET", "/oauth/authorize/xero"),
            ("GET", "/bizosaas/approvals"),
        ]:
            refused = gateway(method, path, nobody, **({"json": {}} if method == "POST" else {}))
            assert (refused.status_code, refused.json()["error"]["reason"]) == (403, "no_tenant"), path
    assert gateway.http.get("/api/connectors/xero/status", headers={"Cookie": ""}).status_code == 401


def test_of_several_organisations_a_person_chooses(gateway):
    ids = [each["id"] for each in gateway.box.info["organisations"]][:2]
    gateway.box.sandbox.switches.multi_select = True
    gateway.connect(organisations=ids)
    gateway.box.sandbox.switches.multi_select = False
    assert (gateway.status(), gateway.listed()) == ("pending", "disconnected")
    assert gateway.sync("accounts").json()["error"]["reason"] == "organisation_not_chosen"
    offered = gateway.act("list_organisations")
    assert [each["id"] for each in offered["organisations"]] == ids
    assert offered["chosen"] == []
    assert gateway.act("choose_organisation", organisation_id="elsewhere")["error"]["code"] == (
        "organisation_unavailable"
    )
    assert gateway.act("choose_organisation", organisation_ids=[ids[1], ids[0]])["chosen"] == [ids[1], ids[0]]
    assert (gateway.status(), gateway.listed()) == ("connected", "connected")
    assert gateway.sync("accounts").json()["organisation_id"] == ids[1]
    assert gateway.sync("accounts", organisation_id=ids[0]).json()["organisation_id"] == ids[0]
    gateway.act("disconnect", organisation_id=ids[1])
    assert gateway.sync("accounts").json()["organisation_id"] == ids[0]
    assert gateway.sync("accounts", organisation_id=ids[1]).json()["error"]["code"] == "organisation_unavailable"


def test_a_further_consent_adds_its_organisation(gateway):
    ids = [each["id"] for each in gateway.box.info["organisations"]][:2]
    gateway.connect(organisations=ids[:1])
    assert gateway.came_back(gateway.consent(gateway.authorize(), organisations=ids[1:])).status_code == 200
    assert gateway.act("list_organisations")["chosen"] == ids
    assert gateway.sync("accounts").json()["organisation_id"] == ids[0]


def test_disconnecting_ends_access_at_the_provider(gateway):
    gateway.connect()
    faults = gateway.box.sandbox.faults
    faults.add("status", status=503, match={"path": "/connections"}, times=None)
    refused = gateway("POST", "/api/connectors/xero/disconnect")
    faults.clear()
    assert (refused.status_code, gateway.status()) == (503, "connected")
    gateway.box.sandbox.log.clear()
    assert gateway("POST", "/api/connectors/xero/disconnect").json() == {"status": "disconnected"}
    assert [line["method"] for line in list(gateway.box.sandbox.log)].count("DELETE") == 1
    assert (gateway.status(), gateway.listed(), gateway.marks()) == ("disconnected", "disconnected", None)
    assert gateway.sync("accounts").status_code == 404


def test_a_custom_connection_takes_no_browser(gateway):
    assert gateway.enter(app="custom").json()["status"] == "connected"
    assert gateway.listed() == "connected"
    assert gateway.sync("accounts").json()["count"] > 0
