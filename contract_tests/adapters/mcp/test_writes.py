"""Writes by agents: planned, approved where a person is, done once. Nothing that an agent passes approves."""

from __future__ import annotations

import itertools
import json

import jsonschema_rs
import pytest
from mcp_types import ElicitResult, Implementation, InputRequiredResult

from contract_tests.helpers.agents import ERAS, Someone

NUMBERS = itertools.count(1)


@pytest.fixture
def new_contact():
    """A contact that does not exist yet: creating one needs a person's approval."""
    number = next(NUMBERS)
    return {"name": f"Harbour Cafe {number} Ltd", "business_key": f"contact-{number}"}


def planned(agent, new_contact, **how):
    answer = agent.call("create_contact", "--allow-writes", **how, **new_contact)
    assert not answer.is_error, answer
    return answer.structured_content


async def commit(session, new_contact):
    """Plan, show, and do the plan; return both answers."""
    first = await session.call_tool("create_contact", new_contact)
    return first, await session.call_tool("commit_plan", {"plan": first.structured_content["plan"]["hash"]})


def made(agent, new_contact):
    """Tell how many contacts of this name there are, by asking through the server itself."""
    found = agent.call("find_contacts", name=new_contact["name"]).structured_content["data"]["contacts"]
    return len(found)


def test_a_write_is_planned_and_shown_and_not_done(agent, mcp_transport_and_era, new_contact):
    async def talk(session):
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        return tools["create_contact"], await session.call_tool("create_contact", new_contact)

    tool, answer = agent.talk(talk, "--allow-writes", **mcp_transport_and_era)
    told = answer.structured_content
    jsonschema_rs.validator_for(tool.output_schema).validate(told)
    assert (told["status"], told["needs_approval"], told["data"]) == ("needs_approval", True, None)
    assert new_contact["name"] in told["plan"]["summary"]
    assert len(told["plan"]["hash"]) == 64
    assert f"bizosaas-xero approve {told['plan']['hash'][:12]}" in told["next"]
    assert "Not written" in answer.content[0].text
    assert not agent.sent("PUT", "POST")


def test_a_client_without_elicitation_is_told_the_command_and_a_persons_yes_is_done_once(agent, new_contact):
    async def first(session):
        return await commit(session, new_contact)

    plan, refused = agent.talk(first, "--allow-writes", "--as", "Ann")
    told = refused.structured_content
    assert told["status"] == "needs_approval"
    short = plan.structured_content["plan"]["hash"][:12]
    assert f"bizosaas-xero approve {short}" in refused.content[0].text
    assert not agent.sent("PUT", "POST")
    agent.rule("create_contact", "approval,,,yes")
    agent.person.json("approve", short, "--yes", "--as", "Bob")

    async def then(session):
        return [(await session.call_tool("commit_plan", {"plan": short})).structured_content for _ in range(2)] + [
            (await session.call_tool("create_contact", new_contact)).structured_content
        ]

    done, again, asked_again = agent.talk(then, "--allow-writes", "--as", "Ann")
    assert (done["status"], done["repeated"]) == ("done", False)
    assert again["repeated"]
    assert asked_again["repeated"]
    assert again["data"] == done["data"]
    assert len(agent.sent("PUT")) == 1
    commits = [entry for entry in agent.audit() if entry["kind"] == "commit"]
    assert [(entry["who"], entry["details"]["approver"]) for entry in commits] == [('mcp: "Kit 1.2" for Ann', "Bob")]


def test_a_person_approves_in_the_client_after_seeing_the_plan(agent, mcp_transport_and_era, new_contact):
    ann = Someone("approve")

    async def talk(session):
        return await commit(session, new_contact)

    options = ("--allow-writes", "--as", "Ann")
    plan, done = agent.talk(talk, *options, elicitation_callback=ann, **mcp_transport_and_era)
    assert plan.structured_content["status"] == "needs_approval"
    assert done.structured_content["status"] == "done", done
    assert len(ann.shown) == 1
    shown = ann.shown[0]
    for part in (new_contact["name"], "Demo Company (NZ)", plan.structured_content["plan"]["hash"], "Warnings"):
        assert part in shown.replace("\\", ""), part
    assert made(agent, new_contact) == 1
    entries = agent.audit()
    approval = next(entry for entry in entries if entry["kind"] == "approval")
    assert approval["who"] == "Ann"
    assert all(entry["who"] != "Ann" for entry in entries if entry["kind"] in {"plan", "commit"})


