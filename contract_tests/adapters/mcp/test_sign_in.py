"""MCP over HTTP as an OAuth 2.1 resource server: the SDK's own client, and an issuer in this process."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.provider import AccessToken
from mcp_types import Implementation
from pydantic import SecretStr

from bizosaas_xero import __version__
from bizosaas_xero.adapters.mcp.elicitation import Elicitor
from bizosaas_xero.adapters.mcp.people import PersonVerifier
from bizosaas_xero.adapters.mcp.server import AgentServer, Options
from bizosaas_xero.cli.mcp_http import HttpOptions, find_issuer, make_app
from bizosaas_xero.host.actions.agent_limits import AgentLimits
from bizosaas_xero.host.actions.names import AGENT_PREFIX
from bizosaas_xero.spec import Misconfigured
from bizosaas_xero.web.people import OpenIdSettings
from bizosaas_xero.web.signin import Issuer
from contract_tests.helpers.agents import ERAS, Someone
from contract_tests.helpers.issuer import CLIENT, ISSUER, SECRET, FakeIssuer
from contract_tests.helpers.ledger_connector import Payer

RESOURCE = "https://books.example/mcp"
METADATA = "https://books.example/.well-known/oauth-protected-resource/mcp"

pytestmark = [pytest.mark.any_database, pytest.mark.connector_class(cls=Payer)]


@pytest.fixture
def token_maker():
    return FakeIssuer(time.time)


@pytest.fixture
def token_issuer(token_maker):
    settings = OpenIdSettings(ISSUER, CLIENT, SecretStr(SECRET))
    return Issuer(settings, now=lambda: datetime.now(UTC), client=token_maker.client)


@pytest.fixture
def make_mcp_server(host, connection_id, token_issuer):
    def make(issuer=None, **limits):
        def now():
            return datetime.now(UTC)

        guard = AgentLimits(host.database, host.audit, host.plans, now=host.store._now, prefix=AGENT_PREFIX, **limits)
        options = Options("fake", allow_writes=True, ask=False, signs_in=True)
        server = AgentServer(host, options, guard, Elicitor(None, now)).server(__version__)
        return make_app(server, HttpOptions("127.0.0.1", 0, None, (), (), RESOURCE), issuer or token_issuer, 8379)

    return make


def talk(app, token, use, *, era="legacy", **options):
    """Connect the SDK's client with a token, and let ``use`` call tools; without ``use`` return the raw answer."""

    async def main():
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(app._app.router.lifespan_context(app._app))
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            web = await stack.enter_async_context(
                httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), headers=headers)
            )
            if use is None:
                body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
                return await web.post(RESOURCE, json=body)
            server = streamable_http_client(RESOURCE, http_client=web)
            info = Implementation(name="Kit", version="1")
            client = Client(server, mode=era, client_info=info, cache=None, **options)
            return await use(await stack.enter_async_context(client))

    return anyio.run(main)


def pay(key, **more):
    async def use(session):
        return await session.call_tool("pay", {"to": "Bob", "amount": "10.00", "business_key": key} | more)

    return use


@pytest.mark.parametrize("era", ERAS)
def test_the_requester_is_the_signed_in_person(make_mcp_server, token_maker, host, era):
    result = talk(make_mcp_server(), token_maker.sign(RESOURCE), pay("D-1", plan_only=True), era=era)
    assert result.structured_content["status"] == "planned", result
    (plan,) = host.plans.list_open()
    assert plan.requesters == ['mcp: "Kit 1" for ann@shop.example']


def test_another_person_with_another_token_is_another_requester(make_mcp_server, token_maker, host):
    app = make_mcp_server()
    talk(app, token_maker.sign(RESOURCE), pay("D-1", plan_only=True))
    token_maker.person |= {"sub": "2", "email": "bob@shop.example"}
    talk(make_mcp_server(), token_maker.sign(RESOURCE), pay("D-1", plan_only=True))
    (plan,) = host.plans.list_open()
    assert [each.rpartition(" for ")[2] for each in plan.requesters] == ["ann@shop.example", "bob@shop.example"]


WRONG = {
    "the pages' audience": {"aud": CLIENT},
    "another server's audience": {"aud": "https://other.example/mcp"},
    "an audience below": {"aud": f"{RESOURCE}/x"},
    "no audience": {"aud": None},
    "another issuer": {"iss": "https://evil.example"},
    "expired": {"exp": 1_000_000_000},
    "no role": {"roles": ["visitor"]},
    "no name": {"email": None},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_token_that_is_not_for_this_server_opens_nothing(make_mcp_server, token_maker, change):
    token_maker.change = change
    answer = talk(make_mcp_server(), token_maker.sign(RESOURCE), None)
    assert answer.status_code == 401
    assert f'resource_metadata="{METADATA}"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_forged_token_opens_nothing(make_mcp_server, token_maker, algorithm):
    token_maker.algorithm = algorithm
    assert talk(make_mcp_server(), token_maker.sign(RESOURCE), None).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 20_000])
