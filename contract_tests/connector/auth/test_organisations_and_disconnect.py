"""Keeping access against the sandbox, checking it and ending it; no secret in an error."""

from __future__ import annotations

import json

import pytest

from bizosaas_xero import plugin
from bizosaas_xero.connector.auth import scopes
from contract_tests.helpers.xero_account import Account, refused

pytestmark = pytest.mark.xero_sandbox(invoices=120, limits=True)

# ---------------------------------------------------------------- keeping access


def test_a_refresh_rotates_and_a_dumped_grant_refreshes(sandbox_server, connected_account):
    before = connected_account.grant
    stored = json.loads(json.dumps(before))
    after = connected_account.auth("refresh", grant=stored).model_dump(mode="json")["grant"]
    assert after["refresh_token"] != before["refresh_token"]
    assert after["access_token"] != before["access_token"]
    assert after["identity"] == before["identity"]
    assert after["scopes"] == before["scopes"]
    assert after["auth_event_id"] == before["auth_event_id"]


def test_a_refresh_whose_response_was_lost_is_repeated_within_the_grace_period(sandbox_server, connected_account):
    sandbox_server.sandbox.faults.add("lost_refresh")
    old = connected_account.grant["refresh_token"]
    connected_account.refresh()
    assert connected_account.grant["refresh_token"] != old
    connected_account.refresh()


def test_an_old_refresh_token_is_refused_after_the_grace_period(sandbox_server, connected_account):
    old = connected_account.grant
    connected_account.refresh()
    sandbox_server.sandbox.clock.advance(31 * 60)
    connected_account.grant = old
    assert refused(connected_account.refresh) == ("reconnect_required", "reconnect", "grant_ended")


def test_sixty_unused_days_end_a_grant(sandbox_server, connected_account):
    sandbox_server.sandbox.clock.advance(61 * 86_400)
    assert refused(connected_account.refresh)[2] == "grant_ended"


def test_an_expired_token_is_refreshed_and_the_sync_goes_on(sandbox_server, connected_account):
    sandbox_server.sandbox.clock.advance(1801)
    with pytest.raises(Exception, match="run out") as caught:
        list(connected_account.sync("accounts"))
    assert (caught.value.code, caught.value.recovery, caught.value.reason) == (
        "auth_expired",
        "refresh",
        "token_expired",
    )
    connected_account.refresh()
    assert list(connected_account.sync("accounts"))


def test_a_custom_connection_gets_a_new_token(sandbox_server):
    account = Account(sandbox_server, "custom").connect()
    before = account.grant["access_token"]
    sandbox_server.sandbox.clock.advance(1801)
    account.refresh()
    assert account.grant["access_token"] != before
    assert list(account.sync("accounts"))


def test_a_grant_of_another_app_is_not_refreshed(connected_account):
    connected_account.grant["client_id"] = "another"
    assert refused(connected_account.refresh)[2] == "client_id_changed"


# ---------------------------------------------------------------- checking and ending


def test_check_returns_the_status_and_its_error(sandbox_server, connected_account):
    def check(**changes):
        return connected_account.auth("check", connection=connected_account.connection(**changes))

    good = check()
    assert (good.status, good.missing_scopes, good.problem) == ("ok", {}, None)
    assert (good.organisation.country, good.organisation.is_demo) == ("NZ", True)
    assert check(organisation_id="0" * 8).status == "organisation_unavailable"
    assert check(access_token="nonsense").status == "expired"
    partial = check(scopes=["accounting.contacts"])
    assert partial.status == "missing_scope"
    assert partial.missing_scopes["invoices"] == ["accounting.invoices"]
    assert "offline_access" in partial.warnings[0]
    legacy = Account(sandbox_server, "legacy").connect(scopes="legacy")
    assert "2027" in legacy.auth("check", connection=legacy.connection()).warnings[0]


def test_disconnect_ends_one_organisation(sandbox_server):
    sandbox_server.sandbox.switches.multi_select = True
    first, second = (organisation["id"] for organisation in sandbox_server.info["organisations"][:2])
    account = Account(sandbox_server).connect(organisations=[first, second], user="adviser")
    assert refused(account.auth, "disconnect", grant=account.grant)[0] == "invalid"
    account.auth("disconnect", grant=account.grant, organisation_id=first)
    left = account.auth("organisations", grant=account.grant).organisations
    assert [organisation.id for organisation in left] == [second]
    account.auth("disconnect", grant=account.grant, organisation_id=first)  # gone already: no error
    account.refresh()


def test_revoke_ends_all_connections(sandbox_server, connected_account):
    connected_account.auth("disconnect", grant=connected_account.grant, revoke=True)
    assert refused(connected_account.refresh)[2] == "grant_ended"


def test_a_revoked_grant_asks_to_reconnect(sandbox_server, connected_account):
    sandbox_server.sandbox.faults.add("revoke_grant", match={"path": "/connect/token"})
    assert refused(connected_account.refresh) == ("reconnect_required", "reconnect", "grant_ended")


@pytest.mark.parametrize("step", ["authorize", "callback", "refresh", "organisations", "check", "disconnect"])
def test_a_step_names_what_it_needs(step):
    with pytest.raises(Exception, match="needs") as caught:
        plugin.auth({"step": step})
    assert caught.value.code == "invalid"
    assert caught.value.problems[0]["field"].startswith("request.")


def test_no_error_shows_a_secret_or_a_token(sandbox_server, connected_account):
    for changes in (
        {"grant": {**connected_account.grant, "expires_at": "never"}},
        {"grant": connected_account.grant["access_token"]},
    ):
        with pytest.raises(Exception, match="grant") as caught:
            connected_account.auth("refresh", **changes)
        text = repr(caught.value) + str(caught.value) + json.dumps(caught.value.to_dict())
        for secret in (
            connected_account.grant["access_token"],
            connected_account.grant["refresh_token"],
            connected_account.app["client_secret"],
        ):
            assert secret not in text


def test_every_feature_is_covered_by_both_profiles():
    for feature in scopes.load_needs():
        for profile in plugin.describe().auth.scope_profiles.values():
            assert scopes.missing_scopes(profile, feature) == []
