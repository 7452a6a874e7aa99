"""The door of HTTP, how a server stops, and what stdout carries."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import httpx
import pytest

from contract_tests.helpers.agents import TOKEN

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "raw", "version": "1"},
    },
}
GOOD = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json, text/event-stream"}


@pytest.fixture
def mcp_url(agent):
    with agent.http("--allow-origin", "https://tool.example") as (url, _):
        yield url


def test_only_the_token_of_this_server_opens_the_door(mcp_url):
    def ask(**headers):
        return httpx.post(mcp_url, json=HELLO, headers=GOOD | headers)

    assert ask().status_code == 200
    for refused in ("", "Bearer", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN):
        answer = ask(Authorization=refused)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), refused
        assert answer.json()["error"]["reason"] == "token_refused"
        assert TOKEN not in answer.text
    assert httpx.get(mcp_url, headers={"Accept": "text/event-stream"}).status_code == 401
    assert httpx.delete(mcp_url).status_code == 401
    assert httpx.get(mcp_url.replace("/mcp", "/")).status_code == 401


def test_a_foreign_page_and_a_rebound_name_are_refused(mcp_url):
    port = mcp_url.split(":")[2].split("/")[0]

    def status(**headers):
        return httpx.post(mcp_url, json=HELLO, headers=GOOD | headers).status_code

    assert status(Origin="https://evil.example") == 403
    assert status(Origin="null") == 403
    assert status(Origin=f"http://localhost:{port}") == 403  # another local page is foreign, too
    assert status(Origin="https://tool.example") == 200
    assert status(Host="evil.example") == 421
    assert status(Host=f"evil.example:{port}") == 421
    assert status(Host=f"127.0.0.1:{port}.evil.example") == 421
    assert status(Host="127.0.0.1:1") == 421
    assert status(Host=f"localhost:{port}") == 200


def test_http_needs_a_token_that_is_long_and_private(agent, tmp_path):
    def reason(*options, **environ):
        done = agent.person.run("mcp", "--http", "--port", "0", "--json", *options, **environ)
        assert done.returncode != 0
        return json.loads(done.stdout)["error"]["reason"]

    assert reason() == "mcp_token"
    assert reason(BIZOSAAS_MCP_TOKEN="short") == "mcp_token"
    file = tmp_path / "token"
    assert reason("--token-file", str(file)) == "mcp_token"
    file.write_text(TOKEN)
    file.chmod(0o644)
    assert reason("--token-file", str(file)) == "mcp_token"
    file.write_bytes(b"\xff" * 40)
    file.chmod(0o600)
    assert reason("--token-file", str(file)) == "mcp_token"
    remote = reason("--host", "0.0.0.0", BIZOSAAS_MCP_TOKEN=TOKEN)  # noqa: S104 - it is refused
    assert remote == "bad_configuration"


def test_a_token_comes_from_a_private_file(agent, tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    with agent.http("--token-file", str(file), token="") as (url, process):
        assert httpx.post(url, json=HELLO, headers=GOOD).status_code == 200
        with open(f"/proc/{process.pid}/cmdline", "rb") as arguments:  # noqa: PTH123
            assert TOKEN.encode() not in arguments.read()


def test_a_port_that_is_taken_is_named(agent, mcp_url):
    port = mcp_url.split(":")[2].split("/")[0]
    done = agent.person.run("mcp", "--http", "--json", "--port", port, BIZOSAAS_MCP_TOKEN=TOKEN)
    assert json.loads(done.stdout)["error"]["reason"] == "port_taken"


# ---------------------------------------------------------------- stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stdio_server_stops_cleanly_while_a_client_is_connected(agent, number):
    process = agent.person.start("mcp")
    process.stdin.write(json.dumps(HELLO) + "\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["result"]["serverInfo"]["name"] == "bizosaas-xero"
    begun = time.monotonic()
    process.send_signal(number)
    assert process.wait(10) == 0
    assert time.monotonic() - begun < 5
    assert process.communicate() == ("", "")


def test_a_stdio_server_ends_when_its_client_leaves(agent):
    process = agent.person.start("mcp")
    out, err = process.communicate("", timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


def test_an_http_server_stops_while_a_stream_is_open(agent):
    with agent.http() as (url, process):
        session = httpx.post(url, json=HELLO, headers=GOOD).headers["mcp-session-id"]
        headers = GOOD | {"mcp-session-id": session, "Accept": "text/event-stream"}
        with httpx.stream("GET", url, headers=headers, timeout=20) as stream:
            assert stream.status_code == 200
            process.send_signal(signal.SIGINT)
            assert process.wait(15) == 0


def test_a_write_that_has_begun_is_finished_before_the_server_stops(agent):
    agent.rule("create_contact", "always")
    agent.person.fault("latency", seconds=2, match={"method": "PUT", "path": "Contacts"})
    process = agent.person.start("mcp", "--allow-writes")
    given = {"name": "Stopped Ltd", "business_key": "stopped-1"}
    call = {"name": "create_contact", "arguments": given}
    for message in (
        HELLO,
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call},
    ):
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
    while not agent.sent("PUT"):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    _, err = process.communicate()
    kinds = [entry["kind"] for entry in agent.audit()]
    assert kinds[-2:] == ["commit", "result"], err


# ---------------------------------------------------------------- stdout


def test_stdout_carries_the_protocol_alone(agent):
    """Whatever goes wrong before or while serving is said on stderr."""
    messages = [HELLO, {"nonsense": True}, "not JSON", {"jsonrpc": "2.0", "id": 7, "method": "no/such"}]
    lines = [each if isinstance(each, str) else json.dumps(each) for each in messages]
    process = agent.person.start("--debug", "mcp")
    process.stdin.write("\n".join(lines) + "\n")
    process.stdin.flush()
    answers = [json.loads(process.stdout.readline()) for _ in range(2)]
    out, _ = process.communicate(timeout=20)
    answers += map(json.loads, out.splitlines())
    assert all(answer["jsonrpc"] == "2.0" for answer in answers)
    assert {answer["id"] for answer in answers if "id" in answer} >= {1, 7}


def test_what_is_wrong_before_serving_is_said_on_stderr(stranger):
    done = subprocess.run(  # noqa: S603 (our own command)
        [*stranger.choose_command(), "mcp", "--organisation", "Nobody"],
        env=stranger.environ,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=30,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "No organisation is connected" in done.stderr


def test_json_is_for_http(agent):
    done = agent.person.run("mcp", "--json")
    assert json.loads(done.stdout)["error"]["reason"] == "bad_configuration"


def test_the_connector_still_speaks_through_httpx_although_httpx2_is_here():
    """`mcp` brings httpx2, and Authlib's own httpx client would switch to it."""
    pytest.importorskip("httpx2")
    code = (
        "import sys, httpx2, bizosaas_xero.plugin, bizosaas_xero.connector.auth.oauth\n"
        "import bizosaas_xero.connector.http.client as c\n"
        "import httpx, inspect\n"
        "assert c.httpx is httpx\n"
        "assert 'authlib.integrations.httpx_client' not in sys.modules\n"
        "print('httpx')"
    )
    done = subprocess.run(  # noqa: S603 (our own code)
        [os.sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.stdout.strip(), done.stderr) == ("httpx", "")
