"""Open the database: read and write transactions. What differs by database is in its :class:`.dialect.Dialect`.

Every SQLAlchemy error about the database's own state (damaged, locked, read-only, full, away) leaves
this package as ``misconfigured`` or ``unavailable``; no module has to catch one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.schema import CreateColumn

from bizosaas_xero.host import reasons
from bizosaas_xero.host.storage.dialect import Change, Dialect
from bizosaas_xero.host.storage.paths import FILE_MODE, prepare_folder
from bizosaas_xero.host.storage.postgresql import PostgreSQL
from bizosaas_xero.host.storage.sqlite import SQLite

DIALECTS: dict[str, Dialect] = {each.name: each for each in (SQLite(), PostgreSQL())}
"""The databases that the host can use, by SQLAlchemy's name."""


def find_dialect(bound: Any) -> Dialect | None:
    """Return the dialect of SQLAlchemy's engine, connection or compiler; ``None`` if the host does not know it."""
    return DIALECTS.get(bound.dialect.name)


S = TypeVar("S", sa.Select[Any], sa.Update, sa.Delete)

SCHEMA_LOCK = 0x62697A6F
"""The lock under which tables are made and changed."""

EVENT_LOCK = SCHEMA_LOCK + 1
"""The one under which events are numbered."""

AUDIT_LOCK = SCHEMA_LOCK + 2
"""The one under which entries of the audit are chained, and writes are claimed."""


class Database:
    """An engine with ``read_transaction`` and ``write_transaction``.

    Args:
        url: An SQLAlchemy URL. A database in a file keeps that file readable for its owner alone.
        now: The clock; by default the database's own, which all its processes share.

    Raises:
        Misconfigured: if the URL or the folder cannot be used.
    """

    def __init__(self, url: str, *, now: Callable[[], datetime] | None = None) -> None:
        try:
            self.url, self.dialect = parse_url(url)
            # hide_parameters: an error that shows a statement's values would show encrypted grants and books
            self.engine = sa.create_engine(
                self.url,
                hide_parameters=True,
                pool_pre_ping=self.dialect.is_server,  # a server that was restarted costs no run
                connect_args=self.dialect.connect_args(),
            )
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError) as error:
            raise reasons.BAD_DATABASE_URL(cause=type(error).__name__) from None
        self.clock = now
        event.listen(self.engine, "handle_error", self._translate_error)
        event.listen(self.engine, "connect", lambda connection, _record: self.dialect.configure(connection))
        event.listen(self.engine, "begin", self._begin)
        self._create_file()
        self._writer = self.engine.execution_options(writes=True)
        self._durable_writer = self.engine.execution_options(writes=True, durable=True)

    @property
    def place(self) -> str:
        """The database's address for a person: a path, or a URL without its password."""
        return self.dialect.place(self.url)

    @property
    def path(self) -> Path | None:
        """The database's file, where it is one."""
        return self.dialect.file(self.url)

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
        return self.clock() if self.clock else self.dialect.now(transaction)

    @contextmanager
    def schema_transaction(self) -> Iterator[sa.Connection]:
        """Open a write transaction that makes or changes tables; only one runs at a time."""
        with self.write_transaction() as connection:
            self.dialect.lock(connection, SCHEMA_LOCK)
            yield connection

    def advisory_lock(self, transaction: sa.Connection, lock: int = EVENT_LOCK) -> None:
        """Wait until no other transaction numbers rows, so that later numbers are also seen later."""
        self.dialect.lock(transaction, lock)

    def upsert_many(
        self, transaction: sa.Connection, table: sa.Table, rows: list[dict[str, Any]], change: Change
    ) -> None:
        """Insert many rows, or change those that are there; the driver takes the values as they are.

        Going through each value of each row once more, as SQLAlchemy does, would cost as much as storing them.
        """
        statement = self.dialect.upsert(table, change)
        compiled = statement.compile(dialect=transaction.dialect, column_keys=list(rows[0]))
        order = compiled.positiontup
        given = rows if order is None else list(map(itemgetter(*order), rows))
        transaction.exec_driver_sql(compiled.string, given)

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
            raise reasons.DATABASE_UNWRITABLE(place=path, cause=error.strerror) from None

    def _begin(self, connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        self.dialect.begin(connection, writes=options.get("writes", False), durable=options.get("durable", False))

    def _translate_error(self, context: Any) -> None:
        if context.is_pre_ping:
            return  # a connection that is gone is replaced
        connected = context.connection is not None
        error = self.dialect.translate(context.original_exception, self.place, connected=connected)
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
    statement = database.dialect.upsert(table, lambda _: changed or values)
    connection.execute(statement.values(**keys, **values))


def add_column(connection: sa.Connection, column: sa.Column[Any]) -> None:
    """Give a table a column that it lacks."""
    definition = CreateColumn(column).compile(dialect=connection.dialect)
    table = connection.dialect.identifier_preparer.format_table(column.table)
    connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {definition}")


def where_equals(statement: S, table: sa.Table, **keys: Any) -> S:
    """Restrict a statement to the rows of a table with these values."""
    return statement.where(*(table.c[name] == value for name, value in keys.items()))


def parse_url(text: Any) -> tuple[URL, Dialect]:
    """Return the URL as it is opened, and its dialect.

    Args:
        text: A URL, or its text.

    Raises:
        ArgumentError: It is none, or of a database that the host does not know.
    """
    url = make_url(text)
    for dialect in DIALECTS.values():
        if url.drivername in {dialect.name, *dialect.aliases}:
            url = url.set(drivername=dialect.driver)
    found = DIALECTS.get(url.get_backend_name())
    if found is None:
        raise sa.exc.ArgumentError("not a database that the host knows")
    return url, found
