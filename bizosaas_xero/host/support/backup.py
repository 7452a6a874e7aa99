"""Back up the host's SQLite database while it is in use, and restore one.

A backup is a SQLite database of its own: one consistent state, whatever is written meanwhile. With the key it also
holds what decrypts it. A restored database is made safe before it takes the place of the present one: leases of
processes that are gone are dropped, and plans are void, because what was decided about them since is not known to it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from bizosaas_xero import __version__
from bizosaas_xero.host import reasons
from bizosaas_xero.host.actions.audit import Audit
from bizosaas_xero.host.storage import action_tables, people_tables
from bizosaas_xero.host.storage import tables as t
from bizosaas_xero.host.storage.crypto import VARIABLE, add_keys
from bizosaas_xero.host.storage.database import DIALECTS, Database
from bizosaas_xero.host.storage.dialect import BUSY_SECONDS
from bizosaas_xero.host.storage.paths import FILE_MODE, database_url, sync_folder
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.spec import ConnectorError, Invalid, Misconfigured

BACKUP, BACKUP_KEY = "backup", "backup_key"
"""Rows of ``host_meta`` that only a backup has: when and by what it was made, and the key."""

SERVER_COMMANDS = (
    'pg_dump --format=custom --file=FILE "$BIZOSAAS_DATABASE_URL"',
    'pg_restore --clean --if-exists --single-transaction --dbname="$BIZOSAAS_DATABASE_URL" FILE',
)
"""What backs a PostgreSQL database up, and what restores it."""


@dataclass(frozen=True)
class RestoreResult:
    """What was restored: from when, which organisations, where the one that was there is kept, how many plans are void.

    A plain copy was not made by :func:`back_up`: its rows may be of different moments.
    """

    created_at: str | None
    organisations: list[str]
    kept: Path | None
    plans: int
    plain_copy: bool = False


def back_up(store: Store, target: Path, *, with_key: bool, now: datetime) -> None:
    """Write a consistent copy of the database into a new file that only its owner may read.

    Args:
        store: The host's state.
        target: The file.
        with_key: The copy also holds the key with which grants and app secrets are encrypted.
        now: The time, for the copy.

    Raises:
        Invalid: The file exists.
        Misconfigured: The database is not SQLite (``not_sqlite``), or the file cannot be written.
        Unavailable: The disk is full.
    """
    source = _file_of(store.database)
    if target.exists():
        raise _bad_file(f"{target} exists and is not overwritten")
    made = {"created_at": t.stamp(now), "version": __version__, "with_key": with_key}
    rows = {BACKUP: json.dumps(made)} | ({BACKUP_KEY: store.reveal_keys()} if with_key else {})
    with _draft_beside(target) as draft:
        _copy(source, draft)
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as copy:
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a journal
            copy.executemany("INSERT OR REPLACE INTO host_meta (name, value) VALUES (?, ?)", rows.items())
        _sync_to_disk(draft)
        draft.rename(target)
        sync_folder(target.parent)


def restore(
    source: Path, home: Path, *, environ: Mapping[str, str], now: Callable[[], datetime], who: str | None
) -> RestoreResult:
    """Put a backup in the place of the database; what is there is kept in a file of another name.

    It is checked, led to this release and made safe in a copy of its own, and then replaces all at once. Processes that
    have the database open see the restored one; a sync that is under way stores nothing more.

    Args:
        source: A backup, or a plain copy, with its ``-wal`` in the same folder if there was one.
        home: The host's folder.
        environ: The environment.
        now: The clock.
        who: Who restores it, for the audit.

    Raises:
        Invalid: The file is not a whole backup.
        Misconfigured: The database is not SQLite; the backup is of a newer release, or encrypted with another key.
    """
    target = _file_of(Database(database_url(home, environ)))
    if not source.is_file():
        raise _bad_file(f"{source} does not exist")
    with _draft_beside(target) as draft:
        _copy(source, draft, complaint=f"{source} is damaged or not a backup")
        made = _take_rows(draft, source)
        if BACKUP_KEY in made and not environ.get(VARIABLE):
            add_keys(home, made[BACKUP_KEY])
        before = _audit_head(target)
        database = Database(f"sqlite:///{draft}")
        try:
            store = Store(database, home, now=now, environ=environ)
            plans = _make_safe(database)
            created_at = json.loads(made.get(BACKUP, "{}")).get("created_at")
            for connection in store.connections():
                Audit(database, now=now).record(
                    "restore",
                    connection_id=connection.id,
                    organisation_id=connection.organisation_id,
                    action="*",
                    who=who,
                    created_at=created_at,
                    replaced_head=before,
                )
            names = [connection.organisation for connection in store.connections()]
        finally:
            database.close()
        kept = _keep(target, now())
        _copy(draft, target)
    return RestoreResult(created_at, names, kept, plans, plain_copy=BACKUP not in made)


def _make_safe(database: Database) -> int:
    """Drop leases and sessions of the time of the backup, and make open plans stale: return how many."""
    with database.write_transaction(durable=True) as transaction:
        transaction.execute(sa.delete(t.leases))
        transaction.execute(sa.delete(people_tables.sessions))
        transaction.execute(sa.update(t.grants).values(lease_owner=None, lease_until=None))
        transaction.execute(sa.delete(action_tables.decisions))
        open_plans = sa.update(action_tables.plans).where(action_tables.plans.c.state == "open")
        return transaction.execute(open_plans.values(state="stale")).rowcount


def _take_rows(draft: Path, source: Path) -> dict[str, str]:
    """Return what only a backup has in ``host_meta``, and remove it."""
    with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as copy:
        try:
            rows = dict(copy.execute("SELECT name, value FROM host_meta WHERE name IN (?, ?)", (BACKUP, BACKUP_KEY)))
        except sqlite3.Error:
            raise _bad_file(f"{source} is a SQLite file without this program's tables") from None
        copy.execute("DELETE FROM host_meta WHERE name IN (?, ?)", (BACKUP, BACKUP_KEY))
    return rows


def _audit_head(path: Path) -> str | None:
    """Return the number and hash of the last entry of the audit that is replaced; ``None`` if it cannot be read."""
    if not path.exists() or not path.stat().st_size:
        return None
    with contextlib.suppress(sqlite3.Error), contextlib.closing(_open_readable(path)) as database:
        row = database.execute("SELECT seq, hash FROM host_audit ORDER BY seq DESC LIMIT 1").fetchone()
        return f"{row[0]}:{row[1]}" if row else None
    return None


def _keep(path: Path, now: datetime) -> Path | None:
    """Copy the present database to a name of its own, or move a damaged one away; an empty file is nothing."""
    if not path.exists() or not path.stat().st_size:
        return None
    kept = path.with_name(f"{path.name}.before-restore-{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}")
    try:
        _copy(path, kept)
    except ConnectorError as error:
        if error.reason not in {"bad_backup", "database_damaged"}:
            raise
        kept.unlink(missing_ok=True)
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(kept.with_name(kept.name + suffix))
    return kept


def _copy(source: Path, target: Path, complaint: str | None = None) -> None:
    """Copy a database as it is at one moment, and check the copy.

    Raises:
        Invalid: The source is damaged or not a database.
        Misconfigured: A file cannot be opened or written.
        Unavailable: The disk is full, or another program holds a file.
    """
    try:
        if not target.exists():
            os.close(os.open(target, os.O_RDWR | os.O_CREAT, FILE_MODE))
        with contextlib.closing(_open_readable(source)) as old, contextlib.closing(sqlite3.connect(target)) as new:
            old.backup(new, progress=_stop_waiting(time.monotonic() + BUSY_SECONDS, target))
            check = "integrity_check" if complaint else "quick_check"  # of what others made, indexes are compared, too
            (state,) = new.execute(f"PRAGMA {check}(1)").fetchone()
    except sqlite3.Error as error:
        problem = _translate(error, target)
        if complaint is None or problem.reason != "database_damaged":
            raise problem from None
        raise _bad_file(complaint) from None
    except OSError as error:
        raise _unwritable(target, error) from None
    if state != "ok":
        raise _bad_file(complaint or f"{source} is damaged")


def _stop_waiting(deadline: float, path: Path) -> Callable[[int, int, int], None]:
    """Return what ends a copy that another program's lock keeps waiting."""

    def check(status: int, _remaining: int, _total: int) -> None:
        if status in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} and time.monotonic() > deadline:
            raise reasons.DATABASE_LOCKED(place=path, seconds=f"{BUSY_SECONDS:.0f}")

    return check


def _open_readable(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)


def _translate(error: sqlite3.Error, path: Path) -> ConnectorError:
    problem = DIALECTS["sqlite"].translate(error, str(path), connected=True)
    return problem or reasons.BACKUP_UNWRITABLE(path=path, cause=type(error).__name__)


def _file_of(database: Database) -> Path:
    """Return the file of a database, and close it.

    Raises:
        Misconfigured: It has none.
    """
    path = database.path
    database.close()
    if path is None:
        backup_command, restore_command = SERVER_COMMANDS
        raise reasons.NOT_SQLITE(backup=backup_command, restore=restore_command)
    return path


@contextlib.contextmanager
def _draft_beside(path: Path) -> Iterator[Path]:
    """Give the name of a new file, in a folder next to another file that is removed at the end."""
    try:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=path.parent) as folder:
            yield Path(folder) / path.name
    except OSError as error:
        raise _unwritable(path, error) from None


def _sync_to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _unwritable(path: Path, error: OSError) -> Misconfigured:
    return reasons.BACKUP_UNWRITABLE(path=path, cause=error.strerror)


def _bad_file(message: str) -> Invalid:
    return reasons.BAD_BACKUP.field("file", message)
