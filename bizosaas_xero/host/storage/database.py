"""Open the database: SQLite in a file, or PostgreSQL. Read and write transactions.

Every SQLAlchemy error about the database's own state (damaged, locked, read-only, full, away) leaves
this package as ``misconfigured`` or ``unavailable`` (see ``database_errors``); no module has to catch one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url

from bizosaas_xero.host.storage.database_errors import server_problem, sqlite_problem
from bizosaas_xero.host.storage.paths import FILE_MODE, prepare_folder
from bizosaas_xero.spec import Misconfigured

S = TypeVar("S", sa.Select[Any], sa.Update, sa.Delete)

BUSY_SECONDS = 15.0
CONNECT_SECONDS = 10

SCHEMA_LOCK = 0x62697A6F
"""The advisory lock of PostgreSQL under which tables are made and changed."""

EVENT_LOCK = SCHEMA_LOCK + 1
"""The one under which events are numbered."""

AUDIT_LOCK = SCHEMA_LOCK + 2
"""The one under which entries of the audit are chained, and writes are claimed."""

_DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}


class Database:
    """An engine with ``read_transaction`` and ``write_transaction``.

    Args:
        url: An SQLAlchemy URL of SQLite or PostgreSQL. SQLite keeps its file readable for its owner alone.

    Raises:
        Misconfigured: if the URL or the folder cannot be used.
    """

    def __init__(self, url: str) -> None:
        try:
            self.url = _parse_url(url)
            self._sqlite = self.url.get_backend_name() == "sqlite"
            # hide_parameters: an error that shows a statement's values would show encrypted grants and books
            self.engine = sa.create_engine(
                self.url,
                hide_parameters=True,
                pool_pre_ping=not self._sqlite,  # a server that was restarted costs no run
                connect_args={"timeout": BUSY_SECONDS} if self._sqlite else {"connect_timeout": CONNECT_SECONDS},
            )
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError) as error:
            raise Misconfigured(
                f"The database address cannot be used ({type(error).__name__}).",
                remedy="Set BIZOSAAS_DATABASE_URL to an address like sqlite:////path/to/file.db or "
                "postgresql://user@host/name; the latter needs bizosaas-xero[postgresql].",
                reason="bad_database_url",
            ) from None
        event.listen(self.engine, "handle_error", self._translate_error)
        if self._sqlite:
            event.listen(self.engine, "connect", _configure_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
            self._create_file()
        else:
            event.listen(self.engine, "connect", _configure_server)
            event.listen(self.engine, "begin", _begin_server)
        self._writer = self.engine.execution_options(writes=True)
        self._durable_writer = self.engine.execution_options(writes=True, durable=True)

    @property
    def place(self) -> str:
        """The database's address for a person: a path, or a URL without its password."""
        return str(self.url.database) if self._sqlite else self.url.render_as_string(hide_password=True)

    @property
    def path(self) -> Path | None:
        """The database's file, where it is one."""
        name = self.url.database or ""
        named = self._sqlite and name and name != ":memory:" and not name.startswith("file:")
        return Path(name) if named else None

    @contextmanager
    def read_transaction(self) -> Iterator[sa.Connection]:
        """Open a read transaction."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write_transaction(self, *, durable: bool = False) -> Iterator[sa.Connection]:
        """Open a write transaction: committed at the end, undone by an exception.

        Args:
            durable: It survives a power cut from its commit on, as what cannot be repaired must: a rotated token, a
                claim. Other transactions may be lost in one, in order, never in part.
        """
        with (self._durable_writer if durable else self._writer).begin() as connection:
            yield connection

    def now(self, transaction: sa.Connection) -> datetime:
        """Return the time by the clock that all processes of this database share."""
        if self._sqlite:
            return datetime.now(UTC)
        moment: datetime = transaction.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return moment

    @contextmanager
    def schema_transaction(self) -> Iterator[sa.Connection]:
        """Open a write transaction that makes or changes tables; only one runs at a time."""
        with self.write_transaction() as connection:
            if not self._sqlite:  # where a write transaction is alone anyway
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SCHEMA_LOCK)))
            yield connection

    def advisory_lock(self, transaction: sa.Connection, lock: int = EVENT_LOCK) -> None:
        """Wait until no other transaction numbers rows, so that later numbers are also seen later."""
        if not self._sqlite:
            transaction.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))

    def insert(self, table: sa.Table) -> Any:
        """Begin an ``INSERT`` that knows ``ON CONFLICT``, which both databases write alike."""
        return (sqlite if self._sqlite else postgresql).insert(table)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def _create_file(self) -> None:
        path = self.path
        if path is None:
            return
        prepare_folder(path.parent)
        try:
            # Before SQLite does, whose file others may read; its -wal and -shm files take over this mode.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE))
        except OSError as error:
            raise Misconfigured(
                f"The database {path} cannot be opened for writing: {error.strerror}.",
                remedy="Make the file and its folder writable for this user, or set another BIZOSAAS_HOME.",
                reason="database_unwritable",
            ) from None

    def _translate_error(self, context: Any) -> None:
        if context.is_pre_ping:
            return  # a connection that is gone is replaced
        original = context.original_exception
        if self._sqlite:
            error = sqlite_problem(original, self.place, BUSY_SECONDS)
        else:
            error = server_problem(original, self.place, connected=context.connection is not None)
        if error is not None:
            raise error from None


def upsert(
    database: Database,
    connection: sa.Connection,
    table: sa.Table,
    keys: Mapping[str, Any],
    values: Mapping[str, Any],
    changed: Mapping[str, Any] | None = None,
) -> None:
    """Insert the row of these keys, or change it: one statement, so that no second writer comes between.

    Args:
        database: Which.
        connection: Its transaction.
        table: Where.
        keys: The primary key.
        values: The other columns.
        changed: What a row that is there gets instead of ``values``.
    """
    statement = database.insert(table).values(**keys, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=dict(changed or values)))


def where_equals(statement: S, table: sa.Table, **keys: Any) -> S:
    """Restrict a statement to the rows of a table with these values."""
    return statement.where(*(table.c[name] == value for name, value in keys.items()))


def _parse_url(text: str) -> URL:
    url = make_url(text)
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    if url.get_backend_name() not in {"sqlite", "postgresql"}:
        raise sa.exc.ArgumentError("not one of the two databases")
    return url


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # Python's driver would begin transactions late, at the first write; _begin_sqlite does it.
    connection.isolation_level = None
    # Records are some 3 kB each: in pages of 4 kB, SQLite's default, each would waste half of one.
    for pragma in ("page_size=16384", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads and then writes must lock first: SQLite fails a late upgrade without waiting.
    options = connection.get_execution_options()
    writes = options.get("writes")
    if writes:
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if options.get('durable') else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_server(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("durable"):  # where the server is set up to lose the last commits
        connection.exec_driver_sql(
            "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
        )


def _configure_server(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{BUSY_SECONDS:.0f}s'")
    connection.commit()
