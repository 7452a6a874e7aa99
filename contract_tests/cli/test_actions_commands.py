"""``actions``, ``run`` and ``audit``: for people, for programs, and as agent frameworks take them."""

from __future__ import annotations

import hashlib
import json
import re
import stat

import jsonschema_rs
import pytest
from pydantic import TypeAdapter

pytestmark = pytest.mark.xero_sandbox(invoices=40, seed=6)

NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
"""What both vendors take as a tool's name."""


@pytest.fixture
def organisation_store(shared_sandbox_server):
    return shared_sandbox_server.sandbox.store(shared_sandbox_server.info["organisations"][0]["id"])


@pytest.fixture
def draft_params(organisation_store):
    """Return the parameters of a draft."""
    wanted = {"ContactStatus": "ACTIVE", "DefaultCurrency": organisation_store.currency}
    rows = organisation_store.rows("Contacts")
    customer = next(row for row in rows if all(row.get(n) == v for n, v in wanted.items()))

    def params(**changes):
        line = {"description": "Advice", "quantity": 2, "unit_amount": 150.00, "account": "200"}
        given = {"contact": {"id": customer["ContactID"]}, "lines": [line], "value_is": "net"}
        return json.dumps(given | {"due_date": "2030-12-20"} | changes)

    return params


# ------------------------------------------------------------ actions


def listed(in_process_stranger, form, name=None):
    done = in_process_stranger.run("actions", *([name] if name else []), "--format", form)
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def test_the_list_and_one_in_detail_for_a_person(in_process_stranger):
    shown = in_process_stranger.run("actions").stdout
    assert re.search(r"create_invoice +writes", shown)
    assert re.search(r"generate_pnl_report +reads", shown)
    one = in_process_stranger.run("actions", "create_invoice").stdout
    assert re.search(r"contact +yes", one)
    assert "Plan first" in one
    assert in_process_stranger.json("actions", "fly", code=2)["error"]["reason"] == "unknown_action"


def test_json_is_what_the_hook_gives(in_process_stranger):
    found = listed(in_process_stranger, "json")
    assert found == in_process_stranger.json("actions")
    for action in found:
        jsonschema_rs.meta.validate(action["params"])
        jsonschema_rs.meta.validate(action["result"])


def test_openai_takes_the_tools(in_process_stranger):
    from openai.types.chat import ChatCompletionFunctionToolParam
    from openai.types.responses import FunctionToolParam

    chat, responses = listed(in_process_stranger, "openai"), listed(in_process_stranger, "openai-responses")
    assert TypeAdapter(list[ChatCompletionFunctionToolParam]).validate_python(chat, strict=True)
    assert TypeAdapter(list[FunctionToolParam]).validate_python(responses, strict=True)
    assert [tool["function"] for tool in chat] == [
        {key: value for key, value in tool.items() if key != "type"} for tool in responses
    ]
    for tool in responses:
        assert tool["strict"] is False, "strict tools must require every property"
        known(tool["name"], tool["description"], tool["parameters"])


def test_anthropic_takes_the_tools(in_process_stranger):
    from anthropic.types import ToolParam

    tools = listed(in_process_stranger, "anthropic")
    assert TypeAdapter(list[ToolParam]).validate_python(tools)
    for tool in tools:
        assert set(tool) == {"name", "description", "input_schema"}
        known(tool["name"], tool["description"], tool["input_schema"])


def known(name, description, schema):
    """Check what no type of the SDKs says and their services refuse."""
    assert NAME.match(name)
    assert 0 < len(description) <= 1024
    assert schema["type"] == "object"
    assert isinstance(schema["properties"], dict)
    assert not {"oneOf", "anyOf", "allOf", "enum", "not"} & set(schema), "none of these at the top"
    jsonschema_rs.meta.validate(schema)


