"""What protects the pages: sign-in, tokens of forms, origins, host names, headers, sizes, and one-way imports."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from bizosaas_xero.spec import Misconfigured
from bizosaas_xero.web.app import create_app
from bizosaas_xero.web.settings import Identity, WebSettings, require_safe_listening
from contract_tests.helpers.browser import Browser
from contract_tests.helpers.fixtures.web import ORIGIN
from contract_tests.helpers.paths import ROOT


@pytest.mark.parametrize("path", ["/", "/integrations/xero", "/approvals", "/activity", "/api/auth/callback/xero"])
def test_nothing_is_shown_without_sign_in(strange_browser, path):
    page = strange_browser.get(path)
    assert page.status == 401
    assert "Xero" not in page.text


def test_a_link_signs_in_once(pages_app):
    link = pages_app.link.make_path()
    first, second = Browser(pages_app, ORIGIN), Browser(pages_app, ORIGIN)
    assert first.get(link).path == "/"
    assert second.get(link).status == 401
    assert first.get(link).path == "/"


def test_a_link_ends_after_ten_minutes(pages_host):
    moment = [datetime(2026, 1, 1, tzinfo=UTC)]
    with create_app(pages_host, WebSettings.checked(ORIGIN), now=lambda: moment[0]) as own_app:
        link = own_app.link.make_path()
        moment[0] += timedelta(minutes=11)
        assert Browser(own_app, ORIGIN).get(link).status == 401


def test_a_session_ends_by_time_and_by_sign_out(pages_host):
    moment = [datetime(2026, 1, 1, tzinfo=UTC)]
    with create_app(pages_host, WebSettings.checked(ORIGIN), now=lambda: moment[0]) as own_app:
        signed_in_browser = Browser(own_app, ORIGIN)
        page = signed_in_browser.get(own_app.link.make_path())
        stolen = signed_in_browser.cookies["bizosaas"]
        signed_in_browser.submit(page, "/sign-out")
        thief = Browser(own_app, ORIGIN)
        thief.cookies.set("bizosaas", stolen)
        assert (signed_in_browser.get("/").status, thief.get("/").status) == (401, 401)
        signed_in_browser.get(own_app.link.make_path())
        moment[0] += timedelta(hours=13)
        assert signed_in_browser.get("/").status == 401


def test_a_sign_in_begins_a_new_session(pages_app):
    signed_in_browser = Browser(pages_app, ORIGIN)
    signed_in_browser.get("/")
    before = signed_in_browser.cookies.get("bizosaas")
    page = signed_in_browser.get(pages_app.link.make_path())
    assert signed_in_browser.cookies["bizosaas"] != before
    planted = Browser(pages_app, ORIGIN)
    planted.cookies.set("bizosaas", before or "x")
    assert planted.get("/").status == 401
    assert page.status == 200


def test_the_cookie_is_closed_to_scripts_and_other_sites(signed_in_browser, pages_app):
    header = Browser(pages_app, ORIGIN).send("GET", pages_app.link.make_path(), follow=False).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(header.split("; "))


@pytest.mark.parametrize(
    ("headers", "change", "status"),
    [
        ({}, {"csrf": ""}, 403),
        ({}, {"csrf": "guessed"}, 403),
        ({"origin": "https://evil.example"}, {}, 403),
        ({"origin": "null"}, {}, 403),
        ({"sec-fetch-site": "cross-site"}, {}, 403),
        ({"content-type": "text/plain"}, {}, 415),
        ({"content-type": "application/json"}, {}, 415),
    ],
)
def test_a_form_of_another_site_changes_nothing(
    signed_in_browser, connection_by_guide, pages_host, headers, change, status
):
    page = signed_in_browser.get(f"/connections/{connection_by_guide.id}")
    form = next(each for each in page.forms() if each["action"].endswith("/intervals"))
    fields = form["fields"] | {"every-invoices": "3600"} | change
    assert signed_in_browser.post(form["action"], fields, headers=headers).status == status
    assert "intervals" not in pages_host.store.connection(connection_by_guide.id).preferences


def test_the_token_of_another_session_is_refused(pages_app, signed_in_browser, connection_by_guide, pages_host):
    other = Browser(pages_app, ORIGIN)
    other.get(pages_app.link.make_path())
    form = next(
        each
        for each in other.get(f"/connections/{connection_by_guide.id}").forms()
        if each["action"].endswith("/intervals")
    )
    assert signed_in_browser.post(form["action"], form["fields"]).status == 403


@pytest.mark.parametrize("host_header", ["evil.example", "localhost:9999", "localhost.evil.example:8380", ""])
def test_another_host_name_is_refused(signed_in_browser, host_header):
    assert signed_in_browser.send("GET", "/", headers={"host": host_header}).status == 421


def test_another_name_of_this_machine_leads_to_the_public_one(signed_in_browser):
    page = signed_in_browser.send("GET", "/activity?verify", headers={"host": "127.0.0.1:8380"}, follow=False)
    assert (page.status, page.headers["location"]) == (307, f"{ORIGIN}/activity?verify")


@pytest.mark.parametrize("path", ["/", "/nothing", "/static/style.css", "/healthz"])
def test_every_answer_has_the_headers(signed_in_browser, path):
    headers = signed_in_browser.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_pages_hold_no_inline_script_or_style_and_load_nothing_from_elsewhere():
    for path in (ROOT / "bizosaas_xero" / "web" / "templates").glob("*.html"):
        html = path.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", html), path
        assert not re.search(r"<script(?![^>]+src=)", html), path
        assert not re.search(r"(src|href)=\"(https?:)?//", html), path


def test_the_pages_know_no_connector():
    for path in (ROOT / "bizosaas_xero" / "web").rglob("*.*"):
        if path.suffix in {".py", ".html", ".css", ".js"}:
            text = path.read_text(encoding="utf-8").lower().replace("bizosaas_xero", "").replace("bizosaas-xero", "")
            assert "xero" not in text, path


@pytest.mark.parametrize(
    ("body", "status"), [(b"a" * 70_000, 413), (b"csrf=%ff", 400), (b"&".join([b"a=1"] * 300), 400), (b"", 403)]
)
def test_a_bad_body_is_refused(signed_in_browser, body, status):
    sent = {"content-type": "application/x-www-form-urlencoded", "origin": ORIGIN}
    assert signed_in_browser.send("POST", "/sign-out", content=body, headers=sent).status == status


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.5", "::", "shop.example", ""])  # noqa: S104 (what must be refused)
def test_without_a_sign_in_it_does_not_listen_beyond_this_machine(address):
    with pytest.raises(Misconfigured) as refused:
        require_safe_listening(address, WebSettings.checked(ORIGIN), signs_in=False, tls=False)
    assert refused.value.reason == "no_sign_in"


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "::1", "[::1]"])
def test_it_listens_on_this_machine(address):
    require_safe_listening(address, WebSettings.checked(ORIGIN), signs_in=False, tls=False)


@pytest.mark.parametrize("url", ["http://shop.example", "ftp://localhost", "https://user@shop.example", "localhost"])
def test_an_address_that_is_not_safe_is_refused(url):
    with pytest.raises(Misconfigured):
        WebSettings.checked(url)


def test_the_example_of_a_platform_mounts_the_pages(tmp_path, monkeypatch):
    monkeypatch.setenv("BIZOSAAS_HOME", str(tmp_path / "home"))
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "web.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict = {}
    exec(program, names)  # noqa: S102 (our own page)
    with names["host"], names["pages"]:
        visitor = Browser(names["platform"], "https://platform.example")
        page = visitor.get("/settings/integrations/")
        assert (page.status, "Please sign in" in page.text) == (401, True)


class TestMounted:
    """A platform mounts the pages under a path, and signs people in itself."""

    ORIGIN = "https://platform.example"

    @pytest.fixture
    def platform_user(self):
        return [Identity("mia", "viewer")]

    @pytest.fixture
    def visitor(self, pages_host, platform_user):
        settings = WebSettings.checked(
            f"{self.ORIGIN}/books", callback_url=f"{self.ORIGIN}/api/auth/callback/{{connector}}"
        )
        with create_app(pages_host, settings, identify=lambda _: platform_user[0]) as own_app:
            yield Browser(Starlette(routes=[Mount("/books", own_app)]), self.ORIGIN)

    def test_links_and_forms_stay_below_the_path(self, visitor):
        page = visitor.get("/books/")
        assert page.status == 200
        assert set(re.findall(r'(?:href|src|action)="(/[^"/]*)', page.html)) == {"/books"}
        assert visitor.get("/books/static/style.css").status == 200

    def test_the_platform_s_redirect_address_is_shown(self, visitor):
        assert f"{self.ORIGIN}/api/auth/callback/xero" in visitor.get("/books/integrations/xero").text

    def test_who_is_not_signed_in_at_the_platform_sees_nothing(self, visitor, platform_user):
        platform_user[0] = None
        assert visitor.get("/books/").status == 401

    def test_the_cookie_is_for_https_and_the_path(self, visitor):
        header = visitor.get("/books/").headers["set-cookie"]
        assert {"Secure", "HttpOnly", "Path=/books"} <= set(header.split("; "))

    def test_a_viewer_changes_nothing(self, visitor, platform_user):
        page = visitor.get("/books/integrations/xero")
        form = page.forms()[-1]
        assert visitor.post(form["action"], form["fields"] | {"client_id": "x"}).status == 403
        platform_user[0] = Identity("olaf", "owner")
        again = visitor.get("/books/integrations/xero").forms()[-1]
        assert visitor.post(again["action"], again["fields"] | {"client_id": ""}).status == 400

    def test_the_token_of_one_person_is_not_another_s(self, visitor, platform_user):
        platform_user[0] = Identity("olaf", "owner")
        form = visitor.get("/books/integrations/xero").forms()[-1]
        platform_user[0] = Identity("eve", "owner")
        assert visitor.post(form["action"], form["fields"]).status == 403
