"""Open the database, and say in plain words what is wrong with it.

Every SQLAlchemy error that tells of the database's own state (damaged, locked, read-only, full, away) leaves
this package as ``misconfigured`` or ``unavailable``; no module has to catch one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url

from bizosaas_xero.host.home import FILE_MODE, prepare_folder
from bizosaas_xero.spec import ConnectorError, Misconfigured, Unavailable

BUSY_SECONDS = 15.0


class Database:
    """An engine with two doors: ``reading`` and ``writing``; each is one transaction.

    Args:
        url: An SQLAlchemy URL. SQLite keeps its file readable for its owner alone.

    Raises:
        Misconfigured: if the URL or the folder cannot be used.
    """

    def __init__(self, url: str) -> None:
        try:
            self.url: URL = make_url(url)
            self._sqlite = self.url.get_backend_name() == "sqlite"
            # hide_parameters: an error that shows a statement's values would show encrypted grants and books
            self.engine = sa.create_engine(
                self.url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS} if self._sqlite else {}
            )
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError) as error:
            raise Misconfigured(
                f"The database address cannot be used ({type(error).__name__}).",
                remedy="Set BIZOSAAS_DATABASE_URL to an address like sqlite:////path/to/file.db, and install "
                "the driver it names.",
                reason="bad_database_url",
            ) from None
        event.listen(self.engine, "handle_error", self._translate)
        if self._sqlite:
            event.listen(self.engine, "connect", _configure_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
            self._create_file()
        self._writer = self.engine.execution_options(writes=True)

    @property
    def place(self) -> str:
        """The database's address for a person: a path, or a URL without its password."""
        return str(self.url.database) if self._sqlite else self.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a read transaction."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Open a write transaction: committed at the end, undone by an exception."""
        with self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def _create_file(self) -> None:
        if not self.url.database or self.url.database == ":memory:":
            return
        path = Path(self.url.database)
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

    def _translate(self, context: Any) -> None:
        original = context.original_exception
        error = sqlite_problem(original, self.place) if self._sqlite else server_problem(original)
        if error is not None:
            raise error from None


def is_own(error: ConnectorError) -> bool:
    """Tell an error of the host's database from one that a connector raised."""
    return error.reason.startswith("database_")


def sqlite_problem(error: BaseException, place: str) -> ConnectorError | None:
    """Tell what SQLite's own error means, or ``None`` if it does not speak of the file's state."""
    name = str(getattr(error, "sqlite_errorname", ""))
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return Misconfigured(
            f"The database {place} is damaged or is no database.",
            remedy="Put back a backup, or move the file away and connect again: the books are read anew.",
            reason="database_damaged",
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Unavailable(
            f"The database {place} is locked by another program for more than {BUSY_SECONDS:.0f} seconds.",
            remedy="Close the program that holds it (such as a database browser) and try again.",
            reason="database_locked",
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return Misconfigured(
            f"The database {place} cannot be opened for writing.",
            remedy="Make the file and its folder writable for this user, or set BIZOSAAS_HOME to another.",
            reason="database_unwritable",
        )
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return Unavailable(
            f"The database {place} cannot be written: the disk is full or failing.",
            remedy="Free some space and try again. Nothing that was stored is lost.",
            reason="database_full",
        )
    return None


def server_problem(error: BaseException) -> ConnectorError | None:
    """Tell what a database server's error means, or ``None`` if it is not about reaching the server."""
    if type(error).__name__ not in {"OperationalError", "InterfaceError"}:
        return None
    return Unavailable(
        "The database server cannot be reached or ended the connection.",
        remedy="Check that it runs and that BIZOSAAS_DATABASE_URL is right, then try again.",
        reason="database_unreachable",
    )


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # Python's driver would begin transactions late, at the first write; _begin_sqlite does it.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads and then writes must lock first: SQLite fails a late upgrade without waiting.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