def test_json_schema_is_a_map_and_fits_what_the_action_takes(in_process_stranger, draft_params):
    schemas = listed(in_process_stranger, "json-schema")
    assert set(schemas) == {action["name"] for action in listed(in_process_stranger, "json")}
    jsonschema_rs.validate(schemas["create_invoice"], json.loads(draft_params()))
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(schemas["create_invoice"], {"lines": []})
    assert set(listed(in_process_stranger, "json-schema", "get_invoice")) == {"get_invoice"}


# ------------------------------------------------------------ run


def test_a_read_prints_its_markdown_or_a_table(in_process_person):
    report = {"from_date": "2026-08-01", "to_date": "2026-08-31", "formats": ["markdown"]}
    done = in_process_person.run("run", "generate_pnl_report", "--params", json.dumps(report))
    assert done.returncode == 0
    assert "| " in done.stdout
    assert "**" in done.stdout or "#" in done.stdout, "the Markdown itself, for a file"
    shown = in_process_person.run("run", "get_organisation").stdout
    assert re.search(r"Base currency +NZD", shown)
    found = in_process_person.json("run", "find_contacts", "--params", '{"limit": 3}')
    assert (found["status"], len(found["data"]["contacts"]), found["calls"] > 0) == ("done", 3, True)
    identifier = found["data"]["contacts"][0]["contact_id"]
    assert identifier in in_process_person.run("run", "find_contacts", "--params", '{"limit": 3}').stdout
    assert in_process_person.json("run", "get_organisation", "--plan")["status"] == "planned"


def test_params_come_from_the_line_a_file_or_standard_input(in_process_person, tmp_path):
    file = tmp_path / "p.json"
    file.write_text('{"limit": 2}', encoding="utf-8")
    for given, stdin in (('{"limit": 2}', ""), (f"@{file}", ""), ("-", '{"limit": 2}')):
        found = in_process_person.json("run", "find_contacts", "--params", given, given=stdin)
        assert len(found["data"]["contacts"]) == 2


@pytest.mark.parametrize("params", ["{", "[]", "@nowhere.json", "NaN", '"x"', "[" * 100_000, '{"limit": NaN}'])
def test_wrong_params_are_named(in_process_person, params):
    problem = in_process_person.json("run", "find_contacts", "--params", params, code=2)["error"]
    assert problem["reason"] == "invalid"
    assert problem["problems"][0]["field"].startswith("params")


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("fly",), "unknown_action"),
        (("find_contacts", "--commit", "0" * 64), "unknown_plan"),
        (("create_invoice", "--commit", "123"), "hash_too_short"),
        (("create_invoice", "--plan", "--commit", "0" * 64), "invalid"),
        (("find_contacts", "--organisation", "Nobody"), "unknown_organisation"),
        (("find_contacts", "--as", "\x1b[2J"), "bad_name"),
        (("create_invoice", "--params", "{}"), "invalid"),
        (("create_invoice", "--params", "{}", "--business-key", ""), "bad_name"),
    ],
)
def test_what_cannot_be_run(in_process_person, args, reason):
    assert in_process_person.json("run", *args, code=2)["error"]["reason"] == reason
    assert in_process_person.run("run", *args).stderr


def test_a_draft_runs_by_itself_once(in_process_person, draft_params, organisation_store):
    words = ("run", "create_invoice", "--params", draft_params(reference="draft-1"), "--business-key", "draft-1")
    first = in_process_person.json(*words)
    assert (first["status"], first["repeated"], first["data"]["status"]) == ("done", False, "DRAFT")
    again = in_process_person.json(*words)
    assert (again["repeated"], again["data"], again["calls"]) == (True, first["data"], first["calls"])
    assert len([row for row in organisation_store.rows("Invoices") if row.get("Reference") == "draft-1"]) == 1
    assert "Already done; showing the earlier result." in in_process_person.run(*words).stdout
    other = ("run", "create_invoice", "--params", draft_params(reference="x"), "--business-key", "draft-1")
    assert in_process_person.json(*other, code=4)["error"]["reason"] == "business_key_reused"


