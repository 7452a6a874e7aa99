"""Connected agents, revocation, past syncs, and facts in words."""

from __future__ import annotations

import re

import pytest

from bizosaas_xero.spec import Misconfigured
from bizosaas_xero.web import words
from bizosaas_xero.web.settings import Identity
from contract_tests.web.test_approval_pages import path_of

AGENT = 'mcp: "Kit <b>1</b> 2.0" for ann'


def test_agents_are_shown_with_what_they_asked_for_and_can_be_revoked(
    signed_in_browser, pages_host, connection_by_guide
):
    pages_host.act(connection_by_guide.id, "find_invoices", {}, requester=AGENT)
    page = signed_in_browser.get("/activity")
    assert "Last seen just now" in page.text
    assert "Find Invoices (1 time)" in page.text
    assert "<b>1" not in page.html
    form = next(each for each in page.forms() if each["action"].endswith("/revoke"))
    assert form["fields"]["name"] == AGENT
    page = signed_in_browser.submit(page, "/activity/revoke")
    assert "revoked by ann" in page.text
    with pytest.raises(Misconfigured) as refused:
        pages_host.act(connection_by_guide.id, "find_invoices", {}, requester=AGENT)
    assert refused.value.reason == "requester_revoked"
    signed_in_browser.submit(page, "/activity/allow")
    assert pages_host.act(connection_by_guide.id, "find_invoices", {}, requester=AGENT).status == "done"


def test_one_cannot_revoke_oneself(signed_in_browser, pages_host):
    page = signed_in_browser.get("/activity")
    token = page.forms()[0]["fields"]["csrf"]
    assert "your own name" in signed_in_browser.post("/activity/revoke", {"csrf": token, "name": "Ann "}).text
    assert pages_host.requesters.list_all() == []


@pytest.mark.parametrize("path", ["/activity/revoke", "/activity/allow"])
def test_only_an_owner_revokes(pages_host, make_visitor, path):
    visitor = make_visitor(Identity("vera", "approver"))
    token = visitor.get("/activity").forms()[0]["fields"]["csrf"]
    assert visitor.post(path, {"csrf": token, "name": AGENT}).status == 403
    assert pages_host.requesters.list_all() == []


def test_past_syncs_are_listed_and_chosen_by_entity(signed_in_browser, connection_by_guide):
    page = signed_in_browser.get(f"/connections/{connection_by_guide.id}/history")
    assert {"Chart of accounts", "Sales invoices"} <= set(re.findall(r'data-label="What">([^<]+)<', page.html))
    one = signed_in_browser.get(f"/connections/{connection_by_guide.id}/history?entity=accounts")
    assert set(re.findall(r'data-label="What">([^<]+)<', one.html)) == {"Chart of accounts"}
    assert signed_in_browser.get(f"/connections/{connection_by_guide.id}/history?entity=nothing").status == 404


def test_a_plan_says_what_it_would_do_in_words(signed_in_browser, ask_for_invoice):
    page = signed_in_browser.get(path_of(ask_for_invoice()))
    assert "tax rate 15%" in page.text
    assert "15.0000" not in page.text
    assert "It would enter a document in the ledger" in page.text
    assert "authorise" not in page.text.split("Effect on the books")[1].split("Rule")[0]


@pytest.mark.parametrize(
    ("value", "shown"),
    [("15.0000", "15%"), ("12.5", "12.5%"), ("0", "0%"), ("100", "100%"), ("x", "x"), ("NaN", "NaN")],
)
def test_a_rate_in_words(value, shown):
    assert words.percent(value) == shown


def test_acts_in_words():
    assert words.acts(None) == "do what its connector does not say"
    assert words.acts([]) == "change nothing"
    assert words.acts(["draft", "fly_away"]) == "make or change a draft, which posts nothing and fly away"
