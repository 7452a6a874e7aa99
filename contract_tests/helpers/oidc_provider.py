"""npm's oidc-provider, run as it is, and a person who fills in its pages."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from contract_tests.helpers.paths import ROOT

ORIGIN = "http://localhost:8380"
SOURCE = ROOT / "contract_tests" / "web" / "oidc_provider"

needs_npm = pytest.mark.skipif(
    os.environ.get("REQUIRE_SERVICES") != "1" and not shutil.which("npm"), reason="npm is not installed"
)


@contextlib.contextmanager
def run_provider(folder: Path) -> Iterator[str]:
    """Install the provider into a folder, and run it; give its address."""
    shutil.copytree(SOURCE, folder, dirs_exist_ok=True)
    npm, node = shutil.which("npm") or "npm", shutil.which("node") or "node"
    subprocess.run([npm, "install", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True)  # noqa: S603 (found above)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environ = os.environ | {"ORIGIN": ORIGIN, "PORT": str(port)}
    with subprocess.Popen(  # noqa: S603 (found above)
        [node, "server.mjs"], cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield f"http://localhost:{port}"
        finally:
            process.terminate()


class PersonAtProvider:
    """Fills in the provider's own pages, and keeps its cookies."""

    def __init__(self, home: str = ORIGIN) -> None:
        self.home = home
        self.client = httpx.Client(follow_redirects=False)
        self.asked = 0

    def authorize(self, url: str, name: str) -> str:
        """Sign in and consent as far as the provider asks; return the address that leads back."""
        answer = self.client.get(url)
        while True:
            target = answer.headers.get("location", "")
            if target.startswith(self.home):
                return target.removeprefix(self.home)
            if target:
                answer = self.client.get(answer.url.join(target))
                continue
            form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', answer.text))
            action = re.search(r'action="([^"]+)"', answer.text)
            assert action, (answer.status_code, answer.text[:2000])
            if form["prompt"] == "login":
                self.asked += 1
                form |= {"login": name, "password": "any"}
            answer = self.client.post(answer.url.join(action[1]), data=form)
