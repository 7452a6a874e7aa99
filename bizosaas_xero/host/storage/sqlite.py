"""SQLite, in a file that only its owner may read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL

from bizosaas_xero.host import reasons
from bizosaas_xero.host.storage import dialect
from bizosaas_xero.spec import ConnectorError


class SQLite(dialect.Dialect):
    """SQLite: one writer at a time, so that a write transaction holds every lock."""

    name = "sqlite"
    driver = "sqlite"
    is_server = False

    def file(self, url: URL) -> Path | None:
        """Return the file, unless the database is in memory or given as a URI."""
        name = url.database or ""
        return Path(name) if name and name != ":memory:" and not name.startswith("file:") else None

    def place(self, url: URL) -> str:
        """Return the path."""
        return str(url.database)

    def part(self, url: URL, name: str, folder: Path) -> URL:
        """Take a file of its own."""
        return url.set(database=str(folder / f"{name}.db"))

    def connect_args(self) -> dict[str, Any]:
        """Wait for the lock of the file."""
        return {"timeout": dialect.BUSY_SECONDS}

    def configure(self, connection: Any) -> None:
        """Set the pragmas of a connection."""
        # Python's driver would begin transactions late, at the first write; `begin` does it.
        connection.isolation_level = None
        # Records are some 3 kB each: in pages of 4 kB, SQLite's default, each would waste half of one.
        for pragma in ("page_size=16384", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    def begin(self, transaction: sa.Connection, *, writes: bool, durable: bool) -> None:
        """Lock the file before a transaction that writes."""
        # A transaction that reads and then writes must lock first: SQLite fails a late upgrade without waiting.
        if durable:
            self.make_durable(transaction)
        elif writes:
            transaction.exec_driver_sql("PRAGMA synchronous=NORMAL")
        transaction.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    def make_durable(self, transaction: sa.Connection) -> None:
        """Sync the file at each commit of the connection; not possible once a transaction has begun."""
        driver: Any = transaction.connection.driver_connection
        if not driver.in_transaction:
            transaction.exec_driver_sql("PRAGMA synchronous=FULL")

    def now(self, transaction: sa.Connection) -> datetime:  # noqa: ARG002 (it has no clock of its own)
        """Return the machine's time: the processes of one file share a machine."""
        return datetime.now(UTC)

    def lock(self, transaction: sa.Connection, number: int) -> None:
        """Do nothing: a write transaction is alone."""

    def insert(self, table: sa.Table) -> Any:
        """See the base."""
        return sqlite.insert(table)

    def protect(self, table: str) -> list[str]:
        """Return a trigger each for changes and deletions."""
        return [
            f"CREATE TRIGGER {table}_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is only added to'); END"
            for verb in ("UPDATE", "DELETE")
        ]

    def is_whole(self, transaction: sa.Connection) -> bool:
        """Compare all pages, and indexes with their tables."""
        return transaction.exec_driver_sql("PRAGMA integrity_check(1)").scalar() == "ok"

    def translate(self, error: BaseException, place: str, *, connected: bool) -> ConnectorError | None:  # noqa: ARG002 (its file is not connected to)
        """Read the name of SQLite's result code."""
        name = str(getattr(error, "sqlite_errorname", ""))
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            return reasons.DATABASE_DAMAGED(place=place)
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return reasons.DATABASE_LOCKED(place=place, seconds=dialect.BUSY_SECONDS)
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            return reasons.DATABASE_READ_ONLY(place=place)
        if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
            return reasons.DATABASE_FULL(place=place)
        return None
