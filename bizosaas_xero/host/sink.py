"""Store records: one table per entity, and the cursor in the same transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from bizosaas_xero.host import columns, tables
from bizosaas_xero.host.database import Database, put
from bizosaas_xero.host.store import StoredConnection
from bizosaas_xero.spec import Batch, EntityInfo, Recheck, Record, Rejected

CHUNK = 500


@dataclass(frozen=True)
class Counts:
    """What a batch did to the tables."""

    new: int = 0
    changed: int = 0
    deleted: int = 0
    same: int = 0
    rejected: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


class Sink:
    """Tables named as the entities, in the database of the store.

    Args:
        database: Where.
        now: The clock, for ``first_seen``, ``changed_at`` and ``deleted_at``.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._tables: dict[str, columns.EntityTable] = {}

    def prepare(self, entity: str, info: EntityInfo | None) -> None:
        """Make the entity's table, or give it the columns that it lacks.

        Raises:
            Misconfigured: if a name that the connector publishes cannot be a table's or a column's.
        """
        wanted = columns.EntityTable.of(entity, info)
        if self._tables.get(entity) != wanted:
            with self._database.shaping() as connection:
                wanted.migrate(connection)
            self._tables[entity] = wanted

    def write(self, connection: StoredConnection, batch: Batch) -> Counts:
        """Store a batch's records and its cursor, all or nothing. Call ``prepare`` first.

        Rows equal to what is held are skipped. A deleted record keeps its row, with ``deleted_at`` set.
        """
        table = self._tables[batch.entity]
        newest = {record.key: record for record in batch.records}
        with self._database.writing() as transaction:
            held = _held(transaction, table.table, connection.organisation_id, list(newest))
            rows, removed, counts = self._sort(table, connection.organisation_id, newest, held)
            if rows:
                transaction.execute(_upsert(self._database, table.table), rows)
            if removed:
                transaction.execute(_delete(table.table), removed)
            self._reject(transaction, connection.organisation_id, batch, set(newest))
            keys = {"connection_id": connection.id, "entity": batch.entity}
            put(self._database, transaction, tables.entities, keys, {"cursor": batch.cursor})
        return counts + Counts(same=len(batch.records) - len(newest), rejected=len(batch.rejected))

    def rows(self, organisation_id: str, entity: str) -> int:
        """Count the records held of an entity, deleted ones not included."""
        statement = sa.text(
            f'SELECT count(*) FROM "{columns.checked(entity)}"'  # noqa: S608 (a checked name)
            " WHERE organisation_id = :organisation_id AND deleted_at IS NULL"
        )
        with self._database.reading() as connection:
            if not sa.inspect(connection).has_table(entity):
                return 0
            return int(connection.execute(statement, {"organisation_id": organisation_id}).scalar_one())

    def rejected(self, organisation_id: str, entity: str) -> int:
        """Count the records of an entity that could not be read and have not come in a good form since."""
        c = tables.rejected.c
        statement = sa.select(sa.func.count()).where(c.organisation_id == organisation_id, c.entity == entity)
        with self._database.reading() as connection:
            return int(connection.execute(statement).scalar_one())

    def matching(self, organisation_id: str, entity: str, recheck: Recheck) -> list[str]:
        """Return the keys of the records held whose field equals what ``recheck`` asks for."""
        planned = self._tables[entity]
        c = planned.table.c
        statement = sa.select(c.key, c.record).where(
            c.organisation_id == organisation_id, c.deleted_at.is_(None)
        )
        for name, path in planned.paths.items():
            if path == recheck.field:  # let the database find them
                statement = statement.where(c[name] == recheck.equals)
        with self._database.reading() as connection:
            rows = connection.execute(statement.execution_options(yield_per=1000))
            return [
                key for key, record in rows if columns.at(_decode(record), recheck.field) == recheck.equals
            ]

    def _sort(
        self,
        table: columns.EntityTable,
        organisation_id: str,
        newest: dict[str, Record],
        held: dict[str, tuple[str, bool]],
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]], Counts]:
        """Tell what is new, changed, gone and the same."""
        now = tables.stamp(self._now())
        rows, removed = [], []
        new = 0
        for key, record in newest.items():
            digest, deleted = held.get(key, ("", False))
            if record.op == "delete":
                if key in held and not deleted:
                    removed.append({"of": organisation_id, "gone": key, "now": now})
                continue
            encoded = _encode(record.data)
            fingerprint = hashlib.blake2b(encoded, digest_size=16).hexdigest()
            if fingerprint == digest and not deleted:
                continue
            new += key not in held
            rows.append(
                table.values(record.data)
                | {
                    "organisation_id": organisation_id,
                    "key": key,
                    "record": encoded.decode(),
                    "digest": fingerprint,
                    "updated_at": record.updated_at and tables.stamp(record.updated_at),
                    "first_seen": now,
                    "changed_at": now,
                }
            )
        changed = len(rows) - new
        same = len(newest) - len(rows) - len(removed)
        return rows, removed, Counts(new=new, changed=changed, deleted=len(removed), same=same)

    def _reject(
        self, transaction: sa.Connection, organisation_id: str, batch: Batch, accepted: set[str]
    ) -> None:
        c = tables.rejected.c
        mine = sa.and_(c.organisation_id == organisation_id, c.entity == batch.entity)
        kept = set(transaction.execute(sa.select(c.key).where(mine)).scalars())
        for key in kept & accepted:
            transaction.execute(sa.delete(tables.rejected).where(mine, c.key == key))
        for item in batch.rejected:
            key = item.key or _nameless(item)
            if key in accepted:
                continue
            raw = None if item.raw is None else _encode(item.raw).decode()
            keys = {"organisation_id": organisation_id, "entity": batch.entity, "key": key}
            values = {"reason": item.reason, "raw": raw, "rejected_at": self._now()}
            put(self._database, transaction, tables.rejected, keys, values)


def _held(
    transaction: sa.Connection, table: sa.Table, organisation_id: str, keys: list[str]
) -> dict[str, tuple[str, bool]]:
    c = table.c
    statement = sa.select(c.key, c.digest, c.deleted_at.is_not(None)).where(
        c.organisation_id == organisation_id
    )
    found: dict[str, tuple[str, bool]] = {}
    for start in range(0, len(keys), CHUNK):
        rows = transaction.execute(statement.where(c.key.in_(keys[start : start + CHUNK])))
        found |= {key: (digest, bool(deleted)) for key, digest, deleted in rows}
    return found


def _upsert(database: Database, table: sa.Table) -> Any:
    statement = database.insert(table)
    kept = {"organisation_id", "key", "first_seen", "deleted_at"}
    changed = {column.name: statement.excluded[column.name] for column in table.c if column.name not in kept}
    return statement.on_conflict_do_update(
        index_elements=["organisation_id", "key"], set_=changed | {"deleted_at": sa.null()}
    )


def _delete(table: sa.Table) -> sa.Update:
    c = table.c
    same = (c.organisation_id == sa.bindparam("of"), c.key == sa.bindparam("gone"))
    return (
        sa.update(table).where(*same).values(deleted_at=sa.bindparam("now"), changed_at=sa.bindparam("now"))
    )


def _nameless(item: Rejected) -> str:
    """Name a row without a key by its content, so that it is kept once however often it comes."""
    return "sha256:" + hashlib.sha256(_encode([item.reason, item.raw])).hexdigest()


def _encode(value: Any) -> bytes:
    """Write JSON as the contract has it: decimals as strings with all their digits, stamps with zone."""
    return msgspec.json.encode(value)


def _decode(record: str) -> Any:
    return msgspec.json.decode(record)
