"""When each entity is due; with a clock that tests set."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bizosaas_xero.host.storage import leases
from bizosaas_xero.spec import RateLimited, ReconnectRequired, Unavailable
from contract_tests.helpers.fake_connector import batch, record

pytestmark = pytest.mark.any_database

WHOLE = [batch(1, record("a"))]
LIMIT = RateLimited("day limit", retry_after=40_000)


@pytest.fixture
def run_due(host):
    """Run due syncs, and return organisation and problem of each."""
    return lambda: [(kept.organisation_id, o.problem and o.problem["code"]) for kept, o in host.scheduler.run_due()]


def another(host, connection_id, name):
    kept = host.store.connection(connection_id)
    other = replace(kept, id=f"fake:{name}", organisation_id=name, organisation=name)
    host.store.save_connection(other)
    return other.id


def test_a_new_connection_is_due_at_once_and_then_by_its_interval(host, connection_id, fake_connector, clock, run_due):
    fake_connector.runs = [WHOLE] * 3
    assert run_due() == [("org-1", None)]
    assert run_due() == []
    assert host.scheduler.seconds_until_due() == 60
    clock.sleep(890)
    assert run_due() == []
    assert host.scheduler.seconds_until_due() == 10
    clock.sleep(10)
    assert run_due() == [("org-1", None)]


def test_what_was_missed_is_caught_up_with_once(connection_id, fake_connector, clock, run_due):
    fake_connector.runs = [WHOLE] * 2
    run_due()
    clock.sleep(3 * 86_400)  # the computer slept over the weekend
    assert run_due() == [("org-1", None)]
    assert run_due() == []


def test_jitter_spreads_runs_and_never_brings_them_early(make_host, host, connection_id, fake_connector, clock):
    for chance in (0.0, 0.5, 1.0):
        fake_connector.runs = [WHOLE]
        make_host(chance=lambda chance=chance: chance).runner.sync(connection_id, "things")
        due = host.store.entity_state(connection_id, "things").next_due
        assert (due - clock.now()).total_seconds() == pytest.approx(900 * (1 + 0.05 * chance))


def test_a_day_limit_postpones_its_organisation_and_no_other(host, connection_id, fake_connector, clock, run_due):
    second = another(host, connection_id, "org-2")
    fake_connector.runs = [[LIMIT], WHOLE]
    assert run_due() == [("org-1", "rate_limited"), ("org-2", None)]
    assert host.store.connection(connection_id).resume_at == clock.now() + timedelta(seconds=40_000)
    assert host.store.connection(second).resume_at is None
    fake_connector.runs = [WHOLE]
    clock.sleep(1000)
    assert run_due() == [("org-2", None)]
    fake_connector.runs = [WHOLE, WHOLE]
    clock.sleep(39_000)
    assert sorted(run_due()) == [("org-1", None), ("org-2", None)]
    assert host.store.connection(connection_id).resume_at is None


def test_what_keeps_failing_is_tried_less_and_less_often(host, connection_id, fake_connector, clock, run_due):
    pauses = []
    for _ in range(9):
        fake_connector.runs = [[Unavailable("off")] for _ in range(4)]
        assert run_due() == [("org-1", "unavailable")]
        due = host.store.entity_state(connection_id, "things").next_due
        pauses.append((due - clock.now()).total_seconds())
        clock.moment = due
    assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    fake_connector.runs = [WHOLE]
    run_due()
    assert host.store.entity_state(connection_id, "things").failures == 0


def test_a_connection_that_waits_for_a_person_is_tried_again_after_an_hour(
    host, connection_id, fake_connector, clock, run_due
):
    fake_connector.runs = [[ReconnectRequired("revoked")]]
    assert run_due() == [("org-1", "reconnect_required")]
    clock.sleep(3_599)
    assert run_due() == []
    assert host.scheduler.seconds_until_due() == 1
    clock.sleep(1)
    fake_connector.runs = [WHOLE]
    assert run_due() == [("org-1", None)]
    assert host.store.connection(connection_id).state == "active"


def test_beside_another_that_syncs_it_looks_again_soon(host, connection_id, fake_connector, clock, run_due):
    fake_connector.runs = [WHOLE]
    lease = host.leases.try_acquire(f"sync:{connection_id}")
    assert run_due() == []
    assert clock.slept == []
    assert host.scheduler.seconds_until_due() == 5
    with host.database.write_transaction() as transaction:
        lease.release(transaction)
    clock.sleep(leases.LEASE_WAIT_SECONDS)
    assert run_due() == [("org-1", None)]


def test_a_run_that_was_killed_is_due_again_at_once(host, connection_id, fake_connector, run_due):
    def die(_):
        raise KeyboardInterrupt

    fake_connector.runs = [[batch(1, more=True)], WHOLE]
    with pytest.raises(KeyboardInterrupt):
        host.runner.sync(connection_id, "things", on_progress=die)
    assert run_due() == [("org-1", None)]


def test_a_hundred_organisations_in_one_process(host, connection_id, fake_connector, clock, run_due):
    for number in range(99):
        another(host, connection_id, f"org-{number:03}")
    fake_connector.runs = [[batch(1, record("a"), record(str(n)))] for n in range(100)]
    found = run_due()
    assert len(found) == len({organisation for organisation, _ in found}) == 100
    assert all(problem is None for _, problem in found)
    assert all(host.sink.count_rows(organisation, "things") == 2 for organisation, _ in found)
    assert [call["connection"]["organisation_id"] for call in fake_connector.calls] == [name for name, _ in found]
    assert run_due() == []
