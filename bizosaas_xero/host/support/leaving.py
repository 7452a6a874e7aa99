"""Export an organisation's records to files, and delete what is stored of it."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TextIO

import sqlalchemy as sa

from bizosaas_xero.host import reasons
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.storage import action_tables, people_tables
from bizosaas_xero.host.storage import tables as t
from bizosaas_xero.host.storage.database import Database
from bizosaas_xero.host.storage.paths import FILE_MODE, FOLDER_MODE
from bizosaas_xero.host.sync.entity_rows import decode_json
from bizosaas_xero.host.sync.entity_tables import EntityTable, get_path
from bizosaas_xero.host.text import escape_formula, make_visible
from bizosaas_xero.spec import EntityInfo

Format = Literal["jsonl", "csv"]

REJECTED = "rejected"
"""The name of the file of records that could not be read."""

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DATES = ("updated_at", "deleted_at")


def export_records(
    database: Database, connector: Connector, organisation_id: str, folder: Path, format_: Format
) -> dict[str, int]:
    """Write all records of an organisation, deleted ones too, into one file for each entity.

    ``jsonl``: one object a line, with ``key``, ``updated_at``, ``deleted_at`` and ``record``, exactly as it is stored.
    ``csv``: the published columns, safe to open in a spreadsheet. What could not be read is in ``rejected.jsonl``.

    Args:
        database: Where they are.
        connector: Says which entities there are.
        organisation_id: Whose.
        folder: A new or empty one; only its owner may read it.
        format_: Of the files.

    Returns:
        The rows of each file.

    Raises:
        Invalid: The folder is not empty.
        Misconfigured: It cannot be written.
    """
    counts = {}
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise reasons.EXPORT_NOT_EMPTY.field("folder", folder=folder)
        for info in _entities(connector):
            with _create(folder / f"{info.name}.{format_}") as file:
                write = _csv_writer(file, info) if format_ == "csv" else _line_writer(file)
                counts[info.name] = sum(map(write, _iter_rows(database, info, organisation_id)))
        with _create(folder / f"{REJECTED}.jsonl") as file:
            counts[REJECTED] = sum(map(_rejected_writer(file), _iter_rejected(database, organisation_id)))
    except OSError as error:
        raise reasons.BACKUP_UNWRITABLE(path=folder, cause=error.strerror) from None
    return counts


def delete_records(database: Database, connector: Connector, organisation_id: str) -> int:
    """Delete an organisation's records, events, plans, past syncs and counters, all or nothing; count the records.

    What was written, and the audit, stay: they keep a write from being done twice, and show who asked for it.
    """
    with database.write_transaction(durable=True) as transaction:
        deleted = 0
        for info in _entities(connector):
            if sa.inspect(transaction).has_table(info.name):
                table = EntityTable.for_entity(info.name, None).table
                deleted += transaction.execute(_of(table, organisation_id)).rowcount
        for table in (t.rejected, t.events, t.usage):
            transaction.execute(_of(table, organisation_id))
        for table in (
            action_tables.decisions,
            action_tables.plans,
            people_tables.runs,
            people_tables.announced,
            people_tables.notifications,
        ):
            connection_id = f"{connector.name}:{organisation_id}"
            transaction.execute(sa.delete(table).where(table.c.connection_id == connection_id))
    return deleted


def count_records(database: Database, connector: Connector, organisation_id: str) -> int:
    """Return how many records are stored of an organisation."""
    return sum(1 for info in _entities(connector) for _ in _iter_rows(database, info, organisation_id))


def _entities(connector: Connector) -> list[EntityInfo]:
    info = connector.describe()
    return info.entities if info else []


def _of(table: sa.Table, organisation_id: str) -> sa.Delete:
    return sa.delete(table).where(table.c.organisation_id == organisation_id)


def _iter_rows(database: Database, info: EntityInfo, organisation_id: str) -> Iterator[Any]:
    c = EntityTable.for_entity(info.name, None).table.c
    statement = sa.select(c.key, c.updated_at, c.deleted_at, c.record).where(c.organisation_id == organisation_id)
    with database.read_transaction() as transaction:
        if sa.inspect(transaction).has_table(info.name):
            yield from transaction.execute(statement.order_by(c.key).execution_options(yield_per=1000))


def _iter_rejected(database: Database, organisation_id: str) -> Iterator[Any]:
    c = t.rejected.c
    statement = sa.select(c.entity, c.key, c.reason, c.raw).where(c.organisation_id == organisation_id)
    with database.read_transaction() as transaction:
        yield from transaction.execute(statement.order_by(c.entity, c.key))


def _line_writer(file: TextIO) -> Callable[[Any], int]:
    def write(row: Any) -> int:
        head = _json({"key": row.key, "updated_at": row.updated_at, "deleted_at": row.deleted_at})
        file.write(f'{head[:-1]},"record":{row.record}}}\n')  # as it is stored, with all digits
        return 1

    return write


def _rejected_writer(file: TextIO) -> Callable[[Any], int]:
    def write(row: Any) -> int:
        head = _json({"entity": row.entity, "key": row.key, "reason": row.reason})
        file.write(f'{head[:-1]},"raw":{row.raw or "null"}}}\n')
        return 1

    return write


def _csv_writer(file: TextIO, info: EntityInfo) -> Callable[[Any], int]:
    writer = csv.writer(file)
    writer.writerow(["key", *info.columns, *_DATES])

    def write(row: Any) -> int:
        record = decode_json(row.record)
        values = (_cell(get_path(record, path)) for path in info.columns.values())
        writer.writerow([_cell(row.key), *values, row.updated_at, row.deleted_at])
        return 1

    return write


def _cell(value: Any) -> str:
    """Return a value as a cell: a number as it is, any other text so that it can do nothing in a spreadsheet."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else _json(value)
    return text if _NUMBER.fullmatch(text) else escape_formula(make_visible(text, lines=True))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _create(path: Path) -> TextIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "w", encoding="utf-8", newline="")
