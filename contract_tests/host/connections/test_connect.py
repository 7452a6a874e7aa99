"""Connecting: a consent is finished once, an organisation is chosen and never taken silently."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bizosaas_xero.spec import (
    App,
    AuthExpired,
    Invalid,
    Organisation,
    OrganisationUnavailable,
    ReconnectRequired,
    Unavailable,
)

pytestmark = pytest.mark.any_database

APP = App(client_id="app", client_secret="app-secret", redirect_uri="http://localhost/callback")


def consent(host, **given):
    url = host.connections.begin_consent("fake", APP, **given)
    return "http://localhost/callback?code=c&" + url.split("?")[1]


def test_scopes_and_settings_reach_the_connector(host, fake_connector):
    host.connections.finish_consent(consent(host, scopes="legacy", settings={"api_url": "x"}))
    begin, finish = fake_connector.auth_calls[:2]
    assert (begin["scopes"], begin["settings"]) == ("legacy", {"api_url": "x"})
    assert (finish["pending"], finish["settings"]) == ("pending-1", {"api_url": "x"})
    assert finish["app"]["client_secret"] == "app-secret"


def test_an_app_that_is_entered_again_waits_until_its_own_consent_is_finished(host):
    host.connections.finish_consent(consent(host))
    other = APP.model_copy(update={"client_secret": App(client_id="app", client_secret="other").client_secret})
    url = host.connections.begin_consent("fake", other)
    assert host.store.app("fake", "app").app == APP  # what works keeps its secret
    host.connections.finish_consent("http://localhost/callback?code=c&" + url.split("?")[1])
    assert host.store.app("fake", "app").app == other


def test_a_consent_begun_under_an_earlier_release_is_finished(host, fake_connector):
    host.store.save_app("fake", APP, {"api_url": "x"})
    host.store.save_pending("fake", "app", "old", "pending-old", timedelta(minutes=5), {"api_url": "y"})
    host.connections.finish_consent("http://localhost/callback?code=c&state=old")
    [finish] = fake_connector.auth_calls
    assert (finish["pending"], finish["settings"]) == ("pending-old", {"api_url": "y"})
    assert finish["app"]["client_secret"] == "app-secret"


def test_a_callback_address_works_only_once(host, fake_connector):
    callback = consent(host)
    host.connections.finish_consent(callback)
    with pytest.raises(Invalid) as caught:
        host.connections.finish_consent(callback)
    assert caught.value.reason == "unknown_state"
    for forged in (
        "http://localhost/callback?code=c&state=forged",
        "http://localhost/callback",
        "",
        "rubbish",
    ):
        with pytest.raises(Invalid):
            host.connections.finish_consent(forged)
    assert [call["step"] for call in fake_connector.auth_calls] == ["authorize", "callback"]


def test_several_organisations_are_offered_and_none_is_taken(host, fake_connector):
    fake_connector.organisations.append(Organisation(id="org-2", name="Second"))
    offer = host.connections.finish_consent(consent(host))
    with pytest.raises(Invalid) as caught:
        host.connections.choose(offer)
    assert "Second (org-2)" in caught.value.remedy
    with pytest.raises(OrganisationUnavailable):
        host.connections.choose(offer, "org-3")
    assert host.store.connections() == []
    assert host.connections.choose(offer, "org-2").organisation == "Second"
    again = host.connections.list_organisations("fake", offer.identity)
    assert host.connections.choose(again, "org-1").id == "fake:org-1"
    assert len(host.store.connections()) == 2


def test_no_organisation_is_said_so(host, fake_connector):
    fake_connector.organisations = []
    with pytest.raises(OrganisationUnavailable):
        host.connections.choose(host.connections.finish_consent(consent(host)))


def test_a_custom_app_has_its_organisation(host, fake_connector):
    app = App(client_id="app", client_secret="s", kind="custom")
    assert host.connections.choose(host.connections.connect_custom_app("fake", app)).id == "fake:org-1"
    assert host.store.app("fake", "app").app.kind == "custom"


def test_disconnect_ends_one_organisation_and_with_the_last_the_grant(host, fake_connector):
    fake_connector.organisations.append(Organisation(id="org-2", name="Second"))
    offer = host.connections.finish_consent(consent(host))
    for organisation in ("org-1", "org-2"):
        host.connections.choose(offer, organisation)
    assert [item.id for item in host.connections.disconnect("fake:org-1")] == ["fake:org-1"]
    last = fake_connector.auth_calls[-1]
    assert (last["step"], last["organisation_id"], last["revoke"]) == ("disconnect", "org-1", False)
    host.store.grant("fake", offer.identity)
    host.connections.disconnect("fake:org-2")
    with pytest.raises(ReconnectRequired):
        host.store.grant("fake", offer.identity)


def test_revoke_ends_all_of_the_persons_connections(host, fake_connector):
    fake_connector.organisations.append(Organisation(id="org-2", name="Second"))
    offer = host.connections.finish_consent(consent(host))
    for organisation in ("org-1", "org-2"):
        host.connections.choose(offer, organisation)
    assert len(host.connections.disconnect("fake:org-1", revoke=True)) == 2
    assert host.store.connections() == []


def test_a_token_refused_before_its_end_is_renewed(host, connection_id, fake_connector):
    step, refusals = fake_connector.auth, [AuthExpired("expired")]

    def auth(request):
        if request["step"] in {"organisations", "disconnect"} and refusals:
            raise refusals.pop()
        return step(request)

    fake_connector.auth = auth
    assert host.connections.list_organisations("fake", "app:user").organisations
    assert fake_connector.auth_calls[-1]["grant"]["access_token"] == "access-2"
    refusals.append(AuthExpired("expired"))
    assert len(host.connections.disconnect(connection_id)) == 1
    assert fake_connector.auth_calls[-1]["grant"]["access_token"] == "access-3"


def test_what_cannot_be_ended_is_not_forgotten_and_what_is_gone_is(host, connection_id, fake_connector, clock):
    clock.sleep(3600)
    fake_connector.refresh_error = Unavailable("away")
    with pytest.raises(Unavailable):
        host.connections.disconnect(connection_id)
    assert len(host.store.connections()) == 1
    fake_connector.refresh_error = ReconnectRequired("revoked")
    host.connections.disconnect(connection_id)
    assert host.store.connections() == []
