"""The rows of an entity's table: find those of some keys, insert or change many, mark them deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from bizosaas_xero.host.plugins.validation import Unstorable
from bizosaas_xero.host.storage.database import Database

CHUNK_ROWS = 500
"""Keys of one query."""

_KEPT_COLUMNS = {"organisation_id", "key", "first_seen", "deleted_at"}


def iter_columns(
    database: Database, transaction: sa.Connection, table: sa.Table, organisation_id: str, keys: list[str], *names: str
) -> Iterator[Any]:
    """Give the named columns of the rows of these keys, the key first."""
    columns = [table.c[name] for name in ("key", *names)]
    mine = sa.select(*columns).where(table.c.organisation_id == organisation_id)
    for start in range(0, len(keys), CHUNK_ROWS):
        statement = database.dialect.find_by_keys(mine, table.c.key, keys[start : start + CHUNK_ROWS])
        yield from map(tuple, transaction.execute(statement))


def upsert_rows(database: Database, transaction: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows, or change those of the same keys; what was deleted is there again."""

    def change(inserted: Any) -> dict[str, Any]:
        changed = {column.name: inserted[column.name] for column in table.c if column.name not in _KEPT_COLUMNS}
        return changed | {"deleted_at": sa.null()}

    database.upsert_many(transaction, table, rows, change)


def mark_deleted(transaction: sa.Connection, table: sa.Table, organisation_id: str, keys: list[str], now: str) -> None:
    """Note since when records are gone; their rows stay."""
    c = table.c
    gone = sa.update(table).where(c.organisation_id == organisation_id, c.key == sa.bindparam("gone"))
    transaction.execute(gone.values(deleted_at=now, changed_at=now), [{"gone": key} for key in keys])


def encode_json(value: Any) -> bytes:
    """Write JSON as the contract has it: decimals as strings with all their digits, stamps in ISO form.

    What the contract does not allow and has a JSON form nevertheless is written in that form: a float that is no
    number as ``null``, a set as a list, bytes as Base64, a stamp without a zone as it is.

    Raises:
        Unstorable: The value has no JSON form.
    """
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise Unstorable(f"a record is not JSON ({type(error).__name__})") from None


def decode_json(record: str) -> Any:
    """Read what :func:`encode_json` wrote."""
    return msgspec.json.decode(record)
