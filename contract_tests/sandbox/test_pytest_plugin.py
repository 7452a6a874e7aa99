"""The fixture `xero_sandbox` as people use it who build on Xero: a test of their own, in a pytest run of its own."""

import re
import subprocess
import sys

import pytest

from contract_tests.helpers.paths import ROOT

PLUGIN = "bizosaas_xero.sandbox.pytest_plugin"
PAGE = ROOT / "docs" / "sandbox.md"


def run_pytest(folder, source):
    """Run one test file in a fresh interpreter, without this project's settings."""
    (folder / "test_example.py").write_text(source, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", PLUGIN, "test_example.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 - our own interpreter


def test_the_documented_example_runs(tmp_path):
    example = next(
        block
        for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        if "def test_" in block and "xero_sandbox" in block
    )
    done = run_pytest(tmp_path, example)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"^{example.count('def test_')} passed", done.stdout, re.MULTILINE), done.stdout


def test_a_fault_that_struck_nothing_fails_the_test(tmp_path):
    source = "def test_nothing(xero_sandbox):\n    xero_sandbox.sandbox.faults.add('status', status=503)\n"
    done = run_pytest(tmp_path, source)
    assert done.returncode == 1
    assert "these faults struck no request" in done.stdout


@pytest.mark.parametrize("module", ["bizosaas_xero.sandbox.server", "starlette", "uvicorn", "msgspec"])
def test_a_run_without_the_fixture_imports_nothing_of_the_sandbox(tmp_path, module):
    done = run_pytest(tmp_path, f"import sys\n\ndef test_imports():\n    assert {module!r} not in sys.modules\n")
    assert done.returncode == 0, done.stdout


def test_the_package_names_its_parts():
    import bizosaas_xero.sandbox as package

    assert all(getattr(package, name).__name__ == name for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = package.Nothing
