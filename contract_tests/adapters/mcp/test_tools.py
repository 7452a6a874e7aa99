"""Tools: what is offered, whether it is true, and how an answer looks."""

from __future__ import annotations

import json
import re

import jsonschema_rs
import pytest

from bizosaas_xero import plugin

ACTIONS = {action.name: action for action in plugin.list_actions(None)}
READS = {name for name, action in ACTIONS.items() if action.effect == "read"}
OWN = {"list_organisations"}


async def listed(session):
    return {tool.name: tool for tool in (await session.list_tools()).tools}


def test_every_action_is_a_tool_with_its_schema_and_true_annotations(agent, mcp_transport):
    found = agent.talk(listed, "--allow-writes", **mcp_transport)
    assert set(found) == {*ACTIONS, *OWN, "commit_plan"}
    for name, action in ACTIONS.items():
        tool, hints = found[name], found[name].annotations
        assert (tool.title, hints.read_only_hint) == (action.title, action.effect == "read")
        assert hints.destructive_hint is action.destructive
        assert hints.open_world_hint
        assert hints.idempotent_hint
        own = {"organisation", *({"business_key", "plan_only"} if action.effect == "write" else ())}
        assert set(tool.input_schema["properties"]) == set(action.params.get("properties", {})) | own
        assert ("business_key" in tool.input_schema["required"]) is (action.effect == "write")
        assert tool.input_schema["additionalProperties"] is False
        for schema in (tool.input_schema, tool.output_schema):
            jsonschema_rs.validator_for(schema)
    assert {name for name, tool in found.items() if tool.annotations.destructive_hint} == {
        "void_invoice",
        "delete_payment",
        "commit_plan",
    }


def test_without_allow_writes_nothing_that_writes_is_offered_or_done(agent, mcp_transport):
    async def talk(session):
        tools = await listed(session)
        given = {"plan": "0" * 64}
        return (
            tools,
            await session.call_tool("create_contact", {"name": "No Such Company Ltd", "business_key": "k"}),
            await session.call_tool("commit_plan", given),
        )

    tools, *refused = agent.talk(talk, **mcp_transport)
    assert set(tools) == READS | OWN
    assert all(tool.annotations.read_only_hint for tool in tools.values())
    for answer in refused:
        assert answer.is_error
        assert answer.structured_content["error"]["reason"] == "writes_not_allowed"
    assert not agent.sent("PUT", "POST")


def test_an_answer_is_what_its_schema_says_and_is_small(agent, mcp_transport_and_era):
    calls = {
        "get_organisation": {},
        "find_invoices": {"limit": 3},
        "get_balance_sheet": {"on_date": "2026-10-31"},
        "list_organisations": {},
    }

    async def talk(session):
        tools = await listed(session)
        return {name: (tools[name], await session.call_tool(name, given)) for name, given in calls.items()}

    for tool, answer in agent.talk(talk, **mcp_transport_and_era).values():
        assert not answer.is_error, answer
        jsonschema_rs.validator_for(tool.output_schema).validate(answer.structured_content)
        assert len(answer.content) == 1
        assert len(answer.content[0].text) < 12_000


def test_a_text_is_markdown_where_there_is_one(agent):
    given = {"from_date": "2026-10-01", "to_date": "2026-10-31", "formats": ["markdown"]}
    text = agent.call("generate_pnl_report", **given).content[0].text
    assert "| **Net profit** |" in text


def test_a_call_is_told_to_the_audit_with_client_and_person(agent):
    agent.call("get_organisation", "--as", "Ann")
    agent.call("get_organisation", era="2026-07-28")
    entries = agent.audit()
    assert [entry["kind"] for entry in entries] == ["read", "read"]
    assert entries[0]["who"] == 'mcp: "Kit 1.2" for Ann'
    assert entries[1]["who"].startswith('mcp: "Kit 1.2" for ')


# ---------------------------------------------------------------- errors


