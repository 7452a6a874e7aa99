"""What is released: wheel and sdist install from nothing, on each Python, beside others, at their lowest.

All of this fetches from the package index, and so is slow.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from contract_tests.distribution.test_resolver import EXTRAS, PINS
from contract_tests.helpers.environments import CONSTRAINTS, ROOT, Environment, run

pytestmark = pytest.mark.slow

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
QUICK = [
    f"contract_tests/{path}"
    for path in (
        "contract/test_clock.py",
        "connector/auth/test_consent.py",
        "connector/http/test_client.py",
        "connector/records/test_decode.py",
        "connector/sync/test_sync.py",
        "host/storage/test_store.py",
        "host/sync/test_sink.py",
        "host/plugins/test_discovery.py",
        "adapters/brain_gateway",
    )
]
"""The tests of the kit's clock, the connector, the store and the bridge that are quick."""

OURS = sorted(set(PROJECT["optional-dependencies"]) - {"test", "docs"})
"""The extras that are for those who use us."""

QUIET = ("-W", "ignore::PendingDeprecationWarning")
"""Starlette 0.35 names the multipart library as it was called then, and that warns."""

FOUND = """
import json
from bizosaas_xero.host.plugins.discovery import discover
row = next(row for row in discover().rows if row.name == "xero")
print(json.dumps([row.status, row.distribution, row.target]))
"""


def pythons() -> dict[str, Path | None]:
    """Return the interpreters of the versions that are supported, as far as they are here."""
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found: dict[str, Path | None] = {}
    for version in re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"])):
        kept = [path / "bin" / "python" for path in sorted(home.glob(f"{version}.*"))]
        named = shutil.which(f"python{version}")
        if not kept and named and _runs(named, version):
            kept = [Path(named)]
        found[version] = kept[-1] if kept else None
    return found


def _runs(python: str, version: str) -> bool:
    done = subprocess.run([python, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 (our own command)
    return done.stdout.startswith(f"Python {version}.")


def test_wheel_and_sdist_hold_what_they_should(built_folder, built_wheel, tmp_path):
    names = set(zipfile.ZipFile(built_wheel).namelist())
    for needed in (
        "py.typed",
        "plugin.py",
        "connector/published.json",
        "spec/hooks.py",
        "cassettes/xero/contract.toml",
    ):
        assert f"bizosaas_xero/{needed}" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0] for name in names} == {
        "bizosaas_xero",
        f"{built_wheel.name.split('-py3')[0]}.dist-info",
    }
    assert not [name for name in names if name.endswith(".pyc")]
    [archive] = built_folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        inside = {name.partition("/")[2] for name in packed.getnames()}
    for needed in (
        "README.md",
        "CHANGELOG.md",
        "constraints.txt",
        "docs/index.md",
        "contract_tests/conftest.py",
    ):
        assert needed in inside, needed
    # A wheel made from the sdist is the same wheel.
    builder = built_folder / "builder" / "bin" / "python"
    command = [builder, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, archive]
    run(*command, cwd=tmp_path)
    [again] = tmp_path.glob("*.whl")
    assert set(zipfile.ZipFile(again).namelist()) == names


HOST_PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "bizosaas"
version = "1.0"
dependencies = ["pluggy", "stevedore"]

[project.optional-dependencies]
xero = ["bizosaas-xero"]
"""

HOST_MODULE = """
import pluggy
from stevedore import DriverManager

hookspec = pluggy.HookspecMarker("bizosaas")


class Hooks:
    @hookspec(firstresult=True)
    def auth(self, request): ...
    @hookspec(firstresult=True)
    def sync_entity(self, connection, entity, cursor, options): ...
    @hookspec(firstresult=True)
    def list_actions(self, connection): ...
    @hookspec(firstresult=True)
    def run_action(self, connection, action, params, control): ...


def actions(name):
    manager = pluggy.PluginManager("bizosaas")
    manager.add_hookspecs(Hooks)
    manager.register(DriverManager("bizosaas.connectors", name).driver)
    manager.check_pending()
    return [action.name for action in manager.hook.list_actions(connection=None)]
