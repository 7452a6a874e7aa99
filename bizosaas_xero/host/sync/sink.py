"""Store records: one table per entity, and the cursor in the same transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from bizosaas_xero.host.plugins.validation import Unstorable
from bizosaas_xero.host.storage import tables
from bizosaas_xero.host.storage.database import Database, upsert
from bizosaas_xero.host.storage.leases import Lease
from bizosaas_xero.host.storage.models import EntityState, StoredConnection
from bizosaas_xero.host.sync import entity_tables
from bizosaas_xero.host.sync.events import Events
from bizosaas_xero.spec import Batch, EntityInfo, Recheck, Record, Reference, Rejected

CHUNK_ROWS = 500


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
            stored = _stored_digests(transaction, table.table, connection.organisation_id, list(newest))
            rows, removed, counts = self._classify(table, connection.organisation_id, newest, stored)
            if rows:
                self._derive_events(transaction, connection, table, rows, stored)
                _execute_many(transaction, _upsert_statement(self._database, table.table), rows)
            if removed:
                transaction.execute(_delete_statement(table.table), removed)
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
        return {str(value) for record in rows for value in entity_tables.iter_path(_decode(record), reference.by)}

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
        before = dict(_iter_columns(transaction, table.table, connection.organisation_id, known, "record"))
        self._events.record_changes(
            transaction,
            connection,
            info,
            (
                (
                    row["key"],
                    _decode(before[row["key"]]) if row["key"] in before else None,
                    _decode(row["record"]),
                )
                for row in rows
            ),
        )

    def count_rows(self, organisation_id: str, entity: str) -> int:
        """Count the records held of an entity, deleted ones not included."""
        statement = sa.text(
            f'SELECT count(*) FROM "{entity_tables.validate_identifier(entity)}"'  # noqa: S608 (a checked name)
            " WHERE organisation_id = :organisation_id AND deleted_at IS NULL"
        )
        with self._database.read_transaction() as transaction:
            if not sa.inspect(transaction).has_table(entity):
                return 0
            return int(transaction.execute(statement, {"organisation_id": organisation_id}).scalar_one())

    def iter_records(self, organisation_id: str, entity: str) -> Iterator[Any]:
        """Give the records held of an entity in their JSON form, deleted ones not included."""
        table = entity_tables.EntityTable.for_entity(entity, None).table
        c = table.c
        statement = sa.select(c.record).where(c.organisation_id == organisation_id, c.deleted_at.is_(None))
        with self._database.read_transaction() as transaction:
            if sa.inspect(transaction).has_table(entity):
                for record in transaction.execute(statement.execution_options(yield_per=1000)).scalars():
                    yield _decode(record)

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
            return [
                key for key, record in rows if entity_tables.get_path(_decode(record), recheck.field) == recheck.equals
            ]

    def _classify(
        self,
        table: entity_tables.EntityTable,
        organisation_id: str,
        newest: dict[str, Record],
        stored: dict[str, tuple[str, bool]],
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]], Counts]:
        """Tell what is new, changed, gone and the same."""
        now = tables.stamp(self._now())
        rows, removed = [], []
        new = 0
        for key, record in newest.items():
            digest, deleted = stored.get(key, ("", False))
            if record.op == "delete":
                if key in stored and not deleted:
                    removed.append({"of": organisation_id, "gone": key, "now": now})
                continue
            encoded = _encode(record.data)
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
            raw = None if item.raw is None else _encode(item.raw).decode()
            keys = {"organisation_id": organisation_id, "entity": batch.entity, "key": key}
            values = {"reason": item.reason, "raw": raw, "rejected_at": self._now()}
            upsert(self._database, transaction, tables.rejected, keys, values)


def _stored_digests(
    transaction: sa.Connection, table: sa.Table, organisation_id: str, keys: list[str]
) -> dict[str, tuple[str, bool]]:
    found = _iter_columns(transaction, table, organisation_id, keys, "digest", "deleted_at")
    return {key: (digest, deleted is not None) for key, digest, deleted in found}


def _iter_columns(
    transaction: sa.Connection, table: sa.Table, organisation_id: str, keys: list[str], *names: str
) -> Iterator[Any]:
    """Give the named columns of the rows of these keys, the key first."""
    columns_ = [table.c[name] for name in ("key", *names)]
    mine = sa.select(*columns_).where(table.c.organisation_id == organisation_id)
    for start in range(0, len(keys), CHUNK_ROWS):
        part = keys[start : start + CHUNK_ROWS]
        if transaction.dialect.name == "postgresql":
            # Key by key: of a table that it has not analysed yet, it would read every row for a long IN.
            wanted = sa.func.unnest(sa.literal(part, ARRAY(sa.Text))).table_valued("key").render_derived("wanted")
            found = mine.where(table.c.key == wanted.c.key).limit(1).lateral("found")
            statement = sa.select(found).select_from(wanted.join(found, sa.true()))
        else:
            statement = mine.where(table.c.key.in_(part))
        yield from map(tuple, transaction.execute(statement))


def _upsert_statement(database: Database, table: sa.Table) -> Any:
    statement = database.insert(table)
    stored_keys = {"organisation_id", "key", "first_seen", "deleted_at"}
    changed = {column.name: statement.excluded[column.name] for column in table.c if column.name not in stored_keys}
    return statement.on_conflict_do_update(
        index_elements=["organisation_id", "key"], set_=changed | {"deleted_at": sa.null()}
    )


def _execute_many(transaction: sa.Connection, statement: Any, rows: list[dict[str, Any]]) -> None:
    """Execute a statement for each of many rows, whose values the driver takes as they are.

    Going through each value of each row once more, as SQLAlchemy does, would cost as much as storing them.
    """
    compiled = statement.compile(dialect=transaction.dialect, column_keys=list(rows[0]))
    order = compiled.positiontup
    given = rows if order is None else list(map(itemgetter(*order), rows))
    transaction.exec_driver_sql(compiled.string, given)


def _delete_statement(table: sa.Table) -> sa.Update:
    c = table.c
    same = (c.organisation_id == sa.bindparam("of"), c.key == sa.bindparam("gone"))
    return sa.update(table).where(*same).values(deleted_at=sa.bindparam("now"), changed_at=sa.bindparam("now"))


def _content_key(item: Rejected) -> str:
    """Name a row without a key by its content, so that it is kept once however often it comes."""
    return "sha256:" + hashlib.sha256(_encode([item.reason, item.raw])).hexdigest()


def _encode(value: Any) -> bytes:
    """Write JSON as the contract has it: decimals as strings with all their digits, stamps with zone.

    Raises:
        Unstorable: The value is not JSON.
    """
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise Unstorable(f"a record is not JSON ({type(error).__name__})") from None


def _decode(record: str) -> Any:
    return msgspec.json.decode(record)