@pytest.mark.parametrize(
    ("era", "answer"),
    [
        (ERAS[0], ("refuse", "accept")),
        (ERAS[1], (None, "decline")),
        (ERAS[0], (None, "accept")),
        (ERAS[1], (None, "cancel")),
    ],
)
def test_only_a_chosen_approve_approves(agent, era, answer, new_contact):
    async def talk(session):
        return await commit(session, new_contact)

    person = Someone(*answer)
    _, second = agent.talk(talk, "--allow-writes", "--as", "Ann", era=era, elicitation_callback=person)
    assert person.shown
    if answer[0] == "refuse":
        assert second.structured_content["error"]["reason"] == "plan_refused"
    else:
        assert second.structured_content["status"] == "needs_approval"
    assert not agent.sent("PUT", "POST")


def test_who_asked_cannot_approve_in_the_client_either(agent, new_contact):
    """Ann asks with the command; an agent asks for exactly the same; Ann says yes in the agent's client."""
    key = new_contact["business_key"]
    given = json.dumps({"name": new_contact["name"]})
    agent.person.json("run", "create_contact", "--params", given, "--business-key", key, "--as", "Ann", "--plan")

    async def talk(session):
        return await commit(session, new_contact)

    _, second = agent.talk(talk, "--allow-writes", "--as", "Ann", elicitation_callback=Someone("approve"))
    assert second.structured_content["error"]["reason"] == "approver_is_requester"
    assert not agent.sent("PUT", "POST")


def test_elicitation_can_be_switched_off(agent, new_contact):
    async def talk(session):
        return await commit(session, new_contact)

    person = Someone("approve")
    options = ("--allow-writes", "--no-elicitation")
    _, second = agent.talk(talk, *options, elicitation_callback=person)
    assert second.structured_content["status"] == "needs_approval"
    assert not person.shown


def test_over_http_nobody_approves_who_is_not_named(agent, new_contact):
    async def talk(session):
        return await commit(session, new_contact)

    person = Someone("approve")
    _, second = agent.talk(talk, "--allow-writes", http=True, elicitation_callback=person)
    assert second.structured_content["status"] == "needs_approval"
    assert not person.shown


# ---------------------------------------------------------------- nothing an agent passes approves

FORGED = (
    {"approve": True},
    {"approver": "Ann"},
    {"decision": "approve"},
    {"requester": "Bob"},
    {"mode": "commit"},
    {"plan_hash": "0" * 64},
)


def test_no_argument_of_an_agent_approves_a_write(agent, new_contact):
    async def talk(session):
        plan = await session.call_tool("create_contact", new_contact)
        named = {"plan": plan.structured_content["plan"]["hash"]}
        refused = [
            await session.call_tool(tool, given | forged)
            for forged in FORGED
            for tool, given in (("create_contact", new_contact), ("commit_plan", named))
        ]
        return refused, await session.call_tool("commit_plan", named)

    refused, last = agent.talk(talk, "--allow-writes", "--as", "Ann")
    assert all(answer.is_error for answer in refused)
    assert {answer.structured_content["error"]["code"] for answer in refused} == {"invalid"}
    assert last.structured_content["status"] == "needs_approval"
    assert not agent.sent("PUT", "POST")


