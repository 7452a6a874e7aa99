"""The command as a person runs it: a home folder of their own and a sandbox, in a process of its own or in this one."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from unittest import mock

import httpx
from typer import testing

from bizosaas_xero.cli.app import app as command
from contract_tests.helpers.command_server import COMMAND, forked_command

_get_command = cache(testing._get_command)
PRIVATE = ("BIZOSAAS_", "XERO_")


class Person:
    """Runs the command with a home folder and a sandbox's credentials."""

    def __init__(self, home: Path, sandbox: dict | None = None, app: str = "web") -> None:
        self.home = home
        self.sandbox = sandbox
        self.environ = {key: value for key, value in os.environ.items() if not key.startswith(PRIVATE)}
        self.environ |= {"BIZOSAAS_HOME": str(home), "COLUMNS": "80", "NO_COLOR": "1", "BROWSER": "true"}
        self.command: list[str] = []  # runs instead of the forked command
        self.spoken: list[str] = []
        if sandbox:
            credentials = sandbox["apps"][app]
            self.environ |= {f"XERO_{n.upper()}": sandbox[n] for n in ("api_url", "identity_url", "login_url")}
            self.environ |= {"XERO_CLIENT_ID": credentials["client_id"]}
            if credentials["client_secret"]:
                self.environ["XERO_CLIENT_SECRET"] = credentials["client_secret"]

    def choose_command(self, environ: Mapping[str, str] = MappingProxyType({})) -> list[str]:
        """Return the words that run the command: forked, unless its environment tells an interpreter how to start."""
        wanted = self.environ | environ
        fresh = any(name.startswith("PYTHON") and wanted[name] != os.environ.get(name) for name in wanted)
        return self.command or (COMMAND if fresh else forked_command())

    def run(self, *args: str, given: str = "", **environ: str) -> subprocess.CompletedProcess:
        done = subprocess.run(  # noqa: S603 (our own command)
            [*self.choose_command(environ), *args],
            input=given,
            env=self.environ | environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.spoken += [done.stdout, done.stderr]
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done

    def json(self, *args: str, code: int = 0, **given: str) -> dict:
        done = self.run(*args, "--json", **given)
        assert done.returncode == code, done.stdout + done.stderr
        assert done.stdout.count("\n") == 1
        return json.loads(done.stdout)

    def start(self, *args: str, **environ: str) -> subprocess.Popen:
        return subprocess.Popen(  # noqa: S603 (our own command)
            [*self.choose_command(environ), *args],
            env=self.environ | environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def consent(self, url: str, **given: object) -> str:
        answer = httpx.post(f"{self.sandbox['login_url']}/_sandbox/consent", json={"url": url} | given)
        return answer.raise_for_status().json()["callback_url"]

    def fault(self, kind: str, **given: object) -> None:
        url = f"{self.sandbox['api_url']}/_sandbox/faults"
        httpx.post(url, json={"kind": kind} | given).raise_for_status()

    def connect(self, *args: str, pasted=None, after: str = "", **given: object) -> tuple[int, dict, str]:
        """Connect by pasting the callback; return exit code, JSON and what was said on stderr."""
        process = self.start("connect", "--no-browser", "--json", *args)
        said = url = ""
        for line in process.stderr:
            said += line
            if "/identity/connect/authorize" in line:
                url = line.strip()
            # What follows the address must be read here: a line that came with it is lost to `communicate`.
            if url and "registered with your app" in line:
                try:
                    callback = pasted or self.consent(url, **given)
                except httpx.HTTPStatusError:
                    callback = ""  # the login showed an error page: there is no callback
                out, err = process.communicate(f"{callback}\n{after}", timeout=60)
                break
        else:
            out, err = process.communicate(timeout=60)
        self.spoken += [out, said, err]
        assert "Traceback" not in said + err
        return process.returncode, json.loads(out), said + err


class InProcessPerson(Person):
    """Runs the command in this process, which is quicker than one of its own."""

    def run(self, *args, given="", **environ):
        wanted = self.environ | environ
        absent = {name: None for name in os.environ if name.startswith(PRIVATE) and name not in wanted}
        with mock.patch.object(testing, "_get_command", _get_command):  # made of all options once, not at each run
            done = testing.CliRunner().invoke(command, list(args), input=given, env=wanted | absent)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.output
        return subprocess.CompletedProcess(args, done.exit_code, done.stdout, done.stderr)