"""


def test_a_host_with_an_extra_installs_offline_and_finds_the_connector(built_folder, built_wheel, tmp_path):
    """``pip install bizosaas[xero]``, from two wheels and those of their dependencies alone."""
    project, house = tmp_path / "project", tmp_path / "house"
    (project / "bizosaas").mkdir(parents=True)
    (project / "pyproject.toml").write_text(HOST_PROJECT)
    (project / "bizosaas" / "__init__.py").write_text(HOST_MODULE)
    builder = built_folder / "builder" / "bin" / "python"
    run(builder, "-m", "hatchling", "build", "-t", "wheel", "-d", house, cwd=project)
    shutil.copy(built_wheel, house)
    collect = [builder, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "-c", CONSTRAINTS]
    run(*collect, "-d", house, built_wheel, "stevedore", cwd=tmp_path)

    new = Environment(tmp_path / "new")
    new.install("--no-index", "--find-links", house, "bizosaas[xero]")
    assert "create_invoice" in new.says("import bizosaas; print(bizosaas.actions('xero'))")
    # Without the extra there is no connector, and the host says so in its own way.
    bare = Environment(tmp_path / "bare")
    bare.install("--no-index", "--find-links", house, "bizosaas")
    assert "bizosaas-xero" not in bare.versions()


@pytest.mark.parametrize("version", pythons())
def test_it_installs_and_keeps_the_contract_on_this_python(version, built_wheel, tmp_path):
    python = pythons()[version]
    if python is None:
        pytest.skip(f"Python {version} is not installed here")
    new = Environment(tmp_path / "new", python)
    new.install("-c", CONSTRAINTS, f"{built_wheel}[all]")
    assert new.says("import sys; print('%d.%d' % sys.version_info[:2])") == version
    marker = "from importlib.resources import files; print(files('bizosaas_xero').joinpath('py.typed').is_file())"
    assert new.says(marker) == "True"
    assert json.loads(new.says(FOUND)) == ["loaded", "bizosaas-xero", "bizosaas_xero.plugin"]
    assert new.broken_promises() == []


def test_the_base_is_enough_for_a_host_of_ones_own(built_wheel, tmp_path):
    new = Environment(tmp_path / "new")
    new.install("-c", CONSTRAINTS, built_wheel)
    assert not {"sqlalchemy", "stevedore", "starlette", "pytest", "mcp"} & set(new.versions())
    code = "from bizosaas_xero import plugin; print(plugin.describe().name, len(plugin.list_actions(None)) > 5)"
    assert new.says(code) == "xero True"


def test_it_lives_beside_what_the_gateway_pins(built_wheel, unpacked_sdist, tmp_path):
    """The whole list and our extras in one ``pip install``, and the bridge's tests pass there."""
    new = Environment(tmp_path / "new")
    new.install(f"{built_wheel}[{','.join(EXTRAS)}]", "-r", PINS)
    held = new.versions()
    for name, pinned in re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)$", PINS.read_text(encoding="utf-8"), re.MULTILINE):
        assert held[name.lower()] == pinned
    assert held["starlette"].startswith("0.35.")  # the newest that FastAPI 0.109 allows
    new.install("hypothesis", "jsonschema-rs", "time-machine")
    said = new.tests(
        unpacked_sdist, *QUIET, "contract_tests/adapters/brain_gateway", "contract_tests/adapters/temporal"
    )
    assert re.search(r"\d+ passed", said)


def lowest() -> list[str]:
    """Return each direct dependency at the lowest version that is declared."""
    extras = PROJECT["optional-dependencies"]
    wanted = PROJECT["dependencies"] + [each for extra in OURS for each in extras[extra]]
    others = [each for each in wanted if not each.startswith(f"{PROJECT['name']}[")]
    found = [re.match(r"([\w.-]+(?:\[\w+\])?)>=([\d.]+)", each) for each in others]
    assert all(found), "a dependency names no lowest version"
    return sorted({f"{each[1]}=={each[2]}" for each in found if each})


def test_the_lowest_supported_versions_are_enough(built_wheel, unpacked_sdist, tmp_path):
    new = Environment(tmp_path / "new", pythons()["3.11"] or pytest.skip("the lowest Python is not here"))
    new.install(f"{built_wheel}[{','.join(OURS)}]", *lowest(), "fastapi", "hypothesis>=6.100")
    assert re.search(r"\d+ passed", new.tests(unpacked_sdist, *QUIET, *QUICK))
    assert new.broken_promises() == []