def test_amounts_keep_their_digits_from_the_line_to_the_plan(in_process_person, draft_params):
    line = '{"description": "x", "quantity": 1, "unit_amount": 12345678901234.5678, "account": "200"}'
    params = re.sub(r'"lines": \[.*?\]', f'"lines": [{line}]', draft_params())
    plan = in_process_person.json("run", "create_invoice", "--params", params, "--plan")["plan"]
    assert plan["params"]["lines"][0]["unit_amount"] == "12345678901234.5678"
    assert "12345678901234.5678" in json.dumps(plan["requests"])


def test_a_plan_is_shown_with_what_comes_next(in_process_person, draft_params):
    done = in_process_person.run(
        "run", "create_invoice", "--params", draft_params(status="authorised"), "--plan", "--as", "agent"
    )
    assert done.returncode == 0
    assert "Effect on the books" in done.stdout
    assert re.search(r"bizosaas-xero approve [0-9a-f]{12}\n", done.stdout)
    done = in_process_person.run(
        "run", "create_invoice", "--params", draft_params(status="authorised"), "--as", "agent"
    )
    assert done.returncode == 3
    assert "a person must approve it first" in done.stdout
    free = in_process_person.run("run", "create_invoice", "--params", draft_params(reference="free"), "--plan")
    command = re.search(r"bizosaas-xero (run create_invoice --commit \w+ --organisation \S+)", free.stdout)[1]
    assert in_process_person.run(*command.split()).returncode == 0


def test_never_is_refused_with_the_reason(in_process_person, draft_params):
    in_process_person.json("configure", "--policy", "create_invoice=never")
    problem = in_process_person.json("run", "create_invoice", "--params", draft_params(), code=3)["error"]
    assert problem["reason"] == "policy_forbids"
    assert "configure --policy" in problem["remedy"]


def test_what_is_not_possible_now_is_said_without_a_wrong_command(in_process_person, shared_sandbox_server):
    shared_sandbox_server.sandbox.faults.add("rate_limit", problem="day", retry_after=4000)
    done = in_process_person.run("run", "find_contacts")
    shared_sandbox_server.sandbox.faults.clear()
    assert done.returncode == 4
    assert "Run the same command again in 4000 s." in done.stderr
    assert "bizosaas-xero sync" not in done.stderr


# ------------------------------------------------------------ policies


def test_policies_are_told_in_words(in_process_person):
    for rule, words in (
        ("always,500,2000", "runs by itself, at most 500, a day at most 2000, above that a person is asked"),
        ("approval,,,yes", "needs a person's approval, --yes is enough"),
        ("approval,500", "needs a person's approval, at most 500"),
        ("never", "never runs"),
    ):
        shown = in_process_person.run("configure", "--policy", f"create_invoice={rule}", COLUMNS="160").stdout
        assert words in shown
    assert in_process_person.json("configure", "--plan-hours", "2")["connections"][0]["plan_hours"] == 2
    assert in_process_person.json("configure", "--plan-hours", "")["connections"][0]["plan_hours"] == 24
    for wrong in ("0", "721", "x", "-1", "²"):
        assert (
            in_process_person.json("configure", "--plan-hours", wrong, code=2)["error"]["reason"] == "bad_configuration"
        )
    for wrong in ("always,,,yes", "approval,,,no", "approval,1,2,3,yes"):
        problem = in_process_person.json("configure", "--policy", f"create_invoice={wrong}", code=2)["error"]
        assert problem["reason"] == "bad_configuration"


# ------------------------------------------------------------ audit


@pytest.fixture
def person_with_history(in_process_person, draft_params):
    """A person who ran three actions."""
    in_process_person.json("run", "get_organisation", "--as", "agent")
    in_process_person.json(
        "run", "create_invoice", "--params", draft_params(reference="a"), "--business-key", "a", "--as", "agent"
    )
    in_process_person.json("run", "get_invoice", "--params", '{"invoice": "nothing"}', code=2)
    return in_process_person


