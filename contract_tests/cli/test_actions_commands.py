"""``actions``, ``run`` and ``audit``: for people, for programs, and as agent frameworks take them."""

from __future__ import annotations

import hashlib
import json
import re
import stat

import jsonschema_rs
import pytest
from pydantic import TypeAdapter

from bizosaas_xero.sandbox import serve
from contract_tests.cli.conftest import Quick

NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
"""What both vendors take as a tool's name."""


@pytest.fixture(scope="module")
def box():
    with serve(invoices=40, seed=6, limits=False) as running:
        yield running


@pytest.fixture(scope="module")
def sandbox(box):
    """A sandbox of our own: these tests write to it."""
    return box.info


@pytest.fixture
def quick(quick):
    """A person whose calls do not wait for Xero's limit a minute."""
    quick.environ["XERO_CALLS_PER_MINUTE"] = "0"
    return quick


@pytest.fixture
def stranger(tmp_path):
    """A person without a sandbox and without credentials, in this process."""
    return Quick(tmp_path / "home")


@pytest.fixture
def store(box):
    return box.sandbox.store(box.info["organisations"][0]["id"])


@pytest.fixture
def invoice(store):
    """Return the parameters of a draft."""
    wanted = {"ContactStatus": "ACTIVE", "DefaultCurrency": store.currency}
    rows = store.rows("Contacts")
    customer = next(row for row in rows if all(row.get(n) == v for n, v in wanted.items()))

    def params(**changes):
        line = {"description": "Advice", "quantity": 2, "unit_amount": 150.00, "account": "200"}
        given = {"contact": {"id": customer["ContactID"]}, "lines": [line], "value_is": "net"}
        return json.dumps(given | {"due_date": "2030-12-20"} | changes)

    return params


# ------------------------------------------------------------ actions


def listed(stranger, form, name=None):
    done = stranger.run("actions", *([name] if name else []), "--format", form)
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def test_the_list_and_one_in_detail_for_a_person(stranger):
    shown = stranger.run("actions").stdout
    assert re.search(r"create_invoice +writes", shown)
    assert re.search(r"generate_pnl_report +reads", shown)
    one = stranger.run("actions", "create_invoice").stdout
    assert re.search(r"contact +yes", one)
    assert "Plan first" in one
    assert stranger.json("actions", "fly", code=2)["error"]["reason"] == "unknown_action"


def test_json_is_what_the_hook_gives(stranger):
    found = listed(stranger, "json")
    assert found == stranger.json("actions")
    for action in found:
        jsonschema_rs.meta.validate(action["params"])
        jsonschema_rs.meta.validate(action["result"])


def test_openai_takes_the_tools(stranger):
    from openai.types.chat import ChatCompletionFunctionToolParam
    from openai.types.responses import FunctionToolParam

    chat, responses = listed(stranger, "openai"), listed(stranger, "openai-responses")
    assert TypeAdapter(list[ChatCompletionFunctionToolParam]).validate_python(chat, strict=True)
    assert TypeAdapter(list[FunctionToolParam]).validate_python(responses, strict=True)
    assert [tool["function"] for tool in chat] == [
        {key: value for key, value in tool.items() if key != "type"} for tool in responses
    ]
    for tool in responses:
        assert tool["strict"] is False, "strict tools must require every property"
        known(tool["name"], tool["description"], tool["parameters"])


def test_anthropic_takes_the_tools(stranger):
    from anthropic.types import ToolParam

    tools = listed(stranger, "anthropic")
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


def test_json_schema_is_a_map_and_fits_what_the_action_takes(stranger, invoice):
    schemas = listed(stranger, "json-schema")
    assert set(schemas) == {action["name"] for action in listed(stranger, "json")}
    jsonschema_rs.validate(schemas["create_invoice"], json.loads(invoice()))
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(schemas["create_invoice"], {"lines": []})
    assert set(listed(stranger, "json-schema", "get_invoice")) == {"get_invoice"}


# ------------------------------------------------------------ run


def test_a_read_prints_its_markdown_or_a_table(quick):
    report = {"from_date": "2026-08-01", "to_date": "2026-08-31", "formats": ["markdown"]}
    done = quick.run("run", "generate_pnl_report", "--params", json.dumps(report))
    assert done.returncode == 0
    assert "| " in done.stdout
    assert "**" in done.stdout or "#" in done.stdout, "the Markdown itself, for a file"
    shown = quick.run("run", "get_organisation").stdout
    assert re.search(r"Base currency +NZD", shown)
    found = quick.json("run", "find_contacts", "--params", '{"limit": 3}')
    assert (found["status"], len(found["data"]["contacts"]), found["calls"] > 0) == ("done", 3, True)
    identifier = found["data"]["contacts"][0]["contact_id"]
    assert identifier in quick.run("run", "find_contacts", "--params", '{"limit": 3}').stdout
    assert quick.json("run", "get_organisation", "--plan")["status"] == "planned"


