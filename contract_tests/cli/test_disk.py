"""A disk that may not be written, or is full: clear, with the remedy, and afterwards nothing is missing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from contract_tests.helpers.person import COMMAND

ENTITIES = ["invoices", "bills", "contacts", "bank_transactions", "accounts", "payments"]
POWERLESS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
"""Takes from root the power to write anything."""


@pytest.fixture
def unprivileged_person(connected_person):
    """A connected person who may not write what the file's mode forbids, even if it is root's."""
    person = connected_person
    if os.geteuid() == 0:
        tried = [*POWERLESS, "true"]
        if not shutil.which("setpriv") or subprocess.run(tried, check=False).returncode:  # noqa: S603 (our own command)
            pytest.skip("root may write anything, and setpriv cannot take that power away here")
        person.command = [*POWERLESS, *COMMAND]
    return person


@pytest.mark.parametrize(
    ("name", "mode", "reason", "words"),
    [
        ("", 0o500, "database_unwritable", "BIZOSAAS_HOME"),
        ("bizosaas.db", 0o400, "database_unwritable", "writable for this user"),
        ("secret.key", 0o000, "secret_key_unreadable", "readable for this user"),
    ],
    ids=["folder", "database", "key"],
)
def test_what_may_not_be_written_is_named_and_left_as_it_is(unprivileged_person, name, mode, reason, words):
    path = unprivileged_person.home / name
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        error = unprivileged_person.json("sync", "accounts", code=3)["error"]
    finally:
        path.chmod(before)
    assert (error["code"], error["reason"]) == ("misconfigured", reason)
    assert str(path) in error["message"]
    assert words in error["remedy"]
    assert unprivileged_person.json("sync", "accounts")["connections"][0]["entities"][0]["problem"] is None


def test_a_folder_that_may_not_be_made_is_named(unprivileged_person, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    error = unprivileged_person.json("status", code=3, BIZOSAAS_HOME=str(tmp_path / "closed" / "home"))["error"]
    assert (error["reason"], "closed/home" in error["message"]) == ("home_unusable", True)
    assert "BIZOSAAS_HOME" in error["remedy"]


def limited(person, size):
    """Let no file of this person's command grow beyond a size; then without the limit again."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"
    person.command = [sys.executable, "-c", f"{limit}; from bizosaas_xero.cli import main; main()"]


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of its own, and a function that makes it larger."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options):
        done = subprocess.run(  # noqa: S603 (our own command)
            ["mount", "-t", "tmpfs", "-o", options, "bizosaas", str(place)],  # noqa: S607 (found by its name)
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr if done.returncode else ""

    if not shutil.which("mount") or (refused := mount("size=900k,mode=700")):
        pytest.skip(f"no disk may be mounted here: {refused.strip()}")
    yield place, lambda: mount("remount,size=64m")
    subprocess.run(["umount", str(place)], check=True)  # noqa: S603, S607 (our own command)


def tables(home):
    """Return all rows, without when they were stored."""
    raw = sqlite3.connect(home / "bizosaas.db")
    raw.row_factory = sqlite3.Row
    kept = {"first_seen", "changed_at"}
    found = {
        entity: {
            row["key"]: {name: row[name] for name in row.keys() if name not in kept}  # noqa: SIM118
            for row in raw.execute(f"SELECT * FROM {entity}")  # noqa: S608 (names of tables)
        }
        for entity in ENTITIES
    }
    raw.close()
    return found


def fails_and_goes_on(person, again, tmp_path):
    """Let a sync meet the full disk, and after there is space compare with one that met none."""
    twin = shutil.copytree(person.home, tmp_path / "twin")
    told = person.run("sync")
    assert told.returncode == 4, told.stdout + told.stderr
    assert "the disk is full or failing" in " ".join(told.stderr.split())
    assert "Free some space and try again. Nothing that was stored is lost." in " ".join(told.stderr.split())
    assert person.json("sync", code=4)["error"]["reason"] == "database_full"
    again()
    assert person.json("sync")["exit_code"] == 0
    assert person.json("sync", BIZOSAAS_HOME=str(twin))["exit_code"] == 0
    assert all(tables(twin).values())
    assert tables(person.home) == tables(twin)


@pytest.mark.parametrize("room", [150_000, 350_000], ids=["at the first batch", "later"])
def test_a_quota_that_is_used_up(connected_person, tmp_path, room):
    person = connected_person
    plain, size = person.command, (person.home / "bizosaas.db").stat().st_size
    limited(person, size + room)
    fails_and_goes_on(person, lambda: setattr(person, "command", plain), tmp_path)


def test_a_disk_that_is_full(connected_person, small_disk, tmp_path):
    person, (place, enlarge) = connected_person, small_disk
    shutil.copytree(person.home, place / "home")
    person.home = place / "home"
    person.environ["BIZOSAAS_HOME"] = str(person.home)
    fails_and_goes_on(person, enlarge, tmp_path)
