"""A host with a scripted connector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bizosaas_xero.host import DiscoveryReport, Host, open_host
from bizosaas_xero.spec import App
from contract_tests.host.fakes import Clock, Fake


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fake(clock: Clock) -> Fake:
    return Fake(clock)


@pytest.fixture
def make_host(fake: Fake, clock: Clock, tmp_path: Path) -> Iterator[Callable[..., Host]]:
    opened = []

    def make(**given: Any) -> Host:
        report = DiscoveryReport({"fake": fake.connector()}, [])
        defaults = {"report": report, "environ": {}, "now": clock.now, "sleep": clock.sleep}
        opened.append(open_host(given.pop("home", tmp_path / "home"), **(defaults | given)))
        return opened[-1]

    yield make
    for host in opened:
        host.close()


@pytest.fixture
def host(make_host: Callable[..., Host]) -> Host:
    return make_host()


@pytest.fixture
def connected(host: Host) -> str:
    """Return the id of a connection to the fake's one organisation."""
    app = App(client_id="app", client_secret="app-secret", redirect_uri="http://localhost/callback")
    url = host.connecting.begin("fake", app)
    offer = host.connecting.finish(f"http://localhost/callback?code=c&{url.split('?')[1]}")
    return host.connecting.choose(offer).id
