"""The fenced blocks of the documentation, and a newcomer's machine on which those with commands are run."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from contract_tests.docs.pages import DOCS, ROOT
from contract_tests.helpers.command_server import forked_command

PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
PRIVATE = ("BIZOSAAS_", "XERO_", "PYTEST_", "PIP_", "COV_")
PATIENCE = 400  # seconds for one block, on a machine that does other things too

BROWSER = """#!{python}
import sys, httpx
consent = "{login_url}/_sandbox/consent"
answer = httpx.post(consent, json={{"url": sys.argv[1]}}, trust_env=False).raise_for_status()
httpx.get(answer.json()["callback_url"], trust_env=False)
"""


@dataclass(frozen=True)
class Block:
    """One fenced block, without its fences."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Command:
    """What stands behind a ``$``, and what the page says that it prints."""

    words: str
    shown: list[str] = field(default_factory=list)


def blocks_of(page: Path) -> list[Block]:
    """Return a page's blocks. ``{toctree}`` and its like are Sphinx's, which fails if they are wrong."""
    found, opened = [], None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = re.fullmatch(r"\s*(`{3,}|~{3,})(.*)", line)
        if opened is None and fence:
            opened = (number, fence[1], fence[2].strip(), [])
        elif opened and line.strip() == opened[1]:
            start, _, language, lines = opened
            if not language.startswith("{"):
                name = page.relative_to(DOCS).as_posix() if page.is_relative_to(DOCS) else page.name
                found.append(Block(name, start, language, "\n".join(lines) + "\n"))
            opened = None
        elif opened:
            opened[3].append(line)
    assert opened is None, f"{page}: a fence is not closed"
    return found


def commands_of(text: str) -> list[Command]:
    """Return the commands of a console block; without any ``$`` each line is one."""
    lines = text.splitlines()
    if not any(line.startswith("$ ") for line in lines):
        return [Command(line) for line in lines if line.strip()]
    found: list[Command] = []
    open_ended = False
    for line in lines:
        if open_ended:
            found[-1] = Command(f"{found[-1].words}\n{line}")
        elif line.startswith("$ "):
            found.append(Command(line[2:]))
        else:
            found[-1].shown.append(line)
            continue
        open_ended = _open_ended(found[-1].words)
    return found


def _open_ended(words: str) -> bool:
    if words.endswith("\\"):
        return True
    try:
        shlex.split(words, comments=True)
    except ValueError:
        return True
    return False


def likened(text: str) -> str:
    """Return a line without what differs from one run to the next: ids, numbers, moments."""
    text = re.sub(r"\b(?=[0-9a-f-]*\d)[0-9a-f]{8,}(-[0-9a-f]{4,})*\b", "#", text)
    text = re.sub(r"─+", "─", re.sub(r"\d[\d.,:]*", "0", text))
    return " ".join(text.split())


def check_shown(block: Block, command: Command, printed: str) -> None:
    """Each line that is shown was printed, in this order; ``...`` and ``…`` stand for any."""
    rest = iter([likened(line) for line in printed.splitlines()])
    for line in command.shown:
        wanted = likened(line)
        if wanted and wanted not in {"...", "…"}:
            pattern = re.compile(".*".join(map(re.escape, wanted.split("…"))))
            assert any(pattern.fullmatch(each) for each in rest), (
                f"{block}: `{command.words}` does not print, or not there: {line!r}. It prints:\n{printed}"
            )


