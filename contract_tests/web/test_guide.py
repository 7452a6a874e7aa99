"""The guide in the browser: from nothing to the first true figure, and each refusal with its remedy."""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

from bizosaas_xero.connector.setup import build_setup
from bizosaas_xero.spec import Organisation
from contract_tests.docs.pages import read


def owed(sandbox_server) -> Decimal:
    """What the sandbox's own books say is owed in NZD."""
    rows = sandbox_server.sandbox.store().table("Invoices").rows()
    open_ = [row for row in rows if row["Type"] == "ACCREC" and row["Status"] == "AUTHORISED"]
    return sum((Decimal(str(row["AmountDue"])) for row in open_ if row["CurrencyCode"] == "NZD"), Decimal(0))


def test_from_nothing_to_the_first_true_figure(signed_in_browser, connection_by_guide, sandbox_server, pages_host):
    page = signed_in_browser.get("/")
    assert re.search(
        rf"NZD {owed(sandbox_server):,.2f}.* owed to you, \d+ overdue; .*all in step, last synced just now", page.text
    )
    assert pages_host.store.connection(connection_by_guide.id).settings == {
        "sales_account": "200",
        "tax_type": "OUTPUT2",
        "payment_account": "090",
        "payment_days": 14,
    }


def test_the_guide_shows_address_role_and_scopes_with_what_each_is_for(signed_in_browser, pages_host):
    page = signed_in_browser.get("/integrations/xero")
    assert "http://localhost:8380/api/auth/callback/xero" in page.text
    info = pages_host.report.connector("xero").describe()
    for names in info.auth.scope_profiles.values():
        assert all(name in page.text for name in names)
    assert all(each.purpose in page.text for each in info.setup.permissions)
    assert info.setup.role in page.text


def test_the_pages_name_the_troubles_of_the_documentation(pages_host, signed_in_browser):
    profiles = pages_host.report.connector("xero").describe().auth.scope_profiles
    troubles = build_setup(profiles).troubles
    table = read("start.md").partition("| What you see |")[2]
    assert [f"| {t.seen} | `{t.code}` / `{t.reason}` | {t.remedy} |" for t in troubles] == [
        line
        for line in table.splitlines()
        if line.startswith("| ") and "---" not in line and "Code and reason" not in line
    ]
    page = signed_in_browser.get("/integrations/xero").text.replace("`", "")
    assert all(trouble.remedy.replace("`", "") in page for trouble in troubles)


def test_a_wrong_secret_is_told_before_anybody_leaves_and_shown_to_no_one(fill_in_app, sandbox_server):
    page = fill_in_app(client_secret="wrong-secret-of-mine")
    assert (page.status, page.path) == (400, "/integrations/xero/authorize")
    assert "does not accept the client id and secret" in page.text
    assert "newly generated client secret" in page.text
    assert "misconfigured / invalid_client" in page.text
    assert "wrong-secret-of-mine" not in page.html
    assert sandbox_server.info["apps"]["web"]["client_id"] in page.html


def test_the_secret_is_on_no_page_afterwards(signed_in_browser, connection_by_guide, sandbox_server):
    secret = sandbox_server.info["apps"]["web"]["client_secret"]
    for path in (
        "/",
        "/integrations/xero",
        f"/connections/{connection_by_guide.id}",
        f"/connections/{connection_by_guide.id}/setup",
    ):
        assert secret not in signed_in_browser.get(path).html


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"client_id": " "}, "client id is missing"),
        ({"client_secret": ""}, "client secret is missing"),
    ],
)
def test_what_is_missing_is_named(fill_in_app, fields, said):
    page = fill_in_app(**fields)
    assert page.status == 400
    assert said in page.text


def test_a_refusal_at_xero_comes_back_with_its_remedy(signed_in_browser, fill_in_app, give_consent):
    page = signed_in_browser.get(give_consent(fill_in_app(), allow=False))
    assert page.status == 400
    assert "reconnect_required / consent_cancelled" in page.text
    assert "Allow access" in page.text


def test_scopes_of_the_other_age_are_told(signed_in_browser, fill_in_app, sandbox_server, give_consent):
    sandbox_server.sandbox.switches.refused_scope_as = "redirect"
    try:
        page = signed_in_browser.get(give_consent(fill_in_app(scopes="legacy")))
    finally:
        sandbox_server.sandbox.switches.refused_scope_as = "page"
    assert "misconfigured / scopes_refused" in page.text


def test_a_code_that_is_too_old_is_told(signed_in_browser, fill_in_app, give_consent, sandbox_server):
    way_back = give_consent(fill_in_app())
    sandbox_server.sandbox.clock.advance(301)
    assert "reconnect_required / code_refused" in signed_in_browser.get(way_back).text


def test_a_way_back_works_once_and_only_in_its_browser(
    signed_in_browser, fill_in_app, give_consent, pages_app, pages_host
):
    from contract_tests.helpers.browser import Browser

    way_back = give_consent(fill_in_app())
    other = Browser(pages_app, signed_in_browser.origin)
    other.get(pages_app.link.make_path())
    assert other.get(way_back).status == 400
    assert pages_host.store.connections() == []
    assert signed_in_browser.get(way_back).path.endswith("/setup")
    assert signed_in_browser.get(way_back).status == 400


