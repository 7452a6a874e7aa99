"""The connector and the brain-gateway can be installed together: a resolver says so in seconds.

``test_distribution.py`` installs the whole list, and is slow.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from contract_tests.helpers.paths import ROOT

PINS = Path(__file__).parent / "gateway_pins.txt"
EXTRAS = ("brain-gateway", "web", "postgresql", "temporal", "redis")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(*extras: str) -> list[str]:
    """Return what we ask for with these extras; nothing of ours has to be built to know it."""
    found = list(PROJECT["dependencies"])
    for extra in extras:
        for each in PROJECT["optional-dependencies"][extra]:
            own = re.fullmatch(re.escape(PROJECT["name"]) + r"\[(.+)\]", each)
            found += requirements(*own[1].split(","))[len(PROJECT["dependencies"]) :] if own else [each]
    return found


def resolve(*wanted: str, folder: Path) -> tuple[bool, str]:
    """Ask uv for versions on the oldest Python that we support; nothing is installed."""
    uv = shutil.which("uv")
    assert uv, "uv is missing; it is in the extra test"
    (folder / "wanted.in").write_text("\n".join(wanted))
    names = {"PIP_INDEX_URL": "UV_INDEX_URL", "PIP_FIND_LINKS": "UV_FIND_LINKS", "PIP_CERT": "SSL_CERT_FILE"}
    environment = {new: os.environ[old] for old, new in names.items() if old in os.environ} | os.environ
    command = [uv, "pip", "compile", "--quiet", "--python-version", "3.11", PINS, "wanted.in"]
    done = subprocess.run(  # noqa: S603 (our own program)
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    return done.returncode == 0, done.stdout + done.stderr


def test_the_gateways_whole_list_has_room_for_us(tmp_path):
    found, said = resolve(*requirements(*EXTRAS), folder=tmp_path)
    assert found, said
    chosen = dict(re.findall(r"^([\w.-]+)==(\S+)$", said, re.MULTILINE))
    assert chosen["pyrate-limiter"].startswith("3.")  # schemathesis 3.31 takes no newer one
    assert (chosen["starlette"], chosen["uvicorn"]) == ("0.35.1", "0.27.0")


@pytest.mark.slow
def test_mcp_needs_an_environment_of_its_own(tmp_path):
    """Its python-multipart cannot meet what the gateway's strawberry pins; docs/brain-gateway.md says what to do."""
    [wanted] = [each for each in PROJECT["optional-dependencies"]["mcp"] if each.startswith("mcp")]
    found, said = resolve(wanted, folder=tmp_path)
    assert not found
    assert "python-multipart" in said
