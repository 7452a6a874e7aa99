"""A backup is one consistent state, also during a sync; an old one restored is safe for the books and for receivers."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import stat
import threading
from datetime import timedelta

import pytest

from bizosaas_xero.host.support.backup import back_up, restore
from bizosaas_xero.host.sync.events import Event
from bizosaas_xero.spec import (
    ConnectorError,
    EventRule,
    Invalid,
    Misconfigured,
    ReconnectRequired,
)
from contract_tests.helpers.fake_connector import batch, record
from contract_tests.helpers.ledger_connector import Payer
from contract_tests.helpers.services import only_sqlite


class Shop(Payer):
    """A connector with an event when a record is closed, and an action that writes."""

    def __init__(self, clock):
        super().__init__(clock)
        self.events = [EventRule(name="closed", title="Closed", where={"Open": [False]})]


pytestmark = [only_sqlite, pytest.mark.connector_class(cls=Shop)]


@pytest.fixture
def saved(host, connection_id, clock, tmp_path):
    """Return a function that backs the host up."""

    def save(name="copy.db", *, with_key=False):
        back_up(host.store, tmp_path / name, with_key=with_key, now=clock.now())
        return tmp_path / name

    return save


@pytest.fixture
def again(host, make_host, clock, tmp_path):
    """Return a function that restores a file, and opens the host that then is."""

    def put_back(file, environ=None, home=None):
        home = home or tmp_path / "home"
        result = restore(file, home, environ=environ or {}, now=clock.now, who="maria")
        return make_host(home=home, environ=environ or {}), result

    return put_back


def sync(host, fake_connector, connection_id, *records):
    fake_connector.runs = [[batch(len(fake_connector.calls) + 1, *records)]]
    assert host.runner.sync(connection_id, "things").problem is None


def at(moment, key="a", **values):
    return record(key, At=f"2026-03-01T{moment}:00Z", **values)


class Receiver:
    """Takes what is posted, and ignores a ``webhook-id`` that it has seen, as the standard says."""

    def __init__(self):
        self.seen = {}

    def __call__(self, _url, body, headers):
        self.seen.setdefault(headers["webhook-id"], json.loads(body))
        return 204

    def names(self):
        return [(event["name"], event["key"]) for event in self.seen.values()]


def test_the_story_of_an_old_backup(host, fake_connector, connection_id, saved, again, clock):
    """Everything that happened after the backup happens to it again, and nothing of it twice outside."""
    fake_connector.stamp = "At"
    receiver = host.webhooks._post = Receiver()
    host.webhooks.set_url(connection_id, "https://crm.example/")
    sync(host, fake_connector, connection_id, at("10:00"), at("10:00", "b"))
    sync(host, fake_connector, connection_id, at("10:01", Open=False))
    waiting = host.act(connection_id, "pay", {"to": "Bob", "amount": "1.00"}, requester="agent").stored_plan
    host.approvals.approve(waiting, "Ann")
    file = saved()
    host.webhooks.deliver_due()
    sync(host, fake_connector, connection_id, at("10:02", "b", Open=False))
    host.webhooks.deliver_due()
    assert receiver.names() == [("closed", "a"), ("closed", "b")]
    host.approvals.refuse(waiting, "Ann")
    last = max(event.id for event in host.events.list_since())
    head = host.audit.head()
    host.close()

    clock.moment += timedelta(days=2)
    host, restored = again(file)
    assert (restored.organisations, restored.plans) == (["Beans & Co"], 1)
    sync(host, fake_connector, connection_id, at("10:02", "b", Open=False))
    sync(host, fake_connector, connection_id, at("11:00", "a", Open=True), at("11:00", "c"))
    sync(host, fake_connector, connection_id, at("12:00", "a", Open=False))
    host.webhooks._post = receiver
    host.webhooks.deliver_due()
    assert receiver.names() == [("closed", "a"), ("closed", "b"), ("closed", "a")], "the first two came once"
    assert min(event.id for event in host.events.list_since(last)) > last
    assert len(host.events.list_since(last)) == 2
    again_asked = host.act(connection_id, "pay", mode="plan", params={"to": "Bob", "amount": "1.00"}, requester="agent")
    assert again_asked.stored_plan.decision is None, "an approval that was taken back since does not come back"
    entry = next(entry for entry in host.audit.entries() if entry.kind == "restore")
    assert (entry.who, entry.details["replaced_head"]) == ("maria", str(head))
    assert host.audit.verify().ok


def test_plans_of_then_are_void(host, connection_id, saved, again, fake_connector):
    asked = host.act(connection_id, "pay", {"to": "Bob", "amount": "1.00"}, requester="agent").stored_plan
    host.approvals.approve(asked, "Ann")
    file = saved()
    host.close()
    host, _ = again(file)
    with pytest.raises(ConnectorError) as caught:
        host.act(connection_id, "pay", mode="commit", plan_hash=asked.plan.hash, requester="agent")
    assert caught.value.reason == "stale_plan"
    again_asked = host.act(connection_id, "pay", {"to": "Bob", "amount": "1.00"}, requester="agent").stored_plan
    assert again_asked.plan.hash == asked.plan.hash
    done = host.act(connection_id, "pay", mode="commit", plan_hash=asked.plan.hash, requester="agent")
    assert done.status == "needs_approval", "the approval of then does not count for what is asked for now"
    assert fake_connector.ledger == []


def test_doctor_says_that_the_sign_in_of_then_is_dead(host, connection_id, saved, again, fake_connector, clock):
    file = saved()
    host.close()
    fake_connector.refresh_error = ReconnectRequired("The refresh token was used up.")
    host, _ = again(file)
    found = {finding.part: finding for finding in host.doctor.examine()}
    assert found["sign-in"].level == "problem"
    assert "used up" in found["sign-in"].message
    assert host.runner.sync(connection_id, "things").problem["code"] == "reconnect_required" or fake_connector.calls


def test_a_lease_of_then_stops_no_one(host, connection_id, saved, again, fake_connector):
    with host.leases.hold(f"sync:{connection_id}", "Beans", 0):
        file = saved()
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as copy:  # as of another machine
        changed = copy.execute("UPDATE host_leases SET owner = 'elsewhere:1:2:3', until = '2999-01-01T00:00:00Z'")
        assert changed.rowcount == 1
    host.close()
    host, _ = again(file)
    sync(host, fake_connector, connection_id, record("a"))
    assert host.runner._sleep.__self__.slept == []


def test_a_sync_that_is_under_way_stores_nothing_in_the_restored_database(
    host, connection_id, saved, fake_connector, clock, tmp_path
):
    file = saved()

    def sync_entity(connection, entity, cursor, options):
        yield batch(1, record("a"), more=True)
        restore(file, tmp_path / "home", environ={}, now=clock.now, who="maria")
        yield batch(2, record("b"))

    fake_connector.sync_entity = sync_entity
    assert host.runner.sync(connection_id, "things").problem["reason"] == "sync_taken_over"
    assert list(host.sink.iter_records("org-1", "things")) == []
    assert host.store.entity_state(connection_id, "things").cursor is None


@pytest.mark.parametrize("with_key", [False, True])
def test_another_machine_needs_the_key(host, connection_id, saved, again, tmp_path, with_key):
    file = saved(with_key=with_key)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = (host.home / "secret.key").read_text()
    assert (key in file.read_bytes().decode("latin-1")) is with_key
    home = tmp_path / "new"
    if not with_key:
        with pytest.raises(Misconfigured) as caught:
            again(file, home=home)
        assert caught.value.reason == "secret_key_missing"
        home.mkdir(exist_ok=True)
        shutil.copy(host.home / "secret.key", home / "secret.key")
    other, restored = again(file, home=home)
    assert restored.kept is None
    assert other.store.grant("fake", "app:user").grant.access_token.get_secret_value() == "access-1"
    assert key not in (home / "bizosaas.db").read_bytes().decode("latin-1"), "the key is not left in the database"


def test_the_key_of_a_backup_comes_before_the_present_one(host, connection_id, saved, again, tmp_path, make_host):
    file = saved(with_key=True)
    home = tmp_path / "new"
    make_host(home=home).close()
    own = (home / "secret.key").read_text()
    other, restored = again(file, home=home)
    assert (home / "secret.key").read_text().split() == [(host.home / "secret.key").read_text(), own]
    assert restored.kept.exists()
    assert other.store.connections()[0].id == connection_id


def test_the_present_database_is_kept_also_when_it_is_damaged(host, connection_id, saved, again, tmp_path):
    file = saved()
    host.close()
    path = tmp_path / "home" / "bizosaas.db"
    path.write_bytes(path.read_bytes()[:40_000])
    _, restored = again(file)
    assert restored.kept.stat().st_size == 40_000
    assert restored.organisations == ["Beans & Co"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:40_000]),
        lambda path: path.write_bytes(path.read_bytes()[:-16_384]),
        lambda path: path.write_bytes(b"not a database at all, but long enough to look like one" * 99),
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
        lambda path: sqlite3.connect(path).executescript("DROP TABLE host_meta").close(),
    ],
    ids=["cut", "a page short", "text", "empty", "absent", "another database"],
)
def test_what_is_not_a_whole_backup_changes_nothing(host, connection_id, saved, again, spoil):
    file = saved()
    spoil(file)
    with pytest.raises(Invalid) as caught:
        again(file)
    assert caught.value.reason == "bad_backup"
    assert host.store.connections()[0].id == connection_id
    assert sorted(path.name for path in host.home.iterdir() if path.suffix not in {".db-wal", ".db-shm"}) == [
        "bizosaas.db",
        "secret.key",
    ]


def test_a_backup_of_a_newer_release_or_another_key_changes_nothing(host, connection_id, saved, again, tmp_path):
    file = saved()
    with sqlite3.connect(file) as raw:
        raw.execute("UPDATE host_meta SET value = '99' WHERE name = 'schema'")
    with pytest.raises(Misconfigured) as caught:
        again(file)
    assert caught.value.reason == "database_newer"
    with pytest.raises(Misconfigured) as caught:
        again(saved("second.db"), environ={"BIZOSAAS_SECRET_KEY": "A" * 43 + "="})
    assert caught.value.reason == "wrong_secret_key"
    assert host.store.connections()[0].id == connection_id


def test_nothing_is_overwritten_and_no_half_backup_is_left(host, connection_id, saved, tmp_path, clock):
    file = saved()
    before = file.read_bytes()
    with pytest.raises(Invalid) as caught:
        saved()
    assert (caught.value.reason, file.read_bytes()) == ("bad_backup", before)
    with pytest.raises(Misconfigured) as failed:
        back_up(host.store, tmp_path / "no" / "folder.db", with_key=False, now=clock.now())
    assert failed.value.reason == "file_unwritable"
    assert {path.name for path in tmp_path.iterdir()} == {"home", "copy.db"}


def test_a_backup_during_a_sync_holds_whole_batches_with_their_cursor(
    host, connection_id, saved, again, fake_connector
):
    """Copies are taken while batches are written: each holds the rows up to its cursor, and no part of the next."""
    copies, started = [], threading.Event()

    def sync_entity(connection, entity, cursor, options):
        for number in range((cursor or {"n": 0})["n"] + 1, 41):
            yield batch(number, *(record(f"{number}-{n}") for n in range(50)), more=number < 40)
            started.set()

    fake_connector.sync_entity = sync_entity
    thread = threading.Thread(target=host.runner.sync, args=(connection_id, "things"))
    thread.start()
    assert started.wait(20)
    while thread.is_alive() and len(copies) < 8:
        copies.append(saved(f"copy-{len(copies)}.db"))
    thread.join()
    assert copies
    for file in copies:
        with sqlite3.connect(file) as raw:
            (count,) = raw.execute("SELECT count(*) FROM things").fetchone()
            (cursor,) = raw.execute("SELECT cursor FROM host_entities").fetchone()
        assert count == 50 * json.loads(cursor)["n"]
    host.close()
    other, _ = again(copies[0])
    assert other.runner.sync(connection_id, "things").problem is None
    assert len(list(other.sink.iter_records("org-1", "things"))) == 2000


def test_the_event_of_a_record_without_a_timestamp_is_named_by_its_id(host, connection_id, fake_connector):
    sync(host, fake_connector, connection_id, record("a"))
    sync(host, fake_connector, connection_id, record("a", Open=False))
    receiver = host.webhooks._post = Receiver()
    host.webhooks.set_url(connection_id, "https://crm.example/")
    sync(host, fake_connector, connection_id, record("a", Open=True))
    sync(host, fake_connector, connection_id, record("a", Open=False))
    host.webhooks.deliver_due()
    ((name, event),) = receiver.seen.items()
    assert name == f"evt_{event['id']}"
    assert set(event) == set(Event.__dataclass_fields__)
