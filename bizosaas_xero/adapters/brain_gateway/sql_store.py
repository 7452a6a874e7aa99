"""The bridge's store as one table of the host's own database, encrypted; SQLAlchemy 2.0.25 or newer."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bizosaas_xero.adapters.brain_gateway import reasons
from bizosaas_xero.adapters.brain_gateway.stores import Key, VersionedValue, encode_key, new_version
from bizosaas_xero.host.storage.crypto import VARIABLE, Keyring

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


class SqlStore:
    """Keeps values in the table ``bizosaas_bridge``, for any number of processes and machines.

    Args:
        engine: A synchronous engine; the bridge calls it in threads.
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
        with _translate_errors():
            try:
                TABLE.create(engine, checkfirst=True)
            except sa.exc.DBAPIError:
                if not sa.inspect(engine).has_table(TABLE.name):  # another process may have been first
                    raise

    def read(self, key: Key) -> VersionedValue | None:
        """See :class:`~bizosaas_xero.adapters.brain_gateway.stores.Store`."""
        wanted = sa.select(TABLE.c.payload, TABLE.c.version).where(TABLE.c.id == _row_id(key))
        with _translate_errors(), self._engine.connect() as connection:
            row = connection.execute(wanted).one_or_none()
        return VersionedValue(json.loads(self._keys.decrypt(row.payload)), row.version) if row else None

    def write(self, key: Key, value: Mapping[str, Any], version: str | None) -> bool:
        """See :class:`~bizosaas_xero.adapters.brain_gateway.stores.Store`."""
        values = {
            "version": new_version(),
            "payload": self._keys.encrypt(json.dumps(value)),
            "changed_at": datetime.now(UTC),
        }
        if version is None:
            return self._insert(sa.insert(TABLE).values(id=_row_id(key), kind=key[0], **values))
        same = (TABLE.c.id == _row_id(key), TABLE.c.version == version)
        with _translate_errors(), self._engine.begin() as connection:
            return connection.execute(sa.update(TABLE).where(*same).values(values)).rowcount == 1

    def remove(self, key: Key, version: str) -> bool:
        """See :class:`~bizosaas_xero.adapters.brain_gateway.stores.Store`."""
        same = (TABLE.c.id == _row_id(key), TABLE.c.version == version)
        with _translate_errors(), self._engine.begin() as connection:
            return connection.execute(sa.delete(TABLE).where(*same)).rowcount == 1

    def _insert(self, statement: sa.Insert) -> bool:
        with _translate_errors():
            try:
                with self._engine.begin() as connection:
                    connection.execute(statement)
            except sa.exc.IntegrityError:
                return False
        return True

    def __repr__(self) -> str:
        return f"SqlStore({self._engine.url.render_as_string(hide_password=True)!r})"


def _row_id(key: Key) -> str:
    return hashlib.sha256(encode_key(key).encode()).hexdigest()


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        # Its own words quote the statement with its values.
        raise reasons.DATABASE_UNAVAILABLE(cause=type(error).__name__) from None
