"""What differs by database: each is a subclass in a file of its own, and a row in ``database.DIALECTS``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import URL

from bizosaas_xero.spec import ConnectorError

BUSY_SECONDS = 15.0
"""Seconds to wait for what another transaction holds."""

CONNECT_SECONDS = 10
"""Seconds to wait for a server to accept a connection."""

Change = Callable[[Any], Mapping[str, Any]]
"""Given the columns of the row that was to be inserted, returns the new values of the one that is there."""


class Dialect(ABC):
    """One kind of database."""

    name: ClassVar[str]
    """SQLAlchemy's name of it, with which a URL begins."""

    driver: ClassVar[str]
    """The driver with which it is opened, as SQLAlchemy writes it in a URL."""

    aliases: ClassVar[tuple[str, ...]] = ()
    """Other names with which a URL may begin."""

    is_server: ClassVar[bool] = True
    """Whether it runs apart, so that a connection may have been ended meanwhile."""

    column_types: ClassVar[Mapping[str, str]] = {}
    """What it calls the column types of :mod:`bizosaas_xero.host.sync.entity_tables`, where it differs from them.

    Values are bound as text, and ``TEXT`` must hold a record of some megabytes.
    """

    def file(self, url: URL) -> Path | None:  # noqa: ARG002 (for databases in files)
        """Return the database's file, where it is one."""
        return None

    def place(self, url: URL) -> str:
        """Return its address for a person: a path, or a URL without its password."""
        return url.render_as_string(hide_password=True)

    @abstractmethod
    def part(self, url: URL, name: str, folder: Path) -> URL:
        """Return the address of a part of a database that shares no table with others.

        Args:
            url: Of the database.
            name: The part's: letters, digits and ``_``.
            folder: Where parts are that are files.
        """

    def create_part(self, transaction: sa.Connection, name: str) -> None:  # noqa: B027 (a file needs nothing)
        """Make a part, if it is not there, in a transaction of the database that it is a part of."""

    @abstractmethod
    def connect_args(self) -> dict[str, Any]:
        """Return what the driver is given to open a connection."""

    @abstractmethod
    def configure(self, connection: Any) -> None:
        """Prepare a connection of the driver that was just opened.

        Each statement of a transaction must see what others have committed before it, as in ``READ COMMITTED``.
        """

    @abstractmethod
    def begin(self, transaction: sa.Connection, *, writes: bool, durable: bool) -> None:
        """Begin a transaction.

        Args:
            transaction: In which nothing was executed yet.
            writes: It will write, so it must not fail late because another writes at the same time.
            durable: Once committed, it must survive a power cut; others may be lost in one, in order.
        """

    @abstractmethod
    def make_durable(self, transaction: sa.Connection) -> None:
        """Let a transaction survive a power cut once it is committed; call it before its first statement."""

    @abstractmethod
    def now(self, transaction: sa.Connection) -> datetime:
        """Return the time by the clock that all processes of the database share, as it is now."""

    @abstractmethod
    def lock(self, transaction: sa.Connection, number: int) -> None:
        """Wait until no other transaction holds the lock of this number, and hold it to the transaction's end.

        A database whose own locks outlive the transaction can lock a row of a small table instead.
        """

    @abstractmethod
    def insert(self, table: sa.Table) -> Any:
        """Begin an ``INSERT`` that knows ``ON CONFLICT``; a database without it overrides the two below."""

    def insert_missing(self, table: sa.Table) -> Any:
        """Begin an ``INSERT`` that leaves a row of the same primary key as it is."""
        return self.insert(table).on_conflict_do_nothing()

    def upsert(self, table: sa.Table, change: Change) -> Any:
        """Begin an ``INSERT`` that changes a row of the same primary key instead."""
        insert = self.insert(table)
        return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=dict(change(insert.excluded)))

    def find_by_keys(self, statement: sa.Select[Any], key: sa.Column[Any], keys: list[str]) -> sa.Select[Any]:
        """Restrict a statement to the rows of some hundred keys, of which each names one row at most."""
        return statement.where(key.in_(keys))

    @abstractmethod
    def protect(self, table: str) -> list[str]:
        """Return the DDL after which rows of a table cannot be changed or deleted until its triggers are dropped."""

    def is_whole(self, transaction: sa.Connection) -> bool:  # noqa: ARG002 (a server checks its own files)
        """Look for damage in all of the database, which takes long for a large one."""
        return True

    @abstractmethod
    def translate(self, error: BaseException, place: str, *, connected: bool) -> ConnectorError | None:
        """Return what an error of the driver means for a person; ``None`` if it is not about the database's state.

        Args:
            error: Of the driver.
            place: The database's address, for a person.
            connected: Whether a connection was open.
        """