class Newcomer:
    """Somebody with a new folder and a new home, whose Xero is a sandbox and whose browser presses Allow.

    Args:
        folder: Where the commands run.
        box: The sandbox.
    """

    def __init__(self, folder: Path, box) -> None:
        self.folder = folder
        self.names: dict[str, str] = {}  # what the page shows, and what it is here
        self.facts = {
            "port": box.url.rpartition(":")[2],
            "free": str(free_port()),
            "organisation": box.info["organisations"][0]["id"],
            "client_id": box.info["apps"]["web"]["client_id"],
            "client_secret": box.info["apps"]["web"]["client_secret"],
            "custom_id": box.info["apps"]["custom"]["client_id"],
            "custom_secret": box.info["apps"]["custom"]["client_secret"],
            "repository": str(ROOT),
        }
        self.facts["authorize"] = f"{box.info['login_url']}/identity/connect/authorize?" + urlencode(
            {
                "response_type": "code",
                "client_id": self.facts["client_id"],
                "redirect_uri": "http://localhost:8742/callback",
                "scope": "offline_access accounting.contacts",
                "state": "s",
            }
        )
        browser = folder / "browser"
        browser.write_text(BROWSER.format(python=sys.executable, login_url=box.info["login_url"]))
        browser.chmod(0o700)
        command = folder / "bin" / "bizosaas-xero"
        command.parent.mkdir()
        command.write_text(f'#!/bin/sh\nexec {shlex.join(forked_command())} "$@"\n')
        command.chmod(0o700)
        self.environ = clean_environment()
        self.environ["PATH"] = f"{command.parent}:{self.environ['PATH']}"
        self.environ |= {f"XERO_{name.upper()}": box.info[name] for name in ("api_url", "identity_url", "login_url")}
        self.environ |= {
            "HOME": str(folder),
            "LOGNAME": "maria",
            "USER": "maria",
            "AFTERWARDS": str(folder / "environment"),
            "PYTHONPATH": sysconfig.get_path("purelib"),  # what pip finds in an environment made by a page
            "BIZOSAAS_HOME": str(folder / "home"),
            "BROWSER": f"{browser} %s &",
            "XERO_REDIRECT_URI": f"http://localhost:{free_port()}/callback",
            "XERO_CALLS_PER_MINUTE": "0",
            "COLUMNS": "100",
            "NO_COLOR": "1",
            # pip installs nothing and asks nobody, but fails where a name or an extra does not exist
            "PIP_NO_INDEX": "1",
            "PIP_DRY_RUN": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def given(self, words: str, replaced: dict[str, str]) -> str:
        """Return words of a page with what its reader puts in place of examples."""
        for shown, meant in self.names.items():
            words = words.replace(shown, meant)
        for shown, meant in replaced.items():
            assert shown in words, f"{shown!r} is replaced, but is not there"
            words = words.replace(shown, meant.format(**self.facts) if "{" in meant else meant)
        return words

    def connect_and_sync(self) -> None:
        """Do what docs/five-minutes.md does by hand."""
        app = "XERO_CLIENT_ID={client_id} XERO_CLIENT_SECRET={client_secret}".format(**self.facts)
        said = self.run(f"{app} bizosaas-xero connect && bizosaas-xero sync && echo done")
        assert said.endswith("done\n"), said

    def carry_on(self) -> None:
        """Keep what a block exported for the next one, as a terminal does."""
        after = Path(self.environ["AFTERWARDS"]).read_text(encoding="utf-8")
        self.environ = dict(line.split("=", 1) for line in after.split("\0") if "=" in line)

    def run(self, script: str, *, at: Path | None = None, answers: tuple[tuple[str, str], ...] = ()) -> str:
        """Run a script in one shell, at a terminal if somebody answers there; return what it printed."""
        if answers:
            return self._at_terminal(script, list(answers))
        done = subprocess.run(  # noqa: S603 (our own documentation)
            ["bash", "-c", script],  # noqa: S607 (found by its name)
            cwd=at or self.folder, env=self.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        return done.stdout

    def _at_terminal(self, script: str, answers: list[tuple[str, str]]) -> str:
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.folder)
            os.execvpe("bash", ["bash", "-c", script], self.environ | {"TERM": "xterm"})  # noqa: S606, S607 (our own command)
        shown, end = "", time.monotonic() + PATIENCE
        while True:
            if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
                os.kill(child, signal.SIGKILL)
                raise AssertionError(f"it waits for ever: {shown}")
            try:
                part = os.read(terminal, 65_536)
            except OSError:  # the terminal's other end is closed
                part = b""
            if not part:
                break
            shown += part.decode(errors="replace")
            if answers and answers[0][0] in shown:
                time.sleep(0.3)  # until the command waits for the answer
                os.write(terminal, f"{answers.pop(0)[1]}\n".encode())
        os.close(terminal)
        os.waitpid(child, 0)
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown).replace("\r\n", "\n")


def clean_environment() -> dict[str, str]:
    """Return the environment of these tests without what is meant for them, with our commands found first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {key: value for key, value in os.environ.items() if not key.startswith(PRIVATE)} | {"PATH": path}


def free_port() -> int:
    """Return a port that nobody listens on."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]
