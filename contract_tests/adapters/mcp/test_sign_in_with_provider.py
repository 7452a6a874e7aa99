"""The SDK's own OAuth client finds npm's oidc-provider through our metadata, registers, signs in, and calls a tool."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from urllib.parse import parse_qs

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from mcp_types import Implementation

from bizosaas_xero.web.people import OpenIdSettings
from bizosaas_xero.web.signin import Issuer
from contract_tests.adapters.mcp.test_sign_in import (  # noqa: F401 (fixtures)
    RESOURCE,
    make_mcp_server,
    pay,
    token_issuer,
    token_maker,
)
from contract_tests.helpers.ledger_connector import Payer
from contract_tests.helpers.oidc_provider import PersonAtProvider, needs_npm, run_provider

HOME = "http://localhost:9999/callback"

pytestmark = [pytest.mark.slow, needs_npm, pytest.mark.any_database, pytest.mark.connector_class(cls=Payer)]


@pytest.fixture(scope="module")
def provider_for_agents(tmp_path_factory):
    with run_provider(tmp_path_factory.mktemp("provider")) as url:
        yield Issuer(OpenIdSettings(url, ""), now=lambda: datetime.now(UTC))


class Storage:
    def __init__(self):
        self.tokens = self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info


def talk(app, name, use):
    person, went = PersonAtProvider(HOME), []

    async def redirect(url):
        went.append(await anyio.to_thread.run_sync(person.authorize, url, name))

    async def callback():
        query = {key: values[0] for key, values in parse_qs(went[-1].removeprefix("?")).items()}
        return AuthorizationCodeResult(**{key: query[key] for key in ("code", "state", "iss") if key in query})

    metadata = OAuthClientMetadata(client_name="Kit", redirect_uris=[HOME], token_endpoint_auth_method="none")
    auth = OAuthClientProvider(RESOURCE, metadata, Storage(), redirect, callback)

    async def main():
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(app._app.router.lifespan_context(app._app))
            mounts = {"https://books.example": httpx2.ASGITransport(app=app)}
            web = await stack.enter_async_context(httpx2.AsyncClient(auth=auth, mounts=mounts))
            server = streamable_http_client(RESOURCE, http_client=web)
            info = Implementation(name="Kit", version="1")
            return await use(await stack.enter_async_context(Client(server, client_info=info, cache=None)))

    try:
        return anyio.run(main)
    finally:
        person.client.close()


def test_a_client_that_knows_nothing_but_the_address_signs_its_person_in(make_mcp_server, provider_for_agents, host):  # noqa: F811 (the fixture)
    result = talk(make_mcp_server(provider_for_agents), "ann", pay("D-1", plan_only=True))
    assert result.structured_content["status"] == "planned", result
    (plan,) = host.plans.list_open()
    assert plan.requesters == ['mcp: "Kit 1" for ann@shop.example']


def test_a_viewer_signs_in_and_only_reads(make_mcp_server, provider_for_agents, host):  # noqa: F811 (the fixture)
    result = talk(make_mcp_server(provider_for_agents), "vera", pay("D-1", plan_only=True))
    assert (result.is_error, "role_reads_only" in str(result)) == (True, True)
