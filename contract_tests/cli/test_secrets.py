"""Proof 6: after a full run no token and no secret is found anywhere but in the sandbox's own memory."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Self

import httpx
from cryptography.fernet import Fernet

from bizosaas_xero.host import open_host


def held_secrets(person) -> set[str]:
    """Decrypt what the host holds now."""
    with open_host(person.home, environ={}) as host:
        found = {person.environ["XERO_CLIENT_SECRET"]}
        for identity in host.store.identities("xero"):
            grant = host.store.grant("xero", identity).grant.model_dump(mode="json")
            found |= {grant["access_token"], grant["refresh_token"]}
    return found


class ProcessList:
    """Reads the arguments of all processes again and again, as another user of the machine could."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes())
                except OSError:
                    continue  # it ended meanwhile

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_no_token_and_no_secret_is_found(person):
    url = person.sandbox["api_url"]
    callbacks = []
    walk = person.consent
    person.consent = lambda address, **given: callbacks.append(walk(address, **given)) or callbacks[-1]
    with ProcessList() as processes:
        person.environ |= {"PYTHONWARNINGS": "default"}  # in fresh interpreters, until the first refresh
        assert person.connect()[0] == 0
        secrets = held_secrets(person)
        assert person.run("--debug", "sync").returncode == 0
        person.fault("expire_token")
        assert person.run("--debug", "sync", "--json").returncode == 0  # refreshes
        secrets |= held_secrets(person)
        assert len(secrets) == 5, "the refresh gave new tokens"
        del person.environ["PYTHONWARNINGS"]
        for kind in ("malformed", "truncated", "cut", "expire_token"):
            person.fault(kind)
            person.run("--debug", "sync", "invoices", "--json")
            secrets |= held_secrets(person)
        for command in (["status"], ["organisations"], ["connectors"]):
            person.run("--debug", *command)
            person.run("--debug", *command, "--json")
        person.run("status", BIZOSAAS_SECRET_KEY=Fernet.generate_key().decode())
        person.fault("revoke_grant")
        person.run("--debug", "sync")
        stored = b"".join(path.read_bytes() for path in person.home.glob("bizosaas.db*"))
        person.run("--debug", "disconnect", "--yes")
    for callback in callbacks:
        secrets.add(httpx.URL(callback).params["code"])
    key = (person.home / "secret.key").read_text()
    stored += b"".join(path.read_bytes() for path in person.home.glob("bizosaas.db*"))
    places = {
        "output": "".join(person.spoken).encode(),
        "database": stored,
        "process list": b"\n".join(processes.seen),
    }
    assert all(len(secret) > 20 for secret in secrets)
    for name, content in places.items():
        assert len(content) > 1000, name
        for secret in {*secrets, key}:
            assert secret.encode() not in content, f"a secret is in the {name}"
            assert json.dumps(secret)[1:-1].encode() not in content
    assert b"connect" in places["process list"]
    assert person.environ["XERO_CLIENT_ID"].encode() in stored
    assert httpx.get(f"{url}/_sandbox/log").json()["requests"]
