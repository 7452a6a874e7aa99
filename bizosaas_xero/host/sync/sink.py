"""Store records: one table per entity, and the cursor in the same transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bizosaas_xero.host.storage import tables
from bizosaas_xero.host.storage.database import Database, upsert
from bizosaas_xero.host.storage.leases import Lease
from bizosaas_xero.host.storage.models import EntityState, StoredConnection
from bizosaas_xero.host.sync import entity_tables
from bizosaas_xero.host.sync.entity_rows import decode_json, encode_json, iter_columns, mark_deleted, upsert_rows
from bizosaas_xero.host.sync.events import Events
from bizosaas_xero.spec import Batch, EntityInfo, Recheck, Record, Reference, Rejected


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
        events: Derives what happened from the rows that change.
        now: The clock, for ``first_seen``, ``changed_at`` and ``deleted_at``.
    """

    def __init__(self, database: Database, events: Events, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._events = events
        self._now = now
        self._tables: dict[str, entity_tables.EntityTable] = {}
        self._infos: dict[str, EntityInfo] = {}

    def prepare(self, entity: str, info: EntityInfo | None) -> None:
        """Make the entity's table, or give it the columns that it lacks.

        Raises:
            Misconfigured: if a name that the connector publishes cannot be a table's or a column's.
        """
        wanted = entity_tables.EntityTable.for_entity(entity, info)
        if self._tables.get(entity) != wanted:
            with self._database.schema_transaction() as transaction:
                wanted.migrate(transaction)
            self._tables[entity] = wanted
        if info is not None:
            self._infos[entity] = info

    def write(self, connection: StoredConnection, batch: Batch, lease: Lease | None = None) -> Counts:
        """Store a batch's records, its cursor and what happened, all or nothing. Call ``prepare`` first.

        Rows equal to what is held are skipped. A deleted record keeps its row, with ``deleted_at`` set.

        Raises:
            Unavailable: if the ``lease`` under which the batch was read is lost; nothing is stored then.
            Unstorable: if a record is not JSON; nothing is stored.
        """
        table = self._tables[batch.entity]
        newest = {record.key: record for record in batch.records}
        with self._database.write_transaction() as transaction:
            if lease is not None:
                lease.renew(transaction)
            found = self._iter_stored(transaction, connection, table, list(newest), "digest", "deleted_at")
            stored = {key: (digest, deleted is not None) for key, digest, deleted in found}
            rows, removed, counts = self._classify(table, connection.organisation_id, newest, stored)
            if rows:
                self._derive_events(transaction, connection, table, rows, stored)
                upsert_rows(self._database, transaction, table.table, rows)
            if removed:
                now = tables.stamp(self._now())
                mark_deleted(transaction, table.table, connection.organisation_id, removed, now)
            self._request_unknown_references(
                transaction, connection, batch.entity, [newest[row["key"]] for row in rows]
            )
            self._save_rejected(transaction, connection.organisation_id, batch, set(newest))
            keys = {"connection_id": connection.id, "entity": batch.entity}
            upsert(self._database, transaction, tables.entities, keys, {"cursor": batch.cursor})
        return counts + Counts(same=len(batch.records) - len(newest), rejected=len(batch.rejected))

    def emit_date_events(self, connection: StoredConnection, entity: str) -> None:
        """Tell what only the passing of days brings. Call it after a whole read."""
        info = self._infos.get(entity)
        if info is not None:
            self._events.advance_day(connection, info, self._tables[entity])

    def emit_recovery(self, connection: StoredConnection, state: EntityState) -> None:
        """Emit the event that an entity syncs again after a problem that seemed to need a person."""
        self._events.record_recovery(connection, state)

    def _request_unknown_references(
        self, transaction: sa.Connection, connection: StoredConnection, entity: str, changed: list[Record]
    ) -> None:
        """Make an entity due at once of which new or changed records name a record that is not stored."""
        info = self._infos.get(entity)
        for reference in info.references if info and changed else ():
            values = {
                value
                for record in changed
                for value in entity_tables.iter_path(record.data, reference.path)
                if isinstance(value, str)
            }
            stored = values and self._stored_values(transaction, connection, reference)
            if stored is not None and not values <= set(stored):
                c = tables.entities.c
                due = sa.update(tables.entities).where(
                    c.connection_id == connection.id, c.entity == reference.entity, c.next_due > self._now()
                )
                transaction.execute(due.values(next_due=self._now()))

    def _stored_values(
        self, transaction: sa.Connection, connection: StoredConnection, reference: Reference
    ) -> set[str] | None:
        """Return the values by which stored records can be named; ``None`` if that entity was never synced."""
        c = tables.entities.c
        mine = (c.connection_id == connection.id, c.entity == reference.entity, c.last_success.is_not(None))
        if transaction.execute(sa.select(c.entity).where(*mine)).one_or_none() is None:
            return None
        table = entity_tables.EntityTable.for_entity(reference.entity, None).table
        records = sa.select(table.c.record).where(
            table.c.organisation_id == connection.organisation_id, table.c.deleted_at.is_(None)
        )
        rows = transaction.execute(records).scalars()
        return {str(value) for record in rows for value in entity_tables.iter_path(decode_json(record), reference.by)}

    def _derive_events(
        self,
        transaction: sa.Connection,
        connection: StoredConnection,
        table: entity_tables.EntityTable,
        rows: list[dict[str, Any]],
        stored: dict[str, tuple[str, bool]],
    ) -> None:
        info = self._infos.get(table.name)
        if info is None or not info.events:
            return
        known = [row["key"] for row in rows if row["key"] in stored]
        before = dict(self._iter_stored(transaction, connection, table, known, "record"))
        changes = (
            (key := row["key"], decode_json(before[key]) if key in before else None, decode_json(row["record"]))
            for row in rows
        )
        self._events.record_changes(transaction, connection, info, changes)

    def _iter_stored(
        self,
        transaction: sa.Connection,
        connection: StoredConnection,
        table: entity_tables.EntityTable,
        keys: list[str],
        *names: str,
    ) -> Iterator[Any]:
        return iter_columns(self._database, transaction, table.table, connection.organisation_id, keys, *names)

    def forget_rejected(self, organisation_id: str, entity: str, *, before: datetime) -> None:
        """Forget rejected rows that a read of every record has not met again: they are gone, or had no readable key."""
        c = tables.rejected.c
        old = sa.delete(tables.rejected).where(
            c.organisation_id == organisation_id, c.entity == entity, c.rejected_at < before
        )
        with self._database.write_transaction() as transaction:
            transaction.execute(old)

    def count_rows(self, organisation_id: str, entity: str) -> int:
        """Count the records held of an entity, deleted ones not included."""
        table = entity_tables.EntityTable.for_entity(entity, None).table
        mine = (table.c.organisation_id == organisation_id, table.c.deleted_at.is_(None))
        with self._database.read_transaction() as transaction:
            if not sa.inspect(transaction).has_table(entity):
                return 0
            return int(transaction.execute(sa.select(sa.func.count()).select_from(table).where(*mine)).scalar_one())

    def iter_records(self, organisation_id: str, entity: str) -> Iterator[Any]:
        """Give the records held of an entity in their JSON form, deleted ones not included."""
        table = entity_tables.EntityTable.for_entity(entity, None).table
        c = table.c
        statement = sa.select(c.record).where(c.organisation_id == organisation_id, c.deleted_at.is_(None))
        with self._database.read_transaction() as transaction:
            if sa.inspect(transaction).has_table(entity):
                for record in transaction.execute(statement.execution_options(yield_per=1000)).scalars():
                    yield decode_json(record)

    def count_rejected(self, organisation_id: str, entity: str) -> int:
        """Count the records of an entity that could not be read and have not come in a good form since."""
        c = tables.rejected.c
        statement = sa.select(sa.func.count()).where(c.organisation_id == organisation_id, c.entity == entity)
        with self._database.read_transaction() as transaction:
            return int(transaction.execute(statement).scalar_one())

    def list_keys_matching(self, organisation_id: str, entity: str, recheck: Recheck) -> list[str]:
        """Return the keys of the records held whose field equals what ``recheck`` asks for."""
        planned = self._tables[entity]
        c = planned.table.c
        statement = sa.select(c.key, c.record).where(c.organisation_id == organisation_id, c.deleted_at.is_(None))
        for name, path in planned.paths.items():
            if path == recheck.field:  # let the database find them
                statement = statement.where(c[name] == recheck.equals)
        with self._database.read_transaction() as transaction:
            rows = transaction.execute(statement.execution_options(yield_per=1000))
            found = ((key, entity_tables.get_path(decode_json(record), recheck.field)) for key, record in rows)
            return [key for key, value in found if value == recheck.equals]

    def _classify(
        self,
        table: entity_tables.EntityTable,
        organisation_id: str,
        newest: dict[str, Record],
        stored: dict[str, tuple[str, bool]],
    ) -> tuple[list[dict[str, Any]], list[str], Counts]:
        """Tell what is new, changed, gone and the same."""
        now = tables.stamp(self._now())
        rows, removed = [], []
        new = 0
        for key, record in newest.items():
            digest, deleted = stored.get(key, ("", False))
            if record.op == "delete":
                if key in stored and not deleted:
                    removed.append(key)
                continue
            encoded = encode_json(record.data)
            fingerprint = hashlib.blake2b(encoded, digest_size=16).hexdigest()
            if fingerprint == digest and not deleted:
                continue
            new += key not in stored
            row = table.values(record.data)
            row |= {
                "organisation_id": organisation_id,
                "key": key,
                "record": encoded.decode(),
                "digest": fingerprint,
                "updated_at": record.updated_at and tables.stamp(record.updated_at),
                "first_seen": now,
                "changed_at": now,
            }
            rows.append(row)
        changed = len(rows) - new
        same = len(newest) - len(rows) - len(removed)
        return rows, removed, Counts(new=new, changed=changed, deleted=len(removed), same=same)

    def _save_rejected(
        self, transaction: sa.Connection, organisation_id: str, batch: Batch, accepted: set[str]
    ) -> None:
        c = tables.rejected.c
        mine = sa.and_(c.organisation_id == organisation_id, c.entity == batch.entity)
        stored_keys = set(transaction.execute(sa.select(c.key).where(mine)).scalars())
        for key in stored_keys & accepted:
            transaction.execute(sa.delete(tables.rejected).where(mine, c.key == key))
        for item in batch.rejected:
            key = item.key or _content_key(item)
            if key in accepted:
                continue
            raw = None if item.raw is None else encode_json(item.raw).decode()
            keys = {"organisation_id": organisation_id, "entity": batch.entity, "key": key}
            values = {"reason": item.reason, "raw": raw, "rejected_at": self._now()}
            upsert(self._database, transaction, tables.rejected, keys, values)


def _content_key(item: Rejected) -> str:
    """Name a row without a key by its content, so that it is kept once however often it comes."""
    return "sha256:" + hashlib.sha256(encode_json([item.reason, item.raw])).hexdigest()