def test_params_come_from_the_line_a_file_or_standard_input(quick, tmp_path):
    file = tmp_path / "p.json"
    file.write_text('{"limit": 2}', encoding="utf-8")
    for given, stdin in (('{"limit": 2}', ""), (f"@{file}", ""), ("-", '{"limit": 2}')):
        found = quick.json("run", "find_contacts", "--params", given, given=stdin)
        assert len(found["data"]["contacts"]) == 2


@pytest.mark.parametrize("params", ["{", "[]", "@nowhere.json", "NaN", '"x"', "[" * 100_000, '{"limit": NaN}'])
def test_wrong_params_are_named(quick, params):
    problem = quick.json("run", "find_contacts", "--params", params, code=2)["error"]
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
def test_what_cannot_be_run(quick, args, reason):
    assert quick.json("run", *args, code=2)["error"]["reason"] == reason
    assert quick.run("run", *args).stderr


def test_a_draft_runs_by_itself_once(quick, invoice, store):
    words = ("run", "create_invoice", "--params", invoice(reference="draft-1"), "--business-key", "draft-1")
    first = quick.json(*words)
    assert (first["status"], first["repeated"], first["data"]["status"]) == ("done", False, "DRAFT")
    again = quick.json(*words)
    assert (again["repeated"], again["data"], again["calls"]) == (True, first["data"], first["calls"])
    assert len([row for row in store.rows("Invoices") if row.get("Reference") == "draft-1"]) == 1
    assert "Already done; showing the earlier result." in quick.run(*words).stdout
    other = ("run", "create_invoice", "--params", invoice(reference="x"), "--business-key", "draft-1")
    assert quick.json(*other, code=4)["error"]["reason"] == "business_key_reused"


def test_amounts_keep_their_digits_from_the_line_to_the_plan(quick, invoice):
    line = '{"description": "x", "quantity": 1, "unit_amount": 12345678901234.5678, "account": "200"}'
    params = re.sub(r'"lines": \[.*?\]', f'"lines": [{line}]', invoice())
    plan = quick.json("run", "create_invoice", "--params", params, "--plan")["plan"]
    assert plan["params"]["lines"][0]["unit_amount"] == "12345678901234.5678"
    assert "12345678901234.5678" in json.dumps(plan["requests"])


def test_a_plan_is_shown_with_what_comes_next(quick, invoice):
    done = quick.run("run", "create_invoice", "--params", invoice(status="authorised"), "--plan", "--as", "agent")
    assert done.returncode == 0
    assert "Effect on the books" in done.stdout
    assert re.search(r"bizosaas-xero approve [0-9a-f]{12}\n", done.stdout)
    done = quick.run("run", "create_invoice", "--params", invoice(status="authorised"), "--as", "agent")
    assert done.returncode == 3
    assert "a person must approve it first" in done.stdout
    free = quick.run("run", "create_invoice", "--params", invoice(reference="free"), "--plan")
    command = re.search(r"bizosaas-xero (run create_invoice --commit \w+ --organisation \S+)", free.stdout)[1]
    assert quick.run(*command.split()).returncode == 0


def test_never_is_refused_with_the_reason(quick, invoice):
    quick.json("configure", "--policy", "create_invoice=never")
    problem = quick.json("run", "create_invoice", "--params", invoice(), code=3)["error"]
    assert problem["reason"] == "policy_forbids"
    assert "configure --policy" in problem["remedy"]


def test_what_is_not_possible_now_is_said_without_a_wrong_command(quick, box):
    box.sandbox.faults.add("rate_limit", problem="day", retry_after=4000)
    done = quick.run("run", "find_contacts")
    box.sandbox.faults.clear()
    assert done.returncode == 4
    assert "Run the same command again in 4000 s." in done.stderr
    assert "bizosaas-xero sync" not in done.stderr


# ------------------------------------------------------------ policies


