"""Refresh-once has one rule, on every database of the embedded host."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bizosaas_xero.host.connections import refresh
from bizosaas_xero.host.connections.grants import _Slot
from bizosaas_xero.host.connections.refresh import GrantRefresher
from bizosaas_xero.host.reasons import REFRESH_STUCK
from bizosaas_xero.host.storage import ownership
from bizosaas_xero.host.storage.database import Database
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.spec import Unavailable
from contract_tests.helpers.services import needs_postgresql

ELSEWHERE = "another-machine:1:2:3"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=needs_postgresql)])
def grant_slot(request, tmp_path, fake_connector):
    """A grant_slot that holds a grant whose end has come, by real clocks."""
    kind = request.param
    url = request.getfixturevalue("postgresql_url") if kind == "postgresql" else f"sqlite:///{tmp_path / 'kept.db'}"
    ended = fake_connector.mint().model_copy(update={"expires_at": datetime.now(UTC) - timedelta(minutes=5)})
    database = Database(url)
    store = Store(database, tmp_path, now=lambda: datetime.now(UTC), environ={})
    store.save_grant("fake", ended)
    yield _Slot(store, "fake", ended.identity)
    database.close()


def refresher(grant_slot, work, *, ahead=0.0, max_wait=30.0, sleep=time.sleep):
    """Be a process whose own clock is ahead by some seconds."""
    now = lambda: datetime.now(UTC) + timedelta(seconds=ahead)  # noqa: E731
    return GrantRefresher(grant_slot, work, REFRESH_STUCK, max_wait, now, sleep)


def next_grant(fake_connector):
    now = datetime.now(UTC)
    return fake_connector.mint().model_copy(update={"obtained_at": now, "expires_at": now + timedelta(minutes=30)})


def test_of_many_one_refreshes_and_all_get_what_was_stored(grant_slot, fake_connector, monkeypatch):
    monkeypatch.setattr(refresh, "POLL_SECONDS", 0.02)
    sent = []

    def work(grant):
        sent.append(grant.refresh_token.get_secret_value())
        time.sleep(0.3)
        return next_grant(fake_connector)

    def ask(ahead):
        got = refresher(grant_slot, work, ahead=ahead).get_valid()
        assert grant_slot.read().version == got.version  # it is stored before it is used
        return got.grant.access_token.get_secret_value()

    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(ask, (0, 90, -90, 0, 90, -90)))  # clocks that differ by more than a lease
    assert len(sent) == len(found) == 1
    assert grant_slot.read().lease_owner is None


def hold(grant_slot, owner, age):
    """Let another process hold the lease, whose last heartbeat is some time ago by the store's clock."""
    grant_slot.edit(lambda stored, now: replace(stored, lease_owner=owner, lease_until=ownership.lease_end(now - age)))


def test_a_living_process_is_waited_for_and_one_without_heartbeats_is_taken_over(grant_slot, fake_connector):
    hold(grant_slot, ELSEWHERE, timedelta(seconds=35))  # three heartbeats were lost
    with pytest.raises(Unavailable) as caught:
        refresher(grant_slot, lambda _: pytest.fail("refreshed twice"), max_wait=0.4).get_valid()
    assert caught.value.reason == "refresh_stuck"
    assert "(process 1)" in caught.value.message
    hold(grant_slot, ELSEWHERE, timedelta(seconds=46))
    assert refresher(grant_slot, lambda _: next_grant(fake_connector)).get_valid().grant.access_token


def test_a_dead_process_of_this_machine_blocks_none(grant_slot, fake_connector):
    machine = ownership.new_owner().split(":")[0]
    hold(grant_slot, f"{machine}:999999999:1:x", timedelta())
    assert refresher(grant_slot, lambda _: next_grant(fake_connector), max_wait=0).get_valid().grant.access_token


def test_a_lease_that_this_process_failed_to_give_back_blocks_it_not(grant_slot, fake_connector, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(type(grant_slot), "edit", edit_until(grant_slot, "release"))
        with pytest.raises(Unavailable, match="restarted"):
            refresher(grant_slot, fail_with(Unavailable("away"))).get_valid()
    assert grant_slot.read().lease_owner
    assert refresher(grant_slot, lambda _: next_grant(fake_connector), max_wait=0).get_valid().grant.access_token


def fail_with(error):
    def work(_grant):
        raise error

    return work


def edit_until(grant_slot, name):
    """Return an ``edit`` that meets a store that is away when a change of this name comes."""
    edit = type(grant_slot).edit

    def away(self, change):
        if change.__name__ == name:
            raise Unavailable("the database was restarted", reason="database_unreachable")
        return edit(self, change)

    return away


def test_heartbeats_hold_the_lease_and_one_who_lost_it_moves_no_other(grant_slot, fake_connector, monkeypatch):
    monkeypatch.setattr(ownership, "HEARTBEAT_INTERVAL", timedelta(milliseconds=20))
    ends = []

    def work(_grant):
        first = grant_slot.read().lease_until
        end = time.monotonic() + 20
        while grant_slot.read().lease_until == first:
            assert time.monotonic() < end, "no heartbeat"
            time.sleep(0.01)
        hold(grant_slot, ELSEWHERE, timedelta())
        ends.append(grant_slot.read().lease_until)
        time.sleep(0.1)
        ends.append(grant_slot.read().lease_until)
        raise Unavailable("away")

    with pytest.raises(Unavailable):
        refresher(grant_slot, work).get_valid()
    assert ends[0] == ends[1]
    assert grant_slot.read().lease_owner == ELSEWHERE


def test_who_refreshes_too_late_takes_the_newer_grant(grant_slot, fake_connector):
    newer = next_grant(fake_connector)

    def work(_grant):
        grant_slot.edit(lambda stored, _now: replace(stored, grant=newer))
        return next_grant(fake_connector)

    assert refresher(grant_slot, work).get_valid().grant.access_token == newer.access_token


def test_while_another_refreshes_a_good_token_is_used(grant_slot, fake_connector):
    now = datetime.now(UTC)
    soon = {"obtained_at": now - timedelta(minutes=29), "expires_at": now + timedelta(minutes=1)}
    grant_slot.edit(lambda stored, _now: replace(stored, grant=next_grant(fake_connector).model_copy(update=soon)))
    hold(grant_slot, ELSEWHERE, timedelta())
    stored = grant_slot.read()
    assert refresher(grant_slot, lambda _: pytest.fail("refreshed")).get_valid().version == stored.version
    with pytest.raises(Unavailable):  # a refused one is not
        refresher(grant_slot, lambda _: pytest.fail("refreshed"), max_wait=0).get_valid(refused=stored.version)


# ---------------------------------------------------------------- power
