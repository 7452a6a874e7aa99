"""The owner of a company of one approves in the browser what only they asked for, after signing in again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bizosaas_xero.web.app import create_app
from bizosaas_xero.web.sessions import CONFIRMATION_LIFETIME, Session, signed_in_again_since
from bizosaas_xero.web.settings import Identity, WebSettings
from contract_tests.helpers.browser import Browser

INVOICE = {
    "contact": {"name": "Bluebird Roasters Limited"},
    "lines": [{"description": "Advice", "quantity": 2, "unit_amount": "150.00"}],
    "value_is": "net",
    "due_date": "2030-12-20",
    "status": "authorised",
}
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def own_plan(pages_host, connection_by_guide):
    """Plans that the owner asked for at a terminal."""
    pages_host.configure(connection_by_guide.id, {"owner": "Ann"}, who="Ann")

    def ask(key="own", **given):
        given = {"requester": "ann", "in_person": True} | given
        return pages_host.act(connection_by_guide.id, "create_invoice", INVOICE, business_key=key, **given).stored_plan

    return ask


def path_of(plan):
    return f"/approvals/{plan.connection_id}/{plan.plan.hash}"


def post(browser, plan, step):
    """Send a form of the plan's page, also one that the page does not show."""
    form = browser.get(path_of(plan)).forms()[-1]
    return browser.post(f"{path_of(plan)}/{step}", form["fields"])


def decision_of(pages_host, plan):
    return pages_host.plans.find_by_prefix(plan.plan.hash).decision


def test_the_owner_signs_in_again_after_the_plan_was_shown(
    signed_in_browser, own_plan, pages_host, announced_links, pages_app
):
    plan = own_plan()
    page = signed_in_browser.get(path_of(plan))
    assert "no other person will look at it" in page.text
    assert not [form for form in page.forms() if form["action"].endswith("/approve")]
    page = post(signed_in_browser, plan, "approve")
    assert "sign in again" in page.text
    assert decision_of(pages_host, plan) is None
    page = signed_in_browser.submit(page, "/confirm")
    assert "A new sign-in link was printed where these pages were started" in page.text
    assert decision_of(pages_host, plan) is None
    (link,) = announced_links
    assert link not in page.html
    page = signed_in_browser.get(link)
    assert page.path == path_of(plan)
    page = signed_in_browser.submit(page, "/approve")
    assert "Approved until" in page.text
    assert decision_of(pages_host, plan).approver == "ann"
    assert pages_host.plans.find_by_prefix(plan.plan.hash).self_approved
    entry = next(each for each in pages_host.audit.entries() if each.kind == "approval")
    assert entry.details["self_approved"] is True


def test_one_sign_in_confirms_one_plan(signed_in_browser, own_plan, pages_host, announced_links):
    first, second = own_plan("one"), own_plan("two")
    post(signed_in_browser, first, "confirm")
    signed_in_browser.get(announced_links[-1])
    post(signed_in_browser, second, "approve")
    assert decision_of(pages_host, second) is None
    post(signed_in_browser, first, "approve")
    assert decision_of(pages_host, first).decision == "approved"
    pages_host.approvals.refuse(pages_host.plans.find_by_prefix(first.plan.hash), "ann")
    page = post(signed_in_browser, first, "approve")
    assert "sign in again" in page.text
    assert decision_of(pages_host, first).decision == "refused"


def test_a_sign_in_before_the_plan_or_in_another_browser_confirms_nothing(
    signed_in_browser, own_plan, pages_host, pages_app, announced_links
):
    plan = own_plan()
    signed_in_browser.get(path_of(plan))
    signed_in_browser.get(pages_app.link.make_path())  # as at any other time: nothing was asked to be confirmed
    post(signed_in_browser, plan, "approve")
    post(signed_in_browser, plan, "confirm")
    Browser(pages_app, signed_in_browser.origin).get(announced_links[-1])
    page = post(signed_in_browser, plan, "approve")
    assert "sign in again" in page.text
    assert decision_of(pages_host, plan) is None


def test_what_an_agent_or_another_person_asked_for_is_not_confirmed_by_a_sign_in(
    signed_in_browser, own_plan, pages_host, announced_links
):
    plan = own_plan(in_person=False)
    post(signed_in_browser, plan, "confirm")
    signed_in_browser.get(announced_links[-1])
    assert post(signed_in_browser, plan, "approve").status == 400
    assert decision_of(pages_host, plan) is None


def test_a_platform_that_says_when_people_signed_in_can_confirm(own_plan, pages_host):
    plan, origin = own_plan(), "https://platform.example"
    signed_in = [NOON - timedelta(hours=1)]
    now = [NOON]

    def sign_in_again(_request, path):
        from starlette.responses import RedirectResponse

        return RedirectResponse(f"https://login.example/?prompt=login&back={path}", 303)

    with create_app(
        pages_host,
        WebSettings.checked(origin),
        identify=lambda _: Identity("ann", "owner", signed_in[0]),
        sign_in_again=sign_in_again,
        now=lambda: now[0],
    ) as app:
        browser = Browser(app, origin)
        page = post(browser, plan, "confirm")
        assert page.headers["location"].startswith("https://login.example/?prompt=login")
        post(browser, plan, "approve")
        assert decision_of(pages_host, plan) is None
        signed_in[0] = now[0] + timedelta(seconds=20)
        now[0] = signed_in[0] + CONFIRMATION_LIFETIME  # too late
        post(browser, plan, "approve")
        assert decision_of(pages_host, plan) is None
        now[0] -= timedelta(seconds=1)
        post(browser, plan, "approve")
        assert decision_of(pages_host, plan).decision == "approved"


def test_without_a_way_to_sign_in_again_the_terminal_is_named(own_plan, pages_host):
    plan, origin = own_plan(), "https://platform.example"
    with create_app(pages_host, WebSettings.checked(origin), identify=lambda _: Identity("ann", "owner")) as app:
        browser = Browser(app, origin)
        assert f"bizosaas-xero approve {plan.short}" in browser.get(path_of(plan)).text
        assert "at a terminal" in post(browser, plan, "confirm").text
        post(browser, plan, "approve")
    assert decision_of(pages_host, plan) is None


@pytest.mark.parametrize(
    ("signed_in", "now", "fresh"),
    [(1, 2, True), (0, 2, False), (-1, 2, False), (1, 601, False), (1, 600, True)],
)
def test_a_sign_in_counts_after_the_moment_and_for_ten_minutes(signed_in, now, fresh):
    at = (NOON + timedelta(seconds=signed_in)).timestamp()
    session = Session("s", "ann", "owner", "token", at + 9999, signed_in_at=at)
    assert signed_in_again_since(session, NOON, NOON + timedelta(seconds=now)) is fresh