def test_an_answer_to_no_question_of_ours_approves_nothing(agent, new_contact):
    """In the protocol of 2026 answers travel with the call: without our secret, or used again, it is none."""
    yes = {"decision": ElicitResult(action="accept", content={"decision": "approve"})}

    async def retry(session, plan, state):
        return await session.session.call_tool(
            "commit_plan",
            {"plan": plan},
            input_responses=yes,
            request_state=state,
            allow_input_required=True,
        )

    async def question(session, plan):
        return await session.session.call_tool("commit_plan", {"plan": plan}, allow_input_required=True)

    async def talk(session):
        first = (await session.call_tool("create_contact", new_contact)).structured_content["plan"]["hash"]
        second = (
            await session.call_tool("create_contact", new_contact | {"business_key": new_contact["business_key"] + "b"})
        ).structured_content["plan"]["hash"]
        forged = [await retry(session, first, state) for state in (None, "made up", first)]
        asked = await question(session, second)
        other = await retry(session, first, asked.request_state)  # the yes was to another plan
        asked = await question(session, first)
        good = await retry(session, first, asked.request_state)
        used = await retry(session, second, asked.request_state)
        return forged, other, good, used

    async def never(_context, _params):
        raise AssertionError("the client would have asked")

    forged, other, good, used = agent.talk(
        talk, "--allow-writes", "--as", "Ann", era="2026-07-28", elicitation_callback=never
    )
    for answer in (*forged, other, used):
        assert isinstance(answer, InputRequiredResult), answer  # it asks again
    assert good.structured_content["status"] == "done"
    assert len(agent.sent("PUT")) == 1


def test_an_agent_that_calls_itself_the_person_gains_nothing(agent, new_contact):
    async def talk(session):
        return await commit(session, new_contact)

    named = Implementation(name="Ann", version="")
    _, second = agent.talk(talk, "--allow-writes", "--as", "Ann", client_info=named)
    assert second.structured_content["status"] == "needs_approval"
    assert all(entry["who"].startswith("mcp: ") for entry in agent.audit())


# ---------------------------------------------------------------- policy


def test_what_the_policy_lets_run_is_written_at_once_and_once(agent, mcp_transport, new_contact):
    agent.rule("create_contact", "always")

    async def talk(session):
        only = await session.call_tool("create_contact", new_contact | {"plan_only": True})
        done = await session.call_tool("create_contact", new_contact)
        return only, done, await session.call_tool("create_contact", new_contact)

    only, done, again = agent.talk(talk, "--allow-writes", **mcp_transport)
    assert (only.structured_content["status"], only.structured_content["needs_approval"]) == (
        "planned",
        False,
    )
    assert done.structured_content["status"] == "done"
    assert again.structured_content["repeated"]
    assert len(agent.sent("PUT")) == 1


def test_what_the_policy_forbids_is_refused(agent, new_contact):
    agent.rule("create_contact", "never")
    answer = agent.call("create_contact", "--allow-writes", **new_contact)
    assert answer.structured_content["error"]["reason"] == "policy_forbids"


# ---------------------------------------------------------------- loops


def test_the_same_call_again_and_again_is_stopped(agent, mcp_transport):
    async def talk(session):
        answers = [await session.call_tool("list_organisations", {}) for _ in range(4)]
        return answers, await session.call_tool("find_contacts", {"limit": 1})

    answers, other = agent.talk(talk, "--same-calls", "3", **mcp_transport)
    assert [answer.is_error for answer in answers] == [False, False, False, True]
    told = answers[3].structured_content["error"]
    assert (told["code"], told["reason"]) == ("rate_limited", "same_call_repeated")
    assert 0 < told["retry_after"] <= 60
    assert not other.is_error


def test_writes_of_an_hour_are_bounded_whatever_process_they_come_from(agent, new_contact):
    agent.rule("create_contact", "always")
    options = ("--allow-writes", "--writes-per-hour", "1")
    first = agent.call("create_contact", *options, **new_contact)
    assert first.structured_content["status"] == "done"
    another = {"name": f"{new_contact['name']} and Sons", "business_key": f"{new_contact['business_key']}-2"}
    second = agent.call("create_contact", *options, **another)
    assert second.structured_content["error"]["reason"] == "too_many_writes"
    given = json.dumps({"name": another["name"]})
    done = agent.person.json("run", "create_contact", "--params", given, "--business-key", "person-1")
    assert done["status"] == "done"  # people are not agents


def test_plans_cannot_pile_up_before_a_person(agent, new_contact):
    options = ("--allow-writes", "--plans-waiting", "2")

    async def talk(session):
        return [
            await session.call_tool(
                "create_contact",
                {"name": f"{new_contact['name']} {n}", "business_key": f"{new_contact['business_key']}-{n}"},
            )
            for n in range(3)
        ]

    answers = agent.talk(talk, *options)
    assert [answer.is_error for answer in answers] == [False, False, True]
    assert answers[2].structured_content["error"]["reason"] == "too_many_plans"
