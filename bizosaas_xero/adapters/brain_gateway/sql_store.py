"""The bridge's store as one table of the host's own database, encrypted; SQLAlchemy 2.0.25 or newer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.stores import BaseStore, Key, key_id, new_version
from bizosaas_xero.host.storage.crypto import VARIABLE, Keyring
from bizosaas_xero.host.storage.database import find_dialect

TABLE = sa.Table(
    "bizosaas_bridge",
    sa.MetaData(),
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("version", sa.String(16), nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
)
"""``id`` is a hash of the key, so that the table does not reveal which tenant has connected what."""


class SqlStore(BaseStore):
    """Keeps values in the table ``bizosaas_bridge``, for any number of processes and machines.

    Args:
        engine: A synchronous engine; the bridge calls it in threads. Of SQLite and PostgreSQL, leases go by the
            database's clock and commits are made durable; of others, by this machine's, as the server is set up.
        environ: Where ``BIZOSAAS_SECRET_KEY`` is looked up. It must be set: a key file
            would differ from machine to machine.

    Raises:
        Misconfigured: if the key is missing or malformed.
        Unavailable: if the table can be neither found nor made.
    """

    def __init__(self, engine: sa.Engine, *, environ: Mapping[str, str] = os.environ) -> None:
        if not environ.get(VARIABLE):
            raise reasons.SECRET_KEY_MISSING(variable=VARIABLE)
        self._keys = Keyring.open(Path(), environ, create=False)
        self._engine = engine
        self._dialect = find_dialect(engine)
        with _translate_errors():
            try:
                TABLE.create(engine, checkfirst=True)
            except sa.exc.DBAPIError:
                if not sa.inspect(engine).has_table(TABLE.name):  # another process may have been first
                    raise

    def _load(self, key: Key) -> tuple[str, str] | None:
        wanted = sa.select(TABLE.c.payload, TABLE.c.version).where(TABLE.c.id == key_id(key))
        with _translate_errors(), self._engine.connect() as connection:
            row = connection.execute(wanted).one_or_none()
        return (self._keys.decrypt(row.payload), row.version) if row else None

    def _swap(self, key: Key, text: str | None, version: str | None) -> bool:
        same = (TABLE.c.id == key_id(key), TABLE.c.version == version)
        values = {
            "version": new_version(),
            "payload": text and self._keys.encrypt(text),
            "changed_at": datetime.now(UTC),
        }
        if text is None:
            return self._execute(sa.delete(TABLE).where(*same))
        if version is None:
            return self._execute(sa.insert(TABLE).values(id=key_id(key), kind=key[0], **values))
        return self._execute(sa.update(TABLE).where(*same).values(values))

    def now(self) -> datetime:
        """See :class:`~bizosaas_xero.adapters.brain_gateway.stores.KeyValueStore`."""
        if self._dialect is None:
            return super().now()
        with _translate_errors(), self._engine.connect() as connection:
            return self._dialect.now(connection)

    def _execute(self, statement: sa.Insert | sa.Update | sa.Delete) -> bool:
        """Return whether a row was changed; an insert finds one that is there already."""
        with _translate_errors():
            try:
                with self._engine.begin() as connection:
                    if self._dialect is not None:
                        self._dialect.make_durable(connection)
                    done = connection.execute(statement)
                    return isinstance(statement, sa.Insert) or done.rowcount == 1
            except sa.exc.IntegrityError:
                return False

    def __repr__(self) -> str:
        return f"SqlStore({self._engine.url.render_as_string(hide_password=True)!r})"


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        # Its own words quote the statement with its values.
        raise reasons.DATABASE_UNAVAILABLE(cause=type(error).__name__) from None
