"""Hostile histories of a host with a database, on both databases; and that a broken sync does not pass them."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import stamina

from bizosaas_xero.connector.http.client import Client
from bizosaas_xero.connector.sync.run import SyncRun
from bizosaas_xero.host.storage import tables
from bizosaas_xero.host.storage.database import upsert
from bizosaas_xero.host.sync.sink import Sink
from bizosaas_xero.sandbox import serve
from contract_tests.reliability.host_histories import History

# A fault may come after the last request of a sync, or meet nothing that it could damage.
pytestmark = pytest.mark.unstruck_faults

STEPS = 12
MANY = {"sqlite": range(200), "postgresql": range(200, 400)}
FEW = {"sqlite": [12], "postgresql": [200]}
LIES = ("status 304", "malformed", "bad_row", "clock_ahead", "contradict", "truncated", "cut", "skew", "killed")


@pytest.fixture
def live(database_kind, request, tmp_path):
    """Run histories, each with a database and books of its own; return what happened how often."""

    def fresh_environ():
        if database_kind == "sqlite":
            return {}
        url, server = request.getfixturevalue("postgresql_url"), request.getfixturevalue("postgresql_server")
        schema = re.search(r"host_[0-9a-f]{12}", url)[0]
        server.execute(f"DROP SCHEMA {schema} CASCADE; CREATE SCHEMA {schema}")
        return {"BIZOSAAS_DATABASE_URL": url}

    def run(seeds):
        happened = Counter()
        with stamina.set_testing(True, attempts=2, cap=True):
            for seed in seeds:
                with serve(invoices=20, seed=11, limits=False) as box:
                    try:
                        happened += History(seed, box, tmp_path / str(seed), fresh_environ()).run(STEPS)
                    except AssertionError as error:
                        raise AssertionError(f"history {seed}: {error}") from error
        return happened

    return run


@pytest.mark.any_database
def test_what_a_hostile_history_loses_has_a_name(live, database_kind):
    assert live(FEW[database_kind])["killed"]


@pytest.mark.slow
def test_what_four_hundred_hostile_histories_lose_has_a_name(live, database_kind):
    happened = live(MANY[database_kind])
    assert all(happened[lie] > 20 for lie in LIES), happened


# ---------------------------------------------------------------- broken on purpose


def cursor_before_its_records(patch):
    write = Sink.write

    def written(self, connection, batch, lease=None):
        keys = {"connection_id": connection.id, "entity": batch.entity}
        with self._database.write_transaction() as transaction:
            upsert(self._database, transaction, tables.entities, keys, {"cursor": batch.cursor})
        return write(self, connection, batch, lease)

    patch(Sink, "write", written)


class Conditional(dict):
    def __contains__(self, name):
        return name == "If-Modified-Since" or super().__contains__(name)


def any_304_believed(patch):
    send = Client._send_once

    def believed(self, method, url, params, headers, body=None):
        return send(self, method, url, params, Conditional(headers), body)

    patch(Client, "_send_once", believed)


def clock_that_went_back_not_seen(patch):
    patch(SyncRun, "_check_clock", lambda *_: None)


@pytest.mark.slow
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "broken",
    [cursor_before_its_records, any_304_believed, clock_that_went_back_not_seen],
    ids=lambda broken: broken.__name__,
)
def test_a_deliberately_broken_sync_is_found(broken, live, database_kind, monkeypatch):
    broken(monkeypatch.setattr)
    with pytest.raises(AssertionError, match="the table is not the books"):
        live(MANY[database_kind])
