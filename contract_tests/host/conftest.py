"""A host with a scripted connector, on each of the two databases."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bizosaas_xero.host import DiscoveryReport, Host, open_host
from bizosaas_xero.spec import App
from contract_tests.helpers.fake_connector import Clock, Fake
from contract_tests.helpers.services import needs_postgresql

SERVER = "postgresql://postgres@127.0.0.1:5432/test"

BOTH = ["sqlite", pytest.param("postgresql", marks=needs_postgresql)]


@pytest.fixture(scope="session")
def server():
    """A connection to the server's test database, for what no host may do."""
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(SERVER, autocommit=True) as connection:
        yield connection


@pytest.fixture
def schema(server) -> Iterator[str]:
    """A URL of a PostgreSQL database that is empty: a schema of its own."""
    name = f"host_{secrets.token_hex(6)}"
    server.execute(f"CREATE SCHEMA {name}")
    yield f"{SERVER}?options=-csearch_path%3D{name}&application_name={name}"
    server.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture(params=BOTH)
def kind(request) -> str:
    return request.param


@pytest.fixture
def environ(kind: str, request) -> dict[str, str]:
    """The environment of a host: where its database is."""
    if kind == "sqlite":
        return {}
    return {"BIZOSAAS_DATABASE_URL": request.getfixturevalue("schema")}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fake(clock: Clock) -> Fake:
    return Fake(clock)


@pytest.fixture
def make_host(fake: Fake, clock: Clock, tmp_path: Path, environ: dict[str, str]) -> Iterator[Callable[..., Host]]:
    opened = []

    def make(**given: Any) -> Host:
        report = DiscoveryReport({"fake": fake.connector()}, [])
        defaults = {"report": report, "now": clock.now, "sleep": clock.sleep, "chance": lambda: 0}
        given["environ"] = environ | given.get("environ", {})
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
    url = host.connections.begin_consent("fake", app)
    offer = host.connections.finish_consent(f"http://localhost/callback?code=c&{url.split('?')[1]}")
    connection = host.connections.choose(offer).id
    vars(host.report.connector("fake")).pop("_info", None)  # tests describe the connector after they connect it
    return connection


only_sqlite = pytest.mark.parametrize("kind", ["sqlite"])
"""For what is SQLite's own: its file."""
