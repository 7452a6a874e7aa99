"""Past syncs are kept with what they brought, the newest of each entity."""

from __future__ import annotations

from datetime import timedelta

from bizosaas_xero.host.sync import run_history
from bizosaas_xero.spec import Unavailable
from contract_tests.helpers.fake_connector import batch, record


def test_each_sync_is_kept_with_its_result_the_newest_first(host, connection_id, sync_things, fake_connector, clock):
    fake_connector.runs = [[batch(1, record("a"))], [Unavailable("it is away", retry_after=600)]]
    begun = clock.now()
    sync_things()
    clock.sleep(60)
    sync_things()
    failed, first = host.runs.list_recent(connection_id, 10)
    assert (first.entity, first.at, first.outcome["new"], first.outcome["problem"]) == ("things", begun, 1, None)
    assert "it is away" in failed.outcome["problem"]["message"]
    assert host.runs.list_recent(connection_id, 1) == [failed]
    assert host.runs.list_recent(connection_id, 10, "others") == []


def test_the_oldest_are_forgotten_by_entity(host, connection_id, clock, monkeypatch):
    monkeypatch.setattr(run_history, "RUNS_KEPT", 3)
    start = clock.now()
    host.runs.add(connection_id, "others", start, {"new": 0})
    for minute in range(5):
        host.runs.add(connection_id, "things", start + timedelta(minutes=minute), {"new": minute})
    kept = host.runs.list_recent(connection_id, 10)
    assert [(each.entity, each.outcome["new"]) for each in kept] == [
        ("things", 4),
        ("things", 3),
        ("things", 2),
        ("others", 0),
    ]
