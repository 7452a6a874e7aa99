"""Every step of ``auth`` against the sandbox, and what a person is told when one fails."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
import time_machine

from bizosaas_xero import plugin, scopes
from contract_tests.xero.account import REDIRECT, Account, calls

GUIDE = (
    "accounting.transactions accounting.contacts accounting.settings accounting.reports.read offline_access"
)


def refused(call, *args, **more):
    with pytest.raises(Exception, match=r".") as caught:
        call(*args, **more)
    error = caught.value
    assert type(error).__module__ == "bizosaas_xero.spec.errors"
    assert error.message.strip()
    assert error.remedy.strip()
    assert pickle.loads(pickle.dumps(error)).to_dict() == error.to_dict()  # noqa: S301 (our own bytes)
    json.dumps(error.to_dict())
    return error.code, error.recovery, error.reason


# ---------------------------------------------------------------- getting access


@pytest.mark.parametrize("kind", ["web", "pkce", "custom", "legacy"])
def test_each_kind_of_app_connects(box, kind):
    account = Account(box, kind).connect(scopes="legacy" if kind == "legacy" else None)
    assert account.organisations
    assert account.grant["scopes"]
    assert (account.grant["refresh_token"] is None) == (kind == "custom")
    assert list(account.sync("accounts"))[-1].stats.complete


def test_pkce_with_a_secret_sends_both(box):
    account = Account(box)
    account.app["pkce"] = True
    begun = account.auth("authorize")
    query = parse_qs(urlsplit(begun.url).query)
    assert query["code_challenge_method"] == ["S256"]
    account.connect()
    assert account.grant["access_token"]


def test_the_web_app_sends_no_proof_key_unless_told(box):
    assert "code_challenge" not in Account(box).auth("authorize").url


def test_granular_scopes_are_the_default_and_the_guides_set_is_legacy(box):
    account = Account(box)
    asked = parse_qs(urlsplit(account.auth("authorize").url).query)["scope"][0].split()
    assert "accounting.invoices" in asked
    assert "accounting.transactions" not in asked
    legacy = parse_qs(urlsplit(account.auth("authorize", scopes="legacy").url).query)["scope"][0]
    assert set(legacy.split()) == set(GUIDE.split())
    own = parse_qs(urlsplit(account.auth("authorize", scopes=["a", "b"]).url).query)["scope"][0]
    assert own == "a b"


def test_legacy_grants_reach_every_entity(box):
    account = Account(box, "legacy").connect(scopes="legacy")
    for entity in ("invoices", "bills", "contacts", "bank_transactions", "accounts", "payments"):
        assert next(iter(account.sync(entity))).records


def test_granted_scopes_are_kept_not_requested_ones(box):
    account = Account(box).connect(scopes="offline_access accounting.contacts accounting.settings")
    assert set(account.grant["scopes"]) == {"offline_access", "accounting.contacts", "accounting.settings"}
    code, recovery, _ = refused(account.sync, "invoices")
    assert (code, recovery) == ("missing_scope", "reconnect")


def test_several_organisations_are_offered_and_practices_are_not(box):
    box.sandbox.switches.multi_select = True
    everything = [organisation["id"] for organisation in box.info["organisations"]]
    account = Account(box).connect(organisations=everything, user="adviser")
    assert {organisation["id"] for organisation in account.organisations} == set(everything)
    listed = httpx.get(
        f"{box.info['api_url']}/connections",
        headers={"Authorization": f"Bearer {account.grant['access_token']}"},
    ).json()
    assert "PRACTICE" in {item["tenantType"] for item in listed}


def test_only_the_organisations_of_this_consent_are_offered(box):
    first, second = (organisation["id"] for organisation in box.info["organisations"][:2])
    Account(box).connect(organisations=[first])
    account = Account(box).connect(organisations=[second])
    assert [organisation["id"] for organisation in account.organisations] == [second]
    everything = account.auth("organisations", grant=account.grant).organisations
    assert {organisation.id for organisation in everything} == {first, second}


def test_without_offline_access_the_person_is_warned_and_later_told(box):
    account = Account(box)
    begun = account.auth("authorize", scopes="accounting.contacts")
    assert "offline_access" in begun.warnings[0]
    account.connect(scopes="accounting.contacts")
    assert account.grant["refresh_token"] is None
    assert refused(account.refresh) == ("missing_scope", "reconnect", "offline_access_missing")


def test_a_grant_is_kept_when_the_organisations_cannot_be_listed(box):
    account = Account(box)
    once = callback(account)
    box.sandbox.faults.add("status", match={"path": "/connections"}, times=None, status=500, body="text")
    result = account.auth("callback", **once)
    assert result.organisations == []
    assert "could not be listed" in result.warnings[0]
    box.sandbox.faults.clear()
    assert account.auth("organisations", grant=result.grant).organisations


def test_no_warning_speaks_of_what_is_not_offered(box):
    read = "offline_access accounting.contacts accounting.settings " + " ".join(
        f"accounting.{area}.read" for area in ("invoices", "payments", "banktransactions")
    )
    account = Account(box)
    result = account.auth("callback", **callback(account, scopes=read))
    unread = {"generate_pnl_report", "get_aged_receivables", "get_aged_payables", "get_balance_sheet"}
    assert {warning.split("'")[1] for warning in result.warnings} == unread
    account.keep(result)
    checked = account.auth("check", connection=account.connection())
    assert checked.status == "ok"  # everything that is synced can be
    assert set(checked.missing_scopes) == unread


# ---------------------------------------------------------------- consent that goes wrong


def callback(account, scopes=None, **changes):
    begun = account.auth("authorize", scopes=scopes).model_dump(mode="json")
    url = account.box.sandbox.consent(begun["url"])
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    url = parts._replace(query=urlencode({k: v for k, v in query.items() if v is not None})).geturl()
    return {"pending": begun["pending"], "callback_url": url}


def test_a_forged_state_is_refused_and_the_consent_stays_good(box):
    account = Account(box)
    good = callback(account)
    forged = {**good, "callback_url": good["callback_url"].replace("state=", "state=x")}
    assert refused(account.auth, "callback", **forged) == ("invalid", "fix", "state_mismatch")
    assert account.auth("callback", **good).grant


def test_a_consent_is_good_once(box):
    account = Account(box)
    once = callback(account)
    account.auth("callback", **once)
    assert refused(account.auth, "callback", **once) == ("reconnect_required", "reconnect", "consent_spent")


def test_a_used_code_is_refused_even_by_a_process_that_forgot(box, monkeypatch):
    account = Account(box)
    once = callback(account)
    account.auth("callback", **once)
    monkeypatch.setattr("bizosaas_xero.consent._spent", {})
    assert refused(account.auth, "callback", **once) == ("reconnect_required", "reconnect", "code_refused")


def test_a_consent_ends_after_half_an_hour(box):
    account = Account(box)
    late = callback(account)
    with time_machine.travel(datetime.now(UTC).timestamp() + 1801, tick=False):
        assert refused(account.auth, "callback", **late)[2] == "consent_spent"


def test_a_code_ends_after_five_minutes(box):
    account = Account(box)
    late = callback(account)
    box.sandbox.clock.advance(301)
    assert refused(account.auth, "callback", **late)[2] == "code_refused"


@pytest.mark.parametrize(
    ("pending", "field"),
    [("garbage", "request.pending"), ("eyJ9", "request.pending"), (None, "request.pending")],
)
def test_a_damaged_pending_is_named(box, pending, field):
    account = Account(box)
    with pytest.raises(Exception, match="pending") as caught:
        account.auth("callback", pending=pending, callback_url=f"{REDIRECT}?code=1&state=2")
    assert caught.value.problems[0]["field"] == field


def test_cancelled_consent(box):
    account = Account(box)
    begun = account.auth("authorize").model_dump(mode="json")
    url = box.sandbox.consent(begun["url"], allow=False)
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
def test_every_way_xero_sends_a_person_back(box, error, description, reason):
    account = Account(box)
    sent = callback(account, code=None, error=error, error_description=description)
    assert refused(account.auth, "callback", **sent)[2] == reason


def test_a_callback_without_code_says_what_to_paste(box):
    account = Account(box)
    assert refused(account.auth, "callback", **callback(account, code=None))[0] == "invalid"


def test_wrong_redirect_and_refused_scope_end_on_xeros_page(box):
    account = Account(box)
    account.app["redirect_uri"] = "https://wrong.example/callback"
    page = httpx.get(account.auth("authorize").url)
    assert page.status_code >= 400
    assert "unauthorized_client" in page.text
    refusal = httpx.get(Account(box).auth("authorize", scopes="legacy").url)
    assert "invalid_scope" in refusal.text


def test_app_connections_is_never_asked_for_on_the_consent_page(box):
    assert refused(Account(box).auth, "authorize", scopes="app.connections")[2] == "scopes_refused"


# ---------------------------------------------------------------- the token endpoint


@pytest.mark.parametrize("status", [400, 401])
def test_a_wrong_secret(box, status):
    box.sandbox.switches.invalid_client_status = status
    account = Account(box)
    account.app["client_secret"] = "wrong"
    sent = callback(account)
    assert refused(account.auth, "callback", **sent) == ("misconfigured", "fix", "invalid_client")


def test_a_wrong_secret_on_refresh_and_for_a_custom_connection(box, account):
    account.app["client_secret"] = "wrong"
    assert refused(account.refresh) == ("misconfigured", "fix", "invalid_client")
    custom = Account(box, "custom")
    custom.app["client_secret"] = "wrong"
    assert refused(custom.connect) == ("misconfigured", "fix", "invalid_client")


@pytest.mark.parametrize("step", ["authorize", "callback", "client_credentials", "refresh"])
def test_a_missing_secret_is_said_before_any_call(box, account, step):
    sent = callback(account) if step == "callback" else {"grant": account.grant}
    account.app["client_secret"] = None
    before = len(calls(box, "/connect/token"))
    assert refused(account.auth, step, **sent)[0] == "misconfigured"
    assert len(calls(box, "/connect/token")) == before


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ("invalid_grant", ("reconnect_required", "reconnect", "grant_ended")),
        ("invalid_client", ("misconfigured", "fix", "invalid_client")),
        ("invalid_scope", ("misconfigured", "fix", "scopes_refused")),
        ("unauthorized_client", ("misconfigured", "fix", "unauthorized_client")),
        ("something_new", ("misconfigured", "fix", "sign_in_refused")),
    ],
)
@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize("described", [True, False])
def test_every_refusal_of_a_refresh(answer_with, error, outcome, status, described):
    body = {"error": error} | ({"error_description": "said so"} if described else {})
    answer_with(lambda _: httpx.Response(status, json=body))
    assert refused(plugin.auth, _refresh_request()) == outcome


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, text="oops"),
        httpx.Response(503, text="offline"),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"access_token": 7}),
        httpx.Response(302, headers={"Location": "https://elsewhere.example"}),
    ],
)
def test_a_sick_token_endpoint_is_unavailable_and_the_grant_is_not_lost(answer_with, answer):
    answer_with(lambda _: answer)
    assert refused(plugin.auth, _refresh_request())[:2] == ("unavailable", "retry")


def test_a_limit_at_the_token_endpoint(answer_with):
    answer_with(lambda _: httpx.Response(429, headers={"Retry-After": "30"}, text="slow down"))
    assert refused(plugin.auth, _refresh_request())[:2] == ("rate_limited", "wait")


def test_an_unreachable_token_endpoint_is_tried_again_with_the_same_token(answer_with):
    tokens = []

    def handler(request):
        tokens.append(parse_qs(request.content.decode())["refresh_token"])
        if len(tokens) < 3:
            raise httpx.ReadTimeout("nothing came")
        return httpx.Response(200, json={"access_token": "new", "refresh_token": "next", "expires_in": 1800})

    answer_with(handler)
    grant = plugin.auth(_refresh_request()).grant
    assert grant.refresh_token.get_secret_value() == "next"
    assert tokens == [["old-refresh"]] * 3


def _refresh_request():
    return {
        "step": "refresh",
        "app": {"client_id": "c", "client_secret": "s", "kind": "web"},
        "grant": {
            "identity": "c:u",
            "client_id": "c",
            "access_token": "old",
            "refresh_token": "old-refresh",
            "obtained_at": "2026-11-22T00:00:00Z",
            "expires_at": "2026-11-22T00:30:00Z",
            "scopes": ["offline_access"],
        },
        "settings": {"api_url": "http://localhost:1", "identity_url": "http://localhost:1"},
    }


# ---------------------------------------------------------------- keeping access


def test_a_refresh_rotates_and_a_dumped_grant_refreshes(box, account):
    before = account.grant
    stored = json.loads(json.dumps(before))
    after = account.auth("refresh", grant=stored).model_dump(mode="json")["grant"]
    assert after["refresh_token"] != before["refresh_token"]
    assert after["access_token"] != before["access_token"]
    assert after["identity"] == before["identity"]
    assert after["scopes"] == before["scopes"]
    assert after["auth_event_id"] == before["auth_event_id"]


def test_a_lost_answer_to_a_refresh_is_overcome_within_the_grace(box, account):
    box.sandbox.faults.add("lost_refresh")
    old = account.grant["refresh_token"]
    account.refresh()
    assert account.grant["refresh_token"] != old
    account.refresh()


def test_an_old_refresh_token_is_dead_after_the_grace(box, account):
    old = account.grant
    account.refresh()
    box.sandbox.clock.advance(31 * 60)
    account.grant = old
    assert refused(account.refresh) == ("reconnect_required", "reconnect", "grant_ended")


def test_sixty_unused_days_end_a_grant(box, account):
    box.sandbox.clock.advance(61 * 86_400)
    assert refused(account.refresh)[2] == "grant_ended"


def test_an_expired_token_is_refreshed_and_the_sync_goes_on(box, account):
    box.sandbox.clock.advance(1801)
    with pytest.raises(Exception, match="run out") as caught:
        list(account.sync("accounts"))
    assert (caught.value.code, caught.value.recovery, caught.value.reason) == (
        "auth_expired",
        "refresh",
        "token_expired",
    )
    account.refresh()
    assert list(account.sync("accounts"))


def test_a_custom_connection_is_minted_again(box):
    account = Account(box, "custom").connect()
    before = account.grant["access_token"]
    box.sandbox.clock.advance(1801)
    account.refresh()
    assert account.grant["access_token"] != before
    assert list(account.sync("accounts"))


def test_a_grant_of_another_app_is_not_refreshed(account):
    account.grant["client_id"] = "another"
    assert refused(account.refresh)[2] == "client_id_changed"


# ---------------------------------------------------------------- checking and ending


def test_check_tells_what_is_wrong(box, account):
    def check(**changes):
        return account.auth("check", connection=account.connection(**changes))

    good = check()
    assert (good.status, good.missing_scopes, good.problem) == ("ok", {}, None)
    assert (good.organisation.country, good.organisation.is_demo) == ("NZ", True)
    assert check(organisation_id="0" * 8).status == "organisation_unavailable"
    assert check(access_token="nonsense").status == "expired"
    partial = check(scopes=["accounting.contacts"])
    assert partial.status == "missing_scope"
    assert partial.missing_scopes["invoices"] == ["accounting.invoices"]
    assert "offline_access" in partial.warnings[0]
    legacy = Account(box, "legacy").connect(scopes="legacy")
    assert "2027" in legacy.auth("check", connection=legacy.connection()).warnings[0]


def test_disconnect_ends_one_organisation(box):
    box.sandbox.switches.multi_select = True
    first, second = (organisation["id"] for organisation in box.info["organisations"][:2])
    account = Account(box).connect(organisations=[first, second], user="adviser")
    assert refused(account.auth, "disconnect", grant=account.grant)[0] == "invalid"
    account.auth("disconnect", grant=account.grant, organisation_id=first)
    left = account.auth("organisations", grant=account.grant).organisations
    assert [organisation.id for organisation in left] == [second]
    account.auth("disconnect", grant=account.grant, organisation_id=first)  # gone already: no error
    account.refresh()


def test_revoke_ends_them_all(box, account):
    account.auth("disconnect", grant=account.grant, revoke=True)
    assert refused(account.refresh)[2] == "grant_ended"


def test_a_revoked_grant_asks_for_a_person(box, account):
    box.sandbox.faults.add("revoke_grant", match={"path": "/connect/token"})
    assert refused(account.refresh) == ("reconnect_required", "reconnect", "grant_ended")


@pytest.mark.parametrize("step", ["authorize", "callback", "refresh", "organisations", "check", "disconnect"])
def test_a_step_names_what_it_needs(step):
    with pytest.raises(Exception, match="needs") as caught:
        plugin.auth({"step": step})
    assert caught.value.code == "invalid"
    assert caught.value.problems[0]["field"].startswith("request.")


def test_no_error_shows_a_secret_or_a_token(box, account):
    for changes in (
        {"grant": {**account.grant, "expires_at": "never"}},
        {"grant": account.grant["access_token"]},
    ):
        with pytest.raises(Exception, match="grant") as caught:
            account.auth("refresh", **changes)
        text = repr(caught.value) + str(caught.value) + json.dumps(caught.value.to_dict())
        for secret in (
            account.grant["access_token"],
            account.grant["refresh_token"],
            account.app["client_secret"],
        ):
            assert secret not in text


def test_every_feature_is_covered_by_both_profiles():
    for feature in scopes.NEEDS:
        for profile in scopes.PROFILES.values():
            assert scopes.missing(profile, feature) == []
