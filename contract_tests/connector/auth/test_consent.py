"""Consent against the sandbox: every step, and the error of each step that fails."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import time_machine

from bizosaas_xero import plugin
from contract_tests.helpers.xero_account import REDIRECT, Account, callback, refused

pytestmark = pytest.mark.xero_sandbox(invoices=120, limits=True)

GUIDE = "accounting.transactions accounting.contacts accounting.settings accounting.reports.read offline_access"


# ---------------------------------------------------------------- getting access


@pytest.mark.parametrize("kind", ["web", "pkce", "custom", "legacy"])
def test_each_kind_of_app_connects(sandbox_server, kind):
    account = Account(sandbox_server, kind).connect(scopes="legacy" if kind == "legacy" else None)
    assert account.organisations
    assert account.grant["scopes"]
    assert (account.grant["refresh_token"] is None) == (kind == "custom")
    assert list(account.sync("accounts"))[-1].stats.complete


def test_pkce_with_a_secret_sends_both(sandbox_server):
    sandbox_server.sandbox.switches.web_pkce = "accepted"
    account = Account(sandbox_server)
    account.app["pkce"] = True
    begun = account.auth("authorize")
    query = parse_qs(urlsplit(begun.url).query)
    assert query["code_challenge_method"] == ["S256"]
    account.connect()
    assert account.grant["access_token"]


def test_the_web_app_sends_a_code_challenge_only_when_asked(sandbox_server):
    assert "code_challenge" not in Account(sandbox_server).auth("authorize").url


def test_granular_scopes_are_the_default_and_the_guides_set_is_legacy(sandbox_server):
    account = Account(sandbox_server)
    asked = parse_qs(urlsplit(account.auth("authorize").url).query)["scope"][0].split()
    assert "accounting.invoices" in asked
    assert "accounting.transactions" not in asked
    legacy = parse_qs(urlsplit(account.auth("authorize", scopes="legacy").url).query)["scope"][0]
    assert set(legacy.split()) == set(GUIDE.split())
    own = parse_qs(urlsplit(account.auth("authorize", scopes=["a", "b"]).url).query)["scope"][0]
    assert own == "a b"


def test_legacy_grants_reach_every_entity(sandbox_server):
    account = Account(sandbox_server, "legacy").connect(scopes="legacy")
    for entity in ("invoices", "bills", "contacts", "bank_transactions", "accounts", "payments"):
        assert next(iter(account.sync(entity))).records


def test_the_grant_holds_the_granted_scopes_instead_of_the_requested_ones(sandbox_server):
    account = Account(sandbox_server).connect(scopes="offline_access accounting.contacts accounting.settings")
    assert set(account.grant["scopes"]) == {"offline_access", "accounting.contacts", "accounting.settings"}
    code, recovery, _ = refused(account.sync, "invoices")
    assert (code, recovery) == ("missing_scope", "reconnect")


def test_organisations_are_listed_and_practices_are_not(sandbox_server):
    sandbox_server.sandbox.switches.multi_select = True
    everything = [organisation["id"] for organisation in sandbox_server.info["organisations"]]
    account = Account(sandbox_server).connect(organisations=everything, user="adviser")
    assert {organisation["id"] for organisation in account.organisations} == set(everything)
    listed = httpx.get(
        f"{sandbox_server.info['api_url']}/connections",
        headers={"Authorization": f"Bearer {account.grant['access_token']}"},
    ).json()
    assert "PRACTICE" in {item["tenantType"] for item in listed}


def test_only_the_organisations_of_this_consent_are_offered(sandbox_server):
    first, second = (organisation["id"] for organisation in sandbox_server.info["organisations"][:2])
    Account(sandbox_server).connect(organisations=[first])
    account = Account(sandbox_server).connect(organisations=[second])
    assert [organisation["id"] for organisation in account.organisations] == [second]
    everything = account.auth("organisations", grant=account.grant).organisations
    assert {organisation.id for organisation in everything} == {first, second}


def test_without_offline_access_the_user_is_warned_and_a_refresh_fails(sandbox_server):
    account = Account(sandbox_server)
    begun = account.auth("authorize", scopes="accounting.contacts")
    assert "offline_access" in begun.warnings[0]
    account.connect(scopes="accounting.contacts")
    assert account.grant["refresh_token"] is None
    assert refused(account.refresh) == ("missing_scope", "reconnect", "offline_access_missing")
    account.grant["refresh_token"] = ""  # as a host may store the missing one
    assert refused(account.refresh) == ("missing_scope", "reconnect", "offline_access_missing")


def test_a_grant_is_kept_when_the_organisations_cannot_be_listed(sandbox_server):
    account = Account(sandbox_server)
    once = callback(account)
    sandbox_server.sandbox.faults.add("status", match={"path": "/connections"}, times=None, status=500, body="text")
    result = account.auth("callback", **once)
    assert result.organisations == []
    assert "could not be listed" in result.warnings[0]
    sandbox_server.sandbox.faults.clear()
    assert account.auth("organisations", grant=result.grant).organisations


def test_warnings_name_only_features_that_exist(sandbox_server):
    read = "offline_access accounting.contacts.read accounting.settings " + " ".join(
        f"accounting.{area}.read" for area in ("invoices", "payments", "banktransactions")
    )
    account = Account(sandbox_server)
    result = account.auth("callback", **callback(account, scopes=read))
    unread = {
        "generate_pnl_report",
        "get_balance_sheet",
        "verify_figures",
    }
    unread |= {action.name for action in plugin.list_actions(None) if action.effect == "write"}
    assert {warning.split("'")[1] for warning in result.warnings} == unread
    account.keep(result)
    checked = account.auth("check", connection=account.connection())
    assert checked.status == "ok"  # everything that is synced can be
    assert set(checked.missing_scopes) == unread


# ---------------------------------------------------------------- consent that goes wrong


def test_a_forged_state_is_refused_and_the_consent_stays_valid(sandbox_server):
    account = Account(sandbox_server)
    good = callback(account)
    forged = {**good, "callback_url": good["callback_url"].replace("state=", "state=x")}
    assert refused(account.auth, "callback", **forged) == ("invalid", "fix", "state_mismatch")
    assert account.auth("callback", **good).grant


def test_a_consent_can_be_finished_once(sandbox_server):
    account = Account(sandbox_server)
    once = callback(account)
    account.auth("callback", **once)
    assert refused(account.auth, "callback", **once) == ("reconnect_required", "reconnect", "consent_spent")


def test_a_used_code_is_refused_also_by_another_process(sandbox_server, monkeypatch):
    account = Account(sandbox_server)
    once = callback(account)
    account.auth("callback", **once)
    monkeypatch.setattr("bizosaas_xero.toolkit.pending._used_states", {})
    assert refused(account.auth, "callback", **once) == ("reconnect_required", "reconnect", "code_refused")


def test_a_pending_consent_expires_after_30_minutes(sandbox_server):
    account = Account(sandbox_server)
    late = callback(account)
    with time_machine.travel(datetime.now(UTC).timestamp() + 1801, tick=False):
        assert refused(account.auth, "callback", **late)[2] == "consent_spent"


def test_a_code_expires_after_five_minutes(sandbox_server):
    account = Account(sandbox_server)
    late = callback(account)
    sandbox_server.sandbox.clock.advance(301)
    assert refused(account.auth, "callback", **late)[2] == "code_refused"


@pytest.mark.parametrize(
    ("pending", "field"),
    [("garbage", "request.pending"), ("eyJ9", "request.pending"), (None, "request.pending")],
)
def test_a_damaged_pending_is_named(sandbox_server, pending, field):
    account = Account(sandbox_server)
    with pytest.raises(Exception, match="pending") as caught:
        account.auth("callback", pending=pending, callback_url=f"{REDIRECT}?code=1&state=2")
    assert caught.value.problems[0]["field"] == field


def test_a_cancelled_consent_asks_to_reconnect(sandbox_server):
    account = Account(sandbox_server)
    begun = account.auth("authorize").model_dump(mode="json")
    url = sandbox_server.sandbox.consent(begun["url"], allow=False)
    assert refused(account.auth, "callback", pending=begun["pending"], callback_url=url) == (
        "reconnect_required",
        "reconnect",
        "consent_cancelled",
    )


@pytest.mark.parametrize(
    ("error", "description", "reason"),
    [
        ("access_denied", None, "consent_cancelled"),
        ("access_denied", "Requested wrong apps scopes", "scopes_refused"),
        ("invalid_scope", None, "scopes_refused"),
        ("unauthorized_client", "Invalid scope for client", "scopes_refused"),
        ("unauthorized_client", None, "unauthorized_client"),
        ("server_error", None, "sign_in_refused"),
    ],
)
def test_each_error_in_the_callback_has_its_reason(sandbox_server, error, description, reason):
    account = Account(sandbox_server)
    sent = callback(account, code=None, error=error, error_description=description)
    assert refused(account.auth, "callback", **sent)[2] == reason


def test_a_callback_without_code_says_what_to_paste(sandbox_server):
    account = Account(sandbox_server)
    assert refused(account.auth, "callback", **callback(account, code=None))[0] == "invalid"


def test_wrong_redirect_and_refused_scope_end_on_xeros_page(sandbox_server):
    sandbox_server.sandbox.switches.refused_scope_as = "page"
    account = Account(sandbox_server)
    account.app["redirect_uri"] = "https://wrong.example/callback"
    page = httpx.get(account.auth("authorize").url)
    assert page.status_code >= 400
    assert "unauthorized_client" in page.text
    refusal = httpx.get(Account(sandbox_server).auth("authorize", scopes="legacy").url)
    assert "invalid_scope" in refusal.text


def test_app_connections_is_never_asked_for_on_the_consent_page(sandbox_server):
    assert refused(Account(sandbox_server).auth, "authorize", scopes="app.connections")[2] == "scopes_refused"
