"""A connection keeps the addresses that it was made with; a contradiction in the environment is refused by name."""

from __future__ import annotations

import pytest

from bizosaas_xero.spec import App, Misconfigured
from contract_tests.helpers.fake_connector import batch

pytestmark = pytest.mark.any_database

APP = App(client_id="app", client_secret="app-secret", redirect_uri="http://localhost/callback")
ADDRESS = {"type": "string", "default": "https://api.test", "address": True, "environment": "FAKE_API_URL"}
SANDBOX, OTHER = "http://127.0.0.1:8000", "https://elsewhere.test"


@pytest.fixture(autouse=True)
def _connector_has_address_settings(fake_connector):
    fake_connector.settings = {"properties": {"api_url": ADDRESS, "page_size": {"type": "integer"}}}


def connect(host, **given):
    url = host.connections.begin_consent("fake", APP, **given)
    offer = host.connections.finish_consent("http://localhost/callback?code=c&" + url.split("?")[1])
    return host.connections.choose(offer).id


def address_of(fake_connector):
    return fake_connector.calls[-1]["connection"]["settings"]["api_url"]


def test_a_connection_made_with_the_environment_keeps_its_address_without_it(make_host, fake_connector):
    connection = connect(make_host(environ={"FAKE_API_URL": SANDBOX}))
    fake_connector.runs = [[batch(1)]]
    later = make_host(environ={})
    assert later.runner.sync(connection, "things").problem is None
    assert address_of(fake_connector) == SANDBOX


def test_a_connection_made_without_the_environment_keeps_the_default(make_host, fake_connector):
    connection = connect(make_host())
    fake_connector.runs = [[batch(1)]]
    assert make_host().runner.sync(connection, "things").problem is None
    assert address_of(fake_connector) == "https://api.test"
    problem = make_host(environ={"FAKE_API_URL": SANDBOX}).runner.sync(connection, "things").problem
    assert problem["reason"] == "other_address"


def test_another_address_in_the_environment_is_refused_by_name_before_any_request(make_host, fake_connector, clock):
    connection = connect(make_host(environ={"FAKE_API_URL": SANDBOX}))
    asked = len(fake_connector.auth_calls)
    other = make_host(environ={"FAKE_API_URL": f"{OTHER}/?token=secret"})
    problem = other.runner.sync(connection, "things").problem
    assert (problem["code"], problem["reason"]) == ("misconfigured", "other_address")
    assert "FAKE_API_URL" in problem["message"]
    assert SANDBOX in problem["message"]
    assert OTHER in problem["message"]
    assert "secret" not in str(problem)
    with pytest.raises(Misconfigured):
        other.connections.list_organisations("fake", "app:user")
    clock.sleep(3600)  # nor is the refresh token sent elsewhere
    with pytest.raises(Misconfigured):
        other.grants.get_valid(other.report.connector("fake"), "app:user")
    assert (fake_connector.calls, len(fake_connector.auth_calls)) == ([], asked)


@pytest.mark.parametrize("same", [SANDBOX, f"{SANDBOX}/", SANDBOX.upper(), ""])
def test_the_same_address_is_no_contradiction(make_host, fake_connector, same):
    connection = connect(make_host(environ={"FAKE_API_URL": SANDBOX}))
    fake_connector.runs = [[batch(1)]]
    assert make_host(environ={"FAKE_API_URL": same}).runner.sync(connection, "things").problem is None


def test_a_consent_that_is_not_finished_moves_no_connection(make_host, fake_connector):
    connection = connect(make_host(environ={"FAKE_API_URL": SANDBOX}))
    other = make_host(environ={"FAKE_API_URL": OTHER})
    url = other.connections.begin_consent("fake", APP)
    fake_connector.runs = [[batch(1)], [batch(2)]]
    assert make_host().runner.sync(connection, "things").problem is None
    assert address_of(fake_connector) == SANDBOX
    other.connections.choose(other.connections.finish_consent("http://localhost/callback?code=c&" + url.split("?")[1]))
    assert make_host().runner.sync(connection, "things").problem is None
    assert address_of(fake_connector) == OTHER


def test_a_connection_of_an_earlier_release_is_pinned_by_its_first_refresh(make_host, fake_connector, clock):
    fake_connector.settings = {}
    connection = connect(make_host())  # as an earlier release made it, without addresses
    fake_connector.settings = {"properties": {"api_url": ADDRESS}}
    clock.sleep(3600)
    host = make_host(environ={"FAKE_API_URL": SANDBOX})
    fake_connector.runs = [[batch(1)], [batch(2)]]
    assert host.runner.sync(connection, "things").problem is None
    assert make_host(environ={}).runner.sync(connection, "things").problem is None
    assert address_of(fake_connector) == SANDBOX
