"""Agents: the SDK's own client against the real command, over both transports, with a sandbox behind it."""

from __future__ import annotations

import contextlib
import json
import secrets

import anyio
import httpx
import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitResult, Implementation

from contract_tests.helpers.person import Person

TOKEN = secrets.token_urlsafe(32)
ERAS = ("legacy", "2026-07-28")
"""With a handshake, as clients of 2025 speak, and without one."""


class Agent:
    """Starts servers for a connected person, and talks to them."""

    def __init__(self, person: Person) -> None:
        self.person = person

    def stdio(self, *options: str) -> StdioServerParameters:
        program, *words = self.person.choose_command()
        return StdioServerParameters(command=program, args=[*words, "mcp", *options], env=self.person.environ)

    @contextlib.contextmanager
    def http(self, *options: str, token: str = TOKEN):
        """Serve HTTP; give the address and the process."""
        process = self.person.start("mcp", "--http", "--port", "0", "--json", *options, BIZOSAAS_MCP_TOKEN=token)
        try:
            line = process.stdout.readline()
            if not line:
                raise AssertionError(process.stderr.read())
            yield json.loads(line)["url"], process
        finally:
            process.terminate()
            out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (0, ""), err
        assert "Traceback" not in err, err

    def talk(self, talk, *options: str, era: str = "legacy", http: bool = False, **client: object):
        """Connect a client, let ``talk`` use it, and return what that returns."""
        if not http:
            return _run(talk, self.stdio(*options), era, client)
        with self.http(*options) as (url, _process):
            return _run(talk, url, era, client)

    def call(self, tool: str, *options: str, era: str = "legacy", http: bool = False, client=None, **given):
        """Call one tool once."""

        async def once(session):
            return await session.call_tool(tool, given)

        return self.talk(once, *options, era=era, http=http, **(client or {}))

    def connect(self, name: str) -> None:
        """Connect one more organisation of the sandbox."""
        (key,) = [each["id"] for each in self.person.sandbox["organisations"] if each["name"] == name]
        code, _, said = self.person.connect("--organisation", key, organisations=[key])
        assert code == 0, said

    def rule(self, action: str, rule: str) -> None:
        self.person.json("configure", "--policy", f"{action}={rule}")

    def audit(self):
        done = self.person.run("audit", "--json", "--limit", "0")
        return json.loads(done.stdout)["entries"]

    def sent(self, *methods: str):
        """Return the requests that the sandbox saw, such as all that write, without notes in a history."""
        seen = httpx.get(f"{self.person.sandbox['api_url']}/_sandbox/log").json()
        seen = seen["requests"] if isinstance(seen, dict) else seen
        return [
            each
            for each in seen
            if each["method"] in methods and "/api.xro/" in each["path"] and "History" not in each["path"]
        ]


def _run(talk, where, era, options):
    options = {"client_info": Implementation(name="Kit", version="1.2"), "cache": None} | options

    async def main():
        async with contextlib.AsyncExitStack() as stack:
            server = where
            if isinstance(where, str):
                headers = {"Authorization": f"Bearer {TOKEN}"}
                web = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=60))
                server = streamable_http_client(where, http_client=web)
            session = await stack.enter_async_context(Client(server, mode=era, **options))
            return await talk(session)

    return anyio.run(main)


class Someone:
    """A person at a client who answers each question in the same way, and remembers what was shown."""

    def __init__(self, decision: str | None, action: str = "accept") -> None:
        self.decision = decision
        self.action = action
        self.shown: list[str] = []

    async def __call__(self, _context, params):
        self.shown.append(params.message)
        content = {"decision": self.decision} if self.decision else None
        return ElicitResult(action=self.action, content=content)