def test_every_error_is_marked_and_says_code_reason_remedy_and_field(agent, mcp_transport_and_era):
    wrong = (
        ("no_such_tool", {}, "not_found", "unknown_tool", None),
        ("find_invoices", {"nonsense": 1}, "invalid", None, "params.nonsense"),
        ("get_invoice", {}, "invalid", None, "params.invoice"),
        ("find_invoices", {"organisation": "No Such Company Ltd"}, "not_found", "unknown_organisation", None),
        ("get_invoice", {"invoice": "INV-NONE"}, "not_found", None, None),
        ("list_organisations", {"x": 1}, "invalid", None, "x"),
        ("create_contact", {"name": "No Such Company Ltd"}, "invalid", None, "business_key"),
        ("commit_plan", {}, "invalid", None, "plan"),
        ("commit_plan", {"plan": "0" * 64}, "not_found", "unknown_plan", None),
    )

    async def talk(session):
        return [await session.call_tool(name, given) for name, given, *_ in wrong]

    answers = agent.talk(talk, "--allow-writes", **mcp_transport_and_era)
    for answer, (name, _given, code, reason, field) in zip(answers, wrong, strict=True):
        told = answer.structured_content["error"]
        assert answer.is_error, name
        assert told["code"] == code, (name, told)
        assert reason is None or told["reason"] == reason, (name, told)
        assert told["remedy"]
        assert field is None or field in {problem["field"] for problem in told["problems"]}, (name, told)
        text = answer.content[0].text
        assert f"Error {code}" in text
        assert "What to do:" in text
        assert "Traceback" not in text
    assert not agent.sent("PUT", "POST")


def test_a_fault_of_the_program_shows_no_traceback_and_nothing_that_was_passed():
    from bizosaas_xero.adapters.mcp.concurrency import unexpected_error
    from bizosaas_xero.adapters.mcp.results import from_error

    with pytest.raises(ValueError, match="eyJsecret") as caught:
        int("token eyJsecret")
    told = from_error(unexpected_error(caught.value))
    assert told.is_error
    assert "eyJsecret" not in told.model_dump_json()
    assert re.search(r"ValueError in test_tools\.py:\d+", told.content[0].text)


def test_a_sign_in_that_ended_is_told_as_what_a_person_must_do(agent):
    agent.person.fault("revoke_grant")
    agent.person.fault("expire_token", times=None)
    answer = agent.call("get_organisation")
    told = answer.structured_content["error"]
    assert (answer.is_error, told["recovery"]) == (True, "reconnect")


# ---------------------------------------------------------------- several organisations


def test_of_several_organisations_one_must_be_chosen(agent, mcp_transport):
    agent.connect("Thistle & Oak Trading Ltd")

    async def talk(session):
        tools = await listed(session)
        names = (await session.call_tool("list_organisations", {})).structured_content["organisations"]
        return (
            tools,
            names,
            await session.call_tool("get_organisation", {}),
            [await session.call_tool("get_organisation", {"organisation": each["organisation_id"]}) for each in names],
        )

    tools, names, unsaid, said = agent.talk(talk, "--allow-writes", **mcp_transport)
    for name in {*ACTIONS, "commit_plan"}:
        assert "organisation" in tools[name].input_schema["required"], name
        assert all(each["organisation_id"] in json.dumps(tools[name].input_schema) for each in names)
    told = unsaid.structured_content["error"]
    assert (told["reason"], told["problems"][0]["field"]) == ("organisation_not_chosen", "organisation")
    assert all(each["organisation_id"] in told["remedy"] for each in names)
    assert len(said) == 2
    for each, answer in zip(names, said, strict=True):
        assert answer.structured_content["data"]["name"] == each["organisation"]


def test_a_server_for_one_organisation_reaches_no_other(agent):
    agent.connect("Thistle & Oak Trading Ltd")

    async def talk(session):
        tools = await listed(session)
        other = await session.call_tool("get_organisation", {"organisation": "Demo Company (NZ)"})
        uris = [str(each.uri) for each in (await session.list_resources()).resources]
        return tools, await session.call_tool("get_organisation", {}), other, uris

    tools, mine, other, uris = agent.talk(talk, "--organisation", "Thistle & Oak Trading Ltd")
    assert "organisation" not in tools["get_organisation"].input_schema["properties"]
    assert mine.structured_content["organisation"] == "Thistle & Oak Trading Ltd"
    assert other.structured_content["error"]["reason"] == "unknown_organisation"
    assert len({uri.split("/")[2] for uri in uris}) == 1
