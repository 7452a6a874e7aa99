"""Plans in the browser: what a person reads, their yes or no, the rules, the audit."""

from __future__ import annotations

import re

from bizosaas_xero.web.settings import Identity, WebSettings
from contract_tests.helpers.fixtures.web import INVOICE


def path_of(plan):
    return f"/approvals/{plan.connection_id}/{plan.plan.hash}"


def test_a_waiting_plan_is_on_every_first_page(signed_in_browser, ask_for_invoice):
    plan = ask_for_invoice()
    assert "1 plan waits for approval" in signed_in_browser.get("/").text
    page = signed_in_browser.get("/approvals")
    assert "1 plan waits for a person" in page.text
    assert path_of(plan) in page.html
    assert "sales-agent" in page.text


def test_a_plan_is_read_with_warnings_first_lines_tax_postings_and_undo(signed_in_browser, ask_for_invoice):
    plan = ask_for_invoice()
    page = signed_in_browser.get(path_of(plan))
    assert plan.plan.warnings
    order = [page.text.index(each) for each in ("Look at this first", "Without tax", "Effect on the books", "Undo")]
    assert order == sorted(order)
    assert all(warning in page.text for warning in plan.plan.warnings)
    assert re.search(r"610 Accounts Receivable 345\.00 NZD .*200 Sales 300\.00 NZD .*820 GST 45\.00", page.text)
    assert "Total 345.00 345.00 NZD" in page.text
    assert "void_invoice" in page.text


def test_the_text_of_a_document_leads_nowhere_and_writes_nothing_into_the_page(signed_in_browser, ask_for_invoice):
    html = signed_in_browser.get(path_of(ask_for_invoice())).html
    assert "<b>&" not in html
    assert "evil.example" in html
    assert 'href="https://evil' not in html
    assert "style=" not in html
    assert '<td class="number">300.00</td>' in html


def test_an_approved_plan_is_done_when_its_requester_asks_again(
    signed_in_browser, ask_for_invoice, pages_host, connection_by_guide
):
    plan = ask_for_invoice()
    page = signed_in_browser.submit(signed_in_browser.get(path_of(plan)), "/approve")
    assert "approved by ann" in signed_in_browser.get("/approvals").text
    assert "It is done when sales-agent asks again" in page.text
    outcome = pages_host.act(
        connection_by_guide.id, "create_invoice", INVOICE, requester="sales-agent", business_key="D-0"
    )
    assert outcome.status == "done"
    assert "It is done." in signed_in_browser.get(path_of(plan)).text


def test_an_approved_plan_can_be_done_at_once(
    signed_in_browser, ask_for_invoice, pages_host, connection_by_guide, sandbox_server
):
    plan = ask_for_invoice()
    signed_in_browser.submit(signed_in_browser.get(path_of(plan)), "/approve")
    page = signed_in_browser.submit(signed_in_browser.get(path_of(plan)), "/run")
    assert "Done." in page.text
    assert pages_host.act(
        connection_by_guide.id, "create_invoice", INVOICE, requester="sales-agent", business_key="D-0"
    ).repeated


def test_nothing_is_done_without_approval(signed_in_browser, ask_for_invoice, sandbox_server):
    plan = ask_for_invoice()
    before = len(list(sandbox_server.sandbox.store().table("Invoices").rows()))
    form = signed_in_browser.get(path_of(plan)).forms()[-1]
    page = signed_in_browser.post(f"{path_of(plan)}/run", form["fields"])
    assert "it needs approval first" in page.text
    assert len(list(sandbox_server.sandbox.store().table("Invoices").rows())) == before


def test_a_refusal_keeps_its_reason(signed_in_browser, ask_for_invoice):
    plan = ask_for_invoice()
    page = signed_in_browser.submit(signed_in_browser.get(path_of(plan)), "/refuse", reason="Wrong customer <i>")
    assert "Refused. Nothing was written." in page.text
    assert "refused by ann: Wrong customer <i>" in page.text
    assert "refused: Wrong customer" in signed_in_browser.get("/activity").text
    assert "<i>" not in page.html


def test_who_asked_cannot_approve(signed_in_browser, ask_for_invoice):
    page = signed_in_browser.get(path_of(ask_for_invoice(requester="ann")))
    assert "another person must approve it" in page.text
    assert not any(form["action"].endswith("/approve") for form in page.forms())
    page = signed_in_browser.post(page.forms()[-1]["action"].replace("/refuse", "/approve"), page.forms()[-1]["fields"])
    assert page.status == 400
    assert "approver_is_requester" in page.text


def test_of_two_browsers_that_decide_at_once_the_second_is_told(
    signed_in_browser, ask_for_invoice, pages_app, pages_host, connection_by_guide
):
    from contract_tests.helpers.browser import Browser

    plan = ask_for_invoice()
    other = Browser(pages_app, signed_in_browser.origin)
    other.get(pages_app.link.make_path())
    first, second = signed_in_browser.get(path_of(plan)), other.get(path_of(plan))
    signed_in_browser.submit(first, "/approve")
    pages_host.act(connection_by_guide.id, "create_invoice", INVOICE, requester="sales-agent", business_key="D-0")
    page = other.submit(second, "/refuse")
    assert page.status == 409
    assert "done already" in page.text


def test_a_viewer_reads_and_does_not_decide(pages_host, ask_for_invoice):
    from bizosaas_xero.web.app import create_app
    from contract_tests.helpers.browser import Browser

    plan, origin = ask_for_invoice(), "https://platform.example"
    with create_app(pages_host, WebSettings.checked(origin), identify=lambda _: Identity("vic", "viewer")) as own_app:
        viewer = Browser(own_app, origin)
        page = viewer.get(path_of(plan))
        assert [form["action"] for form in page.forms()] == ["/sign-out"]
        fields = page.forms()[0]["fields"]
        assert viewer.post(f"{path_of(plan)}/approve", fields).status == 403
        assert viewer.post(f"{path_of(plan)}/refuse", fields).status == 403


def test_rules_are_in_words_and_can_be_changed(signed_in_browser, connection_by_guide, pages_host):
    path = f"/connections/{connection_by_guide.id}/rules"
    page = signed_in_browser.get(path)
    assert "A person approves what enters the ledger" in page.text
    form = next(each for each in page.forms() if each["fields"].get("action") == "create_invoice")
    page = signed_in_browser.post(
        form["action"], form["fields"] | {"run": "always", "max_amount": "500", "daily_total": "2,000"}
    )
    assert (
        "Runs without asking up to NZD 500 each and up to NZD 2,000 a day; beyond that a person is asked." in page.text
    )
    assert (
        pages_host.store.connection(connection_by_guide.id).preferences["policy"]["create_invoice"]["daily_total"]
        == "2000"
    )
    assert "changed a rule" in signed_in_browser.get("/activity").text
    page = signed_in_browser.post(form["action"], form["fields"] | {"run": ""})
    assert "create_invoice" not in pages_host.store.connection(connection_by_guide.id).preferences.get("policy", {})
    assert signed_in_browser.post(form["action"], form["fields"] | {"run": "always", "max_amount": "-1"}).status == 400


def test_the_audit_is_shown_and_verified(signed_in_browser, ask_for_invoice, pages_host):
    ask_for_invoice()
    assert "The chain holds" in signed_in_browser.get("/activity?verify").text
    assert "sales-agent" in signed_in_browser.get("/activity").text


def test_an_unknown_plan_is_not_found(signed_in_browser, connection_by_guide):
    assert signed_in_browser.get(f"/approvals/{connection_by_guide.id}/{'0' * 64}").status == 404
