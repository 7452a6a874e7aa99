"""The example hosts of docs/hosts, run as they stand there, as processes of their own."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys

import pytest

from contract_tests.helpers.paths import ROOT
from contract_tests.helpers.services import needs_redis

pytestmark = pytest.mark.xero_sandbox(seed=4, limits=True)

PAGES = ROOT / "docs" / "hosts"
HOSTS = ["synchronous", "asyncio", "processes", "strict"]
REDIS = "redis://127.0.0.1:6379/9"


def source_of(name):
    [source] = re.findall(r"^```python\n(.*?)^```", (PAGES / f"{name}.md").read_text(), re.DOTALL | re.MULTILINE)
    return source


@pytest.fixture
def run_host(shared_sandbox_server, tmp_path):
    """Run a host, and return what it printed; its folder stays between two runs."""

    def started(name, *args, connector="xero", code=0, secret=None, source=None, **environ):
        app = shared_sandbox_server.info["apps"]["custom"]
        program = tmp_path / "host.py"
        program.write_text(source or source_of(name))
        bases = {
            f"XERO_{key.upper()}": shared_sandbox_server.info[key] for key in ("api_url", "identity_url", "login_url")
        }
        known = {"CLIENT_ID": app["client_id"], "CLIENT_SECRET": secret or app["client_secret"]}
        done = subprocess.run(  # noqa: S603 (our own documentation)
            [sys.executable, "-W", "error", str(program), connector, *args],
            cwd=tmp_path,
            env={**os.environ, **bases, **known, **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert "planted-secret" not in done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()] if code == 0 else done.stderr

    return started


@pytest.mark.parametrize("name", HOSTS)
def test_it_is_short_and_knows_nothing_of_ours(name):
    source = source_of(name)
    assert len(source.splitlines()) < 60
    imported = {
        alias.name.split(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    assert imported - set(sys.stdlib_module_names) == {"pluggy", "stevedore"}


def test_the_synchronous_host_reads_only_what_changed(run_host):
    first = run_host("synchronous", "contacts", "accounts", "nonsense")
    assert [each["entity"] for each in first] == ["contacts", "accounts", "nonsense"]
    assert first[0]["records"] > 0
    assert first[0]["complete"] is True
    assert first[2]["recovery"] == "none"
    assert first[2]["remedy"]
    assert [each["records"] for each in run_host("synchronous", "contacts", "accounts")] == [0, 0]


def test_the_asyncio_host_reads_side_by_side(run_host):
    first = {each["entity"]: each for each in run_host("asyncio", "contacts", "accounts", "payments")}
    again = {each["entity"]: each for each in run_host("asyncio", "contacts", "accounts", "payments")}
    assert set(first) == {"contacts", "accounts", "payments"}
    for entity, told in first.items():
        assert again[entity]["rows"] == told["rows"] > 0
        assert again[entity]["calls"] == 1


def test_the_asyncio_host_closes_an_iterator_whose_task_is_cancelled():
    known = {}
    exec(source_of("asyncio").rpartition("asyncio.run")[0], known)  # noqa: S102 (our own documentation)
    import asyncio
    import threading
    import types

    there, gate, closed = threading.Event(), threading.Event(), []

    def slow(**_):
        try:
            there.set()
            gate.wait(10)
            yield 1
        finally:
            closed.append(True)

    async def main():
        async def read():
            async for _ in known["batches"](types.SimpleNamespace(sync_entity=slow)):
                pytest.fail("nothing should come")

        task = asyncio.create_task(read())
        await asyncio.to_thread(there.wait, 10)
        task.cancel()
        asyncio.get_running_loop().call_later(0.1, gate.set)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert closed == [True]

    asyncio.run(main())


def test_a_connector_in_a_process_of_its_own_is_read_over_json_lines(run_host):
    told = run_host("processes", "contacts", "accounts")
    assert [each["entity"] for each in told] == ["contacts", "accounts"]
    assert all(each["rows"] > 0 for each in told)


def test_an_error_and_a_crash_of_that_process_are_told(run_host):
    assert '"code": "not_found"' in run_host("processes", "nonsense", code=1)
    assert '"code": "misconfigured"' in run_host("processes", "contacts", code=1, secret="planted-secret")
    assert '"code": "died"' in run_host("processes", "contacts", connector="no-such-connector", code=1)


def test_the_secret_is_not_in_the_environment_of_that_process(run_host):
    first = "    out, sys.stdout = sys.stdout, sys.stderr"
    watching = source_of("processes").replace(first, f"    assert 'CLIENT_SECRET' not in os.environ\n{first}", 1)
    assert watching != source_of("processes")
    assert run_host("processes", "accounts", source=watching)[0]["rows"] > 0


@pytest.mark.parametrize("limiter", [None, pytest.param(REDIS, marks=needs_redis)])
def test_the_strict_host_reads_what_it_allows_and_nothing_else(run_host, shared_sandbox_server, limiter):
    environ = {"LIMITER_URL": limiter} if limiter else {}
    shared_sandbox_server.sandbox.log.clear()
    asked = ("contacts", "run:list_accounts", "run:create_contact", "run:find_contacts")
    first = run_host("strict", *asked, **environ)
    assert first[0]["changed"] > 0
    assert first[1] == {"action": "list_accounts", "status": "done"}
    assert [each.get("refused") for each in first[2:]] == ["this host does not allow it"] * 2
    assert run_host("strict", "contacts", **environ)[0]["changed"] == 0
    assert {line["method"] for line in list(shared_sandbox_server.sandbox.log) if "/api.xro/" in line["path"]} == {
        "GET"
    }


def test_the_strict_hosts_permissions_end_at_reading(run_host, shared_sandbox_server):
    """Also a host that forgot its list could not write: the token does not allow it."""
    source = source_of("strict")
    for strict, careless in (
        ("name not in ALLOWED & reads", "False"),
        ('"run"}', '"plan"}'),
        ("params=params", 'params={"name": "Kiwi"}'),
    ):
        assert strict in source
        source = source.replace(strict, careless)
    told = run_host("strict", "run:create_contact", code=1, source=source)
    assert "was not granted" in told
    assert "accounting.contacts" in told
