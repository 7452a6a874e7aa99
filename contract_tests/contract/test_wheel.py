"""From an installed wheel, in an empty folder, with no network, the connector keeps the contract."""

from __future__ import annotations

import io
import json
import os
import runpy
import subprocess
import sys
import sysconfig
import tarfile
import zipfile

import pytest

from bizosaas_xero.contract.cassettes import ARCHIVE, open_folder
from contract_tests.helpers.paths import ROOT

# The network is refused in every process: sitecustomize runs before anything else.
NO_NETWORK = """
import socket


def refused(*args):
    raise OSError("the network is blocked here")


socket.socket.connect = socket.socket.connect_ex = refused
socket.getaddrinfo = refused
"""


MAX_BYTES = 3_000_000
"""Of all files of the wheel, unpacked."""


def test_packed_cassettes_are_unpacked_to_the_same_files(tmp_path):
    pack = runpy.run_path(str(ROOT / "cassettes" / "hatch_build.py"))["pack"]
    folder = ROOT / "cassettes" / "xero"
    packed = pack(folder)
    assert pack(folder) == packed, "the same files give the same bytes"
    (tmp_path / ARCHIVE).write_bytes(packed)
    names = [path.name for path in folder.glob("*.yaml")]
    unpacked = open_folder(tmp_path)
    assert {path.name for path in unpacked.iterdir()} == set(names)
    for name in names:
        assert (unpacked / name).read_bytes() == (folder / name).read_bytes()
    assert open_folder(folder) == folder
    package = sum(
        path.stat().st_size for path in (ROOT / "bizosaas_xero").rglob("*") if "__pycache__" not in path.parts
    )
    assert package + len(packed) < MAX_BYTES


def test_an_archive_cannot_write_outside_its_folder(tmp_path):
    with tarfile.open(tmp_path / ARCHIVE, "w:xz") as archive:
        for name in ("../outside.yaml", "/tmp/outside.yaml", "good.yaml"):  # noqa: S108 (must not be written)
            entry = tarfile.TarInfo(name)
            entry.size = 1
            archive.addfile(entry, io.BytesIO(b"x"))
    assert [path.name for path in open_folder(tmp_path).iterdir()] == ["good.yaml"]


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
    done = subprocess.run(build, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603 (our own command)
    assert done.returncode == 0, done.stderr
    wheel = next(wheels.glob("*.whl"))
    assert sum(entry.file_size for entry in zipfile.ZipFile(wheel).infolist()) < MAX_BYTES
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
    subprocess.run([*install, str(wheel)], timeout=300, check=True)  # noqa: S603 (our own command)
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
