"""The database's file, copied with ``cp`` while syncs run: what is in it, and how a damaged one is told."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3

import pytest

from bizosaas_xero.host.support.backup import restore
from bizosaas_xero.spec import Invalid, Misconfigured
from contract_tests.helpers.fake_connector import batch, record
from contract_tests.helpers.services import only_sqlite

pytestmark = only_sqlite

PAGE = 16_384


@pytest.fixture
def copied_home(host, tmp_path):
    """The folder of a copy, with the key."""
    folder = tmp_path / "copied"
    folder.mkdir()
    shutil.copy(host.home / "secret.key", folder)
    return folder


@pytest.fixture
def sync_version(host, connection_id, fake_connector):
    """Sync as many rows, all of one version; longer names need more pages."""

    def sync(version, number=900, length=300, into=host, **given):
        rows = [record(f"{each:05}", Total="1.00", Name=f"{version}{'x' * length}") for each in range(number)]
        fake_connector.runs = [[batch(version, *rows)]]
        assert into.runner.sync(connection_id, "things", **given).problem is None

    return sync


def checkpoint(host):
    """Write what is in the -wal into the file, as SQLite does now and then."""
    with contextlib.closing(sqlite3.connect(host.database.path)) as raw:
        assert raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


def versions(host):
    return sorted({each["Name"][0] for each in host.sink.iter_records("org-1", "things")})


def copy_torn(host, folder, sync_version, **second):
    """Copy the file up to the middle of the records before a sync, and the rest after it, as ``cp`` may."""
    sync_version(1)
    checkpoint(host)
    before = host.database.path.read_bytes()
    sync_version(2, **second)
    checkpoint(host)
    after = host.database.path.read_bytes()
    middle = (before.find(b"xxxx") + before.rfind(b"xxxx")) // 2 // PAGE * PAGE
    (folder / "bizosaas.db").write_bytes(before[:middle] + after[middle:])


def copy_file_before_its_wal(host, folder, sync_version):
    """Copy the file, and the -wal when it holds what came after a checkpoint."""
    sync_version(1)
    checkpoint(host)
    shutil.copy(host.database.path, folder)
    sync_version(2, number=1100, length=350)
    checkpoint(host)
    sync_version(3, number=100)
    shutil.copy(f"{host.database.path}-wal", folder)


def copy_torn_grown(host, folder, sync_version):
    """As above, of a file that grew meanwhile."""
    copy_torn(host, folder, sync_version, number=1100, length=350)


@pytest.mark.parametrize("with_wal", [False, True])
def test_a_copy_between_two_writes_is_a_state_and_without_the_wal_an_older_one(
    host, copied_home, sync_version, make_host, connection_id, with_wal
):
    sync_version(1)
    checkpoint(host)
    sync_version(2)
    shutil.copy(host.database.path, copied_home)
    if with_wal:
        shutil.copy(f"{host.database.path}-wal", copied_home)
    with make_host(home=copied_home) as copy:
        assert versions(copy) == (["2"] if with_wal else ["1"])
        assert copy.store.entity_state(connection_id, "things").cursor == {"n": 2 if with_wal else 1}
        assert next(iter(copy.doctor.examine())).level == "ok"


@pytest.mark.parametrize("damage", [copy_torn_grown, copy_file_before_its_wal])
def test_a_damaged_copy_is_named_by_reading_by_doctor_and_by_restore(
    host, copied_home, sync_version, make_host, clock, tmp_path, damage
):
    damage(host, copied_home, sync_version)
    before = host.database.path.read_bytes()
    with pytest.raises(Invalid) as caught:
        restore(copied_home / "bizosaas.db", host.home, environ={}, now=clock.now, who="maria")
    assert caught.value.reason == "bad_backup"
    assert host.database.path.read_bytes() == before
    with make_host(home=copied_home) as copy:
        finding = next(iter(copy.doctor.examine()))
        assert (finding.part, finding.level, finding.details["reason"]) == ("database", "problem", "database_damaged")
        with pytest.raises(Misconfigured) as refused:
            versions(copy)
        assert refused.value.reason == "database_damaged"
        assert "Restore a backup" in refused.value.remedy


def test_a_copy_of_different_moments_that_no_check_can_see_is_told_when_it_is_restored(
    host, copied_home, sync_version, make_host, clock, connection_id
):
    copy_torn(host, copied_home, sync_version)
    restored = restore(copied_home / "bizosaas.db", copied_home, environ={}, now=clock.now, who="maria")
    assert restored.plain_copy
    with make_host(home=copied_home) as copy:
        assert versions(copy) == ["1", "2"]
        assert next(iter(copy.doctor.examine())).level == "ok"
        sync_version(2, into=copy, full=True)
        assert versions(copy) == ["2"]
