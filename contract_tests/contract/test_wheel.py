"""From an installed wheel, in an empty folder, with no network, the connector keeps the contract."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig

import pytest

from contract_tests.helpers.paths import ROOT

# The network is refused in every process: sitecustomize runs before anything else.
NO_NETWORK = """
import socket


def refused(*args):
    raise OSError("there is no network here")


socket.socket.connect = socket.socket.connect_ex = refused
socket.getaddrinfo = refused
"""


@pytest.mark.slow
def test_xero_is_green_from_a_wheel_in_an_empty_folder_without_network(tmp_path):
    wheels, site, empty = tmp_path / "wheels", tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        str(ROOT),
        "--no-deps",
        "--quiet",
        "--wheel-dir",
        str(wheels),
    ]
    done = subprocess.run(build, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    wheel = next(wheels.glob("*.whl"))
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-index",
        "--quiet",
        "--target",
        str(site),
    ]
    subprocess.run([*install, str(wheel)], timeout=300, check=True)  # noqa: S603
    (site / "sitecustomize.py").write_text(NO_NETWORK)
    # -I would ignore PYTHONPATH; the libraries come from this environment, the package from the wheel alone.
    libraries = sysconfig.get_path("purelib")
    program = (
        "import sys; sys.path = [p for p in sys.path if p != " + repr(str(ROOT)) + "]; "
        "import bizosaas_xero; print(bizosaas_xero.__file__, file=sys.stderr); "
        "from bizosaas_xero.cli import main; main()"
    )
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    env["PYTHONPATH"] = os.pathsep.join([str(site), libraries])
    done = subprocess.run(  # noqa: S603 (our own command)
        [sys.executable, "-c", program, "contract", "xero", "--json"],
        cwd=empty, capture_output=True, text=True, timeout=300, check=False, env=env,
    )  # fmt: skip
    assert str(site) in done.stderr
    report = json.loads(done.stdout)
    assert report["ok"], [row for row in report["rows"] if row["outcome"] in {"failed", "error"}] or report["problem"]
    assert done.returncode == 0
    assert report["scenarios"] >= 45
    assert not list(empty.iterdir())
