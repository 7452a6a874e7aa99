"""The walls of the house: who may import whom, and what an import may cost or touch."""

from __future__ import annotations

import ast
import graphlib
import json
import subprocess
import sys
from collections import defaultdict

import grimp
import pytest

from contract_tests.helpers.paths import ROOT


def fresh(code: str) -> dict:
    done = subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(done.stdout)


MODULES = "import sys, json; print(json.dumps(sorted(sys.modules)))"


def test_the_import_rules_hold():
    # In a process of its own: import-linter switches off every logger that exists when it starts.
    done = subprocess.run(["lint-imports"], capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)  # noqa: S607 (from the environment)
    assert done.returncode == 0, done.stdout


def test_no_modules_import_each_other_in_a_circle():
    graph = grimp.build_graph("bizosaas_xero", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert any(imports.values())
    graphlib.TopologicalSorter(imports).prepare()  # raises CycleError, which names the circle


def test_the_contract_brings_in_neither_http_nor_oauth():
    loaded = fresh(f"import bizosaas_xero.spec; {MODULES}")
    assert not {"httpx", "authlib", "stevedore", "sqlalchemy", "msgspec"} & set(loaded)


HEAVY = {"httpx", "authlib", "stamina", "msgspec", "pyrate_limiter", "pydantic_settings", "sqlalchemy"}


def test_importing_the_plugin_is_light():
    assert not HEAVY & set(fresh(f"import bizosaas_xero.plugin; {MODULES}"))


def test_what_hosts_ask_first_loads_neither_the_actions_nor_what_requests_need():
    asked = (
        "from bizosaas_xero.host.plugins.discovery import discover; found = discover(['xero']).connector('xero');"
        "found.describe(); found.list_actions({'organisation_id': 'x', 'access_token': 'x'})"
    )
    loaded = set(fresh(f"{asked}; {MODULES}"))
    assert "bizosaas_xero.connector.manifest" in loaded
    assert not HEAVY & loaded
    assert not [
        name
        for name in loaded
        if name.startswith(("bizosaas_xero.connector.actions", "bizosaas_xero.connector.settings"))
    ]


@pytest.mark.parametrize("event", ["socket.connect", "open", "os.getenv"])
def test_importing_the_plugin_touches_nothing(event):
    code = f"""
import builtins, json, os, pluggy, pydantic, socket, sys
pydantic.BaseModel, pydantic.SecretStr, pydantic.AwareDatetime
touched = []
def watch(name, args):
    if name == {event!r} and not (name == "open" and ("site-packages" in str(args[0]) or str(args[0]).endswith((".py", ".pyc")) or "/lib/python" in str(args[0]))):
        touched.append(str(args[0]))
sys.addaudithook(watch)
known = dict(os.environ)
class Spy(dict):
    def __getitem__(self, key):
        if key.startswith(("XERO_", "BIZOSAAS_")): touched.append(key)
        return super().__getitem__(key)
    def get(self, key, default=None):
        if str(key).startswith(("XERO_", "BIZOSAAS_")): touched.append(key)
        return super().get(key, default)
os.environ = Spy(known)
import bizosaas_xero.plugin
print(json.dumps(touched))
"""  # noqa: E501 (one program)
    assert fresh(code) == []


def test_the_suite_runs_on_httpx_even_where_authlib_would_prefer_another():
    """Authlib's own httpx integration switches to httpx2 once that is installed; ours never does."""
    loaded = fresh(f"import bizosaas_xero.connector.auth.oauth; {MODULES}")
    assert "httpx2" not in loaded
    assert not any(name.startswith("authlib.integrations") for name in loaded)


def test_there_is_one_conftest_and_each_fixture_has_a_name_of_its_own():
    """A name that stands for two things in two folders makes each test a riddle."""
    tests = ROOT / "contract_tests"
    assert list(tests.rglob("conftest.py")) == [tests / "conftest.py"]
    homes = defaultdict(list)
    for path in tests.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
                ast.unparse(decorator).startswith(("pytest.fixture", "fixture")) for decorator in node.decorator_list
            ):
                homes[node.name].append(f"{path.relative_to(tests)}:{node.lineno}")
    assert len(homes) > 50
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}
