"""What the host remembers, and what it says when its memory is damaged."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import event

from bizosaas_xero.host import Grants
from bizosaas_xero.host.storage import dialect, ownership, tables
from bizosaas_xero.host.storage.crypto import Keyring
from bizosaas_xero.host.storage.key_rotation import ENCRYPTED_COLUMNS
from bizosaas_xero.host.storage.note_tables import NOTES
from bizosaas_xero.host.storage.notes import Notes
from bizosaas_xero.spec import App, Invalid, Misconfigured, ReconnectRequired, Unavailable
from contract_tests.helpers.fake_connector import batch, record
from contract_tests.helpers.services import only_sqlite

OTHER_KEY = Fernet.generate_key().decode()


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def process_umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


@only_sqlite
@pytest.mark.usefixtures("process_umask")
def test_files_are_for_the_owner_alone_whatever_the_umask(make_host, tmp_path):
    host = make_host(home=tmp_path / "made" / "too" / "home")
    host.sink.prepare("things", None)  # a write, so that -wal and -shm are there as well
    for folder in (host.home, *host.home.parents[:2]):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in host.home.iterdir()}
    names = ("secret.key", "bizosaas.db", "bizosaas.db-wal", "bizosaas.db-shm")
    assert modes == dict.fromkeys(names, 0o600)


@only_sqlite
def test_no_secret_lies_in_the_database(host, connection_id):
    host.store.save_pending("fake", "app", "a-state", "pending-secret", timedelta(minutes=1), {})
    host.close()
    stored = b"".join(path.read_bytes() for path in host.home.glob("bizosaas.db*"))
    for secret in (b"access-1", b"refresh-1", b"app-secret", b"pending-", b"a-state"):
        assert secret not in stored
    assert b"org-1" in stored  # the search does see what is there


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"BIZOSAAS_SECRET_KEY": OTHER_KEY}, "wrong_secret_key"),
        ({"BIZOSAAS_SECRET_KEY": "not-a-key"}, "bad_secret_key"),
    ],
)
def test_a_wrong_key_is_named_at_once(make_host, connection_id, given, reason):
    with pytest.raises(Misconfigured) as caught:
        make_host(environ=given)
    assert caught.value.reason == reason
    assert "not-a-key" not in str(caught.value)


def test_a_lost_key_file_is_not_replaced(make_host, host, connection_id):
    (host.home / "secret.key").unlink()
    with pytest.raises(Misconfigured) as caught:
        make_host()
    assert caught.value.reason == "secret_key_missing"
    assert not (host.home / "secret.key").exists()


@pytest.mark.usefixtures("connection_id")
def test_two_keys_read_what_the_older_one_encrypted(make_host, host):
    old = (host.home / "secret.key").read_text()
    both = make_host(environ={"BIZOSAAS_SECRET_KEY": f"{OTHER_KEY}, {old}"})
    assert both.store.grant("fake", "app:user").version == 1


@pytest.mark.usefixtures("connection_id")
def test_after_a_rotation_the_older_key_can_go_also_where_a_tenant_has_notes(make_host, host):
    Notes(host.database, host.store).put("waiting:fake", {"app": "entered"})
    both = make_host(environ={"BIZOSAAS_SECRET_KEY": f"{OTHER_KEY}, {(host.home / 'secret.key').read_text()}"})
    assert both.store.rotate_key() == 4, "the check, the app's secret, the grant and the note"
    only = make_host(environ={"BIZOSAAS_SECRET_KEY": OTHER_KEY})
    assert Notes(only.database, only.store).get("waiting:fake") == {"app": "entered"}
    assert only.store.grant("fake", "app:user").grant.access_token.get_secret_value() == "access-1"


def test_every_encrypted_column_is_rotated():
    columns = [column for table in (*tables.metadata.tables.values(), NOTES) for column in table.c]
    encrypted = {str(column) for column in columns if column.comment == "encrypted"}
    assert encrypted == {str(column) for column in ENCRYPTED_COLUMNS} - {"host_meta.value"}


def test_key_creation_by_many_at_once_gives_one_key(tmp_path):
    keys: list[Keyring] = []
    threads = [threading.Thread(target=lambda: keys.append(Keyring.open(tmp_path, {}, create=True))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(key.decrypt(keys[0].encrypt("x")) == "x" for key in keys)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


@only_sqlite
def test_a_damaged_database_is_named(make_host, host, connection_id):
    host.close()
    for path in host.home.glob("bizosaas.db-*"):
        path.unlink()
    (host.home / "bizosaas.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(Misconfigured) as caught:
        make_host()
    assert caught.value.reason == "database_damaged"
    assert "bizosaas.db" in caught.value.message


@only_sqlite
def test_a_database_damaged_in_the_middle_is_named(make_host, host, connection_id):
    host.close()
    path = host.home / "bizosaas.db"
    content = bytearray(path.read_bytes())
    content[100:] = os.urandom(len(content) - 100)
    path.write_bytes(content)
    with pytest.raises(Misconfigured) as caught:
        make_host().store.connections()
    assert caught.value.reason == "database_damaged"


def test_a_newer_database_is_refused(make_host, host):
    with host.database.write_transaction() as connection:
        connection.exec_driver_sql("UPDATE host_meta SET value = '99' WHERE name = 'schema'")
    with pytest.raises(Misconfigured) as caught:
        make_host()
    assert caught.value.reason == "database_newer"


@only_sqlite
def test_a_locked_database_is_unavailable(make_host, host, monkeypatch):
    monkeypatch.setattr(dialect, "BUSY_SECONDS", 0.1)
    raw = sqlite3.connect(host.home / "bizosaas.db")
    raw.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(Unavailable) as caught:
            make_host()
    finally:
        raw.close()
    assert caught.value.reason == "database_locked"


@only_sqlite
def test_a_full_disk_is_named_and_what_was_stored_stays(host, connection_id):
    host.sink.prepare("things", None)
    kept = host.store.connection(connection_id)
    host.sink.write(kept, batch(1, record("a")))
    host.close()
    event.listen(
        host.database.engine,
        "connect",
        lambda connection, _: connection.execute("PRAGMA max_page_count = 1").close(),
    )
    with pytest.raises(Unavailable) as caught:
        host.sink.write(kept, batch(2, *(record(str(n), Text="x" * 5000) for n in range(50))))
    assert caught.value.reason == "database_full"
    assert host.sink.count_rows("org-1", "things") == 1
    assert host.store.entity_state(connection_id, "things").cursor == {"n": 1}


def test_a_home_that_is_a_file_is_named(make_host, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured) as caught:
        make_host(home=tmp_path / "file")
    assert "BIZOSAAS_HOME" in caught.value.remedy


@pytest.mark.parametrize("url", ["nonsense", "nosuch://x", "oracle://x:secret@y/z"])
def test_a_wrong_database_address_is_named_without_its_password(make_host, url):
    with pytest.raises(Misconfigured) as caught:
        make_host(environ={"BIZOSAAS_DATABASE_URL": url})
    assert caught.value.reason == "bad_database_url"
    assert "secret" not in str(caught.value)


def test_a_pending_is_good_once_and_not_for_ever(host, clock):
    app = App(client_id="app")
    host.store.save_app("fake", app, {})
    host.store.save_pending("fake", "app", "s1", "p1", timedelta(minutes=30), {"page_size": 10})
    host.store.save_pending("fake", "app", "s2", "p2", timedelta(minutes=30), {})
    assert host.store.take_pending("s1") == ("fake", "app", "p1", {"page_size": 10})
    with pytest.raises(Invalid):
        host.store.take_pending("s1")
    with pytest.raises(Invalid):
        host.store.take_pending("forged")
    clock.sleep(31 * 60)
    with pytest.raises(Invalid):
        host.store.take_pending("s2")


def test_eight_need_the_same_expired_grant_and_one_refreshes(make_host, host, connection_id, fake_connector, clock):
    clock.sleep(3600)
    gate, tokens = threading.Barrier(8), []

    def need() -> None:
        mine = make_host()
        gate.wait()
        grants = Grants(mine.store, now=clock.now, sleep=lambda _: None)
        tokens.append(grants.get_valid(mine.report.connector("fake"), "app:user").grant.access_token)

    threads = [threading.Thread(target=need) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 8
    assert {token.get_secret_value() for token in tokens} == {"access-2"}
    assert [call["step"] for call in fake_connector.auth_calls].count("refresh") == 1


def fresh(host, clock, refused=None):
    grants = Grants(host.store, now=clock.now, sleep=clock.sleep)
    return grants.get_valid(host.report.connector("fake"), "app:user", refused)


def test_a_grant_far_from_its_end_is_left_alone(host, connection_id, clock, fake_connector):
    clock.sleep(20 * 60)
    assert fresh(host, clock).version == 1
    clock.sleep(6 * 60)
    assert fresh(host, clock).version == 2
    assert fresh(host, clock, refused=2).version == 3


def test_a_refresh_that_lost_to_another_worker_takes_the_others_grant(host, connection_id, clock, fake_connector):
    clock.sleep(3600)
    fake_connector.refresh_error = ReconnectRequired("used up")
    fake_connector.on_refresh = lambda: host.store.save_grant("fake", fake_connector.mint())
    assert fresh(host, clock).grant.access_token.get_secret_value() == "access-2"


def test_a_dead_grant_is_believed_and_its_lease_given_back(host, connection_id, clock, fake_connector):
    clock.sleep(3600)
    fake_connector.refresh_error = ReconnectRequired("revoked")
    for _ in range(2):
        with pytest.raises(ReconnectRequired):
            fresh(host, clock)
    assert clock.slept == [3600]


def test_while_the_other_side_is_away_a_token_is_used_to_its_end(host, connection_id, clock, fake_connector):
    fake_connector.refresh_error = Unavailable("away")
    clock.sleep(27 * 60)
    assert fresh(host, clock).version == 1
    clock.sleep(4 * 60)
    with pytest.raises(Unavailable):
        fresh(host, clock)


def hold_lease(host, owner):
    """Let a process hold the right to refresh, as of now."""
    host.store.edit_grant(
        "fake",
        "app:user",
        lambda stored, now: replace(stored, lease_owner=owner, lease_until=ownership.lease_end(now)),
    )


def test_the_lease_of_a_worker_that_died_runs_out(host, connection_id, clock, fake_connector):
    clock.sleep(3600)
    hold_lease(host, "dead")
    assert fresh(host, clock).version == 2
    assert 40 < sum(clock.slept[1:]) < 50


def test_a_refresh_that_does_not_finish_is_told_with_its_process(host, connection_id, clock, fake_connector):
    clock.sleep(3600)
    hold_lease(host, ownership.new_owner())
    beat = clock.sleep

    def sleep(seconds):
        beat(seconds)
        hold_lease(host, host.store.grant("fake", "app:user").lease_owner)

    with pytest.raises(Unavailable) as caught:
        Grants(host.store, now=clock.now, sleep=sleep).get_valid(host.report.connector("fake"), "app:user")
    assert caught.value.reason == "refresh_stuck"
    assert f"(process {os.getpid()})" in caught.value.message
    assert [call["step"] for call in fake_connector.auth_calls].count("refresh") == 0


def test_a_beat_that_meets_a_busy_database_does_not_end_the_refresh(
    host, connection_id, clock, fake_connector, monkeypatch
):
    beats = threading.Semaphore(0)

    def busy(*given, edit=host.store.edit_grant):
        if threading.current_thread().name != "refresh-lease":
            return edit(*given)
        beats.release()
        raise Unavailable("busy", reason="database_locked")

    monkeypatch.setattr(ownership, "HEARTBEAT_INTERVAL", timedelta(seconds=0.005))
    monkeypatch.setattr(host.store, "edit_grant", busy)
    fake_connector.on_refresh = lambda: [beats.acquire(timeout=10) for _ in range(3)]
    clock.sleep(3600)
    assert fresh(host, clock).version == 2


def test_a_new_consent_replaces_the_grant_and_keeps_the_connection(host, connection_id, clock, fake_connector):
    url = host.connections.begin_consent("fake", App(client_id="app", client_secret="app-secret"))
    offer = host.connections.finish_consent(f"http://localhost/?{url.split('?')[1]}")
    assert offer.identity == "app:user"
    assert host.store.grant("fake", "app:user").version == 2
    assert [item.id for item in host.store.connections()] == [connection_id]
