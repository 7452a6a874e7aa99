"""What seems to need a person is probed again, and heals by itself; a refusal of one entity stops that entity."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from bizosaas_xero.spec import (
    EntityInfo,
    MissingScope,
    Organisation,
    OrganisationUnavailable,
    ReconnectRequired,
    Reference,
)
from contract_tests.helpers.fake_connector import SCHEMA, batch, record

pytestmark = pytest.mark.any_database

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def _connector_has_two_entities(fake_connector):
    fake_connector.more_entities = [
        EntityInfo(name="others", title="Others", key="Id", json_schema=SCHEMA, interval=900)
    ]
    fake_connector.references = [Reference(path="Lines.Code", entity="others", by="Id")]


def others(number):
    return batch(number, entity="others")


def run_due(host):
    return [(outcome.entity, outcome.problem and outcome.problem["reason"]) for _, outcome in host.scheduler.run_due()]


def settle(host, fake_connector):
    fake_connector.runs = [[batch(1)], [others(1)]]
    assert [problem for _, problem in run_due(host)] == [None, None]


def test_a_refused_connection_is_probed_after_an_hour_and_heals_with_an_event(
    host, connection_id, fake_connector, clock
):
    settle(host, fake_connector)
    clock.sleep(900)
    fake_connector.runs = [[OrganisationUnavailable("Access denied", reason="refused")]]
    assert len(run_due(host)) == 1
    connection = host.store.connection(connection_id)
    assert (connection.state, connection.state_since) == ("reconnect", clock.now())
    (job,) = host.scheduler.list_jobs()
    assert job.due == clock.now() + HOUR
    fake_connector.runs = [[batch(2)], [others(2)]]
    clock.sleep(3600)
    assert sorted(entity for entity, problem in run_due(host)) in (["things"], ["others"], ["others", "things"])
    connection = host.store.connection(connection_id)
    assert (connection.state, connection.problem, connection.state_since) == ("active", None, None)
    (event,) = host.events.list_since()
    assert (event.name, event.data["reason"]) == ("sync_recovered", "refused")
    run_due(host)
    assert fake_connector.runs == []  # the other entity runs at once as well


def test_a_problem_is_probed_hourly_for_a_day_then_daily_for_thirty_days_and_keeps_its_beginning(
    host, connection_id, fake_connector, clock
):
    settle(host, fake_connector)
    clock.sleep(900)
    start, moments = clock.now(), []
    while host.scheduler.list_jobs() and len(moments) < 100:
        clock.moment = max(clock.now(), host.scheduler.list_jobs()[0].due)
        fake_connector.runs = [[ReconnectRequired("revoked")]]
        run_due(host)
        moments.append(clock.now() - start)
        assert host.store.connection(connection_id).state_since == start
    assert moments[:26] == [HOUR * n for n in range(25)] + [DAY * 2]
    assert (len(moments), moments[-1]) == (55, DAY * 31)


def test_a_refusal_of_one_entity_stops_only_that_entity(host, connection_id, fake_connector, clock):
    settle(host, fake_connector)
    fake_connector.details = Organisation(id="org-1", name="Beans & Co", currency="NZD")  # the check says that it works
    fake_connector.check_cost = {"calls": 1, "bytes": 10, "day_left": 900}
    for _ in range(3):
        clock.sleep(1000)
        fake_connector.runs = [[OrganisationUnavailable("not authorised")], [others(2)]]
        list(host.scheduler.run_due())
        if not fake_connector.runs:
            break
    states = {state.entity: state for state in host.store.entity_states(connection_id)}
    assert host.store.connection(connection_id).state == "active"
    blocked = [entity for entity, state in states.items() if state.blocked_since is not None]
    assert len(blocked) == 1
    assert {job.info.name for job in host.scheduler.list_jobs()} == {"things", "others"}
    assert states[blocked[0]].next_due - states[blocked[0]].last_run >= HOUR


def test_a_missing_permission_is_probed_hourly_and_not_with_each_interval(host, connection_id, fake_connector, clock):
    settle(host, fake_connector)
    clock.sleep(900)
    fake_connector.runs = [[MissingScope("things")], [others(2)]]
    run_due(host)
    run_due(host)
    blocked = next(state for state in host.store.entity_states(connection_id) if state.blocked_since)
    assert (blocked.blocked_since, blocked.next_due) == (clock.now(), clock.now() + HOUR)
    assert host.store.connection(connection_id).state == "active"


def test_event_ids_do_not_repeat_after_an_old_backup_is_restored(host, connection_id, fake_connector, clock):
    connection = host.store.connection(connection_id)
    state = host.store.entity_state(connection_id, "things")
    for _ in range(3):
        host.events.record_recovery(connection, state)
    given = [event.id for event in host.events.list_since()]
    assert len(set(given)) == 3
    with host.database.write_transaction() as transaction:
        transaction.execute(sa.text("DELETE FROM host_events"))
    clock.sleep(1)
    host.events.record_recovery(connection, state)
    (event,) = host.events.list_since()
    assert event.id > max(given)


def test_a_record_that_names_an_unknown_record_makes_its_entity_due_at_once(host, connection_id, fake_connector, clock):
    fake_connector.runs = [[batch(1)], [batch(1, record("known"), entity="others")]]
    for entity in ("things", "others"):
        assert host.runner.sync(connection_id, entity).problem is None
    clock.sleep(60)
    fake_connector.runs = [[batch(2, record("a", Lines=[{"Code": "known"}, {}]), record("b", Lines=None), record("c"))]]
    host.runner.sync(connection_id, "things")
    assert host.store.entity_state(connection_id, "others").next_due > clock.now()
    fake_connector.runs = [[batch(3, record("d", Lines=[{"Code": "known"}, {"Code": "unknown"}]))]]
    host.runner.sync(connection_id, "things")
    assert host.store.entity_state(connection_id, "others").next_due == clock.now()
