"""What CI runs: its parts can be run alone, and no test that is marked slow is left out."""

from __future__ import annotations

import re
import subprocess
from types import SimpleNamespace

from contract_tests.helpers.order import LONGEST, put_longest_first
from contract_tests.helpers.paths import ROOT


def ci(script, *args):
    command = ["bash", f".ci/{script}", *args]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 (our own)


def test_the_long_proofs_list_a_part_for_each_folder_with_slow_tests():
    done = ci("full", "--list")
    assert done.returncode == 0, done.stderr
    parts = [line.split()[0] for line in done.stdout.splitlines()]
    assert {"run", "search", "benchmarks"} < set(parts)
    folders = {
        path.relative_to(ROOT / "contract_tests").parts[0]
        for path in (ROOT / "contract_tests").rglob("test_*.py")
        if re.search(r"^pytestmark = .*slow|^@pytest\.mark\.slow", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(folders) > 5
    assert folders <= set(parts)


def test_an_unknown_part_is_refused_before_anything_is_installed():
    done = ci("full", "reliability", "nothing")
    assert done.returncode == 2
    assert "There is no part nothing" in done.stderr
    assert "reliability" in done.stderr


def test_a_service_that_tests_need_and_that_does_not_listen_is_named(tmp_path):
    [check] = re.findall(r"^grep -oE.*?^done", (ROOT / ".ci/run").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    marks = (ROOT / "contract_tests/helpers/services.py").read_text(encoding="utf-8")
    services = re.findall(r'_needs\("(\w+)", (\d+)\)', marks)
    assert len(services) > 1
    (tmp_path / "contract_tests/helpers").mkdir(parents=True)
    for name, port in services:
        closed = f'_needs("{name}", 1)'  # nothing listens on port 1
        (tmp_path / "contract_tests/helpers/services.py").write_text(marks.replace(f'_needs("{name}", {port})', closed))
        command = ["bash", "-euo", "pipefail", "-c", check]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 (our own command)
        assert done.returncode == 1
        assert done.stderr == f"{name} does not listen on 127.0.0.1:1, and tests need it\n"


def test_the_files_that_take_longest_are_there_and_go_first():
    items = [SimpleNamespace(path=ROOT / "contract_tests" / name) for name in ("spec/test_models.py", *LONGEST[::-1])]
    put_longest_first(items)
    assert [item.path.relative_to(ROOT / "contract_tests").as_posix() for item in items][:-1] == list(LONGEST)
    assert all(item.path.is_file() for item in items)
