"""Small encrypted values of the platform around a host: entered apps, positions of consumers, agents' addresses."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from bizosaas_xero.host.storage.database import Database, upsert
from bizosaas_xero.host.storage.note_tables import NOTES
from bizosaas_xero.host.storage.store import Store


class Notes:
    """Small encrypted values by name, in the host's own database.

    Args:
        database: The host's.
        store: Encrypts.
    """

    def __init__(self, database: Database, store: Store) -> None:
        self._database = database
        self._store = store
        with database.schema_transaction() as transaction:
            if not sa.inspect(transaction).has_table(NOTES.name):
                NOTES.create(transaction)

    def get(self, name: str) -> dict[str, Any] | None:
        """Return a value; ``None`` if there is none."""
        with self._database.read_transaction() as transaction:
            found = transaction.execute(sa.select(NOTES.c.payload).where(NOTES.c.name == name)).scalar_one_or_none()
        return None if found is None else dict(json.loads(self._store.decrypt(found)))

    def put(self, name: str, value: dict[str, Any]) -> None:
        """Keep a value; the one before is replaced."""
        values = {"payload": self._store.encrypt(json.dumps(value)), "changed_at": datetime.now(UTC)}
        with self._database.write_transaction(durable=True) as transaction:
            upsert(self._database, transaction, NOTES, {"name": name}, values)

    def take(self, name: str) -> dict[str, Any] | None:
        """Return a value and delete it: of two who ask at once, one gets it."""
        statement = sa.delete(NOTES).where(NOTES.c.name == name).returning(NOTES.c.payload)
        with self._database.write_transaction(durable=True) as transaction:
            found = transaction.execute(statement).scalar_one_or_none()
        return None if found is None else dict(json.loads(self._store.decrypt(found)))

    def names(self, prefix: str) -> list[str]:
        """Return the names that begin so."""
        with self._database.read_transaction() as transaction:
            found = transaction.execute(sa.select(NOTES.c.name).order_by(NOTES.c.name)).scalars()
            return [name for name in found if name.startswith(prefix)]