def test_policies_are_told_in_words(quick):
    for rule, words in (
        ("always,500,2000", "runs by itself, at most 500, a day at most 2000, above that a person is asked"),
        ("approval,,,yes", "needs a person's approval, --yes is enough"),
        ("approval,500", "needs a person's approval, at most 500"),
        ("never", "never runs"),
    ):
        shown = quick.run("configure", "--policy", f"create_invoice={rule}", COLUMNS="160").stdout
        assert words in shown
    assert quick.json("configure", "--plan-hours", "2")["connections"][0]["plan_hours"] == 2
    assert quick.json("configure", "--plan-hours", "")["connections"][0]["plan_hours"] == 24
    for wrong in ("0", "721", "x", "-1", "²"):
        assert quick.json("configure", "--plan-hours", wrong, code=2)["error"]["reason"] == "bad_configuration"
    for wrong in ("always,,,yes", "approval,,,no", "approval,1,2,3,yes"):
        problem = quick.json("configure", "--policy", f"create_invoice={wrong}", code=2)["error"]
        assert problem["reason"] == "bad_configuration"


# ------------------------------------------------------------ audit


@pytest.fixture
def lived(quick, invoice):
    """A person who ran three actions."""
    quick.json("run", "get_organisation", "--as", "agent")
    quick.json("run", "create_invoice", "--params", invoice(reference="a"), "--business-key", "a", "--as", "agent")
    quick.json("run", "get_invoice", "--params", '{"invoice": "nothing"}', code=2)
    return quick


def test_the_audit_is_shown_and_filtered(lived):
    shown = lived.run("audit", COLUMNS="160").stdout
    for part in ("get_organisation", "create_invoice", "agent", "result", "a; done"):
        assert part in shown
    kinds = [entry["kind"] for entry in lived.json("audit")["entries"]]
    assert kinds == ["read", "plan", "commit", "result", "error"]
    organisation = lived.sandbox["organisations"][0]["id"]
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
        assert len(lived.json("audit", *args)["entries"]) == count, args
    assert lived.run("audit", "--action", "fly").stdout.strip() == "No matching entries."
    assert lived.json("audit", "--since", "yesterday", code=2)["error"]["problems"][0]["field"] == "since"
    assert lived.json("audit", "--noted", "1:x", code=2)["error"]["problems"][0]["field"] == "noted"
    assert lived.json("audit", "--verify", "--noted", "1:x", code=2)["error"]["reason"] == "bad_head"


def test_an_export_can_be_verified_without_our_code(lived, tmp_path):
    file = tmp_path / "audit.jsonl"
    assert lived.json("audit", "--export", str(file), "--limit", "1")["entries"] == 5, "all of it"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = "0" * 64
    for line in file.read_text(encoding="ascii").splitlines():
        entry = json.loads(line)
        hashed = entry.pop("hash")
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
        assert entry["previous"] == before
        assert hashlib.sha256(text.encode()).hexdigest() == hashed
        before = hashed
    assert lived.json("audit", "--head")["hash"] == before
    missing = tmp_path / "no" / "file"
    assert lived.json("audit", "--export", str(missing), code=3)["error"]["reason"] == "file_unwritable"


def test_verify_names_what_was_touched_and_a_noted_head_what_was_cut(lived):
    import sqlite3

    head = lived.run("audit", "--head").stdout.strip()
    assert lived.json("audit", "--verify", "--noted", head)["ok"]
    assert "The hash chain of 5 entries is intact" in lived.run("audit", "--verify").stdout
    database = lived.json("status")["database"]

    def change(statement):
        with sqlite3.connect(database) as raw:
            for verb in ("update", "delete"):
                raw.execute(f"DROP TRIGGER IF EXISTS host_audit_{verb}")
            raw.execute(statement)
        raw.close()

    change("DELETE FROM host_audit WHERE seq = 5")
    assert lived.json("audit", "--verify")["ok"], "a chain alone cannot show this"
    assert lived.json("audit", "--verify", "--noted", head, code=3)["broken"] == 5
    change("UPDATE host_audit SET content = replace(content, 'agent', 'Agent') WHERE seq = 2")
    found = lived.json("audit", "--verify", code=3)
    assert (found["ok"], found["broken"], found["why"]) == (False, 2, "its content was changed")
    assert "broken at entry 2" in lived.run("audit", "--verify").stdout


def test_no_secret_is_in_the_audit(lived):
    text = json.dumps(lived.json("audit", "--limit", "0"))
    for secret in (lived.environ["XERO_CLIENT_SECRET"], "refresh_token", "access_token", "Bearer"):
        assert secret not in text