def test_one_of_several_organisations_is_never_taken_silently(
    signed_in_browser, fill_in_app, give_consent, sandbox_server, pages_host
):
    sandbox_server.sandbox.switches.multi_select = True
    try:
        both = [each.id for each in sandbox_server.sandbox.organisations[:2]]
        page = signed_in_browser.get(give_consent(fill_in_app(), organisations=both))
    finally:
        sandbox_server.sandbox.switches.multi_select = False
    assert pages_host.store.connections() == []
    assert "None is chosen for you" in page.text
    assert signed_in_browser.submit(page, "/organisations").path.endswith("/organisations")
    page = signed_in_browser.submit(page, "/organisations", organisation=both[1])
    assert page.path.endswith("/setup")
    assert [each.organisation_id for each in pages_host.store.connections()] == [both[1]]


def test_what_is_not_in_the_chart_is_refused_field_by_field(signed_in_browser, fill_in_app, give_consent, pages_host):
    page = signed_in_browser.get(give_consent(fill_in_app()))
    page = signed_in_browser.submit(page, "/setup", sales_account="999", payment_days="9999")
    assert page.status == 400
    assert "'999' is not in this organisation's accounts" in page.text
    assert "must be a whole number from 0 to 365" in page.text
    assert pages_host.store.connections()[0].settings == {}


def test_reconnect_is_one_click_and_loses_nothing(signed_in_browser, connection_by_guide, give_consent, pages_host):
    before = pages_host.store.connection(connection_by_guide.id)
    page = signed_in_browser.submit(signed_in_browser.get(f"/connections/{connection_by_guide.id}"), "/reconnect")
    page = signed_in_browser.get(give_consent(page))
    assert page.path == f"/connections/{connection_by_guide.id}"
    assert "is connected again" in page.text
    assert pages_host.store.connection(connection_by_guide.id).settings == before.settings


def test_disconnect_asks_and_keeps_the_records(signed_in_browser, connection_by_guide, pages_host):
    page = signed_in_browser.get(f"/connections/{connection_by_guide.id}/disconnect")
    assert "records are kept" in page.text
    page = signed_in_browser.submit(page, "/disconnect")
    assert (page.path, pages_host.store.connections()) == ("/", [])
    assert pages_host.sink.count_rows(connection_by_guide.organisation_id, "invoices")


def test_records_are_deleted_only_after_the_name_was_typed(signed_in_browser, connection_by_guide, pages_host):
    path, organisation_id = f"/connections/{connection_by_guide.id}/disconnect", connection_by_guide.organisation_id
    page = signed_in_browser.submit(signed_in_browser.get(path), "/disconnect", delete="yes", confirm="Demo")
    assert "Nothing was done" in page.text
    assert pages_host.store.connections()
    rows = sum(pages_host.sink.count_rows(organisation_id, name) for name in ("invoices", "bills", "contacts"))
    page = signed_in_browser.submit(page, "/disconnect", delete="yes", confirm=connection_by_guide.organisation)
    assert re.search(r"Disconnected from .*records deleted; the audit is kept", page.text)
    assert rows
    assert not pages_host.sink.count_rows(organisation_id, "invoices")


@pytest.mark.parametrize(("query", "name"), [("", "invoices.jsonl"), ("?format=csv", "invoices.csv")])
def test_the_records_can_be_downloaded(signed_in_browser, connection_by_guide, pages_host, query, name):
    page = signed_in_browser.get(f"/connections/{connection_by_guide.id}/records.zip{query}")
    assert page.headers["content-disposition"] == 'attachment; filename="xero-records.zip"'
    with zipfile.ZipFile(io.BytesIO(page.response.content)) as archive:
        lines = archive.read(name).decode().splitlines()
    rows = pages_host.sink.count_rows(connection_by_guide.organisation_id, "invoices")
    assert len(lines) == rows + (name.endswith("csv"))
    assert not list(Path(tempfile.gettempdir()).glob("bizosaas-export-*/records.zip"))


def test_a_consent_page_without_https_is_not_opened(signed_in_browser, pages_host, fill_in_app, monkeypatch):
    connector = type(pages_host.connections)
    monkeypatch.setattr(connector, "begin_consent", lambda *_: "javascript://x/%0aalert(1)?state=s")
    page = fill_in_app()
    assert page.status == 400
    assert "javascript:" not in page.html


def test_an_organisation_s_name_cannot_write_into_the_page(signed_in_browser, connection_by_guide, pages_host):
    organisation = Organisation(id="x", name="<script>alert(1)</script>\u202eevil")
    pages_host.store.save_connection(
        type(connection_by_guide)(
            **vars(pages_host.store.connection(connection_by_guide.id)) | {"organisation": organisation.name}
        )
    )
    html = signed_in_browser.get("/").html
    assert "<script>alert" not in html
    assert "\u202e" not in html