def test_the_audit_is_shown_and_filtered(person_with_history):
    shown = person_with_history.run("audit", COLUMNS="160").stdout
    for part in ("get_organisation", "create_invoice", "agent", "result", "a; done"):
        assert part in shown
    kinds = [entry["kind"] for entry in person_with_history.json("audit")["entries"]]
    assert kinds == ["read", "plan", "commit", "result", "error"]
    organisation = person_with_history.sandbox["organisations"][0]["id"]
    for args, count in (
        (("--action", "create_invoice"), 3),
        (("--key", "a"), 3),
        (("--limit", "2"), 2),
        (("--limit", "0"), 5),
        (("--since", "2020-01-01"), 5),
        (("--since", "2999-01-01T00:00+13:00"), 0),
        (("--organisation", organisation), 5),
        (("--action", "fly"), 0),
    ):
        assert len(person_with_history.json("audit", *args)["entries"]) == count, args
    assert person_with_history.run("audit", "--action", "fly").stdout.strip() == "No matching entries."
    assert person_with_history.json("audit", "--since", "yesterday", code=2)["error"]["problems"][0]["field"] == "since"
    assert person_with_history.json("audit", "--noted", "1:x", code=2)["error"]["problems"][0]["field"] == "noted"
    assert person_with_history.json("audit", "--verify", "--noted", "1:x", code=2)["error"]["reason"] == "bad_head"


def test_an_export_can_be_verified_without_our_code(person_with_history, tmp_path):
    file = tmp_path / "audit.jsonl"
    assert person_with_history.json("audit", "--export", str(file), "--limit", "1")["entries"] == 5, "all of it"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = "0" * 64
    for line in file.read_text(encoding="ascii").splitlines():
        entry = json.loads(line)
        hashed = entry.pop("hash")
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
        assert entry["previous"] == before
        assert hashlib.sha256(text.encode()).hexdigest() == hashed
        before = hashed
    assert person_with_history.json("audit", "--head")["hash"] == before
    missing = tmp_path / "no" / "file"
    assert person_with_history.json("audit", "--export", str(missing), code=3)["error"]["reason"] == "file_unwritable"


def test_verify_names_what_was_touched_and_a_noted_head_what_was_cut(person_with_history):
    import sqlite3

    head = person_with_history.run("audit", "--head").stdout.strip()
    assert person_with_history.json("audit", "--verify", "--noted", head)["ok"]
    assert "The hash chain of 5 entries is intact" in person_with_history.run("audit", "--verify").stdout
    database = person_with_history.json("status")["database"]

    def change(statement):
        with sqlite3.connect(database) as raw:
            for verb in ("update", "delete"):
                raw.execute(f"DROP TRIGGER IF EXISTS host_audit_{verb}")
            raw.execute(statement)
        raw.close()

    change("DELETE FROM host_audit WHERE seq = 5")
    assert person_with_history.json("audit", "--verify")["ok"], "a chain alone cannot show this"
    assert person_with_history.json("audit", "--verify", "--noted", head, code=3)["broken"] == 5
    change("UPDATE host_audit SET content = replace(content, 'agent', 'Agent') WHERE seq = 2")
    found = person_with_history.json("audit", "--verify", code=3)
    assert (found["ok"], found["broken"], found["why"]) == (False, 2, "its content was changed")
    assert "broken at entry 2" in person_with_history.run("audit", "--verify").stdout


def test_no_secret_is_in_the_audit(person_with_history):
    text = json.dumps(person_with_history.json("audit", "--limit", "0"))
    for secret in (person_with_history.environ["XERO_CLIENT_SECRET"], "refresh_token", "access_token", "Bearer"):
        assert secret not in text