def test_what_is_no_token_opens_nothing(make_mcp_server, token):
    assert talk(make_mcp_server(), token, None).status_code == 401


def test_the_metadata_name_server_and_issuer_for_every_client(make_mcp_server):
    app = make_mcp_server()

    async def main():
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app)) as web:
            return await web.get(METADATA)

    answer = anyio.run(main)
    assert answer.status_code == 200
    assert answer.json()["resource"] == RESOURCE
    assert answer.json()["authorization_servers"] == [ISSUER]


def test_a_viewer_only_reads(make_mcp_server, token_maker, host):
    token_maker.person["roles"] = ["viewer"]
    result = talk(make_mcp_server(), token_maker.sign(RESOURCE), pay("D-1", plan_only=True))
    assert (result.is_error, "role_reads_only" in str(result)) == (True, True)
    assert host.plans.list_open() == []


def test_limits_count_for_each_person(make_mcp_server, token_maker, host):
    def ask(number):
        return talk(make_mcp_server(waiting=2), token_maker.sign(RESOURCE), pay(f"D-{number}", plan_only=True))

    assert [ask(each).is_error for each in range(3)] == [False, False, True]
    token_maker.person |= {"sub": "2", "email": "bob@shop.example"}
    assert [ask(each).is_error for each in range(3, 6)] == [False, False, True]


def test_identical_calls_count_for_each_person_whatever_their_client_is_called(make_mcp_server, token_maker):
    app = make_mcp_server(same_calls=2)

    async def thrice(session):
        return [await session.call_tool("list_organisations", {}) for _ in range(3)]

    assert [each.is_error for each in talk(app, token_maker.sign(RESOURCE), thrice)] == [False, False, True]


def test_writes_count_for_each_person(make_mcp_server, token_maker, host, connection_id):
    host.configure(connection_id, {"policy": {"pay": {"run": "always"}}})

    def write(number):
        return talk(make_mcp_server(writes=1), token_maker.sign(RESOURCE), pay(f"D-{number}"))

    assert [write(each).is_error for each in range(2)] == [False, True]
    token_maker.person |= {"sub": "2", "email": "bob@shop.example"}
    assert [write(each).is_error for each in range(2, 4)] == [False, True]


def test_a_revoked_person_s_agents_are_refused(make_mcp_server, token_maker, host):
    host.revoke_requester("ann@shop.example", "olaf")
    result = talk(make_mcp_server(), token_maker.sign(RESOURCE), pay("D-1", plan_only=True))
    assert (result.is_error, "requester_revoked" in str(result)) == (True, True)


def test_a_person_cannot_approve_through_their_agent(make_mcp_server, token_maker, host):
    async def main(session):
        planned = await session.call_tool("pay", {"to": "Bob", "amount": "10.00", "business_key": "D-1"})
        return await session.call_tool("commit_plan", {"plan": planned.structured_content["plan"]["hash"]})

    someone = Someone("approve")
    result = talk(make_mcp_server(), token_maker.sign(RESOURCE), main, elicitation_callback=someone)
    assert result.structured_content["status"] == "needs_approval"
    assert someone.shown == []
    assert host.plans.list_open()[0].decision is None


def test_only_the_named_proxy_and_names_reach_it(make_mcp_server):
    app = make_mcp_server()

    async def status(sender, address="https://books.example/mcp"):
        transport = httpx2.ASGITransport(app=app, client=(sender, 1))
        async with httpx2.AsyncClient(transport=transport) as web:
            return (await web.post(address, json={})).status_code

    assert anyio.run(status, "10.0.0.7") == 403
    assert anyio.run(status, "127.0.0.1") == 401
    assert anyio.run(status, "127.0.0.1", "https://evil.example/mcp") == 421


def test_the_verifier_says_what_the_token_says(token_issuer, token_maker):
    token = token_maker.sign(RESOURCE, scope="books openid", client_id="kit")
    found = anyio.run(PersonVerifier(token_issuer, RESOURCE).verify_token, token)
    assert isinstance(found, AccessToken)
    assert (found.subject, found.client_id, found.scopes, found.resource) == ("1", "kit", ["books", "openid"], RESOURCE)


def test_a_server_for_people_needs_an_issuer_and_https(monkeypatch):
    def reason(**options):
        with pytest.raises(Misconfigured) as refused:
            find_issuer(HttpOptions(options.pop("host", "127.0.0.1"), 0, None, (), (), **options))
        return refused.value.reason

    assert reason(public_url=RESOURCE) == "mcp_no_issuer"
    monkeypatch.setenv("BIZOSAAS_OIDC_ISSUER", ISSUER)
    assert reason(public_url="http://books.example/mcp") == "bad_setting"
    assert reason(public_url=RESOURCE, host="0.0.0.0") == "no_https"  # noqa: S104 (what must be refused)
    assert find_issuer(HttpOptions("127.0.0.1", 0, None, (), (), RESOURCE)).settings.issuer == ISSUER
