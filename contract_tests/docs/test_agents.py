"""The pages about agents: what they name exists, and what they show is accepted."""

from __future__ import annotations

import json
import re

import pytest

from contract_tests.docs.pages import PACKAGE, ROOT, read, rows, section
from contract_tests.docs.test_hooks import examples, run

SERVER = [*PACKAGE.glob("adapters/mcp/*.py"), PACKAGE / "host" / "actions" / "agent_limits.py"]


def named_tests():
    return set(
        re.findall(
            r"^def (test_\w+)",
            "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "contract_tests").rglob("test_*.py")),
            re.MULTILINE,
        )
    )


def test_what_stops_a_threat_is_proved_by_a_test_that_exists():
    table = rows(section(read("threats.md"), "What stops what", 2))[1:]
    assert len(table) > 15
    there = named_tests()
    for threat, _, proofs in table:
        named = re.findall(r"`(\w+)`", proofs)
        assert named, threat
        assert set(named) <= there, (threat, set(named) - there)


def test_every_reason_of_the_server_is_told():
    text = "".join(path.read_text(encoding="utf-8") for path in SERVER)
    known = read("agents.md") + read("errors.md")
    # told where they are made: a connection that is missing, a program's fault, a clash of two connectors
    elsewhere = {"not_connected", "unexpected", "tool_name_taken"}
    for reason in set(re.findall(r'reason="(\w+)"', text)) - elsewhere:
        assert f"`{reason}`" in known, reason


def test_the_bounds_that_are_told_are_those_of_the_command():
    import typer.main

    from bizosaas_xero.adapters.mcp.http import MIN_TOKEN_LENGTH
    from bizosaas_xero.cli.app import app

    defaults = {each.name: each.default for each in typer.main.get_command(app).commands["mcp"].params}
    told = " ".join(read("agents.md").split())
    for sentence, holds in (
        ("The same call 10 times within a minute", defaults["same_calls"] == 10),
        ("60 writes of agents to an organisation within an hour", defaults["writes_per_hour"] == 60),
        ("20 plans of an organisation wait", defaults["plans_waiting"] == 20),
        ("`http://127.0.0.1:8379/mcp`", (defaults["host"], defaults["port"]) == ("127.0.0.1", 8379)),
        ("at least 32 characters", MIN_TOKEN_LENGTH == 32),
    ):
        assert sentence in told
        assert holds, sentence


def test_the_configurations_that_are_shown_are_accepted(monkeypatch):
    found = re.search(r"^```json\n(.*?)^```", read("agents.md"), re.MULTILINE | re.DOTALL)
    server = json.loads(found[1])["mcpServers"]["xero"]
    assert (server["command"], server["args"]) == ("bizosaas-xero", ["mcp"])
    types = pytest.importorskip("openai.types.responses.tool")
    monkeypatch.setenv("BIZOSAAS_MCP_TOKEN", "t" * 40)
    names = {}
    run(examples("agents.md")[:1], names, "agents.md")
    assert types.Mcp.model_validate(names["tool"]).authorization == "t" * 40
