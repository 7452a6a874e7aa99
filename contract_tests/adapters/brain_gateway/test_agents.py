"""Agents' tools, as the gateway's MCP layer asks for them: an address that is the secret, one tenant, no approvals."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from bizosaas_xero.adapters.brain_gateway.agents import LIST_RECORDS
from bizosaas_xero.adapters.brain_gateway.installations import Installations
from contract_tests.adapters.brain_gateway import real

pytestmark = pytest.mark.xero_sandbox(invoices=150, seed=9)


@pytest.fixture
def tool_caller(gateway):
    """Call a tool as the gateway's MCP layer does: no token, no tenant."""
    gateway.connect()
    url = gateway("POST", "/bizosaas/agents/xero").raise_for_status().json()["url"]

    def call(tool, /, **arguments):
        answer = httpx.post(f"{url}/tools/call", json={"name": tool, "arguments": arguments}, timeout=30)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert json.loads(told["content"][0]["text"]) == told["structuredContent"]
        assert told["isError"] is (told["structuredContent"]["status"] == "error")
        return told["structuredContent"]

    call.url, call.gateway = url, gateway
    return call


def test_every_action_is_a_tool_and_the_synced_tables_are_one(tool_caller):
    tools = {each["name"]: each for each in httpx.get(f"{tool_caller.url}/tools").json()["tools"]}
    actions = {each["name"] for each in tool_caller.gateway.act("list_actions")["actions"]}
    assert set(tools) == actions | {LIST_RECORDS}
    assert "business_key" in tools["create_invoice"]["inputSchema"]["required"]
    assert tools["find_invoices"]["annotations"]["readOnlyHint"] is True
    assert "business_key" not in tools["find_invoices"]["inputSchema"]["properties"]


def test_reads_answer_live_and_from_the_synced_tables(tool_caller):
    live = tool_caller("find_invoices", limit=3)
    assert len(live["data"]["invoices"]) == 3
    assert tool_caller(LIST_RECORDS, entity="invoices")["rows"] == []
    asyncio.run(tool_caller.gateway.object().sync_data("initial_sync"))
    page = tool_caller(LIST_RECORDS, entity="invoices", limit=3, columns=["number", "total"])
    assert len(page["rows"]) == 3
    assert page["as_of"]
    assert all(isinstance(row["total"], str) for row in page["rows"])
    following = tool_caller(LIST_RECORDS, entity="invoices", limit=3, after=page["next_after"])
    assert {row["key"] for row in page["rows"]}.isdisjoint(row["key"] for row in following["rows"])


def test_a_write_is_planned_and_does_not_look_done(tool_caller):
    told = tool_caller("create_contact", name="Neu GmbH", business_key="k-1")
    assert (told["status"], told["data"]) == ("needs_approval", None)
    assert told["approve_url"].startswith(f"{str(tool_caller.gateway.http.base_url).rstrip('/')}/bizosaas/approvals/")
    found = tool_caller("find_contacts", name="Neu GmbH")["data"]["contacts"]
    assert [each for each in found if each["name"] == "Neu GmbH"] == []
    assert tool_caller("create_contact", name="Neu GmbH")["error"]["code"] == "invalid"  # no business key
    smuggled = tool_caller(
        "create_contact", mode="commit", plan_hash=told["plan"]["hash"], name="Neu GmbH", business_key="k-1"
    )
    assert smuggled["status"] == "needs_approval"
    [plan] = tool_caller.gateway.host().approvals.list_waiting(tool_caller.gateway.host().store.connections()[0].id)
    assert plan.requesters[0].startswith("mcp: ")


def test_wrong_calls_are_told(tool_caller):
    assert tool_caller("nonsense")["error"]["reason"] == "unknown_tool"
    assert tool_caller(LIST_RECORDS, entity="nonsense")["error"]["code"] == "not_found"
    assert tool_caller(LIST_RECORDS, entity="invoices", colour="red")["error"]["code"] == "invalid"
    assert httpx.post(f"{tool_caller.url}/tools/call", content=b"[]").status_code == 400


def test_an_address_is_one_tenants_and_can_be_withdrawn(tool_caller):
    gateway = tool_caller.gateway
    assert httpx.get(f"{tool_caller.url[:-6]}/tools").status_code == 404
    assert httpx.get(f"{tool_caller.url.replace('/xero/', '/other/')}/tools").status_code == 404
    newer = gateway("POST", "/bizosaas/agents/xero").json()["url"]
    assert httpx.get(f"{tool_caller.url}/tools").status_code == 404  # the one before ended
    assert gateway("DELETE", "/bizosaas/agents/xero").json() == {"withdrawn": True}
    assert httpx.get(f"{newer}/tools").status_code == 404
    tool_caller.url = gateway("POST", "/bizosaas/agents/xero").json()["url"]
    gateway("POST", "/api/connectors/xero/disconnect")
    answer = httpx.post(f"{tool_caller.url}/tools/call", json={"name": "find_invoices", "arguments": {}}).json()
    assert answer["structuredContent"]["error"]["reason"] == "not_connected"


@pytest.mark.skipif(real.source() is None, reason="BRAIN_GATEWAY_SRC names no checkout")
def test_the_real_mcp_layer_lists_and_calls_them(tool_caller):
    from app.models.mcp import McpRegistry
    from app.services.mcp_gateway import MCPGateway

    gateway = tool_caller.gateway
    with gateway.parts.session() as session:
        layer = MCPGateway(session)
        tools = asyncio.run(layer.list_tools(gateway.tenant))  # the test's users have their tenant as id
        assert {each["name"] for each in tools} >= {"get_aged_receivables", LIST_RECORDS}
        told = asyncio.run(layer.call_tool(gateway.tenant, "xero", "get_aged_receivables", {}))
        assert told["structuredContent"]["status"] == "success"
        for each in session.query(McpRegistry).filter(McpRegistry.slug == "xero"):
            for installed in each.installations:  # as the gateway does when it starts
                session.delete(installed)
            session.delete(each)
        session.commit()
        assert asyncio.run(layer.list_tools(gateway.tenant)) == []
    Installations(gateway.done.gateway.mcp_models, gateway.parts.session).restore(gateway.done.services)
    with gateway.parts.session() as session:
        assert asyncio.run(MCPGateway(session).list_tools(gateway.tenant))
    gateway("DELETE", "/bizosaas/agents/xero")
    with gateway.parts.session() as session:
        assert asyncio.run(MCPGateway(session).list_tools(gateway.tenant)) == []
